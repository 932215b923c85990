"""The file format: what is packed comes back, and nothing else is ever taken for it."""

import dataclasses
import hashlib
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from nnlite.codec.container import MAX_PIXELS, Header, pack, parse, read_header
from nnlite.files.errors import CodecError

MODEL = hashlib.sha256(b"the model").digest()
OTHER = hashlib.sha256(b"another model").digest()
ALIKE = MODEL[:31] + bytes([MODEL[31] ^ 1])  # the same first bits
DIGIT = {"quality": 3, "count": 1, "height": 28, "width": 28}
PAYLOAD = bytes.fromhex("00ff10a5c3")


def digit(payload=PAYLOAD):
    return pack(payload, model_hash=MODEL, **DIGIT)


def with_valid_checksum(data, model_hash=MODEL):
    """The file with the checksum that whoever forged it would have written."""
    return data[:4] + zlib.crc32(model_hash + data[:4] + data[8:]).to_bytes(4, "big") + data[8:]


def varint(number):
    """LEB128 by its definition: the base-128 digits from the lowest, 128 added to all but the last."""
    digits = [number % 128]
    while number := number // 128:
        digits = [*digits, number % 128]
    return bytes([d + 128 for d in digits[:-1]] + digits[-1:])


def refused(message, data, model_hash=MODEL):
    with pytest.raises(CodecError, match=message) as caught:
        parse(data, model_hash)
    assert "\n" not in str(caught.value)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.binary(max_size=50),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 15),
    st.tuples(st.integers(1, 600), st.integers(1, 600), st.integers(1, 600)),
)
def test_parse_gives_back_what_was_packed(payload, model_hash, quality, size):
    count, height, width = size
    data = pack(payload, model_hash=model_hash, quality=quality, count=count, height=height, width=width)
    header = Header(model_hash.hex()[:3], quality, count, height, width)
    assert parse(data, model_hash) == (header, payload)
    assert read_header(data) == header


def test_the_golden_file_is_written_and_read_for_ever():
    golden = bytes.fromhex("ce61a3a46a8b3639904e1cac0200ff10a5c3")
    assert pack(PAYLOAD, model_hash=bytes(range(0xA3, 0xC3)), quality=4, count=10_000, height=28, width=300) == golden
    header, payload = parse(golden, bytes(range(0xA3, 0xC3)))
    assert dataclasses.asdict(header) == {"model": "a3a", "quality": 4, "count": 10_000, "height": 28, "width": 300}
    assert payload == PAYLOAD


def test_every_field_stands_where_the_specification_says():
    data = digit()
    assert data == with_valid_checksum(b"\xce\x61" + MODEL[:1] + bytes([MODEL[1] & 240 | 3]) + bytes(4) + b"\x01\x1c\x1c" + PAYLOAD)


def test_a_small_image_costs_eleven_bytes_more_than_its_payload():
    assert len(digit()) == len(PAYLOAD) + 11
    assert len(pack(b"", model_hash=MODEL, quality=15, count=1, height=127, width=127)) == 11


@pytest.mark.parametrize(
    "size", [(1 << 28, 1, 1), (1, 1, 1 << 28), (1 << 14, 1 << 7, 1 << 7), (1 << 21, 1, 1 << 7), (1, 1 << 14, 1 << 14)]
)
def test_no_header_costs_more_than_fifteen_bytes(size):
    count, height, width = size
    data = pack(b"", model_hash=MODEL, quality=0, count=count, height=height, width=width)
    assert len(data) <= 15
    assert parse(data, MODEL)[0] == Header(MODEL.hex()[:3], 0, count, height, width)


def test_an_empty_payload_is_a_payload():
    assert parse(digit(b""), MODEL)[1] == b""


@pytest.mark.parametrize("changes", [{"count": 0}, {"height": 0}, {"width": 0}, {"count": -1}, {"height": -28}])
def test_pack_refuses_a_batch_without_pixels(changes):
    with pytest.raises(CodecError, match="expected one picture or more"):
        pack(PAYLOAD, model_hash=MODEL, **DIGIT | changes)


