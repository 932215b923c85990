"""PNG: every kind that is read, by an encoder of its own and as Pillow reads it; and whatever is damaged is refused."""

import io
import random
import struct
import zlib

import matplotlib.image
import numpy as np
import pytest

from nnlite import PictureError
from nnlite.datasets import load_mnist
from nnlite.pictures.png import INTERLACED, PNG, WHOLE, parse_png, png, unfilter

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
KINDS = [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (RGB, 8), (PALETTE, 1), (PALETTE, 2), (PALETTE, 4), (PALETTE, 8)]
KINDS += [(GREY_ALPHA, 8), (RGBA, 8)]


def chunk(kind, contents=b""):
    return struct.pack(">I", len(contents)) + kind + contents + struct.pack(">I", zlib.crc32(kind + contents))


def header(width, height, depth=8, colour=GREY, compression=0, filtering=0, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlaced))


def rows_of(data):
    return chunk(b"IDAT", zlib.compress(data))


def predicted(raw, distance):
    """Return what each filter predicts for the bytes of rows (height, bytes), in numbers that do not overflow: the twin."""
    a, b, c = np.zeros((3, *raw.shape), int)
    a[:, distance:], b[1:], c[1:, distance:] = raw[:, :-distance], raw[:-1], raw[:-1, :-distance]
    nearest = np.abs(np.stack([b - c, a - c, a + b - 2 * c])).argmin(axis=0)
    return np.stack([np.zeros_like(a), a, b, (a + b) // 2, np.choose(nearest, [a, b, c])])


def filtered(raw, distance, rng):
    """Return rows behind the bytes of filters that are drawn by chance."""
    filters = rng.integers(0, 5, len(raw))
    differences = raw - predicted(raw, distance)[filters, np.arange(len(raw))]
    return np.column_stack([filters, differences % 256]).astype(np.uint8)


def encode(samples, colour, depth, rng, interlaced=0, palette=b""):
    """Return a PNG of samples (height, width, channels), with any filters and its rows in several chunks."""
    height, width, channels = samples.shape
    stream = b""
    for x, y, dx, dy in INTERLACED if interlaced else WHOLE:
        part = samples[y::dy, x::dx]
        if part.size:
            bits = np.unpackbits(part[..., None], axis=-1)[..., -depth:].reshape(len(part), -1)
            stream += filtered(np.packbits(bits, axis=1).astype(int), max(channels * depth // 8, 1), rng).tobytes()
    packed = zlib.compress(stream)
    chunks = [header(width, height, depth, colour, interlaced=interlaced)]
    chunks += [chunk(b"PLTE", palette)] if palette else []
    chunks += [chunk(b"tEXt", b"a\0comment"), chunk(b"IDAT", packed[:9]), chunk(b"IDAT"), chunk(b"IDAT", packed[9:])]
    return PNG + b"".join(chunks) + chunk(b"tIME", bytes(7)) + chunk(b"IEND")


def pillow(data):
    """Return an image (height, width, 3) as matplotlib has it from Pillow."""
    image = np.rint(255 * matplotlib.image.imread(io.BytesIO(data), format="png")).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]


def samples_of(colour, depth, size, rng):
    samples = rng.integers(0, 2**depth, (*size, CHANNELS[colour]), dtype=np.uint8)
    if colour in (GREY_ALPHA, RGBA):
        samples[..., -1] = 255
    return samples


@pytest.mark.parametrize(("colour", "depth"), KINDS)
@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (9, 13), (3, 2), (17, 8)])
def test_every_kind_of_png_is_read(rng, colour, depth, interlaced, size):
    samples = samples_of(colour, depth, size, rng)
    palette = rng.integers(0, 256, (2**depth, 3), dtype=np.uint8)
    image = parse_png(encode(samples, colour, depth, rng, interlaced, palette.tobytes() if colour == PALETTE else b""))
    assert image.dtype == np.uint8 and image.flags.writeable
    if colour == PALETTE:
        expected = palette[samples[..., 0]]
    elif colour in (RGB, RGBA):
        expected = samples[..., :3]
    else:
        expected = samples[..., 0] * (255 // (2**depth - 1))
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(("colour", "depth"), [kind for kind in KINDS if kind not in [(GREY, 2), (GREY, 4)]])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_pillow_reads_the_same(rng, colour, depth, interlaced):
    palette = rng.integers(0, 256, (2**depth, 3), dtype=np.uint8).tobytes() if colour == PALETTE else b""
    data = encode(samples_of(colour, depth, (11, 10), rng), colour, depth, rng, interlaced, palette)
    image = parse_png(data)
    np.testing.assert_array_equal(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), pillow(data))


def test_filters_are_undone_for_any_bytes(rng):
    for distance in (1, 2, 3, 4):
        raw = rng.choice([0, 1, 127, 128, 254, 255], (40, 12))
        rows = filtered(raw, distance, rng)
        unfilter(rows, distance)
        np.testing.assert_array_equal(rows[:, 1:], raw)


def test_what_is_written_is_read_by_us_and_by_pillow(rng):
    image = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    np.testing.assert_array_equal(parse_png(png(image)), image)
    np.testing.assert_array_equal(pillow(png(image))[..., 0], image)


END = chunk(b"IEND")
GOOD = PNG + header(2, 1) + rows_of(b"\0\1\2") + END
THREE_COLOURS = bytes(9)
FORGIVEN = {
    "no rows": PNG + header(2, 1) + END,
    "rows too short": PNG + header(2, 2) + rows_of(b"\0\1\2\0\1") + END,
    "rows too long": PNG + header(2, 1) + rows_of(b"\0\1\2\0") + END,
    "a row without its end in zlib": PNG + header(2, 1) + chunk(b"IDAT", zlib.compress(b"\0\1\2")[:-4]) + END,
    "a wrong checksum of zlib": PNG + header(2, 1) + chunk(b"IDAT", zlib.compress(b"\0\1\2")[:-1] + b"\0") + END,
    "bytes behind the end of zlib": PNG + header(2, 1) + chunk(b"IDAT", zlib.compress(b"\0\1\2") + b"\0") + END,
    "a filter that does not exist": PNG + header(2, 1) + rows_of(b"\5\1\2") + END,
    "another compression": PNG + header(2, 1, compression=1) + rows_of(b"\0\1\2") + END,
    "another filter method": PNG + header(2, 1, filtering=1) + rows_of(b"\0\1\2") + END,
    "another interlacing": PNG + header(1, 1, interlaced=2) + rows_of(b"\0\1") + END,
    "a depth that does not exist": PNG + header(2, 1, depth=3) + rows_of(b"\0\1\2") + END,
    "a kind of colour that does not exist": PNG + header(2, 1, colour=5) + rows_of(b"\0\1\2") + END,
    "a depth that this colour has not": PNG + header(2, 1, depth=4, colour=RGB) + rows_of(b"\0\1\2\3") + END,
    "no pixels": PNG + header(0, 1) + rows_of(b"\0") + END,
    "a longer header": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 0) + b"\0") + rows_of(b"\0\1\2") + END,
    "two headers": PNG + header(2, 1) + header(2, 1) + rows_of(b"\0\1\2") + END,
    "a header behind a comment": PNG + chunk(b"tEXt", b"a\0b") + header(2, 1) + rows_of(b"\0\1\2") + END,
    "rows before the header": PNG + rows_of(b"\0\1\2") + header(2, 1) + END,
    "rows in two places": PNG + header(2, 1) + rows_of(b"\0\1\2") + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT") + END,
    "an unknown chunk that matters": PNG + header(2, 1) + chunk(b"QUIT") + rows_of(b"\0\1\2") + END,
    "a chunk of no letters": PNG + header(2, 1) + chunk(b"a\0\1\2") + rows_of(b"\0\1\2") + END,
    "an end with contents": PNG + header(2, 1) + rows_of(b"\0\1\2") + chunk(b"IEND", b"\0"),
    "a palette missing": PNG + header(2, 1, colour=PALETTE) + rows_of(b"\0\1\2") + END,
    "a palette late": PNG + header(2, 1, colour=PALETTE) + rows_of(b"\0\1\2") + chunk(b"PLTE", THREE_COLOURS) + END,
    "a palette short": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", bytes(6)) + rows_of(b"\0\1\2") + END,
    "a palette empty": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE") + rows_of(b"\0\0\0") + END,
    "a palette of four thirds": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", bytes(10)) + rows_of(b"\0\1\2") + END,
    "a palette long": PNG + header(8, 1, 1, PALETTE) + chunk(b"PLTE", THREE_COLOURS) + rows_of(b"\0\1") + END,
    "a palette of 257": PNG + header(2, 1, colour=RGB) + chunk(b"PLTE", bytes(771)) + rows_of(bytes(7)) + END,
    "two palettes": PNG + header(2, 1, colour=PALETTE) + 2 * chunk(b"PLTE", THREE_COLOURS) + rows_of(b"\0\1\2") + END,
    "a palette of greys": PNG + header(2, 1) + chunk(b"PLTE", THREE_COLOURS) + rows_of(b"\0\1\2") + END,
    "opacities late": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", THREE_COLOURS) + rows_of(b"\0\1\2")
    + chunk(b"tRNS", b"\0") + END,
    "opacities before the palette": PNG + header(2, 1, colour=PALETTE) + chunk(b"tRNS", b"\xff") + chunk(b"PLTE", THREE_COLOURS)
    + rows_of(b"\0\1\2") + END,
    "more opacities than colours": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", THREE_COLOURS) + chunk(b"tRNS", b"\xff" * 4)
    + rows_of(b"\0\1\2") + END,
    "a transparent colour": PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", THREE_COLOURS) + chunk(b"tRNS", b"\xff\xff\0")
    + rows_of(b"\0\1\2") + END,
    "no end": GOOD[:-12],
    "a wrong checksum of the end": GOOD[:-1] + b"\0",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGIVEN)
