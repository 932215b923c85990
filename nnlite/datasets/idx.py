"""Images in IDX files, the format of MNIST.

An IDX file is a header and the elements, nothing else. All integers are big-endian:

    offset  size    content
    0       2       zero
    2       1       type of the elements, 0x08 for unsigned bytes (the only one read here)
    3       1       number of dimensions n
    4       4 n     the sizes
    4+4n    product of the sizes, one byte each, last dimension fastest

Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import io
import math
import os
import zlib

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import DatasetError, reported_as
from nnlite.files.whole_files import MAX_BYTES, read_file

Bytes = npt.NDArray[np.uint8]

UNSIGNED_BYTE = 0x08
MAX_DIMENSIONS = 4
PIECE = 2**20  # bytes to unzip at a time


def load_idx(path: str | os.PathLike[str], dimensions: int | None = None) -> Bytes:
    """Return the array of one IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : path
        Gzip is recognised by its first two bytes, not by the name.
    dimensions : int, optional
        The expected number: 3 for images, 1 for labels.

    Raises
    ------
    DatasetError
        The file cannot be read, is no IDX file of bytes, has other dimensions, or has more or fewer bytes than its sizes promise.
    """
    with reported_as(DatasetError, str(path), DatasetError), reported_as(DatasetError, "expected a readable IDX file", OSError):
        return parse_idx(read_file(path), dimensions)


@reported_as(DatasetError, "expected a readable IDX file, gzipped or not", OSError, EOFError, zlib.error)
def parse_idx(data: bytes, dimensions: int | None = None) -> Bytes:
    """Return the array of an IDX file's bytes, as `load_idx` does for a file.

    It unzips at most the bytes that the header promises, and never more than 1 GiB: a small gzip could become huge.
    """
    with gzip.open(io.BytesIO(data)) if data.startswith(b"\x1f\x8b") else io.BytesIO(data) as file:
        return _read_idx(file, dimensions)


def _read_idx(file: io.BufferedIOBase, dimensions: int | None) -> Bytes:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DatasetError(f"expected an IDX file, with two zero bytes first, received {start.hex(' ')!r}")
    if start[2] != UNSIGNED_BYTE:
        raise DatasetError(f"expected elements of type 0x08 (unsigned bytes), received type 0x{start[2]:02x}")
    n = start[3]
    if n != (dimensions or n) or not 1 <= n <= MAX_DIMENSIONS:
        raise DatasetError(f"expected {dimensions or f'1 to {MAX_DIMENSIONS}'} dimension(s), received {n}")
    sizes = file.read(4 * n)
    if len(sizes) < 4 * n:
        raise DatasetError(f"expected a header of {4 + 4 * n} bytes, received a file of {4 + len(sizes)}")
    shape = tuple(int.from_bytes(sizes[4 * i : 4 * i + 4], "big") for i in range(n))
    promised = f"expected {' × '.join(map(str, shape))} = {math.prod(shape)} bytes after the header"
    if math.prod(shape) > MAX_BYTES:
        raise DatasetError(f"{promised}, received sizes above the limit of {MAX_BYTES} bytes")
    elements = bytearray()
    while len(elements) <= math.prod(shape) and (piece := file.read(PIECE)):
        elements += piece
    if len(elements) != math.prod(shape):
        cut_short, too_long = f"{len(elements)}: the file is cut short", "more: the file is too long, or its sizes are wrong"
        raise DatasetError(f"{promised}, received {cut_short if len(elements) < math.prod(shape) else too_long}")
    with reported_as(DatasetError, f"{promised}, received sizes that no array can have", ValueError):  # 0 × ..., beyond counting
        return np.array(np.frombuffer(elements, np.uint8).reshape(shape))  # a copy owns its memory
