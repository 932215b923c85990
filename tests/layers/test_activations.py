"""Activations: values at known points, and at the ends of the number line."""

import math
import re

import numpy as np
import pytest
import reference
from activation_twins import TWINS

from nnlite import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus
from nnlite.layers import ACTIVATIONS

ELEMENTWISE = {name: maker for name, maker in ACTIVATIONS.items() if name != "softmax"}


def assert_close(actual, expected, dtype):
    np.testing.assert_allclose(actual, expected, rtol=64 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


def column(values, dtype):
    return np.array(values, dtype).reshape(-1, 1)


def test_every_activation_is_compared_with_its_formula():
    assert set(TWINS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward_matches_its_formula(name, rng, dtype):
    x = 3 * rng.standard_normal((7, 5))
    assert_close(ACTIVATIONS[name]().forward(x.astype(dtype)), TWINS[name].forward(x.astype(dtype).astype(np.float64)), dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_matches_its_formula(name, rng, dtype):
    layer = ACTIVATIONS[name]()
    x, dy = (rng.standard_normal((7, 5)).astype(dtype) for _ in range(2))
    layer.forward(x, training=True)
    assert_close(layer.backward(dy), TWINS[name].backward(x.astype(np.float64), dy.astype(np.float64)), dtype)


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("elu", [-np.log(2), 0, 3], [-0.5, 0, 3]),
        ("gelu", [0, 100, -100], [0, 100, 0]),
        ("relu", [-2, 0, 3], [0, 0, 3]),
        ("leaky_relu", [-2, 0, 3], [-0.02, 0, 3]),
        ("sigmoid", [0, np.log(3), -np.log(3)], [0.5, 0.75, 0.25]),
        ("silu", [0, np.log(3), -np.log(3)], [0, 0.75 * np.log(3), -0.25 * np.log(3)]),
        ("softplus", [0, np.log(3), -np.log(3)], [np.log(2), np.log(4), np.log(4 / 3)]),
        ("tanh", [0, np.log(2), -np.log(2)], [0, 0.6, -0.6]),
    ],
)
def test_value_by_hand(name, x, y, dtype):
    assert_close(ACTIVATIONS[name]().forward(column(x, dtype)), column(y, dtype), dtype)


@pytest.mark.parametrize(
    ("name", "x", "slope"),
    [
        ("elu", [-np.log(2), 0, 3], [0.5, 1, 1]),
        ("gelu", [0, 100, -100], [0.5, 1, 0]),
        ("relu", [-2, 0, 3], [0, 0, 1]),
        ("leaky_relu", [-2, 0, 3], [0.01, 0.01, 1]),
        ("sigmoid", [0, np.log(3), -np.log(3)], [0.25, 0.1875, 0.1875]),
        ("softplus", [0, np.log(3), -np.log(3)], [0.5, 0.75, 0.25]),
        ("silu", [0, np.log(3), -np.log(3)], [0.5, 0.75 + 0.1875 * np.log(3), 0.25 - 0.1875 * np.log(3)]),
        ("tanh", [0, np.log(2), -np.log(2)], [1, 0.64, 0.64]),
    ],
)
def test_derivative_by_hand(name, x, slope, dtype):
    layer = ACTIVATIONS[name]()
    layer.forward(column(x, dtype), training=True)
    assert_close(layer.backward(np.ones((3, 1), dtype)), column(slope, dtype), dtype)


EXTREMES = [-np.inf, -1e30, 1e30, np.inf, np.nan]


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("elu", [-1, -1, 1e30, np.inf, np.nan]),
        ("relu", [0, 0, 1e30, np.inf, np.nan]),
        ("leaky_relu", [-np.inf, -1e28, 1e30, np.inf, np.nan]),
        ("sigmoid", [0, 0, 1, 1, np.nan]),
        ("softplus", [0, 0, 1e30, np.inf, np.nan]),
        ("tanh", [-1, -1, 1, 1, np.nan]),
    ],
)
def test_value_at_the_ends_of_the_number_line(name, y, dtype):
    np.testing.assert_allclose(ACTIVATIONS[name]().forward(column(EXTREMES, dtype)), column(y, dtype), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("elu", [0, 0, 1, 1]),
        ("relu", [0, 0, 1, 1]),
        ("leaky_relu", [0.01, 0.01, 1, 1]),
        ("sigmoid", [0, 0, 0, 0]),
        ("softplus", [0, 0, 1, 1]),
        ("tanh", [0, 0, 0, 0]),
    ],
)
def test_derivative_at_the_ends_of_the_number_line(name, slope, dtype):
    layer = ACTIVATIONS[name]()
    layer.forward(column(EXTREMES[:4], dtype), training=True)
    np.testing.assert_allclose(layer.backward(np.ones((4, 1), dtype)), column(slope, dtype), rtol=1e-6)


def test_silu_far_from_zero_is_relu(dtype):
    assert SiLU().forward(column([-np.inf], dtype)) == 0
    layer, x = SiLU(), column([-1e30, -100, 100, 1e30], dtype)
    np.testing.assert_allclose(layer.forward(x, training=True), ReLU().forward(x), atol=1e-40)
    np.testing.assert_array_equal(layer.backward(np.ones_like(x)), column([0, 0, 1, 1], dtype))


def test_gelu_is_near_x_times_the_normal_distribution_function(dtype):
    x = np.linspace(-5, 5, 201)
    exact = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x]
    np.testing.assert_allclose(GELU().forward(x.astype(dtype)), exact, atol=5e-4)


