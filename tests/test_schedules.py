"""Learning rates that change in time: the curve, and what the optimizer is given at each step."""

import numpy as np
import pytest

from nnlite import Dense, LearningRateSchedule, Sequential, cosine
from nnlite.callbacks import Callback
from nnlite.optimizers import SGD


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


# --- in training


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
