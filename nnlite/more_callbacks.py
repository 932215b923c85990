"""Further callbacks: stopping early, and keeping the numbers of every epoch."""

import math
import os
from typing import Any

import numpy as np

from nnlite.callbacks import Callback, Logs
from nnlite.files import write_atomically


class EarlyStopping(Callback):
    """Stop when the monitored number has not become better for a while.

    The best weights are put back when the training is over, also when it was interrupted or an error ended it. Any number is better
    than NaN.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The entry of the logs; smaller is better.
    patience : int, default 3
        So many epochs in a row without a better number end the training.
    min_delta : float, default 0
        Only a number smaller by more than this is better.
    restore_best_weights : bool, default True
        Whether the model ends with the weights of its best epoch instead of those of its last.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best number, 0 before any.
    best : float
        That number.
    """

    memories = ("best", "best_epoch", "_best_weights")

    def __init__(self, monitor: str = "val_loss", patience: int = 3, min_delta: float = 0.0, restore_best_weights: bool = True):
        if patience < 1 or min_delta < 0:
            raise ValueError(
                f"EarlyStopping expects patience ≥ 1 and min_delta ≥ 0, received patience={patience}, min_delta={min_delta}"
            )
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best_weights = restore_best_weights
        self._start()

    def _start(self) -> None:
        self.best, self.best_epoch = math.inf, 0
        self._best_weights: list[np.ndarray[Any, Any]] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self._start()

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """Compare with the best so far."""
        if self.monitor not in logs:
            raise ValueError(
                f"EarlyStopping monitors {self.monitor!r}, received {sorted(logs)}: give fit validation_data, or monitor 'loss'"
            )
        number = logs[self.monitor]
        first = self.best_epoch == 0 or (math.isnan(self.best) and not math.isnan(number))
        if first or number < self.best - self.min_delta:
            self.best, self.best_epoch = number, epoch
            if self.restore_best_weights:
                self._best_weights = model.get_weights()
        elif epoch - self.best_epoch >= self.patience:
            model.stop_training = True

    def on_train_end(self, model: Any) -> None:
        """Put the best weights back."""
        if self._best_weights:
            model.set_weights(self._best_weights)


class CSVLogger(Callback):
    """Writes the numbers of every epoch to a table, one row an epoch; whole after each epoch, should the training be killed.

    Parameters
    ----------
    path : str or path
        Where to write; an older file is replaced.
    """

    memories = ("_rows",)

    def __init__(self, path: str | os.PathLike[str]):
        self.path = path
        self._rows: list[str] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self._rows = []

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """Add the epoch's row, under a first row of names."""
        if not self._rows:
            self._rows.append(",".join(["epoch", *logs]))
        self._rows.append(",".join([str(epoch), *map(repr, map(float, logs.values()))]))
        write_atomically(self.path, "".join(f"{row}\n" for row in self._rows).encode())


class LearningRateLogger(Callback):
    """Notes the learning rate with which each epoch begins.

    Attributes
    ----------
    rates : list of float
        One for each epoch.
    """

    memories = ("rates",)

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self.rates = []

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        """Append the rate of the moment."""
        self.rates.append(float(model.optimizer.learning_rate))
