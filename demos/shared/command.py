"""The common parts of the demos: arguments, data, the end of a training, and metrics.json."""

import argparse
import contextlib
import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import demos
from nnlite import Sequential, TrainingError, save_weights
from nnlite.codec import commands
from nnlite.codec.commands import positive_number
from nnlite.datasets import Dataset, DatasetError, load_idx_folder, load_mnist
from nnlite.files import FileError
from nnlite.files.whole_files import write_atomically
from programs import machine
from programs import run as run
from programs.arguments import whole_number as whole_number
from programs.arguments import whole_numbers as whole_numbers


class Parser(commands.Parser):
    """The parser of a demo, whose docstring is its manual: what begins with "files written" stands below the options."""

    def __init__(self, demo: str, manual: str):
        description, *below = re.split(r"\n\n(?=(?:data|files? written)\b.*:)", manual, maxsplit=1)
        super().__init__(prog=f"python -m demos.{demo}", description=description, epilog="".join(below))

    def option(self, name: str, kind: Callable[[str], Any], default: Any, metavar: str, text: str, says: str | None = None) -> None:
        """Add an option with a value. Its line in the manual ends with the default, or with `says`."""
        shown = says or (",".join(map(str, default)) if isinstance(default, list) else default)
        self.add_argument(name, type=kind, default=default, metavar=metavar, help=f"{text} (default {shown})")


def add_code(parser: Parser, name: str, length: int, hidden: list[int]) -> None:
    """Add --code or --latent (the `name`) and --hidden, with these defaults."""
    parser.option(name, whole_number(1), length, "K", "numbers in a code")
    text = 'widths of the layers between image and code, mirrored in the decoder, "" for none'
    parser.option("--hidden", whole_numbers, hidden, "H,H,...", text, None if hidden else "none")


def add_training(
    parser: Parser, epochs: int, batch_size: int | None = None, learning_rate: float | None = None, shift: int | None = None
) -> None:
    """Add --epochs and, if they have a default here, --batch-size, --learning-rate, a schedule's largest rate, and --shift."""
    parser.option("--epochs", whole_number(1), epochs, "N", "how often a model sees the training images")
    if batch_size:
        parser.option("--batch-size", whole_number(1), batch_size, "N", "images a step")
    if learning_rate:
        parser.option("--learning-rate", positive_number, learning_rate, "RATE", "its largest value")
    if shift:
        text = "training images move at random by up to so many pixels each way, 0 for none"
        parser.option("--shift", whole_number(0), shift, "PIXELS", text)


MNIST = "a folder of IDX files in MNIST's layout, gzipped or not (default the built-in MNIST)"


def add_common(
    parser: Parser, random: str = "start weights and order", data: str = MNIST, checkpoint: bool = False, out: str = ""
) -> None:
    """Add the options of every demo: --seed (of the `random` things), --data, --checkpoint, --out, --threads and --quiet.

    The manual ends with the exit codes. A demo with --checkpoint keeps its weights if it is interrupted.
    """
    parser.option("--seed", whole_number(0), 0, "N", f"of {random}")
    parser.add_argument("--data", type=Path, metavar="DIR", help=data)
    if checkpoint:
        text = "save the whole state of the training in this file; if the file exists, go on from it"
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help=text)
    place = Path(out or f"out/{parser.prog.rpartition('.')[2]}")
    parser.option("--out", Path, place, "FILE" if place.suffix else "DIR", "where to write")
    cores = f"one for each physical core, at most {machine.MAX_THREADS}"
    parser.option("--threads", whole_number(1), None, "N", "of the matrix products", cores)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    kept = " (the weights so far are kept)" if checkpoint else ""
    parser.epilog = f"{parser.epilog}\n\nexit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted{kept}\n"


# --- a run, from its first line to its last


def printer(options: argparse.Namespace) -> Callable[..., None]:
    """Return print, or with --quiet a function that prints nothing."""
    return (lambda *_: None) if options.quiet else functools.partial(print, flush=True)


def output_folder(parser: Parser, path: Path) -> None:
    """Make the folder if necessary; leave with one line unless it can be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / ".writable", b"")
        (path / ".writable").unlink()
    except OSError as error:
        parser.error(f"argument --out: expected a folder that can be written to, received {str(path)!r}: {error.strerror}")


def load_data(parser: Parser, folder: Path | None) -> Dataset:
    """Return the data set of a folder, or MNIST; leave with one line if it cannot be read."""
    try:
        return load_idx_folder(folder) if folder else load_mnist()
    except DatasetError as error:
        parser.error(f"argument --data: {error}")


def describe(data: Any) -> str:
    """Return one line about the training and test images and the machine."""
    size = " × ".join(map(str, data.test_images.shape[1:]))
    return f"{len(data.train_images):,} training and {len(data.test_images):,} test images of {size}; {machine.describe()}"


def start(
    parser: Parser, arguments: Sequence[str] | None, check: Callable[[Parser, argparse.Namespace], None] | None = None
) -> tuple[argparse.Namespace, Callable[..., None], Dataset]:
    """Make the output folder, print a line about the data, and return the options, a print that obeys --quiet, and the data.

    First `check` leaves with one line if options contradict each other.
    """
    options = parser.parse_args(arguments)
    if check:
        check(parser, options)
    output_folder(parser, options.out)
    say, data = printer(options), load_data(parser, options.data)
    say(describe(data))
    return options, say, data


def fit_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `Sequential.fit`, by its parameters' names."""
    return {**{name: vars(options)[name] for name in ("epochs", "batch_size", "checkpoint")}, "verbose": not options.quiet}


@contextlib.contextmanager
def training(parser: Parser, options: argparse.Namespace, model: Sequential | None = None, of: str = "") -> Iterator[None]:
    """Leave with one line if the training in the block fails: 1 if it diverges, 2 if its checkpoint cannot be used.

    If the block is interrupted, save the weights of the `model`; the exit code is 130. The line names the training, `of`.
    """
    checkpoint = getattr(options, "checkpoint", None)
    try:
        yield
    except TrainingError as error:
        parser.exit(1, f"{parser.prog}: {of}{': ' if of else ''}{error}\n")
    except (FileError, OSError) as error:
        if checkpoint is None:
            raise
        parser.error(f"argument --checkpoint: {error}")
    except KeyboardInterrupt:
        if model is None:
            raise
        path = options.out / "model.safetensors"
        save_weights(model, path)
        way_on = ", and the same command goes on after the last whole epoch" if checkpoint else ""
        parser.exit(130, f"\n{parser.prog}: interrupted; the weights so far are in {path}{way_on}\n")


def finish(options: argparse.Namespace, metrics: dict[str, Any], written: str, seconds_training: float | None = None) -> None:
    """Write metrics.json: the numbers, then the options and the times. Print the times and the names of all files `written`."""
    times = {} if seconds_training is None else {"seconds_training": seconds_training}
    times["seconds_total"] = time.perf_counter() - demos.START
    files = {"data", "picture", "codec", "checkpoint", "out", "threads", "quiet"}  # options that are no numbers
    settings = {name: value for name, value in vars(options).items() if name not in files}
    named = metrics | settings | metrics  # a result, such as the loss by epoch, overrides an option with its name
    write_metrics(options.out / "metrics.json", named | times)
    trained = "" if seconds_training is None else f"trained in {seconds_training:.1f} s, "
    printer(options)(f"{trained}{times['seconds_total']:.1f} s in all; {written} and metrics.json are in {options.out}/")


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write the numbers as JSON, one entry a line; arrays become lists."""
    write_atomically(path, (json.dumps(metrics, indent=2, default=lambda array: array.tolist()) + "\n").encode())
