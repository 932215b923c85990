"""Plain NumPy: the reference that the tests of nnlite compare with, the formulas as a textbook has them, no numba."""

import numpy as np

from benchmarks.adapters.base import Adapter
from tests import reference


class NumpyAdapter(Adapter):
    """One hidden layer only, as in the reference."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        if len(job.hidden) != 1 or job.code is not None:
            raise ValueError("plain NumPy has the model with one hidden layer only")
        self.model = reference.NumpyAutoencoder(weights)

    def train(self, order):
        """Go through the images once."""
        self.model.train_epoch(self.images, order, self.job.batch_size)

    def predict(self, images):
        """Predict all images at once."""
        return self.model.predict(images * np.float32(1 / 255))
