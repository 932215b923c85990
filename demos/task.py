"""Ten tasks to solve: fill a gap in a file, and be told in a sentence what is wrong with it.

Without a name the tasks are listed. The first call with a name writes the file, the others check what has become of it.

files written to --out:
  NAME.py  the task, for you to fill

examples:
  python -m demos.task
  python -m demos.task softsign

exit codes: 0 solved or just written, 1 not solved yet, 2 bad argument
"""

import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from demos.shared import command
from demos.shared.task_checks import CHECKS
from nnlite.files.whole_files import write_atomically

TASKS = Path(__file__).parents[1] / "docs" / "tasks"
GAP = "# gap"  # behind a line that the student replaces


def main(arguments: Sequence[str] | None = None) -> int:
    """List the tasks, or write or check one, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.name is None:
        for number, name in enumerate(CHECKS, 1):
            state = "not begun" if not place(options.out, name).exists() else verdict(options.out, name)[1].partition(":")[0]
            print(f"{number:2}  {name:<12}{state:<12}{summary(name)}")
        print("\nbegin one with python -m demos.task NAME; docs/tasks/README.md says how to work")
        return 0
    path = place(options.out, options.name)
    if not path.exists():
        command.output_folder(parser, options.out)
        write_atomically(path, (TASKS / path.name).read_bytes())
        print(f"{summary(options.name)}\n\n{path} is there: read it, fill its gap, and give the same command again")
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
    path = place(folder, name)
    try:
        task = ModuleType(f"task_{name}")
        exec(compile(path.read_bytes(), path, "exec"), task.__dict__)  # no cache: the file changes between two looks
        return True, f"solved: {CHECKS[name](task)}"
    except SyntaxError as error:
        return False, f"not solved: line {error.lineno} is no Python, {error.msg}"
    except AssertionError as error:
        return False, f"not solved: {error}"
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"line {lines[-1]}" if lines else "what it returns"
        if isinstance(error, NotImplementedError):
            return False, f"not solved: the gap in {where} is still open"
        return False, f"not solved: {where} raises {type(error).__name__}, {str(error).partition(chr(10))[0]}"


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.parser("task", __doc__)
    parser.add_argument("name", nargs="?", choices=list(CHECKS), metavar="NAME", help="of a task: %(choices)s")
    parser.option("--out", Path, Path("out/tasks"), "DIR", "where your files are")
    return parser


if __name__ == "__main__":
    command.run(main)
