"""Compiled or not, cached or not: the same results."""

import json
import os
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest
from pages import ROOT

from nnlite.jit import FASTMATH, jit

TRAIN = """
import json
import numpy as np
import nnlite
rng = np.random.default_rng(3)
layers = [nnlite.Flatten(), nnlite.Dense(36, 4, rng=rng), nnlite.ReLU(), nnlite.Dense(4, 36, rng=rng), nnlite.Sigmoid()]
model = nnlite.Sequential([*layers, nnlite.Reshape((6, 6))], input_shape=(6, 6))
model.compile("adam", "mse")
x = rng.integers(0, 256, (20, 6, 6), dtype=np.uint8)
history = model.fit(x, epochs=2, batch_size=8, rng=rng, verbose=False).history
weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
print(json.dumps({"loss": [float(loss) for loss in history["loss"]], "weights": weights.tolist()}))
"""

RESULT = "[6.0, 4.0, 2.0, 0.0, -1.0, -2.0, -3.0]\n"
KERNELS = """
import numpy as np
from nnlite import kernels
x, y = np.arange(-3, 4, dtype=np.float32), np.empty(7, np.float32)
kernels.relu(x, y)
kernels.sgd(y, x, 2.0)
print(y.tolist())
"""


def start(code, folder=ROOT, **environment):
    """Start a fresh interpreter in this folder, with these variables and none that steer numba."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process):
    """Return what a process wrote to its two streams when it has ended well."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out, error


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The result of the training with compiled kernels and a fresh cache, and the folder of that cache."""
    cache = tmp_path_factory.mktemp("cache")
    out, error = output(start(TRAIN, NUMBA_CACHE_DIR=str(cache)))
    assert error == ""
    return json.loads(out), cache


def assert_close(received, expected):
    assert received["loss"] == pytest.approx(expected["loss"], abs=1e-6)
    np.testing.assert_allclose(received["weights"], expected["weights"], rtol=0, atol=1e-6)


def test_training_without_the_compiler_gives_the_same(compiled):
    out, error = output(start(TRAIN, NUMBA_DISABLE_JIT="1"))
    assert error == ""
    assert_close(json.loads(out), compiled[0])


def test_compiled_kernels_are_kept_on_disk(compiled):
    names = {path.name.partition("-")[0] for path in compiled[1].rglob("*.nbc")}
    rows = {f"row_functions.{name}" for name in ("relu", "sigmoid", "mean_squared_error", "adam")}
    assert {"compiled_loops.work", *rows} <= names


def test_a_second_process_compiles_nothing_and_gets_the_same_bits(compiled):
    expected, cache = compiled
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}
    out, _ = output(start(TRAIN, NUMBA_CACHE_DIR=str(cache)))
    assert json.loads(out) == expected
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")} == before


STAMP = """
from nnlite.codec.photographs import coefficients
print(coefficients.code_plane._cache._cache_file._source_stamp[1:])
"""


def test_programs_that_import_kernels_in_another_order_share_their_machine_code():
    one, other = (output(start(program + STAMP))[0] for program in ("", "import nnlite.codec.lossless"))
    assert one == other != ""


@pytest.fixture
def read_only(tmp_path):
    """A copy of the package where no cache can be made, for no user: where its folders would be there are files."""
    shutil.copytree(ROOT / "nnlite", tmp_path / "nnlite", ignore=shutil.ignore_patterns("data", "__pycache__"))
    for package in (tmp_path / "nnlite", tmp_path / "nnlite" / "codec"):
        (package / "__pycache__").write_text("a file, so that there can be no folder of this name")
    (tmp_path / "home").write_text("a file as well")
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows finds a user's folder without the environment")
def test_a_read_only_installation_without_a_home_works_with_one_warning(read_only, compiled):
    nowhere = str(read_only / "home" / "cache")
    process = start(TRAIN, read_only, HOME=nowhere, XDG_CACHE_HOME=nowhere)
    out, error = output(process)
    assert_close(json.loads(out), compiled[0])
    assert error.count("UserWarning") == 1
    assert "kernels are compiled anew in this process, their cache cannot be used" in error


# --- whatever is wrong with the cache


def halve(x, y):
    for i in range(x.size):
        y[i] = 0.5 * x[i]


def computes(kernel):
    y = np.empty(3)
    kernel(np.array([1.0, 2.0, 3.0]), y)
    return y.tolist() == [0.5, 1.0, 1.5]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of a cache that holds one kernel; what is wrong with it has not been said yet."""
    if numba.config.DISABLE_JIT:
        pytest.skip("about compiled code")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("nnlite.jit._said", [])
    assert computes(jit(halve))
    return tmp_path


