"""The entropy bottleneck: its gradients, the bits it counts, and the error it makes."""

import copy
from decimal import Decimal, localcontext

import numpy as np
import pytest

from nnlite import Autoencoder, Dense, Sigmoid
from nnlite.codec.digits.bottleneck import SPEED, EntropyBottleneck
from nnlite.codec.quantizer import dequantize, quantize
from nnlite.gradcheck import gradcheck
from nnlite.losses import MeanSquaredError

PRICES = [0.5, 0.1, 0.02]


def bottleneck(rng, features=4, prices=PRICES, dtype=np.float64, **options):
    """Return a layer whose gains and priors differ from latent to latent, as training would leave them."""
    layer = EntropyBottleneck(features, prices, rng=rng, dtype=dtype, **options)
    for parameter in layer.parameters:
        parameter.value += (0.05 * rng.standard_normal(parameter.value.shape)).astype(dtype)
    return layer


def settings(layer, quality):
    """Return gain, location and scale of each sample's quality, from the definition of the parameters."""
    gain, location, scale = (SPEED * parameter.value[quality] for parameter in layer.parameters)
    return np.exp(gain), location, np.exp(scale)


# --- gradients


@pytest.mark.parametrize(("samples", "features", "qualities"), [(1, 1, 1), (5, 3, 1), (1, 4, 3), (12, 2, 3), (4, 6, 7)])
def test_the_gradients_are_the_derivatives(rng, samples, features, qualities):
    layer = bottleneck(rng, features, np.geomspace(1, 0.01, qualities))
    report = gradcheck(layer, 2 * rng.standard_normal((samples, features)), rng=rng)
    assert set(report.errors) == {"x", "log_gain", "location", "log_scale"}
    assert report.kinks == 0


def test_the_gradients_are_the_derivatives_far_from_the_centre_of_the_prior(rng):
    layer = bottleneck(rng)
    gradcheck(layer, 40 * rng.standard_normal((6, 4)), rng=rng)


def test_the_gradients_inside_a_model_include_those_of_the_penalty(rng):
    layers = [Dense(5, 4, rng=rng), bottleneck(rng), Dense(4, 5, rng=rng), Sigmoid()]
    x = rng.random((6, 5))
    gradcheck(Autoencoder(layers[:1], layers[1:]), x, rng=rng, loss=MeanSquaredError(), target=x)


def test_a_quality_that_no_sample_drew_has_no_gradient(rng):
    layer = bottleneck(rng, probabilities=[0.5, 0, 0.5])
    x = rng.standard_normal((50, 4))
    layer.forward(x, training=True)
    layer.backward(x)
    for parameter in layer.parameters:
        assert not parameter.gradient[1].any()
        assert parameter.gradient[[0, 2]].all()


def test_backward_needs_a_forward_of_its_own(rng):
    layer = bottleneck(rng)
    x = rng.standard_normal((3, 4))
    layer.forward(x)
    with pytest.raises(RuntimeError, match=r"EntropyBottleneck.backward needs a forward\(x, training=True\)"):
        layer.backward(x)
    layer.forward(x, training=True)
    layer.backward(x)
    with pytest.raises(RuntimeError, match="received none since the last backward"):
        layer.backward(x)


def test_a_dy_of_another_shape_is_refused(rng):
    layer = bottleneck(rng)
    layer.forward(rng.standard_normal((3, 4)), training=True)
    with pytest.raises(
        ValueError,
        match=r"^EntropyBottleneck.backward expects dy of the output's shape \(3, 4\) and dtype float64, received float64 of ",
    ):
        layer.backward(np.ones((1, 4)))


# --- the rate


def test_the_bits_are_those_of_the_difference_of_the_logistic_distribution_functions(rng):
    layer = bottleneck(rng)
    restored = layer.forward(2 * rng.standard_normal((200, 4)), training=True)
    gain, location, scale = settings(layer, layer.quality)
    noisy = restored * gain

    def distribution(value):
        return 1 / (1 + np.exp(-(value - location) / scale))

    probability = distribution(noisy + 0.5) - distribution(noisy - 0.5)
    np.testing.assert_allclose(layer.bits, -np.log2(probability).sum(axis=1), rtol=1e-6)  # this difference cancels digits


