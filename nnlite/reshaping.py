"""The same numbers in another shape: from images to the rows that Dense takes, and back.

Nothing is computed, so the derivative is the way back: dy in the shape of x.
"""

import math

from nnlite.initializers import FloatArray
from nnlite.layers import Layer, expect_gradient
from nnlite.parameters import Shape


class Flatten(Layer):
    """Each sample as one row: (N, ...) → (N, D). What Dense needs before it when samples are images.

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

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y[n] = x[n] read row by row."""
        if training:
            self._keep(x)
        return x.reshape(len(x), self.output_shape(x.shape[1:])[0])

    def backward(self, dy: FloatArray) -> FloatArray:
        """dx = dy in the shape of x: every element is only moved."""
        (x,) = self._take()
        expect_gradient("Flatten", dy, (len(x), *self.output_shape(x.shape[1:])))
        return dy.reshape(x.shape)


class Reshape(Layer):
    """Each sample in another shape with as many elements: (N, ...) → (N, *shape).

    Parameters
    ----------
    shape : tuple of int
        Of one sample, such as (28, 28).
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = tuple(int(size) for size in shape)
        if min(self.shape, default=1) < 1:
            raise ValueError(f"Reshape needs a shape of sizes of at least 1, received {shape}")

    def output_shape(self, input_shape: Shape) -> Shape:
        """(a, b, ...) → shape."""
        if math.prod(input_shape) != math.prod(self.shape):
            raise ValueError(
                f"Reshape to {self.shape} expects samples of {math.prod(self.shape)} elements, received shape {input_shape}"
            )
        return self.shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y[n] = x[n], its elements in the same order."""
        shape = self.output_shape(x.shape[1:])
        if training:
            self._keep(x)
        return x.reshape(len(x), *shape)

    def backward(self, dy: FloatArray) -> FloatArray:
        """dx = dy in the shape of x: every element is only moved."""
        (x,) = self._take()
        expect_gradient("Reshape", dy, (len(x), *self.shape))
        return dy.reshape(x.shape)
