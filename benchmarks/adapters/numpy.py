"""Plain NumPy: the one page of demos/minimal.py, no numba."""

import numpy as np

from benchmarks.adapters.base import Adapter
from demos import minimal


class NumpyAdapter(Adapter):
    """One hidden layer only, as on the page."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        if len(job.hidden) != 1 or job.code is not None:
            raise ValueError("plain NumPy has the model with one hidden layer only")
        rng = np.random.default_rng(0)  # its weights are replaced below
        first, last = (minimal.Dense(inputs, outputs, rng) for inputs, outputs, _ in job.layers)
        first.W[...], first.b[...], last.W[...], last.b[...] = weights
        self.layers = [first, minimal.ReLU(), last, minimal.Sigmoid()]
        self.adam = minimal.Adam(self.layers)

    def train(self, order):
        """Go through the images once."""
        minimal.train_epoch(self.layers, self.adam, self.images, order, self.job.batch_size)

    def predict(self, images):
        """Predict all images at once."""
        return minimal.predict(self.layers, images / np.float32(255))
