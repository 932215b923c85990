"""Numbers on pictures and on labels."""

import math

import numpy as np
import pytest

from nnlite.metrics import accuracy, binary_entropy, bits_per_pixel, mse, psnr, ssim


def test_mse_of_a_worked_example():
    """Differences 51, 0, -51, 255 of 255 are 0.2, 0, -0.2, 1: (0.04 + 0 + 0.04 + 1) / 4 = 0.27."""
    image = np.array([[51, 7], [0, 255]], np.uint8)
    reference = np.array([[0, 7], [51, 0]], np.uint8)
    assert mse(image, reference) == pytest.approx(0.27, rel=1e-15)
    assert mse(image / 255, reference / 255, peak=1) == pytest.approx(0.27, rel=1e-15)


def test_mse_of_bytes_does_not_wrap_around():
    assert mse(np.zeros(3, np.uint8), np.full(3, 255, np.uint8)) == 1
    assert mse(np.full(3, 255, np.uint8), np.zeros(3, np.uint8)) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32, np.float64])
def test_mse_is_taken_in_float64_and_given_as_a_python_float(dtype):
    value = mse(np.full((40, 40), 1, dtype), np.zeros((40, 40), dtype), peak=3)
    assert type(value) is float
    assert value == pytest.approx(1 / 9, rel=1e-14)


def test_mse_pools_all_images(rng):
    a, b = rng.uniform(0, 1, (2, 5, 4, 4))
    each = [mse(x, y, peak=1) for x, y in zip(a, b, strict=True)]
    assert mse(a, b, peak=1) == pytest.approx(np.mean(each), rel=1e-14)


def test_mse_of_equal_images_is_zero(rng):
    image = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    assert mse(image, image) == 0


@pytest.mark.parametrize("shape", [(4, 1), (4,), (1, 4, 4), (4, 5)])
def test_mse_broadcasts_nothing(shape):
    with pytest.raises(ValueError, match="arrays of equal shape"):
        mse(np.zeros((4, 4)), np.zeros(shape), peak=1)


def test_mse_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"at least one element, received shape \(0, 4\)"):
        mse(np.zeros((0, 4)), np.zeros((0, 4)), peak=1)


@pytest.mark.parametrize(("error", "decibels"), [(1, 0), (0.1, 10), (0.01, 20), (1e-5, 50), (0.5, 10 * math.log10(2))])
def test_psnr_is_in_decibels(error, decibels):
    assert psnr(error) == pytest.approx(decibels, abs=1e-12)


def test_psnr_of_equal_images_is_infinite():
    assert psnr(0) == math.inf


def test_psnr_of_an_error_that_is_no_number_is_none_either():
    assert math.isnan(psnr(math.nan))


def test_psnr_refuses_a_negative_error():
    with pytest.raises(ValueError, match=r"psnr expects an error of at least 0, .*received -0\.5"):
        psnr(-0.5)


@pytest.mark.parametrize("metric", [mse, ssim])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint16, np.int64, bool])
def test_the_scale_of_all_but_bytes_must_be_said(metric, dtype):
    images = np.ones((2, 12, 12), dtype)
    with pytest.raises(ValueError, match=rf"{metric.__name__} cannot tell the scale of {np.dtype(dtype)}: give peak=1 for"):
        metric(images, images)
    metric(images, images, peak=1)


def test_an_error_of_a_tenth_of_white_is_20_decibels_on_every_scale():
    black = np.zeros((12, 12))
    assert psnr(mse(black, np.full((12, 12), 0.1), peak=1)) == pytest.approx(20)
    assert psnr(mse(black, np.full((12, 12), 25.5), peak=255)) == pytest.approx(20)
    assert psnr(mse(black.astype(np.uint8), np.full((12, 12), 51, np.uint8))) == pytest.approx(-20 * math.log10(0.2))
    assert ssim(black, np.full((12, 12), 0.1), peak=1) == pytest.approx(1e-4 / (0.01 + 1e-4), rel=1e-9)


