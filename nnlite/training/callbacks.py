"""What happens around training: a base, whose few events every callback is told of, and the history.

A callback knows the model only through the methods that it calls; the loop that calls the callbacks is in `nnlite.training.loop`.
"""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

Logs = dict[str, float]


class Callback:
    """Base: every event does nothing. Epochs and steps count from 1."""

    memories: tuple[str, ...] = ()  # attributes that are saved in a checkpoint and restored on resuming
    depends_on_epochs = False  # whether what it does in one epoch depends on how many there are in all

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Training starts: so many epochs of so many steps."""

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """An epoch starts."""

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """A step of the epoch is done; `loss` is the mean over the samples of the epoch so far."""

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """An epoch is done; `logs` holds "loss" and, with validation data, "val_loss". Add numbers of your own to it here."""

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """`logs` holds the numbers of every callback, whatever their order. Set `model.stop_training` to end here."""

    def on_train_end(self, model: Any) -> None:
        """Training has ended, normally or by an exception. Undo here what you changed."""

    def rngs(self) -> list[np.random.Generator]:
        """Return the generators that the callback draws from; one that has any must name them here, or cannot be resumed."""
        return []

    def state(self) -> dict[str, Any]:
        """Return a copy of what later epochs need of the earlier ones: numbers, strings, None, arrays, lists and dicts of these."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.memories}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; called after `on_train_begin`."""
        vars(self).update(state)


class Monitor(Callback):
    """Base of callbacks that follow one number of the logs, of which smaller is better.

    Attributes
    ----------
    monitor : str or None
        Its name.
    """

    monitor: str | None

    def check_name(self, names: Iterable[str]) -> None:
        """Raise ValueError if the number is none of these; `fit` asks before it trains, unless a callback may add numbers."""
        if self.monitor is not None and self.monitor not in names:
            way_out = "give fit validation_data, or monitor one of these" if self.monitor == "val_loss" else "monitor one of these"
            raise ValueError(f"{type(self).__name__} monitors {self.monitor!r}, received {sorted(names)}: {way_out}")


class History(Callback):
    """The numbers of every epoch.

    Attributes
    ----------
    history : dict of lists
        "loss", with validation data "val_loss", and what callbacks add: one number for each epoch, NaN where there was none.
    """

    memories = ("history",)

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self.history = {}

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Append the epoch's numbers."""
        done = len(next(iter(self.history.values()), []))
        for name in {**self.history, **logs}:
            self.history.setdefault(name, [math.nan] * done).append(logs.get(name, math.nan))
