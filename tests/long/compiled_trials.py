"""Runs of the tests against mutants of what exists only when it is compiled.

A function that is compiled already cannot be given other code, as `tests.long.trials` does it. So a copy of the package stands in a
folder that stays, each mutant in turn takes its module's place there, and a new process runs the tests. It starts with the machine
code of the copy without a mutant: the newer file makes stale what was compiled from it.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.long.mutations import Mutant

PATIENCE = 5  # the tests may take so many times the seconds that they take without a mutant, of the processor and by the clock
COMPILING = 100  # and so many seconds more


class CompiledTrials:
    """The trials of one module's mutants.

    Parameters
    ----------
    root : Path
        The repository.
    path : Path
        The module's file in it.
    files, slow : list of str
        The tests that are to notice its mutants, and those of them that are left out.
    folder : Path
        For the copy and its machine code.
    """

    def __init__(self, root: Path, path: Path, files: list[str], slow: list[str], folder: Path):
        self.copy, self.machine_code, self.log = folder / "copy", folder / "machine code", folder / "log"
        shutil.rmtree(self.copy, ignore_errors=True)
        for name in ("nnlite", "tests"):
            shutil.copytree(root / name, self.copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(root / "setup.cfg", self.copy)  # the settings of pytest
        self.module = self.copy / path.relative_to(root)
        options = ["-x", "-q", "-p", "no:cacheprovider", *(f"--deselect={test}" for test in slow)]
        self.command = [sys.executable, "-m", "pytest", *options, *files]

    def outcomes(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, str]]:
        """Yield each mutant with "killed", "timeout" or "survived"."""
        for _ in range(2):  # with all machine code the second time
            before = _seconds()
            if self._run(self.machine_code, (10_000, 10_000)) != "survived":
                raise SystemExit(f"{self.module.name}: the tests fail without a mutant:\n{self.log.read_text()[-3000:]}")
        seconds = tuple(COMPILING + int(PATIENCE * (end - start)) for start, end in zip(before, _seconds(), strict=True))
        source, its_own = self.module.read_text(), self.machine_code.with_name("its own machine code")
        for mutant in mutants:
            self.module.write_text(mutant.planted(source))
            shutil.rmtree(its_own, ignore_errors=True)
            shutil.copytree(self.machine_code, its_own)
            outcome = self._run(its_own, seconds)
            yield mutant, self._run(its_own, seconds) if outcome == "timeout" else outcome  # once more, with what it has compiled

    def _run(self, machine_code: Path, seconds: tuple[int, ...]) -> str:
        """Return how the tests end that may take so many seconds of the processor and, as they may wait, by the clock."""
        settings = {"PYTHONPATH": str(self.copy), "NUMBA_CACHE_DIR": str(machine_code), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")} | settings
        with self.log.open("w") as log:
            process = subprocess.Popen(self.command, cwd=self.copy, env=environment, stdout=log, stderr=log, start_new_session=True)
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (seconds[0], seconds[0]))
            try:
                status = process.wait(seconds[1])
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the programs that the tests have started end with them
                status = process.wait()
        return "survived" if status == 0 else "timeout" if status in (-signal.SIGXCPU, -signal.SIGKILL) else "killed"


def _seconds() -> tuple[float, float]:
    """Return the seconds that the programs that have ended took of the processor, and those of the clock."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime, time.monotonic()
