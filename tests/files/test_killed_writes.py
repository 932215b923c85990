"""A program killed while it writes over a file leaves the old one or the new one: a small sample of `tests.long.kill_writes`."""

import os
import shutil
import subprocess
import sys

import pytest
from pages import ROOT

FAILS = """
import os, sys, tempfile
from pathlib import Path
from tests.long import kill_writes
parent, kill_writes.LONGEST = os.getpid(), 4.0
def write(path, data):
    if os.getpid() != parent:
        raise OSError("the disk is gone")
    path.write_bytes(data)
kill_writes.writers = lambda: {"file": [lambda path, data=data: write(path, data) for data in (b"1", b"2")]}
with tempfile.TemporaryDirectory() as folder:
    try:
        kill_writes.kill_writes(1, 1, Path(folder))
    except RuntimeError as error:
        print(error, (Path(folder) / "file").exists())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_five_kills_leave_whole_files(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.long.kill_writes", "--kills", "5"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "5 kills" in done.stdout and "0 files that are neither the old nor the new one" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_writer_that_fails_says_so_once_and_cleans_up_nothing_of_its_parents():
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", FAILS], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout == "expected a writer that writes until it is killed, received one that failed: see above True\n"
    assert done.stderr.count("OSError: the disk is gone") == 1 and done.stderr.count("Traceback") == 1


@pytest.mark.parametrize(
    "command",
    [[sys.executable, "-m", "tests.long.atheris_fuzz", "--help"], [sys.executable, "-m", "tests.long.kill_writes", "--help"],
     pytest.param([".ci/environments", "--help"], marks=pytest.mark.skipif(
         not (ROOT / ".ci").is_dir() or shutil.which("bash") is None, reason="a script of the project's sources"))],
    ids=["atheris_fuzz", "kill_writes", "environments"],
)  # fmt: skip
def test_long_tests_explain_themselves_without_what_they_need(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 200
