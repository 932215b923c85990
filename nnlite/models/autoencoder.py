"""A model that reproduces its input through a narrow code: the first half writes the code, the second half reads it."""

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape
from nnlite.layers import Layer, Stack
from nnlite.models.sequential import Sequential


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
        first, second = (Stack(half.layers if isinstance(half, Stack) else half).layers for half in (encoder, decoder))
        super().__init__([*first, *second], input_shape)
        shape = self.input_shape
        if shape is not None and self.output_shape(shape) != shape:
            received = f"received one that gives {self.output_shape(shape)}: end it with a Reshape"
            raise ValueError(f"Autoencoder expects a decoder that gives the input's shape {shape}, {received}")
        self.encoder = self[: len(first)]
        self.decoder = self[len(first) :]
        self.decoder._takes_images = False

    def encode(self, x: npt.NDArray[Any]) -> FloatArray:
        """Return the codes (M, K) of x (M, ...), uint8 images or floats."""
        return self.encoder.predict(x)

    def decode(self, codes: npt.NDArray[Any]) -> FloatArray:
        """Return the reconstructions (M, ...) of codes (M, K), floats or uint8: codes are numbers, which are never scaled."""
        return self.decoder.predict(codes)
