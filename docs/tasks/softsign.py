"""Softsign: an S-shaped curve, y = x / (1 + |x|).

It is like tanh, but reaches its ends −1 and 1 more slowly.

Fill the two gaps. An `Activation` finds its derivative in its output y alone. Show on paper that 1 − |y| = 1 / (1 + |x|), and
that f'(x) = 1 / (1 + |x|)² for x > 0 and for x < 0; so f'(x) is an expression in y. Both methods change their arrays in place:
`z[...] = something`, or `dy *= something`.

Read first: nnlite/layers/activations.py, the classes Activation and Tanh.
"""

import numpy as np

from nnlite import kernels
from nnlite.layers import Activation


class Softsign(Activation):
    """y = x / (1 + |x|)."""

    def apply(self, z, bias):
        """z ← f(z + bias); z (N, H), bias (H,)."""
        kernels.add_bias(z, bias)  # now z is x
        raise NotImplementedError  # gap

    def differentiate(self, y, dy, sums):
        """dy ← dy · f'(x) for y = f(x), all (N, H); sums ← Σ_n of it, (H,)."""
        raise NotImplementedError  # gap
        kernels.sum_rows(dy, sums)
