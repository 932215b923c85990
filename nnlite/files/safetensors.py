"""Arrays in a file, by name: write and read the safetensors format with json and NumPy alone.

    offset  size    content
    0       8       n, length of the header in bytes, unsigned, little-endian
    8       n       the header: JSON in UTF-8, beginning with "{", padded with spaces to a multiple of 8
    8+n     rest    the buffer: the elements of all arrays, little-endian, in C order, one array after the other without a gap

The header maps each name to {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}; the offsets count from the start of
the buffer. If there is an entry "__metadata__", it is an object of strings. Nothing in such a file can be executed, and the reader
checks every field before it allocates memory. So files from strangers are safe to read.

Format: https://huggingface.co/docs/safetensors
"""

import json
import math
import os
from typing import Any

import numpy as np

from nnlite.arrays import Array, expect
from nnlite.files.errors import FormatError, reported_as
from nnlite.files.whole_files import read_file, write_atomically

DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16, "U32": np.uint32, "I32": np.int32,
    "U64": np.uint64, "I64": np.int64, "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
MAX_HEADER = 10_000_000  # bytes, enough for 100,000 arrays; as JSON they take up to 30 times the memory
MAX_BYTES = 2**34  # 16 GiB


def write(path: str | os.PathLike[str], arrays: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Write the arrays, in their order, and the metadata. Afterwards `path` is the whole new file or, after an error, the old one.

    Raises
    ------
    ValueError
        The format cannot hold them, see `dumps`.
    OSError
        The file cannot be written.
    """
    write_atomically(path, dumps(arrays, metadata))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays and the metadata of a file; FormatError if it is not valid, OSError if it cannot be read."""
    with reported_as(FormatError, str(path), FormatError):
        return loads(read_file(path, MAX_BYTES))


def read_as(path: str | os.PathLike[str], format_: str) -> dict[str, Array]:
    """Return the arrays of a file whose metadata name this format; ValueError if they name another, else as `read`."""
    arrays, metadata = read(path)
    expect(metadata.get("format") == format_, f"expected the format {format_!r}, received {metadata.get('format')!r}")
    return arrays


def dumps(arrays: dict[str, Array], metadata: dict[str, str] | None = None) -> bytes:
    """Return the file's bytes.

    Raises
    ------
    ValueError
        An array has a dtype that is not in DTYPES or the name "__metadata__", the metadata are not strings, or names, shapes and
        metadata together take more than 10 MB: `read` refuses such a header.
    """
    if metadata is not None and not all(isinstance(value, str) for pair in metadata.items() for value in pair):
        raise ValueError(f"safetensors expects metadata of strings, received {metadata}")
    if "__metadata__" in arrays:
        raise ValueError("safetensors expects other names than '__metadata__', received an array of this name: rename it")
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    buffers, end = [], 0
    for name, array in arrays.items():
        native = array.dtype.newbyteorder("=")
        if native not in NAMES:
            raise ValueError(f"safetensors expects a dtype of {sorted(DTYPES)}, received {array.dtype} for {name!r}")
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        begin, end = end, end + len(data)
        header[name] = {"dtype": NAMES[native], "shape": list(array.shape), "data_offsets": [begin, end]}
        buffers.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        received = f"received names, shapes and metadata of {len(text)}: write several files"
        raise ValueError(f"safetensors expects a header of at most {MAX_HEADER} bytes, {received}")
    return b"".join([len(text).to_bytes(8, "little"), text, *buffers])


def loads(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays (writable copies) and the metadata of a file's bytes; FormatError if they are not valid."""
    if len(data) < 8:
        raise FormatError(f"expected a safetensors file, which begins with 8 bytes of length, received {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    most = min(len(data) - 8, MAX_HEADER)
    if length > most:
        raise FormatError(f"expected a safetensors file, with a header of at most {most} bytes, received length {length}")
    header = _parse_header(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError("expected __metadata__ to map strings to strings, received other values")
    buffer = memoryview(data)[8 + length :]
    arrays = {name: _view(name, entry, buffer) for name, entry in header.items()}
    position = 0  # the arrays must fill the buffer exactly, without gaps or overlaps
    for begin, end in sorted(entry["data_offsets"] for entry in header.values()):
        if begin != position:
            raise FormatError(f"expected the arrays one after the other, received one at {begin}, the last ended at {position}")
        position = end
    if position != len(buffer):
        raise FormatError(f"expected a buffer of {position} bytes, received {len(buffer)}")
    return {name: array.copy() for name, array in arrays.items()}, metadata


def _parse_header(text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise FormatError("expected each name once, received a header with a duplicate")
        return dict(pairs)

    if not text.startswith(b"{"):
        raise FormatError(f"expected a safetensors file, with a header from '{{' on, received bytes {text[:8].hex(' ')!r}")
    # No UTF-8, no JSON, an endless number, or nested too deeply:
    with reported_as(FormatError, "expected a header in JSON", ValueError, RecursionError):
        return dict(json.loads(text.decode("utf-8"), object_pairs_hook=unique))


def _view(name: str, entry: Any, buffer: memoryview) -> Array:
    """Return the array of a header entry, as a view of the buffer."""

    def sizes(value: Any) -> bool:
        return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**63 for size in value)

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{name!r}: expected dtype, shape and data_offsets, received {str(entry)[:80]}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError(f"{name!r}: expected a dtype of {sorted(DTYPES)}, received {str(dtype)[:80]!r}")
    if not sizes(shape) or not sizes(offsets) or len(shape) > 32 or len(offsets) != 2:
        raise FormatError(f"{name!r}: expected shape and data_offsets as lists of sizes, received {str(entry)[:80]}")
    begin, end = offsets
    element = np.dtype(DTYPES[dtype]).newbyteorder("<")
    if not begin <= end <= len(buffer) or end - begin != math.prod(shape) * element.itemsize:
        expected = f"expected {math.prod(shape)} elements of {element.itemsize} bytes inside a buffer of {len(buffer)}"
        raise FormatError(f"{name!r}: {expected}, received offsets {offsets}")
    # A ValueError: no elements, but NumPy cannot count the product of the sizes.
    with reported_as(FormatError, f"{name!r}: expected a shape that an array can have", ValueError):
        array: Array = np.frombuffer(buffer[begin:end], element).reshape(shape)
    if dtype == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise FormatError(f"{name!r}: expected the bytes 0 and 1 for BOOL, received others")
    return np.asarray(array, DTYPES[dtype])