def test_pack_refuses_more_pixels_than_the_limit():
    with pytest.raises(CodecError, match="expected at most 268435456 pixels"):
        pack(PAYLOAD, model_hash=MODEL, quality=0, count=1, height=1, width=MAX_PIXELS + 1)


@pytest.mark.parametrize("quality", [-1, 16])
def test_pack_refuses_a_quality_that_does_not_fit_into_four_bits(quality):
    with pytest.raises(CodecError, match="expected quality to be from 0 to 15"):
        pack(PAYLOAD, model_hash=MODEL, **DIGIT | {"quality": quality})


@pytest.mark.parametrize("data", [b"", b"\xce", b"\x89PNG\r\n\x1a\n", b"qoif", b"\xce\x51" + bytes(20), bytes(20)])
def test_a_file_of_another_kind_is_not_of_this_format(data):
    refused("compress writes such files", data)


@pytest.mark.parametrize("version", [0, 2, 7, 8, 15])
def test_another_version_is_reported_before_anything_else_is_looked_at(version):
    refused(f"expected format 1 of 1, 7 and 8, received format {version}: read the file with", bytes([0xCE, 0x60 | version]))


def test_another_model_is_named():
    refused(f"made with model {MODEL.hex()[:3]}, received model {OTHER.hex()[:3]}", digit(), OTHER)


def test_another_model_is_reported_before_the_checksum():
    refused("made with model", digit()[:-1], OTHER)


def test_another_model_whose_hash_begins_alike_is_found_by_the_checksum():
    refused("checksum.*another model", digit(), ALIKE)


@pytest.mark.parametrize("length", range(11 + len(PAYLOAD)))
def test_a_file_cut_short_anywhere_is_refused(length):
    refused("cut short" if length > 1 else "compress writes such files", digit()[:length])


@pytest.mark.parametrize("more", [b"\0", b"more"])
def test_bytes_behind_the_end_are_refused(more):
    refused("checksum.*the file is damaged or cut short", digit() + more)


def test_every_flipped_bit_is_a_codec_error():
    data = digit()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(".", bytes(flipped))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (varint(0) + varint(28) + varint(28), "expected one picture or more"),
        (varint(1) + varint(0) + varint(28), "expected one picture or more"),
        (varint(1) + varint(28) + varint(0), "expected one picture or more"),
        (varint(1) + varint(1 << 14) + varint((1 << 14) + 1), "expected at most 268435456 pixels"),
        (varint((1 << 35) - 1) * 3, "expected at most 268435456 pixels"),
        (varint(1 << 35) + varint(1) + varint(1), "at most 5 bytes at offset 8"),
        (b"\xff" * 100, "at most 5 bytes at offset 8"),
        (b"\xff" * 5, "at most 5 bytes at offset 8"),
        (b"\xff" * 3, "cut short"),
        (b"\x81\x00" + varint(28) + varint(28), "expected the shortest form of 1, received 2 bytes"),
        (varint(1) + b"\x9c\x80\x80\x80\x00" + varint(28), "expected the shortest form of 28, received 5 bytes"),
        (varint(1) + varint(28) + b"\x80\x00", "expected the shortest form of 0"),
    ],
)
def test_sizes_no_file_can_have_are_refused_even_with_a_valid_checksum(numbers, message):
    refused(message, with_valid_checksum(digit()[:8] + numbers))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=40))
def test_no_other_bytes_are_taken_for_a_file(data):
    for forged in (data, b"\xce\x61" + data, digit()[:4] + data):
        refused(".", forged)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=40))
def test_whatever_is_accepted_is_what_pack_would_have_written(data):
    forged = with_valid_checksum(digit()[:4] + data)
    try:
        header, payload = parse(forged, MODEL)
    except CodecError:
        return
    sizes = {name: getattr(header, name) for name in DIGIT}
    assert pack(payload, model_hash=MODEL, **sizes) == forged
