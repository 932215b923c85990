"""Layers in a row as a model: what to train it with, and what to do with it then. The training loop itself is in training.py."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from nnlite.batches import BatchSource, Samples, consecutive
from nnlite.callbacks import Callback, History, ProgressBar
from nnlite.initializers import FloatArray
from nnlite.layers import Activation, Dense, DenseWithActivation, Layer
from nnlite.losses import LOSSES, Loss
from nnlite.optimizers import OPTIMIZERS, Optimizer
from nnlite.parameters import Parameter, Shape
from nnlite.training import EVALUATION_BATCH, Training, mean_loss
from nnlite.watch import Watch

Array = npt.NDArray[Any]
Validation = Array | tuple[Array, Array]
Augmentation = Callable[[FloatArray, np.random.Generator], FloatArray]
Choice = TypeVar("Choice")


class Sequential(Layer):
    """A model whose layers follow one another; itself a layer, so that it can be part of another.

    Parameters
    ----------
    layers : iterable of Layer
        First to last, each object once.
    input_shape : tuple of int, optional
        Of one sample, such as (28, 28). With it, or if the first layer is one that tells (Dense), every layer is checked now to fit
        the one before it.

    Raises
    ------
    ValueError
        A layer does not fit; the message names it.

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

    def __init__(self, layers: Iterable[Layer], input_shape: Shape | None = None):
        super().__init__()
        self.layers = list(layers)
        if len({id(layer) for layer in self.layers}) != len(self.layers):
            raise ValueError("Sequential expects each layer object once, received one of them twice: make a second layer")
        if input_shape is None and self.layers:
            first = self.layers[0]
            if isinstance(first, Sequential):
                input_shape = first.input_shape
            elif isinstance(first, Dense):
                input_shape = first.weight.value.shape[:1]
        self.input_shape: Shape | None = None if input_shape is None else tuple(int(size) for size in input_shape)
        self._steps: list[Layer] = []  # the layers, but a Dense and an activation behind it as one
        for layer in self.layers:
            if isinstance(layer, Activation) and self._steps and type(self._steps[-1]) is Dense:
                self._steps[-1] = DenseWithActivation(self._steps[-1], layer)
            else:
                self._steps.append(layer)
        self.stop_training = False
        self._optimizer: Optimizer | None = None
        self._loss: Loss | None = None
        if self.input_shape is not None:
            self.output_shape(self.input_shape)

    def __len__(self) -> int:
        """The number of layers."""
        return len(self.layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Layer | Sequential":
        """A layer, or a part of the model as a model that shares the layers."""
        if isinstance(index, int):
            return self.layers[index]
        start, _, _ = index.indices(len(self))
        shape = self.input_shape
        if shape is not None:
            for layer in self.layers[:start]:
                shape = layer.output_shape(shape)
        return Sequential(self.layers[index], shape)

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters, first layer to last."""
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by position and name, such as "1.weight"; one that several layers share belongs to the first."""
        names: dict[Parameter, str] = {}
        for position, layer in enumerate(self.layers):
            for name, parameter in layer.named_parameters().items():
                names.setdefault(parameter, f"{position}.{name}")
        return {name: parameter for parameter, name in names.items()}

    @property
    def dtype(self) -> npt.DTypeLike:
        """float32 or float64: what the parameters have, and so the batches."""
        return next((parameter.value.dtype for parameter in self.parameters), np.dtype(np.float32))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output for one input of `input_shape`."""
        for position, layer in enumerate(self.layers):
            try:
                input_shape = layer.output_shape(input_shape)
            except ValueError as error:
                raise ValueError(f"layer {position}: {error}") from None
        return input_shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return the last layer's output."""
        for layer in self._steps:
            x = layer.forward(x, training)
        if training:
            self.penalty = sum([layer.penalty for layer in self._steps])
        return x

    def backward(self, dy: FloatArray) -> FloatArray:
        """Carry dy, which may be overwritten, from the last layer to the first, and return dx of the first."""
        for layer in reversed(self._steps):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: FloatArray) -> None:
        """Carry dy, which may be overwritten, back to the first layer that has parameters, and no further."""
        first = next((position for position, layer in enumerate(self._steps) if layer.parameters), len(self._steps))
        for layer in reversed(self._steps[first + 1 :]):
            dy = layer.backward(dy)
        for layer in self._steps[first : first + 1]:
            layer.backward_parameters(dy)

    def get_weights(self) -> list[FloatArray]:
        """Return copies of all parameters' values."""
        return [parameter.value.copy() for parameter in self.parameters]

    def set_weights(self, weights: Sequence[FloatArray]) -> None:
        """Put values back, as `get_weights` gave them; ValueError, and nothing changed, if a shape does not fit."""
        expected = [parameter.value.shape for parameter in self.parameters]
        received = [np.shape(weight) for weight in weights]
        if expected != received:
            raise ValueError(f"set_weights expects arrays of the shapes {expected}, received {received}")
        pairs = [(p.value, np.asarray(weight, p.value.dtype)) for p, weight in zip(self.parameters, weights, strict=True)]
        for value, weight in pairs:
            value[...] = weight

    def summary(self) -> None:
        """Print the layers with their output shapes (N the batch) and numbers of parameters; shared ones count in the first."""
        counts = [0] * len(self)
        for name, parameter in self.named_parameters().items():
            counts[int(name.partition(".")[0])] += parameter.value.size
        rows = [("", "layer", "output", "parameters")]
        shape = self.input_shape
        for position, layer in enumerate(self.layers):
            shape = layer.output_shape(shape) if shape is not None else None
            output = f"(N, {', '.join(map(str, shape))})" if shape is not None else "?"
            rows.append((str(position), type(layer).__name__, output, f"{counts[position]:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            print(f"{row[0]:>{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]:>{widths[3]}}")
        print(f"{sum(counts):,} parameters, {np.dtype(self.dtype)}")

    def compile(self, optimizer: str | Optimizer = "adam", loss: str | Loss = "mse") -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
            A key of `nnlite.optimizers.OPTIMIZERS` for one with its defaults, or an object of its own settings. It starts anew.
        loss : str or Loss
            A key of `nnlite.losses.LOSSES`, or an object.
        """
        if isinstance(optimizer, str):
            optimizer = _choose("optimizer", optimizer, OPTIMIZERS)
        self._loss = _choose("loss", loss, LOSSES) if isinstance(loss, str) else loss
        self._optimizer = optimizer
        optimizer.bind(self.parameters)

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
        verbose: bool = True,
    ) -> History:
        """Train, and return the history of loss and val_loss.

        Parameters
        ----------
        x : array, shape (M, ...)
            uint8 images, scaled to [0, 1] batch by batch, or floats.
        y : array, shape (M, ...), default x
            The targets, in the shape of the model's output. An autoencoder's target is its input.
        epochs : int
            How often to go through all samples.
        batch_size : int
            Samples a step; the last step of an epoch takes what is left.
        validation_data : array or pair of arrays, optional
            x or (x, y) to evaluate after each epoch.
        shuffle : bool
            Whether each epoch takes the samples in a new random order, drawn from `rng`.
        rng : np.random.Generator
            Needed for shuffling and augmentation.
        augment : callable, optional
            From a batch of x and `rng` to the batch to train on, such as `nnlite.RandomShift`.
        callbacks : sequence of Callback
            Told of every event, in this order, after the history.
        checkpoint : path, optional
            A file that holds the whole state of the training after each epoch: weights, optimizer, callbacks, random generators. If
            it is there already, training goes on after its last epoch, and ends bit for bit where it would have ended without a
            stop (on the same machine, with the same build and number of threads). One file is for one job: the same data, model,
            settings and seeds.
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
            The loss or a weight became NaN or infinite, or the output collapsed: all samples have given one and the same output
            for 20 steps although their targets differ.
        ValueError
            The arguments do not fit together.
        CheckpointError, nnlite.safetensors.FormatError
            The checkpoint is of another job, or damaged. Nothing has been changed then.
        """
        _ = self.optimizer, self.loss  # that there are such, before anything else happens
        samples = Samples(x, y, self.dtype)
        for name, number in (("epochs", epochs), ("batch_size", batch_size), ("the number of samples", len(samples))):
            if number < 1:
                raise ValueError(f"fit expects {name} of at least 1, received {number}")
        if rng is None and (shuffle or augment is not None):
            raise ValueError("fit with shuffle=True or augment needs rng=np.random.default_rng(seed), received none")
        validation = None
        if validation_data is not None:
            validation_x, validation_y = validation_data if isinstance(validation_data, tuple) else (validation_data, None)
            validation = Samples(validation_x, validation_y, self.dtype)
            if len(validation) == 0:
                raise ValueError("fit expects validation_data of at least one sample, received none")
        if augment is not None and rng is not None:
            samples.inputs.transform = lambda batch: augment(batch, rng)
        history, watch, saved = History(), Watch(self), None
        if checkpoint is not None:
            from nnlite.resume import SavedTraining  # a training without a file does without the code for it

            job = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle, "augment": augment}
            data = [source for part in (samples, validation) if part for source in (part.inputs, part.targets)]
            saved = SavedTraining(checkpoint, self, [history, *callbacks], watch, (rng, augment), data, job)
        listeners = [history, *callbacks, *([ProgressBar()] if verbose else [])]
        Training(self, samples, validation, epochs, batch_size, rng if shuffle else None, listeners, watch).run(saved)
        return history

    def evaluate(self, x: Array, y: Array | None = None, batch_size: int = EVALUATION_BATCH) -> float:
        """Return the loss, the mean over all samples; x and y as for `fit`."""
        return mean_loss(self, Samples(x, y, self.dtype), batch_size)

    def predict(self, x: Array, batch_size: int = EVALUATION_BATCH) -> FloatArray:
        """Return the outputs (M, ...) for x (M, ...), uint8 images or floats. Several threads may call this on one model."""
        inputs = BatchSource(x, self.dtype)
        outputs: FloatArray | None = None
        for indices in consecutive(len(inputs), batch_size):
            part = self.forward(inputs.take(indices))
            if outputs is None:
                outputs = np.empty((len(inputs), *part.shape[1:]), part.dtype)
            outputs[indices] = part
        assert outputs is not None  # since even no sample at all is a batch
        return outputs


def _choose(kind: str, name: str, choices: Mapping[str, Callable[[], Choice]]) -> Choice:
    if name not in choices:
        raise ValueError(f"compile expects the {kind} to be one of {sorted(choices)}, received {name!r}")
    return choices[name]()
