"""PNG files: a signature, then chunks. Each chunk is a length, a kind, contents and a checksum (https://www.w3.org/TR/png).

    IHDR    width, height, bits a sample, kind of colour, three methods
    PLTE    a palette: red, green and blue of each entry
    tRNS    the opacity of each entry, or one transparent colour
    IDAT    the rows, each behind a byte that names its filter, packed by zlib; one stream in any number of chunks
    IEND    nothing

A damaged picture still looks like a picture. So this reader checks everything that the format lets it check, even what other
readers forgive.
"""

import re
import struct
import zlib

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import PictureError, reported_as
from nnlite.jit import jit

Bytes = npt.NDArray[np.uint8]
Chunks = list[tuple[bytes, bytes]]

PNG = b"\x89PNG\r\n\x1a\n"
# The order of the chunks. Skip other chunks whose kind begins with a small letter; with a capital, a reader must know them.
OTHERS = rb"(?:(?!tRNS)[a-z][A-Za-z]{3} )*"
ORDER = re.compile(rb"IHDR @(?:PLTE @)?(?:tRNS @)?(?:IDAT )+@IEND ".replace(b"@", OTHERS))
MAX_PNG_PIXELS = 2**24  # 4096 × 4096, if a file has few bytes
PIXELS_A_BYTE = 4  # of a larger picture, at most: photographs have one or two
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # kinds of colour
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# The parts of a picture, in order: first column and row, steps to the next column and row.
WHOLE = [(0, 0, 1, 1)]
INTERLACED = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def parse_png(data: bytes) -> Bytes:
    """Return a PNG's image (height, width) or (height, width, 3).

    Raises
    ------
    PictureError
        The file is damaged, has transparent pixels, 16 bits a sample, or more pixels than both 2^24 and 4 for each of its bytes.
    """
    chunks = _read_chunks(data)
    width, height, depth, colour, interlaced = _read_header(chunks[0][1], max(MAX_PNG_PIXELS, PIXELS_A_BYTE * len(data)))
    image = np.empty((height, width, CHANNELS[colour]), np.uint8)
    bits = CHANNELS[colour] * depth  # of a pixel
    views = (image[y::dy, x::dx] for x, y, dx, dy in (INTERLACED if interlaced else WHOLE))
    parts = [(part, 1 + (part.shape[1] * bits + 7) // 8) for part in views if part.size]  # with the bytes of each row
    stream = _inflate(chunks, sum(len(part) * size for part, size in parts))
    for part, size in parts:
        rows, stream = stream[: len(part) * size].reshape(-1, size), stream[len(part) * size :]
        if rows[:, 0].max() > 4:
            raise PictureError(f"expected a PNG with the filters 0 to 4, received {rows[:, 0].max()}")
        unfilter(rows, max(bits // 8, 1))
        part[...] = _unpack(rows[:, 1:], depth)[:, : part.shape[1] * part.shape[2]].reshape(part.shape)
    return _colours(image, chunks, depth, colour)


def _read_chunks(data: bytes) -> Chunks:
    """Return the kind and the contents of each chunk; PictureError unless all are whole and in order."""
    if not data.startswith(PNG):
        raise PictureError("expected a PNG image, received bytes without its signature")
    chunks: Chunks = []
    position = len(PNG)
    while not chunks or chunks[-1][0] != b"IEND":
        if position + 12 > len(data):
            raise PictureError("expected a PNG image, received one without its end: the file is cut short")
        (length,) = struct.unpack_from(">I", data, position)
        kind, contents = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length
        if data[position - 4 : position] != struct.pack(">I", zlib.crc32(kind + contents)):
            raise PictureError("expected a PNG image, received one with wrong checksums: the file is damaged or cut short")
        chunks.append((kind, contents))
    if not ORDER.fullmatch(b"".join(kind + b" " for kind, _ in chunks)) or chunks[-1][1]:
        raise PictureError("expected a PNG image of one header, at most one palette, its rows and its end, received another order")
    return chunks


def _read_header(header: bytes, most: int) -> tuple[int, int, int, int, int]:
    """Return width, height, bits a sample, kind of colour and whether it is interlaced.

    PictureError if they are impossible, or there are more than `most` pixels.
    """
    if len(header) != 13:
        raise PictureError(f"expected a PNG image with a header of 13 bytes, received {len(header)}")
    width, height, depth, colour, compression, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if width * height > most:
        received = f"received {height} × {width} in few bytes: convert it to PPM, or to PGM if it is grey"
        raise PictureError(f"expected a PNG image of at most {most} pixels, {received}")
    if not (width and height and colour in CHANNELS and compression == filtering == 0 and interlaced < 2):
        raise PictureError("expected a PNG image, received one with an impossible size, kind of colour or method")
    if depth not in ((1, 2, 4, 8) if colour in (GREY, PALETTE) else (8,)):
        raise PictureError(f"expected a PNG of 8 bits a sample, received one of {depth}: convert it to 8")
    return width, height, depth, colour, interlaced


def _inflate(chunks: Chunks, size: int) -> Bytes:
    """Unpack the IDAT chunks; PictureError unless they are one whole zlib stream of `size` bytes."""
    stream = zlib.decompressobj()
    with reported_as(PictureError, "expected a PNG image", zlib.error):
        rows = stream.decompress(b"".join(contents for kind, contents in chunks if kind == b"IDAT"), size + 1)
    if len(rows) != size or not stream.eof or stream.unused_data:
        raise PictureError(f"expected a PNG image with rows of {size} bytes, received fewer or more")
    return np.frombuffer(bytearray(rows), np.uint8)


@jit
def unfilter(rows: Bytes, distance: int) -> None:
    """Turn differences into samples, in place. Each row of (height, 1 + bytes) begins with the number of its filter.

    A byte x is stored as x − p modulo 256. The prediction p uses the byte a on its left, `distance` before it, b above it, and c
    above a; outside the picture they are 0:

        0: p = 0    1: p = a    2: p = b    3: p = ⌊(a + b) / 2⌋    4: p = the nearest to a + b − c of a, b, c, the first if equal
    """
    for i in range(rows.shape[0]):
        kind = rows[i, 0]
        for j in range(1, rows.shape[1]):
            a = np.int64(rows[i, j - distance]) if j > distance else 0
            b = np.int64(rows[i - 1, j]) if i > 0 else 0
            c = np.int64(rows[i - 1, j - distance]) if i > 0 and j > distance else 0
            to_a, to_b, to_c = abs(b - c), abs(a - c), abs(a + b - 2 * c)  # a + b − c is as far from a as b from c
            nearest = a if to_a <= to_b and to_a <= to_c else b if to_b <= to_c else c
            p = (0, a, b, (a + b) // 2, nearest)[kind]
            rows[i, j] = (np.int64(rows[i, j]) + p) & 255


def _unpack(rows: Bytes, depth: int) -> Bytes:
    """Return samples of `depth` bits as bytes."""
    if depth == 8:
        return rows
    bits = np.unpackbits(rows, axis=1).reshape(len(rows), -1, depth)
    return np.asarray(np.packbits(bits, axis=2)[..., 0] >> np.uint8(8 - depth))


def _colours(image: Bytes, chunks: Chunks, depth: int, colour: int) -> Bytes:
    """Return grey (height, width) or colours (height, width, 3); PictureError unless the palette fits and all pixels are opaque."""
    contents = dict(chunks)
    palette, opacity = contents.get(b"PLTE"), contents.get(b"tRNS")
    transparent = opacity is not None  # if it makes no pixel so, of a palette, it is no harm
    if palette is not None and (len(palette) % 3 or not 3 <= len(palette) <= 3 * 2**depth or colour in (GREY, GREY_ALPHA)):
        raise PictureError(f"expected a PNG with 1 to {2**depth} colours in its palette, or none, received {len(palette)} bytes")
    if colour == PALETTE:
        entries = np.frombuffer(palette or b"", np.uint8).reshape(-1, 3)
        if image.max() >= len(entries):
            raise PictureError(f"expected a PNG of the {len(entries)} colours of its palette, received number {image.max()}")
        alpha = np.frombuffer(opacity or b"", np.uint8)
        if len(alpha) > len(entries):
            raise PictureError(f"expected opacities of the {len(entries)} colours of a palette, received {len(alpha)}")
        transparent = (alpha[image[image < len(alpha)]] != 255).any()
        image = entries[image[..., 0]]
    elif colour in (GREY_ALPHA, RGBA):
        transparent |= (image[..., -1] != 255).any()
        image = image[..., :-1]
    if transparent:
        raise PictureError("expected an opaque image, received one with transparency: lay it on a background")
    if colour == GREY:
        image *= 255 // (2**depth - 1)
    return image if image.shape[-1] == 3 else image[..., 0]


def png(image: Bytes) -> bytes:
    """Return a picture (height, width) or (height, width, 3) as a PNG file; one filter for all rows, 0 or 2: the shorter file."""
    height, width = image.shape[:2]
    samples = image.reshape(height, -1)
    filtered = (0, samples), (2, np.diff(samples, axis=0, prepend=np.uint8(0)))  # modulo 256
    streams = [zlib.compress(np.pad(rows, ((0, 0), (1, 0)), constant_values=kind).tobytes(), 9) for kind, rows in filtered]
    # 8 bits, grey or colours, the only compression, filter method, no interlace
    header = struct.pack(">IIBBBBB", width, height, 8, GREY if image.ndim == 2 else RGB, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", min(streams, key=len)), (b"IEND", b""))
    return PNG + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks
    )
