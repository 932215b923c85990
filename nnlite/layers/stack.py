"""Layers in a row are a layer, too. Files, training and gradient checks need no more of a model."""

from collections.abc import Iterable, Sequence, Set
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape, as_array, as_shape, call_hint, expect
from nnlite.layers.dense import Dense
from nnlite.layers.layer import Layer, Parameter


class Stack(Layer):
    """Layers that follow one another; the output of each is the input of the next.

    Parameters
    ----------
    layers : iterable of Layer
        First to last, each object once.
    input_shape : tuple of int, optional
        Of one sample, such as (28, 28). With it, or if the first layer tells it (Dense), the constructor checks that every layer
        fits the one before it.

    Attributes
    ----------
    layers : tuple of Layer
        Fixed, because everything else follows from it.
    stop_training : bool
        Set by callbacks; the training loop looks at it before each epoch.

    Raises
    ------
    ValueError
        A layer does not fit; the message names it.
    """

    def __init__(self, layers: Iterable[Layer], input_shape: Shape | None = None):
        super().__init__()
        in_order = isinstance(layers, Iterable) and not isinstance(layers, Set)
        expect(in_order, f"{self._name} expects a list of layers, received {layers!r}")
        self._layers = tuple(layers)
        for position, layer in enumerate(self._layers):
            if not isinstance(layer, Layer):
                raise ValueError(f"{self._name} expects layers, received {layer!r} at position {position}{call_hint(layer)}")
        buffers = [layer._buffer for layer in layers_by_position(self).values()]  # which copy.copy shares with its original
        once = len(set(buffers)) == len(buffers)
        expect(once, f"{self._name} expects each layer object once, received one of them twice: make a second layer")
        if input_shape is None and self._layers:
            first = self._layers[0]
            if isinstance(first, Stack):
                input_shape = first.input_shape
            elif isinstance(first, Dense):
                input_shape = first.weight.value.shape[:1]
        expected = f"{self._name} expects input_shape to be a tuple such as (784,)"
        self.input_shape: Shape | None = None if input_shape is None else as_shape(expected, input_shape)
        self._first = next((i for i, layer in enumerate(self._layers) if layer.parameters), len(self._layers))  # that learns
        self.stop_training = False
        if self.input_shape is not None:
            self.output_shape(self.input_shape)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first to last."""
        return self._layers

    @layers.setter
    def layers(self, layers: object) -> NoReturn:
        raise AttributeError(f"the layers of {self._name} are fixed: make another model, Sequential([*model.layers, Sigmoid()])")

    def __len__(self) -> int:
        """The number of layers."""
        return len(self.layers)

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters, first layer to last, each once."""
        return list(dict.fromkeys(parameter for layer in self._layers for parameter in layer.parameters))

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by position and name, such as "1.weight"; one that several layers share belongs to the first."""
        names: dict[Parameter, str] = {}
        for position, layer in enumerate(self.layers):
            for name, parameter in layer.named_parameters().items():
                names.setdefault(parameter, f"{position}.{name}")
        return {name: parameter for parameter, name in names.items()}

    def rngs(self) -> list[np.random.Generator]:
        """Return the generators of all layers."""
        return [rng for layer in self.layers for rng in layer.rngs()]

    @property
    def dtype(self) -> npt.DTypeLike:
        """float32 or float64: what the parameters have, and so the batches."""
        found = (parameter.value.dtype for layer in self._layers for parameter in layer.parameters)
        return next(found, np.dtype(np.float32))

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
        penalty = 0.0
        for layer in self._layers:
            x = layer.forward(x, training)
            penalty += layer.penalty
        if training:
            self.penalty = penalty
        return x

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """Carry dy from the last layer to the first; without `need_dx`, to the first that has parameters and no further."""
        for position in range(len(self._layers) - 1, -1, -1):
            if need_dx or position > self._first:
                dy = self._layers[position].backward(dy)
            elif position == self._first:
                dy = self._layers[position].backward(dy, need_dx=False)
        return dy

    def get_weights(self) -> list[FloatArray]:
        """Return copies of all parameters' values."""
        return [parameter.value.copy() for parameter in self.parameters]

    def set_weights(self, weights: Sequence[FloatArray]) -> None:
        """Put values back, as `get_weights` gave them; ValueError, and nothing changed, if a shape does not fit."""
        expect(isinstance(weights, Sequence), f"set_weights expects a list of arrays, received {type(weights).__name__}")
        parameters, weights = self.parameters, [as_array("a weight", weight) for weight in weights]
        expected, received = ([array.shape for array in arrays] for arrays in ([p.value for p in parameters], weights))
        expect(expected == received, f"set_weights expects arrays of the shapes {expected}, received {received}")
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.value[...] = weight

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


def layers_by_position(model: Stack) -> dict[str, Layer]:
    """Return the layers by position, those of a model inside the model as "2.0"."""
    expect(isinstance(model, Stack), f"expected a model, such as Sequential([...]), received {model!r}")
    layers: dict[str, Layer] = {}
    for position, layer in enumerate(model.layers):
        if isinstance(layer, Stack):
            layers |= {f"{position}.{inner}": member for inner, member in layers_by_position(layer).items()}
        else:
            layers[str(position)] = layer
    return layers
