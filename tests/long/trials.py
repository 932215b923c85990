"""Runs of the tests against mutants, each in a fork of its own, so that nothing it breaks outlives it.

A trial comes in two forms. Most mutants are inside a function: nnlite is imported and its tests are collected once, a fork puts
the mutant's code and defaults into the function, and runs the tests until one fails, those first that failed for other mutants of
this function, then the quick ones. For the others, such as a module's constant, a fork imports and collects everything anew, with
the mutant in place of the file; so it does for a mutant that survives inside a function of a function, which may have run before.
"""

import contextlib
import functools
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import hypothesis
import pytest

from tests.long.mutations import Mutant

SETTINGS = {"NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
IMPORT = 99  # the exit status of a fork that cannot put a mutant into a function
MEMORY = 4 << 30  # bytes that a mutant may ask for
PATIENCE = 3  # a test may take so many times the processor time of the slowest without a mutant, and 0.3 s more
LONGEST = 120  # seconds by the clock, for what waits and takes no processor time
ALREADY_IMPORTED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # hypothesis, by this file


def prepare() -> None:
    """Import what all forks need, and make hypothesis draw the same examples each time."""
    os.environ.update(SETTINGS)
    import numba  # noqa: F401  # which reads the settings when it is imported

    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),  # the first example that fails is enough
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a code object in place of its file."""

    def __init__(self, name: str, code: CodeType):
        self.name, self.code = name, code

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        file = Path(self.code.co_filename)
        spec = importlib.util.spec_from_loader(name, self, origin=str(file), is_package=file.stem == "__init__")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(file.parent))
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self.code.co_filename
        exec(self.code, module.__dict__)


class Trials:
    """The trials of one module's mutants, and a plugin of pytest for their runs.

    Parameters
    ----------
    name : str
        Of the module, such as "nnlite.layers".
    path : Path
        Of its file.
    files : list of str
        The tests that are to notice its mutants.
    slow : list of str
        Those of them that are left out.
    folder : Path
        For what the forks write.
    """

    def __init__(self, name: str, path: Path, files: list[str], slow: list[str], folder: Path):
        self.name, self.folder = name, folder
        self.original = compile(path.read_text(), str(path), "exec")
        self.log, self.record = folder / "log", folder / "record"
        options = ["-x", "-q", "-s", "--tb=native", "-p", "no:cacheprovider", "-W", ALREADY_IMPORTED]
        self.arguments = [*options, *(f"--deselect={test}" for test in slow), f"--basetemp={folder / 'tests'}", *files]
        self.seconds: dict[str, float] = {}  # of processor time that each test takes without a mutant
        self.killers: defaultdict[str, Counter] = defaultdict(Counter)  # the tests that failed, for each function with mutants
        self.where = ""
        self.loop: Callable[[pytest.Session], None] | None = None

    def outcomes(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, str]]:
        """Yield each mutant with "killed", "timeout" or "survived"."""
        quick = dict(self._quick(mutants))
        if "import" in quick.values():
            self._expect_success(functools.partial(self._import_and_run, self.original), self._all_tests())
        for number, mutant in enumerate(mutants):
            outcome = quick[number]
            if outcome == "import":
                self.where = mutant.where
                outcome = self._fork(functools.partial(self._import_and_run, mutant.code), self._all_tests())
            yield mutant, outcome

    # What runs in forks

    def _quick(self, mutants: list[Mutant]) -> Iterator[tuple[int, str]]:
        """Yield the outcomes of quick trials; where there can be none, "import"."""
        results = self.folder / "quick"

        def loop(session: pytest.Session) -> None:
            self._expect_success(lambda: self._run(session, durations=True), LONGEST)
            self.seconds = json.loads(self.record.read_text())
            self._expect_success(lambda: self._run(session) if self._execute(self.original) else 1, self._all_tests())
            with results.open("w") as file:
                print(json.dumps(self.seconds), file=file)
                for number, mutant in enumerate(mutants):
                    self.where = mutant.where
                    function, is_nested = _function(sys.modules[self.name], mutant.where)
                    outcome = "import"
                    if function is not None:
                        run = functools.partial(self._patch_and_run, session, function, mutant)
                        outcome = self._fork(run, self._all_tests())
                    if is_nested and outcome == "survived":
                        outcome = "import"
                    print(json.dumps([number, outcome]), file=file, flush=True)

        self.loop = loop
        pid = os.fork()
        if pid == 0:
            with _exiting():
                os._exit(pytest.main(self.arguments, plugins=[self]))
        self.loop = None
        if _wait(pid, float("inf")) != 0:
            raise SystemExit(1)
        seconds, *lines = map(json.loads, results.read_text().splitlines())
        self.seconds = seconds
        yield from lines

    def _patch_and_run(self, session: pytest.Session, function: FunctionType, mutant: Mutant) -> int:
        other, _ = _function(self._execute(mutant.code), mutant.where)
        if function.__code__.co_freevars != other.__code__.co_freevars:  # as without a super()
            return IMPORT
        parts = ("__code__", "__defaults__", "__kwdefaults__")
        if all(getattr(function, part) == getattr(other, part) for part in parts):
            return IMPORT
        for part in parts:
            setattr(function, part, getattr(other, part))
        return self._run(session)

    def _execute(self, code: CodeType) -> ModuleType:
        """Return the module of this code; nothing imports it."""
        module = ModuleType(self.name)
        module.__file__ = code.co_filename
        exec(code, module.__dict__)
        return module

    def _import_and_run(self, code: CodeType) -> int:
        sys.meta_path.insert(0, Finder(self.name, code))
        return pytest.main(self.arguments, plugins=[self])

    def _run(self, session: pytest.Session, durations: bool = False) -> int:
        seconds = {}
        items = self._sorted(session.items)
        for item, following in zip(items, [*items[1:], None], strict=True):
            start = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.process_time() - start
            if session.testsfailed:
                return 1
        if durations:
            self.record.write_text(json.dumps(seconds))
        return 0

    # The plugin

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = self._sorted(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.loop is None:
            return None
        self.loop(session)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        # One limit for all, since the first test that needs a fixture waits for it. 0: none; SIGPROF ends the process.
        signal.setitimer(signal.ITIMER_PROF, 0.3 + PATIENCE * max(self.seconds.values()) if self.seconds else 0)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.record.write_text(report.nodeid)

    def _sorted(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Return the tests in the order in which they are likely to fail soonest."""
        here = self.killers[self.where]
        return sorted(items, key=lambda item: (-here[item.nodeid], self.seconds.get(item.nodeid, 0)))

    # Forks

    def _all_tests(self) -> float:
        return 10 + PATIENCE * sum(self.seconds.values())

    def _expect_success(self, run: Callable[[], int], seconds: float) -> None:
        """Run what has no mutant in the way of those that have one."""
        outcome = self._fork(run, seconds)
        if outcome != "survived":
            raise SystemExit(f"{self.name}: without a mutant the tests end as {outcome}:\n{self.log.read_text()[-3000:]}")

    def _fork(self, run: Callable[[], int], seconds: float) -> str:
        """Return how a run in a fork ends that may take so much processor time; what takes longer is tried once more."""
        outcome = self._fork_once(run, seconds)
        return self._fork_once(run, seconds) if outcome == "timeout" else outcome

    def _fork_once(self, run: Callable[[], int], seconds: float) -> str:
        self.record.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            with _exiting():
                os.setpgrp()
                log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(log, 1)
                os.dup2(log, 2)
                resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os._exit(run())
        status = _wait(pid, 10 * seconds + LONGEST)
        if status == IMPORT:
            return "import"
        if status > 0 and self.record.exists():
            self.killers[self.where][self.record.read_text()] += 1
        timeout = status in (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL)
        return "survived" if status == 0 else "timeout" if timeout else "killed"


def _function(module: ModuleType, where: str) -> tuple[FunctionType | None, bool]:
    """Return the outermost function of a place in a module, None if it is in none, and whether the place is further inside."""
    found = module
    parts = list(filter(None, where.split(".")))
    while parts and isinstance(found, ModuleType | type):
        found = vars(found).get(parts.pop(0))
        found = getattr(found, "fget", None) or getattr(found, "__func__", found)  # of properties and class methods
    return (found if isinstance(found, FunctionType) else None), bool(parts)


@contextlib.contextmanager
def _exiting():
    """In a fork: whatever is raised ends the process, and no code above runs twice."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, SystemExit) and isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        else:
            traceback.print_exc()
    finally:
        os._exit(1)


def _wait(pid: int, seconds: float) -> int:
    """Return the exit status of a fork, negative for a signal; it is killed after so many seconds by the clock."""
    end = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            end = float("inf")
        time.sleep(0.002)
