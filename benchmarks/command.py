"""What the command lines share: arguments that are checked before a long run, errors of one line, Ctrl-C, results as JSON."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path


class Parser(argparse.ArgumentParser):
    """An argparse parser that prints its texts as they are, and whose errors are one line."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def positive(text: str) -> int:
    """Return the whole number, at least 1, that the text is; for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return int(text)


def target(text: str) -> Path:
    """Return the path of a file that can be written; for argparse, so that a long run does not end without its result."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: expected a file name in a folder that exists")
    return path


def folder(text: str) -> Path:
    """Return the path of a folder, made if it is not there; for argparse."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: {error.strerror}") from None
    return path


def say(text: str) -> None:
    """Tell what is going on, where it does not get into the results."""
    print(text, file=sys.stderr, flush=True)


def write_json(path: Path | None, report: dict) -> None:
    """Write a report, if a path was given."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n")


def run(main: Callable[[], int]) -> None:
    """End the program with what `main` returns; 130 and one line for Ctrl-C."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
