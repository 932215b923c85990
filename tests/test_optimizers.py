"""Optimizers against the papers' update rules, step by step, and a whole training against the same in plain NumPy."""

import re

import numpy as np
import pytest
import reference

from nnlite import Dense, Parameter, ReLU, Sequential, Sigmoid
from nnlite.optimizers import OPTIMIZERS, SGD, Adam, Optimizer

STEPS = 50
MAKERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01, epsilon=1e-3),
}
every_optimizer = pytest.mark.parametrize("name", MAKERS)


def reference_step(name, w, g, state, t):
    """Return the parameter after step t; `state` holds what is remembered, at first zeros."""
    if name == "sgd":
        return reference.sgd(w, g, 0.1)
    if name == "adam":
        w, state["m"], state["v"] = reference.adam(w, g, state["m"], state["v"], t, learning_rate=0.01, epsilon=1e-3)
        return w
    update = {"momentum": reference.sgd_momentum, "nesterov": reference.sgd_nesterov}[name]
    w, state["u"] = update(w, g, state["u"], 0.1, 0.9)
    return w


def parameters(rng, dtype):
    return [Parameter("weight", rng.standard_normal((3, 4)).astype(dtype)), Parameter("bias", rng.standard_normal(4).astype(dtype))]


def take_steps(optimizer, parameters, count, rng):
    for _ in range(count):
        for parameter in parameters:
            parameter.gradient[...] = rng.standard_normal(parameter.gradient.shape)
        optimizer.step()


@every_optimizer
def test_every_step_matches_the_papers(name, rng):
    optimizer, bound = MAKERS[name](), parameters(rng, np.float64)
    optimizer.bind(bound)
    expected = [parameter.value.copy() for parameter in bound]
    states = [{key: np.zeros_like(value) for key in "muv"} for value in expected]
    for t in range(1, STEPS + 1):
        take_steps(optimizer, bound, 1, rng)
        for i, parameter in enumerate(bound):
            expected[i] = reference_step(name, expected[i], parameter.gradient, states[i], t)
            np.testing.assert_allclose(parameter.value, expected[i], rtol=1e-12, atol=1e-12)


def test_first_step_of_adam_by_hand(dtype):
    # m = 0.1 g and v = 0.001 g², corrected g and g²: w ← 1 − 0.5 g / (|g| + 1), so 1 − 0.5 · 2/3 for g = 2, 1 + 0.5 · 1/2 for −1
    parameter = Parameter("w", np.ones(3, dtype))
    optimizer = Adam(learning_rate=0.5, epsilon=1)
    optimizer.bind([parameter])
    parameter.gradient[...] = [2, -1, 0]
    optimizer.step()
    np.testing.assert_allclose(parameter.value, [2 / 3, 5 / 4, 1], rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("gradient", [1e-6, 1, 1e6])
def test_first_step_of_adam_is_as_long_as_the_learning_rate_whatever_the_gradient(gradient):
    parameter = Parameter("w", np.zeros(2))
    optimizer = Adam(0.1, epsilon=1e-12)
    optimizer.bind([parameter])
    parameter.gradient[...] = [gradient, -gradient]
    optimizer.step()
    np.testing.assert_allclose(parameter.value, [-0.1, 0.1], rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "positions"),
    [
        (SGD(0.5), [0.5, 0, -0.5]),
        (SGD(0.5, momentum=0.5), [0.5, -0.25, -1.125]),  # u = 1, 1.5, 1.75
        (SGD(0.5, momentum=0.5, nesterov=True), [0.25, -0.625, -1.5625]),  # 1 + u / 2 = 1.5, 1.75, 1.875
    ],
    ids=["sgd", "momentum", "nesterov"],
)
def test_three_steps_of_gradient_descent_by_hand(optimizer, positions, dtype):
    parameter = Parameter("w", np.ones(1, dtype))
    optimizer.bind([parameter])
    parameter.gradient[...] = 1
    received = []
    for _ in range(3):
        optimizer.step()
        received.append(float(parameter.value[0]))
    assert received == positions


@every_optimizer
def test_gradients_of_zero_change_nothing(name, rng, dtype):
    optimizer, bound = MAKERS[name](), parameters(rng, dtype)
    optimizer.bind(bound)
    before = [parameter.value.copy() for parameter in bound]
    for _ in range(3):
        optimizer.step()
    for parameter, value in zip(bound, before, strict=True):
        np.testing.assert_array_equal(parameter.value, value)


@pytest.mark.parametrize("scale", [1e-30, 1e-12])
def test_tiny_gradients_of_float32_leave_no_nan(scale, rng):
    bound = parameters(rng, np.float32)
    optimizer = Adam()
    optimizer.bind(bound)
    for parameter in bound:
        parameter.gradient[...] = scale  # whose square is zero in float32, or almost
    for _ in range(3):
        optimizer.step()
    assert all(np.isfinite(parameter.value).all() for parameter in bound)


@every_optimizer
def test_bind_starts_anew(name, rng):
    used, fresh = MAKERS[name](), MAKERS[name]()
    earlier = parameters(rng, np.float64)
    used.bind(earlier)
    take_steps(used, earlier, 3, rng)
    values = [parameter.value for parameter in parameters(rng, np.float64)]
    results = []
    for optimizer in (used, fresh):
        bound = [Parameter(str(i), value.copy()) for i, value in enumerate(values)]
        optimizer.bind(bound)
        assert optimizer.step_count == 0
        take_steps(optimizer, bound, 3, np.random.default_rng(1))
        results.append([parameter.value for parameter in bound])
    for again, first in zip(*results, strict=True):
        np.testing.assert_array_equal(again, first)


