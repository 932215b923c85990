"""Find what is wrong before a training begins, so that nobody waits an epoch for the message."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlite.arrays import Array, call_hint, expect, expect_count, expect_rng, warn_if_dark
from nnlite.files.errors import reported_as
from nnlite.layers import Stack
from nnlite.losses import Loss
from nnlite.training.batches import Batches, may_be_images
from nnlite.training.callbacks import Callback, Monitor


def check_settings(epochs: object, batch_size: object, rng: object, needs_rng: bool, augment: object) -> None:
    """Raise ValueError unless these are settings of `nnlite.Sequential.fit`."""
    expect_count("fit", "epochs", epochs)
    expect_count("fit", "batch_size", batch_size)
    function = augment is None or (callable(augment) and not isinstance(augment, type))
    expect(function, f"fit expects augment to be a function of a batch and rng, received {augment!r}{call_hint(augment)}")
    expect(rng is not None or not needs_rng, "fit expects rng=np.random.default_rng(seed) for shuffle or augment, received none")
    if rng is not None:
        expect_rng("fit", rng)


def check_callbacks(callbacks: object, checkpoint: str | os.PathLike[str] | None) -> None:
    """Raise ValueError unless these are callbacks, and each file has one writer."""
    if not isinstance(callbacks, list | tuple):
        hint = f": write callbacks=[{type(callbacks).__name__}(...)]" if isinstance(callbacks, Callback) else ""
        raise ValueError(f"fit expects a list of callbacks, received {callbacks!r}{hint}")
    for callback in callbacks:
        expect(isinstance(callback, Callback), f"fit expects callbacks, received {callback!r} among them{call_hint(callback)}")
        expect(sum(each is callback for each in callbacks) == 1, f"fit expects each callback once, received {callback!r} twice")
    schedules = [type(callback).__name__ for callback in callbacks if callback.sets_learning_rate]
    expect(len(schedules) < 2, f"fit expects one callback that sets the learning rate, received {' and '.join(schedules)}")
    files = [] if checkpoint is None else [os.path.realpath(checkpoint)]
    for owner in (callback for callback in callbacks if isinstance(callback.path, str | os.PathLike)):
        files.append(os.path.realpath(owner.path))
        if not os.path.isdir(os.path.dirname(files[-1])):
            raise FileNotFoundError(f"{type(owner).__name__} expects a folder that is there, received {owner.path}: make it first")
    twice = next((file for file in files if files.count(file) > 1), None)
    expect(twice is None, f"fit expects another file for each callback and for the checkpoint, received {twice} twice")


def check_monitors(callbacks: Sequence[Callback], validation: bool) -> None:
    """Raise ValueError if a callback monitors a number that nobody adds to the logs."""
    if any(getattr(callback.on_epoch_end, "__func__", None) is not Callback.on_epoch_end for callback in callbacks):
        return  # such a callback may add any number
    for callback in callbacks:
        if isinstance(callback, Monitor):
            callback.check_name(["loss", "val_loss"] if validation else ["loss"])


def pair(data: Any) -> tuple[Any, Any]:
    """Return x and y of validation data: either (x, y) or x alone."""
    if not isinstance(data, tuple | list):
        return data, None
    expect(len(data) == 2, f"fit expects validation_data of x or (x, y), received {type(data).__name__} of {len(data)}")
    return data[0], data[1]


def warn_of_scale(x: Array, y: Array | None) -> None:
    """Warn of data with a suspicious scale: bytes of 0 and 1, and floats that look like pixels."""
    x = np.asarray(x)
    warn_if_dark("x", x, "give x.astype('float32') for numbers 0 and 1", stacklevel=5)
    for name, array in (("x", x), ("y", np.asarray(x if y is None else y))):
        first = array[:100]
        bytes_ = array.dtype.kind == "f" and 127 < first.max(initial=0) <= 255 and first.min() >= 0
        if bytes_ and (first == np.rint(first)).all() and may_be_images(array, x):
            warnings.warn(f"{name} holds whole numbers up to {first.max():g}: divide them by 255 if they are pixels", stacklevel=4)
            return


def check_validation(model: Stack, loss: Loss, validation: Batches) -> None:
    """Raise ValueError unless the model and the loss take the first sample, and all are finite: val_loss would be NaN for ever."""
    expect(len(validation) > 0, "fit expects validation_data of at least one sample, received none")
    x, t = validation.take(np.arange(1))
    with reported_as(ValueError, "validation_data do not fit", ValueError), np.errstate(all="ignore"):
        loss.value(model.forward(x), t)
    place = validation.where_not_finite()
    expect(place is None, f"validation_data hold {place}")
