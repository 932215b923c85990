"""scikit-learn's MLPRegressor: a different model, as its output has no sigmoid; the rest is set as near to it as can be."""

import numpy as np
from sklearn.neural_network import MLPRegressor

from benchmarks.adapters.base import Adapter
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE


class Regressor(MLPRegressor):
    """MLPRegressor that starts from given weights: it asks this method for them, first layer to last."""

    def _init_coef(self, fan_in, fan_out, dtype):
        return self.start.pop(0).copy(), self.start.pop(0).copy()


class SklearnAdapter(Adapter):
    """`partial_fit` is one epoch over what it is given, so the images are brought into the epoch's order first, once.

    Its loss is half the squared error added up over the pixels. Adam divides by the gradient's size, so the constant factor to the
    mean over the pixels changes nothing but the weight of epsilon.
    """

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        if job.code is not None:
            raise ValueError("scikit-learn has one activation for all hidden layers")
        self.floats = images * np.float32(1 / 255)
        self.model = Regressor(
            hidden_layer_sizes=job.hidden,
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=job.batch_size,
            learning_rate_init=LEARNING_RATE,
            beta_1=BETA1,
            beta_2=BETA2,
            epsilon=EPSILON,
            shuffle=False,
        )
        self.model.start = list(weights)

    def train(self, order):
        """Fit once through."""
        x = self.floats[order]
        self.model.partial_fit(x, x)

    def predict(self, images):
        """Predict all images at once."""
        return self.model.predict(images * np.float32(1 / 255))
