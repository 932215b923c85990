"""Noise layers make training harder, so that the network does well on images never seen. In inference they return their input.

They disturb the numbers that pass, y = x · mask or y = x + noise, differently each time. The disturbance is a constant to the
derivative: backward multiplies by the same mask, or ignores the noise. `nnlite.layers.penalties` makes weights or activity cost.
"""

import numpy as np

from nnlite.arrays import FloatArray, as_number
from nnlite.layers.layer import RandomLayer, expect_floats


class Dropout(RandomLayer):
    """Zeroes each number of a batch with probability `rate` and divides the rest by 1 − rate, so that the mean stays.

    Parameters
    ----------
    rate : float
        In [0, 1).
    rng : np.random.Generator
        Draws the dropped numbers.

    Notes
    -----
    Dividing in training is the inverted form of dropout; the paper multiplies by 1 − rate in inference instead.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
    """

    def __init__(self, rate: float, *, rng: np.random.Generator):
        super().__init__(rng)
        self.rate = as_number("Dropout expects a rate in [0, 1)", rate, least=0, below=1)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x · mask, each mask[n, d] either 0 or 1 / (1 − rate)."""
        expect_floats(self._name, x)
        if not training:
            return x
        mask, y = (self._buffer(name, x.shape, x.dtype) for name in ("mask", "y"))
        self.rng.random(dtype=x.dtype.type, out=mask)
        np.greater_equal(mask, self.rate, out=mask)
        mask /= 1 - self.rate
        np.multiply(x, mask, out=y)
        return self._keep(y, mask)

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy · mask."""
        (mask,) = self._take(dy)
        return np.multiply(dy, mask, out=self._buffer("dx", dy.shape, dy.dtype))


class GaussianNoise(RandomLayer):
    """y = x + σ n with n from the standard normal distribution; as first layer it makes an autoencoder a denoising one.

    Parameters
    ----------
    deviation : float
        σ, not negative.
    rng : np.random.Generator
        Draws the noise.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
    """

    def __init__(self, deviation: float, *, rng: np.random.Generator):
        super().__init__(rng)
        self.deviation = as_number("GaussianNoise expects a deviation ≥ 0", deviation, least=0)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x + σ n."""
        expect_floats(self._name, x)
        if not training:
            return x
        y = self._buffer("y", x.shape, x.dtype)
        self.rng.standard_normal(dtype=x.dtype.type, out=y)
        y *= self.deviation
        y += x
        return self._keep(y)

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy: the noise does not depend on x."""
        self._take(dy)
        return dy
