"""Six pictures that teach, one message each.

  loss_surface    the loss around a training's path, in the plane through its start, its end and its farthest bend
  filters         what the first layer's units look at after 0, 1, 2, 5 ... epochs
  sharpening      test images as they are reconstructed while training goes on
  gradient_error  the error of difference quotients against their step, and why `nnlite.gradcheck` takes 1e-5
  quantising      what fewer bits for each number of the code do to the images
  bits            where the bits of one image are in a file of the image codec

The first three and `quantising` show one training, recorded on its way: the autoencoder of demos.mnist with a code of 32 numbers.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command, lesson_numbers
from demos.shared.examples import first_of_each
from demos.shared.lesson_numbers import Training
from nnlite.codec.digits.image_codec import BUILT_IN, ImageCodec
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset
from nnlite.files.errors import CodecError
from nnlite.metrics import mse, psnr

SURFACE_IMAGES = 1000  # on which the loss surface is computed
FILTERS = 10  # units whose weights are drawn
EPSILONS = 10.0 ** np.arange(-12, -0.9, 0.5)
GRADCHECK_STEP = 1e-5  # the default of nnlite.gradcheck

EPILOG = """\
files written to --out:
  NAME.png      each picture
  metrics.json  the numbers in them

examples:
  python -m demos.lesson
  python -m demos.lesson gradient_error
  python -m demos.lesson filters sharpening --epochs 20 --latent 128
"""


@dataclass
class Lesson:
    """What the pictures are made from; the training happens when the first of them asks for it."""

    data: Dataset
    codec: ImageCodec | None
    options: argparse.Namespace

    @cached_property
    def training(self) -> Training:
        """The training that several pictures show."""
        options = self.options
        return lesson_numbers.train(
            self.data.train_images, options.latent, options.epochs, options.batch_size, options.seed, not options.quiet
        )

    @cached_property
    def examples(self) -> list[int]:
        """The first test image of each class."""
        return first_of_each(self.data.test_labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options, say, data = command.start(parser, arguments)
    options.pictures = list(dict.fromkeys(options.pictures or PICTURES))
    codec = load_codec(parser, options, data.test_images) if "bits" in options.pictures else None
    lesson = Lesson(data, codec, options)
    metrics: dict[str, Any] = {}
    for name in options.pictures:
        start = time.perf_counter()
        with command.training(parser, options):
            metrics[name] = PICTURES[name](options.out / f"{name}.png", lesson)
        say(f"{name}.png  {time.perf_counter() - start:.1f} s")
    command.finish(options, metrics, "the pictures")
    return 0


# --- the pictures; each writes its file and returns its numbers


def loss_surface(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the loss around the path of the training."""
    from demos.shared import lesson_plots  # matplotlib takes longer to import than all the rest

    training = lesson.training
    surface = lesson_numbers.loss_surface(training, lesson.data.train_images[:SURFACE_IMAGES])
    steps = list(training.weights)
    labels = {steps.index(step): training.name(step) for step in [0, *training.epochs()]}
    lesson_plots.loss_surface(path, "Training runs down into a valley: the loss in a plane of the weights", surface, labels)
    return {
        "steps": steps,
        "path": surface.path.tolist(),
        "off_plane": surface.off_plane.tolist(),
        "path_loss": surface.path_loss.tolist(),
        "lowest_loss_on_grid": float(surface.loss.min()),
    }


