"""The same for every framework: the images, the start weights, and the error of its predictions.

This module reads the images without `nnlite.datasets`, because a process for another framework must not import nnlite: numba would
count as memory and time of that framework.
"""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from benchmarks.job import PIXELS, TEST_IMAGES, Job

CHUNK = 1000  # images


def load_images(job):
    """Return the training images (M, 784) and the test images (10,000, 784), uint8."""
    folder = Path(importlib.util.find_spec("nnlite").origin).parent / "datasets" / "data"  # find it without an import
    return (_read(folder / "train-images-idx3-ubyte.gz", job.images), _read(folder / "t10k-images-idx3-ubyte.gz", TEST_IMAGES))


def _read(path, count):
    images = np.empty((count, PIXELS), np.uint8)
    with gzip.open(path) as file:
        file.read(16)  # the header
        for start in range(0, count, CHUNK):  # in pieces, so that the file is in memory only once
            file.readinto(images[start : start + CHUNK])
    return images


def start_weights(job: Job):
    """Return [W, b, W, b, ...], float32: W (inputs, outputs) uniform after Glorot and Bengio, b zero."""
    rng = np.random.default_rng(job.weight_seed)
    weights = []
    for inputs, outputs, _ in job.layers:
        limit = np.sqrt(6 / (inputs + outputs))
        weights += [rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32), np.zeros(outputs, np.float32)]
    return weights


def mean_squared_error(prediction, images):
    """Return the mean squared error of a prediction (N, 784) of uint8 images; add up in float64, piece by piece."""
    total = 0.0
    for start in range(0, len(images), CHUNK):
        difference = prediction[start : start + CHUNK] - images[start : start + CHUNK] / 255
        total += np.sum(difference * difference, dtype=np.float64)
    return float(total / images.size)
