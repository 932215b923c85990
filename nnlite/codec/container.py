"""The digits' file format, in the frame of all: a few bytes of header, then the range coder's bytes up to the end of the file.

::

    offset  size   field
         0     2   magic number CE6, 12 bits | format, 4 bits: 1           CE 61
         2     2   model, 12 bits            | quality, 4 bits: 0 to 15
         4     4   checksum: CRC-32 of the model's hash and of the file without these four bytes
         8   1-5   count: number of images
           1-5   height of each, in pixels
           1-5   width of each, in pixels
           ...   payload

Count, height and width are numbers of `nnlite.codec.frame`, of 1 to 5 bytes. None is 0. Their product is at most 2^28 pixels
(16,384 × 16,384, or 342,392 images of 28 × 28), so a small file cannot ask for more memory.

The first 12 bits of the model's SHA-256 hash name the model: enough to tell users which of their models made a file. The checksum
covers the whole hash, so it also notices another model with the same 12 bits. The model decides what the quality means. The first
byte is an N with its top bit set; no text in UTF-8 starts with the first two.

The header of one image of at most 127 × 127 pixels takes 11 bytes. Each further byte stands for a factor of 128 in one of the three
numbers, and their product has room for four such factors: no header takes more than 15 bytes. The payload may be empty.
"""

from dataclasses import dataclass

from nnlite.codec import frame
from nnlite.files.errors import CodecError

QUALITIES = 16
NAME = 3  # hexadecimal digits of a model's hash
MAX_PIXELS = 1 << 28
LIMITS = MAX_PIXELS, MAX_PIXELS, MAX_PIXELS  # pixels, pictures, rows and columns


@dataclass(frozen=True)
class Header:
    """The numbers in a file's header.

    Attributes
    ----------
    model : str
        The first three hexadecimal digits of the hash of the file's model, its name.
    quality : int
        The model's setting, from 0 to 15.
    count, height, width : int
        How many images of how many rows and columns of pixels.
    """

    model: str
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
    frame.check_size((count, height, width), *LIMITS, "divide them among several files")
    model_and_quality = bytes.fromhex(f"{model_hash.hex()[:NAME]}{quality:x}")
    return frame.pack(frame.DIGITS, (count, height, width), payload, model_hash, model_and_quality)


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
    (count, height, width), _ = frame.read_numbers(data, frame.DIGITS, 3)
    frame.check_size((count, height, width), *LIMITS)
    model_and_quality = data[2:4].hex()
    return Header(model_and_quality[:NAME], int(model_and_quality[NAME:], 16), count, height, width)


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
    header = read_header(data)
    if header.model != (model := model_hash.hex()[:NAME]):
        way_out = "decode it with the model that made it"
        raise CodecError(f"the file was made with model {header.model}, received model {model}: {way_out}")
    return header, frame.parse(data, frame.DIGITS, 3, model_hash)[1]
