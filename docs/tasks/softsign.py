"""Softsign: an S-shaped curve, y = x / (1 + |x|).

It is like tanh, but reaches its ends −1 and 1 more slowly.

Fill the two gaps. An `Activation` finds its derivative in its output y alone. Show on paper that 1 − |y| = 1 / (1 + |x|), and
that f'(x) = 1 / (1 + |x|)² for x > 0 and for x < 0; so f'(x) is an expression in y. Both methods write into their last array:
`y[...] = something`, `dx[...] = something`.

Read first: nnlite/layers/activations.py, the classes Activation and Tanh.
"""

import numpy as np

from nnlite.layers import Activation


class Softsign(Activation):
    """y = x / (1 + |x|)."""

    def fill_y(self, x, y):
        """y ← f(x)."""
        raise NotImplementedError  # gap

    def fill_dx(self, y, dy, dx):
        """dx ← dy · f'(x) for y = f(x)."""
        raise NotImplementedError  # gap
