"""What stands between the dense layers: elementwise bends, without which a stack of layers would be one matrix.

Each is a layer of its own. Most keep only their output y for backward, since their derivatives can be written in it.
Input and output have the same shape (N, ...).
"""

from collections.abc import Callable

import numpy as np

from nnlite import kernels
from nnlite.initializers import FloatArray
from nnlite.layers import Layer


class Activation(Layer):
    """Base: hands the arrays of forward and backward to `_forward` and `_backward`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = f(x)."""
        y = self._output("y", x, x.shape, training)
        self._forward(x, y)
        if training:
            self._keep(y)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """dx = dy · f'(x)."""
        (y,) = self._take()
        dx = self._workspace.array("dx", y.shape, y.dtype)
        self._backward(y, dy, dx)
        return dx

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        raise NotImplementedError

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        raise NotImplementedError


class ReLU(Activation):
    """y = max(x, 0) (Nair and Hinton, ICML 2010)."""

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        kernels.relu(x.reshape(-1), y.reshape(-1))

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        # f'(x) = 1 where x > 0, that is where y > 0; at the kink, x = 0, we take 0
        kernels.relu_backward(y.reshape(-1), dy.reshape(-1), dx.reshape(-1))


class LeakyReLU(Activation):
    """y = x where x > 0, else slope · x: a unit that is never quite dead (Maas et al., 2013).

    Parameters
    ----------
    slope : float, default 0.01
        In [0, 1).
    """

    def __init__(self, slope: float = 0.01):
        super().__init__()
        if not 0 <= slope < 1:
            raise ValueError(f"LeakyReLU expects a slope in [0, 1), received {slope}")
        self.slope = slope

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        kernels.leaky_relu(x.reshape(-1), self.slope, y.reshape(-1))

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        # f'(x) = 1 where x > 0, else slope
        kernels.leaky_relu_backward(y.reshape(-1), self.slope, dy.reshape(-1), dx.reshape(-1))


class Sigmoid(Activation):
    """y = 1 / (1 + exp(−x)), computed as (1 + tanh(x / 2)) / 2: the same function, and no exponential that can overflow.

    The rounding error is absolute (half a unit in the last place of 1), so in float32 the result is exactly 0 below about −17
    and exactly 1 above about 17. A loss that needs its logarithm should take the logits x instead of y.
    """

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        np.multiply(x, 0.5, out=y)
        np.tanh(y, out=y)
        kernels.half_of_one_plus(y.reshape(-1))

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        # f'(x) = exp(−x) / (1 + exp(−x))² = y (1 − y)
        kernels.sigmoid_backward(y.reshape(-1), dy.reshape(-1), dx.reshape(-1))


class SiLU(Layer):
    """y = x · sigmoid(x), a smooth ReLU (Elfwing, Uchibe and Doya, 2017; also called swish)."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x · s with s = sigmoid(x)."""
        s, y = self._output("s", x, x.shape, training), self._output("y", x, x.shape, training)
        np.multiply(x, 0.5, out=s)
        np.tanh(s, out=s)
        kernels.silu(x.reshape(-1), s.reshape(-1), y.reshape(-1))
        if training:
            self._keep(s, y)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """dx = dy · (s + y (1 − s)), because s' = s (1 − s) and so f'(x) = s + x s (1 − s)."""
        s, y = self._take()
        dx = self._workspace.array("dx", y.shape, y.dtype)
        kernels.silu_backward(s.reshape(-1), y.reshape(-1), dy.reshape(-1), dx.reshape(-1))
        return dx


class Tanh(Activation):
    """y = tanh(x)."""

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        np.tanh(x, out=y)

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        # f'(x) = 1 / cosh²(x) = 1 − y²
        kernels.tanh_backward(y.reshape(-1), dy.reshape(-1), dx.reshape(-1))


class Softmax(Activation):
    """y[n, c] = exp(x[n, c]) / Σ_k exp(x[n, k]): a row of scores as probabilities; x (N, C)."""

    def _forward(self, x: FloatArray, y: FloatArray) -> None:
        if x.ndim != 2:
            raise ValueError(f"Softmax expects (N, C), received {x.shape}: put a Flatten before it")
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)  # the same quotient, and no exponential above 1
        np.exp(y, out=y)
        y /= y.sum(axis=1, keepdims=True)

    def _backward(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        # ∂y_k/∂x_c = y_k (δ_kc − y_c), so Σ_k dy_k ∂y_k/∂x_c = y_c (dy_c − Σ_k dy_k y_k)
        kernels.softmax_backward(y, dy, dx)


ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "tanh": Tanh,
    "softmax": Softmax,
}
