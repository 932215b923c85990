"""Cut a data set into batches: take the rows with given indices, and make them floats for the model.

Images stay bytes, at a quarter of the memory. Only the current batch becomes x / 255; so it is in the processor's cache when the
first layer reads it. Only x, and a y that equals x, are images: labels and codes are numbers, whatever their dtype.
"""

import math
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnlite import kernels
from nnlite.arrays import Array, FloatArray, as_array, expect_count, floats_hint
from nnlite.layers.layer import Workspace

Indices = npt.NDArray[np.int64]  # of samples, (N,)


class Batches:
    """Samples and their targets, batch by batch. Each batch overwrites the one before.

    Parameters
    ----------
    x : array, shape (M, ...)
        Images if it is uint8: each batch is divided by 255. Floats are used as they are, and converted to `dtype` once if they
        have another.
    y : array, shape (M, ...), optional
        The targets; without it each sample is its own target. A uint8 y that equals x is scaled as x is. Any other uint8 y holds
        numbers, such as one-hot labels; if it looks like images, it is an error.
    dtype : float32 or float64
        Of the batches.
    images : bool, default True
        Whether a uint8 x holds images. Otherwise its numbers are used as they are.

    Attributes
    ----------
    rows : dict
        "x" and, if there are targets, "y": arrays (M, D) of images' bytes or of `dtype`, each one block of memory.
    shapes : dict
        Of one sample, by the same names.

    Raises
    ------
    ValueError
        An array has no first dimension or another dtype, there are not as many targets as samples, or y may be images.
    """

    def __init__(self, x: Array, y: Array | None = None, dtype: npt.DTypeLike = np.float32, images: bool = True):
        x = as_array("x", x)
        self.rows, self.shapes = {"x": _rows(x, dtype, "x", images)}, {"x": x.shape[1:]}  # rows (M, D)
        if y is not None:
            y = as_array("y", y)
            y_is_x = y is x or (y.dtype == x.dtype == np.uint8 and np.array_equal(x, y))
            self.rows["y"], self.shapes["y"] = _rows(y, dtype, "y", images and y_is_x), y.shape[1:]
            if not y_is_x and y.dtype == np.uint8 and y.max(initial=0) > 1 and may_be_images(y, x):
                way_out = "divide images by 255, or pass x itself; convert numbers with y.astype('float32')"
                raise ValueError(f"y of uint8 and shape {y.shape} may be images or numbers: {way_out}")
        self._dtype = np.dtype(dtype)
        self._workspace = Workspace()
        if y is not None and len(self.rows["y"]) != len(self):
            raise ValueError(f"expected as many targets as inputs, received x of {len(self)} and y of {len(self.rows['y'])}")

    def __len__(self) -> int:
        """M, the number of samples."""
        return len(self.rows["x"])

    def checksums(self) -> list[int]:
        """Return the CRC-32 of all samples, and of all targets if there are any."""
        return [zlib.crc32(rows.data) for rows in self.rows.values()]

    def where_not_finite(self) -> str | None:
        """Return where the first NaN or infinity is, and what to do; None if all numbers are finite."""
        for name, rows in self.rows.items():
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            if bad.size:
                return f"NaN or infinity, first in sample {bad[0]} of {name}: leave it out or replace it"
        return None

    def cut(self, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Indices]:
        """Yield the indices of all samples in batches, in random order if `rng` is given; one empty batch without samples."""
        expect_count("cut", "batch_size", batch_size)
        order = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        for start in range(0, max(order.size, 1), batch_size):
            yield order[start : start + batch_size]

    def take(self, indices: Indices) -> tuple[FloatArray, FloatArray]:
        """Return samples and targets (N, ...); without y the same array twice. The next call overwrites them."""
        taken = []
        for name, rows in self.rows.items():
            batch = self._workspace.array(name, (len(indices), rows.shape[1]), self._dtype)  # (N, D)
            if rows.dtype == np.uint8:
                kernels.gather_images(rows, indices, batch)
            else:
                np.take(rows, indices, axis=0, out=batch, mode="clip")  # "raise" would copy through a second array
            taken.append(batch.reshape(len(indices), *self.shapes[name]))
        return taken[0], taken[-1]


def _rows(array: Array, dtype: npt.DTypeLike, name: str, images: bool) -> Array:
    """Return an array (M, ...) as rows (M, D) of `dtype`; images stay bytes."""
    if array.ndim < 1 or not (array.dtype == np.uint8 or np.issubdtype(array.dtype, np.floating)):
        bytes_ = "images, scaled to [0, 1] here" if images else "numbers"
        way_out = floats_hint(name, array, dtype, images or name == "y")
        if name == "y" and array.ndim in (1, 2) and array.size == len(array) and array.dtype.kind in "iu":
            labels, column = ("y", "y[:, None]") if array.ndim == 1 else ("y[:, 0]", "y")
            numbers = f"{column}.astype('{np.dtype(dtype)}')"
            way_out = f"make rows of labels with one_hot({labels}, classes), of other numbers with {numbers}"
        received = f"{array.dtype} of shape {array.shape}: {way_out}"
        raise ValueError(f"{name} is expected to be an array (N, ...) of uint8 ({bytes_}) or of floats, received {received}")
    if array.dtype != np.uint8 or not images:
        array = np.asarray(array, dtype)
    # A single row is contiguous whatever its stride is; by way of one dimension it gets the stride of its numbers.
    return np.ascontiguousarray(array).reshape(-1).reshape(len(array), math.prod(array.shape[1:]))


def may_be_images(y: Array, x: Array) -> bool:
    """Tell whether targets have the shape of images, or as many numbers per sample as x."""
    return y.ndim > 2 or math.prod(y.shape[1:]) == math.prod(x.shape[1:]) > 1
