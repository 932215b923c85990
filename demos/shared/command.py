"""The common parts of the demos: arguments, data, the end of a training, and metrics.json."""

import argparse
import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nnlite import Sequential, TrainingError, save_weights
from nnlite.arrays import expect
from nnlite.codec import manual
from nnlite.codec.manual import positive_number
from nnlite.datasets import Dataset, load_idx_folder, load_mnist
from nnlite.files import FileError
from nnlite.files.whole_files import write_atomically
from programs import START, machine
from programs import run as run
from programs.arguments import whole_number as whole_number
from programs.arguments import whole_numbers as whole_numbers

OPTIONS = {  # that several demos have: type, name of the value, text
    "latent": (whole_number(1), "K", "numbers in a code"),
    "hidden": (whole_numbers, "H,H,...", 'widths of the layers between image and code, mirrored in the decoder, "" for none'),
    "epochs": (whole_number(1), "N", "how often a model sees the training images"),
    "batch_size": (whole_number(1), "N", "images a step"),
    "learning_rate": (positive_number, "RATE", "its largest value"),
    "shift": (whole_number(0), "PIXELS", "how far training images move at random each way, at most; 0 for none"),
    "checkpoint": (Path, "FILE", "save the whole state of the training in this file; if the file exists, go on from it"),
    "seed": (whole_number(0), "N", "of all random numbers"),
    "out": (Path, "PATH", "where to write"),
    "threads": (whole_number(1), "N", f"of the computation (default one for each physical core, at most {machine.MAX_THREADS})"),
}
Say = Callable[..., None]  # print, or nothing with --quiet
MNIST = "a folder of IDX files in MNIST's layout, gzipped or not (default the built-in MNIST)"


class Parser(manual.Parser):
    """The parser of a demo, whose docstring is its manual."""

    def __init__(self, demo: str, text: str):
        super().__init__(f"python -m demos.{demo}", text)

    def option(self, name: str, kind: Callable[[str], Any], default: Any, metavar: str, text: str) -> None:
        """Add an option with a value. Its line in the manual ends with the default, unless that is None."""
        shown = ",".join(map(str, default)) or "none" if isinstance(default, list) else default
        text += "" if default is None else f" (default {shown})"
        self.add_argument(name, type=kind, default=default, metavar=metavar, help=text)

    def add_options(self, **defaults: Any) -> None:
        """Add these of OPTIONS, each with its default in this demo."""
        for name, default in defaults.items():
            kind, metavar, text = OPTIONS[name]
            self.option(f"--{name.replace('_', '-')}", kind, default, metavar, text)

    def add_common(self, data: str = MNIST, checkpoint: bool = False, out: str = "") -> None:
        """Add the options of every demo that trains, and the exit codes at the end of the manual."""
        self.add_options(seed=0)
        self.option("--data", Path, None, "DIR", data)
        if checkpoint:
            self.add_options(checkpoint=None)
        self.add_options(out=Path(out or f"out/{self.prog.rpartition('.')[2]}"), threads=None)
        self.add_argument("--quiet", action="store_true", help="print nothing but errors")
        kept = " (the weights so far are kept)" if checkpoint else ""
        self.epilog = f"{self.epilog}\n\nexit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted{kept}\n"


def printer(options: argparse.Namespace) -> Say:
    """Return print, or with --quiet a function that prints nothing."""
    return (lambda *_, **__: None) if options.quiet else functools.partial(print, flush=True)


def output_folder(parser: Parser, path: Path) -> None:
    """Make the folder of --out, or that for its file, if necessary; leave with one line unless it can be written to."""
    folder = path.parent if parser.get_default("out").suffix else path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / ".writable", b"")
        (folder / ".writable").unlink()
    except OSError as error:
        parser.error(f"argument --out: expected a folder that can be written to, received {str(folder)!r}: {error.strerror}")
    if folder != path and path.is_dir():
        parser.error(f"argument --out: expected a file to write, received the folder {str(path)!r}")


def start(
    parser: Parser, options: argparse.Namespace, load: Callable[[], Dataset] | None = None, needed: int = 1
) -> tuple[Say, Dataset]:
    """Make the output folder, `load` the data, or those of --data, or MNIST, and return a print that obeys --quiet, and the data.

    Leave with one line if the data cannot be read, or have fewer training images than `needed`.
    """
    output_folder(parser, options.out)
    try:
        data = load() if load else load_idx_folder(options.data) if options.data else load_mnist()
        expect(len(data.train_images) >= needed, f"expected at least {needed} training images, received {len(data.train_images)}")
    except ValueError as error:
        parser.error(f"argument --data: {error}")
    say, size = printer(options), " × ".join(map(str, data.test_images.shape[1:]))
    say(f"{len(data.train_images):,} training and {len(data.test_images):,} test images of {size}; {machine.describe()}")
    return say, data


def fit_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `Sequential.fit`, by its parameters' names."""
    return {**{name: vars(options)[name] for name in ("epochs", "batch_size", "checkpoint")}, "verbose": not options.quiet}


@contextlib.contextmanager
def training(
    parser: Parser, options: argparse.Namespace, model: Sequential | None = None, of: str = ""
) -> Iterator[dict[str, float]]:
    """Give the block a dictionary that holds its seconds_training when it has ended, and then save the weights of the `model`.

    Leave with one line if the training in the block fails: 1 if it diverges, 2 if its checkpoint cannot be used. If the block is
    interrupted, save the weights so far; the exit code is 130. The line names the training, `of`.
    """
    checkpoint, weights = getattr(options, "checkpoint", None), options.out / "model.safetensors"
    times: dict[str, float] = {}
    start = time.perf_counter()
    try:
        yield times
    except TrainingError as error:
        parser.exit(1, f"{parser.prog}: {of}{': ' if of else ''}{error}\n")
    except (FileError, OSError) as error:
        if checkpoint is None:
            raise
        parser.error(f"argument --checkpoint: {error}")
    except KeyboardInterrupt:
        if model is None:
            raise
        save_weights(model, weights)
        way_on = ", and the same command goes on after the last whole epoch" if checkpoint else ""
        parser.exit(130, f"\n{parser.prog}: interrupted; the weights so far are in {weights}{way_on}\n")
    times["seconds_training"] = time.perf_counter() - start
    if model is not None:
        save_weights(model, weights)


def finish(options: argparse.Namespace, metrics: dict[str, Any], written: str) -> None:
    """Write metrics.json: the options, the numbers, the time. Print the times and the names of all files `written`."""
    files = {"data", "picture", "codec", "checkpoint", "out", "threads", "quiet"}  # options that are no numbers
    settings = {name: value for name, value in vars(options).items() if name not in files}
    named = settings | metrics | {"seconds_total": time.perf_counter() - START}
    plain = json.loads(json.dumps(named, default=lambda array: array.tolist()), parse_constant=lambda _: None)  # for infinity
    text = json.dumps(plain, indent=2)  # one entry a line
    write_atomically(options.out / "metrics.json", f"{text}\n".encode())
    trained = f"trained in {metrics['seconds_training']:.1f} s, " if "seconds_training" in metrics else ""
    printer(options)(f"{trained}{named['seconds_total']:.1f} s in all; {written} and metrics.json are in {options.out}/")
