"""The learning rate as a function of time: large while there is far to go, small at the end to settle.

A batch's gradient is the gradient of the whole data set plus noise. So steps of a fixed length end by circling around the minimum:
long steps far from it, short steps near. A schedule is a plain function from progress p, 0 at the first step and 1 at the end, to a
factor of the learning rate, such as (1 + cos πp) / 2. `LearningRateSchedule` applies it; `ReduceOnPlateau` watches the loss instead
of the clock.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlite.arrays import as_number, expect, expect_count, is_number
from nnlite.training.callbacks import Callback, Logs, Monitor, expect_name

Schedule = Callable[[float], float]  # progress, 0 to 1 → factor of the learning rate


class LearningRateSchedule(Callback):
    """Sets the learning rate before each step: the optimizer's rate at the start of the training times schedule(progress).

    Parameters
    ----------
    schedule : callable
        Takes progress, 0 at the first step and nearly 1 at the last, and returns the factor.
    """

    memories = ("_peak", "_done")
    depends_on_epochs = sets_learning_rate = True

    def __init__(self, schedule: Schedule):
        if not callable(schedule):
            raise ValueError(f"LearningRateSchedule expects a function of the progress, such as cosine(), received {schedule!r}")
        self.schedule = schedule
        self._peak, self._done = 0.0, 0

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Set the first step's rate."""
        self._model, self._peak, self._steps, self._done = model, model.optimizer.learning_rate, epochs * steps, 0
        self._set(model)  # if the schedule raises here, the optimizer still has its own rate

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Set the next step's rate."""
        self._done += 1
        self._set(model)

    def on_train_end(self, model: Any) -> None:
        """Give the optimizer its own rate back."""
        model.optimizer.learning_rate = self._peak

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state()` saved; the number of epochs may have grown."""
        super().load_state(state)
        self._set(self._model)

    def _set(self, model: Any) -> None:
        if self._done < self._steps:
            progress = self._done / self._steps
            factor = self.schedule(progress)
            received = f"received {factor!r} at progress {progress:g}"
            expect(is_number(factor) and factor >= 0, f"LearningRateSchedule expects factors of at least 0, {received}")
            model.optimizer.learning_rate = float(self._peak * factor)


def cosine(warm_up: float = 0.05, start: float = 0.04, end: float = 1e-3) -> Schedule:
    """Return a schedule that rises along a half cosine from `start` to 1 and falls along another to `end`.

    Parameters
    ----------
    warm_up : float, default 0.05
        The rate rises during this part of the training, in [0, 1).
    start, end : float, default 0.04 and 0.001
        The factors at progress 0 and 1, positive; without a warm-up the first factor is 1.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> from nnlite import cosine
    >>> factor = cosine(warm_up=0.1, start=0.04, end=0.001)
    >>> [round(factor(progress), 3) for progress in (0, 0.05, 0.1, 0.55, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.001]
    """
    if not (all(map(is_number, (warm_up, start, end))) and 0 <= warm_up < 1 and start > 0 and end > 0):
        raise ValueError(f"cosine expects 0 ≤ warm_up < 1 and positive start and end, received {warm_up!r}, {start!r}, {end!r}")

    def factor(progress: float) -> float:
        if progress < warm_up:
            return _half_cosine(start, 1.0, progress / warm_up)
        return _half_cosine(1.0, end, (progress - warm_up) / (1 - warm_up))

    return factor


def step_decay(times: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> Schedule:
    """Return a schedule that multiplies by `factor` at each of these times.

    Parameters
    ----------
    times : sequence of float, default 0.5 and 0.75
        Parts of the training, in (0, 1).
    factor : float, default 0.1
        In (0, 1].

    Examples
    --------
    >>> from nnlite import step_decay
    >>> factor = step_decay(times=(0.5, 0.75), factor=0.1)
    >>> [round(factor(progress), 3) for progress in (0, 0.5, 0.9)]
    [1.0, 0.1, 0.01]
    """
    valid = isinstance(times, Sequence) and all(is_number(time) and 0 < time < 1 for time in times)
    if not (valid and is_number(factor) and 0 < factor <= 1):
        raise ValueError(f"step_decay expects times in (0, 1) and a factor in (0, 1], received {times!r} and {factor!r}")
    return lambda progress: factor ** sum(progress >= time for time in times)


def exponential_decay(end: float = 0.01) -> Schedule:
    """Return a schedule that falls from 1 to `end` by the same factor in equal times: endᵖ at progress p.

    Parameters
    ----------
    end : float, default 0.01
        The factor at progress 1, positive.

    Examples
    --------
    >>> from nnlite import exponential_decay
    >>> factor = exponential_decay(end=0.01)
    >>> [round(factor(progress), 3) for progress in (0, 0.5, 1)]
    [1.0, 0.1, 0.01]
    """
    end = as_number("exponential_decay expects a positive end", end, above=0)
    return lambda progress: end**progress


def one_cycle(summit: float = 0.45, start: float = 0.1, end: float = 0.001) -> Schedule:
    """Return a schedule of three straight lines: from `start` up to 1, down to `start` as fast, and down to `end` in the rest.

    Parameters
    ----------
    summit : float, default 0.45
        The rate is highest after this part of the training, in (0, 0.5).
    start, end : float, default 0.1 and 0.001
        The factors at progress 0 (and 2 · summit) and 1, positive.

    References
    ----------
    L. Smith, "A disciplined approach to neural network hyper-parameters: part 1", 2018, section 4 (without its cycle of momenta).

    Examples
    --------
    >>> from nnlite import one_cycle
    >>> factor = one_cycle(summit=0.4, start=0.1, end=0.001)
    >>> [round(factor(progress), 3) for progress in (0, 0.4, 0.8, 1)]
    [0.1, 1.0, 0.1, 0.001]
    """
    if not (all(map(is_number, (summit, start, end))) and 0 < summit < 0.5 and start > 0 and end > 0):
        raise ValueError(f"one_cycle expects 0 < summit < 0.5 and positive start and end, received {summit!r}, {start!r}, {end!r}")

    return lambda progress: float(np.interp(progress, (0, summit, 2 * summit, 1), (start, 1, start, end)))


class ReduceOnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when the monitored number has not become better for `patience` epochs in a row.

    Do not combine it with `LearningRateSchedule`: that one sets the rate itself. The optimizer keeps the reduced rate after
    training; the next fit forgets the best number.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The entry of the logs; smaller is better.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 3
        At least 1; the count starts again after a reduction.
    minimum : float, default 0
        The rate is not reduced below this.
    """

    monitor: str
    memories = ("_best", "_waited")
    sets_learning_rate = True

    def __init__(self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 3, minimum: float = 0.0):
        expect_name("ReduceOnPlateau", monitor)
        expect_count("ReduceOnPlateau", "patience", patience)
        self.monitor, self.patience = monitor, patience
        self.factor = as_number("ReduceOnPlateau expects a factor in (0, 1)", factor, above=0, below=1)
        self.minimum = as_number("ReduceOnPlateau expects a minimum of at least 0", minimum, least=0)
        self._best, self._waited = math.inf, 0

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        self._best, self._waited = math.inf, 0

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Compare with the best so far."""
        self.check_name(logs)
        self._waited += 1
        if logs[self.monitor] < self._best:
            self._best, self._waited = logs[self.monitor], 0
        elif self._waited == self.patience:
            self._waited = 0
            rate = model.optimizer.learning_rate
            model.optimizer.learning_rate = min(rate, max(rate * self.factor, self.minimum))


class MomentumSchedule(Callback):
    """Sets the momentum of SGD before each step, as Sutskever did for Nesterov's form.

    μ = min(1 − 2^(−1 − log₂(⌊t / 250⌋ + 1)), maximum), with t the optimizer's step count: 1/2 for the first 250 steps, 3/4 for the
    next, then 5/6, 7/8, ... A step looks ahead with its own μ. The paper takes the next step's μ: it differs once in 250 steps.

    Parameters
    ----------
    maximum : float, default 0.99
        In (0, 1).

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013,
    equation 5.
    """

    memories = ("_own",)

    def __init__(self, maximum: float = 0.99):
        self.maximum = as_number("MomentumSchedule expects a maximum in (0, 1)", maximum, above=0, below=1)
        self._own = 0.0

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Set the first step's momentum."""
        if not getattr(model.optimizer, "momentum", 0):
            raise ValueError(f"MomentumSchedule expects an SGD with momentum, received {type(model.optimizer).__name__} without")
        self._own = model.optimizer.momentum
        self._set(model)

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Set the next step's momentum."""
        self._set(model)

    def on_train_end(self, model: Any) -> None:
        """Give the optimizer its own momentum back."""
        model.optimizer.momentum = self._own

    def _set(self, model: Any) -> None:
        # With c = ⌊t / 250⌋ + 1, 2^(−1 − log₂ c) = 1 / (2 c).
        model.optimizer.momentum = min(1 - 0.5 / (model.optimizer.step_count // 250 + 1), self.maximum)


def _half_cosine(first: float, last: float, progress: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2
