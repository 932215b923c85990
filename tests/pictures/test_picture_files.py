"""Image files of every kind: what is read, what is written, and what is refused with a sentence."""

import contextlib
import gzip
import io
import itertools
import os
import random
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from nnlite.files.errors import PictureError
from nnlite.pictures import read_images, read_picture, write_images
from nnlite.pictures.picture_files import PIPE, check_target, is_set, read_bytes, write_bytes

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types


def png(rows, colour=GREY, depth=8, palette=b"", size=None, transparent=b""):
    """Return the bytes of a PNG, written out by hand; rows of packed samples, one `bytes` each."""
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}[colour]
    width, height = size or (8 * len(rows[0]) // (depth * channels), len(rows))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"PLTE", palette)] if palette else [chunk(b"IHDR", header)]
    chunks += [chunk(b"tRNS", transparent)] if transparent else []
    chunks += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_with_header(text, data=b"x" * 1000):
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode() + data


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def with_alpha(image, opacity=255, channels=3):
    """Return rows of pixels of `channels` equal colours and an opacity."""
    return [bytes(sample for grey in row for sample in [grey] * channels + [opacity]) for row in image.tolist()]


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)


@pytest.fixture
def read(tmp_path):
    """A function that reads bytes as a file of a name that says nothing."""

    def read(data):
        (tmp_path / "file").write_bytes(data)
        return read_images(tmp_path / "file")

    return read


# --- reading


@pytest.mark.parametrize(
    "make", [npy, idx, lambda a: gzip.compress(idx(a)), lambda a: npy(np.asfortranarray(a))], ids=["npy", "idx", "gz", "fortran"]
)
def test_a_file_of_images_is_known_by_its_content(read, images, make):
    read_back = read(make(images))
    assert read_back.dtype == np.uint8
    np.testing.assert_array_equal(read_back, images)


@pytest.mark.parametrize("name", ["digits.txt", "digits.png", "digits.npy", "digits"])
def test_the_name_of_a_file_says_nothing_about_its_kind(tmp_path, images, name):
    (tmp_path / name).write_bytes(idx(images))
    np.testing.assert_array_equal(read_images(tmp_path / name), images)


def test_floats_and_single_images_stay_what_they_are(read, rng):
    image = rng.random((4, 5))
    read_back = read(npy(image))
    assert read_back.dtype == np.float64
    np.testing.assert_array_equal(read_back, image)


@pytest.mark.parametrize(
    "make",
    [
        lambda image: png([bytes(row) for row in image.tolist()]),
        lambda image: png([bytes(value for value in row for _ in range(3)) for row in image.tolist()], RGB),
        lambda image: png(with_alpha(image, channels=1), GREY_ALPHA),
        lambda image: png(with_alpha(image), RGBA),
        lambda image: png([bytes(row) for row in image.tolist()], PALETTE, palette=bytes(v for v in range(256) for _ in range(3))),
    ],
    ids=["grey", "rgb", "grey-alpha", "rgba", "palette"],
)
def test_a_grey_png_is_read_whatever_its_colour_type(read, make):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    read_back = read(make(image))
    assert read_back.dtype == np.uint8
    np.testing.assert_array_equal(read_back, image)


@pytest.mark.parametrize(
    ("depth", "row", "expected"),
    [(1, 0b01100001, [0, 255, 255, 0, 0, 0, 0, 255]), (2, 0b00011011, [0, 85, 170, 255]), (4, 0x2F, [34, 255])],
)
def test_a_png_of_few_greys_is_read_right_or_refused(read, depth, row, expected):
    try:
        image = read(png([bytes([row])], depth=depth))
    except PictureError:
        return
    np.testing.assert_array_equal(image, [expected])


