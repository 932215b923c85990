"""Start weights: random enough to tell the units apart, scaled so that signals neither fade nor explode from layer to layer.

For y = x W with independent, centred entries, Var(y) = fan_in · Var(x) · Var(W); the same argument backwards has fan_out in place
of fan_in. Glorot and Bengio keep both near 1 with Var(W) = 2 / (fan_in + fan_out); He et al. account for ReLU, which drops half of
the signal, with Var(W) = 2 / fan_in. A uniform distribution on [−a, a] has the variance a² / 3, hence the factors 6 below.

Every initialiser is called as ``initializer(shape, rng, dtype)`` with the shape (fan_in, fan_out).

References
----------
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Initializer = Callable[[tuple[int, int], np.random.Generator, npt.DTypeLike], FloatArray]


def zeros(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """All zeros: right for biases and for a single layer; hidden units that start equal would stay equal."""
    return np.zeros(shape, dtype)


def glorot_uniform(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform on [−a, a] with a = √(6 / (fan_in + fan_out))."""
    return _uniform(shape, np.sqrt(6 / (shape[0] + shape[1])), rng, dtype)


def glorot_normal(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Normal with standard deviation √(2 / (fan_in + fan_out))."""
    return _normal(shape, np.sqrt(2 / (shape[0] + shape[1])), rng, dtype)


def he_uniform(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Uniform on [−a, a] with a = √(6 / fan_in)."""
    return _uniform(shape, np.sqrt(6 / shape[0]), rng, dtype)


def he_normal(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Normal with standard deviation √(2 / fan_in)."""
    return _normal(shape, np.sqrt(2 / shape[0]), rng, dtype)


def _uniform(shape: tuple[int, int], limit: float, rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return rng.uniform(-limit, limit, shape).astype(dtype)


def _normal(shape: tuple[int, int], deviation: float, rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return (deviation * rng.standard_normal(shape)).astype(dtype)
