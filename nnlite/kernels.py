"""The hot loops: plain functions on plain arrays, compiled by numba, no classes.

Every loop over the numbers of a batch or of a parameter stands here once; the matrix products are NumPy's (its BLAS). A kernel
makes one pass over memory, allocates nothing, and writes into an array that its caller owns. Elementwise kernels take flat arrays
of one length, because the compiler vectorises one loop from 0 best; row-wise kernels take (N, D).

Write constants in the arrays' own type (``x.dtype.type(1)``): to numba a bare ``1`` is an int64, and float32 with int64 gives
float64, twice the memory and half the speed. Leave exponentials out: a scalar ``exp`` in a loop is a function call per element, but
NumPy's ``exp``, ``tanh`` and ``log`` are vectorised; the callers apply them in a pass of their own.

Each kernel has a twin in the tests, written as the formula in plain NumPy.
"""

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray
from nnlite.jit import jit

# Smaller numbers count as 0 in the optimizers. Below 1.2e-38, the smallest normal float32, the processor takes many times as long
# for each operation. Gradients that have stopped coming lead there: their running mean falls until it stays at a few of the
# smallest units (0.9 · 4 rounds to 4). In a deep ReLU network a quarter of all means did. The square of a gradient, or a mean times
# the learning rate, gets there much sooner.
NEGLIGIBLE_GRADIENT, NEGLIGIBLE_MEAN, NEGLIGIBLE_MEAN_SQUARE = 1e-16, 1e-30, 1e-36


@jit
def gather_images(images: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64], batch: FloatArray) -> None:
    """batch[n] = images[indices[n]] / 255: a batch of pixels in [0, 1]; images (M, D), indices (N,), batch (N, D)."""
    scale = batch.dtype.type(1 / 255)
    for n in range(indices.size):
        image = images[indices[n]]  # (D,)
        row = batch[n]  # (D,)
        for d in range(row.size):
            row[d] = image[d] * scale


@jit
def shift_images(images: FloatArray, down: npt.NDArray[np.int64], right: npt.NDArray[np.int64], shifted: FloatArray) -> None:
    """shifted[n, r, c] = images[n, r − down[n], c − right[n]], zero where that lies outside; images (N, height, width)."""
    count, height, width = images.shape
    for n in range(count):
        for r in range(height):
            source = r - down[n]
            inside = 0 <= source < height
            for c in range(width):
                column = c - right[n]
                shifted[n, r, c] = images[n, source, column] if inside and 0 <= column < width else images.dtype.type(0)


@jit
def add_bias(z: FloatArray, bias: FloatArray) -> None:
    """z[n, h] += bias[h]; z (N, H), bias (H,)."""
    for n in range(z.shape[0]):
        for h in range(bias.size):
            z[n, h] += bias[h]


@jit
def add_rows(dy: FloatArray, sums: FloatArray) -> None:
    """sums[h] += Σ_n dy[n, h]; dy (N, H), sums (H,)."""
    for n in range(dy.shape[0]):
        for h in range(sums.size):
            sums[h] += dy[n, h]


@jit
def relu(x: FloatArray, y: FloatArray) -> None:
    """y = max(x, 0), NaN stays NaN."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = max(x[i], zero)  # in this order NaN stays


@jit
def relu_backward(y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
    """dx = dy where y > 0, else 0."""
    zero = y.dtype.type(0)
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > zero else zero


@jit
def leaky_relu(x: FloatArray, slope: float, y: FloatArray) -> None:
    """y = x where x > 0, else slope · x: the larger of the two, because 0 ≤ slope < 1."""
    s = x.dtype.type(slope)
    for i in range(x.size):
        y[i] = max(x[i], s * x[i])


@jit
def leaky_relu_backward(y: FloatArray, slope: float, dy: FloatArray, dx: FloatArray) -> None:
    """dx = dy where y > 0, else slope · dy; y has the sign of x because the slope is not negative."""
    zero, s = y.dtype.type(0), y.dtype.type(slope)
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > zero else s * dy[i]


@jit
def half_of_one_plus(y: FloatArray) -> None:
    """y ← (1 + y) / 2: the last step of the sigmoid, (1 + tanh(x / 2)) / 2."""
    half = y.dtype.type(0.5)
    for i in range(y.size):
        y[i] = half + half * y[i]


@jit
def sigmoid_backward(y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
    """dx = dy · y · (1 − y)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@jit
