"""The types of arrays, written once, and arrays to work in."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # numbers of any kind
FloatArray = npt.NDArray[np.floating[Any]]  # float32 or float64
Shape = tuple[int, ...]


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
            array = self._arrays[name] = np.empty(shape, dtype)
        return array[: shape[0]]
