"""From latents to images: an image decodes to the same bytes alone and among others.

A BLAS adds up the terms of a product in an order that depends on the number of rows and of threads. So an image alone would differ
from the same image among others, by a grey level here and there. `nnlite.products` always adds in one order.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray
from nnlite.files.errors import CodecError
from nnlite.layers.dense import Dense
from nnlite.models.sequential import Sequential
from nnlite.products import product

Images = npt.NDArray[np.uint8]

BLOCK = 64  # images at a time: loops over 64 rows leave no rest to compute in another way


def decode(decoder: Sequential, latents: FloatArray) -> Images:
    """Decode latents (N, K) into images (N, height, width).

    Raises
    ------
    CodecError
        Pixels are not finite.
    """
    images = np.empty((len(latents), *decoder.output_shape(latents.shape[1:])), np.uint8)
    for first in range(0, len(latents), BLOCK):
        block = latents[first : first + BLOCK]
        y: FloatArray = np.pad(block, ((0, BLOCK - len(block)), (0, 0)))
        for layer in decoder.layers:
            y = product(y, layer.weight.value) + layer.bias.value if isinstance(layer, Dense) else layer.forward(y)
        if not np.isfinite(y[: len(block)]).all():
            raise CodecError("expected finite pixels, received NaN: the codec's numbers make no sense")
        images[first : first + BLOCK] = to_bytes(y[: len(block)])
    return images


def to_bytes(images: FloatArray) -> Images:
    """Round floats in [0, 1] to the nearest of 0 to 255. Cutting off instead would darken by half a step."""
    return np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)


def as_bytes(images: npt.NDArray[Any]) -> Images:
    """Return images as uint8; CodecError if there are none, or they are neither that nor floats in [0, 1]."""
    images = np.asarray(images)
    if images.size == 0:
        raise CodecError(f"expected at least one image, received an empty batch of shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise CodecError(f"expected uint8 images, or floats in [0, 1], received {images.dtype}: scale them to 0 … 255")
    if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
        raise CodecError("expected floats in [0, 1], received NaN or values outside: divide by the value of white")
    return to_bytes(images)
