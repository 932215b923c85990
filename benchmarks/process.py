"""Start the measured processes, with equal threads for all, and talk to them."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.adapters import Entry
from benchmarks.job import Job
from programs import machine

ROOT = Path(__file__).resolve().parents[1]
THREADS = machine.THREADS_VARIABLE
PATIENCE = 10  # seconds for a process to end by itself


class WorkerError(Exception):
    """A worker has ended without an answer; the message is its last line."""


class Worker:
    """The process of one framework. Use it in a `with` block, or close it.

    Parameters
    ----------
    entry : Entry
        The framework.
    job : Job
        The job to train.
    environment : dict
        The environment variables of the process.
    """

    def __init__(self, entry: Entry, job: Job, environment: dict[str, str]):
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", entry.adapter, job.to_json()],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        if kind is KeyboardInterrupt:
            self.process.kill()  # do not wait for its epoch
        self.close()

    def ask(self, command: str) -> dict:
        """Return the answer to a command, see `benchmarks.worker`.

        Raises
        ------
        WorkerError
            There is no answer.
        """
        try:
            self.process.stdin.write(f"{command}\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            self.process.kill()
            self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            raise WorkerError(lines[-1] if lines else f"ended with exit code {self.process.returncode}") from None

    def do_job(self) -> dict:
        """Ask for the whole job; "process_seconds" of the answer counts from the start of the process to its predictions."""
        answer = self.ask("job")
        return {**answer, "process_seconds": time.perf_counter() - self.started}

    def close(self) -> None:
        """End the process, if necessary by force."""
        try:
            self.process.stdin.close()  # the worker ends with its input
            self.process.wait(PATIENCE)
        except (OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextlib.contextmanager
def busy(count: int):
    """Let `count` other processes compute without end, as on a machine with other users; yield them."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield others
    finally:
        for other in others:
            other.kill()
            other.wait()


def default_threads() -> int:
    """Return the environment's or the machine's number of threads."""
    settings = {**machine.settings(machine.read_cpuinfo(), os.environ), **os.environ}
    value = settings.get("OPENBLAS_NUM_THREADS") or settings.get(THREADS, "1")
    return int(value) if value.isdecimal() and int(value) > 0 else 1


def environment(threads: int, caches: Path) -> dict[str, str]:
    """Return the environment of every worker.

    Parameters
    ----------
    threads : int
        For every library with a variable; `pin` limits the others.
    caches : Path
        A folder for the compiled code of nnlite (numba) and torch.compile. The first process of a run compiles into it, and all
        later ones load it, whatever was on the disk before.
    """
    variables = (THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **machine.settings(machine.read_cpuinfo(), os.environ),
        **dict.fromkeys(variables, str(threads)),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def own_choice_of_kernel(environment: dict[str, str]) -> dict[str, str] | None:
    """Return the environment without the choice of OpenBLAS's kernels; None if `programs.machine` makes no choice."""
    name = machine.KERNEL_VARIABLE
    without = {key: value for key, value in environment.items() if key != name}
    if machine.settings(machine.read_cpuinfo(), without).get(name) != environment.get(name):
        return None
    return {**without, machine.SWITCH_VARIABLE: "auto"} if name in environment else None


def pin(threads: int) -> None:
    """Keep this process on `threads` processors, first one of each core: JAX's XLA starts a thread for each that it sees."""
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0), key=lambda processor: (_position_in_core(processor), processor))
        os.sched_setaffinity(0, processors[:threads])


def _position_in_core(processor: int) -> int:
    """Return 0 for the first hardware thread of a core, 1 for the second."""
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    try:
        siblings = [int(number) for part in path.read_text().split(",") for number in part.split("-")]
    except (OSError, ValueError):
        return 0
    return int(processor != min(siblings))
