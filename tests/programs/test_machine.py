"""The settings that demos and benchmarks make before NumPy is imported."""

import json
import os
import subprocess
import sys

import pytest
from pages import ROOT

from programs import machine
from programs.machine import physical_cores, prepare, settings

AVX512 = "avx512f avx512dq avx512cd avx512bw avx512vl"


def cpuinfo(vendor="AuthenticAMD", flags=f"fpu sse2 avx2 {AVX512} avx512vnni", cores=((0, 0), (0, 1))):
    """Return the text of a machine with one processor for each pair of socket and core."""
    return "".join(
        f"processor\t: {number}\nvendor_id\t: {vendor}\nmodel name\t: Some: CPU\nphysical id\t: {socket}\n"
        f"core id\t\t: {core}\nfpu\t\t: yes\nflags\t\t: {flags}\n\n"
        for number, (socket, core) in enumerate(cores)
    )


@pytest.fixture
def all_allowed(monkeypatch):
    """Let this process run on 64 processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.fixture
def clean(monkeypatch):
    """An environment in which nothing is set, in an interpreter without NumPy."""
    for name in ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NNLITE_BLAS_KERNEL"):
        monkeypatch.setenv(name, "")  # so that what a test sets is removed again
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.setattr(machine, "read_cpuinfo", cpuinfo)
    return monkeypatch


# --- the kernels


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        (cpuinfo(), "SkylakeX"),
        (cpuinfo(flags="fpu sse2 avx2"), None),
        (cpuinfo(flags=AVX512.replace("avx512dq ", "")), None),
        (cpuinfo(vendor="GenuineIntel"), None),
        (cpuinfo(vendor=""), None),
        ("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n\n", None),
        ("", None),
    ],
    ids=["AMD with AVX-512", "AMD without", "AMD without avx512dq", "Intel with AVX-512", "no vendor", "ARM", "not Linux"],
)
def test_kernels_are_chosen_for_an_amd_with_every_extension(text, kernel):
    assert settings(text, {}).get("OPENBLAS_CORETYPE") == kernel


@pytest.mark.parametrize("flag", AVX512.split())
def test_each_extension_is_needed(flag):
    flags = " ".join(other for other in AVX512.split() if other != flag)
    assert "OPENBLAS_CORETYPE" not in settings(cpuinfo(flags=flags), {})


def test_the_users_own_kernels_stay():
    assert "OPENBLAS_CORETYPE" not in settings(cpuinfo(), {"OPENBLAS_CORETYPE": "Zen"})


@pytest.mark.parametrize(("value", "chosen"), [("auto", False), ("", True), ("on", True)])
def test_the_switch_leaves_the_choice_of_kernels_to_openblas(value, chosen):
    assert ("OPENBLAS_CORETYPE" in settings(cpuinfo(), {"NNLITE_BLAS_KERNEL": value})) == chosen


# --- the threads


@pytest.mark.usefixtures("all_allowed")
@pytest.mark.parametrize(
    ("cores", "count"),
    [
        ([(0, 0)], 1),
        ([(0, 0), (0, 1)], 2),
        ([(0, 0), (0, 1), (0, 0), (0, 1)], 2),  # two threads a core
        ([(0, 0), (0, 1), (1, 0), (1, 1)], 4),  # two sockets whose cores are numbered alike
        ([(0, 0), (0, 8), (0, 9)], 3),  # numbers with gaps
    ],
)
def test_two_threads_of_a_core_are_counted_once(cores, count):
    assert physical_cores(cpuinfo(cores=cores)) == count
    assert settings(cpuinfo(cores=cores), {})["OMP_NUM_THREADS"] == str(count)


def test_only_processors_that_this_process_may_use_are_counted(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 5}, raising=False)
    assert physical_cores(cpuinfo(cores=[(0, 0), (0, 1), (0, 2), (0, 3), (0, 0), (0, 1)])) == 2


def test_without_cpuinfo_every_processor_that_may_be_used_counts(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert physical_cores("") == 3


@pytest.mark.usefixtures("all_allowed")
def test_more_threads_than_eight_are_not_used():
    assert settings(cpuinfo(cores=[(0, core) for core in range(20)]), {})["OMP_NUM_THREADS"] == "8"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_the_users_own_number_of_threads_stays(name):
    assert settings("", {name: "3"}) == {}


def test_a_number_on_the_command_line_wins_over_the_machine():
    assert settings("", {}, threads=20)["OMP_NUM_THREADS"] == "20"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_a_number_on_the_command_line_wins_over_the_environment(name):
    """OpenBLAS looks at OPENBLAS_NUM_THREADS first and at OMP_NUM_THREADS only without it."""
    environment = {name: "3"}
    environment.update(settings("", environment, threads=2))
    assert (environment.get("OPENBLAS_NUM_THREADS") or environment["OMP_NUM_THREADS"]) == "2"


# --- the environment of this process


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [
        (["demo", "--threads", "5"], "5"),
        (["demo", "--threads=5"], "5"),
        (["demo", "--epochs", "3", "--threads=5", "--seed", "1"], "5"),
        (["demo", "--threads", "6", "--threads", "5"], "5"),  # as the argument parser sees it
        (["demo"], "2"),
        ([], "2"),
        (["demo", "--threads"], "2"),
        (["demo", "--threads="], "2"),
        (["demo", "--threads", "0"], "2"),
        (["demo", "--threads", "-1"], "2"),
        (["demo", "--threads=many"], "2"),
        (["demo", "--threads=²"], "2"),
        (["demo", "--threads-of-fate", "5"], "2"),
    ],
)
@pytest.mark.usefixtures("all_allowed", "clean")
def test_the_command_line_may_name_the_threads(arguments, threads):
    prepare(arguments)
    assert os.environ["OMP_NUM_THREADS"] == threads


@pytest.mark.usefixtures("all_allowed", "clean")
def test_preparing_sets_kernels_and_threads():
    prepare([])
    assert (os.environ["OPENBLAS_CORETYPE"], os.environ["OMP_NUM_THREADS"]) == ("SkylakeX", "2")


@pytest.mark.usefixtures("all_allowed")
def test_preparing_comes_too_late_once_numpy_is_there(clean):
    clean.setitem(sys.modules, "numpy", object())
    prepare(["--threads", "5"])
    assert not {"OPENBLAS_CORETYPE", "OMP_NUM_THREADS"} & set(os.environ)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "BLAS threads: as many as the BLAS likes"),
        ({"OMP_NUM_THREADS": "3"}, "BLAS threads: 3"),
        ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "4"}, "BLAS threads: 4"),
        (
            {"OMP_NUM_THREADS": "3", "OPENBLAS_CORETYPE": "SkylakeX"},
            "BLAS threads: 3; OpenBLAS kernels: SkylakeX (NNLITE_BLAS_KERNEL=auto leaves the choice to OpenBLAS)",
        ),
    ],
)
def test_the_settings_are_described_in_one_line(clean, environment, line):
    for name, value in environment.items():
        clean.setenv(name, value)
    assert machine.describe() == line


def test_a_machine_without_cpuinfo_has_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "nothing")
    assert machine.read_cpuinfo() == ""


# --- in a fresh interpreter

REPORT = """
import json, os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            seen.update(os.environ)
seen, before = {}, dict(os.environ)
sys.meta_path.insert(0, Finder())
import {first}
early = "numpy" in sys.modules
import numpy
print(json.dumps([early, sorted(set(seen.items()) - set(before.items())), sorted(set(os.environ.items()) ^ set(before.items()))]))
"""


def fresh(first):
    """Import a package in a fresh interpreter: whether it imports NumPy, the variables set by then, and those set in the end."""
    names = {"OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NNLITE_BLAS_KERNEL"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", REPORT.replace("{first}", first)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def test_importing_the_demos_sets_the_variables_before_numpy_comes():
    early, before_numpy, finally_set = fresh("demos")
    assert not early
    assert before_numpy == finally_set == sorted(map(list, settings(machine.read_cpuinfo(), {}).items()))


def test_importing_the_library_sets_none():
    early, before_numpy, finally_set = fresh("nnlite")
    assert early
    assert before_numpy == finally_set == []