def filters(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw weights of the first layer at several times."""
    from demos.shared import lesson_plots

    training = lesson.training
    largest, rows = {}, {}
    for step in [0, *training.epochs()]:
        name = training.name(step)
        weights = training.weights[step][0].T[:FILTERS].reshape(-1, *lesson.data.train_images.shape[1:])  # from (D, K)
        largest[name] = float(np.abs(weights).max())
        rows[f"{name}\nup to {largest[name]:.2f}"] = weights / np.abs(weights).max(axis=(1, 2), keepdims=True)
    title = "Noise becomes strokes: what units of the first layer look at, while they learn"
    lesson_plots.rows_of_images(path, title, rows, "weight / largest of its image")
    return {"largest_weight": largest}


def sharpening(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw test images reconstructed at several times."""
    from demos.shared import lesson_plots

    training, images = lesson.training, lesson.data.test_images
    rows, decibels = {}, {}
    for step in sorted({*(step for step in (10, 30, 100, 300) if step < training.steps_per_epoch), *training.epochs()}):
        reconstructed = training.at(step).predict(images)
        name = training.name(step)
        decibels[name] = psnr(mse(reconstructed, images / np.float32(255), peak=1))
        rows[f"{name}\n{decibels[name]:.1f} dB"] = reconstructed[lesson.examples]
    rows["original"] = images[lesson.examples] / 255
    lesson_plots.rows_of_images(path, "Digits sharpen as training goes on: test images, PSNR of all of them", rows)
    return {"test_psnr": decibels}


def gradient_error(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw the error of difference quotients against their step."""
    from demos.shared import lesson_plots

    central, one_sided = lesson_numbers.difference_errors(EPSILONS, np.float64, lesson.options.seed)
    single, _ = lesson_numbers.difference_errors(EPSILONS, np.float32, lesson.options.seed)
    rounding = float(np.median((central * EPSILONS)[EPSILONS < 1e-7]))  # the factor of 1 / ε, where rounding is all
    curvature = float(np.median((central / EPSILONS**2)[EPSILONS > 1e-3]))
    lesson_plots.gradient_error(
        path,
        "Long steps see the curve, short ones the rounding: 1e-5 balances both in float64",
        EPSILONS,
        {"central, float64": central, "one-sided, float64": one_sided, "central, float32": single},
        {f"the curve: {curvature:.2g} ε²": (curvature, 2), f"rounding: {rounding:.1e} / ε": (rounding, -1)},
        GRADCHECK_STEP,
    )
    return {
        "epsilon": EPSILONS.tolist(),
        "central_float64": central.tolist(),
        "one_sided_float64": one_sided.tolist(),
        "central_float32": single.tolist(),
        "factor_of_square": curvature,
        "factor_of_inverse": rounding,
        "best_epsilon_float64": float(EPSILONS[np.argmin(central)]),
    }


def quantising(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw what fewer bits for each number of the code do."""
    from demos.shared import lesson_plots

    model, images = lesson.training.at(lesson.training.last_step), lesson.data.test_images
    quantizer = UniformQuantizer.from_codes(model.encode(lesson.data.train_images))
    codes = model.encode(images)
    exact = model.decode(codes)
    decoded = {bits: model.decode(lesson_numbers.quantize_to(codes, quantizer, bits)) for bits in range(1, 9)}
    to_exact = [psnr(mse(each, exact, peak=1)) for each in decoded.values()]
    to_image = [psnr(mse(each, images / np.float32(255), peak=1)) for each in decoded.values()]
    limit = psnr(mse(exact, images / np.float32(255), peak=1))
    widest = int(np.argmax(codes.var(axis=0)))  # which number of the code the histogram shows
    shown = lesson.examples[-4:]
    lesson_plots.quantising(
        path,
        "Each bit takes 6 dB of error away, until only the model's own is left",
        codes[:, widest],
        {bits_of(bits): quantizer.minimum[widest] + quantizer.step[widest] * np.linspace(0, 255, 2**bits) for bits in (1, 2, 3, 4)},
        {
            **{bits_of(bits): decoded[bits][shown] for bits in (1, 2, 3, 4, 8)},
            "float32": exact[shown],
            "original": images[shown] / 255,
        },
        {"against the exact code's images": to_exact, "against the originals": to_image},
    )
    return {"bits": list(decoded), "psnr_to_exact": to_exact, "psnr_to_original": to_image, "psnr_of_exact": limit}


def bits_of(number: int) -> str:
    """Return "1 bit", "2 bits" ..."""
    return f"{number} bit{'s' if number > 1 else ''}"


def bits(path: Path, lesson: Lesson) -> dict[str, Any]:
    """Draw where the bits of one image are."""
    from demos.shared import lesson_plots

    assert lesson.codec is not None  # it was loaded, since this picture was asked for
    quality = lesson.codec.qualities // 3
    image = lesson.data.test_images[lesson.options.image]
    count = lesson_numbers.count_bits(lesson.codec, lesson.data.test_images, lesson.options.image, quality)
    title = "The class byte draws a typical image, the costliest latents make it this one"
    lesson_plots.bits(path, title, count, image)
    return {
        "image": lesson.options.image,
        "quality": quality,
        "header_bytes": count.header_bytes,
        "payload_bytes": count.payload_bytes,
        "class_bits": 8,
        "latent_bits": count.latents.tolist(),
        "mean_latent_bits": count.mean_latents.tolist(),
        "latents_kept": count.kept,
        "psnr": count.psnr,
    }


PICTURES: dict[str, Callable[[Path, Lesson], dict[str, Any]]] = {
    picture.__name__: picture for picture in (loss_surface, filters, sharpening, gradient_error, quantising, bits)
}


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
    parser = command.Parser(prog="python -m demos.lesson", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("pictures", type=picture_name, nargs="*", metavar="NAME", help="which pictures (default all)")
    add("--latent", type=command.whole_number(1), default=32, metavar="K", help="numbers in a code (default 32)")
    add("--image", type=command.whole_number(0), default=8, metavar="N", help="the test image that `bits` takes (default 8)")
    add(
        "--codec", type=Path, default=BUILT_IN / "mnist.safetensors", metavar="FILE",
        help="of `bits`, made by demos.codec (default the built-in one for MNIST)",
    )  # fmt: skip
    command.add_training(parser, epochs=10, batch_size=128)
    command.add_common(parser)
    return parser


def picture_name(text: str) -> str:
    """Return an argument that is the name of a picture."""
    if text not in PICTURES:
        raise argparse.ArgumentTypeError(f"expected names among {', '.join(PICTURES)}, received {text!r}")
    return text


if __name__ == "__main__":
    command.run(main)