def put_a_folder_there(path):
    path.unlink()
    path.mkdir()


def flip_a_bit(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 16
    path.write_bytes(data)


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another text": lambda path: path.write_bytes(b"404 Not Found\n"),
    "a folder": put_a_folder_there,
}
CODE_DAMAGE = {
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a bit of the machine code flipped": lambda path: flip_a_bit(path, path.stat().st_size // 2),
    "the last bit flipped": lambda path: flip_a_bit(path, -1),
}
CASES = [("nbi", name, damage) for name, damage in DAMAGE.items()]
CASES += [("nbc", name, damage) for name, damage in (DAMAGE | CODE_DAMAGE).items()]


@pytest.mark.parametrize(("ending", "name", "damage"), CASES, ids=[f"{ending}-{name}" for ending, name, _ in CASES])
def test_a_damaged_cache_is_compiled_anew_with_one_warning_and_is_whole_again(cache, monkeypatch, ending, name, damage):
    (path,) = cache.rglob(f"*.{ending}")
    damage(path)
    with pytest.warns(UserWarning, match="kernels are compiled anew in this process, their cache cannot be used") as caught:
        assert computes(jit(halve)) and computes(jit(halve))
    assert len(caught) == 1
    monkeypatch.setattr("nnlite.jit._said", [])
    if name != "a folder":
        kernel = jit(halve)
        assert computes(kernel)
        assert sum(kernel.stats.cache_hits.values()) == 1


def test_a_cache_on_a_full_disk_is_said_once_and_no_error(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for path in cache.rglob("*.nb?"):
        path.unlink()
    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match=r"cannot be used \(OSError: .* No space left on device\): set NUMBA_CACHE_DIR") as caught:
        assert computes(jit(halve)) and computes(jit(halve))
    assert len(caught) == 1
    assert list(cache.rglob("*.nb?*")) == []


@pytest.mark.skipif(os.name != "posix", reason="files are limited as on POSIX")
def test_a_command_runs_where_the_cache_has_no_room(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"  # of any file, in bytes
    out, error = output(start(limit + KERNELS, NUMBA_CACHE_DIR=str(tmp_path)))
    assert out == RESULT
    assert error.count("UserWarning: kernels are compiled anew") == 1 and "File too large" in error


def test_two_processes_can_fill_one_cache_at_once(tmp_path):
    processes = [start(KERNELS, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    for process in processes:
        assert output(process) == (RESULT, "")
    assert output(start(KERNELS, NUMBA_CACHE_DIR=str(tmp_path)))[1] == ""
    assert len(list(tmp_path.rglob("*.nbi"))) == 2


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="about compiled code")
def test_division_by_zero_is_infinite_as_in_numpy(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # a cache of its own: an old one would hide a change of the flags

    @jit
    def divide(x, y):
        for i in range(x.size):
            y[i] = 1 / x[i]

    y = np.empty(3)
    divide(np.array([0.0, -0.5, np.nan]), y)
    assert y[0] in (np.inf, -np.inf)
    assert y[1] == -2
    assert np.isnan(y[2])


def test_the_compiler_may_not_assume_that_nan_and_infinity_are_absent():
    assert isinstance(FASTMATH, set)  # True would mean all of it
    assert {"fast", "nnan", "ninf"} & FASTMATH == set()