def test_what_other_readers_forgive_is_refused(name):
    with pytest.raises(PictureError, match="expected"):
        parse_png(FORGIVEN[name])


def test_what_the_format_allows_is_read():
    np.testing.assert_array_equal(parse_png(GOOD), [[1, 2]])
    np.testing.assert_array_equal(parse_png(GOOD + b"behind the end"), [[1, 2]])
    palette = PNG + header(2, 1, colour=PALETTE) + chunk(b"PLTE", bytes(range(9)))
    for opacity in (b"", chunk(b"tRNS", b"\xff"), chunk(b"tRNS", b"\0\xff")):  # of the first colours, and pixels have the others
        np.testing.assert_array_equal(parse_png(palette + opacity + rows_of(b"\0\1\2") + END), [[[3, 4, 5], [6, 7, 8]]])
    suggested = PNG + header(1, 1, colour=RGB) + chunk(b"PLTE", THREE_COLOURS) + rows_of(b"\0\7\7\7") + END
    np.testing.assert_array_equal(parse_png(suggested), [[[7, 7, 7]]])


def test_a_png_of_as_many_pixels_as_allowed_is_read_and_one_more_is_refused(monkeypatch):
    monkeypatch.setattr("nnlite.pictures.png.MAX_PNG_PIXELS", 2)
    monkeypatch.setattr("nnlite.pictures.png.PIXELS_A_BYTE", 0)
    np.testing.assert_array_equal(parse_png(GOOD), [[1, 2]])
    with pytest.raises(
        PictureError, match="expected a PNG image of at most 2 pixels, received 1 × 3 in few bytes: convert it to PPM"
    ):
        parse_png(PNG + header(3, 1) + rows_of(bytes(4)) + END)


