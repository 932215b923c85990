"""Cutting a data set into batches: the rows with given indices, as floats that a model can take.

Images stay bytes, a quarter of the memory, and become x / 255 only in the batch at hand, which then is in the processor's cache
when the first layer reads it. Which indices make a batch, and in what order, is for the training loop to say.
"""

import math
import zlib
from collections.abc import Callable
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
