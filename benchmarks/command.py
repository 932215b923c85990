"""Shared by the command lines: checked arguments, errors of one line, Ctrl-C, results as text and as JSON."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from programs import run as run
from programs.arguments import whole_number

positive = whole_number(1)
PICTURES = (".png", ".svg", ".pdf")


class Parser(argparse.ArgumentParser):
    """The parser of a benchmark; the benchmark's docstring is its manual.

    The part from the first word with a colon on stands below the options. Texts keep their line breaks, and errors are one line.
    """

    def __init__(self, benchmark: str, manual: str):
        description, *below = re.split(r"\n\n(?=[a-zA-Z]+:\s)", manual, maxsplit=1)
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(f"python -m benchmarks.{benchmark}", description=description, epilog="".join(below), formatter_class=form)

    def add_common(self, quick: str, plot: Callable[[str], Path], drawn: str) -> None:
        """Add the options of every benchmark: --quick, --json and --plot, a file or a folder."""
        self.add_argument("--quick", action="store_true", help=quick)
        self.add_argument("--json", type=target, metavar="FILE", help="write all figures")
        self.add_argument("--plot", type=plot, metavar="FOLDER" if plot is folder else "FILE", help=f"write {drawn}")

    def error(self, message):
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def target(text: str) -> Path:
    """Return the path of a writable file. argparse calls this, so that a long run does not end without its result."""
    path = Path(text)
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: expected a file name in a folder that exists")
    if not (os.access(path.parent, os.W_OK) and os.access(path if path.exists() else path.parent, os.W_OK)):
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: expected a file and a folder that may be written to")
    return path


def picture(text: str) -> Path:
    """Return the path of a writable picture; for argparse."""
    path = target(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"cannot draw {text!r}: expected a name that ends in {', '.join(PICTURES)}")
    return path


def folder(text: str) -> Path:
    """Return the path of a writable folder, made if necessary; for argparse."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: expected a folder that may be written to")
    return path


def say(text: str) -> None:
    """Print progress to standard error, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as text; align the first column left and all others right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines)
    return "\n".join("  ".join(row).rstrip() for row in rows)


def write_json(path: Path | None, report: dict) -> None:
    """Write a report if there is a path. Replace an older one only by a complete one.

    Do not use nnlite.files here: it would import numba into this process, and every measured process starts with this process's
    memory.
    """
    if path is not None:
        path = Path(os.path.realpath(path))
        temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(report, indent=1) + "\n")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
