"""A program killed while it writes over a file leaves the old one or the new one: a small sample of `tests.long.kill_writes`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_five_kills_leave_whole_files(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.long.kill_writes", "--kills", "5"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "5 kills" in done.stdout and "0 files that are neither the old nor the new one" in done.stdout
