"""The one training loop: forward, loss, backward, step, until the epochs are done.

for each epoch
    shuffle the samples
    for each batch x, t of them
        y = forward(x)                      layers, first to last
        L, dy = loss(y, t)
        backward(dy)                        layers, last to first
        optimizer.step()

What goes in is checked by `Sequential.fit`; what else happens at each event is up to the callbacks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnlite.batches import Samples, consecutive
from nnlite.callbacks import Callback, Logs
from nnlite.watch import Watch

if TYPE_CHECKING:
    from nnlite.model import Sequential
    from nnlite.resume import SavedTraining

EVALUATION_BATCH = 1000  # samples: few enough for the cache, enough for the matrix products


@dataclass
class Training:
    """One call of `Sequential.fit`, whose parameters these are.

    Parameters
    ----------
    model : Sequential
        Compiled.
    samples, validation : Samples
        What to train on, and what to evaluate after each epoch, if there is something.
    epochs, batch_size : int
    shuffler : np.random.Generator or None
        Draws the order of each epoch; with None it is that of the samples.
    callbacks : sequence of Callback
    watch : Watch
    """

    model: "Sequential"
    samples: Samples
    validation: Samples | None
    epochs: int
    batch_size: int
    shuffler: np.random.Generator | None
    callbacks: Sequence[Callback]
    watch: Watch

    def run(self, saved: "SavedTraining | None") -> None:
        """Train, after the epochs that are saved already, if any."""
        self.model.stop_training = False
        for callback in self.callbacks:
            callback.on_train_begin(self.model, self.epochs, math.ceil(len(self.samples) / self.batch_size))
        try:
            done = saved.begin() if saved else 0
            for epoch in range(done + 1, self.epochs + 1):
                if self.model.stop_training:
                    break
                for callback in self.callbacks:
                    callback.on_epoch_begin(self.model, epoch)
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the watch says where they led
                    logs: Logs = {"loss": self._epoch()}
                    if self.validation is not None:
                        logs["val_loss"] = mean_loss(self.model, self.validation, EVALUATION_BATCH)
                for callback in self.callbacks:
                    callback.on_epoch_end(self.model, epoch, logs)
                if saved:
                    saved.save(epoch)
        finally:  # also after Ctrl-C or a TrainingError: what a callback has borrowed it gives back
            for callback in self.callbacks:
                callback.on_train_end(self.model)

    def _epoch(self) -> float:
        """Take one step for each batch, and return the mean of the samples' losses."""
        model, optimizer, loss = self.model, self.model.optimizer, self.model.loss
        count = len(self.samples)
        order = self.shuffler.permutation(count) if self.shuffler else np.arange(count)
        total, done = 0.0, 0
        for step, start in enumerate(range(0, count, self.batch_size), 1):
            batch, target = self.samples.take(order[start : start + self.batch_size])
            prediction = model.forward(batch, training=True)
            value, gradient = loss.value_and_gradient(prediction, target)
            value += model.penalty
            self.watch.check_step(value, batch, prediction, target)
            model.backward_parameters(gradient)
            optimizer.step()
            total, done = total + value * len(batch), done + len(batch)
            for callback in self.callbacks:
                callback.on_step_end(model, step, total / done)
        self.watch.check_parameters()
        return total / done


def mean_loss(model: "Sequential", samples: Samples, batch_size: int) -> float:
    """Return the loss, the mean over all samples, without the layers' penalties."""
    if len(samples) == 0:
        raise ValueError("evaluate expects at least one sample, received none")
    total = 0.0
    for indices in consecutive(len(samples), batch_size):
        batch, target = samples.take(indices)
        total += model.loss.value(model.forward(batch), target) * len(indices)
    return total / len(samples)