def tanh_backward(y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
    """dx = dy · (1 − y²)."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


@jit
def silu(x: FloatArray, s: FloatArray, y: FloatArray) -> None:
    """s ← (1 + s) / 2, so tanh(x / 2) becomes sigmoid(x), and y = x · s; at −∞ its limit 0."""
    half, zero = x.dtype.type(0.5), x.dtype.type(0)
    for i in range(x.size):
        s[i] = half + half * s[i]
        y[i] = zero if s[i] == zero else x[i] * s[i]


@jit
def silu_backward(s: FloatArray, y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
    """dx = dy · (s + y · (1 − s))."""
    one = y.dtype.type(1)
    for i in range(y.size):
        dx[i] = dy[i] * (s[i] + y[i] * (one - s[i]))


@jit
def softmax_backward(y: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
    """dx[n, c] = y[n, c] · (dy[n, c] − Σ_k dy[n, k] y[n, k]); all (N, C)."""
    for n in range(y.shape[0]):
        inner = y.dtype.type(0)
        for c in range(y.shape[1]):
            inner += dy[n, c] * y[n, c]
        for c in range(y.shape[1]):
            dx[n, c] = y[n, c] * (dy[n, c] - inner)


@jit
def mean_squared_error(prediction: FloatArray, target: FloatArray, gradient: FloatArray) -> float:
    """Σ (p − t)² / (N D), and gradient = 2 (p − t) / (N D); all (N, D)."""
    scale = prediction.dtype.type(2 / max(prediction.size, 1))
    total = np.float64(0)
    for n in range(prediction.shape[0]):
        row = prediction.dtype.type(0)
        for d in range(prediction.shape[1]):
            difference = prediction[n, d] - target[n, d]
            row += difference * difference
            gradient[n, d] = scale * difference
        total += row
    return float(total / max(prediction.size, 1))


@jit
def binary_cross_entropy(p: FloatArray, log_p: FloatArray, log_q: FloatArray, target: FloatArray, gradient: FloatArray) -> float:
    """−Σ [t log p + (1 − t) log q] / (N D) with q = 1 − p, and gradient = (p − t) / (p q) / (N D); all (N, D)."""
    one, scale = p.dtype.type(1), p.dtype.type(1 / max(p.size, 1))
    total = np.float64(0)
    for n in range(p.shape[0]):
        row = p.dtype.type(0)
        for d in range(p.shape[1]):
            t = target[n, d]
            row -= t * log_p[n, d] + (one - t) * log_q[n, d]
            gradient[n, d] = scale * (p[n, d] - t) / (p[n, d] * (one - p[n, d]))
        total += row
    return float(total / max(p.size, 1))


@jit
def binary_cross_entropy_with_logits(
    z: FloatArray, e: FloatArray, log_one_plus_e: FloatArray, target: FloatArray, gradient: FloatArray
) -> float:
    """Σ [max(z, 0) − z t + log(1 + e)] / (N D) with e = exp(−|z|), and gradient = (sigmoid(z) − t) / (N D); all (N, D)."""
    zero, one, scale = z.dtype.type(0), z.dtype.type(1), z.dtype.type(1 / max(z.size, 1))
    total = np.float64(0)
    for n in range(z.shape[0]):
        row = z.dtype.type(0)
        for d in range(z.shape[1]):
            t = target[n, d]
            row += max(z[n, d], zero) - z[n, d] * t + log_one_plus_e[n, d]
            numerator = e[n, d] if z[n, d] < zero else one  # sigmoid(z) = e / (1 + e) below zero, 1 / (1 + e) above
            gradient[n, d] = scale * (numerator / (one + e[n, d]) - t)
        total += row
    return float(total / max(z.size, 1))


@jit
def sgd(value: FloatArray, gradient: FloatArray, learning_rate: float) -> None:
    """w ← w − η g."""
    rate = value.dtype.type(learning_rate)
    for i in range(value.size):
        value[i] -= rate * gradient[i]


@jit
def sgd_momentum(value: FloatArray, gradient: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float) -> None:
    """u ← μ u + g, negligible as 0;  w ← w − η u."""
    real = value.dtype.type
    rate, mu, negligible = real(learning_rate), real(momentum), real(NEGLIGIBLE_MEAN)
    for i in range(value.size):
        u = mu * velocity[i] + gradient[i]
        velocity[i] = real(0) if abs(u) < negligible else u
        value[i] -= rate * velocity[i]


@jit
def sgd_nesterov(value: FloatArray, gradient: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float) -> None:
    """u ← μ u + g, negligible as 0;  w ← w − η (g + μ u)."""
    real = value.dtype.type
    rate, mu, negligible = real(learning_rate), real(momentum), real(NEGLIGIBLE_MEAN)
    for i in range(value.size):
        u = mu * velocity[i] + gradient[i]
        velocity[i] = real(0) if abs(u) < negligible else u
        value[i] -= rate * (gradient[i] + mu * velocity[i])


@jit
def adam(
    w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, beta1: float, beta2: float, rate: float, epsilon: float, kept: float
) -> None:
    """m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  w ← kept · w − rate · m / (√v + epsilon), with negligible g, m and v as 0.

    The caller folds the bias corrections into `rate` and `epsilon`, see `nnlite.optimizers.Adam`.
    """
    real = w.dtype.type
    b1, b2, c1, c2 = real(beta1), real(beta2), real(1 - beta1), real(1 - beta2)
    r, eps, keep = real(rate), real(epsilon), real(kept)
    least_g, least_m, least_v = real(NEGLIGIBLE_GRADIENT), real(NEGLIGIBLE_MEAN), real(NEGLIGIBLE_MEAN_SQUARE)
    for i in range(w.size):
        gradient = real(0) if abs(g[i]) < least_g else g[i]
        first, second = b1 * m[i] + c1 * gradient, b2 * v[i] + c2 * gradient * gradient
        m[i] = real(0) if abs(first) < least_m else first
        v[i] = real(0) if second < least_v else second
        w[i] = keep * w[i] - r * m[i] / (np.sqrt(v[i]) + eps)


@jit
def amsgrad(
    value: FloatArray,
    gradient: FloatArray,
    m: FloatArray,
    v: FloatArray,
    largest: FloatArray,
    beta1: float,
    beta2: float,
    rate: float,
    epsilon: float,
    kept: float,
) -> None:
    """m and v as in `adam`;  largest ← max(largest, v);  w ← kept · w − rate · m / (√largest + epsilon)."""
    adam(value, gradient, m, v, beta1, beta2, 0.0, epsilon, kept)  # m and v, and w as kept: the step is its own
    r, eps = value.dtype.type(rate), value.dtype.type(epsilon)
    for i in range(value.size):
        largest[i] = max(v[i], largest[i])  # in this order NaN of v stays
        value[i] -= r * m[i] / (np.sqrt(largest[i]) + eps)
