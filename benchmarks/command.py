"""What the command lines share: arguments that are checked before a long run, errors of one line, Ctrl-C, results as JSON."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from programs import run as run
from programs.arguments import whole_number

positive = whole_number(1)
PICTURES = (".png", ".svg", ".pdf")


class Parser(argparse.ArgumentParser):
    """The parser of a benchmark, whose docstring is its manual: what follows the first word with a colon stands below the options.

    Texts are printed as they are, and errors are one line.
    """

    def __init__(self, benchmark: str, manual: str):
        description, *below = re.split(r"\n\n(?=[a-zA-Z]+:\s)", manual, maxsplit=1)
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(f"python -m benchmarks.{benchmark}", description=description, epilog="".join(below), formatter_class=form)

    def add_common(self, quick: str, plot: Callable[[str], Path], drawn: str) -> None:
        """Add what every benchmark has: --quick, --json and --plot, a file or a folder."""
        self.add_argument("--quick", action="store_true", help=quick)
        self.add_argument("--json", type=target, metavar="FILE", help="write all figures")
        self.add_argument("--plot", type=plot, metavar="FOLDER" if plot is folder else "FILE", help=f"write {drawn}")

    def error(self, message):
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def target(text: str) -> Path:
    """Return the path of a file that can be written; for argparse, so that a long run does not end without its result."""
    path = Path(text)
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: expected a file name in a folder that exists")
    if not (os.access(path.parent, os.W_OK) and os.access(path if path.exists() else path.parent, os.W_OK)):
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: expected a file and a folder that may be written to")
    return path


def picture(text: str) -> Path:
    """Return the path of a picture that can be written; for argparse."""
    path = target(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"cannot draw {text!r}: expected a name that ends in {', '.join(PICTURES)}")
    return path


def folder(text: str) -> Path:
    """Return the path of a folder that can be written to, made if it is not there; for argparse."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: expected a folder that may be written to")
    return path


def say(text: str) -> None:
    """Tell what is going on, where it does not get into the results."""
    print(text, file=sys.stderr, flush=True)


def write_json(path: Path | None, report: dict) -> None:
    """Write a report, if a path was given, over an older one only when it is complete.

    nnlite.files, which does this, is not used: its package would bring numba into this process, and every process that is measured
    begins with the memory of this one as its lowest.
    """
    if path is not None:
        path = Path(os.path.realpath(path))
        temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(report, indent=1) + "\n")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
