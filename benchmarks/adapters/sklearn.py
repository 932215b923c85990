"""scikit-learn's MLPRegressor: a different model, because its output has no sigmoid; all other settings agree."""

import numpy as np
from sklearn.neural_network import MLPRegressor

from benchmarks.adapters.base import Adapter
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE


class Regressor(MLPRegressor):
    """An MLPRegressor with given start weights: scikit-learn calls this method for each layer, first to last."""

    def _init_coef(self, fan_in, fan_out, dtype):
        return self.start.pop(0).copy(), self.start.pop(0).copy()


class SklearnAdapter(Adapter):
    """`partial_fit` is one epoch over its arguments, so sort the images into the epoch's order first.

    Its loss is half the squared error added up over the pixels, not their mean. Adam divides by the gradient's size, so this
    constant factor changes nothing but the weight of epsilon.
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
