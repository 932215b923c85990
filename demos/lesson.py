"""Draw ten pictures that teach, one message each.

  network          docs/worked-example.md as a network: values above, gradients below
  image_to_weight  one step of training, from a uint8 image to a changed weight
  pixels_to_bytes  one image on its way through the codec of digits
  xor              two hidden units learn XOR, epoch by epoch; one unit cannot
  loss_surface     the loss around a training's path, in the plane through its start, its end and its farthest bend
  filters          the weights of the first layer's units after 0, 1, 2, 5 ... epochs
  sharpening       reconstructed test images during the training
  gradient_error   the error of difference quotients against their step, and why `nnlite.gradcheck` takes 1e-5
  quantising       the images from fewer bits for each number of the code
  bits             the bits of one image in a file of the image codec

`loss_surface`, `filters`, `sharpening` and `quantising` show one recorded training: the autoencoder of demos.mnist with a code of
32 numbers.

files written to --out:
  NAME.png      each picture
  metrics.json  the numbers in them

examples:
  python -m demos.lesson
  python -m demos.lesson gradient_error
  python -m demos.lesson filters sharpening --epochs 20 --latent 128
"""

import argparse
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from demos.mnist import make_model
from demos.shared import command, lesson_numbers
from demos.shared.lesson_numbers import BitCount, Training
from nnlite.codec.digits.image_codec import BUILT_IN, ImageCodec
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset, first_of_each
from nnlite.files.errors import CodecError
from nnlite.metrics import mse, psnr
from programs.arguments import names_among

SURFACE_IMAGES = 1000  # for the loss surface
FILTERS = 10  # units
EPSILONS = 10.0 ** np.arange(-12, -0.9, 0.5)
GRADCHECK_STEP = 1e-5  # the default of nnlite.gradcheck


