"""A model that reproduces its input through a narrow code: the first half writes the code, the second half reads it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.activations import SiLU
from nnlite.initializers import FloatArray, he_normal
from nnlite.layers import Dense, Layer
from nnlite.model import Sequential
from nnlite.parameters import Shape


class Autoencoder(Sequential):
    """A Sequential of an encoder and a decoder; ``fit(x)`` trains both to give x back.

    Parameters
    ----------
    encoder, decoder : iterable of Layer
        From an image to its code of K numbers, and back to an image in the input's shape.
    input_shape : tuple of int, optional
        As for `Sequential`.

    Attributes
    ----------
    encoder, decoder : Sequential
        The two halves; their layers are those of the whole, so training the whole trains them.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Autoencoder, Dense, Flatten, Reshape, Sigmoid
    >>> rng = np.random.default_rng(0)
    >>> encoder = [Flatten(), Dense(64, 4, rng=rng)]
    >>> decoder = [Dense(4, 64, rng=rng), Sigmoid(), Reshape((8, 8))]
    >>> model = Autoencoder(encoder, decoder, input_shape=(8, 8))
    >>> images = rng.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    >>> codes = model.encode(images)
    >>> codes.shape, model.decode(codes).shape
    ((5, 4), (5, 8, 8))
    """

    def __init__(self, encoder: Iterable[Layer], decoder: Iterable[Layer], input_shape: Shape | None = None):
        encoder = list(encoder)
        super().__init__([*encoder, *decoder], input_shape)
        if self.input_shape is not None and self.output_shape(self.input_shape) != self.input_shape:
            raise ValueError(
                f"Autoencoder expects a decoder that gives the input's shape {self.input_shape}, received one that gives "
                f"{self.output_shape(self.input_shape)}: end it with a Reshape"
            )
        self.encoder = self[: len(encoder)]
        self.decoder = self[len(encoder) :]

    def encode(self, x: npt.NDArray[Any]) -> FloatArray:
        """Return the codes (M, K) of x (M, ...), uint8 images or floats."""
        return self.encoder.predict(x)

    def decode(self, codes: npt.NDArray[Any]) -> FloatArray:
        """Return the reconstructions (M, ...) of codes (M, K)."""
        return self.decoder.predict(codes)


def dense_network(widths: Sequence[int], rng: np.random.Generator) -> list[Layer]:
    """Return Dense layers of these widths with a SiLU between each two of them: a half of a deep autoencoder.

    He's initialisation keeps the size of signals; the last layer starts with small weights, since codes and images that begin near
    their middle make the first steps calm.
    """
    layers: list[Layer] = []
    for position, (width, next_width) in enumerate(pairwise(widths), 2):
        initializer = he_normal if position < len(widths) else _small
        layers += [SiLU(), Dense(width, next_width, rng=rng, initializer=initializer)]
    return layers[1:]


def _small(shape: tuple[int, int], rng: np.random.Generator, dtype: npt.DTypeLike) -> FloatArray:
    return 0.3 * he_normal(shape, rng, dtype)
