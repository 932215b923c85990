"""PNG files: what of them is read, and how a grey picture is written."""

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import PictureError

MAX_PNG_PIXELS = 2**24  # 4096 × 4096


PNG = b"\x89PNG\r\n\x1a\n"


def parse_png(data: bytes) -> npt.NDArray[np.uint8]:
    """Return a PNG's image (height, width) or (height, width, 3)."""
    import matplotlib.image  # only here: it takes longer to import than a small file to compress

    data = _essential_chunks(data)
    try:
        image = matplotlib.image.imread(io.BytesIO(data), format="png")  # floats in [0, 1], (h, w), (h, w, 3) or (h, w, 4)
    except Exception as error:  # it raises whatever its decoder does
        raise PictureError(f"expected a PNG image: {_first_line(error)}") from error
    if image.ndim == 3 and (image[..., 3:] != 1).any():
        raise PictureError("expected an opaque image, received one with transparency")
    return np.asarray(np.rint((image if image.ndim == 2 else image[..., :3]) * 255), np.uint8)


def _essential_chunks(data: bytes) -> bytes:
    """Return a PNG with only the chunks that make its pixels; PictureError if they are many or of a kind not read right."""
    parts, position = [PNG], len(PNG)
    while parts[-1][4:8] != b"IEND" and position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        chunk = data[position : position + 12 + length]
        if (chunk[4:8] == b"IHDR") != (len(parts) == 1):
            raise PictureError("expected a PNG image: it has one header, at its start")
        if chunk[4:8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            parts.append(chunk)
        position += 12 + length
    if not data.startswith(PNG) or len(parts) == 1 or len(parts[1]) != 25 or parts[-1][4:8] != b"IEND":
        raise PictureError("expected a PNG image, received bytes without its header or its end")
    width, height, depth, colour_type = struct.unpack_from(">IIBB", parts[1], 8)
    if width * height > MAX_PNG_PIXELS:
        raise PictureError(f"expected a PNG image of at most {MAX_PNG_PIXELS} pixels, received {height} × {width}")
    if depth == 16 or (colour_type == 0 and depth in (2, 4)):  # matplotlib's reader cuts the first and gets the others wrong
        raise PictureError(f"expected a PNG of 8 bits a sample, received one of {depth}")
    if colour_type in (0, 2) and any(part[4:8] == b"tRNS" for part in parts):  # which matplotlib's reader does not look at
        raise PictureError("expected an opaque image, received one with transparency: a colour of it stands for none")
    return b"".join(parts)


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """Return a grey image (height, width) as a PNG file: matplotlib's writer knows only colours, and takes three times the bytes.

    A PNG is a signature and chunks: length, type, content, CRC-32 of type and content (ISO/IEC 15948).
    """
    height, width = image.shape
    rows = np.zeros((height, 1 + width), np.uint8)  # a row begins with its filter: 0, none, the best for images as small as these
    rows[:, 1:] = image
    # 8 bits, grey, the only compression, filter method, no interlace
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return PNG + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
