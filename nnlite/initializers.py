"""Start weights: random enough to tell the units apart, scaled so that signals neither fade nor explode from layer to layer.

For y = x W with independent, centred entries, Var(y) = fan_in · Var(x) · Var(W); the same argument backwards has fan_out in place
of fan_in. LeCun et al. keep the first at 1 with Var(W) = 1 / fan_in, Glorot and Bengio both near 1 with
Var(W) = 2 / (fan_in + fan_out); He et al. account for ReLU, which drops half of the signal, with Var(W) = 2 / fan_in. A uniform
distribution on [−a, a] has the variance a² / 3, hence the factors 3 and 6 below.

Every initialiser is called as ``initializer(shape, rng, dtype)`` with the shape (fan_in, fan_out).

References
----------
Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient backprop", in Neural Networks: Tricks of the Trade, 1998, section 4.6.
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear networks", ICLR 2014.
J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape

Initializer = Callable[[tuple[int, int], np.random.Generator, npt.DTypeLike], FloatArray]


def zeros(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """All zeros. Right for biases and for a single layer; hidden units that start equal stay equal."""
    return np.zeros(shape, dtype)


def glorot_uniform(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform on [−a, a] with a = √(6 / (fan_in + fan_out))."""
    return _uniform(shape, np.sqrt(6 / (shape[0] + shape[1])), rng, dtype)


def glorot_normal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Normal with standard deviation √(2 / (fan_in + fan_out))."""
    return _normal(shape, np.sqrt(2 / (shape[0] + shape[1])), rng, dtype)


def he_uniform(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform on [−a, a] with a = √(6 / fan_in)."""
    return _uniform(shape, np.sqrt(6 / shape[0]), rng, dtype)


def he_normal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Normal with standard deviation √(2 / fan_in)."""
    return _normal(shape, np.sqrt(2 / shape[0]), rng, dtype)


def lecun_uniform(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform on [−a, a] with a = √(3 / fan_in)."""
    return _uniform(shape, np.sqrt(3 / shape[0]), rng, dtype)


def lecun_normal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Normal with standard deviation √(1 / fan_in)."""
    return _normal(shape, np.sqrt(1 / shape[0]), rng, dtype)


def orthogonal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform among the matrices with orthonormal rows or columns, the shorter side (Saxe et al.): no length fades or explodes.

    A normal matrix is G = Q R; with the signs that make R's diagonal positive, Q is uniformly distributed.
    """
    normal = rng.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(normal)
    q *= np.copysign(1, np.diagonal(r))
    return np.ascontiguousarray(q if shape[0] >= shape[1] else q.T).astype(dtype)


def sparse(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32, connections: int = 15) -> FloatArray:
    """Standard normal for `connections` inputs of each unit, drawn without repetition, and zero for all others (Martens).

    The sum into a unit has the same variance for any fan_in; units differ in which inputs they see. With fewer inputs than
    `connections`, each unit sees all.
    """
    weights = np.zeros(shape)
    for unit in range(shape[1]):
        inputs = rng.permutation(shape[0])[:connections]
        weights[inputs, unit] = rng.standard_normal(len(inputs))
    return weights.astype(dtype)


def _uniform(shape: Shape, limit: float, rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return rng.uniform(-limit, limit, shape).astype(dtype)


def _normal(shape: Shape, deviation: float, rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return (deviation * rng.standard_normal(shape)).astype(dtype)
