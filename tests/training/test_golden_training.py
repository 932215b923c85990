"""Ten losses of one small training, written down: whoever changes the mathematics changes them."""

import numpy as np
import pytest

from nnlite import Dense, Sequential, Sigmoid, Tanh
from nnlite.optimizers import Adam

LOSSES = [
    0.110165189680336, 0.098685805397216, 0.090498779908253, 0.084297000834626, 0.079504576302220,
    0.075784404306718, 0.072800383027802, 0.070246037353878, 0.067941109432576, 0.065798842385646,
]  # fmt: skip


def formula(rows, columns, phase):
    """Numbers in [0, 1] that look random and are the same everywhere."""
    i, j = np.mgrid[:rows, :columns]
    return 0.5 + 0.5 * np.sin(2.5 * i + 1.7 * i * j + phase)


def start_weights():
    """W1 (5, 3), b1 (3,), W2 (3, 5), b2 (5,)."""
    return [formula(5, 3, 1) - 0.5, np.zeros(3), formula(3, 5, 2) - 0.5, np.zeros(5)]


def test_the_losses_of_ten_steps_are_those_written_down():
    x = formula(7, 5, 0)  # (7, 5)
    rng = np.random.default_rng(0)
    model = Sequential([Dense(5, 3, rng=rng, dtype=np.float64), Tanh(), Dense(3, 5, rng=rng, dtype=np.float64), Sigmoid()])
    model.set_weights(start_weights())
    model.compile(Adam(0.05), "mse")
    history = model.fit(x, epochs=10, batch_size=7, shuffle=False, verbose=False)
    assert history.history["loss"] == pytest.approx(LOSSES, rel=1e-10)


def test_the_losses_written_down_are_those_of_the_textbook_loop():
    x = formula(7, 5, 0)
    weights = start_weights()
    m, v = [0 * w for w in weights], [0 * w for w in weights]
    losses = []
    for t in range(1, 11):
        w1, b1, w2, b2 = weights
        h = np.tanh(x @ w1 + b1)  # (7, 3)
        y = 1 / (1 + np.exp(-(h @ w2 + b2)))  # (7, 5)
        losses.append(np.mean((y - x) ** 2))
        dz2 = 2 * (y - x) / x.size * y * (1 - y)
        dz1 = dz2 @ w2.T * (1 - h**2)
        gradients = [x.T @ dz1, dz1.sum(axis=0), h.T @ dz2, dz2.sum(axis=0)]
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients, strict=True)]
        v = [0.999 * a + 0.001 * g**2 for a, g in zip(v, gradients, strict=True)]
        weights = [
            w - 0.05 * (a / (1 - 0.9**t)) / (np.sqrt(b / (1 - 0.999**t)) + 1e-8)
            for w, a, b in zip(weights, m, v, strict=True)
        ]  # fmt: skip
    assert losses == pytest.approx(LOSSES, rel=1e-10)
