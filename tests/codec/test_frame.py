"""The frame around a picture's bytes: a file comes apart as it was put together, a damaged one is found out."""

import zlib

import numpy as np
import pytest

from nnlite.codec import frame
from nnlite.files.errors import CodecError

HASH = bytes(range(32))
FILE = frame.pack(frame.PHOTOGRAPH, [512, 768, 100], b"payload", HASH)


def test_numbers_and_payload_return():
    assert frame.parse(FILE, frame.PHOTOGRAPH, 3, HASH) == ([512, 768, 100], b"payload")
    assert frame.format_of(FILE) == 7
    assert frame.read_numbers(FILE, frame.PHOTOGRAPH, 3)[0] == [512, 768, 100]


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16383, 16384, 2**35 - 1])
def test_any_number_returns_from_as_few_bytes_as_it_needs(number):
    encoded = frame.write_varint(number)
    assert len(encoded) == max(1, -(-number.bit_length() // 7))
    assert frame.read_varint(b"x" + encoded + b"y", 1) == (number, 1 + len(encoded))


def test_the_layout_is_the_documented_one():
    rest = bytes([28, 0x80 | 44, 2]) + b"abc"
    expected = b"\xce\x68" + zlib.crc32(HASH + b"\xce\x68" + rest).to_bytes(4, "big") + rest
    assert frame.pack(frame.LOSSLESS, [28, 300], b"abc", HASH) == expected


@pytest.mark.parametrize("position", range(len(FILE)))
def test_a_bit_flipped_anywhere_is_found_out(position):
    damaged = bytearray(FILE)
    damaged[position] ^= 4
    with pytest.raises(CodecError):
        frame.parse(bytes(damaged), frame.PHOTOGRAPH, 3, HASH)


@pytest.mark.parametrize("length", range(len(FILE)))
def test_a_file_cut_short_is_found_out(length):
    with pytest.raises(CodecError):
        frame.parse(FILE[:length], frame.PHOTOGRAPH, 3, HASH)


def test_another_model_or_format_is_found_out():
    with pytest.raises(CodecError, match="another model"):
        frame.parse(FILE, frame.PHOTOGRAPH, 3, b"other")
    with pytest.raises(CodecError, match="expected format 8 of 1, 7 and 8, received format 7: read the file with the codec"):
        frame.parse(FILE, frame.LOSSLESS, 3, HASH)
    assert frame.format_of(b"\x89PNG") is None
    assert frame.format_of(b"") is None


def test_without_a_model_the_hash_is_empty():
    data = frame.pack(frame.LOSSLESS, [28, 300], b"abc")
    assert data == frame.pack(frame.LOSSLESS, [28, 300], b"abc", b"")
    assert frame.parse(data, frame.LOSSLESS, 2) == ([28, 300], b"abc")
    assert frame.format_of(data) == frame.LOSSLESS


@pytest.mark.parametrize("length", range(5))
def test_a_number_whose_end_is_missing_is_cut_short(length):
    with pytest.raises(CodecError, match=f"received the first {length + 1} bytes of one: the file is cut short"):
        frame.read_varint(b"x" + b"\xff" * length, 1)


@pytest.mark.parametrize("data", [b"\xff" * 5, b"\xff" * 5 + b"\x01", b"\x80" * 5 + b"\x01"])
def test_a_number_of_more_than_five_bytes_is_refused(data):
    with pytest.raises(CodecError, match="at most 5 bytes at offset 1"):
        frame.read_varint(b"x" + data, 1)


def test_a_number_in_a_longer_form_than_needed_is_refused():
    with pytest.raises(CodecError, match="shortest form"):
        frame.read_varint(b"\x81\x00", 0)
    with pytest.raises(CodecError, match="at most 5 bytes"):
        frame.read_varint(b"\xff" * 9, 0)


@pytest.mark.parametrize(
    ("shape", "batch"),
    [
        ((4, 5), (1, 4, 5, 1)), ((4, 5, 3), (1, 4, 5, 3)), ((3, 4), (1, 3, 4, 1)), ((2, 4, 5), (2, 4, 5, 1)),
        ((3, 4, 5), (3, 4, 5, 1)),
        ((2, 4, 5, 1), (2, 4, 5, 1)), ((2, 4, 5, 3), (2, 4, 5, 3)), ((1, 1, 1, 1), (1, 1, 1, 1)),
    ],
)  # fmt: skip
def test_a_picture_or_a_batch_gets_four_dimensions(shape, batch):
    pictures = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(frame.as_batch(pictures), pictures.reshape(batch), strict=True)


@pytest.mark.parametrize("shape", [(4,), (), (2, 4, 5, 2), (2, 4, 5, 4), (1, 2, 4, 5, 1), (0, 5), (2, 0, 3), (0, 4, 5, 3)])
def test_what_has_no_such_shape_or_no_pixel_is_no_batch(shape):
    with pytest.raises(CodecError, match="expected a picture"):
        frame.as_batch(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float32, np.bool_])
def test_other_numbers_than_bytes_are_no_batch(dtype):
    with pytest.raises(CodecError, match="expected pictures of uint8, received"):
        frame.as_batch(np.zeros((4, 5), dtype))


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 5, 6), (5, 2, 6), (5, 6, 2), (1, 7, 8)])
def test_sizes_up_to_the_limits_are_taken(sizes):
    frame.check_size(sizes, 60, 5, 8)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (2, 5, 7), (6, 1, 1), (1, 9, 1), (1, 1, 9)])
def test_sizes_beyond_the_limits_are_refused(sizes):
    with pytest.raises(CodecError, match=f"received {sizes[0]} of {sizes[1]} × {sizes[2]}: the file is damaged"):
        frame.check_size(sizes, 60, 5, 8)


@pytest.mark.parametrize("data", [b"\xce", b"\xce\x67\0\0\0\0", b"\xce\x67\0\0\0\0\x80"])
def test_a_header_without_its_numbers_is_cut_short(data):
    with pytest.raises(CodecError, match=r"cut short|starts with"):
        frame.read_numbers(data, frame.PHOTOGRAPH, 3)
