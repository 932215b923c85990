"""Numbers at the edge of what a float can be, through every activation, loss and optimizer: limits, or an error that says where."""

import math

import numpy as np
import pytest
from activation_twins import TWINS

from nnlite import Dense, Parameter, Sequential, Sigmoid, TrainingError
from nnlite.layers import ACTIVATIONS
from nnlite.losses import LOSSES
from nnlite.optimizers import OPTIMIZERS, SGD, Adam

ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
MAKERS = {
    **OPTIMIZERS,
    "momentum": lambda: SGD(momentum=0.9),
    "nesterov": lambda: SGD(momentum=0.9, nesterov=True),
    "amsgrad": lambda: Adam(amsgrad=True),
    "clipped": lambda: Adam(clip_norm=1),
}


def through(name, x):
    """Return y and dy/dx of an elementwise activation."""
    layer = ACTIVATIONS[name]()
    y = layer.forward(x.reshape(-1, 1), training=True).copy()
    return y[:, 0], layer.backward(np.ones_like(y))[:, 0]


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("size", [1e10, 1e30, "max"])
def test_an_activation_far_from_zero_has_reached_its_limit(name, size, dtype):
    far = np.finfo(dtype).max if size == "max" else dtype(size)
    y, slope = through(name, np.array([-far, far], dtype))
    left, right, *slopes = TWINS[name].limits
    expected = [side(x) if callable(side) else side for side, x in ((left, -far), (right, far))]
    np.testing.assert_allclose(y, np.array(expected, dtype), rtol=1e-6)
    np.testing.assert_allclose(slope, np.array(slopes, dtype), rtol=1e-6, atol=1e-12)  # some come near theirs as 1 / x² does


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_infinity_gives_the_limit_or_nan_and_no_other_number(name, dtype):
    y, slope = through(name, np.array([-np.inf, np.inf], dtype))
    left, right, *slopes = TWINS[name].limits
    expected = [side(x) if callable(side) else side for side, x in ((left, -np.inf), (right, np.inf))]
    for received, limit in zip([*y, *slope], [*expected, *slopes], strict=True):
        assert math.isnan(received) or received == pytest.approx(limit)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_around_zero_the_smallest_numbers_are_zero_or_themselves(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    y, slope = through(name, np.array([-tiny, -0.0, 0.0, tiny], dtype))
    expected, slopes = TWINS[name].at_zero
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=2 * tiny)
    assert all(min(abs(each - received) for each in slopes) < 1e-6 for received in slope)


@pytest.mark.parametrize("size", [1e30, "max"])
def test_softmax_of_scores_far_apart_is_one_and_zero(size, dtype):
    far = np.finfo(dtype).max / 2 if size == "max" else size
    layer = ACTIVATIONS["softmax"]()
    np.testing.assert_array_equal(layer.forward(np.array([[-far, far]], dtype), training=True), [[0, 1]])
    np.testing.assert_array_equal(layer.backward(np.array([[1, 2]], dtype)), [[0, 0]])


# Without the compiler the kernels' numbers are NumPy's scalars, which warn where compiled code overflows without a word.
scalars_overflow = pytest.mark.filterwarnings("ignore:overflow encountered in scalar:RuntimeWarning")


# --- losses


@scalars_overflow
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "bce"])  # whose predictions lie in [0, 1]
@pytest.mark.parametrize("far", [-1e30, 1e30])
def test_a_loss_of_a_prediction_far_away_is_the_formulas_or_infinite_and_its_gradient_finite(name, far, dtype):
    prediction, target = np.array([[far, 0.5]], dtype), np.array([[1, 0]], dtype)
    value, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    exact, _ = LOSSES[name]().value_and_gradient(prediction.astype(np.float64), target.astype(np.float64))
    assert math.isfinite(exact)
    overflows = exact > float(np.finfo(dtype).max)
    assert value == (math.inf if overflows else pytest.approx(exact, rel=0.06))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_smallest_numbers_are_as_zero_to_a_loss(name, sign, dtype):
    tiny, target = np.finfo(dtype).smallest_subnormal, np.array([[1, 0]], dtype)
    value, gradient = LOSSES[name]().value_and_gradient(np.array([[sign * tiny, 0]], dtype), target)
    expected, at_zero = LOSSES[name]().value_and_gradient(np.zeros((1, 2), dtype), target)
    assert value == expected
    np.testing.assert_allclose(gradient, at_zero, atol=2 * tiny)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "bce"])  # a probability is clipped
@pytest.mark.parametrize("bad", [-np.inf, np.inf])
def test_an_infinite_prediction_makes_no_loss_that_looks_like_a_number(name, bad, dtype):
    values = [LOSSES[name]().value(np.array([[bad, 0]], dtype), np.array([[target, 1 - target]], dtype)) for target in (0, 1)]
    assert not any(map(math.isfinite, values)) or (name == "bce_logits" and not all(map(math.isfinite, values)))


# --- optimizers


@scalars_overflow
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("gradient", [0.0, -0.0, "denormal", -1e-30, 1e-20, 1e19, -1e30])
def test_no_finite_gradient_makes_a_weight_nan(name, gradient, dtype):
    gradient = np.finfo(dtype).smallest_subnormal if gradient == "denormal" else gradient
    optimizer, parameter = MAKERS[name](), Parameter("weight", np.array([1, 2], dtype))
    optimizer.bind([parameter])
    for _ in range(3):
        parameter.gradient[...] = [gradient, 0.5]
        optimizer.step()
    assert np.isfinite(parameter.value).all() and parameter.value.dtype == dtype
    if gradient == 0 and name != "adamw":  # which decays
        assert parameter.value[0] == 1
    elif abs(gradient) > 1e-10 and name != "adamw":
        assert float(1 - parameter.value[0]) * gradient >= 0  # against the gradient, or where its square overflows not at all


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("gradient", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_seen_in_the_weight(name, gradient, dtype):
    optimizer, parameter = MAKERS[name](), Parameter("weight", np.array([1, 2], dtype))
    optimizer.bind([parameter])
    parameter.gradient[...] = [gradient, 0.5]
    optimizer.step()
    assert not np.isfinite(parameter.value[0])


# --- training


@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero) encountered:RuntimeWarning")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nan_in_the_data_stops_every_training_with_step_and_place(loss, optimizer, dtype):
    rng = np.random.default_rng(1)
    model = Sequential([Dense(3, 2, rng=rng, dtype=dtype), *([Sigmoid()] if loss == "bce" else [])])
    model.compile(optimizer, loss)
    x, y = rng.random((12, 3)), rng.random((12, 2))
    x[9, 1], y = np.nan, y / y.sum(axis=1, keepdims=True)
    with pytest.raises(TrainingError, match="stopped at step 3: the loss is nan; the data already hold NaN"):
        model.fit(x, y, batch_size=4, shuffle=False, verbose=False)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero) encountered:RuntimeWarning")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_layer_that_makes_nan_is_named_whatever_its_activation(name, dtype):
    rng = np.random.default_rng(1)
    model = Sequential([Dense(3, 2, rng=rng, dtype=dtype), ACTIVATIONS[name](), Dense(2, 3, rng=rng, dtype=dtype)])
    model.parameters[0].value[0, 0] = np.nan
    model.compile("adam", "mse")
    with pytest.raises(
        TrainingError, match=r"step 1: the loss is nan; .* output of layer 0 \(Dense\), parameter 0.weight holds NaN"
    ):
        model.fit(rng.random((4, 3)), shuffle=False, verbose=False)
