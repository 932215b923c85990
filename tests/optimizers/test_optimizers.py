"""Optimizers against the papers' update rules, step by step. A whole training is compared in tests/demos/test_minimal.py."""

import re

import numpy as np
import pytest
import reference

from nnlite import Parameter
from nnlite.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSProp
from nnlite.optimizers.optimizer import LEAST_EPSILON

STEPS = 50
MAKERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01, epsilon=1e-3),
    "amsgrad": lambda: Adam(0.01, epsilon=1e-3, amsgrad=True),
    "adamw": lambda: AdamW(0.01, 0.3, epsilon=1e-3),
    "rmsprop": lambda: RMSProp(0.01, 0.9, epsilon=1e-3),
}
every_optimizer = pytest.mark.parametrize("name", MAKERS)


def reference_step(name, w, g, state, t):
    """Return the parameter after step t; `state` holds what is remembered, at first zeros."""
    if name == "sgd":
        return reference.sgd(w, g, 0.1)
    if name == "adam":
        w, state["m"], state["v"] = reference.adam(w, g, state["m"], state["v"], t, learning_rate=0.01, epsilon=1e-3)
        return w
    if name == "adamw":
        w, state["m"], state["v"] = reference.adamw(w, g, state["m"], state["v"], t, 0.01, 0.3, epsilon=1e-3)
        return w
    if name == "amsgrad":
        w, *remembered = reference.amsgrad(w, g, state["m"], state["v"], state["largest"], t, 0.01, epsilon=1e-3)
        state.update(zip(("m", "v", "largest"), remembered, strict=True))
        return w
    if name == "rmsprop":
        w, state["v"] = reference.rmsprop(w, g, state["v"], 0.01, 0.9, 1e-3)
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
    states = [{key: np.zeros_like(value) for key in ("m", "u", "v", "largest")} for value in expected]
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
    ("settings", "positions"),
    [
        ({}, [0.5, 0, -0.5]),
        ({"momentum": 0.5}, [0.5, -0.25, -1.125]),  # u = 1, 1.5, 1.75
        ({"momentum": 0.5, "nesterov": True}, [0.25, -0.625, -1.5625]),  # 1 + u / 2 = 1.5, 1.75, 1.875
    ],
    ids=["sgd", "momentum", "nesterov"],
)
def test_three_steps_of_gradient_descent_by_hand(settings, positions, dtype):
    optimizer, parameter = SGD(0.5, **settings), Parameter("w", np.ones(1, dtype))
    optimizer.bind([parameter])
    parameter.gradient[...] = 1
    received = []
    for _ in range(3):
        optimizer.step()
        received.append(float(parameter.value[0]))
    assert received == positions


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "adamw"])
def test_gradients_of_zero_change_nothing(name, rng, dtype):
    optimizer, bound = MAKERS[name](), parameters(rng, dtype)
    optimizer.bind(bound)
    before = [parameter.value.copy() for parameter in bound]
    for _ in range(3):
        optimizer.step()
    for parameter, value in zip(bound, before, strict=True):
        np.testing.assert_array_equal(parameter.value, value)


def test_gradients_of_zero_leave_adamw_its_decay_alone(rng, dtype):
    optimizer, bound = AdamW(0.1, 0.3), parameters(rng, dtype)
    optimizer.bind(bound)
    before = [parameter.value.copy() for parameter in bound]
    for _ in range(3):
        optimizer.step()
    for parameter, value in zip(bound, before, strict=True):
        np.testing.assert_allclose(parameter.value, value * (1 - 0.03) ** 3, rtol=1e-6)


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
    bound = parameters(rng, np.float64)
    values = [parameter.value.copy() for parameter in bound]
    used.bind(bound)
    take_steps(used, bound, 3, rng)
    results = []
    for optimizer in (used, fresh):
        for parameter, value in zip(bound, values, strict=True):
            parameter.value = value
        optimizer.bind(bound)
        assert optimizer.step_count == 0
        take_steps(optimizer, bound, 3, np.random.default_rng(1))
        results.append([parameter.value.copy() for parameter in bound])
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
    remembered = [array for key in optimizer.memories for array in getattr(optimizer, key)]
    assert {array.dtype for array in (*remembered, *(parameter.value for parameter in bound))} == {np.dtype(dtype)}


@every_optimizer
def test_what_is_remembered_runs_alongside_the_parameters(name, rng):
    optimizer, bound = MAKERS[name](), parameters(rng, np.float32)
    optimizer.bind(bound)
    sizes = {key: [array.size for array in getattr(optimizer, key)] for key in optimizer.memories}
    empty = {"sgd": ["velocity"], "adam": ["largest"], "adamw": ["largest"]}.get(name, [])
    assert sizes == {key: [] if key in empty else [12, 4] for key in optimizer.memories}


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
    last_step = 0.005 if name == "rmsprop" else 0  # whose steps do not become short of themselves
    np.testing.assert_allclose(parameter.value, [0, 0], atol=1e-3 + last_step)


