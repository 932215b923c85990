"""Solve ten tasks: fill a gap in a file; the demo checks it and says in a sentence what is wrong.

Without a name it lists the tasks. The first call with a name writes the file, later calls check it.

files written to --out:
  NAME.py  the task, for you to fill

examples:
  python -m demos.task
  python -m demos.task softsign

exit codes: 0 solved or just written, 1 not solved yet, 2 bad argument, 130 interrupted
"""

import contextlib
import ctypes
import io
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from demos.shared import command
from demos.shared.task_checks import CHECKS
from nnlite.files.whole_files import write_atomically

TASKS = Path(__file__).parents[1] / "docs" / "tasks"
GAP = "# gap"  # marks a line to replace
PATIENCE = 30  # seconds: a loop in the student's file may be endless


class TakesTooLong(BaseException):
    """A student's file has not ended; no Exception, which the file might catch itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """List the tasks, or write or check one, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.name is None:
        for number, name in enumerate(CHECKS, 1):
            with contextlib.redirect_stdout(io.StringIO()):  # what the student's file prints
                state = "not begun" if not place(options.out, name).exists() else verdict(options.out, name)[1].partition(":")[0]
            print(f"{number:2}  {name:<12}{state:<12}{summary(name)}")
        print("\nbegin one with python -m demos.task NAME; docs/tasks/README.md says how to work")
        return 0
    path = place(options.out, options.name)
    if not path.exists():
        command.output_folder(parser, options.out)
        write_atomically(path, (TASKS / path.name).read_bytes())
        print(f"{summary(options.name)}\n\n{path} is there: read it, fill its gap, and run the same command again")
        return 0
    solved, sentence = verdict(options.out, options.name)
    print(sentence)
    return 0 if solved else 1


def place(folder: Path, name: str) -> Path:
    """Return where the student's file of a task is."""
    return folder / f"{name}.py"


def summary(name: str) -> str:
    """Return a task's first line."""
    return (TASKS / f"{name}.py").read_text(encoding="utf-8").removeprefix('"""').partition("\n")[0]


def verdict(folder: Path, name: str) -> tuple[bool, str]:
    """Check a student's file; return whether it is solved, and the sentence to say."""
    path, thread = place(folder, name), ctypes.c_ulong(threading.get_ident())
    # Raised in this thread without a signal: SIGINT is ignored in what a shell has put into the background.
    give_up = ctypes.pythonapi.PyThreadState_SetAsyncExc
    watch = threading.Timer(PATIENCE, give_up, (thread, ctypes.py_object(TakesTooLong)))
    watch.start()
    try:
        task = ModuleType(f"task_{name}")
        exec(compile(path.read_bytes(), path, "exec"), task.__dict__)  # not cached, because the file changes
        return True, f"solved: {CHECKS[name](task)}"
    except (Exception, SystemExit, TakesTooLong) as error:
        return False, f"not solved: {reason(error, path)}"
    finally:
        watch.cancel()


def reason(error: BaseException, path: Path) -> str:
    """Return what is wrong with the student's file, from the error of its check."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    where = f"line {lines[-1]}" if lines else "the check"
    if isinstance(error, SyntaxError):
        return f"{f'line {error.lineno}' if error.lineno else 'the file'} is no Python, {error.msg}"
    if isinstance(error, AssertionError) and frames[-1].filename != str(path):
        return str(error)
    if isinstance(error, NotImplementedError):
        return f"the gap in {where} is still open"
    if isinstance(error, TakesTooLong):
        return f"{where} has not ended after {PATIENCE} seconds"
    said = str(error).partition("\n")[0]
    return f"{where} raises {type(error).__name__}{', ' if said else ''}{said}"


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("task", __doc__)
    parser.add_argument("name", nargs="?", choices=list(CHECKS), metavar="NAME", help="of a task: %(choices)s")
    parser.option("--out", Path, Path("out/tasks"), "DIR", "where your files are")
    return parser


if __name__ == "__main__":
    command.run(main)