def test_the_penalty_is_the_mean_of_bits_times_price(rng):
    layer = bottleneck(rng)
    layer.forward(rng.standard_normal((100, 4)), training=True)
    expected = sum(bits * PRICES[quality] for bits, quality in zip(layer.bits, layer.quality, strict=True)) / 100
    assert layer.penalty == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("distance", [-3000.0, -300.0, -30.0, 30.0, 300.0])
def test_the_bits_are_right_far_out_in_the_tails(rng, distance):
    layer = EntropyBottleneck(1, [1.0], rng=rng, dtype=np.float64)
    gain, _, scale = settings(layer, 0)
    restored = layer.forward(np.array([[distance / gain[0]]]), training=True)
    with localcontext() as context:
        context.prec = 500  # digits, of which the subtraction of two numbers near 1 takes most

        def distribution(value):
            return 1 / (1 + (-Decimal(float(value)) / Decimal(float(scale[0]))).exp())

        noisy = float(restored[0, 0] * gain[0])
        nats = float(-(distribution(noisy + 0.5) - distribution(noisy - 0.5)).ln())
    assert layer.bits[0] == pytest.approx(nats / np.log(2), rel=1e-9)


@pytest.mark.parametrize("value", [-1e30, -1e6, 1e6, 1e30])
def test_bits_and_gradients_stay_finite_in_float32_however_far_out(rng, value):
    layer = EntropyBottleneck(2, [1.0], rng=rng)
    layer.forward(np.full((3, 2), value, np.float32), training=True)
    dx = layer.backward(np.zeros((3, 2), np.float32))
    assert np.isfinite(layer.bits).all() and (layer.bits > 1e5).all()
    assert np.isfinite(dx).all() and (np.sign(dx) == np.sign(value)).all()  # the rate falls towards the centre


def test_a_narrow_prior_makes_its_centre_cheap_and_the_rest_dear(rng):
    layer = EntropyBottleneck(1, [1.0], rng=rng, dtype=np.float64)
    layer.log_scale.value[:] = np.log(0.01) / SPEED
    gain = layer.gain[0, 0]
    layer.forward(np.repeat([[0.0], [1 / gain]], 200, axis=0), training=True)
    near, far = layer.bits[:200], layer.bits[200:]
    assert np.median(near) < 1e-6
    assert np.median(far) > 30


# --- noise and rounding


