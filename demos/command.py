"""What every demo's command line has in common: one-line errors, checked numbers, a folder to write to."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from nnlite.cli import Parser as Parser
from nnlite.cli import positive_number as positive_number
from nnlite.datasets import Dataset, DatasetError, load_idx_folder, load_mnist
from nnlite.files import write_atomically


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return an argument type: an integer of at least `minimum`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {minimum}, received {text!r}")
        return number

    return parse


def whole_numbers(text: str) -> list[int]:
    """Return an argument such as "512,256" as a list; an empty text is an empty list."""
    return [whole_number(1)(part) for part in text.split(",")] if text else []


def share(text: str) -> float:
    """Return an argument as a number between 0 and 1, both excluded."""
    number = positive_number(text)
    if number >= 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, received {text!r}")
    return number


def output_folder(parser: Parser, path: Path) -> Path:
    """Make the folder if it is not there, and leave with one line unless it can be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / ".writable", b"")
        (path / ".writable").unlink()
    except OSError as error:
        parser.error(f"argument --out: expected a folder that can be written to, received {str(path)!r}: {error.strerror}")
    return path


def load_data(parser: Parser, folder: Path | None) -> Dataset:
    """Return the data set of a folder, or MNIST; leave with one line if it cannot be read."""
    try:
        return load_idx_folder(folder) if folder else load_mnist()
    except DatasetError as error:
        parser.error(f"argument --data: {error}")


def add_checkpoint(parser: Parser) -> None:
    """Add the argument for `Sequential.fit`'s checkpoint."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="keep the whole state of the training in this file, and go on from it if it is there",
    )  # fmt: skip


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write the numbers as JSON, one entry a line."""
    write_atomically(path, (json.dumps(metrics, indent=2) + "\n").encode())


def run(main: Callable[[], int]) -> NoReturn:
    """Run a demo's main as a program: Ctrl-C leaves with 130, a closed pipe without a word."""
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
        print("interrupted", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        code = 1
    sys.exit(code)