@pytest.mark.parametrize("colour", [GREY, RGB, GREY_ALPHA, RGBA])
def test_a_png_of_16_bits_is_refused_and_not_cut_to_8(read, colour):
    with pytest.raises(PictureError, match="expected a PNG of 8 bits a sample, received one of 16"):
        read(png([bytes(range(16))], colour, depth=16))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png([bytes([9, 9, 10] * 4)], RGB), "a grey image, received one with colours"),
        (png([bytes([9, 9, 9, 254] * 4)], RGBA), "an opaque image, received one with transparency"),
        (png([bytes([9, 0] * 4)], GREY_ALPHA), "an opaque image, received one with transparency"),
        (png([bytes([9, 0])], transparent=b"\0\x09"), "an opaque image, received one with transparency"),
        (png([b"\x55"], depth=1, transparent=b"\0\0"), "an opaque image, received one with transparency"),
        (png([bytes([9, 9, 9, 0, 0, 0])], RGB, transparent=bytes(6)), "an opaque image, received one with transparency"),
        (
            png([bytes([0])], PALETTE, palette=bytes([9, 9, 9]), transparent=b"\0"),
            "an opaque image, received one with transparency",
        ),
        (png([bytes([0, 1])], PALETTE, palette=bytes([9, 9, 9, 1, 2, 3])), "a grey image, received one with colours"),
        (b"P6 1 1 255 \x09\x09\x0a", "a grey image, received one with colours"),
    ],
    ids=["rgb", "rgba", "grey-alpha", "grey-key", "bit-key", "rgb-key", "palette-alpha", "palette", "ppm"],
)
def test_an_image_with_colours_or_transparency_is_refused(read, data, message):
    with pytest.raises(PictureError, match=f"file: expected {message}"):
        read(data)


@pytest.mark.parametrize("data", [b"P5 2 1 255 \x09\xff", b"P2 2 1 255\n9 255\n", b"P6 2 1 255 \x09\x09\x09\xff\xff\xff"])
def test_a_grey_netpbm_file_is_read(read, data):
    np.testing.assert_array_equal(read(data), [[9, 255]])


# --- one picture, with colours


@pytest.mark.parametrize(
    "data",
    [
        png([bytes([1, 2, 3, 255, 0, 9])], RGB),
        png([bytes([1, 2, 3, 255, 255, 0, 9, 255])], RGBA),
        png([bytes([0, 1])], PALETTE, palette=bytes([1, 2, 3, 255, 0, 9])),
        b"P6 2 1 255 \x01\x02\x03\xff\x00\x09",
        b"P3 2 1 255\n1 2 3\n255 0 9\n",
    ],
    ids=["rgb", "rgba", "palette", "ppm", "plain-ppm"],
)
def test_a_picture_keeps_its_colours(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    picture = read_picture(tmp_path / "file")
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, [[[1, 2, 3], [255, 0, 9]]])


