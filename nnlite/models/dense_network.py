"""Stacks of layers that several models are made of."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, expect
from nnlite.initializers import Initializer, he_normal
from nnlite.layers import Dense, Layer, SiLU


def dense_network(
    widths: Sequence[int], rng: np.random.Generator, activation: Callable[[], Layer] = SiLU, initializer: Initializer | None = None
) -> list[Layer]:
    """Return Dense layers of these widths with an activation between each two of them: a half of a deep autoencoder.

    Parameters
    ----------
    widths : sequence of int
        From the inputs of the first Dense to the units of the last: at least two.
    rng : np.random.Generator
        Draws the start weights, float32.
    activation : callable, default SiLU
        Makes the layer between two Dense.
    initializer : callable, optional
        Of all start weights. By default they are He's, and those of the last layer are scaled by 0.3, so that first outputs are
        near the middle and first gradients small.

    Raises
    ------
    ValueError
        There are fewer than two widths, or one below 1.
    """
    expect(isinstance(widths, Sequence) and len(widths) >= 2, f"dense_network expects at least two widths, received {widths!r}")
    layers: list[Layer] = []
    for position, (width, next_width) in enumerate(pairwise(widths), 2):
        start = initializer or (he_normal if position < len(widths) else _small)
        layers += [activation(), Dense(width, next_width, rng=rng, initializer=start)]
    return layers[1:]


def _small(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return 0.3 * he_normal(shape, rng, dtype)