@dataclass
class Lesson:
    """The data of the pictures; the first picture that needs the training starts it."""

    data: Dataset
    codec: ImageCodec | None
    options: argparse.Namespace
    plots: ModuleType
    ways: ModuleType

    @cached_property
    def training(self) -> Training:
        """The recorded training of several pictures."""
        options = self.options
        return lesson_numbers.train(
            self.data.train_images, options.latent, options.epochs, options.batch_size, options.seed, not options.quiet
        )

    @cached_property
    def examples(self) -> np.ndarray:
        """The first test image of each class."""
        return first_of_each(self.data.test_labels)

    @cached_property
    def bits(self) -> BitCount:
        """The file of one image, taken apart."""
        return lesson_numbers.count_bits(self.codec, self.data.test_images, self.options.image, self.codec.qualities // 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    options.pictures = list(dict.fromkeys(chain(*(options.pictures or [PICTURES]))))
    codec = load_codec(parser, options, data.test_images) if {"bits", "pixels_to_bytes"} & {*options.pictures} else None
    lesson = Lesson(data, codec, options, *(importlib.import_module(f"demos.shared.lesson_{name}") for name in ("plots", "ways")))
    metrics: dict[str, Any] = {}
    for name in options.pictures:
        start = time.perf_counter()
        with command.training(parser, options):
            metrics[name] = PICTURES[name](options.out / f"{name}.png", lesson)
        say(f"{name}.png  {time.perf_counter() - start:.1f} s")
    command.finish(options, metrics, "the pictures")
    return 0


# --- the pictures; each writes its file and returns its numbers


def image_to_weight(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the first step of a training."""
    images, options = lesson.data.train_images, lesson.options
    model = make_model(images.shape[1:], options.latent, [], "relu", np.random.default_rng(options.seed))
    return lesson.ways.image_to_weight(path, images[: options.batch_size], 0, model)


def pixels_to_bytes(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw one image on its way through the codec."""
    image, quality = lesson.data.test_images[lesson.options.image], lesson.codec.qualities // 3
    return lesson.ways.pixels_to_bytes(path, image, lesson.codec, quality, lesson.bits.latents)


def loss_surface(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the loss around the path of the training."""
    training = lesson.training
    surface = lesson_numbers.loss_surface(training, lesson.data.train_images[:SURFACE_IMAGES])
    steps = list(training.weights)
    labels = {steps.index(step): training.name(step) for step in [0, *training.epochs()]}
    lesson.plots.loss_surface(path, "Training runs down into a valley: the loss in a plane of the weights", surface, labels)
    on_path = {name: vars(surface)[name] for name in ("path", "off_plane", "path_loss")}
    return {"steps": steps, **on_path, "lowest_loss_on_grid": surface.loss.min()}


def filters(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw weights of the first layer at several times."""
    training = lesson.training
    largest, rows = {}, {}
    for step in [0, *training.epochs()]:
        name = training.name(step)
        weights = training.weights[step][0].T[:FILTERS].reshape(-1, *lesson.data.train_images.shape[1:])  # from (D, K)
        largest[name] = float(np.abs(weights).max())
        rows[f"{name}\nup to {largest[name]:.2f}"] = weights / np.abs(weights).max(axis=(1, 2), keepdims=True)
    title = "Noise becomes strokes: weights of the first layer while it learns"
    lesson.plots.image_rows(path, title, {}, rows, "weight / largest of its image")
    return {"largest_weight": largest}


def sharpening(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw test images reconstructed at several times."""
    training, images = lesson.training, lesson.data.test_images
    rows, decibels = {}, {}
    for step in sorted({*(step for step in (10, 30, 100, 300) if step < training.steps_per_epoch), *training.epochs()}):
        reconstructed = training.at(step).predict(images)
        name = training.name(step)
        decibels[name] = psnr(mse(reconstructed, images / np.float32(255), peak=1))
        rows[f"{name}\n{decibels[name]:.1f} dB"] = reconstructed[lesson.examples]
    rows["original"] = images[lesson.examples] / 255
    lesson.plots.image_rows(path, "Digits sharpen during the training: test images, and the PSNR of all of them", rows)
    return {"test_psnr": decibels}


def gradient_error(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the error of difference quotients against their step."""
    central, one_sided = lesson_numbers.difference_errors(EPSILONS, np.float64, lesson.options.seed)
    single, _ = lesson_numbers.difference_errors(EPSILONS, np.float32, lesson.options.seed)
    rounding = float(np.median((central * EPSILONS)[EPSILONS < 1e-7]))  # the factor of 1 / ε, where only rounding matters
    curvature = float(np.median((central / EPSILONS**2)[EPSILONS > 1e-3]))
    lesson.plots.gradient_error(
        path,
        "Long steps see the curve, short ones the rounding: 1e-5 balances both in float64",
        EPSILONS,
        {"central, float64": central, "one-sided, float64": one_sided, "central, float32": single},
        {f"the curve: {curvature:.2g} ε²": (curvature, 2), f"rounding: {rounding:.1e} / ε": (rounding, -1)},
        GRADCHECK_STEP,
    )
    numbers = {"epsilon": EPSILONS, "central_float64": central, "one_sided_float64": one_sided, "central_float32": single}
    factors = {"factor_of_square": curvature, "factor_of_inverse": rounding}
    return {**numbers, **factors, "best_epsilon_float64": EPSILONS[np.argmin(central)]}


def quantising(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the effect of fewer bits for each number of the code."""
    model, images = lesson.training.at(lesson.training.last_step), lesson.data.test_images
    quantizer = UniformQuantizer.from_codes(model.encode(lesson.data.train_images))
    codes = model.encode(images)
    exact = model.decode(codes)
    decoded = {bits: model.decode(lesson_numbers.quantize_to(codes, quantizer, bits)) for bits in range(1, 9)}
    to_exact = [psnr(mse(each, exact, peak=1)) for each in decoded.values()]
    to_image = [psnr(mse(each, images / np.float32(255), peak=1)) for each in decoded.values()]
    limit = psnr(mse(exact, images / np.float32(255), peak=1))
    widest = int(np.argmax(codes.var(axis=0)))  # the histogram shows this number of the code
    shown = lesson.examples[-4:]
    low, step = quantizer.minimum[widest], quantizer.step[widest]
    levels = {bits_of(bits): low + step * np.linspace(0, 255, 2**bits) for bits in (1, 2, 3, 4)}
    rows = {bits_of(bits): decoded[bits][shown] for bits in (1, 2, 3, 4, 8)}
    rows |= {"float32": exact[shown], "original": images[shown] / 255}
    curves = {"against the exact code's images": to_exact, "against the originals": to_image}
    title = "Each bit removes 6 dB of error, until only the model's own is left"
    lesson.plots.quantising(path, title, codes[:, widest], levels, rows, curves)
    return {"bits": list(decoded), "psnr_to_exact": to_exact, "psnr_to_original": to_image, "psnr_of_exact": limit}


def bits_of(number: int) -> str:
    """Return "1 bit", "2 bits" ..."""
    return f"{number} bit{'s' if number > 1 else ''}"


def bits(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the bits of one image."""
    count = lesson.bits
    title = "The class byte draws a typical image, the costliest latents make it this image"
    lesson.plots.bits(path, title, count, lesson.data.test_images[lesson.options.image])
    numbers = {name: vars(count)[name] for name in ("header_bytes", "payload_bytes", "psnr")}
    numbers |= {"class_bits": 8, "latent_bits": count.latents, "mean_latent_bits": count.mean_latents, "latents_kept": count.kept}
    return {"image": lesson.options.image, "quality": lesson.codec.qualities // 3, **numbers}


PICTURES: dict[str, Callable[[Path, Lesson], dict[str, Any]]] = {
    "network": lambda path, lesson: lesson.ways.network(path),
    "image_to_weight": image_to_weight,
    "pixels_to_bytes": pixels_to_bytes,
    "xor": lambda path, lesson: lesson.ways.xor(path, lesson.options.seed),
}
PICTURES |= {each.__name__: each for each in (loss_surface, filters, sharpening, gradient_error, quantising, bits)}


def load_codec(parser: command.Parser, options: argparse.Namespace, images: np.ndarray) -> ImageCodec:
    """Return the codec for `bits`; leave with one line unless there is one for these images."""
    try:
        codec = ImageCodec.load(options.codec)
        codec.check_images(images)
    except (CodecError, OSError) as error:
        parser.error(f"argument --codec: {error}")
    if options.image >= len(images):
        parser.error(f"argument --image: expected a number below {len(images)}, received {options.image}")
    return codec


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("lesson", __doc__)
    names = names_among(PICTURES)
    parser.add_argument("pictures", type=names, nargs="*", metavar="NAME", help="which pictures (default all)")
    parser.option("--image", command.whole_number(0), 8, "N", "the test image of the codec's pictures")
    text = "of the codec's pictures, made by demos.codec (default the built-in one for MNIST)"
    parser.add_argument("--codec", type=Path, default=BUILT_IN / "mnist.safetensors", metavar="FILE", help=text)
    parser.add_options(latent=32, epochs=10, batch_size=128)
    parser.add_common()
    return parser


if __name__ == "__main__":
    command.run(main)