@pytest.mark.parametrize("data", [png([bytes([7, 7, 7])], RGB), png([bytes([7])]), b"P5 1 1 255 \x07", b"P6 1 1 255 \x07\x07\x07"])
def test_a_picture_without_colours_is_grey(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    np.testing.assert_array_equal(read_picture(tmp_path / "file"), [[7]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a PNG, PGM or PPM file, received bytes ''"),
        (npy(np.zeros((2, 2))), "expected a PNG, PGM or PPM file, received bytes '93 4e 55 4d'"),
        (b"P5 2 2 255 \0\0", "the file is cut short"),
        (png([bytes([9, 9, 9, 254] * 4)], RGBA), "received one with transparency"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence_that_names_the_file(tmp_path, data, message):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / "file")
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: ") and message in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        ["0.png", "2.PNG", "10.png", "b.png"],
        ["1.png", "02.png", "3.png", "0010.png"],
        ["007.png", "7.png", "8.png"],  # two spellings of one number are in the order of the alphabet
        ["digit-2-9.png", "digit-2-10.png", "digit-10-1.png"],
        ["A1.png", "A10.png", "a2.png", "a²1.png"],
        [f"{number}.png" for number in range(12)],
        ["x8.png", "x" + 200 * "9" + ".png", "x1" + 200 * "0" + ".png"],
    ],
)
def test_numbers_in_the_names_of_a_folder_compare_as_numbers(tmp_path, names):
    for grey in random.Random(1).sample(range(len(names)), len(names)):
        (tmp_path / names[grey]).write_bytes(png([bytes([grey])]))
    assert read_images(tmp_path).ravel().tolist() == list(range(len(names)))


@pytest.mark.parametrize("others", [["notes.txt"], ["b.jpg", "a.jpeg", "c.png.bak", "folder"]])
def test_what_is_left_out_of_a_folder_is_said_once(tmp_path, others):
    (tmp_path / "1.png").write_bytes(png([bytes([7])]))
    (tmp_path / ".hidden.png").write_text("not an image")
    for name in others:
        (tmp_path / name).write_text("not an image")
    with pytest.warns(UserWarning) as warned:
        assert read_images(tmp_path).ravel().tolist() == [7]
    first = f"{tmp_path / sorted(others)[0]}{' and 3 more' if len(others) > 1 else ''}"
    assert [str(each.message) for each in warned] == [f"{first} left out: expected files that end in .png"]


@pytest.mark.parametrize("name", ["a.npy", "a-ubyte.gz", "folder"])
def test_a_path_may_be_a_text(tmp_path, name):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_images(str(tmp_path / name), images)
    np.testing.assert_array_equal(read_images(str(tmp_path / name)), images)


@pytest.mark.parametrize("name", ["a.png", "a.pgm", "a.npy", "a-ubyte", "folder"])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 3, 4), "f4"), ((1, 3, 4), int), ((3, 4), "u1"), ((1, 3, 4, 2), "u1"), ((0, 3, 4), "u1"), ((1, 0, 4), "u1")],
)
def test_what_are_no_images_of_bytes_is_not_written(tmp_path, name, shape, dtype):
    with pytest.raises(PictureError, match=r"expected images of uint8 \(N, height, width\) or .*, received"):
        write_images(tmp_path / name, np.ones(shape, dtype))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_images_of_different_sizes_is_refused_and_names_the_odd_one(tmp_path):
    for name, width in (("a", 4), ("b", 4), ("c", 5)):
        (tmp_path / f"{name}.png").write_bytes(png([bytes(width)]))
    with pytest.raises(PictureError, match=r"c\.png: expected an image of 4 × 1 pixels like .*a\.png, received 5 × 1: bring all"):
        read_images(tmp_path)


def test_a_bad_file_in_a_folder_is_named(tmp_path):
    (tmp_path / "good.png").write_bytes(png([bytes(4)]))
    (tmp_path / "bad.png").write_bytes(png([bytes(4)])[:45])
    with pytest.raises(PictureError, match=r"bad\.png: expected a PNG image"):
        read_images(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(PictureError, match="expected a folder of PNG files, received one without any"):
        read_images(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a PNG, PGM, PPM, .npy or IDX file, or a folder of PNGs, received bytes ''"),
        (b"hello", "received bytes '68 65 6c 6c'"),
        (b"\xff\xd8\xff\xe0", "received bytes 'ff d8 ff e0'"),
        (b"\0\0", "expected an IDX file"),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-1], "the file is cut short"),
        (b"\0\0\x0d\x03" + bytes(100), "type 0x0d"),
        (gzip.compress(b"hello"), "expected an IDX file"),
        (gzip.compress(idx(np.zeros((2, 3, 3), np.uint8)))[:-9], "expected a readable IDX file"),
        (npy(np.zeros((2, 3, 3)))[:-1], "expected a NumPy file of numbers"),
        (npy(np.zeros((2, 3, 3)))[:9], "expected a NumPy file of numbers"),
        (npy_with_header("no header"), "expected a NumPy file of numbers"),
        (npy_with_header("{'descr': ((((((("), "expected a NumPy file of numbers"),
        (npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 3, 3), }\n"), "expected a NumPy file of numbers"),
        (npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000, 8, 8), }\n"), "expected a NumPy file"),
        (npy_with_header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 3, 3), }\n"), "expected a NumPy file of numbers"),
        (npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2), }" + 20_000 * " "), "expected a NumPy file"),
        (npy_with_header("{'descr': '<f3', 'fortran_order': False, 'shape': (1, 2, 2), }\n"), "expected a NumPy file of numbers"),
        (npy_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (5, , 25), }\n"), "expected a NumPy file of numbers"),
        (
            npy_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9223372036854775808), }\n", b""),
            "expected a NumPy",
        ),
        (png([bytes(4)])[:40], "expected a PNG image"),
        (b"\x89PNG and nothing of the kind", "expected a PNG image"),
        (png([bytes(4)], size=(0, 1)), "expected a PNG image"),
        (png([bytes(4)], size=(2**31 - 1, 2**31 - 1)), "expected a PNG image of at most 16777216 pixels"),
        (png([bytes(4)], size=(2**24 + 1, 1)), "expected a PNG image of at most 16777216 pixels"),
        (
            png([bytes(4)])[:33] + png([bytes(4)], size=(2**20, 2**20))[8:],
            "expected a PNG image of one header, at most one palette",
        ),
        (png([bytes(4)])[:8] + png([bytes(4)])[33:], "expected a PNG image of one header, at most one palette"),
        (png([bytes(4)])[:8], "expected a PNG image, received one without its end"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else f"{len(value)}-bytes",
)
def test_what_is_no_image_is_refused_with_a_sentence_that_names_the_file(read, tmp_path, data, message):
    with pytest.raises(PictureError) as caught:
        read(data)
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [npy, lambda a: png([bytes(row) for row in a[0].tolist()])], ids=["npy", "png"])
def test_any_bit_flipped_gives_an_array_or_a_codec_error(read, images, make):
    data = make(images)
    for bit in range(0, 8 * min(len(data), 140), 3):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(PictureError):
            assert isinstance(read(bytes(flipped)), np.ndarray)


