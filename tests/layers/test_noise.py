"""Dropout and noise: what they draw, what they leave alone, and that inference knows nothing of them."""

import re

import numpy as np
import pytest

from nnlite import Dense, Dropout, GaussianNoise, Sequential

LAYERS = {"Dropout": lambda rng: Dropout(0.3, rng=rng), "GaussianNoise": lambda rng: GaussianNoise(0.3, rng=rng)}
every_layer = pytest.mark.parametrize("name", LAYERS)


def test_dropout_zeroes_the_stated_share_and_keeps_the_mean(dtype, rng):
    y = Dropout(0.3, rng=rng).forward(np.ones((400, 500), dtype), training=True)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs(np.mean(y == 0) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / y.size)
    assert abs(np.mean(y, dtype=np.float64) - 1) < 5 * np.sqrt(0.3 / 0.7 / y.size)


def test_dropout_passes_the_gradient_through_what_it_kept(dtype, rng):
    layer, dy = Dropout(0.5, rng=rng), rng.standard_normal((7, 5)).astype(dtype)
    y = layer.forward(np.ones((7, 5), dtype), training=True)
    np.testing.assert_array_equal(layer.backward(dy), dy * y)


def test_dropout_of_rate_zero_drops_nothing(dtype, rng):
    x = rng.standard_normal((7, 5)).astype(dtype)
    np.testing.assert_array_equal(Dropout(0, rng=rng).forward(x, training=True), x)


def test_noise_has_the_stated_deviation(dtype, rng):
    x = np.full((400, 500), 2, dtype)
    noise = GaussianNoise(0.5, rng=rng).forward(x, training=True).astype(np.float64) - x
    assert abs(noise.mean()) < 5 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() / 0.5 - 1) < 5 / np.sqrt(2 * noise.size)


def test_noise_of_deviation_zero_changes_nothing(dtype, rng):
    x = rng.standard_normal((7, 5)).astype(dtype)
    np.testing.assert_array_equal(GaussianNoise(0, rng=rng).forward(x, training=True), x)


@every_layer
def test_training_works_in_the_same_arrays_again(name, dtype, rng):
    layer, x, dy = LAYERS[name](rng), np.ones((7, 5), dtype), np.ones((7, 5), dtype)
    y, dx = layer.forward(x, training=True), layer.backward(dy)
    assert np.shares_memory(layer.forward(x, training=True), y)
    assert np.shares_memory(layer.backward(dy), dx)


@every_layer
def test_inference_gives_back_the_input_and_draws_nothing(name, dtype, rng):
    layer, x = LAYERS[name](rng), np.ones((7, 5), dtype)
    before = rng.bit_generator.state
    np.testing.assert_array_equal(layer.forward(x), x)
    assert rng.bit_generator.state == before
    with pytest.raises(RuntimeError, match=f"{name}.backward needs"):
        layer.backward(x)


@every_layer
def test_every_step_draws_anew_and_a_seed_gives_the_same_again(name, dtype):
    x = np.ones((7, 5), dtype)
    runs = []
    for seed in (1, 1, 2):
        layer = LAYERS[name](np.random.default_rng(seed))
        runs.append([layer.forward(x, training=True).copy() for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][1]).any()
    assert (runs[0][0] != runs[2][0]).any()


@every_layer
def test_shape_and_dtype_stay_and_the_input_is_not_changed(name, dtype, rng):
    layer = LAYERS[name](rng)
    for shape in ((4, 3, 2), (2, 3, 2), (5,)):
        x = np.ones(shape, dtype)
        y = layer.forward(x, training=True)
        assert (y.shape, y.dtype) == (shape, dtype)
        dx = layer.backward(np.ones_like(x))
        assert (dx.shape, dx.dtype) == (shape, dtype)
        assert (x == 1).all()


def test_predictions_are_those_of_the_model_without_dropout(rng):
    dense = Dense(3, 3, rng=rng)
    x = rng.standard_normal((7, 3)).astype(np.float32)
    noisy = Sequential([GaussianNoise(1, rng=rng), dense, Dropout(0.5, rng=rng)], input_shape=(3,))
    np.testing.assert_array_equal(noisy.predict(x), Sequential([dense]).predict(x))


@pytest.mark.parametrize("rate", [-0.1, 1, np.nan])
def test_dropout_refuses_a_rate_that_is_no_probability_below_one(rate, rng):
    with pytest.raises(ValueError, match=re.escape(f"Dropout expects a rate in [0, 1), received {rate}")):
        Dropout(rate, rng=rng)


@pytest.mark.parametrize("deviation", [-0.1, np.inf, np.nan])
def test_noise_refuses_a_deviation_that_is_none(deviation, rng):
    with pytest.raises(ValueError, match=f"GaussianNoise expects a deviation ≥ 0, received {deviation}"):
        GaussianNoise(deviation, rng=rng)
