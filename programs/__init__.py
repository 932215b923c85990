"""Shared by demos and benchmarks: the start of a program, before it imports NumPy (see `programs.machine`), and its end."""

import errno
import io
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from programs import machine

START = time.perf_counter()  # a program's time includes its imports
machine.prepare(sys.argv)

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):  # a notebook's is another
        stream.reconfigure(errors="replace")  # a question mark for characters that the terminal lacks, such as × in ASCII


def run(main: Callable[[], int]) -> NoReturn:
    """End the program with the exit code of `main`.

    After Ctrl-C it is 130, with one line; for a full disk 1, with one line; if nobody reads the output 1, silently.
    """
    try:
        code = main()
        print(end="", flush=True)
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