def test_a_npy_file_that_promises_more_than_it_holds_takes_no_memory(read):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 28, 28), }\n"
    tracemalloc.start()
    try:
        with pytest.raises(PictureError, match=r"float64 of shape \(100000, 28, 28\) after the header, received 1000 bytes"):
            read(npy_with_header(header))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f2", ">u1", "?"])
def test_a_npy_file_of_any_byte_order_gives_native_numbers(read, rng, dtype):
    array = (rng.random((2, 3, 4)) < 0.5).astype(dtype)
    read_back = read(npy(array))
    assert read_back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read_back, array)


def test_a_comment_in_a_png_is_not_unpacked(read):
    text = b"Comment\0\0" + zlib.compress(bytes(2**22))
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    data = png([bytes(4)])
    np.testing.assert_array_equal(read(data[:33] + chunk + data[33:]), np.zeros((1, 4)))


def test_a_folder_in_a_folder_is_no_image_even_if_it_is_a_ring(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path)
    with pytest.raises(PictureError, match=r"a\.png: expected a readable file: Is a directory"):
        read_images(tmp_path)


def test_a_folder_of_very_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_FOLDER", 35)
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(png([bytes(4)]))
    with pytest.raises(PictureError, match="expected images that take at most 35 bytes as colours, received 3 of 4 × 1 pixels"):
        read_images(tmp_path)


def test_a_folder_of_as_many_pixels_as_allowed_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_FOLDER", 24)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(png([bytes(4)]))
    assert read_images(tmp_path).shape == (2, 1, 4)


class Pieces:
    """Standard input that gives what it holds in pieces, as a slow pipe does."""

    def __init__(self, *pieces):
        self.buffer, self.pieces = self, list(pieces)

    def read(self, size):
        return self.pieces.pop(0) if self.pieces else b""


def test_a_pipe_of_as_many_bytes_as_allowed_is_read_and_one_more_is_refused(monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_BYTES", 3)
    monkeypatch.setattr("sys.stdin", Pieces(b"da", b"t"))
    assert read_bytes(PIPE) == b"dat"
    monkeypatch.setattr("sys.stdin", Pieces(b"dat", b"a"))
    with pytest.raises(PictureError, match="-: expected at most 3 bytes from a pipe, received more"):
        read_bytes(PIPE)


def test_a_pipe_of_more_than_the_limit_is_refused_and_not_cut(monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_BYTES", 3)
    reader, writer = os.pipe()
    os.write(writer, b"data")
    os.close(writer)
    with open(reader) as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        with pytest.raises(PictureError, match="-: expected at most 3 bytes from a pipe, received more"):
            read_bytes(PIPE)


@pytest.mark.skipif(os.name != "posix", reason="about the files of POSIX")
@pytest.mark.parametrize("operation", [read_images, read_bytes, lambda path: write_bytes(path, b"data", force=True)])
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path, operation):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureError, match="it is a pipe or a device, no file"):
        operation(tmp_path / "pipe")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PictureError, match="nothing: expected a readable file: No such file or directory"):
        read_images(tmp_path / "nothing")