@pytest.mark.parametrize("metric", [mse, ssim])
@pytest.mark.parametrize("dtypes", [(np.float32, np.uint8), (np.uint8, np.float64), (np.float32, np.float64), (np.uint8, np.int64)])
def test_two_dtypes_are_not_compared(metric, dtypes):
    image, reference = (np.ones((12, 12), dtype) for dtype in dtypes)
    received = " and ".join(str(np.dtype(dtype)) for dtype in dtypes)
    with pytest.raises(ValueError, match=f"{metric.__name__} compares real numbers of one dtype, received {received}"):
        metric(image, reference, peak=1)


@pytest.mark.parametrize("metric", [mse, ssim])
@pytest.mark.parametrize("peak", [0, -1, math.nan, math.inf, "1", None])
def test_a_peak_that_is_no_white_is_refused(metric, peak):
    image = np.ones((12, 12), np.float32)
    with pytest.raises(ValueError, match=r"expects a positive peak, received|cannot tell the scale"):
        metric(image, image, peak=peak)


@pytest.mark.parametrize("metric", [mse, ssim])
def test_bytes_of_0_and_1_alone_are_compared_as_images_with_a_warning(metric):
    dark = np.eye(12, dtype=np.uint8)
    with pytest.warns(UserWarning, match=r"uint8 holds only 0 and 1, .*: give peak=1 or peak=255") as record:
        value = metric(dark, 1 - dark)
    assert record[0].filename == __file__
    assert value == metric(dark, 1 - dark, peak=255) != metric(dark, 1 - dark, peak=1)
    metric(0 * dark, 0 * dark)  # black is black


def test_the_entropy_of_bytes_of_0_and_1_is_that_of_dark_images_with_a_warning():
    labels = np.eye(10, dtype=np.uint8)
    message = r"uint8 holds only 0 and 1, .*: give target.astype\('float32'\) for numbers 0 and 1"
    with pytest.warns(UserWarning, match=message) as record:
        assert binary_entropy(labels) > 0
    assert record[0].filename == __file__
    assert binary_entropy(labels.astype(np.float32)) == 0


@pytest.mark.parametrize("images", ["abc", [[0, 1], [2]], None, [["a"]]])
def test_what_is_no_array_of_numbers_is_refused(images):
    for metric in (mse, ssim):
        with pytest.raises(ValueError, match="image is expected to be an array of numbers, received"):
            metric(images, images, peak=1)
    with pytest.raises(ValueError, match="scores is expected to be an array of numbers"):
        accuracy(images, images)


@pytest.mark.parametrize("error", ["0.1", None, np.zeros(3)])
def test_psnr_is_of_one_number(error):
    with pytest.raises(ValueError, match="such as mse gives it, received"):
        psnr(error)


