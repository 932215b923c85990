"""The plain-NumPy twin of nnlite: every formula as a textbook has it, without numba and without fusing one with another.

The tests compare the library with it. A whole training in plain NumPy is demos/minimal.py.

Shapes: N images a batch, D features, H units, C classes.
"""

import numpy as np

# Activations: y = f(x), and dx from y and dy


def relu(x):
    return np.maximum(x, 0)


def relu_backward(y, dy):
    return np.where(y > 0, dy, 0)


def leaky_relu(x, slope):
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(y, slope, dy):
    return np.where(y > 0, dy, slope * dy)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(y, dy):
    return dy * y * (1 - y)


def silu(x):
    return x * sigmoid(x)


def silu_backward(x, dy):
    """By the product rule, (x s)' = s + x s (1 − s)."""
    s = sigmoid(x)
    return dy * (s + x * s * (1 - s))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def elu_backward(x, alpha, dy):
    return np.where(x > 0, dy, dy * alpha * np.exp(x))


def softplus(x):
    return np.log(1 + np.exp(x))


def softplus_backward(x, dy):
    return dy * sigmoid(x)


def gelu(x):
    return x * (1 + tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def gelu_backward(x, dy):
    """By the product rule, with tanh' = 1 − tanh²."""
    t = tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return dy * ((1 + t) / 2 + x / 2 * (1 - t**2) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2))


def tanh(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def tanh_backward(y, dy):
    return dy * (1 - y**2)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def softmax_backward(y, dy):
    """Each row's dx is its dy times the Jacobian ∂y_k/∂x_c = y_k (δ_kc − y_c)."""
    jacobians = [np.diag(row) - np.outer(row, row) for row in y]  # N of (C, C)
    return np.array([gradient @ jacobian for gradient, jacobian in zip(dy, jacobians, strict=True)]).reshape(y.shape)


# Layers


def dense(x, weight, bias):
    return x @ weight + bias  # (N, H)


def dense_backward(x, weight, dy):
    """Return dx, dW and db."""
    return dy @ weight.T, x.T @ dy, dy.sum(axis=0)


# Losses: the value, and the gradient with respect to the prediction


def mean_squared_error(prediction, target):
    count = max(prediction.size, 1)
    return ((prediction - target) ** 2).sum() / count, 2 * (prediction - target) / count


def mean_absolute_error(prediction, target):
    count = prediction.size
    return np.abs(prediction - target).sum() / count, np.sign(prediction - target) / count


def huber(prediction, target, delta=1.0):
    r, count = prediction - target, prediction.size
    values = np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))
    return values.sum() / count, np.where(np.abs(r) <= delta, r, delta * np.sign(r)) / count


def binary_cross_entropy(p, target):
    count = max(p.size, 1)
    value = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum() / count
    return value, (p - target) / (p * (1 - p)) / count


def binary_cross_entropy_with_logits(z, target):
    value, _ = binary_cross_entropy(sigmoid(z), target)
    return value, (sigmoid(z) - target) / max(z.size, 1)


def softmax_cross_entropy_with_logits(z, target):
    value = -(target * np.log(softmax(z))).sum() / len(z)
    return value, (softmax(z) * target.sum(axis=1, keepdims=True) - target) / len(z)


# Optimizers: the new parameter, and what is remembered of it


def sgd(w, g, learning_rate):
    return w - learning_rate * g


def sgd_momentum(w, g, u, learning_rate, momentum):
    u = momentum * u + g
    return w - learning_rate * u, u


def sgd_nesterov(w, g, u, learning_rate, momentum):
    u = momentum * u + g
    return w - learning_rate * (g + momentum * u), u


def adam(w, g, m, v, t, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Algorithm 1 of Kingma and Ba (2015), with t = 1 at the first step."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def adamw(w, g, m, v, t, learning_rate, weight_decay, **settings):
    """Algorithm 2 of Loshchilov and Hutter (2019), without its schedule: the decay does not pass through m and v."""
    stepped, m, v = adam(w, g, m, v, t, learning_rate, **settings)
    return stepped - learning_rate * weight_decay * w, m, v


def amsgrad(w, g, m, v, largest, t, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    largest = np.maximum(largest, v)
    return w - learning_rate * m / (1 - beta1**t) / (np.sqrt(largest / (1 - beta2**t)) + epsilon), m, v, largest


def rmsprop(w, g, v, learning_rate, decay, epsilon):
    v = decay * v + (1 - decay) * g**2
    return w - learning_rate * g / (np.sqrt(v) + epsilon), v


def clip(gradients, largest_norm):
    """All gradients shorter by one factor, if together they are longer than `largest_norm`."""
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1, largest_norm / norm) for g in gradients]


# Augmentation


def shift_images(images, down, right):
    """Move each image (N, height, width) by its own number of rows and columns; what comes in is zero."""
    count, height, width = images.shape
    reach = int(np.abs([down, right]).max(initial=0))
    room = np.zeros((count, height + 2 * reach, width + 2 * reach), images.dtype)
    for n in range(count):
        top, left = reach + down[n], reach + right[n]
        room[n, top : top + height, left : left + width] = images[n]
    return room[:, reach : reach + height, reach : reach + width]


# Kernels. A twin takes a kernel's arguments, and returns what the kernel should write, by the number of the argument it is written
# into, and what it should return, under "return".


