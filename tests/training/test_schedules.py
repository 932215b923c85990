"""Learning rates that change in time: the curve, and what the optimizer is given at each step."""

from typing import ClassVar

import numpy as np
import pytest

from nnlite import (
    Dense,
    LearningRateSchedule,
    MomentumSchedule,
    ReduceOnPlateau,
    Sequential,
    TrainingError,
    cosine,
    exponential_decay,
    one_cycle,
    step_decay,
)
from nnlite.optimizers import SGD, RMSProp
from nnlite.training import Callback


class Rates(Callback):
    """Notes the learning rate that each step was taken with."""

    def __init__(self):
        self.rates = []

    def on_train_begin(self, model, epochs, steps):
        self.next = model.optimizer.learning_rate

    def on_step_end(self, model, step, loss):
        self.rates.append(self.next)
        self.next = model.optimizer.learning_rate


def fit(model, schedule, epochs, samples=10, batch_size=4):
    """Train, and return the rates of all steps."""
    rates = Rates()
    x = np.random.default_rng(3).random((samples, 2)).astype(np.float32)
    callbacks = [LearningRateSchedule(schedule), rates]
    model.fit(x, epochs=epochs, batch_size=batch_size, shuffle=False, callbacks=callbacks, verbose=False)
    return rates.rates


@pytest.fixture
def model(rng):
    model = Sequential([Dense(2, 2, rng=rng)])
    model.compile(SGD(0.5), "mse")
    return model


# --- the curve


def test_the_cosine_rises_to_one_and_falls_to_its_end():
    schedule = cosine(warm_up=0.2, start=0.1, end=0.01)
    assert schedule(0.0) == pytest.approx(0.1)
    assert schedule(0.1) == pytest.approx(0.55)  # half way up
    assert schedule(0.2) == pytest.approx(1.0)
    assert schedule(0.6) == pytest.approx(0.505)  # half way down
    assert schedule(1.0) == pytest.approx(0.01)


@pytest.mark.parametrize("warm_up", [0.0, 0.05, 0.5, 0.99])
def test_the_cosine_has_one_summit_and_no_jumps(warm_up):
    factors = np.array([cosine(warm_up)(progress) for progress in np.linspace(0, 1, 10_001)])
    summit = np.argmax(factors)
    assert (np.diff(factors[: summit + 1]) >= 0).all() and (np.diff(factors[summit:]) <= 0).all()
    assert factors.max() == pytest.approx(1, abs=1e-4) and factors.min() > 0
    assert np.abs(np.diff(factors)).max() < 0.02


def test_without_warm_up_the_cosine_begins_at_one():
    assert cosine(warm_up=0.0, start=0.5)(0.0) == 1.0


@pytest.mark.parametrize("options", [{"warm_up": 1.0}, {"warm_up": -0.1}, {"start": 0.0}, {"end": 0.0}, {"end": float("nan")}])
def test_a_curve_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match="cosine expects 0 ≤ warm_up < 1 and positive start and end, received"):
        cosine(**options)


