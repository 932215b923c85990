"""The frame around a picture's bytes: their format, the picture's size, and a checksum.

::

    offset  size   field
         0     2   magic number CE6, 12 bits | format, 4 bits: 1 digits, 7 photograph, 8 lossless
         2     4   checksum: CRC-32 of the model's hash, of the bytes before and of all the bytes behind
         6   1-5   the format's first number; each format has its own numbers
           ...
           ...     payload

Digits have two bytes of their own before the checksum, see `nnlite.codec.container`. All these are big-endian. Each number is
LEB128: seven bits a byte, the lowest first, the top bit set in all bytes but the last; only the shortest form is valid. Every
change gets a format number of its own; 2 and 5 were earlier photographs, 3, 4 and 6 were earlier lossless.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import CodecError

MAGIC = 0xCE6
DIGITS, PHOTOGRAPH, LOSSLESS = 1, 7, 8
STARTS = {DIGITS: 4}  # bytes before the checksum
VARINT_BYTES = 5


def pack(format_: int, numbers: Sequence[int], payload: bytes, model_hash: bytes = b"", more: bytes = b"") -> bytes:
    """Return the file: magic number, the format's own bytes, checksum, the numbers (each from 0 to 2^35 − 1) and the payload."""
    start, rest = (MAGIC << 4 | format_).to_bytes(2, "big") + more, b"".join(map(write_varint, numbers)) + payload
    return start + _checksum(model_hash, start, rest) + rest


def format_of(data: bytes) -> int | None:
    """Return the number of the format of a file, or None if it is not one of ours."""
    magic = int.from_bytes(data[:2], "big")
    return magic & 15 if magic >> 4 == MAGIC else None


def parse(data: bytes, format_: int, count: int, model_hash: bytes = b"") -> tuple[list[int], bytes]:
    """Take a file apart; check that it is whole and that this model made it.

    Parameters
    ----------
    data : bytes
        The file.
    format_ : int
        As given to `pack`.
    count : int
        How many numbers the format has.
    model_hash : bytes
        As given to `pack`.

    Returns
    -------
    list of int, bytes
        The numbers, and the payload.

    Raises
    ------
    CodecError
        If the file is of another format, cut short, damaged, or made with another model.
    """
    numbers, position = read_numbers(data, format_, count)
    start = STARTS.get(format_, 2)
    expected, received = data[start : start + 4], _checksum(model_hash, data[:start], data[start + 4 :])
    if received != expected:
        causes = "the file is damaged or cut short, or was made with another model"
        raise CodecError(f"expected the checksum {expected.hex()}, received {received.hex()}: {causes}")
    return numbers, data[position:]


def read_numbers(data: bytes, format_: int, count: int) -> tuple[list[int], int]:
    """Return a file's numbers and the offset of its payload; do not check the checksum. CodecError as `parse`."""
    if (received := format_of(data)) is None:
        raise CodecError(f"expected a file that starts with {MAGIC:X}, received {data[:2].hex()!r}: compress writes such files")
    if received != format_:
        expected = f"expected format {format_} of {DIGITS}, {PHOTOGRAPH} and {LOSSLESS}, received format {received}"
        raise CodecError(f"{expected}: read the file with the codec, or the nnlite, that made it")
    numbers, position = [], STARTS.get(format_, 2) + 4
    for _ in range(count):
        number, position = read_varint(data, position)
        numbers.append(number)
    return numbers, position


def check_size(sizes: Sequence[int], pixels: int, pictures: int, side: int, way_out: str = "the file is damaged") -> None:
    """Raise CodecError if so many pictures, of so many rows and columns, are more than a file may hold.

    Few bytes must not ask for much memory.
    """
    count, height, width = sizes
    received = f"received {count} of {height} × {width}: {way_out}"
    if min(sizes) < 1:
        raise CodecError(f"expected one picture or more of one pixel or more, {received}")
    if count * height * width > pixels or count > pictures or max(height, width) > side:
        raise CodecError(f"expected at most {pixels} pixels, {side} rows and columns, and a count of {pictures}, {received}")


def as_batch(pictures: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return a picture or a batch of them as (N, height, width, planes), 1 or 3 planes; CodecError if they are none.

    Three dimensions of which the last is 3 are a picture in colours.
    """
    images = np.asarray(pictures)
    if images.dtype != np.uint8:
        raise CodecError(f"expected pictures of uint8, received {images.dtype}: round them, floats in [0, 1] times 255")
    images = images[None] if images.ndim == 2 or (images.ndim == 3 and images.shape[2] == 3) else images
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.size == 0:
        expected = "a picture (height, width) or (height, width, 3), or a batch (N, height, width) or (N, height, width, 3)"
        raise CodecError(f"expected {expected}, received {np.shape(pictures)}")
    return images


def _checksum(model_hash: bytes, start: bytes, rest: bytes) -> bytes:
    return zlib.crc32(rest, zlib.crc32(start, zlib.crc32(model_hash))).to_bytes(4, "big")


def write_varint(number: int) -> bytes:
    """Return a number ≥ 0 in LEB128."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + write_varint(number >> 7)


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return the number that starts there and the offset behind it; CodecError unless it is whole and in its shortest form."""
    number = 0
    for i, byte in enumerate(data[start : start + VARINT_BYTES]):
        number |= (byte & 127) << 7 * i
        if byte < 128:
            if byte == 0 and i > 0:
                raise CodecError(f"expected the shortest form of {number}, received {i + 1} bytes: the file is damaged")
            return number, start + i + 1
    if len(data) < start + VARINT_BYTES:
        raise CodecError(f"expected a header, received the first {len(data)} bytes of one: the file is cut short")
    raise CodecError(f"expected a number of at most {VARINT_BYTES} bytes at offset {start}: the file is damaged")
