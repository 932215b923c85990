"""Parameters: the arrays of a layer that training changes, each with its gradient."""

from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FLOATS, FloatArray, aligned, aligned_copy, expect


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
        """gradient ← 0. The array is filled when it is read; a first contribution by `add` or `add_product` overwrites it."""
        self._is_zero = True

    def add(self, contribution: FloatArray) -> None:
        """gradient ← gradient + contribution, of the same shape."""
        if contribution.shape != self._value.shape:  # NumPy would repeat it until it fits
            raise ValueError(f"{self.name} expects a gradient of shape {self._value.shape}, received {contribution.shape}")
        if self._is_zero:
            self._gradient[...] = contribution
            self._is_zero = False
        else:
            self._gradient += contribution

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
