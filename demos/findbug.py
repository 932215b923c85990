"""Find the bug: the demo plants one small fault in a copy of nnlite; you find it with gradcheck and the tests.

Without arguments it lists the ten faults by their symptoms, easy ones first. Your own nnlite stays unchanged.

files written to --out:
  nnlite/, tests/  the copy
  train.py         a training that shows the fault
  answer.json      the hints and the answer

examples:
  python -m demos.findbug
  python -m demos.findbug 3
  python -m demos.findbug --hint
  python -m demos.findbug --random --seed 7

exit codes: 0 done, 1 --check finds the fault still there, 2 bad argument, 130 interrupted
"""

import argparse
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from demos.shared import command
from demos.shared.faults import FAULTS, Fault
from nnlite.files.whole_files import write_atomically

ROOT = Path(__file__).parents[1]
ROOMS = {
    "layers": "tests/layers",
    "losses.py": "tests/test_losses.py",
    "optimizers": "tests/optimizers",
    "kernels.py": "tests/test_kernels.py",
}
COPIED = ("nnlite", "tests", "setup.cfg")
WRITTEN = {*COPIED, "train.py", "answer.json"}
LEFT_BEHIND = {"__pycache__", ".pytest_cache", ".hypothesis"}  # by Python and by the tests
SETTINGS = {"NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}  # the loops run as Python: nothing is compiled for a copy
PATIENCE = 300  # seconds: a fault may make a loop endless
IMPORTS = "import numpy as np\n\nfrom nnlite import *\n"
TRAINING = '''"""A training that shows the fault: python train.py. Change it as you like."""

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"  # the loops run as plain Python: a print in them works, and the fault shows

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
    """List the faults, plant one, or help with the planted one; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    notes = options.out / "answer.json"
    if options.number is not None or options.random:
        make_room(parser, notes)
        copy(options.out)
        save(notes, plant_random(options) if options.random else plant_fault(options))
        place = shlex.quote(str(options.out))
        elsewhere = "" if options.out == parser.get_default("out") else f" --out {place}"
        print(GUIDE.format(place=place, command=parser.prog + elsewhere))
        return 0
    if not (options.hint or options.answer or options.check):
        for number, fault in enumerate(FAULTS, 1):
            print(f"{number:2}  {fault.symptom}")
        print("\nplant one with python -m demos.findbug NUMBER")
        return 0
    note = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else None
    if note is None:
        parser.error(f"expected a planted fault, received none in {str(options.out)!r}: plant one with python -m demos.findbug 1")
    if options.check:
        mended = run(note["notice"], options.out).returncode == 0
        print("mended: the check that noticed the fault now passes" if mended else "the fault is still there")
        return 0 if mended else 1
    if options.hint:
        shown = note["shown"] = min(note["shown"] + 1, len(note["hints"]))
        save(notes, note)
        last = " There is no nearer one; --answer says the rest." if shown == len(note["hints"]) else ""
        print(f"hint {shown} of {len(note['hints'])}: {note['hints'][shown - 1]}{last}")
    else:
        print(note["answer"])
    return 0


GUIDE = """
A copy of nnlite with the fault is in {place}; your own is unchanged. Find the fault there, in a second terminal:

  cd {place}
  export NUMBA_DISABLE_JIT=1        the loops run as plain Python, so you can print in them
  python -i train.py        the training, and then a prompt with its model, x, rng and all of nnlite
  >>> gradcheck(model, x[:3], rng=rng)        all layers in a row; does it pass?
  >>> gradcheck(ReLU(), rng.standard_normal((4, 5)), rng=rng)        one layer; try each of the model's
  >>> gradcheck_loss(MeanSquaredError(), rng.random((4, 5)), rng.random((4, 5)), rng=rng)
  python -m pytest -x -q tests/layers        or tests/optimizers, tests/test_losses.py, tests/test_kernels.py

Mend it there. In this terminal, {command} --check checks it; --hint and --answer help."""


def make_room(parser: command.Parser, notes: Path) -> None:
    """Make an empty folder for the copy. Delete an earlier copy, known by its notes, but nothing else."""
    folder = notes.parent
    command.output_folder(parser, folder)
    strange = {path.name for path in folder.iterdir()} - LEFT_BEHIND - (WRITTEN if notes.exists() else set())
    if strange:
        parser.error(
            f"argument --out: expected an empty folder or an earlier copy, received {str(folder)!r} "
            f"with {sorted(strange)[0]!r} in it: move that away"
        )
    save(notes, None)  # whatever happens from here on, the folder is known for a copy
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != notes:
            path.unlink()


def save(notes: Path, note: dict[str, Any] | None) -> None:
    """Write the hints, the answer and the check of the planted fault; None without a fault."""
    write_atomically(notes, json.dumps(note, indent=1, ensure_ascii=False).encode())


def plant_fault(options: argparse.Namespace) -> dict[str, Any]:
    """Plant the fault of a number, show its effect on the training, and return hints, answer and check."""
    fault = FAULTS[options.number - 1]
    source = (ROOT / "nnlite" / fault.file).read_text(encoding="utf-8")
    (options.out / "nnlite" / fault.file).write_text(source.replace(fault.before, fault.after), encoding="utf-8")
    (options.out / "train.py").write_text(training(fault), encoding="utf-8")
    print(f"fault {options.number}: {fault.symptom}\n\n{'without the fault':<42}with the fault")
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
    """Plant one of the mutation harness's faults that a test notices; return hints, answer and check."""
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
        (options.out / "nnlite" / file).write_text(mutant.planted(source), encoding="utf-8")
        tests = ["-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", ROOMS[room]]
        failed = [line for line in run(tests, options.out).stdout.splitlines() if line.startswith("FAILED ")]
        if failed:
            break
        (options.out / "nnlite" / file).write_text(source, encoding="utf-8")  # the fault changes nothing that matters
    test = failed[0].removeprefix("FAILED ").partition(" - ")[0]
    print(f"a test fails now: {test}")
    hints = list(dict.fromkeys(f"It is in {place}." for place in (f"nnlite/{room}", f"nnlite/{file}", mutant.where)))
    answer = f"nnlite/{file}, line {mutant.line}, before and after the arrow: {mutant.change}"
    return {"hints": hints, "answer": answer, "notice": [*tests[:-1], test], "shown": 0}


def copy(folder: Path) -> None:
    """Copy nnlite and its tests into a folder."""
    for name in COPIED:
        for path in (ROOT / name, *(ROOT / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                target = folder / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def run(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess:
    """Run Python in a folder, with that folder's nnlite."""
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(folder.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, *arguments]
    try:
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"it takes longer than {PATIENCE} seconds")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("findbug", __doc__)
    add, text = parser.add_mutually_exclusive_group().add_argument, f"plant this fault, 1 to {len(FAULTS)}, the later the harder"
    add("number", nargs="?", type=int, choices=range(1, len(FAULTS) + 1), metavar="NUMBER", help=text)
    add("--random", action="store_true", help="plant one of two thousand others, such as < in place of ≤")
    add("--hint", action="store_true", help="give a hint on the planted fault, and a nearer one each time")
    add("--answer", action="store_true", help="name the fault, and explain its symptom")
    add("--check", action="store_true", help="check whether you have mended it")
    parser.option("--seed", command.whole_number(0), None, "N", "of the random one (default another each time)")
    parser.option("--out", Path, Path("out/findbug"), "DIR", "where the copy is")
    return parser


if __name__ == "__main__":
    command.run(main)
