"""Train the digits of the lossless codec: code the training images, and store the mixer.

The demo codes each image once, in five stretches. From one to the next the mixer's rate falls and its states remember longer: first
it learns fast, last it averages. No image comes twice, because the mixer would learn to trust states that know the image already.
See `nnlite.codec.lossless.digits`.

file written: --out, the model

examples:
  python -m demos.train_lossless
  python -m demos.train_lossless --out nnlite/codec/lossless/digits.safetensors     made nnlite's own model
"""

import time
from collections.abc import Sequence

import numpy as np

from demos.shared import command
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.lossless.digits import SIDE, code_digits, fresh_digits, load_digits, save_digits
from nnlite.codec.mixing import Mixer, encoder, finish

# First and last share of the images, the rate, and the limit of the counts
STRETCHES = ((0.0, 0.03, 128, 250), (0.03, 0.25, 64, 250), (0.25, 0.5, 24, 500), (0.5, 0.75, 12, 1000), (0.75, 1.0, 6, 1000))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write the model, and print the bits per pixel of the test images; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    if data.train_images.shape[1:] != (SIDE, SIDE):
        parser.error(f"argument --data: expected images of {SIDE} × {SIDE} pixels, received {data.train_images.shape[1:]}")
    start = time.perf_counter()
    with command.training(parser, options):
        save_digits(options.out, train(data.train_images, say))
    say(f"trained in {time.perf_counter() - start:.0f} s; {options.out} has {options.out.stat().st_size:,} bytes")
    codec = LosslessCodec(load_digits(options.out))
    for name, random_access in (("one batch", False), ("with random access", True)):
        size = len(codec.compress(data.test_images, random_access=random_access))
        say(f"test images, {name}: {8 * size / data.test_images.size:.4f} bits a pixel, container included")
    return 0


def train(images: np.ndarray, say: command.Say) -> Mixer:
    """Return a mixer that has learned from images (N, 28, 28) uint8."""
    mixer = fresh_digits(0, 0)
    for start, end, rate, limit in STRETCHES:
        part = images[round(start * len(images)) : round(end * len(images))].copy()
        coder = encoder(part.size)
        code_digits(coder, mixer._replace(rate=rate, limit=limit), part)
        stream = finish(coder)
        if stream is not None and len(part):
            say(f"images {start:4.0%} to {end:4.0%}, rate {rate:3}: {8 * len(stream) / part.size:.4f} bits a pixel")
    return mixer


def make_parser() -> command.Parser:
    """Return the parser of the arguments."""
    parser = command.Parser("train_lossless", __doc__)
    parser.add_common(out="out/lossless/digits.safetensors")
    return parser


if __name__ == "__main__":
    command.run(main)
