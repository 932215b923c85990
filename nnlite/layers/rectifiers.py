"""ReLU's relatives: rectifiers that leak, bend or are smooth, so that no unit stops learning for good."""

import math

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, as_number
from nnlite.layers.activations import Activation
from nnlite.layers.layer import Layer, expect_floats

GELU_SCALE, GELU_CUBE = math.sqrt(2 / math.pi), 0.044715
GELU_END = 10  # beyond ±10 GELU's tanh is ±1 in float64, too


def softplus(x: FloatArray) -> FloatArray:
    """ln(1 + exp(x)) as max(x, 0) + ln(1 + exp(−|x|)): the same function, and nothing overflows."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


class LeakyReLU(Activation):
    """y = x where x > 0, else slope · x: a unit that is never quite dead (Maas et al., 2013).

    Parameters
    ----------
    slope : float, default 0.01
        In [0, 1).
    """

    def __init__(self, slope: float = 0.01):
        super().__init__()
        self.slope = as_number("LeakyReLU expects a slope in [0, 1)", slope, least=0, below=1)

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← x where x > 0, else slope · x."""
        kernels.leaky_relu(x, self.slope, y)

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = 1 where x > 0, else slope."""
        kernels.leaky_relu_backward(y, self.slope, dy, dx)


class ELU(Activation):
    """y = x where x > 0, else α (exp(x) − 1): smooth at 0 for α = 1, and negative outputs pull the mean towards 0.

    Parameters
    ----------
    alpha : float, default 1
        α, positive: where y ends on the left, at −α.

    References
    ----------
    D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential linear units (ELUs)",
    ICLR 2016.
    """

    def __init__(self, alpha: float = 1.0):
        super().__init__()
        self.alpha = as_number("ELU expects a positive alpha", alpha, above=0)

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← x where x > 0, else α (exp(x) − 1)."""
        y[:] = np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0))

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = 1 where x > 0, that is where y > 0, else α exp(x) = y + α."""
        dx[:] = np.where(y > 0, dy, dy * (y + self.alpha))


class Softplus(Activation):
    """y = ln(1 + exp(x)), a smooth ReLU that is always positive (Dugas et al., NIPS 2000)."""

    def fill_y(self, x: FloatArray, y: FloatArray) -> None:
        """y ← softplus(x)."""
        y[:] = softplus(x)

    def fill_dx(self, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """f'(x) = exp(x) / (1 + exp(x)) = 1 − exp(−y), because exp(y) = 1 + exp(x)."""
        np.multiply(dy, -np.expm1(-y), out=dx)


class SiLU(Layer):
    """y = x · sigmoid(x), a smooth ReLU (Elfwing, Uchibe and Doya, 2017; also called swish)."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x · s with s = sigmoid(x)."""
        expect_floats(self._name, x)
        s, y = self._buffer("s", x.shape, x.dtype, training), self._buffer("y", x.shape, x.dtype, training)
        np.multiply(x, 0.5, out=s)
        np.tanh(s, out=s)
        kernels.silu(x.reshape(-1), s.reshape(-1), y.reshape(-1))
        return self._keep(y, s, y) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy · (s + y (1 − s)), because s' = s (1 − s) and so f'(x) = s + x s (1 − s)."""
        s, y = self._take(dy)
        dx = self._buffer("dx", y.shape, y.dtype)
        kernels.silu_backward(s.reshape(-1), y.reshape(-1), dy.reshape(-1), dx.reshape(-1))
        return dx


class GELU(Layer):
    """y = x (1 + t) / 2 with t = tanh(√(2/π) (x + 0.044715 x³)): x times the share of a normal distribution that lies below it.

    This is the tanh form, within 5e-4 of x Φ(x), whose error function NumPy does not have; PyTorch calls it approximate="tanh".

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x (1 + t) / 2."""
        expect_floats(self._name, x)
        t, y = self._buffer("t", x.shape, x.dtype, training), self._buffer("y", x.shape, x.dtype, training)
        near = np.clip(x, -GELU_END, GELU_END)  # whose cube does not overflow
        np.multiply(GELU_SCALE * near, 1 + GELU_CUBE * near * near, out=t)
        np.tanh(t, out=t)
        np.multiply(0.5 * np.maximum(x, -GELU_END), 1 + t, out=y)
        return self._keep(y, near, t) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy · [(1 + t) / 2 + x t' / 2], by the product rule, with t' = (1 − t²) √(2/π) (1 + 3 · 0.044715 x²)."""
        x, t = self._take(dy)  # x no farther from 0 than where t' is 0
        slope = GELU_SCALE * (1 - t * t) * (1 + 3 * GELU_CUBE * x * x)  # t'
        dx = self._buffer("dx", t.shape, t.dtype)
        return np.multiply(dy, 0.5 * (1 + t + x * slope), out=dx)