def test_the_step_falls_at_its_times():
    schedule = step_decay((0.25, 0.5), 0.5)
    assert [schedule(progress) for progress in (0, 0.2, 0.25, 0.4, 0.5, 0.99)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_the_exponential_falls_by_the_same_factor_in_equal_times():
    schedule = exponential_decay(1e-4)
    assert [schedule(progress) for progress in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx([1, 0.1, 0.01, 1e-3, 1e-4])


def test_one_cycle_is_three_straight_lines():
    schedule = one_cycle(summit=0.4, start=0.2, end=0.01)
    points = {0: 0.2, 0.2: 0.6, 0.4: 1, 0.6: 0.6, 0.8: 0.2, 0.9: 0.105, 1: 0.01}
    assert [schedule(progress) for progress in points] == pytest.approx(list(points.values()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_decay((0, 0.5)), r"step_decay expects times in \(0, 1\)"),
        (lambda: step_decay((0.5, 1)), r"step_decay expects times in \(0, 1\)"),
        (lambda: step_decay(factor=0), "a factor in .0, 1., received"),
        (lambda: step_decay(factor=1.001), "a factor in .0, 1., received"),
        (lambda: exponential_decay(0), "exponential_decay expects a positive end, received 0"),
        (lambda: one_cycle(0), "one_cycle expects 0 < summit < 0.5"),
        (lambda: one_cycle(0.5), "one_cycle expects 0 < summit < 0.5"),
        (lambda: one_cycle(start=0), "positive start and end, received 0.45, 0, 0.001"),
        (lambda: one_cycle(end=0), "positive start and end, received 0.45, 0.1, 0"),
        (lambda: ReduceOnPlateau(factor=0), "ReduceOnPlateau expects a factor in .0, 1., received 0"),
        (lambda: ReduceOnPlateau(factor=1), "ReduceOnPlateau expects a factor in .0, 1., received 1"),
        (lambda: ReduceOnPlateau(minimum=-1e-9), "minimum of at least 0, received -1e-09"),
        (lambda: ReduceOnPlateau(patience=0), "ReduceOnPlateau expects patience of at least 1, received 0"),
        (lambda: MomentumSchedule(0), "MomentumSchedule expects a maximum in .0, 1., received 0"),
        (lambda: MomentumSchedule(1), "MomentumSchedule expects a maximum in .0, 1., received 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("default", "given"),
    [
        (cosine(), cosine(warm_up=0.05, start=0.04, end=1e-3)),
        (step_decay(), step_decay(times=(0.5, 0.75), factor=0.1)),
        (exponential_decay(), exponential_decay(end=0.01)),
        (one_cycle(), one_cycle(summit=0.45, start=0.1, end=1e-3)),
    ],
    ids=["cosine", "step_decay", "exponential_decay", "one_cycle"],
)
def test_the_defaults_are_those_of_the_docstring(default, given):
    times = np.linspace(0, 1, 101)
    assert [default(progress) for progress in times] == [given(progress) for progress in times]


def test_a_step_may_change_nothing_and_come_at_no_time():
    assert step_decay((0.5,), 1)(0.9) == step_decay(())(0.9) == 1


# --- in training


class Optimizer:
    learning_rate = 1.0


class Trained:
    def __init__(self):
        self.optimizer = Optimizer()


@pytest.mark.parametrize(
    ("losses", "options", "rates"),
    [
        ([5, 4, 3], {"patience": 1}, [1, 1, 1]),
        ([5, 5, 5, 5, 5], {"patience": 2}, [1, 1, 0.1, 0.1, 0.01]),
        ([5, 6, 4, 6, 4], {"patience": 2, "factor": 0.5}, [1, 1, 1, 1, 0.5]),
        ([5, 5, 5], {"patience": 1, "minimum": 0.1}, [1, 0.1, 0.1]),
        ([float("nan")] * 3, {"patience": 2}, [1, 0.1, 0.1]),
        ([5, 5, 5, 5, 5, 5, 5], {}, [1, 1, 1, 0.1, 0.1, 0.1, 0.01]),
    ],
)
def test_the_rate_is_reduced_on_a_plateau(losses, options, rates):
    callback, model, seen = ReduceOnPlateau(**options), Trained(), []
    callback.on_train_begin(model, len(losses), 1)
    for epoch, loss in enumerate(losses, 1):
        callback.on_epoch_logged(model, epoch, {"val_loss": loss})
        seen.append(model.optimizer.learning_rate)
    assert seen == pytest.approx(rates)


def test_a_plateau_tells_what_it_could_monitor_instead(model):
    with pytest.raises(ValueError, match="ReduceOnPlateau monitors 'val_loss', received"):
        model.fit(np.ones((4, 2), np.float32), shuffle=False, callbacks=[ReduceOnPlateau()], verbose=False)


def test_the_momentum_rises_as_sutskevers(rng):
    class Momenta(Callback):
        seen: ClassVar = {}

        def on_step_end(self, model, step, loss):
            self.seen[model.optimizer.step_count] = model.optimizer.momentum

    model = Sequential([Dense(2, 2, rng=rng)])
    model.compile(SGD(1e-6, momentum=0.9, nesterov=True), "mse")
    callbacks = [MomentumSchedule(0.87), Momenta()]
    x = rng.random((260, 2)).astype(np.float32)
    model.fit(x, batch_size=1, epochs=4, shuffle=False, callbacks=callbacks, verbose=False)
    for t, momentum in Momenta.seen.items():  # the momentum of step t + 1
        assert momentum == pytest.approx(min(1 - 2 ** (-1 - np.log2(t // 250 + 1)), 0.87))
    assert model.optimizer.momentum == 0.9


@pytest.mark.parametrize("optimizer", ["SGD", "RMSProp"])
def test_the_momentum_schedule_needs_a_momentum(model, optimizer):
    model.compile({"SGD": SGD(0.5), "RMSProp": RMSProp()}[optimizer], "mse")
    with pytest.raises(ValueError, match=f"MomentumSchedule expects an SGD with momentum, received {optimizer} without"):
        model.fit(np.ones((4, 2), np.float32), shuffle=False, callbacks=[MomentumSchedule()], verbose=False)


def test_each_step_is_taken_with_the_peak_rate_times_the_schedule(model):
    assert fit(model, lambda progress: 1 - progress, epochs=2) == pytest.approx([0.5 * (1 - step / 6) for step in range(6)])


def test_a_constant_schedule_changes_nothing(model):
    twin = Sequential([Dense(2, 2, rng=np.random.default_rng(0))])
    twin.set_weights(model.get_weights())
    twin.compile(SGD(0.25), "mse")
    fit(model, lambda progress: 0.5, epochs=3)
    fit(twin, lambda progress: 1.0, epochs=3)
    for weight, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_optimizer_has_its_own_rate_back_afterwards(model):
    fit(model, cosine(), epochs=2)
    assert model.optimizer.learning_rate == 0.5


class Interrupts(Callback):
    """Ends the training in its fifth step as Ctrl-C would."""

    def on_step_end(self, model, step, loss):
        if model.optimizer.step_count == 5:
            raise KeyboardInterrupt


def test_an_interrupted_training_leaves_the_optimizer_its_own_rate_and_momentum(rng):
    model, x = Sequential([Dense(2, 2, rng=rng)]), rng.random((10, 2)).astype(np.float32)
    model.compile(SGD(0.5, momentum=0.9), "mse")
    callbacks = [LearningRateSchedule(cosine()), MomentumSchedule(), Interrupts()]
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, epochs=3, batch_size=4, shuffle=False, callbacks=callbacks, verbose=False)
    assert model.optimizer.step_count == 5
    assert (model.optimizer.learning_rate, model.optimizer.momentum) == (0.5, 0.9)


def test_a_failed_training_leaves_the_optimizer_its_own_rate(model):
    x = np.full((4, 2), np.nan, np.float32)
    with pytest.raises(TrainingError):
        model.fit(x, shuffle=False, callbacks=[LearningRateSchedule(cosine())], verbose=False)
    assert model.optimizer.learning_rate == 0.5


def test_a_factor_of_any_number_format_leaves_the_rate_among_the_optimizers_numbers(model):
    seen = []

    class Numbers(Callback):
        def on_step_end(self, model, step, loss):
            seen.append(model.optimizer.hyperparameters()["learning_rate"])

    x, schedule = np.ones((4, 2), np.float32), LearningRateSchedule(lambda progress: np.float32(0.5))
    model.optimizer.learning_rate = np.float32(0.5)
    model.fit(x, batch_size=2, shuffle=False, callbacks=[schedule, Numbers()], verbose=False)
    assert seen == [0.25, 0.25]


@pytest.mark.parametrize("minimum", [0, 0.125])
def test_a_reduction_in_any_number_format_leaves_the_rate_among_the_optimizers_numbers(minimum, model):
    callback = ReduceOnPlateau("loss", factor=np.float32(0.125), patience=1, minimum=np.float32(minimum))
    callback.on_train_begin(model, 2, 1)
    for epoch in (1, 2):
        callback.on_epoch_logged(model, epoch, {"loss": 1.0})
    assert model.optimizer.hyperparameters()["learning_rate"] == max(0.0625, minimum)


def test_a_momentum_of_any_number_format_is_among_the_optimizers_numbers(rng):
    optimizer = SGD(0.1, momentum=0.9)
    model = Sequential([Dense(2, 2, rng=rng)])
    model.compile(optimizer, "mse")
    MomentumSchedule(np.float32(0.25)).on_train_begin(model, 1, 1)
    assert optimizer.hyperparameters()["momentum"] == 0.25


def test_a_schedule_object_serves_a_second_training(model):
    schedule = LearningRateSchedule(lambda progress: 1 - progress)
    x = np.random.default_rng(3).random((4, 2)).astype(np.float32)
    for _ in range(2):
        rates = Rates()
        model.fit(x, epochs=2, shuffle=False, callbacks=[schedule, rates], verbose=False)
        assert rates.rates == pytest.approx([0.5, 0.25])


def test_a_schedule_sees_progress_below_one_only(model):
    seen = []
    fit(model, lambda progress: seen.append(progress) or 1.0, epochs=3)
    assert seen == pytest.approx([step / 9 for step in range(9)])


def test_a_factor_of_zero_is_one_with_which_nothing_is_learned(model):
    before, x = model.get_weights(), np.random.default_rng(3).random((4, 2)).astype(np.float32)
    model.fit(x, epochs=1, shuffle=False, callbacks=[LearningRateSchedule(lambda progress: 0)], verbose=False)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
