"""A real codec of a size that tests can afford: images of 8 × 8 pixels, 6 latents, 3 qualities, trained in a moment."""

import functools

import numpy as np

from nnlite import Autoencoder, Flatten, Reshape, Sigmoid
from nnlite.codec.digits.bottleneck import EntropyBottleneck
from nnlite.codec.digits.class_prior import ClassPrior
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import quantize
from nnlite.models import dense_network
from nnlite.optimizers import Adam

SIDE = 8
LATENTS = 6
BIT_PRICES = 1 / (SIDE * SIDE * np.array([10.0, 60.0, 400.0]))


def blobs(count, seed, side=SIDE):
    """Return images (count, side, side), uint8: a bright spot on black, of any place, size and brightness."""
    rng = np.random.default_rng(seed)
    row, column, width, white = rng.uniform([[1], [1], [0.7], [100]], [[side - 2], [side - 2], [2], [255]], (4, count))
    rows, columns = np.mgrid[:side, :side]
    squares = (rows - row[:, None, None]) ** 2 + (columns - column[:, None, None]) ** 2  # (count, side, side)
    return np.rint(white[:, None, None] * np.exp(-squares / (2 * width[:, None, None] ** 2))).astype(np.uint8)


@functools.cache
def tiny_codec():
    """Return the codec, as training leaves it; the same object each time, so nobody may change it."""
    return trained(np.random.default_rng(1))


def trained(rng):
    """Return a codec whose start weights and training are drawn from `rng`."""
    images = blobs(512, 2)
    shape = images.shape[1:]
    pixels = SIDE * SIDE
    bottleneck = EntropyBottleneck(LATENTS, BIT_PRICES, rng=rng)
    encoder = [Flatten(), *dense_network([pixels, 16, LATENTS], rng)]
    decoder = [*dense_network([LATENTS, 16, pixels], rng), Sigmoid(), Reshape(shape)]
    model = Autoencoder(encoder, [bottleneck, *decoder], input_shape=shape)
    model.compile(Adam(0.01), "mse")
    model.fit(images, epochs=30, batch_size=64, rng=rng, verbose=False)
    latents = model.encode(images)
    symbols = [quantize(latents, gain) for gain in bottleneck.gain]
    return ImageCodec(model.encoder, model.decoder[1:], bottleneck.gain, ClassPrior.fit(latents, symbols, rng))