@pytest.mark.parametrize(("side", "read"), [(16, True), (20, False)])
def test_a_png_of_more_bytes_may_have_more_pixels(monkeypatch, side, read):
    monkeypatch.setattr("nnlite.pictures.png.MAX_PNG_PIXELS", 2)
    data = PNG + header(side, side) + rows_of(bytes((1 + side) * side)) + END
    assert (4 * len(data) >= side * side) == read
    assert (read_or_none(data) is not None) == read


def read_or_none(data):
    try:
        return parse_png(data)
    except PictureError:
        return None


def test_no_bit_flipped_in_a_png_gives_another_picture():
    image = load_mnist().test_images[0]
    data = bytearray(png(image))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        assert read_or_none(bytes(data)) is None, f"bit {bit}"
        data[bit // 8] ^= 1 << bit % 8
    np.testing.assert_array_equal(parse_png(bytes(data)), image)


def test_no_splice_and_no_byte_lost_or_doubled_gives_another_picture(rng):
    data = encode(samples_of(PALETTE, 4, (9, 9), rng), PALETTE, 4, rng, palette=bytes(range(48)))
    expected, draw = parse_png(data), random.Random(3)
    for _ in range(3000):
        i, j, k = (draw.randrange(len(data)) for _ in range(3))
        length = draw.randint(1, 40)
        for damaged in (
            data[:i] + data[j : j + length] + data[k:],
            data[:i] + data[i + length :],
            data[:i] + data[j : j + length] + data[i:],
        ):
            image = read_or_none(damaged)
            assert image is None or np.array_equal(image, expected)