def _adam_kernel(value, gradient, m, v, beta1, beta2, rate, epsilon, kept):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2
    return {0: kept * value - rate * m / (np.sqrt(v) + epsilon), 2: m, 3: v}


def _amsgrad_kernel(value, gradient, m, v, largest, beta1, beta2, rate, epsilon, kept):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient**2
    largest = np.where(largest > v, largest, v)
    return {0: kept * value - rate * m / (np.sqrt(largest) + epsilon), 2: m, 3: v, 4: largest}


def _loss_kernel(loss, prediction, target, position):
    value, gradient = loss(prediction, target)
    return {position: gradient, "return": value}


KERNEL_TWINS = {
    "gather_images": lambda images, indices, batch: {2: images[indices] / 255},
    "shift_images": lambda images, down, right, shifted: {3: shift_images(images, down, right)},
    "add_bias": lambda z, bias: {0: z + bias},
    "add_rows": lambda dy, sums: {1: sums + dy.sum(axis=0)},
    "relu": lambda x, y: {1: relu(x)},
    "relu_backward": lambda y, dy, dx: {2: relu_backward(y, dy)},
    "leaky_relu": lambda x, slope, y: {2: leaky_relu(x, slope)},
    "leaky_relu_backward": lambda y, slope, dy, dx: {3: leaky_relu_backward(y, slope, dy)},
    "half_of_one_plus": lambda y: {0: (1 + y) / 2},
    "sigmoid_backward": lambda y, dy, dx: {2: sigmoid_backward(y, dy)},
    "silu": lambda x, s, y: {1: (1 + s) / 2, 2: x * (1 + s) / 2},
    "silu_backward": lambda s, y, dy, dx: {3: dy * (s + y * (1 - s))},
    "tanh_backward": lambda y, dy, dx: {2: tanh_backward(y, dy)},
    "softmax_backward": lambda y, dy, dx: {2: softmax_backward(y, dy)},
    "mean_squared_error": lambda p, t, gradient: _loss_kernel(mean_squared_error, p, t, 2),
    "binary_cross_entropy": lambda p, log_p, log_q, t, gradient: _loss_kernel(binary_cross_entropy, p, t, 4),
    "binary_cross_entropy_with_logits": lambda z, e, log, t, gradient: _loss_kernel(binary_cross_entropy_with_logits, z, t, 4),
    "sgd": lambda w, g, rate: {0: sgd(w, g, rate)},
    "sgd_momentum": lambda w, g, u, rate, mu: dict(zip((0, 2), sgd_momentum(w, g, u, rate, mu), strict=True)),
    "sgd_nesterov": lambda w, g, u, rate, mu: dict(zip((0, 2), sgd_nesterov(w, g, u, rate, mu), strict=True)),
    "adam": _adam_kernel,
    "amsgrad": _amsgrad_kernel,
}


def kernel_arguments(name, shape, dtype, rng):
    """Return arguments to call a kernel with, arrays of `shape` (N, D) or of N · D elements; outputs are full of sevens."""
    rows, columns = shape

    def normal(*size):
        return rng.standard_normal(size).astype(dtype)

    def uniform(*size):
        return rng.uniform(0.05, 0.95, size).astype(dtype)

    x, y, z = normal(rows * columns), normal(rows * columns), normal(rows * columns)
    out, matrix_out = np.full(rows * columns, 7, dtype), np.full(shape, 7, dtype)
    p, t, logits = uniform(*shape), uniform(*shape), 3 * normal(*shape)
    e = np.exp(-np.abs(logits))
    images = rng.integers(0, 256, (10, columns), dtype=np.uint8)
    return {
        "gather_images": (images, rng.integers(0, 10, rows), matrix_out),
        "shift_images": (normal(rows, 4, columns), *rng.integers(-3, 4, (2, rows)), np.full((rows, 4, columns), 7, dtype)),
        "add_bias": (normal(*shape), normal(columns)),
        "add_rows": (normal(*shape), normal(columns)),
        "relu": (x, out),
        "relu_backward": (relu(x), y, out),
        "leaky_relu": (x, 0.1, out),
        "leaky_relu_backward": (x, 0.1, y, out),
        "half_of_one_plus": (np.tanh(x),),
        "sigmoid_backward": (uniform(rows * columns), y, out),
        "silu": (x, np.tanh(x / 2), out),
        "silu_backward": (uniform(rows * columns), y, z, out),
        "tanh_backward": (np.tanh(x), y, out),
        "softmax_backward": (p / p.sum(axis=1, keepdims=True), normal(*shape), matrix_out),
        "mean_squared_error": (p, t, matrix_out),
        "binary_cross_entropy": (p, np.log(p), np.log(1 - p), t, matrix_out),
        "binary_cross_entropy_with_logits": (logits, e, np.log1p(e), t, matrix_out),
        "sgd": (x, y, 0.1),
        "sgd_momentum": (x, y, z, 0.1, 0.9),
        "sgd_nesterov": (x, y, z, 0.1, 0.9),
        "adam": (x, y, z, z * z, 0.9, 0.999, 0.01, 1e-3, 0.9),
        "amsgrad": (x, y, z, z * z, normal(rows * columns) ** 2, 0.9, 0.999, 0.01, 1e-3, 0.9),
    }[name]
