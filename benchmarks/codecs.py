"""``python -m benchmarks.codecs``: rate against distortion of nnlite's codec and of the common codecs.

Compress the test images of MNIST, and of Fashion-MNIST if you give it, with nnlite's codec and with
others, and print bytes an image against the PSNR of all images together. Bytes are those of whole
files, containers included; every file is read back, and the error is that of the 8-bit images.

  nnlite             all qualities of a codec from demos.codec
  PCA, DCT           the transform of the training images, or of blocks of 4 × 4 pixels; one quantiser
                     step; nnlite's range coder with a table for each coefficient, from the training
                     images; nnlite's container. "PCA, class prior" has nnlite's prior, for the
                     first 256 components: its curve ends near 28 dB
  JPEG ... AVIF      Pillow, and imagecodecs for JPEG XL, at the best settings for PSNR; among
                     settings with equally many bytes the best one counts
  PNG, gzip, ...     lose nothing

Four protocols; never compare figures of different protocols:

  one file per image      1,000 images, every tenth of the 10,000
  ... without headers     the same files minus the bytes that all files of a setting share: bytes at the
                          same offset from the start, or one run at the end
  batch of N              10, 100 or all images in one file (JPEG and the like have no such thing)
  mosaic of N             all images as one picture of 100 × 100, for these codecs; without gaps, because
                          padding to 32 × 32 pixels, to align blocks of 8 × 8, takes more bytes

"nnlite's bytes" is the Bjøntegaard difference: nnlite's mean difference of the logarithm of the bytes
from that codec's, over the decibels that both reach (up to 25 dB, for JPEG from 20.6 dB, and all).
Seconds are for 10,000 images, a mean over all settings, from the images to the bytes in memory or
back.

Fashion-MNIST is not part of nnlite. Get its four files (Debian: apt install dataset-fashion-mnist, or
https://github.com/zalandoresearch/fashion-mnist), train its codec and give both:

  python -m demos.codec --data DIR --epochs 55 --out fashion.safetensors
  python -m benchmarks.codecs --fashion-data DIR --fashion-model fashion.safetensors

examples:
  python -m benchmarks.codecs --quick
  python -m benchmarks.codecs --json codecs.json --plot pictures/

The full run takes half an hour a data set, most of it AVIF's; --quick takes less than a minute a data
set, with 900 images and half of the settings at less effort. Its figures are not those of the full run.
"""

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import codec_entropy, codec_rivals, codec_tables, codec_transform, conditions
from benchmarks.codec_rates import Setting, measure
from benchmarks.command import Parser, folder, run, say, write_json
from benchmarks.process import default_threads
from nnlite.codec.digits.image_codec import BUILT_IN, ImageCodec
from nnlite.datasets import Dataset, load_idx_folder, load_mnist
from nnlite.files import FileError

FASHION = "Fashion-MNIST"


class Task(NamedTuple):
    """A data set and nnlite's codec for it."""

    dataset: str
    data: Dataset
    codec: ImageCodec


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("codecs", __doc__)
    made.add_common("a minute, to see that it works", folder, "a chart of each data set, PNG")
    made.add_argument("--model", type=Path, metavar="FILE", help="a codec for MNIST, instead of the built-in one")
    made.add_argument("--fashion-data", type=Path, metavar="DIR", help="a folder with Fashion-MNIST's four IDX files")
    made.add_argument("--fashion-model", type=Path, metavar="FILE", help="a codec for Fashion-MNIST, as demos.codec writes it")
    made.add_argument("--avif-speed", type=int, choices=range(11), default=3, metavar="0-10", help="10: fastest (default 3)")
    return made


def prepare(made: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[Task]:
    """Return the data sets with their codecs; one line and exit code 2 if they cannot be read."""
    if (arguments.fashion_data is None) != (arguments.fashion_model is None):
        made.error("expected --fashion-data and --fashion-model together, received one of them (see --help)")
    wanted = [("MNIST", None, arguments.model or BUILT_IN / "mnist.safetensors")]
    if arguments.fashion_data:
        wanted.append((FASHION, arguments.fashion_data, arguments.fashion_model))
    tasks = []
    for name, path, model in wanted:
        try:
            codec = ImageCodec.load(model)
            data = load_idx_folder(path) if path else load_mnist()
            codec.check_images(data.test_images)
        except FileError as error:
            made.error(str(error))
        except OSError as error:
            made.error(f"cannot read the codec {str(model)!r}: {error.strerror}; python -m demos.codec --out FILE trains one")
        tasks.append(Task(name, data, codec))
    return tasks


def own_settings(codec: ImageCodec) -> list[Setting]:
    """Return nnlite's qualities."""

    def setting(quality: int) -> Setting:
        return Setting(codec_tables.OWN, f"quality {quality}", lambda images: codec.compress(images, quality), codec.decompress)

    return [setting(quality) for quality in range(codec.qualities)]


def compare(task: Task, quick: bool, avif_speed: int, threads: int) -> dict:
    """Return all points of a data set, and their comparisons."""
    images = square(task.data.test_images[:: 11 if quick else 1])
    training = task.data.train_images[:: 12 if quick else 1]
    say(f"{task.dataset}: fitting PCA, DCT and their tables")
    extent = {"steps": codec_transform.STEPS[::2], "class_components": 64} if quick else {}
    settings = own_settings(task.codec) + codec_transform.settings(training, **extent)
    rivals, missing = codec_rivals.settings(images.shape[1:], threads, quick, avif_speed)
    points = []
    previous = None
    for setting in settings + rivals:
        if setting.codec != previous:
            say(f"{task.dataset}: measuring {setting.codec}")
            previous = setting.codec
        for group in (1, len(images)) if setting.mosaic else (1, 10, 100, len(images)):
            chosen = images if group > 1 else images[::10]
            points += [{"dataset": task.dataset, **point} for point in measure(setting, chosen, group)]
    return {
        "dataset": task.dataset,
        "points": points,
        "comparisons": codec_tables.comparisons(points),
        "missing": missing,
        "entropy_coder": codec_entropy.measure(task.codec, images),
    }


def square(images: np.ndarray) -> np.ndarray:
    """Return the first images, as many as make a square mosaic."""
    return images[: math.isqrt(len(images)) ** 2]


def text(result: dict) -> str:
    """Return the tables of one data set as Markdown."""
    parts = [
        f"### {result['dataset']}: bytes an image",
        codec_tables.lossy(result["comparisons"]),
        codec_tables.lossless(result["points"]),
        codec_tables.coders(result["entropy_coder"]),
        codec_tables.absent(result["missing"]),
    ]
    return "\n\n".join(filter(None, parts))


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0."""
    made = parser()
    arguments = made.parse_args(argv)
    tasks = prepare(made, arguments)
    threads = default_threads()
    report = conditions.conditions(threads)
    print(conditions.describe(report), flush=True)
    report["datasets"] = []
    for task in tasks:
        result = compare(task, arguments.quick, arguments.avif_speed, threads)
        report["datasets"].append(result)
        print(f"\n{text(result)}", flush=True)
        write_json(arguments.json, report)
        if arguments.plot:
            from benchmarks import codec_plots

            name = task.dataset.lower()
            codec_plots.rate_distortion(task.dataset, result["points"], arguments.plot / f"codecs-{name}.png")
    if len(tasks) == 1:
        print(f"\n{FASHION} was not given; --help says how to get it and train its codec.")
    return 0


if __name__ == "__main__":
    run(main)
