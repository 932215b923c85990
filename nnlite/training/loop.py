"""The one training loop: forward, loss, backward, step, until the epochs are done."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress

import numpy as np

from nnlite.arrays import FloatArray, as_array, expect
from nnlite.layers.stack import Stack
from nnlite.losses import Loss
from nnlite.optimizers.optimizer import Optimizer
from nnlite.training.batches import Batches
from nnlite.training.callbacks import Callback, Logs
from nnlite.training.compiled import CompiledStep
from nnlite.training.translation import NotCompilable
from nnlite.training.watch import Watch

Augmentation = Callable[[FloatArray, np.random.Generator], FloatArray]

EVALUATION_BATCH = 1000  # samples: few enough for the cache, enough for the matrix products


def train(
    model: Stack,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    watch: Watch,
    *,
    epochs: range,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
    augment: Augmentation | None = None,
    validation: Batches | None = None,
    callbacks: Sequence[Callback] = (),
    compiled: CompiledStep | None = None,
) -> None:
    """Train the model for some epochs, such as range(1, 6). `nnlite.Sequential.fit` checks the arguments and calls this.

    Callbacks do all the rest. However the training ends, `on_train_end` is called for each callback that has begun, the last one
    first, so that it undoes its changes.
    """
    model.stop_training = False
    with ExitStack() as ends:
        ends.enter_context(compiled or nullcontext())
        for callback in callbacks:
            callback.on_train_begin(model, epochs.stop - 1, math.ceil(len(batches) / batch_size))
            ends.callback(callback.on_train_end, model)
        for epoch in epochs:
            if model.stop_training:
                break
            for callback in callbacks:
                callback.on_epoch_begin(model, epoch)
            total, done = 0.0, 0
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the watch reports their effects
                for step, indices in enumerate(batches.cut(batch_size, rng if shuffle else None), 1):
                    source, chosen = batches, indices
                    if augment is not None:
                        assert rng is not None  # `fit` has asked for it
                        x, t = batches.take(indices)
                        augmented = as_array("what augment returns", augment(x, rng))
                        same = augmented.shape[:1] == x.shape[:1]
                        expect(same, f"augment is expected to return {len(x)} samples, received shape {augmented.shape}")
                        source, chosen = Batches(augmented, None if t is x else t, x.dtype), np.arange(len(x))
                    value = compiled.train(source, chosen) if compiled is not None else math.nan
                    if compiled is not None and math.isfinite(value):
                        watch.check_step(value, compiled.x, compiled.y, compiled.t)
                    else:  # a step by the layers: they also show where an infinite loss comes from
                        x, t = source.take(chosen)
                        y = model.forward(x, training=True)
                        value, dy = loss.value_and_gradient(y, t)
                        value += model.penalty
                        watch.check_step(value, x, y, t)
                        optimizer.zero_gradients()
                        model.backward(dy, need_dx=False)
                        optimizer.step()
                    total, done = total + value * len(indices), done + len(indices)
                    for callback in callbacks:
                        callback.on_step_end(model, step, total / done)
                watch.check_parameters(optimizer.parameters)
                logs: Logs = {"loss": total / done}
                if validation is not None:
                    logs["val_loss"] = mean_loss(model, loss, validation, EVALUATION_BATCH, compiled)
            for callback in callbacks:
                callback.on_epoch_end(model, epoch, logs)
            for callback in callbacks:
                callback.on_epoch_logged(model, epoch, logs)


def mean_loss(model: Stack, loss: Loss, batches: Batches, batch_size: int, compiled: CompiledStep | None = None) -> float:
    """Return the loss, the mean over all samples, without the layers' penalties."""
    expect(len(batches) > 0, "evaluate expects at least one sample, received none")
    if compiled is not None:
        with suppress(NotCompilable):
            value = compiled.evaluate(batches)
            if math.isfinite(value):  # otherwise ask the layers and the loss: they may raise an error
                return value
    total = 0.0
    for indices in batches.cut(batch_size):
        x, t = batches.take(indices)
        total += loss.value(model.forward(x), t) * len(indices)
    return total / len(batches)


def outputs(model: Stack, batches: Batches, batch_size: int, compiled: CompiledStep | None = None) -> FloatArray:
    """Return the model's outputs for all samples, (M, ...)."""
    if compiled is not None and len(batches):
        with suppress(NotCompilable):
            return compiled.predict(batches)
    found: FloatArray | None = None
    for indices in batches.cut(batch_size):
        y = model.forward(batches.take(indices)[0])
        wanted = f"a model is expected to return {len(indices)} outputs for as many samples"
        expect(len(y) == len(indices), f"{wanted}, received {len(y)}")
        if found is None:
            found = np.empty((len(batches), *y.shape[1:]), y.dtype)
        found[indices] = y
    assert found is not None  # because an empty data set is one empty batch
    return found
