"""A stack of layers with an optimizer and a loss. The training loop itself is in `nnlite.training.loop`."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TypeVar, overload

import numpy as np

from nnlite.arrays import Array, FloatArray, call_hint, expect, expect_count, is_whole
from nnlite.layers import Activation, Flatten, Layer, Reshape, Stack
from nnlite.losses import LOSSES, Loss
from nnlite.models.endings import warn_of_ending
from nnlite.optimizers import OPTIMIZERS, Optimizer
from nnlite.training import checks
from nnlite.training.batches import Batches
from nnlite.training.callbacks import Callback, History
from nnlite.training.compiled import PREDICTION_ROWS, CompiledStep
from nnlite.training.loop import EVALUATION_BATCH, Augmentation, mean_loss, outputs, train
from nnlite.training.progress import ProgressBar
from nnlite.training.resume import SavedTraining
from nnlite.training.translation import NotCompilable
from nnlite.training.watch import Watch

Validation = Array | tuple[Array, Array]
Choice = TypeVar("Choice")


class Sequential(Stack):
    """Layers that follow one another, with an optimizer and a loss. A model is a layer, too, so another model can contain it.

    Parameters
    ----------
    layers, input_shape
        As for `nnlite.Stack`.

    Notes
    -----
    Arrays of uint8 that go into a model are images, scaled to [0, 1]. What goes into a later part of it, such as ``model[2:]``, are
    numbers, which are never scaled.

    Examples
    --------
    A line, y = 2 x + 1, from twenty of its points:

    >>> import numpy as np
    >>> from nnlite import Dense, Sequential
    >>> from nnlite.optimizers import SGD
    >>> rng = np.random.default_rng(0)
    >>> x = np.linspace(-1, 1, 20, dtype=np.float32).reshape(20, 1)
    >>> model = Sequential([Dense(1, 1, rng=rng)])
    >>> model.compile(SGD(0.5), "mse")
    >>> history = model.fit(x, 2 * x + 1, epochs=50, batch_size=20, rng=rng, verbose=False)
    >>> [weight.round(3).tolist() for weight in model.get_weights()]
    [[[2.0]], [1.0]]
    >>> model.predict(np.array([[10]], np.float32)).round(2)
    array([[21.]], dtype=float32)
    """

    _compiled: bool | None = None
    _optimizer: Optimizer | None = None
    _loss: Loss | None = None
    _takes_images = True  # whether an x of uint8 is scaled

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Layer | Sequential":
        """A layer, or a part of the model as a model that shares the layers."""
        if not isinstance(index, slice):
            if not is_whole(index):
                raise TypeError(f"the layers of a model are numbered 0 to {len(self) - 1}, received {index!r}")
            return self.layers[index]
        start, _, stride = index.indices(len(self))
        expect(stride == 1, f"a slice of a model is expected to take layers in a row, received the stride {stride}")
        shape = None if self.input_shape is None else Stack(self.layers[:start]).output_shape(self.input_shape)
        part = Sequential(self.layers[index], shape)
        part._takes_images = self._takes_images and all(isinstance(layer, Flatten | Reshape) for layer in self.layers[:start])
        return part

    def compile(self, optimizer: str | Optimizer = "adam", loss: str | Loss = "mse", *, compiled: bool | None = None) -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
            A key of `nnlite.optimizers.OPTIMIZERS` for one with its defaults, or an object, which belongs to this model from now on
            and starts anew.
        loss : str or Loss
            A key of `nnlite.losses.LOSSES`, or an object; the model takes a copy of it.
        compiled : bool, optional
            Whether the compiled step (`nnlite.training.compiled`) trains, evaluates and predicts, in a fraction of the layers' time
            and without arrays of gradients. By default it does where it can; True raises ValueError where it cannot.

        Warns
        -----
        UserWarning
            The last layer does not fit the loss: a Softmax before `SoftmaxCrossEntropyWithLogits`, which applies its own, or no
            Sigmoid before `BinaryCrossEntropy`.
        """
        chosen, loss = _choose("optimizer", optimizer, OPTIMIZERS, Optimizer), _choose("loss", loss, LOSSES, Loss).copy()
        warn_of_ending(self, loss)
        chosen.bind(self.parameters)
        self._optimizer, self._loss, self._compiled = chosen, loss, compiled
        self.compiled_step(1)

    @property
    def optimizer(self) -> Optimizer:
        """What `compile` chose."""
        if self._optimizer is None:
            raise RuntimeError("the model has no optimizer yet: call compile(optimizer=..., loss=...) first")
        return self._optimizer

    @property
    def loss(self) -> Loss:
        """What `compile` chose."""
        if self._loss is None:
            raise RuntimeError("the model has no loss yet: call compile(optimizer=..., loss=...) first")
        return self._loss

    def compiled_step(self, rows: int, predicts: bool = False) -> CompiledStep | None:
        """Return the compiled step for at most `rows` samples, None where the layers compute, as `compile` chose.

        One that only predicts takes the model whatever its loss and its optimizer are.
        """
        needed = (None, None) if predicts else (self._loss, self._optimizer)
        with suppress(*() if self._compiled else (NotCompilable,)):
            return CompiledStep(self, *needed, rows=rows) if self._compiled is not False else None
        return None

    def fit(
        self,
        x: Array,
        y: Array | None = None,
        *,
        epochs: int = 1,
        batch_size: int = 128,
        validation_data: Validation | None = None,
        shuffle: bool = True,
        rng: np.random.Generator | None = None,
        augment: Augmentation | None = None,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        watch: bool = True,
        verbose: bool = True,
    ) -> History:
        """Train, and return the history of loss and val_loss.

        Parameters
        ----------
        x : array, shape (M, ...)
            uint8 images, scaled to [0, 1] batch by batch, or floats.
        y : array, shape (M, ...), optional
            The targets, in the shape of the model's output. Without y, the model's input is its target. Targets are never scaled,
            unless y is x: a uint8 y holds numbers, such as one-hot labels; if it looks like images, it is an error.
        epochs : int
            How often to go through all samples.
        batch_size : int
            Samples a step; the last step of an epoch takes the rest.
        validation_data : array or pair of arrays, optional
            x or (x, y), as above, to evaluate after each epoch.
        shuffle : bool
            Whether each epoch takes the samples in a new random order, drawn from `rng`.
        rng : np.random.Generator, optional
            Needed for shuffling and augmentation.
        augment : callable, optional
            From a batch of x and `rng` to the batch to train on, such as `nnlite.RandomShift`. Targets are never augmented: with
            ``fit(x, x, augment=noise)`` the model learns to give back the clean image, with ``fit(x, augment=shift)`` the shifted.
        callbacks : sequence of Callback
            Called at every event, in this order.
        checkpoint : path, optional
            A file for the whole state of the training after each epoch: weights, optimizer, callbacks, random generators. If the
            file exists, training goes on after its last epoch, and ends bit for bit as without the stop (on the same machine, with
            the same build and number of threads). One file is for one job: the same data, model, settings and seeds. Only `epochs`
            may differ: with more epochs a finished training goes on.
        watch : bool, default True
            Whether to stop with TrainingError if the training cannot recover. Switch it off to watch such a training go on.
        verbose : bool
            Whether to show a progress bar.

        Returns
        -------
        History
            "loss" is the mean over the samples of an epoch, each taken just before its step changed the weights, with the layers'
            penalties; "val_loss" is the mean over the validation samples after the epoch, without penalties.

        Raises
        ------
        TrainingError
            The loss or a weight became NaN or infinite, or the output collapsed: for 20 steps all samples had the same output,
            although their targets differ.
        ValueError
            The arguments do not fit together.
        CheckpointError, nnlite.FormatError
            The checkpoint is of another job, or damaged. Nothing is changed.
        """
        optimizer, loss = self.optimizer, self.loss
        if optimizer.parameters != self.parameters:
            raise ValueError("the model's parameters are not those that its optimizer holds: call compile again")
        checks.check_settings(epochs, batch_size, rng, shuffle or augment is not None, augment)
        checks.check_callbacks(callbacks, checkpoint)
        checks.check_monitors(callbacks, validation_data is not None)
        batches = self._batches(x, None if y is x and augment is None else y)  # without y one batch serves as both
        expect(len(batches) > 0, "fit expects the number of samples of at least 1, received 0")
        validation = None
        if validation_data is not None:
            validation = self._batches(*checks.pair(validation_data))
            checks.check_validation(self, loss, validation)
        history, watcher, done = History(), Watch(self, batches, watch), 0
        listeners = [history, *callbacks, *([ProgressBar()] if verbose else [])]
        if checkpoint is not None:
            # True only insists on what None does
            job = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle, "compiled": self._compiled and None}
            data = [part for part in (batches, validation) if part is not None]
            saved = SavedTraining(checkpoint, self, [history, *callbacks], watcher, rng, augment, data, job)
            listeners.append(saved)
            done = saved.epoch
        train(
            self,
            loss,
            optimizer,
            batches,
            watcher,
            epochs=range(done + 1, epochs + 1),
            batch_size=batch_size,
            rng=rng,
            shuffle=shuffle,
            augment=augment,
            validation=validation,
            callbacks=listeners,
            compiled=self.compiled_step(min(batch_size, len(batches))),
        )
        return history

    def evaluate(self, x: Array, y: Array | None = None, batch_size: int = EVALUATION_BATCH) -> float:
        """Return the loss, the mean over all samples; x and y as for `fit`.

        The layers take `batch_size` samples at a time; the compiled step has a size of its own.
        """
        batches, loss = self._batches(x, None if y is x else y), self.loss
        expect_count("evaluate", "batch_size", batch_size)
        with self.compiled_step(PREDICTION_ROWS) or nullcontext() as compiled:
            return mean_loss(self, loss, batches, batch_size, compiled)

    def predict(self, x: Array, batch_size: int = EVALUATION_BATCH) -> FloatArray:
        """Return the outputs (M, ...) for x (M, ...), uint8 images or floats. Several threads may call this on one model.

        `batch_size` is as for `evaluate`.
        """
        batches = self._batches(x, warn=False)
        expect_count("predict", "batch_size", batch_size)
        with self.compiled_step(max(1, min(len(batches), PREDICTION_ROWS)), predicts=True) or nullcontext() as compiled:
            return outputs(self, batches, batch_size, compiled)

    def _batches(self, x: Array, y: Array | None = None, warn: bool = True) -> Batches:
        batches = Batches(x, y, self.dtype, self._takes_images)
        if warn and self._takes_images:
            checks.warn_of_scale(x, y)
        target = [*batches.rows.values()][-1]  # (M, D)
        if warn and target.dtype != np.uint8 and target.size:
            self.loss.warn_of_targets(target)
        shape, received = self.input_shape, np.shape(x)
        if shape is not None and (received == shape or (len(shape) > 1 and received[1:] != shape)):  # of rows Dense says it
            way_out = "a single one: hand it in as x[None]" if received == shape else f"{received[1:]}: bring all to this shape"
            raise ValueError(f"expected samples of shape {shape}, received {way_out}")
        return batches


