"""The learning rate as a function of time: large while there is far to go, small at the end to settle."""

import math
from collections.abc import Callable
from typing import Any

from nnlite.callbacks import Callback

Schedule = Callable[[float], float]  # from the part of the training that is done, 0 to 1, to a factor of the learning rate


class LearningRateSchedule(Callback):
    """Sets the optimizer's learning rate before each step: the rate it has when training begins, times schedule(progress).

    Parameters
    ----------
    schedule : callable
        From progress, 0 at the first step and approaching 1 at the last, to the factor.
    """

    def __init__(self, schedule: Schedule):
        self.schedule = schedule

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Set the first step's rate."""
        self._peak = model.optimizer.learning_rate
        self._steps, self._done = epochs * steps, 0
        self._set(model)

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Set the next step's rate."""
        self._done += 1
        self._set(model)

    def on_train_end(self, model: Any) -> None:
        """Give the optimizer its own rate back."""
        model.optimizer.learning_rate = self._peak

    def _set(self, model: Any) -> None:
        if self._done < self._steps:
            model.optimizer.learning_rate = self._peak * self.schedule(self._done / self._steps)


def cosine(warm_up: float = 0.05, start: float = 0.04, end: float = 1e-3) -> Schedule:
    """Return a schedule that rises along a half cosine from `start` to 1 and falls along another to `end`.

    Parameters
    ----------
    warm_up : float
        The part of the training in which the rate rises, in [0, 1).
    start, end : float
        The factors at the first and the last step, positive.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """
    if not (0 <= warm_up < 1 and start > 0 and end > 0):
        raise ValueError(f"cosine expects 0 ≤ warm_up < 1 and positive start and end, received {warm_up}, {start}, {end}")

    def factor(progress: float) -> float:
        if progress < warm_up:
            return _half_cosine(start, 1.0, progress / warm_up)
        return _half_cosine(1.0, end, (progress - warm_up) / (1 - warm_up))

    return factor


def _half_cosine(first: float, last: float, progress: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2