@every_optimizer
@pytest.mark.parametrize("largest", [0.5, 1000])
def test_gradients_are_clipped_to_their_norm_together(name, largest, rng):
    optimizer, twin = MAKERS[name](), MAKERS[name]()
    optimizer.clip_norm = largest
    bound = parameters(rng, np.float64)
    others = [Parameter(parameter.name, parameter.value.copy()) for parameter in bound]
    optimizer.bind(bound)
    twin.bind(others)
    for _ in range(3):
        gradients = [rng.standard_normal(parameter.value.shape) for parameter in bound]
        for parameter, other, gradient, clipped in zip(bound, others, gradients, reference.clip(gradients, largest), strict=True):
            parameter.gradient[...], other.gradient[...] = gradient, clipped
        optimizer.step()
        twin.step()
    for parameter, other in zip(bound, others, strict=True):
        np.testing.assert_allclose(parameter.value, other.value, rtol=1e-12)


def test_clipping_leaves_zero_alone_and_lets_nan_be_seen(dtype):
    bound = [Parameter("w", np.ones(2, dtype))]
    optimizer = SGD(0.1, clip_norm=1)
    optimizer.bind(bound)
    optimizer.step()
    assert bound[0].value.tolist() == [1, 1]
    bound[0].gradient[...] = [np.nan, 1]
    optimizer.step()
    assert np.isnan(bound[0].value).any()


def test_clipping_does_not_overflow_in_float32():
    bound = [Parameter("w", np.zeros(2, np.float32))]
    optimizer = SGD(1, clip_norm=1)
    optimizer.bind(bound)
    bound[0].gradient[...] = [3e30, -4e30]
    optimizer.step()
    np.testing.assert_allclose(bound[0].value, [-0.6, 0.8], rtol=1e-6)


@every_optimizer
def test_a_state_lets_another_optimizer_go_on_bit_for_bit(name, dtype, rng):
    first, second, bound = MAKERS[name](), MAKERS[name](), parameters(rng, dtype)
    first.bind(bound)
    take_steps(first, bound, 3, rng)
    others = [Parameter(parameter.name, parameter.value.copy()) for parameter in bound]
    second.bind(others)
    second.load_state(first.state())
    for optimizer, own in ((first, bound), (second, others)):
        take_steps(optimizer, own, 3, np.random.default_rng(1))
    assert first.step_count == second.step_count == 6
    for parameter, other in zip(bound, others, strict=True):
        np.testing.assert_array_equal(parameter.value, other.value)


def test_a_state_is_a_copy(rng):
    optimizer, bound = Adam(), parameters(rng, np.float32)
    optimizer.bind(bound)
    state = optimizer.state()
    take_steps(optimizer, bound, 1, rng)
    assert state["step_count"] == 0
    assert not any(array.any() for array in state["m"])


@pytest.mark.parametrize("other", [SGD(0.1, momentum=0.5), Adam(amsgrad=True), RMSProp()], ids=["sgd", "amsgrad", "rmsprop"])
def test_a_state_of_another_optimizer_is_refused(other, rng):
    optimizer, bound = Adam(), parameters(rng, np.float32)
    optimizer.bind(bound)
    other.bind(bound)
    with pytest.raises(ValueError, match=r"Adam expects a state of .* received"):
        optimizer.load_state(other.state())


