"""Activations, losses and rules of optimizers for the compiled step: a row at a time, the layers' formulas in a translation.

An activation replaces z by y = f(z) and multiplies the slope by f'(z). So several in a row are the chain rule, and backward has
nothing left to do but to multiply dy by the slope. A loss writes ∂L/∂y and returns the sum of the row. A rule changes a row of
weights by its gradient.

``math.exp`` in a loop is a function call for each number. The series here is arithmetic alone, so that the compiler works on 8 or
16 numbers at once; its error is about a unit in the last place. NaN stays NaN everywhere.

The step calls these functions by their addresses, see `nnlite.jit.compiled_for_address`: each is compiled when a model first needs
it, and the step itself knows none of them. What they work on is a number of numbers and addresses; a setting may come with it, such
as the slope of a LeakyReLU, and `like`, any number of the type to compute in.
"""

import math
from typing import Any

import numpy as np

from nnlite import kernels
from nnlite.jit import part
from nnlite.layers.rectifiers import GELU_CUBE, GELU_END, GELU_SCALE
from nnlite.products.processor import array_at, exponent_of, itemsize, number_like, power_of_two

LEAST_PROBABILITY, SLACK = 1e-7, 1e-6  # as in `nnlite.BinaryCrossEntropy`


@part
def exponential(x: Any) -> Any:
    """eˣ = 2ᵏ eʳ with k = x / ln 2 rounded, so that |r| ≤ ln 2 / 2, and eʳ = 1 + r + r² / 2! + r³ / 3! + ..."""
    single = itemsize(x) == 4
    end = number_like(87.0 if single else 708.0, x)  # where 2ᵏ is a normal float
    x = -end if x < -end else (end if x > end else x)
    k = np.rint(x * number_like(1 / math.log(2), x))
    r = x - k * number_like(math.log(2), x)
    degree, coefficient = (6, 1 / 720) if single else (13, 1 / 6227020800)  # 1 / 6! and 1 / 13!
    series = number_like(coefficient, x)
    for n in range(degree, 0, -1):
        coefficient *= n
        series = series * r + number_like(coefficient, x)
    return series * power_of_two(k)


@part
def log_one_plus(u: Any) -> Any:
    """ln(1 + u) for −0.3 ≤ u ≤ 1: 2 (f + f³/3 + f⁵/5 + ...) with f = u / (2 + u), the series of the inverse tanh."""
    f = u / (number_like(2.0, u) + u)
    square, series = f * f, number_like(0.0, u)
    for n in range(8 if itemsize(u) == 4 else 18, -1, -1):
        series = series * square + number_like(2 / (2 * n + 1), u)
    return f * series


@part
def logarithm(x: Any) -> Any:
    """ln x = k ln 2 + ln m with x = m 2ᵏ and m from √½ to √2, for a positive normal x."""
    k, one = exponent_of(x), number_like(1.0, x)
    return k * number_like(math.log(2), x) + log_one_plus(x * power_of_two(-k) - one)


@part
def sigmoid_of(x: Any) -> Any:
    """1 / (1 + exp(−x))."""
    one = number_like(1.0, x)
    return one / (one + exponential(-x))


