"""Dropout: units that are left out by chance.

In training each number is left out with the probability `rate`, so that no unit can rely on another.

Fill the gap: the mask that x is multiplied with. It is 0 with the probability `rate`. What must it be otherwise, so that the mean
of y over all masks is x? (The mean of a number that is s with the probability 1 − rate, and else 0, is s (1 − rate).)

Read first: nnlite/layers/noise.py, the docstring of Dropout.
"""

import numpy as np

from nnlite.layers import Layer


class Dropout(Layer):
    """y = x · mask in training, y = x otherwise."""

    def __init__(self, rate, *, rng):
        super().__init__()
        self.rate, self.rng = rate, rng

    def forward(self, x, training=False):
        """Return y, of the shape of x."""
        if not training:
            return x
        kept = self.rng.random(x.shape) >= self.rate  # True with the probability 1 − rate
        mask = np.zeros_like(x)
        raise NotImplementedError  # gap
        self._keep(x, mask)
        return x * mask

    def backward(self, dy, need_dx=True):
        """dx = dy · mask."""
        (mask,) = self._take(dy)
        return dy * mask
