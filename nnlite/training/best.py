"""Follow one number of the logs: stop when it no longer improves, keep the weights of its best epoch."""

import math
import os
from typing import Any

from nnlite.arrays import FloatArray, as_number, expect_count
from nnlite.files.weights import save_weights
from nnlite.training.callbacks import Logs, Monitor, expect_name


class EarlyStopping(Monitor):
    """Stops the training when the monitored number has not improved for a while.

    Puts the best weights back at the end of the training, also after an interruption or an error. Any number is better than NaN.
    Each fit begins anew and ignores the best number of an earlier fit.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The entry of the logs; smaller is better.
    patience : int, default 3
        The training ends after this many epochs in a row without a better number.
    min_delta : float, default 0
        A number is better only if it is smaller by more than this.
    restore_best_weights : bool, default True
        Whether to end with the weights of the best epoch; otherwise the model keeps those of the last.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best number, 0 before any.
    best : float
        The best number.
    """

    monitor: str
    memories = ("best", "best_epoch", "_best_weights")

    def __init__(self, monitor: str = "val_loss", patience: int = 3, min_delta: float = 0.0, restore_best_weights: bool = True):
        expect_name("EarlyStopping", monitor)
        expect_count("EarlyStopping", "patience", patience)
        self.monitor, self.patience = monitor, patience
        self.min_delta = as_number("EarlyStopping expects a min_delta of at least 0", min_delta, least=0)
        self.restore_best_weights = restore_best_weights
        self.best, self.best_epoch = math.inf, 0
        self._best_weights: list[FloatArray] = []

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget an earlier training."""
        self.best, self.best_epoch, self._best_weights = math.inf, 0, []

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Compare with the best so far."""
        self.check_name(logs)
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


class ModelCheckpoint(Monitor):
    """Saves the weights after each epoch that improves the monitored number.

    The object remembers its best number in a second fit, too. Make a new object for another experiment.

    Parameters
    ----------
    path : str or path
        A safetensors file; each save replaces it.
    monitor : str or None, default "val_loss"
        The entry of the logs; smaller is better. None saves every epoch.

    Raises
    ------
    ValueError
        If the logs have no such entry: before the training, or after an epoch if a callback might add it.
    OSError
        At the end of an epoch, if the file cannot be written.
    """

    memories = ("_best",)

    def __init__(self, path: str | os.PathLike[str], monitor: str | None = "val_loss"):
        self.path, self.monitor = os.fspath(path), monitor
        self._best = math.inf

    def on_epoch_logged(self, model: Any, epoch: int, logs: Logs) -> None:
        """Compare with the best so far."""
        self.check_name(logs)
        if self.monitor is None or logs[self.monitor] < self._best:
            save_weights(model, self.path)
            self._best = -math.inf if self.monitor is None else logs[self.monitor]  # only after the file was written
