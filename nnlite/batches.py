"""Cutting a data set into batches: the rows with given indices, as floats that a model can take.

Images stay bytes, a quarter of the memory, and become x / 255 only in the batch at hand, which then is in the processor's cache
when the first layer reads it. In what order the samples come is for the training loop to say.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite import kernels
from nnlite.initializers import FloatArray


class BatchSource:
    """A data set that hands out batches, each written over the one before.

    Parameters
    ----------
    data : array, shape (M, ...)
        uint8 arrays are taken for images: their values are divided by 255 on the way. Floats are used as they are, and converted
        to `dtype` once if they have another.
    dtype : float32 or float64
        Of the batches.
    name : str
        What an error message calls the data.

    Attributes
    ----------
    transform : callable
        Applied to each batch before it is handed out; by default it stays as it is.

    Raises
    ------
    ValueError
        The data has no first dimension or another dtype.
    """

    def __init__(self, data: npt.NDArray[Any], dtype: npt.DTypeLike, name: str = "x"):
        data = np.asarray(data)
        if data.ndim < 1 or not (data.dtype == np.uint8 or np.issubdtype(data.dtype, np.floating)):
            raise ValueError(
                f"{name} is expected to be an array (N, ...) of uint8 (images, scaled to [0, 1] here) or of floats, received "
                f"{data.dtype} of shape {data.shape}: convert it with {name}.astype('float32')"
            )
        self.transform: Callable[[FloatArray], FloatArray] = lambda batch: batch
        self.sample_shape = data.shape[1:]
        if data.dtype != np.uint8:
            data = data.astype(dtype, copy=False)
        self._rows = np.ascontiguousarray(data).reshape(len(data), math.prod(self.sample_shape))  # (M, D)
        self._batch = np.empty((0, self._rows.shape[1]), dtype)

    def __len__(self) -> int:
        """M, the number of samples."""
        return len(self._rows)

    def checksum(self) -> int:
        """Return the CRC-32 of all samples."""
        return zlib.crc32(self._rows.data)

    def take(self, indices: npt.NDArray[np.int64]) -> FloatArray:
        """Return the samples with these indices, shape (N, ...); valid until the next call."""
        if len(indices) > len(self._batch):
            self._batch = np.empty((len(indices), self._rows.shape[1]), self._batch.dtype)
        batch = self._batch[: len(indices)]  # (N, D)
        if self._rows.dtype == np.uint8:
            kernels.gather_images(self._rows, indices, batch)
        else:
            np.take(self._rows, indices, axis=0, out=batch, mode="clip")  # "raise" would copy through a second array
        return self.transform(batch.reshape(len(indices), *self.sample_shape))


class Samples:
    """Inputs and their targets, batch by batch.

    Parameters
    ----------
    x : array, shape (M, ...)
    y : array, shape (M, ...), or None
        The targets; with None each sample is its own target.
    dtype : float32 or float64
        Of the batches; arrays as for `BatchSource`.

    Raises
    ------
    ValueError
        There are not as many targets as inputs.
    """

    def __init__(self, x: npt.NDArray[Any], y: npt.NDArray[Any] | None, dtype: npt.DTypeLike):
        self.inputs = BatchSource(x, dtype, "x")
        self.targets = self.inputs if y is None or y is x else BatchSource(y, dtype, "y")
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"expected as many targets as inputs, received x of {len(self.inputs)} and y of {len(self.targets)}")

    def __len__(self) -> int:
        """M, the number of samples."""
        return len(self.inputs)

    def take(self, indices: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return inputs and targets of these samples, (N, ...) each; valid until the next call."""
        batch = self.inputs.take(indices)
        return batch, batch if self.targets is self.inputs else self.targets.take(indices)


def consecutive(count: int, batch_size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices 0 ... count − 1 in batches; one empty batch if there are none."""
    if batch_size < 1:
        raise ValueError(f"expected a batch_size of at least 1, received {batch_size}")
    for start in range(0, max(count, 1), batch_size):
        yield np.arange(start, min(start + batch_size, count))
