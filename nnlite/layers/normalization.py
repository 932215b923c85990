"""Layers that bring numbers to a common scale: by a rule that is given, or by one that is estimated while training.

Both subtract a centre and divide by a spread, (x − μ) / σ. If μ and σ are given, they are constants, and the derivative is 1 / σ.
If they are those of the batch, each sample moves them for all others; so that backward has two terms more.
"""

import zlib

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape, as_array, as_number, expect_count
from nnlite.layers.layer import Layer, Parameter, expect_floats


class Rescale(Layer):
    """y = (x − shift) · scale with fixed numbers, such as the mean and the inverse deviation of the training set.

    Parameters
    ----------
    shift, scale : float or array
        Numbers, or arrays that broadcast to one sample; all finite.

    Attributes
    ----------
    crc32 : int
        The checksum of both, by which a checkpoint knows the layer.
    """

    def __init__(self, shift: npt.ArrayLike = 0.0, scale: npt.ArrayLike = 1.0):
        super().__init__()
        self.shift, self.scale = (as_array("Rescale's number", a).astype(np.float64) for a in (shift, scale))
        if not (np.isfinite(self.shift).all() and np.isfinite(self.scale).all()):
            raise ValueError(f"Rescale expects finite shift and scale, received {shift!r} and {scale!r}")
        self.crc32 = zlib.crc32(self.shift.tobytes() + self.scale.tobytes())

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same shape."""
        for name, array in (("shift", self.shift), ("scale", self.scale)):
            try:
                np.broadcast_to(array, input_shape)
            except ValueError:
                message = f"Rescale expects a {name} that fits samples of shape {input_shape}, received shape {array.shape}"
                raise ValueError(message) from None
        return input_shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = (x − shift) · scale."""
        expect_floats(self._name, x)
        self.output_shape(x.shape[1:])
        y = self._buffer("y", x.shape, x.dtype, training)
        np.subtract(x, self.shift.astype(x.dtype), out=y)
        y *= self.scale.astype(x.dtype)
        return self._keep(y) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dx = dy · scale."""
        self._take(dy)
        return np.multiply(dy, self.scale.astype(dy.dtype), out=self._buffer("dx", dy.shape, dy.dtype))


class BatchNormalization(Layer):
    """y = γ x̂ + β with x̂ = (x − μ) / √(v + ε): each feature with mean 0 and variance 1 over the batch, then scaled and shifted.

    In training μ and v are the mean and the variance (the sum of squares over N) of the batch; in inference they are the running
    statistics, towards which each training batch moves by the factor `momentum`, the variance in its unbiased form (over N − 1), as
    in the paper and in PyTorch. Keras takes the biased form, and calls 1 − momentum the momentum.

    Parameters
    ----------
    features : int
        D.
    momentum : float, default 0.1
        In (0, 1].
    epsilon : float, default 1e-5
        Positive.
    dtype : float32 or float64, default float32

    Attributes
    ----------
    scale, shift : Parameter
        γ and β, shape (D,), at first 1 and 0.
    running_mean, running_variance : Parameter
        Shape (D,), at first 0 and 1. Optimizers leave them alone (not trainable); files keep them like weights.

    Notes
    -----
    forward: x (N, D) → y (N, D). backward: dy (N, D) → dx (N, D). In training N should be well above 1: a batch of one
    sample has no variance, gives y = β and dx = 0, and leaves the running statistics as they are.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", ICML 2015.
    """

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5, dtype: npt.DTypeLike = np.float32):
        super().__init__()
        expect_count("BatchNormalization", "features", features)
        self.momentum = as_number("BatchNormalization expects a momentum in (0, 1]", momentum, above=0, most=1)
        self.epsilon = as_number("BatchNormalization expects a positive epsilon", epsilon, above=0)
        self.scale = Parameter("scale", np.ones(features, dtype))
        self.shift = Parameter("shift", np.zeros(features, dtype))
        self.running_mean = Parameter("running_mean", np.zeros(features, dtype), trainable=False)
        self.running_variance = Parameter("running_variance", np.ones(features, dtype), trainable=False)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(D,) → (D,)."""
        if input_shape != self.scale.value.shape:
            raise ValueError(f"BatchNormalization expects samples of shape {self.scale.value.shape}, received {input_shape}")
        return input_shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = γ x̂ + β."""
        expect_floats(self._name, x, self.scale.value.dtype)
        self.output_shape(x.shape[1:])
        if training:
            mean, variance = x.mean(axis=0), x.var(axis=0)  # (D,) each
            if len(x) > 1:
                unbiased = variance * (len(x) / (len(x) - 1))
                for running, batch in ((self.running_mean, mean), (self.running_variance, unbiased)):
                    running.value += self.momentum * (batch - running.value)
        else:
            mean, variance = self.running_mean.value, self.running_variance.value
        inverse = 1 / np.sqrt(variance + self.epsilon)  # 1 / √(v + ε), (D,)
        normalized = self._buffer("normalized", x.shape, x.dtype, training)  # x̂, (N, D)
        np.subtract(x, mean, out=normalized)
        normalized *= inverse
        y = np.multiply(normalized, self.scale.value, out=self._buffer("y", x.shape, x.dtype, training))
        y += self.shift.value
        return self._keep(y, normalized, inverse) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """∂L/∂β = Σ dy, ∂L/∂γ = Σ dy x̂, and dx = γ / √(v + ε) · (dy − mean(dy) − x̂ mean(dy x̂)), all sums and means over N.

        The two means come from μ and from v, which x[n] moves: ∂μ/∂x[n] = 1/N, and ∂√(v + ε)/∂x[n] = x̂[n]/N.
        """
        normalized, inverse = self._take(dy)
        d_shift, d_scale = np.sum(dy, axis=0), np.sum(dy * normalized, axis=0)  # (D,) each
        self.shift.add(d_shift)
        self.scale.add(d_scale)
        dx: FloatArray = np.multiply(normalized, -d_scale / len(dy), out=self._buffer("dx", dy.shape, dy.dtype))
        dx += dy
        dx -= d_shift / len(dy)
        dx *= self.scale.value * inverse
        return dx