def dead_units(model: Sequential, x: Array) -> dict[str, float]:
    """Return, by the position of each activation such as "1", the share of its units that give the same number for all of x.

    Activations are the `nnlite.Activation` among the model's own layers, such as ReLU and Sigmoid: not SiLU, GELU and
    Softmax, and none inside a model that is itself a layer.

    No gradient passes such a unit of ReLU, so that it can learn nothing: many of them ask for a smaller learning rate, He's
    initialiser or LeakyReLU.

    Parameters
    ----------
    model : Sequential
    x : array, shape (M, ...)
        uint8 images or floats, at least two; the more, the surer.
    """
    expect(len(x) > 1, f"dead_units expects x of at least two samples, received {len(x)}")
    positions = [position for position, layer in enumerate(model.layers) if isinstance(layer, Activation)]
    return {str(position): float(np.mean(np.ptp(model[: position + 1].predict(x), axis=0) == 0)) for position in positions}


def _choose(kind: str, choice: str | Choice, choices: Mapping[str, Callable[[], Choice]], base: type[Choice]) -> Choice:
    if isinstance(choice, base):
        return choice
    if isinstance(choice, str) and choice in choices:
        return choices[choice]()
    raise ValueError(f"compile expects the {kind} to be one of {sorted(choices)}, received {choice!r}{call_hint(choice)}")
