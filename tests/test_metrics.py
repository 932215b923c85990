"""Numbers on pictures."""

import math

import numpy as np
import pytest

from nnlite.metrics import mse, psnr


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
        mse(np.zeros((4, 4)), np.zeros(shape))


def test_mse_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"at least one element, received shape \(0, 4\)"):
        mse(np.zeros((0, 4)), np.zeros((0, 4)))


@pytest.mark.parametrize(("error", "decibels"), [(1, 0), (0.1, 10), (0.01, 20), (1e-5, 50), (0.5, 10 * math.log10(2))])
def test_psnr_is_in_decibels(error, decibels):
    assert psnr(error) == pytest.approx(decibels, abs=1e-12)


def test_psnr_of_equal_images_is_infinite():
    assert psnr(0) == math.inf
