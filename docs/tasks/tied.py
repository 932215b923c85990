"""Tied weights: a decoder that uses the encoder's.

It takes them transposed, and so needs none of its own.

The encoder is Dense(D, H) with W of shape (D, H). This layer maps its H numbers back to D, y = x Wᵀ + c. Fill the gap: the
gradients with respect to c, W and x. Ask where each number occurs, y[n,d] = Σ_h x[n,h] W[d,h] + c[d], or look at the shapes. W is
used twice in a step, so its gradient is a sum: `self.weight.add(contribution)` adds to it.

Read first: nnlite/layers/dense.py, the class Dense, and `Parameter` in nnlite/layers/layer.py.
"""

import numpy as np

from nnlite.layers import Layer, Parameter


class Tied(Layer):
    """y = x Wᵀ + c with the weights W (D, H) of a Dense: x (N, H) → y (N, D)."""

    def __init__(self, dense):
        super().__init__()
        self.weight = dense.weight
        self.bias = Parameter("bias", np.zeros(len(dense.weight.value), dense.weight.value.dtype))

    @property
    def parameters(self):
        """W and c."""
        return [self.weight, self.bias]

    def output_shape(self, input_shape):
        """(H,) → (D,)."""
        return self.bias.value.shape

    def forward(self, x, training=False):
        """y = x Wᵀ + c."""
        y = x @ self.weight.value.T + self.bias.value
        return self._keep(y, x) if training else y

    def backward(self, dy, need_dx=True):
        """Add ∂L/∂c and ∂L/∂W to the gradients, and return dx; dy (N, D) → dx (N, H)."""
        (x,) = self._take(dy)
        raise NotImplementedError  # gap
