"""The neuron that solves least squares while it goes: against the solution itself, and at the limits of its integers."""

import numpy as np
from compiler import compiled

from nnlite.codec.lossless.least_squares import DAMPING, LARGEST, WEIGHT, follow, fresh_neuron, predict
from nnlite.jit import jit


@jit
def follow_all(neuron, neighbours, values, predictions):
    n = neighbours.shape[1]
    x = np.zeros(n + 1, np.int32)
    for k in range(len(values)):
        x[:n] = neighbours[k]
        predictions[k] = predict(neuron.weights[0, 0], x, n)
        follow(neuron, 0, 0, x, n, values[k])


def stationary(count, seed=0):
    """Neighbours that depend on each other, and values that three of them tell, but for noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 20, (count, 5)) @ rng.normal(0, 0.5, (5, 5))
    values = x @ [0.7, -0.3, 0, 0.5, 0] + rng.normal(0, 2, count)
    return np.clip(np.rint(x), -255, 255).astype(np.int32), np.clip(np.rint(values), -255, 255).astype(np.int64)


def test_the_weights_become_those_of_least_squares():
    x, values = stationary(5000)
    neuron = fresh_neuron(1, 1, 5, 10)
    predictions = np.zeros(len(values), np.int64)
    follow_all(neuron, x, values, predictions)
    ages = np.arange(len(values))[::-1]
    share = (1 - 2.0**-10) ** ages
    exact = np.linalg.solve((x * share[:, None]).T @ x + np.eye(5) * DAMPING / 16, (x * share[:, None]).T @ values)
    np.testing.assert_allclose(neuron.weights[0, 0] / WEIGHT, exact, atol=0.02)
    assert np.abs(predictions[1000:] / 8 - values[1000:]).mean() < 1.05 * np.abs(x[1000:] @ exact - values[1000:]).mean()


def test_a_short_memory_follows_a_change_faster_than_a_long_one():
    x, values = stationary(2000)
    values[1000:] = -values[1000:]
    errors = []
    for memory in (7, 10):
        predictions = np.zeros(len(values), np.int64)
        follow_all(fresh_neuron(1, 1, 5, memory), x, values, predictions)
        errors.append(np.abs(predictions / 8 - values)[1000:1200].mean())
    assert errors[0] < 0.8 * errors[1]


@compiled
def test_no_number_overflows_whatever_comes():
    rng = np.random.default_rng(1)
    for x in (np.full((6000, 38), 255), np.full((6000, 38), -255), rng.choice([-255, 255], (6000, 38))):
        neuron = fresh_neuron(1, 1, 38, 10)
        values = rng.choice([-255, 255], 6000)
        follow_all(neuron, x.astype(np.int32), values, np.zeros(6000, np.int64))
        assert (np.diagonal(neuron.covariance[0, 0]) >= 0).all()
        assert neuron.covariance.max() <= 16 * 255**2 * 2**10
        assert np.abs(neuron.weights).max() <= LARGEST
