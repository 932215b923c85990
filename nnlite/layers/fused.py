"""A Dense and the activation behind it in one pass over memory; `nnlite.layers.stack` fuses such neighbours.

The passes over the batch z (N, H), an arrow each, by two layers (left) and by the fused one (right):

    forward     x W → z,  z + b → y₁,  copy → y,  f(y) → y              x W → z,  f(z + b) → z
    backward    copy → dx₁,  dx₁ f'(y) → dz,  Σ dz → ∂L/∂b              copy → dz,  dz f'(y) → dz and Σ dz → ∂L/∂b

A batch is larger than the first cache, so such a loop waits for memory: half the passes take half the time.
"""

from collections.abc import Iterable

import numpy as np

from nnlite.arrays import FloatArray, in_place
from nnlite.layers.activations import Activation
from nnlite.layers.dense import Dense
from nnlite.layers.layer import Layer
from nnlite.layers.parameter import Parameter


class DenseWithActivation(Layer):
    """y = f(x W + b): the bias, f and their derivatives are applied in place, in one pass each way."""

    def __init__(self, dense: Dense, activation: Activation):
        super().__init__()
        self.dense, self.activation = dense, activation
        self._name = type(activation).__name__  # readers know the activation, and not that it has been fused

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters of the Dense."""
        return self.dense.parameters

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = f(x W + b)."""
        self.dense.check(x)
        weight, bias = self.dense.weight.value, self.dense.bias.value
        y = np.dot(x, weight, out=self._buffer("y", (len(x), bias.size), x.dtype, training))
        in_place(self.activation.apply, y, bias)
        if training:
            self._keep(y, x, y)
        return y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """dz = dy f'(z), ∂L/∂b = Σ_n dz[n], ∂L/∂W = xᵀ dz and dx = dz Wᵀ, as in `Dense`."""
        x, y = self._take(dy)
        weight, bias = self.dense.weight, self.dense.bias
        dz, sums = self._buffer("dz", y.shape, y.dtype), np.empty_like(bias.value)  # (N, H) and (H,)
        dz[...] = dy
        in_place(self.activation.differentiate, y, dz, sums)
        bias.add(sums)
        weight.add_product(x.T, dz)
        return np.dot(dz, weight.value.T, out=self._buffer("dx", x.shape, x.dtype)) if need_dx else dz


def fuse(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return the layers; fuse each Dense with the activation behind it, if both have nnlite's own forward and backward."""
    fused: list[Layer] = []
    for layer in layers:
        inherits = (type(layer).forward, type(layer).backward) == (Activation.forward, Activation.backward)
        if inherits and isinstance(layer, Activation) and fused and type(fused[-1]) is Dense:
            fused[-1] = DenseWithActivation(fused[-1], layer)
        else:
            fused.append(layer)
    return tuple(fused)
