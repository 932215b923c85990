"""The file format: a few bytes of header, then the range coder's bytes up to the end of the file.

::

    offset  size   field
         0     2   magic number CE6, 12 bits | version, 4 bits: now 1      CE 61
         2     2   model, 12 bits            | quality, 4 bits: 0 to 15
         4     4   checksum: CRC-32 of the model's hash and of the file without these four bytes
         8   1-5   count: number of images
           1-5   height of each, in pixels
           1-5   width of each, in pixels
           ...   payload

Numbers of two and four bytes are big-endian. Count, height and width are LEB128: seven bits a byte, the lowest first, the top bit
set in all bytes but the last; only the shortest form is valid. None is 0. Their product is at most 2^28 pixels (16,384 × 16,384, or
342,392 images of 28 × 28), so a small file cannot ask for more memory.

The first 12 bits of the model's SHA-256 hash name the model: enough to tell users which of their models made a file. The checksum
covers the whole hash, so it also notices another model with the same 12 bits. The model decides what the quality means. The first
byte is an N with its top bit set; no text in UTF-8 starts with the first two.

The header of one image of at most 127 × 127 pixels takes 11 bytes. Each further byte stands for a factor of 128 in one of the three
numbers, and their product has room for four such factors: no header takes more than 15 bytes. The payload may be empty.
"""

import struct
import zlib
from dataclasses import dataclass

from nnlite.codec.frame import MAGIC, read_varint, write_varint
from nnlite.files.errors import CodecError

VERSION = 1
QUALITIES = 16
MAX_PIXELS = 1 << 28
HASH_BYTES = 32  # SHA-256
FIXED = struct.Struct(">HHI")  # magic and version, model and quality, checksum


@dataclass(frozen=True)
class Header:
    """The numbers in a file's header.

    Attributes
    ----------
    model : int
        The first 12 bits of the hash of the file's model.
    quality : int
        The model's setting, from 0 to 15.
    count, height, width : int
        How many images of how many rows and columns of pixels.
    """

    model: int
    quality: int
    count: int
    height: int
    width: int


def pack(payload: bytes, *, model_hash: bytes, quality: int, count: int, height: int, width: int) -> bytes:
    """Put a header before the payload.

    Parameters
    ----------
    payload : bytes
        The coder's bytes for all images.
    model_hash : bytes
        The SHA-256 digest, 32 bytes, of all that the decoder must know.
    quality, count, height, width : int
        As in `Header`.

    Returns
    -------
    bytes
        The file; it ends with `payload`.

    Raises
    ------
    CodecError
        If a number is out of range or the hash is not one.
    """
    if not 0 <= quality < QUALITIES:
        raise CodecError(f"expected quality to be from 0 to {QUALITIES - 1}, received {quality}")
    _check_size(count, height, width)
    words = struct.pack(">HH", MAGIC << 4 | VERSION, _model(model_hash) << 4 | quality)
    rest = b"".join(write_varint(number) for number in (count, height, width)) + payload
    return words + struct.pack(">I", _checksum(model_hash, words, rest)) + rest


def read_header(data: bytes) -> Header:
    """Read a file's header. This needs no model, and does not check the checksum.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    Header
        All its numbers are in their ranges.

    Raises
    ------
    CodecError
        If it is not a file of this format and version, or its header is cut short or invalid.
    """
    return _read_header(data)[0]


def parse(data: bytes, model_hash: bytes) -> tuple[Header, bytes]:
    """Take a file apart; check that it is whole and that this model made it.

    Parameters
    ----------
    data : bytes
        The file.
    model_hash : bytes
        As given to `pack`.

    Returns
    -------
    Header, bytes
        The header, and the payload.

    Raises
    ------
    CodecError
        As `read_header`, or if another model made the file, or if it is damaged or cut short.
    """
    header, start = _read_header(data)
    if header.model != _model(model_hash):
        way_out = "decode it with the model that made it"
        raise CodecError(f"the file was made with model {header.model:03x}, received model {_model(model_hash):03x}: {way_out}")
    (expected,) = struct.unpack_from(">I", data, 4)
    received = _checksum(model_hash, data[:4], data[FIXED.size :])
    if received != expected:
        causes = "the file is damaged or cut short, or of another model whose hash begins alike"
        raise CodecError(f"expected the checksum {expected:08x}, received {received:08x}: {causes}")
    return header, data[start:]


def _read_header(data: bytes) -> tuple[Header, int]:
    """Return the header and the offset of the payload."""
    magic = int.from_bytes(data[:2], "big")
    if magic >> 4 != MAGIC:
        raise CodecError(f"expected a file that starts with {MAGIC:X}, received {data[:2].hex()!r}: compress writes such files")
    if magic & 15 != VERSION:
        way_out = "read the file with the nnlite that made it"
        raise CodecError(f"expected format version {VERSION}, received version {magic & 15}: {way_out}")
    count, position = read_varint(data, FIXED.size)
    height, position = read_varint(data, position)
    width, position = read_varint(data, position)
    _, model_and_quality, _ = FIXED.unpack_from(data)
    _check_size(count, height, width)
    return Header(model_and_quality >> 4, model_and_quality & 15, count, height, width), position


def _check_size(count: int, height: int, width: int) -> None:
    if min(count, height, width) < 1:
        raise CodecError(f"expected one image or more of one pixel or more, received {count} of {height} × {width}")
    if count * height * width > MAX_PIXELS:
        received = f"received {count} images of {height} × {width}: divide them among several files"
        raise CodecError(f"expected at most {MAX_PIXELS} pixels in a file, {received}")


def _model(model_hash: bytes) -> int:
    if len(model_hash) != HASH_BYTES:
        raise CodecError(f"expected a model's hash to be {HASH_BYTES} bytes, a SHA-256 digest, received {len(model_hash)} bytes")
    return int.from_bytes(model_hash[:2], "big") >> 4


def _checksum(model_hash: bytes, words: bytes, rest: bytes) -> int:
    return zlib.crc32(rest, zlib.crc32(words, zlib.crc32(model_hash)))