def test_a_pipe_is_read_to_its_end_without_memory_for_more_than_it_holds(monkeypatch):
    reader, writer = os.pipe()
    os.write(writer, b"data")
    os.close(writer)
    with open(reader) as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        tracemalloc.start()
        try:
            assert read_bytes(PIPE) == b"data"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 100_000_000


def test_a_folder_is_no_file_of_bytes(tmp_path):
    with pytest.raises(PictureError, match="expected a readable file: Is a directory"):
        read_bytes(tmp_path)


# --- writing


@pytest.mark.parametrize("name", ["a.npy", "A.NPY", "a-idx3-ubyte", "a.idx", "a-ubyte.gz", "folder", "3", ".folder"])
@pytest.mark.parametrize("count", [1, 3])
def test_images_written_are_read_again(tmp_path, images, name, count):
    write_images(tmp_path / name, images[:count], force=False)
    np.testing.assert_array_equal(read_images(tmp_path / name), images[:count])


@pytest.mark.parametrize("name", ["a.png", "a.ppm", "a.npy", "a"])
def test_colours_written_are_read_again(tmp_path, rng, name):
    pictures = rng.integers(0, 256, (2 if name == "a" else 1, 7, 9, 3), dtype=np.uint8)
    write_images(tmp_path / name, pictures, force=False)
    again = read_images(tmp_path / name, colours=True)
    np.testing.assert_array_equal(again if again.ndim == 4 else again[None], pictures)


def test_a_grey_picture_is_written_as_pgm_and_one_in_colours_is_not(tmp_path, rng):
    grey = rng.integers(0, 256, (1, 7, 9), dtype=np.uint8)
    write_images(tmp_path / "a.pgm", grey, force=False)
    np.testing.assert_array_equal(read_images(tmp_path / "a.pgm"), grey[0])
    for name, pictures in (("b.ppm", grey), ("b.pgm", np.stack([grey] * 3, -1)), ("b.pgm", np.concatenate([grey, grey]))):
        with pytest.raises(PictureError, match="expected one grey image for a PGM"):
            write_images(tmp_path / name, pictures, force=False)


def test_a_smooth_picture_takes_fewer_bytes_as_differences(tmp_path):
    y, x = np.mgrid[:64, :64]
    picture = np.stack([4 * y, 3 * y + x, x], -1).astype(np.uint8)
    write_images(tmp_path / "a.png", picture[None], force=False)
    assert (tmp_path / "a.png").stat().st_size < picture.size / 20
    np.testing.assert_array_equal(read_images(tmp_path / "a.png", colours=True), picture)


def test_a_set_is_a_folder_of_pngs_of_one_size(tmp_path, rng):
    assert is_set(tmp_path) and is_set(tmp_path, (5, 6))
    for number, shape in enumerate([(5, 6), (5, 6), (5, 7)]):
        write_images(tmp_path / f"{number}.png", rng.integers(0, 256, (1, *shape), dtype=np.uint8), force=False)
        assert is_set(tmp_path) == is_set(tmp_path, (5, 6)) == (number < 2)
        assert not is_set(tmp_path, (5, 7))


def test_every_grey_survives_a_png(tmp_path):
    image = np.arange(256, dtype=np.uint8).reshape(1, 8, 32)
    write_images(tmp_path / "grey.png", image, force=False)
    assert (tmp_path / "grey.png").read_bytes().startswith(b"\x89PNG")
    np.testing.assert_array_equal(read_images(tmp_path / "grey.png"), image[0])


def test_the_name_decides_the_kind(tmp_path, images):
    starts = {"a.npy": b"\x93NUMPY", "a-idx3-ubyte": b"\0\0\x08\x03", "a.idx.gz": b"\x1f\x8b", "A.PNG": b"\x89PNG"}
    for name, start in starts.items():
        write_images(tmp_path / name, images[:1], force=False)
        assert (tmp_path / name).read_bytes().startswith(start)


