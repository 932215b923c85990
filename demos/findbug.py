"""Find the bug: a copy of nnlite with one small fault in it, for you to find with gradcheck and the tests.

Without arguments the ten faults are listed by what one notices of them, easy ones first. Your own nnlite stays as it is.

files written to --out:
  nnlite/, tests/  the copy
  train.py         the training in which the fault shows
  answer.json      what --hint and --answer say

examples:
  python -m demos.findbug
  python -m demos.findbug 3
  python -m demos.findbug --hint
  python -m demos.findbug --random --seed 7

exit codes: 0 done, 1 --check finds the fault still there, 2 bad argument
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from demos.shared import command
from demos.shared.faults import FAULTS, Fault

ROOT = Path(__file__).parents[1]
ROOMS = {
    "layers": "tests/layers",
    "losses": "tests/losses",
    "optimizers": "tests/optimizers",
    "kernels.py": "tests/test_kernels.py",
}
PARTS = {"nnlite", "tests", "setup.cfg", "train.py", "answer.json", "last"}  # of a copy
SETTINGS = {"NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}  # the loops run as Python: nothing is compiled for a copy
PATIENCE = 300  # seconds: a fault may make a loop endless
IMPORTS = "import numpy as np\n\nfrom nnlite import *\n"
TRAINING = '''"""The training in which the fault shows: python train.py. Change it as you like."""

{imports}

def small(images):
    """Return images (N, 28, 28) as (N, 49), means of 4 x 4 pixels, from 0 to 1."""
    return images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 49) / 255


data, rng = datasets.load_mnist(), np.random.default_rng(0)
x, new_x = small(data.train_images[:400]), small(data.test_images[:400])
{targets}
model = Sequential([{model}])
model.compile({training})
model.fit(x, t, epochs=5, batch_size=25, rng=rng, validation_data=(new_x, new_t))
'''
LABELS = "t, new_t = (datasets.one_hot(labels[:400], 10) for labels in (data.train_labels, data.test_labels))"


def main(arguments: Sequence[str] | None = None) -> int:
    """List the faults, plant one, or help with the one that is planted; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    notes = options.out / "answer.json"
    if options.number is not None or options.random:
        make_room(parser, options.out)
        note = plant_random(options) if options.random else plant_fault(options)
        notes.write_text(json.dumps(note, indent=1, ensure_ascii=False), encoding="utf-8")
        print(GUIDE.format(folder=options.out))
        return 0
    if not (options.hint or options.answer or options.check):
        for number, fault in enumerate(FAULTS, 1):
            print(f"{number:2}  {fault.symptom}")
        print("\nplant one with python -m demos.findbug NUMBER")
        return 0
    if not notes.exists():
        parser.error(f"expected a planted fault, received none in {str(options.out)!r}: plant one with python -m demos.findbug 1")
    note = json.loads(notes.read_text(encoding="utf-8"))
    if options.check:
        mended = run(note["notice"], options.out).returncode == 0
        print("mended: what noticed the fault is silent now" if mended else "the fault is still there")
        return 0 if mended else 1
    if options.hint:
        shown = note["shown"] = min(note["shown"] + 1, len(note["hints"]))
        notes.write_text(json.dumps(note, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"hint {shown} of {len(note['hints'])}: {note['hints'][shown - 1]}")
    else:
        print(note["answer"])
    return 0


GUIDE = """
A copy of nnlite with the fault is in {folder}; your own is as it was. To find it there:

  cd {folder}
  export NUMBA_DISABLE_JIT=1        the loops run as plain Python, and a print in them works
  python -i train.py        the training, and then a prompt with its model, x, rng and all of nnlite
  >>> gradcheck(model, x[:3], rng=rng)        all layers in a row; does it pass?
  >>> gradcheck(ReLU(), rng.standard_normal((4, 5)), rng=rng)        one layer; try each of the model's
  >>> gradcheck_loss(MeanSquaredError(), rng.random((4, 5)), rng.random((4, 5)), rng=rng)
  python -m pytest -x -q tests/layers        or tests/losses, tests/optimizers, tests/test_kernels.py

Mend it there, and let python -m demos.findbug --check look. --hint and --answer help."""


def make_room(parser: command.Parser, folder: Path) -> None:
    """Make an empty folder for the copy; an earlier copy may go, but nothing else is touched."""
    command.output_folder(parser, folder)
    strange = {path.name for path in folder.iterdir()} - {*PARTS, "__pycache__"}
    if strange or ((folder / "nnlite").exists() and not (folder / "answer.json").exists()):
        parser.error(
            f"argument --out: expected an empty folder or an earlier copy, received {str(folder)!r} with other files in it"
        )
    shutil.rmtree(folder)
    folder.mkdir()


def plant_fault(options: argparse.Namespace) -> dict[str, Any]:
    """Plant the fault of a number, show what training does, and return what hints, answer and check need."""
    fault = FAULTS[options.number - 1]
    source = (ROOT / "nnlite" / fault.file).read_text(encoding="utf-8")
    copy(options.out, fault.file, source.replace(fault.before, fault.after))
    (options.out / "train.py").write_text(training(fault), encoding="utf-8")
    print(f"fault {options.number}: {fault.symptom}\n\n{'as it should be':<42}as it is now")
    right, wrong = (run(["-c", training(fault)], folder) for folder in (ROOT, options.out))
    epochs = [line.rpartition("  ")[0] for line in right.stdout.splitlines()]
    others = [line.rpartition("  ")[0] for line in wrong.stdout.splitlines()] + wrong.stderr.splitlines()[-1:]
    for epoch, other in zip_longest(epochs, others, fillvalue=""):
        print(f"{epoch:<42}{other}")
    line = source[: source.index(fault.before)].count("\n") + 1
    answer = (
        f"nnlite/{fault.file}, line {line}: expected {fault.before.strip()!r}, received {fault.after.strip()!r}.\n{fault.answer}"
    )
    answer += f"\nThis notices it: {fault.notice}"
    return {"hints": fault.hints, "answer": answer, "notice": notice(fault), "shown": 0}


def training(fault: Fault) -> str:
    """Return the program of a fault's training."""
    targets = LABELS if "CrossEntropy" in fault.training else "t, new_t = x, new_x"
    return TRAINING.format(imports=IMPORTS, targets=targets, model=fault.model, training=fault.training)


def notice(fault: Fault) -> list[str]:
    """Return the arguments of Python that raise an error because of the fault."""
    return ["-c", f"{IMPORTS}rng = np.random.default_rng(0)\n{fault.notice}"]


def plant_random(options: argparse.Namespace) -> dict[str, Any]:
    """Plant one of the mutation harness's faults that a test notices; return what hints, answer and check need."""
    from tests.long.mutations import mutants

    rng = random.Random(options.seed)
    print("looking for a fault that a test notices ...", flush=True)
    while True:
        room = rng.choice(list(ROOMS))
        path = rng.choice(sorted((ROOT / "nnlite" / room).glob("*.py")) or [ROOT / "nnlite" / room])
        source = path.read_text(encoding="utf-8")
        found = [mutant for mutant in mutants(source, str(path)) if mutant.where]
        if not found:
            continue
        mutant, file = rng.choice(found), path.relative_to(ROOT / "nnlite").as_posix()
        copy(options.out, file, mutant.planted(source))
        tests = ["-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", ROOMS[room]]
        failed = [line for line in run(tests, options.out).stdout.splitlines() if line.startswith("FAILED ")]
        if failed:  # else it changes nothing that matters
            break
    test = failed[0].removeprefix("FAILED ").partition(" - ")[0]
    print(f"a test fails now: {test}")
    hints = [f"It is in the room nnlite/{room}.", f"It is in nnlite/{file}.", f"It is in {mutant.where}."]
    answer = f"nnlite/{file}, line {mutant.line}, before and after the arrow: {mutant.change}"
    return {"hints": hints, "answer": answer, "notice": [*tests[:-1], test], "shown": 0}


def copy(folder: Path, file: str, source: str) -> None:
    """Copy nnlite and its tests into a folder, with another source for one of the package's files."""
    for name in ("nnlite", "tests", "setup.cfg"):
        if not (folder / name).exists():
            place = ROOT / name
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(place, folder / name, ignore=ignored) if place.is_dir() else shutil.copy(place, folder / name)
    if (folder / "last").exists():  # a fault that nothing noticed
        last = (folder / "last").read_text()
        shutil.copy(ROOT / "nnlite" / last, folder / "nnlite" / last)
    (folder / "nnlite" / file).write_text(source, encoding="utf-8")
    (folder / "last").write_text(file)


def run(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess:
    """Run Python in a folder, with the nnlite that is there."""
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(folder.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, *arguments]
    try:
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"it takes longer than {PATIENCE} seconds")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.parser("findbug", __doc__)
    add, text = parser.add_argument, f"plant this fault, 1 to {len(FAULTS)}, the later the harder"
    add("number", nargs="?", type=int, choices=range(1, len(FAULTS) + 1), metavar="NUMBER", help=text)
    add("--random", action="store_true", help="plant one of two thousand others, such as < for <=")
    parser.option("--seed", command.whole_number(0), None, "N", "of the random one", "another each time")
    add("--hint", action="store_true", help="give a hint on the planted fault, and a nearer one each time")
    add("--answer", action="store_true", help="say what the fault is, and why it shows as it does")
    add("--check", action="store_true", help="look whether you have mended it")
    parser.option("--out", Path, Path("out/findbug"), "DIR", "where the copy is")
    return parser


if __name__ == "__main__":
    command.run(main)
