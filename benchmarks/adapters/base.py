"""The protocol of every framework: the same start weights, epochs in the same orders, and predictions."""

import os
import time

from benchmarks.job import Job
from programs import machine


def threads() -> int:
    """Return the number of threads, from the environment of every worker."""
    return int(os.environ[machine.THREADS_VARIABLE])


class Adapter:
    """One framework with the job's model in it.

    Parameters
    ----------
    job : Job
        The layers, the batch size, the number of images.
    weights : list of arrays
        Start weights W (inputs, outputs), b (outputs,), W, b, ..., float32; copied.
    images : array, shape (M, 784)
        The training images, uint8; input and target of the training.
    """

    def __init__(self, job: Job, weights, images):
        self.job = job
        self.images = images

    def train(self, order):
        """Train on the images with these indices, in this order and in batches; return when the last step is done."""
        raise NotImplementedError

    def train_epoch(self, rng):
        """Train on all images, in an order drawn from the generator."""
        self.train(rng.permutation(self.job.images))

    def first_epoch(self, rng):
        """Train on all images like `train_epoch`; return the seconds of the first step, with all compilation."""
        order = rng.permutation(self.job.images)
        start = time.perf_counter()
        self.train(order[: self.job.batch_size])
        seconds = time.perf_counter() - start
        if self.job.images > self.job.batch_size:
            self.train(order[self.job.batch_size :])
        return seconds

    def predict(self, images):
        """Return the model's output (N, 784), a float32 NumPy array, for uint8 images (N, 784)."""
        raise NotImplementedError
