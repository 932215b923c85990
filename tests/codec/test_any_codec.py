"""Which codec compresses what: the choice, its remarks, and what cannot be had."""

import io

import numpy as np
import PIL.Image  # which matplotlib needs
import PIL.ImageDraw
import pytest
from compiler import compiled

from nnlite.codec import any_codec, frame
from nnlite.codec.any_codec import Wishes, as_bytes, compress, decompress, describe
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.photographs import PhotographCodec
from nnlite.datasets import load_mnist
from nnlite.files.errors import CodecError
from nnlite.metrics import mse, psnr

Y, X = np.mgrid[:80, :96]
RNG = np.random.default_rng(8)
PHOTOGRAPH = (
    np.stack([X + Y, 128 + 60 * np.sin(X / 9 + Y / 30), 90 + 50 * np.cos(Y / 11)], -1) + RNG.normal(0, 6, (80, 96, 3))
).clip(0, 255)
PHOTOGRAPH = PHOTOGRAPH.astype(np.uint8)
DRAWING = np.where(((X // 5 + Y // 7) % 3 == 0)[..., None], [200, 30, 30], [250, 250, 250]).astype(np.uint8)
DIGITS = load_mnist().test_images[:20]


def text():
    image = PIL.Image.new("L", (120, 50), 255)
    PIL.ImageDraw.Draw(image).text((4, 4), "The quick brown fox\njumps over\nthe lazy dog.", fill=20)
    return np.asarray(image)


def lines():
    image = PIL.Image.new("RGB", (96, 80), (255, 255, 250))
    draw = PIL.ImageDraw.Draw(image)
    for k in range(9):
        draw.line([(10 * k, 3), (95 - 7 * k, 76)], fill=(20 * k, 0, 90), width=1 + k % 3)
    draw.ellipse([20, 10, 70, 60], outline=(0, 120, 0))
    return np.asarray(image)


WAVES = np.rint(128 + 90 * np.sin(X / 9 + Y / 30) * np.cos(Y / 11)).astype(np.uint8)
COLOURS = RNG.integers(0, 256, (8, 3), dtype=np.uint8)
NO_PHOTOGRAPHS = {
    "squares of a pixel": np.uint8(255) * ((Y + X) % 2 == 0),
    "many squares of a pixel": np.uint8(255) * (np.indices((200, 200)).sum(axis=0) % 2 == 0),
    "squares of 8 pixels": np.uint8(255) * ((Y // 8 + X // 8) % 2 == 0),
    "coloured squares": COLOURS[(X + Y) % 2],
    "stripes": COLOURS[(X + 2 * Y) % 3],
    "dithered": np.asarray(PIL.Image.fromarray(WAVES).convert("1")) * np.uint8(255),
    "ordered dots": (np.tile([[30, 160], [220, 95]], (40, 48)) < WAVES) * np.uint8(255),
    "two colours of noise": COLOURS[RNG.integers(0, 2, (60, 70))],
    "eight colours of noise": COLOURS[RNG.integers(0, 8, (60, 70))],
    "black and white noise": RNG.integers(0, 2, (60, 70), dtype=np.uint8) * np.uint8(255),
    "text": text(),
    "coloured text": np.array([[250, 240, 220], [10, 30, 90]], np.uint8)[text() // 128],
    "lines": lines(),
    "flat": np.full((90, 100, 3), [10, 200, 70], np.uint8),
    "one pixel": PHOTOGRAPH[:1, :1],
    "few pixels": lines()[20:32, 20:32],
}  # fmt: skip


def codec_of(file):
    return describe(file)["codec"]


@compiled
@pytest.mark.parametrize(
    ("pictures", "codec"),
    [
        (PHOTOGRAPH, "photograph"), (PHOTOGRAPH[..., 1], "photograph"), (DRAWING, "lossless"), (DRAWING[..., 0], "lossless"),
        (DIGITS, "digits"), (DIGITS[0], "digits"), (DIGITS / 255, "digits"), (255 - DIGITS, "lossless"),
        (PHOTOGRAPH[:28, :28, 1] // 4, "lossless"),
        (1 - DIGITS / 255, "lossless"), (PHOTOGRAPH[None], "photograph"), (PHOTOGRAPH[None, ..., 0], "photograph"),
        (PHOTOGRAPH[..., 1].reshape(4, 20, 96), "lossless"), (PHOTOGRAPH[:1, :1], "lossless"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:compressed without loss")
def test_the_pictures_choose_the_codec(pictures, codec):
    file = compress(pictures, Wishes())
    assert codec_of(file) == codec
    if codec == "lossless":
        np.testing.assert_array_equal(decompress(file).reshape(pictures.shape), as_bytes(pictures))


@pytest.mark.parametrize(
    ("picture", "codec"), [(PHOTOGRAPH[:8, :16], "photograph"), (lines()[20:28, 20:28], "lossless"), (DIGITS[:1], "digits")]
)
def test_a_small_picture_of_each_codec_comes_back(picture, codec):
    file = compress(picture, Wishes())
    assert codec_of(file) == codec
    assert psnr(mse(decompress(file).reshape(picture.shape), picture)) > 15


def png_size(picture):
    file = io.BytesIO()
    PIL.Image.fromarray(picture).save(file, "png", compress_level=9, optimize=True)
    return len(file.getvalue())


@compiled
@pytest.mark.parametrize("name", NO_PHOTOGRAPHS)
def test_what_is_no_photograph_is_kept_without_loss_in_no_more_bytes_than_a_png(name):
    picture = NO_PHOTOGRAPHS[name]
    file = compress(picture, Wishes())
    assert codec_of(file) == "lossless"
    np.testing.assert_array_equal(decompress(file)[0], picture)
    assert len(file) <= min(png_size(picture), len(PhotographCodec().compress(picture)))


@compiled
@pytest.mark.parametrize("quality", [0, 50, 90, 100])
def test_at_any_quality_the_shorter_file_is_chosen(quality):
    for picture in (PHOTOGRAPH, PHOTOGRAPH[..., 0], PHOTOGRAPH // 32 * 32, WAVES, *NO_PHOTOGRAPHS.values()):
        files = LosslessCodec().compress(picture), PhotographCodec().compress(picture, quality)
        assert compress(picture, Wishes(quality=quality)) == min(files, key=len)


@compiled
def test_a_lossless_file_within_the_target_is_the_best_picture():
    size = len(LosslessCodec().compress(PHOTOGRAPH))
    for target, codec in ((size, "lossless"), (size - 1, "photograph"), (size + 0.5, "lossless")):
        file = compress(PHOTOGRAPH, Wishes(target_bytes=target))
        assert codec_of(file) == codec and len(file) <= target


@compiled
def test_a_row_too_long_for_a_lossless_file_is_a_photograph():
    row = np.tile(WAVES[:1], 690)
    assert codec_of(compress(row, Wishes())) == "photograph" and row.shape == (1, 66240)


@compiled
def test_a_named_codec_is_taken_whatever_the_pictures_are():
    assert codec_of(compress(DRAWING, Wishes("photograph"))) == "photograph"
    assert codec_of(compress(PHOTOGRAPH, Wishes("lossless"))) == "lossless"
    for wishes in (Wishes("digits"), Wishes(quality=8), Wishes(target_bytes=60)):
        with pytest.raises(CodecError, match="invert them"):
            compress(255 - DIGITS, wishes)
    with pytest.raises(CodecError, match="28 × 28"):
        compress(PHOTOGRAPH[..., 0], Wishes("digits"))


@compiled
def test_wishes_reach_the_codec():
    photograph = PhotographCodec()
    assert compress(PHOTOGRAPH, Wishes(quality=20)) == photograph.compress(PHOTOGRAPH, 20)
    assert compress(DIGITS, Wishes(quality=3)) == ImageCodec.load().compress(DIGITS, 3)
    assert compress(DIGITS, Wishes("lossless")) == LosslessCodec().compress(DIGITS)


@compiled
def test_a_target_of_bytes_is_met_with_the_best_quality_that_fits():
    file = compress(PHOTOGRAPH, Wishes(target_bytes=900.5))
    assert len(file) <= 900 < len(PhotographCodec().compress(PHOTOGRAPH, describe(file)["quality"] + 1))
    everything = compress(PHOTOGRAPH, Wishes("photograph", target_bytes=10**9))
    assert describe(everything)["quality"] == 100


@compiled
@pytest.mark.parametrize("codec", [None, "lossless"])
def test_a_target_of_bytes_is_that_of_each_picture_of_a_batch_without_loss_too(codec):
    batch = np.stack([DRAWING, DRAWING[::-1], DRAWING[:, ::-1]])
    each = len(LosslessCodec().compress(batch)) / 3
    assert decompress(compress(batch, Wishes(codec, target_bytes=each))).shape == batch.shape
    with pytest.raises(CodecError, match="without loss, received larger ones"):
        compress(batch, Wishes(codec, target_bytes=each - 0.1))


def test_the_least_bytes_that_can_be_had_are_a_target_and_less_is_none():
    least = len(ImageCodec.load().compress(DIGITS, 0)) / len(DIGITS)
    assert describe(compress(DIGITS, Wishes(target_bytes=least)))["quality"] == 0
    with pytest.raises(CodecError, match="expected a target of at least"):
        compress(DIGITS, Wishes(target_bytes=np.nextafter(least, 0)))


@compiled
def test_the_bytes_that_a_lossless_file_takes_are_a_target_and_less_is_none():
    file = compress(DRAWING[:9, :8], Wishes("lossless"))
    assert compress(DRAWING[:9, :8], Wishes("lossless", target_bytes=len(file))) == file
    with pytest.raises(CodecError, match=r"expected pictures of at most .* without loss"):
        compress(DRAWING[:9, :8], Wishes("lossless", target_bytes=np.nextafter(len(file), 0)))


@compiled
def test_a_target_of_decibels_is_met_with_the_least_quality_that_reaches_it():
    photograph = PhotographCodec()
    file = compress(PHOTOGRAPH, Wishes(target_psnr=35))
    assert psnr(mse(decompress(file)[0], PHOTOGRAPH)) >= 35
    less = photograph.compress(PHOTOGRAPH, describe(file)["quality"] - 1)
    assert psnr(mse(photograph.decompress(less), PHOTOGRAPH)) < 35
    assert describe(compress(PHOTOGRAPH, Wishes(target_psnr=0.1)))["quality"] == 0


@compiled
def test_a_target_beyond_any_photograph_gives_a_lossless_file():
    with pytest.warns(UserWarning, match="compressed without loss, for with loss it is: expected a target of at most"):
        assert codec_of(compress(PHOTOGRAPH, Wishes(target_psnr=90))) == "lossless"
    with pytest.raises(CodecError, match="at most"):
        compress(PHOTOGRAPH, Wishes("photograph", target_psnr=90))


@compiled
@pytest.mark.parametrize(
    ("pictures", "wishes", "message"),
    [
        (PHOTOGRAPH, Wishes("lossless", target_bytes=9), "without loss"), (PHOTOGRAPH, Wishes(target_bytes=9), "at least"),
        (PHOTOGRAPH, Wishes("lossless", quality=9), "no quality"), (PHOTOGRAPH, Wishes("lossless", target_psnr=9), "no quality"),
        (np.stack([PHOTOGRAPH] * 2), Wishes(quality=9), "no quality or PSNR of a lossless file"),
        (PHOTOGRAPH, Wishes(quality=9, target_bytes=900), "at most one of quality, bytes and PSNR"),
        (DIGITS, Wishes(target_psnr=25, target_bytes=9), "at most one of quality, bytes and PSNR"),
        (PHOTOGRAPH, Wishes("jpeg"), "digits, photograph, lossless, received .jpeg"),
        (PHOTOGRAPH, Wishes(quality=101), "0 to 100"), (DIGITS, Wishes(quality=16), "0 to 15"),
        (PHOTOGRAPH.astype(float), Wishes(), "divide by"), (PHOTOGRAPH.astype(np.int32), Wishes(), "uint8"),
        (np.stack([PHOTOGRAPH] * 2), Wishes("photograph"), "a count of 1, "),
        (np.zeros((3, 4, 5, 4), np.uint8), Wishes(), "height, width"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_the_way_out(pictures, wishes, message):
    with pytest.raises(CodecError, match=message):
        compress(pictures, wishes)


@compiled
def test_one_picture_of_a_file_can_be_asked_for():
    for pictures, wishes in ((DIGITS, Wishes()), (DIGITS, Wishes("lossless")), (PHOTOGRAPH, Wishes())):
        file = compress(pictures, wishes)
        np.testing.assert_array_equal(decompress(file, 0), decompress(file)[:1])
        with pytest.raises(CodecError, match="expected"):
            decompress(file, 20)


def test_digits_are_read_by_the_codec_that_is_handed_in():
    class Marked:
        def decompress(self, data, indices):
            return data, indices

    assert decompress(b"digits of another model", 3, Marked()) == (b"digits of another model", [3])


@compiled
def test_a_description_says_what_is_in_the_file():
    file = compress(DIGITS, Wishes("lossless"))
    facts = describe(file)
    assert (facts["codec"], facts["digits"], facts["random_access"], facts["count"]) == ("lossless", True, False, 20)
    facts = describe(compress(PHOTOGRAPH, Wishes(quality=30)))
    assert (facts["quality"], facts["height"], facts["width"], facts["colour"]) == (30, 80, 96, True)


def test_lists_are_taken_as_arrays():
    assert compress((DIGITS[:2] / 255).tolist(), Wishes()) == compress(DIGITS[:2], Wishes())


def test_a_description_of_digits_names_quality_and_model():
    codec = ImageCodec.load()
    file = codec.compress(DIGITS, 5)
    size = {"count": 20, "height": 28, "width": 28, "bytes": len(file), "bytes_per_image": len(file) / 20}
    each = {"codec": "digits", "quality": 5, "model": codec.hash.hex()[:3]}
    assert describe(file) == {**each, **size, "bits_per_pixel": len(file) * 8 / (20 * 28 * 28)}


def test_digits_are_what_the_built_in_codec_takes():
    assert (*ImageCodec.load().image_shape, 1) == any_codec.DIGIT


@pytest.mark.parametrize(
    ("earlier", "numbers"), [(2, [4, 6, 8]), (3, [1, 4, 6, 8]), (4, [1, 4, 6, 8]), (5, [4, 6, 8]), (6, [1, 4, 6, 8])]
)
def test_a_file_of_an_earlier_format_is_not_read_as_another_picture(earlier, numbers):
    older = frame.pack(earlier, numbers, bytes(40))  # a checksum that is right
    for read in (decompress, describe):
        with pytest.raises(
            CodecError,
            match=f"expected format 1 of 1, 7 and 8, received format {earlier}: read the file with the codec, or the nnlite",
        ):
            read(older)
