"""One weight matrix, used twice: an autoencoder whose decoder is its encoder transposed.

With h = f(x W + b) and y = h Wᵀ + c there are half as many weights to learn, and W stands in the loss in two places: its gradient
is the sum of what each contributes. That the sum is formed whatever the order is the business of `nnlite.parameters.Parameter`.
"""

import numpy as np

from nnlite import kernels
from nnlite.initializers import FloatArray
from nnlite.layers import Dense, Layer, expect_dtype, expect_gradient
from nnlite.parameters import Parameter, Shape


class TiedDense(Layer):
    """y = x Wᵀ + c, with the weights W (D, H) of a Dense and a bias of its own: H numbers back to D.

    The two layers share one Parameter. A model lists it once, an optimizer changes it once a step, and its gradient is the sum of
    both uses, see `nnlite.parameters.Parameter`.

    Parameters
    ----------
    dense : Dense
        The layer that owns W.

    Attributes
    ----------
    weight : Parameter
        W, shape (D, H), that of `dense`.
    bias : Parameter
        c, shape (D,), at first zero.

    Notes
    -----
    forward: x (N, H) → y (N, D). backward: dy (N, D) → dx (N, H).
    """

    def __init__(self, dense: Dense):
        super().__init__()
        self.weight = dense.weight
        self.bias = Parameter("bias", np.zeros(len(dense.weight.value), dense.weight.value.dtype))

    @property
    def parameters(self) -> list[Parameter]:
        """W and c."""
        return [self.weight, self.bias]

    def output_shape(self, input_shape: Shape) -> Shape:
        """(H,) → (D,)."""
        out_features, in_features = self.weight.value.shape
        if input_shape != (in_features,):
            raise ValueError(f"TiedDense expects samples of shape {(in_features,)}, received {input_shape}")
        return (out_features,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x Wᵀ + c."""
        expect_dtype("TiedDense", self.weight, x)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y = np.dot(x, self.weight.value.T, out=self._output("y", x, shape, training))
        kernels.add_bias(y, self.bias.value)
        if training:
            self.weight.start_gradient()
            self._keep(x)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """∂L/∂x = dy W, beside the parameters' gradients."""
        self.backward_parameters(dy)
        dx = self._workspace.array("dx", (len(dy), self.weight.value.shape[1]), dy.dtype)
        return np.dot(dy, self.weight.value, out=dx)

    def backward_parameters(self, dy: FloatArray) -> None:
        """∂L/∂c = Σ_n dy[n], and ∂L/∂W = dyᵀ x, since y[n, d] contains W[d, h] with the factor x[n, h]."""
        (x,) = self._take()
        expect_gradient("TiedDense", dy, (len(x), self.bias.value.size))
        kernels.sum_rows(dy, self.bias.gradient)
        self.weight.store_product(dy.T, x)
