"""The building block: a layer maps a batch forward, and carries the gradient of the loss backward.

Let L be the loss, x a layer's input and y its output. ``forward(x, training)`` computes y; ``backward(dy)`` receives
dy = ∂L/∂y, adds ∂L/∂θ to the gradient of each of its parameters θ, and returns dx = ∂L/∂x, the dy of the layer before.
That is the whole of backpropagation: the chain rule, applied from the last layer to the first.

With ``training=True`` a layer keeps exactly the arrays that its backward needs, until backward takes them. It allocates its arrays
once and uses them again: the next call of forward or backward overwrites the result of the last one. With ``training=False`` it
keeps nothing and works in fresh arrays, so that several threads may share a model for inference.

Shapes: N images a batch, D features, H units.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FLOATS, FloatArray, Shape, aligned, aligned_copy, as_array, expect, expect_rng, floats_hint


class Parameter:
    """An array that training changes, with the gradient of the loss with respect to it.

    The training loop sets every gradient to zero before a step's backward, and every backward adds its layer's contribution. So a
    shared parameter's gradient is the sum over its layers, in any order.

    Parameters
    ----------
    name : str
        Unique within its layer, such as "weight".
    value : array
        float32 or float64; copied.
    trainable : bool, default True

    Attributes
    ----------
    value, gradient : array
        Of equal shape and dtype, each one block of memory for good: an assignment copies the numbers into it.
    trainable : bool
        Whether optimizers change it; may be set at any time. If not, only its layer can change it.

    Raises
    ------
    ValueError
        The value is of another dtype; or an array of another shape is assigned, or numbers that are not real.
    """

    def __init__(self, name: str, value: FloatArray, trainable: bool = True):
        value = np.asarray(value)
        expect(value.dtype in FLOATS, f"{name} is expected to be float32 or float64, received {value.dtype}")
        self.name, self.trainable = name, trainable
        self._value: FloatArray = aligned_copy(value)  # optimizers go through it as one flat array
        self._gradient: FloatArray = aligned(self._value.shape, self._value.dtype)
        self._is_zero = False  # whether the gradient stands for zero, whatever is in the array

    def _assign_value(self, value: Any) -> None:
        self._copy(value, self._value, "a value")

    value: FloatArray = property(attrgetter("_value"), _assign_value)  # type: ignore[assignment]

    @property
    def gradient(self) -> FloatArray:
        """∂L/∂value: the sum of all contributions since `zero_gradient`."""
        if self._is_zero:
            self._gradient[...] = 0
            self._is_zero = False
        return self._gradient

    @gradient.setter
    def gradient(self, gradient: Any) -> None:
        self._copy(gradient, self.gradient, "a gradient")

    def zero_gradient(self) -> None:
        """gradient ← 0. The array is filled when it is read; a first contribution by `add_product` overwrites it."""
        self._is_zero = True

    def add(self, contribution: FloatArray) -> None:
        """gradient ← gradient + contribution, of the same shape."""
        if contribution.shape != self._value.shape:  # NumPy would repeat it until it fits
            raise ValueError(f"{self.name} expects a gradient of shape {self._value.shape}, received {contribution.shape}")
        self.gradient += contribution

    def add_product(self, a: FloatArray, b: FloatArray) -> None:
        """gradient ← gradient + a b; the first product since `zero_gradient` is written into the array without a copy."""
        if self._is_zero:
            np.dot(a, b, out=self._gradient)
            self._is_zero = False
        else:
            self._gradient += np.dot(a, b)

    def convert(self, dtype: npt.DTypeLike) -> None:
        """Hold value and gradient in another dtype from now on; the gradient is zero. Gradient checks need float64."""
        self._value = aligned_copy(self._value, dtype)
        self._gradient = aligned(self.value.shape, dtype)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.value.shape}, dtype={self.value.dtype})"

    def _copy(self, assigned: Any, target: FloatArray, what: str) -> None:
        if assigned is target:  # `value += 1` assigns the array to itself
            return
        source = np.asarray(assigned)
        if source.shape != target.shape or source.dtype.kind not in "fiub":
            received = f"{source.dtype} of shape {source.shape}"
            raise ValueError(f"{self.name} expects {what} of real numbers of shape {target.shape}, received {received}")
        target[...] = source


class Workspace:
    """Arrays that outlive a step: allocated for the largest batch seen, handed out cut to the batch at hand."""

    def __init__(self) -> None:
        self._arrays: dict[str, FloatArray] = {}

    def array(self, name: str, shape: Shape, dtype: npt.DTypeLike, training: bool = True) -> FloatArray:
        """Return the array `name` with this shape, N first, and this dtype, contents undefined; a fresh one in inference."""
        if not training:
            return np.empty(shape, dtype)
        array = self._arrays.get(name)
        if array is None or len(array) < shape[0] or array.shape[1:] != shape[1:] or array.dtype != dtype:
            array = self._arrays[name] = aligned(shape, dtype)
        return array[: shape[0]]


UNWRITTEN = -1.2345678e-30  # no result of a computation


class Layer:
    """Base of all layers: what forward keeps for backward, arrays to work in, and the parameters.

    A layer of your own needs forward and backward, and output_shape if that is another than the input's.

    Attributes
    ----------
    penalty : float
        What the layer itself adds to the loss of its last ``forward(x, training=True)``, mostly 0; backward includes its gradient.
    """

    def __init__(self) -> None:
        self.penalty = 0.0
        self._name = type(self).__name__  # what error messages call the layer
        self._kept: tuple[Shape, npt.DTypeLike, tuple[FloatArray, ...]] | None = None  # of y, and what backward needs
        self._buffer = Workspace().array  # where results are written: the layer's own arrays in training, fresh ones in inference

    @property
    def parameters(self) -> list[Parameter]:
        """All attributes that are a Parameter, in the order in which they were set."""
        return [value for value in vars(self).values() if isinstance(value, Parameter)]

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by name; ValueError if two have the same: files would keep one of them."""
        names = {parameter.name: parameter for parameter in self.parameters}
        different = len(names) == len(self.parameters)
        expect(different, f"{self._name} expects parameters of different names, received {self.parameters}")
        return names

    def rngs(self) -> list[np.random.Generator]:
        """Return the generators that the layer draws from; a layer that has one must name it here, or cannot be resumed."""
        return []

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output, without N, for one input of `input_shape`; raise ValueError if that does not fit."""
        return input_shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return y for a batch x, shape (N, ...)."""
        raise NotImplementedError(f"{type(self).__name__} is expected to have a method forward(x, training=False) that returns y")

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """Return dx for dy = ∂L/∂y of the last ``forward(x, training=True)``, and add to the parameters' gradients.

        The first layer that learns is asked without `need_dx`, since nothing before it uses dx: it may save that product. What it
        returns then means nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} is expected to have a method backward(dy, need_dx=True) that returns dx")

    def zero_gradients(self) -> None:
        """Set the gradients of all parameters to zero, before a backward adds to them."""
        for parameter in self.parameters:
            parameter.zero_gradient()

    def _keep(self, y: FloatArray, *needed: FloatArray) -> FloatArray:
        """Return y, after keeping what backward needs and what dy must look like: y."""
        self._kept = y.shape, y.dtype, needed
        return y

    def _take(self, dy: FloatArray) -> tuple[FloatArray, ...]:
        """Return what forward has kept, once, after a look at dy: kernels trust its shape and would read beyond a smaller array."""
        if self._kept is None:
            received = "received none since the last backward"
            raise RuntimeError(f"{self._name}.backward needs a forward(x, training=True) of its own before it, {received}")
        shape, dtype, needed = self._kept
        if not (isinstance(dy, np.ndarray) and dy.shape == shape and dy.dtype == dtype):
            expected = f"dy of the output's shape {shape} and dtype {dtype}"
            received = f"{getattr(dy, 'dtype', type(dy).__name__)} of shape {np.shape(dy)}"
            raise ValueError(f"{self._name}.backward expects {expected}, received {received}")
        self._kept = None
        return needed


class RandomLayer(Layer):
    """Base of layers that draw random numbers.

    Parameters
    ----------
    rng : np.random.Generator
        What it draws from, and names in `rngs`.
    """

    def __init__(self, rng: np.random.Generator):
        super().__init__()
        expect_rng(self._name, rng)
        self.rng = rng

    def rngs(self) -> list[np.random.Generator]:
        """The layer's generator."""
        return [self.rng]


def fill(array: FloatArray, method: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a method returns that writes into the array, one of its arguments; ValueError if it leaves the array as it was.

    A method of a student's own may return its result in place of writing it, or write ``y = ...`` for ``y[...] = ...``.
    """
    first = array.reshape(-1)[:1]
    first[...] = UNWRITTEN
    result = method(*arguments)
    if (first == UNWRITTEN).any():
        raise ValueError(f"{method.__qualname__} is expected to write into the array that it is given: write array[...] = result")
    return result


def expect_floats(name: str, x: FloatArray, dtype: npt.DTypeLike | None = None) -> None:
    """Raise ValueError unless x is an array of float32 or float64, of parameters' dtype if given: nothing is converted silently."""
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{name} expects a NumPy array, received {type(x).__name__}: make one with np.asarray(x, 'float32')")
    if x.dtype not in (FLOATS if dtype is None else [dtype]):
        x = as_array(f"what {name} receives", x)
        if dtype is None:
            raise ValueError(f"{name} expects float32 or float64, received {x.dtype}: {floats_hint('', x)}")
        hint = floats_hint("x", x, dtype)
        raise ValueError(f"{name} with {dtype} parameters expects x of that dtype, received {x.dtype}: {hint}")
