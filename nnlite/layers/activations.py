"""The bends between dense layers, element by element. Without them a stack of layers would be one matrix.

By the chain rule dx = dy · f'(x), element by element; only softmax mixes the numbers of a row. Each is a layer of its own; input
and output have the same shape (N, ...). Most derivatives can be written in the output y, so backward needs y alone.
"""

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, expect
from nnlite.layers.layer import Layer, expect_floats, fill


class Activation(Layer):
    """Base class of elementwise functions y = f(x) with a derivative that can be written in y.

    A subclass writes the two passes over the numbers of a batch, `fill_y` and `fill_dx`. Their arrays are flat.
    """

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← f(x)."""
        raise NotImplementedError(f"{type(self).__name__} is expected to have a method fill_y(x, y) that writes f(x) into y")

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """dx ← dy · f'(x) for y = f(x)."""
        expected = "a method fill_dx(y, dy, dx) that writes dy · f'(x) into dx"
        raise NotImplementedError(f"{type(self).__name__} is expected to have {expected}")

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = f(x)."""
        expect_floats(self._name, x)
        y = self._buffer("y", x.shape, x.dtype, training)
        fill(y, self.fill_y, x.reshape(-1), y.reshape(-1))
        return self._keep(y, y) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy · f'(x)."""
        (y,) = self._take(dy)
        dx = self._buffer("dx", y.shape, y.dtype)
        fill(dx, self.fill_dx, y.reshape(-1), dy.reshape(-1), dx.reshape(-1))
        return dx


def softmax(x: FloatArray) -> FloatArray:
    """exp(x_c) / Σ_k exp(x_k) along the last axis, with the largest x taken from all: the same quotient, and nothing overflows."""
    exponential = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(exponential / exponential.sum(axis=-1, keepdims=True))


class ReLU(Activation):
    """y = max(x, 0) (Nair and Hinton, ICML 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import ReLU
    >>> layer = ReLU()
    >>> layer.forward(np.array([[-2.0, 0.0, 3.0]]), training=True)
    array([[0., 0., 3.]])
    >>> layer.backward(np.array([[10.0, 10.0, 10.0]]))
    array([[ 0.,  0., 10.]])
    """

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← max(x, 0)."""
        kernels.relu(x, y)

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = 1 where x > 0, that is where y > 0; at the kink, x = 0, we take 0."""
        kernels.relu_backward(y, dy, dx)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(−x)), computed as (1 + tanh(x / 2)) / 2: the same function, and no exponential that can overflow.

    The rounding error is absolute (half a unit in the last place of 1), so in float32 the result is exactly 0 below about −17
    and exactly 1 above about 17. A loss that needs its logarithm should take the logits x instead of y.
    """

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← (1 + tanh(x / 2)) / 2."""
        np.multiply(x, 0.5, out=y)
        np.tanh(y, out=y)
        kernels.half_of_one_plus(y)

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = exp(−x) / (1 + exp(−x))² = y (1 − y)."""
        kernels.sigmoid_backward(y, dy, dx)


class Tanh(Activation):
    """y = tanh(x)."""

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← tanh(x)."""
        np.tanh(x, out=y)

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = 1 / cosh²(x) = 1 − y²."""
        kernels.tanh_backward(y, dy, dx)


class Softmax(Layer):
    """y[n, c] = exp(x[n, c]) / Σ_k exp(x[n, k]): a row of scores as probabilities; x (N, C).

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Softmax
    >>> Softmax().forward(np.log([[1.0, 3.0, 4.0]])).round(3)
    array([[0.125, 0.375, 0.5  ]])
    """

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = softmax(x), row by row."""
        expect_floats(self._name, x)
        expect(x.ndim == 2, f"Softmax expects (N, C), received {x.shape}: put a Flatten before it")
        y = self._buffer("y", x.shape, x.dtype, training)
        y[...] = softmax(x)
        return self._keep(y, y) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx_c = y_c (dy_c − Σ_k dy_k y_k), because ∂y_k/∂x_c = y_k (δ_kc − y_c)."""
        (y,) = self._take(dy)
        dx = self._buffer("dx", y.shape, y.dtype)
        kernels.softmax_backward(y, dy, dx)
        return dx
