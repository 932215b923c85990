"""Stacks of layers that several models are made of."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray
from nnlite.initializers import he_normal
from nnlite.layers.dense import Dense
from nnlite.layers.layer import Layer
from nnlite.layers.rectifiers import SiLU


def dense_network(widths: Sequence[int], rng: np.random.Generator) -> list[Layer]:
    """Return Dense layers of these widths with a SiLU between each two of them: a half of a deep autoencoder.

    He's initialisation keeps the size of signals; the last layer starts with small weights, since codes and images that begin near
    their middle make the first steps calm.

    Parameters
    ----------
    widths : sequence of int
        From the inputs of the first Dense to the units of the last: at least two.
    rng : np.random.Generator
        Draws the start weights, float32.

    Raises
    ------
    ValueError
        There are fewer than two widths, or one below 1.
    """
    if len(widths) < 2:
        raise ValueError(f"dense_network expects at least two widths, received {list(widths)}")
    layers: list[Layer] = []
    for position, (width, next_width) in enumerate(pairwise(widths), 2):
        initializer = he_normal if position < len(widths) else _small
        layers += [SiLU(), Dense(width, next_width, rng=rng, initializer=initializer)]
    return layers[1:]


def _small(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return 0.3 * he_normal(shape, rng, dtype)
