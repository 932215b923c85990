"""The building blocks: a layer maps a batch forward, and carries the gradient of the loss backward.

Let L be the loss, x what a layer receives and y what it gives. ``forward(x, training)`` computes y; ``backward(dy)`` receives
dy = ∂L/∂y, stores ∂L/∂θ in the gradient of each of its parameters θ, and returns dx = ∂L/∂x, which is the dy of the layer before.
That is the whole of backpropagation: the chain rule, applied from the last layer to the first.

With ``training=True`` a layer keeps exactly what its backward needs, until backward takes it, and works in arrays that it allocates
once and uses again: what forward and backward return is valid until their next call. With ``training=False`` it keeps nothing and
works in fresh arrays, so that several threads may share a model for inference.

Shapes: N images a batch, D features, H units.
"""

import math

import numpy as np
import numpy.typing as npt

from nnlite import kernels
from nnlite.initializers import FloatArray, Initializer, glorot_uniform
from nnlite.parameters import Parameter, Shape, Workspace


class Layer:
    """Base of all layers: what forward keeps for backward, working arrays, and no parameters.

    Attributes
    ----------
    penalty : float
        What the layer itself adds to the loss of its last ``forward(x, training=True)``, mostly 0; backward includes its gradient.
    """

    def __init__(self) -> None:
        self.penalty = 0.0
        self._kept: tuple[FloatArray, ...] | None = None
        self._workspace = Workspace()

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters, in a fixed order."""
        return []

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output, without N, for one input of `input_shape`; raise ValueError if that does not fit."""
        return input_shape

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return y for a batch x, shape (N, ...)."""
        raise NotImplementedError

    def backward(self, dy: FloatArray) -> FloatArray:
        """Return dx for dy = ∂L/∂y of the last ``forward(x, training=True)``, and store the parameters' gradients."""
        raise NotImplementedError

    def backward_parameters(self, dy: FloatArray) -> None:
        """Store the parameters' gradients without computing dx, for the first layer that learns: nothing before it needs dx."""
        self.backward(dy)

    def _output(self, name: str, like: FloatArray, shape: Shape, training: bool) -> FloatArray:
        """Return an array to write a result into: the layer's own in training, a fresh one in inference."""
        return self._workspace.array(name, shape, like.dtype) if training else np.empty(shape, like.dtype)

    def _keep(self, *arrays: FloatArray) -> None:
        self._kept = arrays

    def _take(self) -> tuple[FloatArray, ...]:
        if self._kept is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward needs a forward(x, training=True) of its own before it, received none "
                "since the last backward"
            )
        kept, self._kept = self._kept, None
        return kept


