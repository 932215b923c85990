"""Activations, losses and rules of optimizers for the compiled step: the layers' formulas in a translation.

An activation is written for one number: from z to y = f(z) and f'(z). Its function of a row replaces each z by y and multiplies the
slope by f'(z). So several in a row are the chain rule, and backward has nothing left to do but to multiply dy by the slope. A loss
is written for one prediction and its target, too, and is the value and its derivative. `real` is the type to compute in: with a
bare ``1`` the compiler would compute in float64.

``math.exp`` in a loop is a function call for each number. The series here is arithmetic alone, so that the compiler works on 8 or
16 numbers at once; its error is about a unit in the last place. NaN stays NaN everywhere.

The step calls these functions by their addresses, see `nnlite.jit.compiled_for_address`: each is compiled when a model first needs
it, and the step itself knows none of them. What they work on is a number of numbers and addresses; a setting may come with it, such
as the slope of a LeakyReLU, and `like`, any number of the type to compute in.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnlite import layers, losses
from nnlite.arrays import FloatArray
from nnlite.jit import part
from nnlite.layers.rectifiers import GELU_CUBE, GELU_END, GELU_SCALE
from nnlite.losses import Loss
from nnlite.products.processor import array_at, exponent, itemsize, power_of_two

LEAST_PROBABILITY, SLACK = 1e-7, 1e-6  # as in `nnlite.BinaryCrossEntropy`

FUNCTIONS: dict[type, tuple[Any, str]] = {}  # of a row, for layers and losses; and which attribute of the layer is its setting


def stands_for(kind: type, setting: str = "") -> Callable[[Any], Any]:
    """Let a formula (z, setting, real) → (y, y') stand for a layer, or (p, t, real) → (value, derivative) for a loss."""

    def register(formula: Any) -> Any:
        formula = part(formula, forceinline=True)  # or the loop would call it, number by number

        def activation(size: int, setting: float, z: int, slope: int, _: int, like: Any) -> float:
            numbers, slopes = array_at(z, size, like), array_at(slope, size, like)
            real = numbers.dtype.type
            for h in range(size):
                y, derivative = formula(numbers[h], real(setting), real)
                numbers[h], slopes[h] = y, slopes[h] * derivative
            return 0.0

        def loss(size: int, scale: float, p: int, t: int, dp: int, like: Any) -> float:
            predictions, targets, gradient = array_at(p, size, like), array_at(t, size, like), array_at(dp, size, like)
            real = gradient.dtype.type
            total = real(0)
            for d in range(size):
                value, derivative = formula(predictions[d], targets[d], real)
                gradient[d] = real(scale) * derivative
                total += value
            return float(total)

        function = loss if issubclass(kind, Loss) else activation
        function.__qualname__ = formula.__name__  # by which the cache on disk knows it
        FUNCTIONS[kind] = function, setting
        return formula

    return register


@functools.cache
def rule(kernel: Any) -> Any:
    """Return an optimizer's kernel as a function of a row of weights, given by the addresses of its arrays and of its numbers."""
    arrays, numbers = (list(kernel.__annotations__.values()).count(kind) for kind in (FloatArray, float))

    def of_row(size: int, settings: int, w: int, g: int, u: int, v: int, largest: int, like: Any) -> float:
        rows = array_at(w, size, like), array_at(g, size, like), array_at(u, size, like), array_at(v, size, like)
        s = array_at(settings, 5, 0.0)
        kernel(*((*rows, array_at(largest, size, like))[:arrays] + (s[0], s[1], s[2], s[3], s[4])[:numbers]))
        return 0.0

    of_row.__qualname__ = kernel.__name__
    return of_row


@part
def exponential(x: Any, real: Any) -> Any:
    """eˣ = 2ᵏ eʳ with k = x / ln 2 rounded, so that |r| ≤ ln 2 / 2, and eʳ = 1 + r + r² / 2! + r³ / 3! + ..."""
    end, degree, factorial = (87.0, 6, 720) if itemsize(x) == 4 else (708.0, 13, 6227020800)
    x = min(max(x, -real(end)), real(end))  # where 2ᵏ is a normal float; in this order NaN stays
    k = np.rint(x * real(1 / math.log(2)))
    r, series = x - k * real(math.log(2)), real(1 / factorial)
    for n in range(degree, 0, -1):
        factorial //= n  # exact, so that e⁰ is 1
        series = series * r + real(1 / factorial)
    return series * power_of_two(np.int32(k), x)


@part
def log_one_plus(u: Any, real: Any) -> Any:
    """ln(1 + u) for −0.3 ≤ u ≤ 1: 2 (f + f³/3 + f⁵/5 + ...) with f = u / (2 + u), the series of the inverse tanh."""
    f, series = u / (real(2) + u), real(0)
    for n in range(8 if itemsize(u) == 4 else 18, -1, -1):
        series = series * (f * f) + real(2 / (2 * n + 1))
    return f * series


@part
def logarithm(x: Any, real: Any) -> Any:
    """ln x = k ln 2 + ln m with x = m 2ᵏ and m from √½ to √2, for a positive normal x."""
    k = exponent(x)
    return real(k) * real(math.log(2)) + log_one_plus(x * power_of_two(np.int32(-k), x) - real(1), real)


@part
def sigmoid_of(x: Any, real: Any) -> Any:
    """1 / (1 + exp(−x))."""
    return real(1) / (real(1) + exponential(-x, real))


@stands_for(layers.ReLU)
def relu(z: Any, _: Any, real: Any) -> Any:
    """y = max(z, 0); y' = 1 where z > 0, else 0."""
    return max(z, real(0)), real(1) if z > 0 else real(0)


@stands_for(layers.LeakyReLU, "slope")
def leaky_relu(z: Any, slope: Any, real: Any) -> Any:
    """y = z where z > 0, else s z; y' = 1 or s."""
    factor = real(1) if z > 0 else slope
    return factor * z, factor


@stands_for(layers.ELU, "alpha")
def elu(z: Any, alpha: Any, real: Any) -> Any:
    """y = z where z > 0, else α (exp(z) − 1); y' = 1 or α exp(z)."""
    e = alpha * exponential(z, real)
    return z if z > 0 else e - alpha, real(1) if z > 0 else e


@stands_for(layers.Sigmoid)
def sigmoid(z: Any, _: Any, real: Any) -> Any:
    """y = 1 / (1 + exp(−z)); y' = y (1 − y)."""
    y = sigmoid_of(z, real)
    return y, y * (real(1) - y)


@stands_for(layers.Tanh)
def tanh(z: Any, _: Any, real: Any) -> Any:
    """y = 2 sigmoid(2 z) − 1; y' = 1 − y²."""
    y = real(2) * sigmoid_of(real(2) * z, real) - real(1)
    return y, real(1) - y * y


@stands_for(layers.Softplus)
def softplus(z: Any, _: Any, real: Any) -> Any:
    """y = max(z, 0) + ln(1 + exp(−|z|)); y' = sigmoid(z)."""
    return max(z, real(0)) + log_one_plus(exponential(-abs(z), real), real), sigmoid_of(z, real)


@stands_for(layers.SiLU)
def silu(z: Any, _: Any, real: Any) -> Any:
    """y = z s with s = sigmoid(z); y' = s + y (1 − s)."""
    x = max(z, -real(700))  # below, s is the least that it can be, and z s would not be 0
    s = sigmoid_of(x, real)
    return x * s, s + x * s * (real(1) - s)


@stands_for(layers.GELU)
def gelu(z: Any, _: Any, real: Any) -> Any:
    """y = z s with s = (1 + tanh u) / 2 = sigmoid(2 u), u = √(2/π) (z + 0.044715 z³); y' = s + 2 z s (1 − s) u'."""
    end, double, cube = real(GELU_END), real(2 * GELU_SCALE), real(GELU_CUBE)
    x = min(max(z, -end), end)  # beyond, s is 0 or 1, and a cube could overflow
    s = sigmoid_of(double * (x + cube * x * x * x), real)
    return s * max(z, x), s + x * s * (real(1) - s) * double * (real(1) + real(3) * cube * x * x)


@stands_for(losses.MeanSquaredError)
def mean_squared_error(p: Any, t: Any, real: Any) -> Any:
    """(p − t)², and 2 (p − t)."""
    return (p - t) * (p - t), real(2) * (p - t)


@stands_for(losses.BinaryCrossEntropy)
def binary_cross_entropy(p: Any, t: Any, real: Any) -> Any:
    """−t ln p − (1 − t) ln(1 − p), and (p − t) / (p (1 − p)), for p clipped to where both are finite.

    NaN, where p is no probability: the loss has an error to raise.
    """
    one, low, high = real(1), real(LEAST_PROBABILITY), real(1 - LEAST_PROBABILITY)
    q = min(max(p, low), high)
    value = -t * logarithm(q, real) - (one - t) * logarithm(one - q, real)
    return real(np.nan) if p < -real(SLACK) or p > real(1 + SLACK) else value, (q - t) / (q * (one - q))


@stands_for(losses.BinaryCrossEntropyWithLogits)
def binary_cross_entropy_with_logits(z: Any, t: Any, real: Any) -> Any:
    """max(z, 0) − z t + ln(1 + exp(−|z|)), and sigmoid(z) − t."""
    return max(z, real(0)) - z * t + log_one_plus(exponential(-abs(z), real), real), sigmoid_of(z, real) - t


def softmax_cross_entropy(size: int, scale: float, z_at: int, target_at: int, dz_at: int, like: Any) -> float:
    """−Σ t ln softmax(z), and dz = (softmax(z) Σ t − t) · scale; the largest z is taken from all, so that nothing overflows."""
    z, target, dz = array_at(z_at, size, like), array_at(target_at, size, like), array_at(dz_at, size, like)
    real, largest = z.dtype.type, z.max()
    inner = real(0)
    for c in range(size):
        dz[c] = exponential(z[c] - largest, real)
        inner += target[c] * (z[c] - largest)
    partition, weight = dz.sum(), target.sum()
    for c in range(size):
        dz[c] = real(scale) * (dz[c] / partition * weight - target[c])
    return float(weight * np.log(partition) - inner)


FUNCTIONS[losses.SoftmaxCrossEntropyWithLogits] = softmax_cross_entropy, ""
