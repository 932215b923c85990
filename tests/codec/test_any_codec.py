"""Which codec compresses what: the choice, its remarks, and what cannot be had."""

import numpy as np
import pytest

from nnlite.codec import any_codec
from nnlite.codec.any_codec import Wishes, as_bytes, choose, compress, decompress, describe
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


def codec_of(file):
    return describe(file)["codec"]


@pytest.mark.parametrize(
    ("pictures", "codec"),
    [
        (PHOTOGRAPH, "photograph"), (PHOTOGRAPH[..., 1], "photograph"), (DRAWING, "lossless"), (DRAWING[..., 0], "lossless"),
        (DIGITS, "digits"), (DIGITS[0], "digits"), (DIGITS / 255, "digits"), (255 - DIGITS, "lossless"),
        (1 - DIGITS / 255, "lossless"), (PHOTOGRAPH[None], "photograph"), (PHOTOGRAPH[None, ..., 0], "photograph"),
        (PHOTOGRAPH[..., 1].reshape(4, 20, 96), "lossless"), (PHOTOGRAPH[:1, :1], "lossless"),
    ],
)  # fmt: skip
def test_the_pictures_choose_the_codec(pictures, codec):
    file, remark = compress(pictures, Wishes())
    assert codec_of(file) == codec
    assert bool(remark) == (codec == "lossless" and pictures.shape == DIGITS.shape)
    if codec == "lossless":
        np.testing.assert_array_equal(decompress(file).reshape(pictures.shape), as_bytes(pictures))


def test_a_photograph_that_is_smaller_without_loss_is_kept_without_loss():
    assert len(compress(DRAWING, Wishes())[0]) < len(PhotographCodec().compress(DRAWING))


def test_a_named_codec_is_taken_whatever_the_pictures_are():
    assert codec_of(compress(DRAWING, Wishes("photograph"))[0]) == "photograph"
    assert codec_of(compress(PHOTOGRAPH, Wishes("lossless"))[0]) == "lossless"
    for wishes in (Wishes("digits"), Wishes(quality=8), Wishes(target_bytes=200)):
        with pytest.raises(CodecError, match="invert them"):
            compress(255 - DIGITS, wishes)
    with pytest.raises(CodecError, match="28 × 28"):
        compress(PHOTOGRAPH[..., 0], Wishes("digits"))


def test_wishes_reach_the_codec():
    photograph = PhotographCodec()
    assert compress(PHOTOGRAPH, Wishes(quality=20))[0] == photograph.compress(PHOTOGRAPH, 20)
    assert compress(PHOTOGRAPH, Wishes(target_bytes=900.5))[0] == photograph.compress_to_size(PHOTOGRAPH, 900)
    file = compress(PHOTOGRAPH, Wishes(target_psnr=30))[0]
    assert psnr(mse(PHOTOGRAPH, decompress(file)[0], peak=255)) >= 30 and codec_of(file) == "photograph"
    assert compress(DIGITS, Wishes(quality=3))[0] == ImageCodec.load().compress(DIGITS, 3)
    assert compress(DIGITS, Wishes("lossless"))[0] == LosslessCodec().compress(DIGITS)


def test_a_target_beyond_any_photograph_gives_a_lossless_file_and_says_so():
    file, remark = compress(PHOTOGRAPH, Wishes(target_psnr=90))
    assert codec_of(file) == "lossless" and "without loss" in remark
    with pytest.raises(CodecError, match="at most"):
        compress(PHOTOGRAPH, Wishes("photograph", target_psnr=90))


@pytest.mark.parametrize(
    ("pictures", "wishes", "message"),
    [
        (PHOTOGRAPH, Wishes("lossless", quality=9), "no quality"), (PHOTOGRAPH, Wishes("lossless", target_psnr=9), "no quality"),
        (PHOTOGRAPH, Wishes("lossless", target_bytes=9), "without loss"), (PHOTOGRAPH, Wishes(target_bytes=9), "at least"),
        (PHOTOGRAPH, Wishes(quality=101), "0 to 100"), (DIGITS, Wishes(quality=16), "0 to 15"),
        (PHOTOGRAPH.astype(float), Wishes(), "divide by"), (PHOTOGRAPH.astype(np.int32), Wishes(), "uint8"),
        (np.stack([PHOTOGRAPH] * 2), Wishes("photograph"), "height, width"),
        (np.zeros((3, 4, 5, 4), np.uint8), Wishes(), "height, width"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_the_way_out(pictures, wishes, message):
    with pytest.raises(CodecError, match=message):
        compress(pictures, wishes)


def test_one_picture_of_a_file_can_be_asked_for():
    for pictures, wishes in ((DIGITS, Wishes()), (DIGITS, Wishes("lossless")), (PHOTOGRAPH, Wishes())):
        file, _ = compress(pictures, wishes)
        np.testing.assert_array_equal(decompress(file, 0), decompress(file)[:1])
        with pytest.raises(CodecError, match="expected"):
            decompress(file, 20)


def test_a_description_says_what_is_in_the_file():
    file, _ = compress(DIGITS, Wishes("lossless"))
    facts = describe(file)
    assert (facts["codec"], facts["method"], facts["random_access"], facts["images"]) == ("lossless", "digit", "no", 20)
    facts = describe(compress(PHOTOGRAPH, Wishes(quality=30))[0])
    assert (facts["quality"], facts["height"], facts["width"], facts["colours"]) == (30, 80, 96, "yes")


def test_the_choice_looks_at_nothing_but_the_shape():
    for shape, codec in (((5, 28, 28), "digits"), ((28, 28, 3), "photograph"), ((5, 28, 29), "lossless")):
        assert choose(np.zeros(shape, np.uint8)) == codec
    assert ImageCodec.load().image_shape == any_codec.DIGIT