@every_optimizer
def test_step_count_counts_the_steps(name, rng):
    optimizer = MAKERS[name]()
    bound = parameters(rng, np.float32)
    optimizer.bind(bound)
    take_steps(optimizer, bound, 3, rng)
    assert optimizer.step_count == 3


@every_optimizer
def test_parameters_and_what_is_remembered_keep_their_dtype(name, rng, dtype):
    optimizer, bound = MAKERS[name](), parameters(rng, dtype)
    optimizer.bind(bound)
    take_steps(optimizer, bound, 2, rng)
    remembered = [array for key in ("m", "v", "velocity") for array in getattr(optimizer, key, [])]
    assert {array.dtype for array in (*remembered, *(parameter.value for parameter in bound))} == {np.dtype(dtype)}


@every_optimizer
def test_what_is_remembered_runs_alongside_the_parameters(name, rng):
    optimizer, bound = MAKERS[name](), parameters(rng, np.float32)
    optimizer.bind(bound)
    lists = {"sgd": [], "adam": ["m", "v"]}.get(name, ["velocity"])
    assert all([array.size for array in getattr(optimizer, key)] == [12, 4] for key in lists)


@every_optimizer
def test_step_changes_the_parameter_and_leaves_the_gradient(name, rng, dtype):
    optimizer, bound = MAKERS[name](), parameters(rng, dtype)
    arrays = [parameter.value for parameter in bound]
    before = [array.copy() for array in arrays]
    optimizer.bind(bound)
    bound[0].gradient[...], bound[1].gradient[...] = 2, -2
    optimizer.step()
    assert (arrays[0] < before[0]).all()  # in the very array that the layer computes with
    assert (arrays[1] > before[1]).all()
    assert (bound[0].gradient == 2).all()
    assert (bound[1].gradient == -2).all()


@every_optimizer
def test_learning_rate_may_change_between_steps(name, rng):
    optimizer, bound = MAKERS[name](), parameters(rng, np.float64)
    optimizer.bind(bound)
    take_steps(optimizer, bound, 1, rng)
    before = [parameter.value.copy() for parameter in bound]
    optimizer.learning_rate = 1e-12
    take_steps(optimizer, bound, 1, rng)
    for parameter, value in zip(bound, before, strict=True):
        np.testing.assert_allclose(parameter.value, value, atol=1e-10)


@every_optimizer
def test_a_bowl_is_descended_to_its_bottom(name):
    parameter = Parameter("w", np.array([3.0, -2.0]))
    optimizer = MAKERS[name]()
    optimizer.bind([parameter])
    for _ in range(2000):
        parameter.gradient[...] = parameter.value  # of (w₁² + w₂²) / 2
        optimizer.step()
    np.testing.assert_allclose(parameter.value, [0, 0], atol=1e-3)


@pytest.mark.parametrize("maker", [SGD, Adam])
@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf])
def test_learning_rate_must_be_positive(maker, rate):
    with pytest.raises(ValueError, match=re.escape(f"{maker.__name__} expects a positive learning rate, received {rate}")):
        maker(rate)


@pytest.mark.parametrize(
    ("maker", "settings", "message"),
    [
        (SGD, {"momentum": 1}, "SGD expects a momentum in [0, 1), received 1"),
        (SGD, {"momentum": -0.1}, "SGD expects a momentum in [0, 1), received -0.1"),
        (SGD, {"nesterov": True}, "SGD with nesterov=True expects a momentum above 0, received 0"),
        (Adam, {"beta1": 1}, "Adam expects beta1 in [0, 1), received 1"),
        (Adam, {"beta2": -0.5}, "Adam expects beta2 in [0, 1), received -0.5"),
        (Adam, {"beta2": np.nan}, "Adam expects beta2 in [0, 1), received nan"),
        (Adam, {"epsilon": 0}, "Adam expects a positive epsilon, received 0"),
        (Adam, {"epsilon": np.nan}, "Adam expects a positive epsilon, received nan"),
    ],
)
def test_settings_out_of_range_are_refused(maker, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        maker(**settings)


def test_every_optimizer_that_has_a_name_can_be_made_with_its_defaults():
    assert all(isinstance(maker(), Optimizer) for maker in OPTIMIZERS.values())


def test_training_gives_what_plain_numpy_gives(rng):
    images = rng.integers(0, 256, (50, 12), dtype=np.uint8)
    model = Sequential([Dense(12, 7, rng=rng), ReLU(), Dense(7, 12, rng=rng), Sigmoid()])
    model.compile(optimizer="adam", loss="mse")
    twin = reference.NumpyAutoencoder(model.get_weights())
    history = model.fit(images, epochs=3, batch_size=16, shuffle=False, verbose=False)
    losses = [twin.train_epoch(images, np.arange(50), 16) for _ in range(3)]
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    for weight, expected in zip(model.get_weights(), twin.weights, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    x = images.astype(np.float32) / 255
    np.testing.assert_allclose(model.predict(images), twin.predict(x), atol=1e-5)


def test_plain_numpy_training_stays_in_float32(rng):
    model = Sequential([Dense(12, 7, rng=rng), ReLU(), Dense(7, 12, rng=rng), Sigmoid()])
    twin = reference.NumpyAutoencoder(model.get_weights())
    twin.train_epoch(rng.integers(0, 256, (20, 12), dtype=np.uint8), np.arange(20), 16)
    arrays = [*twin.weights, *twin.m, *twin.v, twin.predict(np.zeros((2, 12), np.float32))]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
