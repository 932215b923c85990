"""The lossless codec from outside: whatever comes in comes out, in few bytes; whatever is damaged is refused."""

import contextlib
import hashlib
import zlib

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec import frame
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.lossless.lossless_codec import LIMITS
from nnlite.datasets import load_mnist
from nnlite.files.errors import CodecError

Y, X = np.mgrid[:40, :44]
RNG = np.random.default_rng(3)
GREY = ((X * X // 9 + 3 * Y + X * Y // 7 % 5) % 256).astype(np.uint8)
COLOUR = np.stack([GREY, GREY // 2 + 30, 255 - GREY], axis=-1)
DRAWING = np.where((X // 5 + Y // 7) % 3 == 0, 200, 30).astype(np.uint8)
PALETTE = np.array([[250, 250, 240], [10, 20, 30], [200, 0, 0]], np.uint8)[(X // 3 * Y // 4) % 3]
DIGITS = load_mnist().test_images[:12]
NOISE = RNG.integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.fixture(scope="module")
def codec():
    return LosslessCodec()


def there_and_back(codec, pictures, **options):
    file = codec.compress(pictures, **options)
    decoded = codec.decompress(file)
    single = pictures.ndim == 2 or (pictures.ndim == 3 and pictures.shape[2] == 3)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pictures[None] if single else pictures, strict=True)
    return file


@compiled
@pytest.mark.parametrize(
    "picture",
    [
        np.array([[7]], np.uint8), np.array([[[7, 8, 9]]], np.uint8), GREY[:1], GREY[:, :1], GREY[:2, :2], COLOUR[:1],
        COLOUR[:, :1],
        GREY, COLOUR, DRAWING, PALETTE, np.zeros((50, 60), np.uint8), np.full((50, 60, 3), [1, 2, 255], np.uint8),
        RNG.integers(0, 256, (20, 30), dtype=np.uint8), RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8),
        RNG.integers(0, 2, (20, 30), dtype=np.uint8), 255 * RNG.integers(0, 2, (20, 30, 3), dtype=np.uint8),
        DIGITS[0], 255 - DIGITS[0],
    ],
)  # fmt: skip
def test_a_picture_comes_back(codec, picture):
    assert len(there_and_back(codec, picture)) <= picture.size + 14


@compiled
@pytest.mark.parametrize("random_access", [False, True])
@pytest.mark.parametrize(
    "batch",
    [
        DIGITS, DIGITS[:1], 255 - DIGITS, np.zeros((5, 28, 28), np.uint8), GREY.reshape(4, 10, 44),
        DRAWING.reshape(4, 10, 44),
        COLOUR.reshape(4, 10, 44, 3), PALETTE.reshape(4, 10, 44, 3), RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8),
    ],
)  # fmt: skip
def test_a_batch_comes_back(codec, batch, random_access):
    file = there_and_back(codec, batch, random_access=random_access)
    np.testing.assert_array_equal(codec.decompress(file, [len(batch) - 1, 0]), batch[[-1, 0]])
    assert codec.decompress(file, []).shape == (0, *batch.shape[1:])


def is_raw(file, samples):
    """Tell whether the file ends with the samples themselves."""
    return file.endswith(samples.tobytes()) and len(file) <= 13 + samples.size


@pytest.mark.parametrize("picture", [GREY[:6, :7], COLOUR[:5, :6]], ids=["grey", "colours"])
def test_a_small_picture_comes_back(codec, picture):
    file = there_and_back(codec, picture // 64 * 64)
    assert not is_raw(file, picture // 64 * 64)


def test_a_stream_may_be_empty(codec):
    file = there_and_back(codec, np.full((3, 4), 128, np.uint8))
    assert file[-1] == 0 and len(file) == 11


def test_a_digit_comes_back(codec):
    assert LosslessCodec.header(there_and_back(codec, DIGITS[:1])).digits


@compiled
def test_the_model_is_the_one_that_takes_the_fewest_bytes(codec):
    for pictures, digits in ((GREY, False), (DIGITS, True), (DIGITS[0], True), (GREY[:28, :28], False), (DIGITS[:, :27], False)):
        assert LosslessCodec.header(codec.compress(pictures)).digits == digits


@pytest.mark.parametrize("picture", [NOISE, NOISE[:1, :1], NOISE[:, :27].reshape(10, 18, 3)], ids=["noise", "pixel", "colours"])
def test_what_no_model_knows_is_stored_as_it_is(codec, picture):
    assert is_raw(there_and_back(codec, picture), picture)


@compiled
def test_each_picture_may_be_stored_as_it_is(codec):
    mixed = np.stack([NOISE, np.zeros_like(NOISE), NOISE])
    assert 2 * NOISE.size < len(there_and_back(codec, mixed, random_access=True)) < 2 * NOISE.size + 30


@compiled
def test_a_file_is_given_up_where_it_takes_more_than_the_limit(codec):
    for pictures in (GREY, COLOUR, DRAWING, PALETTE, DIGITS, GREY[:1, :1], NOISE, np.zeros((50, 60), np.uint8)):
        file = codec.compress(pictures)
        assert codec.compress(pictures, limit=len(file)) == codec.compress(pictures, limit=len(file) + 0.5) == file
        with pytest.raises(CodecError, match=f"at most {len(file) - 1} bytes without loss"):
            codec.compress(pictures, limit=len(file) - 1)


def test_the_header_of_a_small_picture_takes_eleven_bytes(codec):
    for picture in (RNG.integers(0, 256, (5, 6), dtype=np.uint8), RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)):
        assert len(codec.compress(picture)) == 11 + picture.size


@compiled
def test_what_is_drawn_a_second_time_costs_little(codec):
    letters = RNG.integers(0, 5, (40, 60), dtype=np.uint8) * 50
    once = len(codec.compress(letters))
    assert len(codec.compress(np.tile(letters, (1, 6)))) < 2 * once


@compiled
def test_a_smooth_picture_costs_little(codec):
    smooth = np.rint(128 + 60 * np.sin(X / 9) * np.cos(Y / 7)).astype(np.uint8)
    assert len(codec.compress(smooth)) < smooth.size / 5


@compiled
def test_digits_cost_less_than_a_pixel_and_random_access_a_little_more(codec):
    digits = load_mnist().test_images[:200]
    batch, each = (8 * len(codec.compress(digits, random_access=choice)) / digits.size for choice in (False, True))
    assert batch < each < 1.02


@compiled
def test_digits_do_not_change_the_model(codec):
    before = [array.tobytes() for array in codec.digits[:3]]
    codec.compress(DIGITS)
    codec.compress(DIGITS, random_access=True)
    assert [array.tobytes() for array in codec.digits[:3]] == before


@compiled
def test_the_pictures_given_are_neither_changed_nor_need_they_be_writable_or_contiguous(codec):
    picture = np.asfortranarray(COLOUR[::2])
    before = picture.copy()
    picture.flags.writeable = False
    there_and_back(codec, picture)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (GREY / 255, "times 255"), (GREY.astype(np.uint16), "uint8"), (GREY > 9, "uint8"), (GREY[0], "height, width"),
        (np.zeros((2, 3, 4, 4), np.uint8), "height, width"), (np.zeros((0, 4), np.uint8), r"received \(0, 4\)"),
        (np.zeros((0, 4, 4), np.uint8), r"received \(0, 4, 4\)"), (np.zeros((1, 1 << 16), np.uint8), "divide them"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(codec, pictures, message):
    with pytest.raises(CodecError, match=message):
        codec.compress(pictures)


@pytest.mark.parametrize(
    "size", [(1 << 20, 16, 16, 1), (1, 65_535, 4096, 1), (1, 4096, 65_535, 1), (1, 1 << 14, 1 << 14, 1), (1, 9000, 9000, 3)]
)
def test_the_largest_sizes_are_allowed_and_no_larger_ones(size):
    limits = LIMITS[size[3] == 3]
    frame.check_size(size[:3], *limits)
    for larger in (((1 << 20) + 1, 1, 1, 1), (1, 1 << 16, 1, 1), (1, 1, 1 << 16, 1), (size[0] * 4, *size[1:])):
        with pytest.raises(CodecError):
            frame.check_size(larger[:3], *limits)


@compiled
def test_a_picture_that_is_not_there_is_refused(codec):
    with pytest.raises(CodecError, match="from 0 to 11"):
        codec.decompress(codec.compress(DIGITS), [12])


FILES = [
    (GREY[:12, :12], {}),
    (PALETTE[:12, :12], {}),
    (DIGITS[:2], {}),
    (DIGITS[:2], {"random_access": True}),
    (COLOUR[:2, :2], {}),
]


@compiled
@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_file_cut_short_or_with_a_changed_byte_is_refused(codec, number):
    pictures, options = FILES[number]
    file = codec.compress(pictures, **options)
    for damaged in [file[:k] for k in range(len(file))] + [
        file[:k] + bytes([file[k] ^ 1 << k % 8]) + file[k + 1 :] for k in range(len(file))
    ]:
        with pytest.raises(CodecError):
            codec.decompress(damaged)


def with_checksum(codec, file):
    """Return a file with its checksum made right."""
    model = codec.digits_hash if LosslessCodec.header(file).digits else b""
    checksum = zlib.crc32(file[6:], zlib.crc32(file[:2], zlib.crc32(model)))
    return file[:2] + checksum.to_bytes(4, "big") + file[6:]


@compiled
@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_payload_that_nobody_wrote_gives_pictures_of_the_size_or_a_sentence(codec, number):
    pictures, options = FILES[number]
    file = codec.compress(pictures, **options)
    rng = np.random.default_rng(number)
    start = frame.read_numbers(file, frame.LOSSLESS, 4)[1]
    for _ in range(60):
        payload = rng.bytes(int(rng.integers(0, 2 * len(file))))
        with contextlib.suppress(CodecError):
            decoded = codec.decompress(with_checksum(codec, file[:start] + payload))
            assert decoded.size == pictures.size and decoded.shape[-2:] == pictures.shape[-2:]


def test_few_bytes_cannot_ask_for_many_pixels(codec):
    for kind in (0, 1, 2):
        file = frame.pack(frame.LOSSLESS, (1, 16000, 16000, kind), bytes(500))
        with pytest.raises(CodecError, match=r"samples|pixels"):
            codec.decompress(file)


@pytest.mark.parametrize(
    "numbers",
    [(1, 5, 5, 8), (1, 5, 5, 4), (1, 28, 28, 5), (0, 5, 5, 0), (1, 0, 5, 0), (1, 1 << 16, 5, 0), (1 << 21, 1, 1, 0)],
)  # fmt: skip
def test_sizes_and_kinds_that_cannot_be_are_refused(codec, numbers):
    with pytest.raises(CodecError):
        codec.decompress(frame.pack(frame.LOSSLESS, numbers, bytes(100)))


@compiled
def test_a_file_of_digits_needs_the_model_that_made_it(codec):
    other = codec.digits._replace(states=codec.digits.states.copy())
    other.states[5] += 1
    with pytest.raises(CodecError, match="model"):
        LosslessCodec(other).decompress(codec.compress(DIGITS))


# What each model writes never changes: files must be readable for ever.
GOLDEN = {  # of an example, and of a corner of it or the first digit
    "photograph": (COLOUR, COLOUR[:9, :11], "d0123b83875113f4", "d7325e5cd28a5aab"),
    "drawing": (PALETTE, PALETTE[:9, :11], "2eed0902ea901f6b", "edc642d85b399331"),
    "digits": (DIGITS, DIGITS[:1], "ea395f14dda735b7", "b1cd8a46d6f90f82"),
}


def digest(file):
    return hashlib.sha256(file).hexdigest()[:16]


@compiled
@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_are_those_that_have_always_been_written(codec, name):
    example, _, expected, _ = GOLDEN[name]
    assert digest(codec.compress(example)) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_a_small_picture_are_those_that_have_always_been_written(codec, name):
    _, corner, _, expected = GOLDEN[name]
    assert digest(codec.compress(corner)) == expected


def test_a_picture_wider_than_the_neurons_column_is_written_as_it_has_always_been(codec):
    picture = np.zeros((3, 40), np.uint8)
    picture[1:, 33:] = 9
    assert digest(codec.compress(picture)) == "f5c2a361829f5760"
