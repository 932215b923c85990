"""NumPy's BLAS: the matrix products of the training and nothing else. No training that takes its products from it can be faster."""

import numpy as np

from benchmarks.adapters.base import Adapter


class BlasAdapter(Adapter):
    """Products on arrays of the right shapes; no images, no activations, no loss, no optimizer."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        rng = np.random.default_rng(0)
        self.weights = weights[::2]  # W (inputs, outputs)
        self.gradients = [np.empty_like(weight) for weight in self.weights]
        widths = [job.layers[0].inputs, *(layer.outputs for layer in job.layers)]
        self.x, self.dx = ([rng.random((job.batch_size, width), np.float32) for width in widths] for _ in range(2))

    def train(self, order):
        """Take the products of a training on as many images."""
        for start in range(0, len(order), self.job.batch_size):
            n = min(self.job.batch_size, len(order) - start)
            for weight, x, y in zip(self.weights, self.x[:-1], self.x[1:], strict=True):
                np.dot(x[:n], weight, out=y[:n])  # forward
            for position in reversed(range(len(self.weights))):
                dy = self.dx[position + 1][:n]
                np.dot(self.x[position][:n].T, dy, out=self.gradients[position])
                if position > 0:  # nothing needs the gradient of the images
                    np.dot(dy, self.weights[position].T, out=self.dx[position][:n])

    def predict(self, images):
        """Predict nothing."""
        return None
