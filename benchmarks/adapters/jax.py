"""JAX: a compiled step, called batch by batch, and a whole epoch compiled as one `lax.scan`.

Adam is written out, because it is short. The images stay in memory as uint8; the compiled step gathers and converts them. We
measured: this is not slower than floats, and takes a quarter of the memory. XLA starts a thread for each processor that its process
sees.
"""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.adapters.base import Adapter
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "linear": lambda x: x}


def forward(activations, parameters, x):
    """Return the model's output for a batch x (N, 784)."""
    for activation, (weight, bias) in zip(activations, parameters, strict=True):
        x = ACTIVATIONS[activation](x @ weight + bias)
    return x


def update(activations, state, images):
    """Return the state after one step of Adam on a batch of uint8 images (N, 784)."""

    def loss(parameters):
        return jnp.mean((forward(activations, parameters, x) - x) ** 2)

    x = images.astype(jnp.float32) / 255
    parameters, m, v, t = state
    t = t + 1
    gradient = jax.grad(loss)(parameters)
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
    c1, c2 = 1 - BETA1**t, 1 - BETA2**t
    parameters = jax.tree.map(lambda p, m, v: p - LEARNING_RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON), parameters, m, v)
    return parameters, m, v, t


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def step(activations, state, images, indices):
    """One step on images[indices]."""
    return update(activations, state, images[indices])


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def epoch(activations, state, images, batches, rest):
    """One step for each row of `batches` (steps, N), and one for the rest, if any."""
    state, _ = jax.lax.scan(lambda state, indices: (update(activations, state, images[indices]), None), state, batches)
    return update(activations, state, images[rest]) if rest.size else state


@functools.partial(jax.jit, static_argnums=0)
def reconstruct(activations, parameters, images):
    """Return the output for uint8 images."""
    return forward(activations, parameters, images.astype(jnp.float32) / 255)


class StepAdapter(Adapter):
    """Python calls the compiled step for each batch."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        self.activations = tuple(layer.activation for layer in job.layers)
        parameters = [(jnp.array(weight), jnp.array(bias)) for weight, bias in zip(weights[::2], weights[1::2], strict=True)]
        m, v = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
        self.state = parameters, m, v, jnp.float32(0)
        self.images = jnp.array(images)

    def train(self, order):
        """Step after step. Calls return early, so the last line waits for the last step."""
        order = order.astype(np.int32)
        for start in range(0, len(order), self.job.batch_size):
            self.state = step(self.activations, self.state, self.images, order[start : start + self.job.batch_size])
        jax.block_until_ready(self.state)

    def predict(self, images):
        """Predict all images at once."""
        return np.asarray(reconstruct(self.activations, self.state[0], images))


class EpochAdapter(StepAdapter):
    """Python calls once an epoch, so there is no first step alone."""

    def train(self, order):
        """One call."""
        order = order.astype(np.int32)
        whole = len(order) - len(order) % self.job.batch_size
        batches = order[:whole].reshape(-1, self.job.batch_size)
        self.state = jax.block_until_ready(epoch(self.activations, self.state, self.images, batches, order[whole:]))

    def first_epoch(self, rng):
        """Return the seconds of the whole first epoch."""
        start = time.perf_counter()
        self.train_epoch(rng)
        return time.perf_counter() - start