def test_the_noise_is_uniform_over_one_step_and_does_not_depend_on_the_latents(rng):
    layer = bottleneck(rng, prices=[0.1])
    x = 3 * rng.standard_normal((4000, 4))
    error = (layer.forward(x, training=True) - x) * layer.gain[0]
    assert np.abs(error).max() <= 0.5 + 1e-12
    assert np.mean(error) == pytest.approx(0, abs=0.01)
    assert np.mean(error**2) == pytest.approx(1 / 12, rel=0.03)
    assert abs(np.corrcoef(error.ravel(), x.ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("quality", range(len(PRICES)))
def test_rounding_makes_an_error_of_a_twelfth_of_the_squared_step(rng, quality):
    layer = bottleneck(rng)
    x = 20 * rng.standard_normal((4000, 4))
    error = dequantize(quantize(x, layer.gain[quality]), layer.gain[quality]) - x
    step = 1 / layer.gain[quality]
    assert (np.abs(error) <= step / 2 * (1 + 1e-9)).all()
    np.testing.assert_allclose(np.mean(error**2, axis=0), step**2 / 12, rtol=0.1)


def test_the_symbols_are_the_nearest_integers_of_gain_times_latent(rng):
    layer = bottleneck(rng)
    x = 3 * rng.standard_normal((50, 4))
    symbols = quantize(x, layer.gain[1])
    assert symbols.dtype == np.int32
    assert (np.abs(symbols - x * settings(layer, 1)[0]) <= 0.5).all()


def test_a_quantised_latent_is_its_own_quantised_latent(rng):
    layer = bottleneck(rng, dtype=np.float32)
    symbols = rng.integers(-50, 51, (30, 4), dtype=np.int32)
    np.testing.assert_array_equal(quantize(dequantize(symbols, layer.gain[2]), layer.gain[2]), symbols)


def test_inference_rounds_at_the_highest_quality(rng):
    layer = bottleneck(rng)
    x = rng.standard_normal((10, 4))
    np.testing.assert_array_equal(layer.forward(x), np.rint(x * layer.gain[2]) / layer.gain[2])


def test_a_lower_price_begins_with_finer_steps(rng):
    gain = EntropyBottleneck(3, [1.0, 0.1, 0.01], rng=rng).gain
    assert (np.diff(gain, axis=0) > 0).all()


# --- what it promises as a layer


def test_number_formats_stay_what_they_are(rng, dtype):
    layer = bottleneck(rng, dtype=dtype)
    x = rng.standard_normal((5, 4)).astype(dtype)
    arrays = [layer.forward(x), layer.forward(x, training=True), layer.backward(x), layer.gain]
    arrays += [array for parameter in layer.parameters for array in (parameter.value, parameter.gradient)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_the_input_is_not_changed(rng):
    layer = bottleneck(rng)
    x = rng.standard_normal((5, 4))
    before = x.copy()
    layer.forward(x, training=True)
    layer.backward(np.ones((5, 4)))
    layer.forward(x)
    np.testing.assert_array_equal(x, before)


def test_one_seed_gives_one_result(rng):
    x = rng.standard_normal((20, 4))
    layers = [EntropyBottleneck(4, PRICES, rng=np.random.default_rng(seed), dtype=np.float64) for seed in (1, 1, 2)]
    first, again, other = (layer.forward(x, training=True) for layer in layers)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("probabilities", [None, [0.1, 0.2, 0.7]])
def test_qualities_are_drawn_as_often_as_asked(rng, probabilities):
    layer = EntropyBottleneck(1, PRICES, rng=rng, probabilities=probabilities)
    layer.forward(np.zeros((20_000, 1), np.float32), training=True)
    share = np.bincount(layer.quality, minlength=3) / 20_000
    np.testing.assert_allclose(share, [1 / 3] * 3 if probabilities is None else probabilities, atol=0.015)


@pytest.mark.parametrize(
    ("features", "prices"),
    [(0, [1.0]), (-1, [1.0]), (2, []), (2, [0.0]), (2, [1.0, -1.0]), (2, [np.nan]), (2, [np.inf]), (2, [[1.0]])],
)
def test_bad_arguments_are_refused(rng, features, prices):
    with pytest.raises(ValueError, match=r"EntropyBottleneck expects (features of at least 1|positive bit_prices), received"):
        EntropyBottleneck(features, prices, rng=rng)


# --- in training


def small_autoencoder(prices):
    rng = np.random.default_rng(5)
    return Autoencoder(
        [Dense(12, 3, rng=rng)], [EntropyBottleneck(3, prices, rng=rng), Dense(3, 12, rng=rng), Sigmoid()], input_shape=(12,)
    )


def small_data(rng):
    """Return samples (N, 12) in [0, 1] that two numbers each describe."""
    x = np.tanh(rng.standard_normal((300, 2)) @ rng.standard_normal((2, 12)))
    return ((1 + x) / 2).astype(np.float32)


def test_training_lowers_the_loss_with_the_bits_it_pays_for(rng):
    model = small_autoencoder([0.003, 0.0003])
    model.compile("adam", "mse")
    loss = model.fit(small_data(rng), epochs=40, batch_size=30, rng=rng, verbose=False).history["loss"]
    assert loss[-1] < 0.6 * loss[0]


def test_dear_bits_are_saved(rng):
    bits = []
    for price in (1e-6, 1.0):
        model = small_autoencoder([price])
        model.compile("adam", "mse")
        model.fit(small_data(rng), epochs=20, batch_size=30, rng=rng, verbose=False)
        bits.append(np.mean(model.layers[1].bits))
    assert bits[1] < 0.5 * bits[0]


def test_the_training_loss_includes_the_penalty_and_the_validation_loss_does_not(rng):
    model = small_autoencoder([1.0])
    x = small_data(rng)
    model.compile("sgd", "mse")
    twin = copy.deepcopy(model)
    error = MeanSquaredError().value(twin.forward(x, training=True), x)
    history = model.fit(x, epochs=1, batch_size=len(x), shuffle=False, validation_data=x, verbose=False).history
    assert twin.layers[1].penalty > 1
    assert history["loss"][0] == pytest.approx(error + twin.layers[1].penalty, rel=1e-6)
    assert history["val_loss"][0] == pytest.approx(MeanSquaredError().value(model.predict(x), x), rel=1e-6)
