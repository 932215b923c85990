"""Saving a model's weights and loading them again, by name, without pickle."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nnlite import safetensors
from nnlite.callbacks import Callback, Logs
from nnlite.safetensors import Array

if TYPE_CHECKING:
    from nnlite.model import Sequential


class CheckpointError(ValueError):
    """A file that does not fit the model or its training; the message names the first difference."""


def save_weights(model: "Sequential", path: str | os.PathLike[str]) -> None:
    """Write the parameters to a safetensors file, named by position ("1.weight", shape (D, H)), whole or not at all.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    safetensors.write(path, {name: parameter.value for name, parameter in model.named_parameters().items()})


def load_weights(model: "Sequential", path: str | os.PathLike[str]) -> None:
    """Read the parameters back from a file of `save_weights`.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly the model's. Nothing has been changed then.
    nnlite.safetensors.FormatError
        The file is damaged or of another format.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from nnlite import Dense, Sequential, load_weights, save_weights
    >>> rng = np.random.default_rng(0)
    >>> trained, model = (Sequential([Dense(3, 2, rng=rng)]) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(trained, Path(folder) / "weights.safetensors")
    ...     load_weights(model, Path(folder) / "weights.safetensors")
    >>> np.array_equal(model[0].weight.value, trained[0].weight.value)
    True
    """
    arrays, _ = safetensors.read(path)
    restore({name: parameter.value for name, parameter in model.named_parameters().items()}, arrays, path)


def restore(targets: Mapping[str, Array], arrays: Mapping[str, Array], path: str | os.PathLike[str]) -> None:
    """Copy each of the arrays of the file `path` into the target of its name.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly those of the targets. Nothing has been changed then.
    """
    if set(arrays) != set(targets):
        missing, unknown = sorted(set(targets) - set(arrays)), sorted(set(arrays) - set(targets))
        raise CheckpointError(f"{path}: expected the model's parameters, received a file without {missing} and with {unknown}")
    for name, expected in targets.items():
        received = arrays[name]
        if (received.shape, received.dtype) != (expected.shape, expected.dtype):
            raise CheckpointError(
                f"{path}: expected {name} as {expected.dtype} of shape {expected.shape}, received {received.dtype} of shape "
                f"{received.shape}"
            )
    for name, target in targets.items():
        target[...] = arrays[name]


class ModelCheckpoint(Callback):
    """Saves the weights after each epoch in which the monitored number has become better.

    Parameters
    ----------
    path : str or path
        Of a safetensors file, written anew each time.
    monitor : str or None, default "val_loss"
        The entry of the logs; smaller is better. With None every epoch is saved.

    Raises
    ------
    ValueError
        At the end of an epoch, if the logs have no such entry.
    OSError
        At the end of an epoch, if the file cannot be written.
    """

    memories = ("_best",)

    def __init__(self, path: str | os.PathLike[str], monitor: str | None = "val_loss"):
        self.path, self.monitor = path, monitor
        self._best = math.inf

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Forget what an earlier training left."""
        self._best = math.inf

    def on_epoch_end(self, model: Any, epoch: int, logs: Logs) -> None:
        """Compare with the best so far."""
        if self.monitor is not None:
            if self.monitor not in logs:
                raise ValueError(f"ModelCheckpoint monitors {self.monitor!r}, received {sorted(logs)}: monitor one of these")
            if not logs[self.monitor] < self._best:
                return
            self._best = logs[self.monitor]
        save_weights(model, self.path)
