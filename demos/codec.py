"""Train the image codec again: latents, their quantiser and their prior, for rate and distortion at several qualities at once.

    image → Dense, SiLU, Dense, SiLU, Dense → latents → quantiser → Dense, SiLU, Dense, SiLU, Dense, sigmoid → image

The loss is the mean squared error plus the price of the bits, see `nnlite.codec.digits.bottleneck`; each quality has its own price.
The demo shifts training images by up to one pixel each way; otherwise the codec would be much better on them than on others. Last,
it finds the classes of images and their tables, see `nnlite.codec.digits.class_prior`.

file written: --out, the codec

examples:
  python -m demos.codec
  python -m demos.codec --out nnlite/codec/digits/mnist.safetensors     made nnlite's own codec
  python -m demos.codec --data /usr/share/datasets/fashion-mnist --epochs 55 --out out/codec/fashion.safetensors
"""

import argparse
from collections.abc import Sequence

import numpy as np

from demos.shared import command
from nnlite import Autoencoder, Flatten, LearningRateSchedule, RandomShift, Reshape, Sigmoid, cosine
from nnlite.codec.digits.bottleneck import EntropyBottleneck
from nnlite.codec.digits.class_prior import CLASSES, ClassPrior
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import quantize
from nnlite.metrics import mse, psnr
from nnlite.models import dense_network
from nnlite.optimizers import Adam

# λ of each quality: a bit costs as much as 1 / λ of squared error summed over an image
TRADEOFFS = np.array([3.0, 7.0, 14.0, 25.0, 45.0, 75.0, 120.0, 200.0, 500.0, 2000.0, 10000.0, 60000.0])

# The codec's qualities among the trained ones: their gains lie between those of their neighbours
POSITIONS = np.array([0.0, 0.6, 1.2, 1.8, 2.35, 3.0, 3.6, 4.2, 4.7, 5.2, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write the codec, and print its rates and distortions; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options, needed=CLASSES)
    with command.training(parser, options) as times:
        codec = train(data.train_images, options, say)
    codec.save(options.out)
    say(f"trained in {times['seconds_training']:.0f} s; {options.out} has {options.out.stat().st_size:,} bytes")
    say(f"{'quality':>7}{'bytes/image':>13}{'PSNR':>10}   (test images, container included)")
    latents = codec.encoder.predict(data.test_images)
    for quality in range(codec.qualities):
        file = codec.compress_latents(latents, quality)
        reached = psnr(mse(codec.decompress(file), data.test_images))
        say(f"{quality:>7}{len(file) / len(latents):>13.2f}{reached:>7.2f} dB")
    return 0


def train(images: np.ndarray, options: argparse.Namespace, say: command.Say) -> ImageCodec:
    """Return a codec for images like these, uint8 (N, height, width)."""
    rng = np.random.default_rng(options.seed)
    shape = images.shape[1:]
    pixels = int(np.prod(shape))
    prices = 1 / (TRADEOFFS * pixels)  # of a bit, for a distortion that is a mean over the pixels
    # High qualities change the mean squared error little, so draw them more often: otherwise they would hardly count.
    often = np.minimum(TRADEOFFS, 200.0) ** 0.25
    often /= often.sum()
    encoder = [Flatten(), *dense_network([pixels, options.hidden, options.hidden, options.latent], rng)]
    bottleneck = EntropyBottleneck(options.latent, prices, rng=rng, probabilities=often)
    decoder = [*dense_network([options.latent, options.hidden, options.hidden, pixels], rng), Sigmoid(), Reshape(shape)]
    model = Autoencoder(encoder, [bottleneck, *decoder], input_shape=shape)
    model.compile(Adam(options.learning_rate), "mse")
    helpers = {"augment": RandomShift(1), "callbacks": [LearningRateSchedule(cosine(warm_up=0.1))]}
    model.fit(images, epochs=options.epochs, batch_size=128, rng=rng, verbose=not options.quiet, **helpers)
    say("finding the classes of images and their tables ...")
    latents = model.encode(images)
    gain = interpolate(bottleneck.gain)
    symbols = [quantize(latents, each) for each in gain]
    return ImageCodec(model.encoder, model.decoder[1:], gain, ClassPrior.fit(latents, symbols, rng))


def interpolate(gain: np.ndarray) -> np.ndarray:
    """Return the gains (Q, K) at POSITIONS among the trained ones, on a logarithmic scale."""
    below = np.minimum(POSITIONS.astype(int), len(gain) - 2)
    part = (POSITIONS - below)[:, None]
    return (gain[below] ** (1 - part) * gain[below + 1] ** part).astype(np.float32)


def make_parser() -> command.Parser:
    """Return the parser of the arguments."""
    parser = command.Parser("codec", __doc__)
    parser.option("--hidden", command.whole_number(1), 640, "H", "units of each hidden layer")
    parser.add_options(latent=64, epochs=120, learning_rate=0.003)
    parser.add_common(out="out/codec/codec.safetensors")
    return parser


if __name__ == "__main__":
    command.run(main)
