"""Cutting a data set into batches: the rows with given indices, as floats that a model can take.

Images stay bytes, a quarter of the memory, and become x / 255 only in the batch at hand, which then is in the processor's cache
when the first layer reads it.
"""

import math
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnlite import kernels
from nnlite.arrays import Array, FloatArray, Workspace


class Batches:
    """Samples and their targets, batch by batch, each batch written over the one before.

    Parameters
    ----------
    x : array, shape (M, ...)
        uint8 arrays are taken for images: their values are divided by 255 on the way. Floats are used as they are, and converted
        to `dtype` once if they have another.
    y : array, shape (M, ...), optional
        The targets, floats or uint8 as x; without it each sample is its own target.
    dtype : float32 or float64
        Of the batches.

    Raises
    ------
    ValueError
        An array has no first dimension or another dtype, or there are not as many targets as samples.
    """

    def __init__(self, x: Array, y: Array | None = None, dtype: npt.DTypeLike = np.float32):
        named = {"x": x} if y is None else {"x": x, "y": y}
        self._rows = {name: _rows(array, np.dtype(dtype), name) for name, array in named.items()}  # (M, D) each
        self._shapes = {name: np.shape(array)[1:] for name, array in named.items()}
        self._dtype = np.dtype(dtype)
        self._workspace = Workspace()
        if y is not None and len(self._rows["y"]) != len(self):
            raise ValueError(f"expected as many targets as inputs, received x of {len(self)} and y of {len(self._rows['y'])}")

    def __len__(self) -> int:
        """M, the number of samples."""
        return len(self._rows["x"])

    @property
    def has_targets(self) -> bool:
        """Whether there is a y beside x."""
        return "y" in self._rows

    def checksums(self) -> list[int]:
        """Return the CRC-32 of all samples, and of all targets if there are any."""
        return [zlib.crc32(rows.data) for rows in self._rows.values()]

    def cut(self, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the indices of all samples in batches, in an order drawn from `rng` or in their own; one empty without samples."""
        if batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, received {batch_size}")
        order = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        for start in range(0, max(len(self), 1), batch_size):
            yield order[start : start + batch_size]

    def take(self, indices: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return samples and targets with these indices, (N, ...) each, one array for both without y; valid until the next call."""
        x = self._take("x", indices)
        return x, self._take("y", indices) if self.has_targets else x

    def _take(self, name: str, indices: npt.NDArray[np.int64]) -> FloatArray:
        rows = self._rows[name]
        batch = self._workspace.array(name, (len(indices), rows.shape[1]), self._dtype)  # (N, D)
        if rows.dtype == np.uint8:
            kernels.gather_images(rows, indices, batch)
        else:
            np.take(rows, indices, axis=0, out=batch, mode="clip")  # "raise" would copy through a second array
        return batch.reshape(len(indices), *self._shapes[name])


def _rows(array: Array, dtype: npt.DTypeLike, name: str) -> Array:
    """Return an array (M, ...) as rows (M, D) of bytes or of `dtype`."""
    array = np.asarray(array)
    if array.ndim < 1 or not (array.dtype == np.uint8 or np.issubdtype(array.dtype, np.floating)):
        raise ValueError(
            f"{name} is expected to be an array (N, ...) of uint8 (images, scaled to [0, 1] here) or of floats, received "
            f"{array.dtype} of shape {array.shape}: convert it with {name}.astype('float32')"
        )
    if array.dtype != np.uint8:
        array = array.astype(dtype, copy=False)
    return np.ascontiguousarray(array).reshape(len(array), math.prod(array.shape[1:]))