def relu(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = max(z, 0); y' = 1 where z > 0, else 0."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    zero, one = number_like(0.0, like), number_like(1.0, like)
    for h in range(size):
        x = z[h]
        slope[h] *= one if x > zero else zero
        z[h] = zero if x < zero else x
    return 0.0


def leaky_relu(size: int, steepness: float, z_at: int, slope_at: int, _: int, like: Any) -> float:
    """y = z where z > 0, else s z; y' = 1 or s."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    zero, one, s = number_like(0.0, like), number_like(1.0, like), number_like(steepness, like)
    for h in range(size):
        factor = one if z[h] > zero else s
        slope[h] *= factor
        z[h] *= factor
    return 0.0


def elu(size: int, alpha: float, z_at: int, slope_at: int, _: int, like: Any) -> float:
    """y = z where z > 0, else α (exp(z) − 1); y' = 1 or α exp(z)."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    zero, one, a = number_like(0.0, like), number_like(1.0, like), number_like(alpha, like)
    for h in range(size):
        e = a * exponential(z[h])
        slope[h] *= one if z[h] > zero else e
        z[h] = z[h] if z[h] > zero else e - a
    return 0.0


def sigmoid(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = 1 / (1 + exp(−z)); y' = y (1 − y)."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    one = number_like(1.0, like)
    for h in range(size):
        y = sigmoid_of(z[h])
        z[h], slope[h] = y, slope[h] * y * (one - y)
    return 0.0


def tanh(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = 2 sigmoid(2 z) − 1; y' = 1 − y²."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    one, two = number_like(1.0, like), number_like(2.0, like)
    for h in range(size):
        y = two * sigmoid_of(two * z[h]) - one
        z[h], slope[h] = y, slope[h] * (one - y * y)
    return 0.0


def softplus(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = max(z, 0) + ln(1 + exp(−|z|)); y' = sigmoid(z)."""
    z, slope, zero = array_at(z_at, size, like), array_at(slope_at, size, like), number_like(0.0, like)
    for h in range(size):
        slope[h] *= sigmoid_of(z[h])
        z[h] = (z[h] if z[h] > zero else zero) + log_one_plus(exponential(-abs(z[h])))
    return 0.0


def silu(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = z s with s = sigmoid(z); y' = s + y (1 − s)."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    one = number_like(1.0, like)
    for h in range(size):
        s = sigmoid_of(z[h])
        z[h] *= s
        slope[h] *= s + z[h] * (one - s)
    return 0.0


def gelu(size: int, _: float, z_at: int, slope_at: int, __: int, like: Any) -> float:
    """y = z s with s = (1 + tanh u) / 2 = sigmoid(2 u), u = √(2/π) (z + 0.044715 z³); y' = s + 2 z s (1 − s) u'."""
    z, slope = array_at(z_at, size, like), array_at(slope_at, size, like)
    one, end = number_like(1.0, like), number_like(GELU_END, like)
    double, cube, three = number_like(2 * GELU_SCALE, like), number_like(GELU_CUBE, like), number_like(3.0, like)
    for h in range(size):
        x = -end if z[h] < -end else (end if z[h] > end else z[h])  # beyond, s is 0 or 1, and a cube could overflow
        s = sigmoid_of(double * (x + cube * x * x * x))
        slope[h] *= s + x * s * (one - s) * double * (one + three * cube * x * x)
        z[h] = s * (z[h] if z[h] > x else x)
    return 0.0


def mean_squared_error(size: int, scale: float, p_at: int, target_at: int, dp_at: int, like: Any) -> float:
    """Σ (p − t)², and dp = 2 (p − t) · scale."""
    p, target, dp = array_at(p_at, size, like), array_at(target_at, size, like), array_at(dp_at, size, like)
    total, double = number_like(0.0, like), number_like(2 * scale, like)
    for d in range(size):
        difference = p[d] - target[d]
        total += difference * difference
        dp[d] = double * difference
    return float(total)


def binary_cross_entropy(size: int, scale: float, p_at: int, target_at: int, dp_at: int, like: Any) -> float:
    """−Σ [t ln p + (1 − t) ln(1 − p)], and dp = (p − t) / (p (1 − p)) · scale, for p clipped to where both are finite.

    NaN, where a p is no probability: the loss has an error to raise.
    """
    p, target, dp = array_at(p_at, size, like), array_at(target_at, size, like), array_at(dp_at, size, like)
    total, one, s = number_like(0.0, like), number_like(1.0, like), number_like(scale, like)
    low, high = number_like(LEAST_PROBABILITY, like), number_like(1 - LEAST_PROBABILITY, like)
    zero, nan, slack = number_like(0.0, like), number_like(np.nan, like), number_like(SLACK, like)
    for d in range(size):
        t, q = target[d], low if p[d] < low else (high if p[d] > high else p[d])
        total -= t * logarithm(q) + (one - t) * logarithm(one - q)
        total += nan if p[d] < -slack or p[d] > one + slack else zero
        dp[d] = s * (q - t) / (q * (one - q))
    return float(total)


def binary_cross_entropy_with_logits(size: int, scale: float, z_at: int, target_at: int, dz_at: int, like: Any) -> float:
    """Σ [max(z, 0) − z t + ln(1 + exp(−|z|))], and dz = (sigmoid(z) − t) · scale."""
    z, target, dz = array_at(z_at, size, like), array_at(target_at, size, like), array_at(dz_at, size, like)
    total, zero, s = number_like(0.0, like), number_like(0.0, like), number_like(scale, like)
    for d in range(size):
        total += (z[d] if z[d] > zero else zero) - z[d] * target[d] + log_one_plus(exponential(-abs(z[d])))
        dz[d] = s * (sigmoid_of(z[d]) - target[d])
    return float(total)


def softmax_cross_entropy(size: int, scale: float, z_at: int, target_at: int, dz_at: int, like: Any) -> float:
    """−Σ t ln softmax(z), and dz = (softmax(z) Σ t − t) · scale; the largest z is taken from all, so that nothing overflows."""
    z, target, dz = array_at(z_at, size, like), array_at(target_at, size, like), array_at(dz_at, size, like)
    zero, s = number_like(0.0, like), number_like(scale, like)
    largest, weight, inner, partition = z[0], zero, zero, zero
    for c in range(size):
        largest = z[c] if z[c] > largest else largest
    for c in range(size):
        dz[c] = exponential(z[c] - largest)
        partition += dz[c]
        weight += target[c]
        inner += target[c] * (z[c] - largest)
    for c in range(size):
        dz[c] = s * (dz[c] / partition * weight - target[c])
    return float(weight * np.log(partition) - inner)


def sgd(size: int, settings: int, w: int, g: int, u: int, _: int, __: int, like: Any) -> float:
    """w ← w − η g; settings: η."""
    kernels.sgd(array_at(w, size, like), array_at(g, size, like), array_at(settings, 1, 0.0)[0])
    return 0.0


def sgd_momentum(size: int, settings: int, w: int, g: int, u: int, _: int, __: int, like: Any) -> float:
    """u ← μ u + g, w ← w − η u; settings: η, μ."""
    rate, momentum = array_at(settings, 2, 0.0)[0], array_at(settings, 2, 0.0)[1]
    kernels.sgd_momentum(array_at(w, size, like), array_at(g, size, like), array_at(u, size, like), rate, momentum)
    return 0.0


def sgd_nesterov(size: int, settings: int, w: int, g: int, u: int, _: int, __: int, like: Any) -> float:
    """u ← μ u + g, w ← w − η (g + μ u); settings: η, μ."""
    rate, momentum = array_at(settings, 2, 0.0)[0], array_at(settings, 2, 0.0)[1]
    kernels.sgd_nesterov(array_at(w, size, like), array_at(g, size, like), array_at(u, size, like), rate, momentum)
    return 0.0


def adam(size: int, settings: int, w: int, g: int, m: int, v: int, _: int, like: Any) -> float:
    """Adam's m, v and w, see `nnlite.kernels.adam`; settings: rate, ε, β₁, β₂, and what w is multiplied by before."""
    numbers, weights = array_at(settings, 5, 0.0), array_at(w, size, like)
    decay = number_like(numbers[4], like)
    for j in range(size):
        weights[j] *= decay
    means, squares = array_at(m, size, like), array_at(v, size, like)
    kernels.adam(weights, array_at(g, size, like), means, squares, numbers[2], numbers[3], numbers[0], numbers[1])
    return 0.0


def amsgrad(size: int, settings: int, w: int, g: int, m: int, v: int, largest: int, like: Any) -> float:
    """As `adam`, but for the largest v so far in place of v."""
    numbers, weights = array_at(settings, 5, 0.0), array_at(w, size, like)
    decay = number_like(numbers[4], like)
    for j in range(size):
        weights[j] *= decay
    means, squares = array_at(m, size, like), array_at(v, size, like)
    kernels.adam(weights, array_at(g, size, like), means, squares, numbers[2], numbers[3], 0.0, numbers[1])
    kernels.amsgrad(weights, means, squares, array_at(largest, size, like), numbers[0], numbers[1])
    return 0.0