def test_an_idx_file_is_that_of_the_format(tmp_path, images):
    write_images(tmp_path / "a-idx3-ubyte", images, force=False)
    assert (tmp_path / "a-idx3-ubyte").read_bytes() == idx(images)
    write_images(tmp_path / "a-idx3-ubyte.gz", images, force=False)
    assert gzip.decompress((tmp_path / "a-idx3-ubyte.gz").read_bytes()) == idx(images)


@pytest.mark.parametrize("name", ["a.npy", "a.idx.gz", "a.png"])
def test_the_same_images_make_the_same_bytes_at_any_time(tmp_path, images, monkeypatch, name):
    files = []
    for folder, seconds in (("first", 1e9), ("second", 2e9)):
        monkeypatch.setattr("time.time", lambda seconds=seconds: seconds)
        (tmp_path / folder).mkdir()
        write_images(tmp_path / folder / name, images[:1], force=False)
        files.append((tmp_path / folder / name).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(("count", "names"), [(1, ["0.png"]), (10, ["0.png", "9.png"]), (11, ["00.png", "10.png"])])
def test_the_names_in_a_folder_sort_as_the_numbers_do(tmp_path, count, names):
    write_images(tmp_path / "folder", np.zeros((count, 2, 2), np.uint8), force=False)
    written = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert len(written) == count
    assert [written[0], written[-1]][:count] == names


def test_a_png_holds_one_image_only(tmp_path, images):
    with pytest.raises(PictureError, match="expected one image for a PNG, received 3: give a folder"):
        write_images(tmp_path / "a.png", images, force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.jpg", "a.gz", "a.npy.gz", "a.npz"])
def test_a_name_with_an_unknown_ending_is_refused(tmp_path, images, name):
    with pytest.raises(PictureError, match=r"expected a name that ends in \.png, \.npy, \.pgm, \.ppm or -ubyte"):
        write_images(tmp_path / name, images, force=False)
    assert list(tmp_path.iterdir()) == []


# --- never by accident, never by halves


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.idx", "folder"])
def test_nothing_is_replaced_unless_forced(tmp_path, images, name):
    write_images(tmp_path / name, images[:1], force=False)
    with pytest.raises(
        PictureError, match=r"is already there: choose another name, or give --force \(in Python force=True\) to replace it"
    ):
        write_images(tmp_path / name, images[1:2], force=False)
    np.testing.assert_array_equal(read_images(tmp_path / name).reshape(1, 4, 5), images[:1])
    write_images(tmp_path / name, images[1:2], force=True)
    np.testing.assert_array_equal(read_images(tmp_path / name).reshape(1, 4, 5), images[1:2])


def test_a_pipe_is_never_already_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(b"a file of this name")
    check_target(PIPE, force=False)


@pytest.mark.parametrize(("name", "call"), [("a.npy", "replace"), ("a.png", "replace"), ("folder", "rename")])
def test_a_failure_on_the_way_leaves_nothing(tmp_path, images, monkeypatch, name, call):
    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(PictureError, match=f"{name}: expected a place that can be written to: No space left on device"):
        write_images(tmp_path / name, images[:1], force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(PictureError, match="No space left on device"):
        write_bytes(tmp_path / "file", b"new", force=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("name", ["missing/a.npy", "missing/folder", "file/a.npy", "file/folder"])
def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, images, name):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(PictureError, match="expected a place that can be written to"):
        write_images(tmp_path / name, images, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("operation", [read_images, read_bytes, lambda path: write_bytes(path, b"data", force=False)])
def test_a_name_too_long_for_the_file_system_is_refused(tmp_path, operation):
    with pytest.raises(PictureError, match="File name too long"):
        operation(tmp_path / ("x" * 300))


def test_a_folder_of_fewer_images_replaces_one_of_more_whole(tmp_path, images):
    write_images(tmp_path / "folder", np.concatenate([images] * 4), force=False)
    write_images(tmp_path / "folder", images, force=True)
    np.testing.assert_array_equal(read_images(tmp_path / "folder"), images)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("name", ["notes.txt", "1.png.bak", "photo.png", ".hidden"])
def test_a_folder_that_holds_anything_else_is_not_replaced(tmp_path, images, name):
    write_images(tmp_path / "folder", images[:1], force=False)
    (tmp_path / "folder" / name).write_bytes(b"precious")
    with pytest.raises(
        PictureError, match=rf"folder: expected a folder of numbered PNG files to replace, received one with '{name}'"
    ):
        write_images(tmp_path / "folder", images, force=True)
    assert (tmp_path / "folder" / name).read_bytes() == b"precious"
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"0.png", name}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_holds_a_folder_is_not_replaced(tmp_path, images):
    write_images(tmp_path / "folder", images[:1], force=False)
    (tmp_path / "folder" / "1.png").mkdir()
    with pytest.raises(PictureError, match=r"expected a folder of numbered PNG files to replace, received one with '1\.png'"):
        write_images(tmp_path / "folder", images, force=True)
    assert (tmp_path / "folder" / "1.png").is_dir()


def test_a_folder_is_written_beside_its_place_since_no_rename_leaves_a_disk(tmp_path, images, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "another disk"))
    write_images(tmp_path / "folder", images, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_link_to_a_folder_stays_one(tmp_path, images):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    write_images(tmp_path / "link", images, force=True)
    assert (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(read_images(tmp_path / "folder"), images)


def failing_renames(error, *numbers):
    """Return an os.rename whose calls of these numbers, counted from 1, raise the error."""
    calls, rename = itertools.count(1), os.rename

    def renames_or_fails(source, target):
        if next(calls) in numbers:
            raise error
        rename(source, target)

    return renames_or_fails


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("error", "raised"), [(FULL, PictureError), (KeyboardInterrupt(), KeyboardInterrupt)])
def test_a_folder_that_cannot_be_replaced_stays_as_it_was(tmp_path, images, monkeypatch, number, error, raised):
    write_images(tmp_path / "folder", images[:1], force=False)
    monkeypatch.setattr(os, "rename", failing_renames(error, number))
    with pytest.raises(raised, match="No space left on device" if error is FULL else None):
        write_images(tmp_path / "folder", images, force=True)
    np.testing.assert_array_equal(read_images(tmp_path / "folder"), images[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_can_be_neither_replaced_nor_put_back_is_kept_and_the_message_says_where(tmp_path, images, monkeypatch):
    write_images(tmp_path / "folder", images[:1], force=False)
    monkeypatch.setattr(os, "rename", failing_renames(FULL, 2, 3))
    with pytest.raises(PictureError, match=r"folder: the folder could not be replaced and is now (.*): No space left") as caught:
        write_images(tmp_path / "folder", images, force=True)
    (kept,) = tmp_path.iterdir()
    assert f"is now {kept}: " in str(caught.value)
    np.testing.assert_array_equal(read_images(kept), images[:1])


def test_ctrl_c_after_a_folder_was_replaced_leaves_the_new_one_alone(tmp_path, images, monkeypatch):
    write_images(tmp_path / "folder", images[:1], force=False)
    rename = os.rename

    def interrupted_afterwards(source, target):
        rename(source, target)
        if source.name == "new":
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted_afterwards)
    with pytest.raises(KeyboardInterrupt):
        write_images(tmp_path / "folder", images, force=True)
    np.testing.assert_array_equal(read_images(tmp_path / "folder"), images)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_in_the_place_of_a_folder_is_not_replaced(tmp_path, images):
    (tmp_path / "folder").write_bytes(b"precious")
    with pytest.raises(PictureError, match="folder: expected a place that can be written to: Not a directory"):
        write_images(tmp_path / "folder", images, force=True)
    assert (tmp_path / "folder").read_bytes() == b"precious"


def test_a_folder_of_grey_pictures_and_some_in_colours_is_one_set_with_three_channels(tmp_path):
    grey, colours = np.array([[1, 2]], np.uint8), np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    write_images(tmp_path / "1.png", grey[None])
    write_images(tmp_path / "2.png", colours[None])
    np.testing.assert_array_equal(read_images(tmp_path, colours=True), [np.repeat(grey[..., None], 3, axis=2), colours])
    with pytest.raises(PictureError, match="expected grey images, received some with colours"):
        read_images(tmp_path)
