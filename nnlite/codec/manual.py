"""Programs whose help is a manual: their docstring, broken for the terminal that shows it."""

import argparse
import re
import textwrap
from typing import Any, NoReturn

MANUAL_WIDTH = 100  # columns: longer lines are hard to read


class Manual(argparse.HelpFormatter):
    """Breaks a text anew for the terminal: paragraphs, and indented lines, which go on below their second column.

    Commands stay as they are, to be copied.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = [""]  # paragraphs, rows and empty lines
        for line in text.splitlines():
            above, here = (len(each) - len(each.lstrip()) for each in (blocks[-1], line))  # how far they are indented
            if line.strip() and blocks[-1].strip() and (here > above > 0 or here == above == 0):
                blocks[-1] += f" {line.strip()}"
            else:
                blocks.append(line)
        return "\n".join(self._wrap(block, min(width, MANUAL_WIDTH)) for block in blocks)

    @staticmethod
    def _wrap(block: str, width: int) -> str:
        if re.match(r"\s+(python|nnlite) ", block):
            return block
        hang = " " * len(re.findall(r"^(?:\s+\S.*?\s{2,}(?=\S)|\s*)", block)[0])  # the first column
        return textwrap.fill(block, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """An argument parser whose help is a manual, and that answers a bad value with one line on stderr and exit code 2.

    What begins with a heading in small letters, such as "examples:", stands below the options.
    """

    def __init__(self, prog: str, manual: str | None = None, **options: Any):
        description, *below = re.split(r"\n\n(?=[a-z][^\n]*:)", manual or "", maxsplit=1)
        super().__init__(prog, description=description, epilog="".join(below), formatter_class=Manual, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def positive_number(text: str) -> float:
    """Return an argument as a positive, finite float."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return number
