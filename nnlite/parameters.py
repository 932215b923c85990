"""What layers own: parameters, which training changes, and arrays to work in.

Shapes: whatever a layer needs; the first dimension of a working array is the batch, N.
"""

import numpy as np
import numpy.typing as npt

from nnlite.initializers import FloatArray

Shape = tuple[int, ...]


class Parameter:
    """An array that training changes, with the gradient of the loss with respect to it.

    Where several layers use one parameter, its gradient is the sum of what each contributes: a forward in training starts the
    gradient anew, the first backward after it overwrites the gradient, and every further one adds, in whatever order they come.

    Attributes
    ----------
    name : str
        Unique within its layer, such as "weight".
    value, gradient : array
        Of equal shape and dtype; backward overwrites the gradient.
    trainable : bool
        Whether optimizers change it. If not, the layer does so itself, and the gradient has no meaning.
    """

    def __init__(self, name: str, value: FloatArray, trainable: bool = True):
        self.name = name
        self.value = np.ascontiguousarray(value)  # optimizers go through it as one flat array
        self.gradient = np.zeros_like(self.value)
        self.trainable = trainable
        self._started = False

    def start_gradient(self) -> None:
        """Let the next contribution overwrite the gradient."""
        self._started = False

    def store(self, contribution: FloatArray) -> None:
        """gradient ← contribution, or += from the second on."""
        if self._started:
            self.gradient += contribution
        else:
            self.gradient[...] = contribution
        self._started = True

    def store_product(self, a: FloatArray, b: FloatArray) -> None:
        """store(a b), where the first matrix product is written into the gradient without a copy."""
        if self._started:
            self.gradient += np.dot(a, b)
        else:
            np.dot(a, b, out=self.gradient)
        self._started = True

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.value.shape}, dtype={self.value.dtype})"


class Workspace:
    """Arrays that outlive a step: allocated for the largest batch seen, handed out cut to the batch at hand."""

    def __init__(self) -> None:
        self._arrays: dict[str, FloatArray] = {}

    def array(self, name: str, shape: Shape, dtype: npt.DTypeLike) -> FloatArray:
        """Return the array `name` with this shape and dtype, contents undefined."""
        array = self._arrays.get(name)
        if array is None or len(array) < shape[0] or array.shape[1:] != shape[1:] or array.dtype != dtype:
            array = self._arrays[name] = np.empty(shape, dtype)
        return array[: shape[0]]
