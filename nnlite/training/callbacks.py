"""The base class of callbacks, with the few events of a training, and the history.

The loop in `nnlite.training.loop` calls each callback at each event.
"""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nnlite.arrays import expect

Logs = dict[str, float]


class Callback:
    """Base class: does nothing at any event. Epochs and steps count from 1."""

    memories: tuple[str, ...] = ()  # attributes to save in a checkpoint and to restore on resuming
    depends_on_epochs = False  # whether its work in one epoch depends on the number of all epochs
    sets_learning_rate = False  # only one callback of a training may
    path: Any = None  # the file that it writes; nobody else may write there

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Training starts: `epochs` epochs of `steps` steps each."""

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """An epoch starts."""

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """A step of the epoch is done; `loss` is the mean over the samples of the epoch so far."""

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """An epoch is done; `logs` holds "loss" and, with validation data, "val_loss". Add numbers of your own to it here."""

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """`logs` now holds the numbers of all callbacks. Set `model.stop_training = True` to end here."""

    def on_train_end(self, model: Any) -> None:
        """Training has ended, normally or by an exception. Undo here what you changed."""

    def rngs(self) -> list[np.random.Generator]:
        """Return all generators that the callback draws from; a training resumes only if they are named here."""
        return []

    def state(self) -> dict[str, Any]:
        """Return a copy of all that later epochs need: numbers, strings, None, arrays, lists and dicts of these."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.memories}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state()` saved; called after `on_train_begin`."""
        vars(self).update(state)


class Monitor(Callback):
    """Base class of callbacks that follow one number of the logs; smaller is better.

    Attributes
    ----------
    monitor : str or None
        Its name.
    """

    monitor: str | None

    def check_name(self, names: Iterable[str]) -> None:
        """Raise ValueError unless the number is among these; `fit` asks before it trains, unless a callback may add numbers."""
        if self.monitor is not None and self.monitor not in names:
            way_out = "give fit validation_data, or monitor one of these" if self.monitor == "val_loss" else "monitor one of these"
            raise ValueError(f"{type(self).__name__} monitors {self.monitor!r}, received {sorted(names)}: {way_out}")


def expect_name(owner: str, monitor: object) -> None:
    """Raise ValueError unless this can be the name of a number in the logs."""
    expect(isinstance(monitor, str), f"{owner} expects monitor to be a name such as 'val_loss', received {monitor!r}")


class History(Callback):
    """The numbers of every epoch.

    Attributes
    ----------
    history : dict of lists
        "loss", with validation data "val_loss", and the callbacks' own: one number for each epoch, NaN where none was given.
    """

    memories = ("history",)

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        self.history = {}

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Append the epoch's numbers."""
        done = len(next(iter(self.history.values()), []))
        for name in {**self.history, **logs}:
            self.history.setdefault(name, [math.nan] * done).append(logs.get(name, math.nan))
