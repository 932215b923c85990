"""The fully connected layer, y = x W + b, and its mirror image that shares the weights.

Its inputs and outputs are rows. `Flatten` makes rows of images, `Reshape` images of rows.
"""

import math

import numpy as np
import numpy.typing as npt

from nnlite import kernels
from nnlite.arrays import FloatArray, Shape, as_shape, expect, expect_count, expect_rng
from nnlite.initializers import Initializer, glorot_uniform
from nnlite.layers.layer import Layer, Parameter, expect_floats


class Dense(Layer):
    """A fully connected layer, y = x W + b.

    Parameters
    ----------
    in_features, out_features : int
        D and H.
    rng : np.random.Generator
        Draws the start weights.
    initializer : callable, default Glorot's uniform
        For W; b starts at zero.
    dtype : float32 or float64, default float32
        Of the parameters, and so of everything that the layer takes and gives.

    Attributes
    ----------
    weight : Parameter
        W, shape (D, H): one column for each unit.
    bias : Parameter
        b, shape (H,).

    Notes
    -----
    forward: x (N, D) → y (N, H). backward: dy (N, H) → dx (N, D).

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Dense
    >>> layer = Dense(3, 2, rng=np.random.default_rng(0))
    >>> layer.weight.value[...] = [[1, 0], [0, 1], [1, 1]]
    >>> layer.bias.value[...] = [10, 20]
    >>> layer.forward(np.array([[1, 2, 3]], np.float32))
    array([[14., 25.]], dtype=float32)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        initializer: Initializer = glorot_uniform,
        dtype: npt.DTypeLike = np.float32,
    ):
        super().__init__()
        expect_count("Dense", "in_features", in_features)
        expect_count("Dense", "out_features", out_features)
        expect_rng("Dense", rng)
        expect(callable(initializer), f"Dense expects one of nnlite.initializers, such as he_normal, received {initializer!r}")
        dtype, shape = np.dtype(dtype), (in_features, out_features)
        weight = initializer(shape, rng, dtype)
        if (weight.shape, weight.dtype) != (shape, dtype):
            received = f"{weight.dtype} of shape {weight.shape}"
            raise ValueError(f"Dense expects an initializer that gives {dtype} of shape {shape}, received {received}")
        self.weight = Parameter("weight", weight)
        self.bias = Parameter("bias", np.zeros(out_features, dtype))

    def output_shape(self, input_shape: Shape) -> Shape:
        """(D,) → (H,)."""
        in_features, out_features = self.weight.value.shape
        expect(input_shape == (in_features,), self._refusal((0, *input_shape)))
        return (out_features,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x W + b."""
        weight = self.weight.value
        if not isinstance(x, np.ndarray) or (x.dtype, x.shape[1:]) != (weight.dtype, weight.shape[:1]):
            expect_floats(self._name, x, weight.dtype)
            raise ValueError(self._refusal(x.shape))
        y = np.dot(x, weight, out=self._buffer("y", (len(x), self.bias.value.size), x.dtype, training))
        kernels.add_bias(y, self.bias.value)
        return self._keep(y, x) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """∂L/∂b = Σ_n dy[n], as y[n, h] contains b[h] once; ∂L/∂W = xᵀ dy and dx = dy Wᵀ, as it contains x[n, d] W[d, h]."""
        (x,) = self._take(dy)
        kernels.add_rows(dy, self.bias.gradient)
        self.weight.add_product(x.T, dy)
        return np.dot(dy, self.weight.value.T, out=self._buffer("dx", x.shape, x.dtype)) if need_dx else dy

    def _refusal(self, shape: Shape) -> str:
        """Return what is wrong with an x of this shape, and the way out; N is 0 where there is no batch yet."""
        in_features, sample_shape = len(self.weight.value), shape[1:]
        received = f"(N, {', '.join(map(str, sample_shape))})" if sample_shape else "(N,)"
        message = f"Dense expects (N, {in_features}), received {received}"
        is_one = math.prod(shape) == in_features and shape[:1] != (1,)
        hints = ["hand one sample in as x[None]"] * is_one + ["put a Flatten before it"] * (len(sample_shape) > 1)
        return f"{message}: {', and '.join(hints)}" if hints else message


class TiedDense(Layer):
    """y = x Wᵀ + c, with the weights W (D, H) of a Dense and a bias of its own: H numbers back to D.

    The two layers share one Parameter. A model lists it once, an optimizer changes it once a step, and its gradient is the sum of
    both uses, see `nnlite.Parameter`.

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
        expect(isinstance(dense, Dense), f"TiedDense expects the Dense that owns the weights, received {dense!r}")
        self.weight = dense.weight
        self.bias = Parameter("bias", np.zeros(len(dense.weight.value), dense.weight.value.dtype))

    def output_shape(self, input_shape: Shape) -> Shape:
        """(H,) → (D,)."""
        out_features, in_features = self.weight.value.shape
        expect(input_shape == (in_features,), f"TiedDense expects samples of shape {(in_features,)}, received {input_shape}")
        return (out_features,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x Wᵀ + c."""
        expect_floats(self._name, x, self.weight.value.dtype)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y = np.dot(x, self.weight.value.T, out=self._buffer("y", shape, x.dtype, training))
        kernels.add_bias(y, self.bias.value)
        return self._keep(y, x) if training else y

    def backward(self, dy: FloatArray, need_dx: bool = True) -> FloatArray:
        """∂L/∂c = Σ_n dy[n], and ∂L/∂W = dyᵀ x, dx = dy W, since y[n, d] contains W[d, h] with the factor x[n, h]."""
        (x,) = self._take(dy)
        kernels.add_rows(dy, self.bias.gradient)
        self.weight.add_product(dy.T, x)
        return np.dot(dy, self.weight.value, out=self._buffer("dx", x.shape, dy.dtype)) if need_dx else dy


class Rearrangement(Layer):
    """Base of Flatten and Reshape: the same numbers in another shape. The two differ in what `output_shape` says."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y[n] = x[n], read row by row: its elements in the same order."""
        expect_floats(self._name, x)
        y = x.reshape(len(x), *self.output_shape(x.shape[1:]))
        return self._keep(y, x) if training else y

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
