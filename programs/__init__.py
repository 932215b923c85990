"""What demos and benchmarks share: how a program begins, before NumPy is imported (see `programs.machine`), writes and ends."""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from programs import machine

machine.prepare(sys.argv)

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):  # a notebook's is another
        stream.reconfigure(errors="replace")  # a question mark for what a terminal's encoding does not have, such as × in ASCII


def run(main: Callable[[], int]) -> NoReturn:
    """End the program with what `main` returns.

    It is 130 and one line for Ctrl-C, 1 and one line for a full disk, and 1 and no word where nobody reads its output.
    """
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
        print("interrupted", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        code = 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        code = 1
        print(f"expected room on the disk, received: {error}", file=sys.stderr)
    sys.exit(code)
