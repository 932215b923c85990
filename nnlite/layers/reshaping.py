"""The same numbers in another shape: from images to the rows of a Dense, and back.

Nothing is computed, so backward returns dy in the shape of x.
"""

import math

from nnlite.arrays import FloatArray, Shape, as_shape
from nnlite.layers.layer import Layer, expect_floats


class Rearrangement(Layer):
    """Base of Flatten and Reshape, which only differ in what `output_shape` says."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y[n] = x[n], read row by row: its elements in the same order."""
        expect_floats(self._name, x)
        y = x.reshape(len(x), *self.output_shape(x.shape[1:]))
        if training:
            self._keep(y, x)
        return y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy in the shape of x: every element is only moved."""
        (x,) = self._take(dy)
        return dy.reshape(x.shape)


class Flatten(Rearrangement):
    """Each sample as one row: (N, ...) → (N, D). Put it before a Dense when samples are images.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Flatten
    >>> Flatten().forward(np.zeros((5, 28, 28), np.float32)).shape
    (5, 784)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """(a, b, ...) → (a · b · ...,)."""
        return (math.prod(input_shape),)


class Reshape(Rearrangement):
    """Each sample in another shape with as many elements: (N, ...) → (N, *shape).

    Parameters
    ----------
    shape : tuple of int
        Of one sample, such as (28, 28).
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = as_shape("Reshape needs a shape of sizes of at least 1", shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(a, b, ...) → shape."""
        size = math.prod(self.shape)
        if math.prod(input_shape) != size:
            raise ValueError(f"Reshape to {self.shape} expects samples of {size} elements, received shape {input_shape}")
        return self.shape
