"""Keras on TensorFlow, through `fit`.

A `tf.data` pipeline brings the common order of the images into `fit`. It gathers whole batches by their indices from uint8 images
in memory, and works ahead of the training. We measured: this is faster than `fit` on arrays, shuffled by Keras or sorted before.
`fit` on arrays, as in the tutorials, has a row of its own.
"""

import sys

sys.modules.update(jax=None, sklearn=None)  # Keras and TensorFlow would import them, but use neither here

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.adapters.base import Adapter, threads  # noqa: E402
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE, PIXELS  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(threads())
tf.config.threading.set_inter_op_parallelism_threads(threads())


class KerasAdapter(Adapter):
    """`fit` on a pipeline."""

    steps_per_execution = 1

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        keras.utils.set_random_seed(job.order_seed)
        layers = [keras.layers.Dense(outputs, activation=activation) for _, outputs, activation in job.layers]
        self.model = keras.Sequential([keras.Input((PIXELS,)), *layers])
        self.model.set_weights(weights)
        optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA1, BETA2, EPSILON)
        self.model.compile(optimizer, loss="mse", steps_per_execution=self.steps_per_execution)
        self.keep(images)

    def keep(self, images):
        """Keep the images as bytes."""
        self.bytes = tf.constant(images)

    def train(self, order):
        """Fit once through."""

        def gather(indices):
            x = tf.cast(tf.gather(self.bytes, indices), tf.float32) / 255
            return x, x

        batches = tf.data.Dataset.from_tensor_slices(order).batch(self.job.batch_size)
        self.model.fit(batches.map(gather, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE), verbose=0)

    def predict(self, images):
        """Predict all images at once: faster than `predict`, which goes through batches."""
        return self.model.predict_on_batch(images.astype(np.float32) / 255)


class TunedAdapter(KerasAdapter):
    """The same, with 16 steps a call."""

    steps_per_execution = 16


class ArraysAdapter(KerasAdapter):
    """`fit` on arrays, with its own shuffling."""

    def keep(self, images):
        """Keep the images as floats."""
        self.floats = images.astype(np.float32)
        self.floats /= 255

    def train(self, order):
        """Fit once through, in an order of Keras's own."""
        x = self.floats if len(order) == self.job.images else self.floats[order]
        self.model.fit(x, x, batch_size=self.job.batch_size, verbose=0)
