"""Principal components and what is drawn with them: those of the singular value decomposition, of images and of codes."""

import numpy as np
import pytest

from demos.shared.examples import between, one_two_four, samples
from demos.shared.pca import MAX_ROWS, fit_pca


@pytest.mark.parametrize("shape", [(40, 3, 4), (6, 3, 4), (20, 2, 2, 3)], ids=["many", "few", "colour"])
def test_pca_of_images_is_that_of_the_singular_value_decomposition(rng, shape):
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    pca = fit_pca(images, 3)
    x = images.reshape(len(images), -1) / 255
    mean = x.mean(axis=0)
    directions = np.linalg.svd(x - mean, full_matrices=False)[2][:3]
    decoded = mean + (x - mean) @ directions.T @ directions
    np.testing.assert_allclose(pca.decode(pca.encode(images), shape[1:]).reshape(len(x), -1), decoded, atol=1e-5)
    np.testing.assert_allclose(pca.directions @ pca.directions.T, np.eye(3), atol=1e-5)


def test_pca_of_codes_is_that_of_the_singular_value_decomposition(rng):
    x = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6)) + 10
    pca = fit_pca(x, 2)
    points = pca.encode(x)
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * values[:2]
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, rtol=1e-8, atol=1e-8)


def test_directions_that_few_images_do_not_have_are_zero(rng):
    images = rng.integers(0, 256, (3, 4, 4), dtype=np.uint8)
    pca = fit_pca(images, 5)
    np.testing.assert_array_equal(pca.directions.any(axis=1), [True, True, False, False, False])
    np.testing.assert_allclose(pca.decode(pca.encode(images), (4, 4)), images / 255, atol=1e-5)


@pytest.mark.parametrize("x", [np.arange(5.0)[:, None], np.zeros((5, 3))], ids=["one dimension", "all equal"])
def test_directions_that_codes_do_not_have_are_zero(x):
    pca = fit_pca(x, 2)
    points = pca.encode(x)
    assert points.shape == (5, 2) and not points[:, 1].any()


def test_of_many_large_images_some_stand_for_all(rng, monkeypatch):
    monkeypatch.setattr("demos.shared.pca.MAX_ROWS", 20)
    x = np.outer(rng.standard_normal(70), np.eye(1, 50)) + 1e-3 * rng.standard_normal((70, 50))
    few = fit_pca(x[::4], 1)  # 18 of 70
    np.testing.assert_array_equal(fit_pca(x, 1).directions, few.directions)
    assert MAX_ROWS > 784 and abs(few.directions[0, 0]) == pytest.approx(1, abs=1e-3)


# --- what is shown


@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_between_two_there_are_equal_steps_and_both_ends(rng, shape):
    start, end = rng.random((2, *shape), np.float32)
    steps = between(start, end, 5)
    assert steps.shape == (5, *shape) and steps.dtype == np.float32
    np.testing.assert_array_equal(steps[[0, -1]], [start, end])
    np.testing.assert_allclose(np.diff(steps, axis=0), np.broadcast_to((end - start) / 4, (4, *shape)), atol=1e-6)


def test_samples_have_the_mean_and_the_covariance_of_the_codes(rng):
    codes = rng.standard_normal((2000, 3)) @ np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0.1]]) + [5, 0, -1]
    drawn = samples(codes, 50_000, rng)
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), np.cov(codes, rowvar=False), atol=0.1)


@pytest.mark.parametrize(("last", "expected"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8])])
def test_one_two_four_are_powers_of_two_and_the_last(last, expected):
    assert one_two_four(last) == expected