class Activation(Layer):
    """Base of the elementwise functions y = f(x) whose derivative can be written in y.

    Each is given by two in-place passes over a batch (N, H), which take the bias of a Dense before it along: so a Dense and the
    activation behind it go through memory once forward and once backward. Alone the activation has the bias zero.
    """

    def apply(self, z: FloatArray, bias: FloatArray) -> None:
        """z ← f(z + bias); z (N, H), bias (H,)."""
        raise NotImplementedError

    def differentiate(self, y: FloatArray, dy: FloatArray, sums: FloatArray) -> None:
        """dy ← dy · f'(x) for y = f(x), all (N, H), and sums ← Σ_n of it, (H,): ∂L/∂bias."""
        raise NotImplementedError

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = f(x)."""
        expect_floats(type(self).__name__, x)
        y = self._output("y", x, x.shape, training)
        y[...] = x
        rows = _rows(y)
        self.apply(rows, np.zeros(rows.shape[1], y.dtype))
        if training:
            self._keep(y)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """dx = dy · f'(x)."""
        (y,) = self._take()
        expect_gradient(type(self).__name__, dy, y.shape)
        dx = self._workspace.array("dx", y.shape, y.dtype)
        dx[...] = dy
        rows = _rows(dx)
        self.differentiate(_rows(y), rows, np.empty(rows.shape[1], y.dtype))
        return dx


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
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if size < 1:
                raise ValueError(f"Dense needs {name} of at least 1, received {size}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"Dense computes in float32 or float64, received dtype {np.dtype(dtype)}")
        weight = initializer((in_features, out_features), rng, dtype)
        if weight.shape != (in_features, out_features) or weight.dtype != dtype:
            raise ValueError(
                f"Dense expects an initializer that gives {np.dtype(dtype)} of shape {(in_features, out_features)}, received "
                f"{weight.dtype} of shape {weight.shape}"
            )
        self.weight = Parameter("weight", weight)
        self.bias = Parameter("bias", np.zeros(out_features, dtype))

    @property
    def parameters(self) -> list[Parameter]:
        """W and b."""
        return [self.weight, self.bias]

    def output_shape(self, input_shape: Shape) -> Shape:
        """(D,) → (H,)."""
        in_features, out_features = self.weight.value.shape
        if input_shape != (in_features,):
            raise ValueError(_dense_expects(in_features, input_shape))
        return (out_features,)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = x W + b."""
        y = self.product(x, training)
        kernels.add_bias(y, self.bias.value)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """∂L/∂x = dy Wᵀ, beside the parameters' gradients."""
        self.backward_parameters(dy)
        return self.product_backward(dy)

    def backward_parameters(self, dy: FloatArray) -> None:
        """∂L/∂b = Σ_n dy[n], since each y[n, h] contains b[h] once, and ∂L/∂W."""
        self.product_backward_parameters(dy)  # looks at the shape of dy first
        kernels.sum_rows(dy, self.bias.gradient)

    def product(self, x: FloatArray, training: bool) -> FloatArray:
        """z = x W, shape (N, H)."""
        in_features, out_features = self.weight.value.shape
        if x.ndim != 2 or x.shape[1] != in_features:
            raise ValueError(_dense_expects(in_features, x.shape[1:]))
        expect_dtype("Dense", self.weight, x)
        if training:
            self.weight.start_gradient()
            self._keep(x)
        return np.dot(x, self.weight.value, out=self._output("y", x, (len(x), out_features), training))

    def product_backward(self, dz: FloatArray) -> FloatArray:
        """∂L/∂x = dz Wᵀ, shape (N, D): x[n, d] goes into z[n, h] with the factor W[d, h]."""
        dx = self._workspace.array("dx", (len(dz), len(self.weight.value)), dz.dtype)
        return np.dot(dz, self.weight.value.T, out=dx)

    def product_backward_parameters(self, dz: FloatArray) -> None:
        """∂L/∂W = xᵀ dz, shape (D, H): z[n, h] contains W[d, h] with the factor x[n, d]."""
        (x,) = self._take()
        expect_gradient("Dense", dz, (len(x), self.bias.value.size))
        self.weight.store_product(x.T, dz)


class DenseWithActivation(Layer):
    """A Dense and the activation behind it as one layer, y = f(x W + b), which `Sequential` makes of two neighbours.

    The bias, f and their derivatives are one pass over memory each way, in place, where the two layers alone would need five.
    """

    def __init__(self, dense: Dense, activation: Activation):
        super().__init__()
        self.dense, self.activation = dense, activation

    @property
    def parameters(self) -> list[Parameter]:
        """Those of the Dense."""
        return self.dense.parameters

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """y = f(x W + b)."""
        y = self.dense.product(x, training)
        self.activation.apply(y, self.dense.bias.value)
        if training:
            self._keep(y)
        return y

    def backward(self, dy: FloatArray) -> FloatArray:
        """∂L/∂x, beside the parameters' gradients; dy is overwritten."""
        self.backward_parameters(dy)  # makes dz of dy
        return self.dense.product_backward(dy)

    def backward_parameters(self, dy: FloatArray) -> None:
        """∂L/∂b and ∂L/∂W; dy is overwritten with dz = dy f'(z)."""
        (y,) = self._take()
        expect_gradient(type(self.activation).__name__, dy, y.shape)
        self.activation.differentiate(y, dy, self.dense.bias.gradient)
        self.dense.product_backward_parameters(dy)


def expect_dtype(layer: str, parameter: Parameter, x: FloatArray) -> None:
    """Raise ValueError if x has another dtype than the layer's parameter: nothing is converted silently."""
    if x.dtype != parameter.value.dtype:
        raise ValueError(
            f"{layer} with {parameter.value.dtype} parameters expects x of that dtype, received {x.dtype}: "
            f"convert it with x.astype({str(parameter.value.dtype)!r})"
        )


def expect_floats(name: str, array: FloatArray) -> None:
    """Raise ValueError if the array holds integers, in which a result would be rounded to integers, too."""
    if array.dtype.kind != "f":
        raise ValueError(f"{name} expects floats, received {array.dtype}: convert with .astype('float32')")


def expect_gradient(layer: str, dy: FloatArray, shape: Shape) -> None:
    """Raise ValueError if dy has another shape than the output: kernels check no bounds, and NumPy would broadcast."""
    if dy.shape != shape:
        raise ValueError(f"{layer}.backward expects dy of the output's shape {shape}, received {dy.shape}")


def _rows(array: FloatArray) -> FloatArray:
    """Return an array (N, ...) as (N, H)."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _dense_expects(in_features: int, sample_shape: Shape) -> str:
    received = ", ".join(["N", *map(str, sample_shape)])
    message = f"Dense expects (N, {in_features}), received ({received})"
    return message + (": put a Flatten before it" if len(sample_shape) > 1 else "")