def ssim_pixel_by_pixel(a, b):
    """The paper's formula, window by window, as a loop."""
    g = np.exp(-((np.arange(11) - 5) ** 2) / 4.5)
    w = np.outer(g, g) / np.outer(g, g).sum()
    values = []
    for r in range(a.shape[0] - 10):
        for c in range(a.shape[1] - 10):
            x, y = a[r : r + 11, c : c + 11], b[r : r + 11, c : c + 11]
            mx, my = (w * x).sum(), (w * y).sum()
            vx, vy, cov = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum(), (w * (x - mx) * (y - my)).sum()
            values.append((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    return np.mean(values)


def test_ssim_is_the_papers_formula(rng):
    a = rng.uniform(0, 1, (15, 17))
    b = np.clip(a + 0.2 * rng.standard_normal(a.shape), 0, 1)
    assert ssim(a, b, peak=1) == pytest.approx(ssim_pixel_by_pixel(a, b), rel=1e-10)
    assert ssim(255 * a, 255 * b, peak=255) == pytest.approx(ssim(a, b, peak=1), rel=1e-10)


def test_ssim_of_equal_images_is_one_and_of_a_negative_below_zero(rng):
    image = rng.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    assert ssim(image, image) == pytest.approx(1, abs=1e-12)
    assert ssim(image, 255 - image) < 0


def test_ssim_of_two_flat_images_compares_their_brightness():
    a, b = np.full((11, 11), 0.5), np.full((11, 11), 0.25)
    assert ssim(a, b, peak=1) == pytest.approx((0.25 + 1e-4) / (0.3125 + 1e-4), rel=1e-9)


def test_ssim_averages_images(rng):
    a, b = rng.uniform(0, 1, (2, 4, 12, 13))
    assert ssim(a, b, peak=1) == pytest.approx(np.mean([ssim(x, y, peak=1) for x, y in zip(a, b, strict=True)]), rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [((12, 12), (12, 13)), ((10, 28), (10, 28)), ((28,), (28,)), ((0, 28, 28), (0, 28, 28))])
def test_ssim_refuses_what_it_cannot_compare(a, b):
    with pytest.raises(ValueError, match=r"ssim (compares arrays of equal shape|needs images .* of at least 11 by 11), received"):
        ssim(np.zeros(a), np.zeros(b), peak=1)


def test_bits_per_pixel_by_hand():
    assert bits_per_pixel(98, (1, 28, 28)) == 1
    assert bits_per_pixel(3, (1, 1)) == 24
    assert bits_per_pixel(0, (28, 28)) == 0


@pytest.mark.parametrize(("size", "shape"), [(98, (0, 28)), (-1, (28, 28))])
def test_a_file_of_less_than_nothing_and_pictures_without_pixels_have_no_bits_per_pixel(size, shape):
    with pytest.raises(ValueError, match=f"expects a size and at least one pixel, received {size} and the shape"):
        bits_per_pixel(size, shape)


def test_accuracy_by_hand():
    scores = np.array([[0.1, 0.9, 0.0], [2.0, -1.0, 1.0], [-3.0, -2.0, -1.0], [0.0, 0.0, 0.5]])  # largest: 1, 0, 2, 2
    assert accuracy(scores, np.array([1, 0, 2, 1])) == 0.75
    assert accuracy(scores, np.array([0, 1, 1, 0], np.uint8)) == 0


def test_accuracy_of_logits_is_that_of_their_probabilities(rng):
    logits, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert 0 < accuracy(logits, labels) == accuracy(probabilities, labels) < 1


@pytest.mark.parametrize(
    ("scores", "labels"), [((4, 3), (4, 3)), ((4, 3), (3,)), ((4, 3), (4, 1)), ((4,), (4,)), ((0, 3), (0,)), ((4, 0), (4,))]
)
def test_accuracy_refuses_shapes_that_do_not_fit(scores, labels):
    with pytest.raises(ValueError, match=r"accuracy expects scores \(N, C\) and labels \(N,\), received shapes"):
        accuracy(np.zeros(scores), np.zeros(labels, int))


@pytest.mark.parametrize("label", [0, 1])
def test_accuracy_refuses_a_sample_with_nan_that_has_no_largest_score(label):
    scores = np.array([[0.1, 0.9], [-np.inf, np.inf], [0.2, 0.1]])
    assert accuracy(scores, np.array([1, 1, 0])) == 1
    for bad in ([np.nan, np.nan], [0.5, np.nan], [np.nan, 0.5]):
        scores[1] = bad
        with pytest.raises(ValueError, match="accuracy expects scores that can be compared, received NaN, first in sample 1"):
            accuracy(scores, np.array([1, label, 0]))


@pytest.mark.parametrize("labels", [np.array([0, 3]), np.array([-1, 0]), np.array([0.0, 1.0])])
def test_accuracy_refuses_labels_that_are_none_of_the_classes(labels):
    with pytest.raises(ValueError, match="accuracy expects integer labels from 0 to 2, received"):
        accuracy(np.zeros((2, 3)), labels)
