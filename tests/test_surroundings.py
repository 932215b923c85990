"""Where programs run: without a display, into a pipe, a file or a narrow terminal; and without SciPy."""

import contextlib
import os
import re
import subprocess
import sys

import pytest
from pages import ROOT
from tiny_codec import blobs
from tiny_data import write_data

SMALL = ["--latent", "4", "--epochs", "2", "--batch-size", "32", "--seed", "1"]
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), blobs(64, seed=1), blobs(32, seed=2))


def demo(data, out, **options):
    """Start demos.mnist as a program without a display, on small data, 30 columns wide."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    arguments = [sys.executable, "-W", "error", "-m", "demos.mnist", "--data", str(data), "--out", str(out), *SMALL]
    environment |= {"COLUMNS": "30", "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, **options)


def test_a_pipe_and_a_file_get_the_same_plain_lines(data, tmp_path):
    process = demo(data, tmp_path / "pipe", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    piped, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (0, b"")
    with open(tmp_path / "said", "wb") as file:
        assert demo(data, tmp_path / "file", stdout=file).wait(timeout=300) == 0
    said = (tmp_path / "said").read_text()
    assert "\r" not in said and "\x1b" not in said and said.count("epoch ") == 2
    steady = [re.sub(r"[0-9.]+ s\b.*", "", text) for text in (piped.decode(), said)]
    assert steady[0] == steady[1]
    assert len(list((tmp_path / "pipe").glob("*.png"))) == 4  # drawn without a display


@pytest.mark.skipif(os.name != "posix", reason="terminals are those of POSIX")
def test_a_narrow_terminal_gets_lines_that_can_be_redrawn(data, tmp_path):
    reader, writer = os.openpty()
    process = demo(data, tmp_path / "out", stdout=writer, stderr=writer)
    os.close(writer)
    said = b""
    with contextlib.suppress(OSError):  # with which Linux says that nobody writes any more
        while piece := os.read(reader, 2**16):
            said += piece
    os.close(reader)
    assert process.wait(timeout=300) == 0
    said = ESCAPES.sub("", said.decode())
    redrawn = [line for line in re.split(r"[\r\n]+", said) if line.startswith("epoch")]
    assert redrawn and max(map(len, redrawn)) < 30
    digits = [line for line in re.split(r"[\r\n]+", said) if re.search("[▀▄█]", line)]
    assert digits and max(map(len, digits)) <= 30


WITHOUT_SCIPY = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError("No module named 'scipy'", name="scipy")
sys.meta_path.insert(0, Refuse())
import numpy as np, nnlite
from nnlite.codec import commands
rng = np.random.default_rng(1)
model = nnlite.Sequential([nnlite.Dense(4, 3, rng=rng), nnlite.ReLU(), nnlite.Dense(3, 4, rng=rng)])
model.compile("adam", "mse")
model.fit(rng.random((8, 4)), rng=rng, verbose=False)
assert nnlite.gradcheck(model, rng.random((2, 4)), rng=rng, directions=1)
assert not any(name.partition(".")[0] == "scipy" for name in sys.modules)
"""


def test_training_works_where_there_is_no_scipy():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_SCIPY], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- terminals that are not UTF-8


def run_with(encoding, *arguments, **options):
    """Run a program of this house whose standard output and error have another encoding."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment |= options.pop("variables", {})
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    return subprocess.run(command, cwd=options.pop("cwd", ROOT), env=environment, capture_output=True, timeout=300, **options)


MANUALS = [["-m", "nnlite"], ["-m", "demos"], ["demos/minimal.py"], ["-m", "benchmarks.codecs"]]


@pytest.mark.parametrize("command", MANUALS, ids=lambda command: command[-1])
def test_a_manual_is_written_in_ascii_where_there_is_nothing_else(command):
    done = run_with("ascii", *command, "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("ascii")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii:strict", "utf-16"])
def test_a_manual_is_written_in_any_encoding(encoding):
    done = run_with(encoding, "-m", "nnlite", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding.partition(":")[0])
    assert "28 × 28" in text or "28 ? 28" in text


def test_a_locale_of_ascii_alone_is_enough(tmp_path):
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run_with("", "-m", "nnlite", "compress", "--help", variables=plain)
    assert (done.returncode, done.stderr) == (0, b"")
    done = run_with("", "-m", "nnlite", "info", tmp_path / "Größe ×", variables=plain)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and b"No such file or directory" in done.stderr


def test_an_error_is_written_in_ascii(tmp_path):
    (tmp_path / "file").write_bytes(b"P5 4 2 255\n" + bytes(8))
    done = run_with("ascii", "-m", "nnlite", "compress", "file", "new", "--codec", "digits", cwd=tmp_path)
    assert done.returncode == 1
    assert b"this codec was trained for grey images of 28 ? 28 pixels, received 2 ? 4 pixels" in done.stderr


def test_a_demo_runs_in_ascii_from_its_first_line_to_its_last(data, tmp_path):
    done = run_with("ascii", "-m", "demos.mnist", "--data", data, "--out", tmp_path / "out", *SMALL)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "8 ? 8" in done.stdout.decode("ascii")