@pytest.mark.parametrize("alpha", [0.25, 2])
def test_elu_ends_at_minus_alpha(alpha, rng, dtype):
    layer, x = ELU(alpha), rng.standard_normal((7, 5)).astype(dtype)
    assert_close(layer.forward(x, training=True), reference.elu(x.astype(np.float64), alpha), dtype)
    assert_close(layer.backward(np.ones_like(x)), reference.elu_backward(x.astype(np.float64), alpha, 1), dtype)
    assert_close(layer.forward(column([-100], dtype)), column([-alpha], dtype), dtype)


def test_the_derivative_of_elu_at_its_kink_is_alpha(dtype):
    layer = ELU(2)
    layer.forward(column([0], dtype), training=True)
    assert layer.backward(column([1], dtype)).tolist() == [[2]]


@pytest.mark.parametrize("alpha", [0, -1, np.nan, np.inf])
def test_elu_refuses_an_alpha_with_which_y_would_not_tell_the_sign_of_x(alpha):
    with pytest.raises(ValueError, match=re.escape(f"ELU expects a positive alpha, received {alpha}")):
        ELU(alpha)


def test_softplus_of_a_large_negative_number_is_its_exponential(dtype):
    layer, x = Softplus(), column([-50, -80], dtype)
    np.testing.assert_allclose(layer.forward(x, training=True), np.exp(x), rtol=1e-5)
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), np.exp(x), rtol=1e-5)


def test_silu_keeps_nan_and_infinity(dtype):
    np.testing.assert_array_equal(SiLU().forward(column([np.nan, np.inf], dtype)), column([np.nan, np.inf], dtype))


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_activations_take_any_shape(name, shape, rng, dtype):
    layer, x = ELEMENTWISE[name](), rng.standard_normal(shape).astype(dtype)
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y.reshape(-1), ELEMENTWISE[name]().forward(x.reshape(-1)))
    assert (y.shape, layer.backward(np.ones_like(x)).shape) == (shape, shape)


def test_sigmoid_is_symmetric_about_one_half(rng, dtype):
    x = 5 * rng.standard_normal((7, 5)).astype(dtype)
    assert_close(Sigmoid().forward(x) + Sigmoid().forward(-x), np.ones((7, 5)), dtype)


@pytest.mark.parametrize("slope", [-0.1, 1, np.nan])
def test_leaky_relu_refuses_a_slope_with_which_y_would_not_tell_the_sign_of_x(slope):
    with pytest.raises(ValueError, match=re.escape(f"LeakyReLU expects a slope in [0, 1), received {slope}")):
        LeakyReLU(slope)


def test_leaky_relu_of_slope_zero_is_relu(rng, dtype):
    x = rng.standard_normal((7, 5)).astype(dtype)
    np.testing.assert_array_equal(LeakyReLU(0).forward(x), ReLU().forward(x))


def test_softmax_by_hand(dtype):
    x = np.log(np.array([[1, 2, 5], [1, 1, 2]], dtype))
    assert_close(Softmax().forward(x), [[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]], dtype)


def test_softmax_backward_by_hand(dtype):
    layer = Softmax()
    layer.forward(np.zeros((1, 2), dtype), training=True)  # y = 1/2, 1/2
    assert_close(layer.backward(np.array([[1, 0]], dtype)), [[0.25, -0.25]], dtype)


@pytest.mark.parametrize("scale", [1, 100, 1e30])
def test_softmax_rows_sum_to_one(scale, rng, dtype):
    y = Softmax().forward((scale * rng.standard_normal((7, 5))).astype(dtype))
    assert_close(y.sum(axis=1), np.ones(7), dtype)


@pytest.mark.parametrize("shift", [1, -1000, 1000])
def test_softmax_does_not_change_when_a_row_is_shifted(shift, rng, dtype):
    x = np.round(rng.standard_normal((7, 5)), 2)
    x = np.round(64 * x) / 64  # so that x + shift is exact
    np.testing.assert_array_equal(Softmax().forward((x + shift).astype(dtype)), Softmax().forward(x.astype(dtype)))


def test_softmax_gives_all_to_an_overwhelming_score(dtype):
    x = np.array([[-1e30, 1e30, 0], [-np.inf, 0, -1e30]], dtype)
    assert Softmax().forward(x).tolist() == [[0, 1, 0], [0, 1, 0]]


def test_softmax_of_a_row_with_nan_is_nan_in_that_row_alone(dtype):
    y = Softmax().forward(np.array([[0, np.nan], [0, 0]], dtype))
    np.testing.assert_array_equal(y, [[np.nan, np.nan], [0.5, 0.5]])


def test_softmax_passes_nothing_of_a_gradient_that_is_equal_everywhere(rng, dtype):
    layer = Softmax()
    layer.forward(rng.standard_normal((7, 5)).astype(dtype), training=True)
    assert_close(layer.backward(np.ones((7, 5), dtype)), np.zeros((7, 5)), dtype)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)], ids=str)
def test_softmax_expects_one_row_for_each_sample(shape):
    with pytest.raises(ValueError, match=re.escape(f"Softmax expects (N, C), received {shape}: put a Flatten before it")):
        Softmax().forward(np.zeros(shape, np.float32))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_that_receives_integers_names_itself(name):
    layer = ACTIVATIONS[name]()
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__} expects float32 or float64, received int64"):
        layer.forward(np.ones((2, 3), np.int64))