@pytest.mark.parametrize("maker", [SGD, Adam, AdamW, RMSProp])
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
        (AdamW, {"beta1": 1}, "AdamW expects beta1 in [0, 1), received 1"),
        (AdamW, {"weight_decay": -1}, "AdamW expects weight_decay ≥ 0, received -1"),
        (RMSProp, {"decay": 1}, "RMSProp expects a decay in [0, 1), received 1"),
        (RMSProp, {"decay": -0.1}, "RMSProp expects a decay in [0, 1), received -0.1"),
        (RMSProp, {"epsilon": 0}, "RMSProp expects an epsilon of at least 1e-30, received 0"),
        (SGD, {"clip_norm": 0}, "SGD expects a positive clip_norm, received 0"),
        (Adam, {"epsilon": 0}, "Adam expects an epsilon of at least 1e-30, received 0"),
        (Adam, {"epsilon": np.nan}, "Adam expects an epsilon of at least 1e-30, received nan"),
    ],
)
def test_settings_out_of_range_are_refused(maker, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        maker(**settings)


@pytest.mark.parametrize("settings", [{}, {"amsgrad": True}, None], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_least_epsilon_leaves_a_weight_without_a_gradient_where_it_is(settings, dtype):
    optimizer = RMSProp(epsilon=LEAST_EPSILON) if settings is None else Adam(epsilon=LEAST_EPSILON, **settings)
    weight = Parameter("weight", np.ones(3, dtype))
    optimizer.bind([weight])
    for _ in range(3):
        weight.gradient = [0, 1e-20, 1]
        optimizer.step()
    assert weight.value[:2].tolist() == [1, 1]
    assert 0.9 < weight.value[2] < 1


def test_settings_at_the_ends_of_their_ranges_are_taken():
    SGD(momentum=0), Adam(beta1=0, beta2=0), AdamW(weight_decay=0), RMSProp(decay=0)


def test_the_defaults_are_those_that_the_docstrings_state():
    settings = {
        name: {key: value for key, value in vars(maker()).items() if isinstance(value, float)} for name, maker in OPTIMIZERS.items()
    }
    adam = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert settings == {
        "sgd": {"learning_rate": 0.01, "momentum": 0.0},
        "adam": adam,
        "adamw": adam | {"weight_decay": 0.01},
        "rmsprop": {"learning_rate": 0.001, "decay": 0.99, "epsilon": 1e-8},
    }


def test_the_settings_are_the_numbers_at_bind(rng):
    optimizer = AdamW(0.1, clip_norm=5, amsgrad=True)
    optimizer.bind(parameters(rng, np.float32))
    optimizer.learning_rate = 0.05
    numbers = {
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
        "clip_norm": 5,
        "amsgrad": True,
    }
    assert optimizer.settings == {"learning_rate": 0.1, **numbers}
    assert optimizer.hyperparameters() == {"learning_rate": 0.05, **numbers}


def test_an_optimizer_that_is_bound_to_nothing_has_taken_no_step_and_takes_none():
    optimizer = Adam()
    assert optimizer.step_count == 0
    with pytest.raises(RuntimeError, match=re.escape("Adam.step needs bind(parameters) with at least one trainable parameter")):
        optimizer.step()
    assert optimizer.step_count == 0


def test_a_momentum_after_a_start_without_is_refused():
    optimizer = SGD()
    optimizer.bind([Parameter("w", np.ones(2))])
    optimizer.momentum = 0.5
    with pytest.raises(ValueError, match=r"momentum from the start, received momentum 0\.5 .*: compile with SGD\(momentum"):
        optimizer.step()


def test_an_optimizer_of_frozen_parameters_says_what_is_missing():
    optimizer = SGD()
    optimizer.bind([Parameter("w", np.ones(2), trainable=False)])
    with pytest.raises(RuntimeError, match="at least one trainable parameter"):
        optimizer.step()


@pytest.mark.parametrize("make", [SGD, lambda: SGD(momentum=0.9), Adam])
def test_a_state_without_a_step_count_is_refused(make, rng):
    optimizer = make()
    optimizer.bind(parameters(rng, np.float32))
    state = optimizer.state()
    del state["step_count"]
    with pytest.raises(ValueError, match=r"expects a state of \{'step_count': \['number'\].*, received \{"):
        optimizer.load_state(state)


@pytest.mark.parametrize(
    ("maker", "settings"),
    [
        (SGD, {"learning_rate": 0.5, "momentum": 0.25, "clip_norm": 2}),
        (AdamW, {"learning_rate": 0.5, "weight_decay": 0.25, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.125}),
        (RMSProp, {"learning_rate": 0.5, "decay": 0.75, "epsilon": 0.125}),
    ],
)
def test_settings_of_any_number_format_are_kept(maker, settings, rng):
    optimizer = maker(**{name: np.float32(number) for name, number in settings.items()})
    optimizer.bind(parameters(rng, np.float32))
    assert settings.items() <= optimizer.settings.items()


def test_every_optimizer_that_has_a_name_can_be_made_with_its_defaults():
    assert all(isinstance(maker(), Optimizer) for maker in OPTIMIZERS.values())


@pytest.mark.parametrize(
    "make", [Adam, RMSProp, lambda: Adam(amsgrad=True), lambda: SGD(momentum=0.9), lambda: SGD(momentum=0.9, nesterov=True)]
)
def test_what_is_remembered_of_gradients_that_have_stopped_is_never_a_slow_denormal(make):
    parameter, optimizer = Parameter("weight", np.ones(8, np.float32)), make()
    optimizer.bind([parameter])
    parameter.gradient[...] = np.geomspace(1e-15, 1, 8)
    optimizer.step()
    parameter.gradient[...] = 0
    for _ in range(1200):
        optimizer.step()
        for name in optimizer.memories:
            for array in getattr(optimizer, name):
                assert ((array == 0) | (np.abs(array) >= np.finfo(np.float32).tiny)).all()


@pytest.mark.parametrize("make", [Adam, lambda: Adam(amsgrad=True)])
def test_a_gradient_whose_square_would_be_a_slow_denormal_counts_as_none(make):
    parameter, optimizer = Parameter("weight", np.ones(3, np.float32)), make()
    optimizer.bind([parameter])
    parameter.gradient[...] = [1e-19, -1e-18, 1e-15]
    optimizer.step()
    (m,), (v,) = optimizer.m, optimizer.v
    assert m[:2].tolist() == v[:2].tolist() == [0, 0]
    assert m[2] > 0 and v[2] >= np.finfo(np.float32).tiny


@every_optimizer
def test_zeroed_gradients_start_anew(name):
    parameter, optimizer = Parameter("w", np.ones(3, np.float32)), MAKERS[name]()
    optimizer.bind([parameter])
    parameter.add(np.full(3, 5, np.float32))
    optimizer.zero_gradients()
    parameter.add(np.full(3, 2, np.float32))
    assert parameter.gradient.tolist() == [2, 2, 2]
