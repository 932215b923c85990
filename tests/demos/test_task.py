"""The ten tasks: each fails with a sentence until its gap is filled, and passes with its solution."""

import functools
import re
import signal
import subprocess
import sys

import numba
import pytest
from pages import ROOT
from tiny_data import one_line, run_demo

from demos import task
from demos.shared.task_checks import CHECKS

SOLUTIONS = (ROOT / "docs/tasks/solutions.md").read_text(encoding="utf-8")


def solution(name):
    """Return the blocks of a task's solution."""
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", SOLUTIONS, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def fill(name, blocks):
    """Return a task's file with these blocks in place of its gaps."""
    source = (ROOT / f"docs/tasks/{name}.py").read_text(encoding="utf-8")
    gaps = re.findall(rf"^ *\S.*{task.GAP}$", source, re.MULTILINE)
    for gap, block in zip(gaps, blocks, strict=True):
        indent = " " * (len(gap) - len(gap.lstrip()))
        source = source.replace(gap, "\n".join(indent + line for line in block.splitlines()), 1)
    return source


def answer(name, blocks, folder, capsys):
    """Return the exit code and the sentence for a file with these blocks."""
    if name == "context" and numba.config.DISABLE_JIT:
        pytest.skip("the mixer's integers need the compiler")
    (folder / f"{name}.py").write_text(fill(name, blocks), encoding="utf-8")
    code = run_demo(task, name, "--out", folder)
    out, err = capsys.readouterr()
    assert err == "" and one_line(out)
    return code, out.strip()


def test_there_are_ten_tasks_each_with_a_file_a_row_and_a_solution():
    files = {path.stem for path in (ROOT / "docs/tasks").glob("*.py")}
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.py\) ", (ROOT / "docs/tasks/README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(CHECKS) and len(rows) == 10 and set(rows) == files
    assert re.findall(r"^## (\w+)$", SOLUTIONS, re.MULTILINE) == rows


@pytest.mark.parametrize("name", CHECKS)
def test_the_first_call_writes_the_file_and_the_next_says_that_the_gap_is_open(name, tmp_path, capsys):
    assert run_demo(task, name, "--out", tmp_path) == 0
    assert "read it, fill its gap" in capsys.readouterr().out
    assert (tmp_path / f"{name}.py").read_bytes() == (ROOT / f"docs/tasks/{name}.py").read_bytes()
    assert run_demo(task, name, "--out", tmp_path) == 1
    out = capsys.readouterr().out
    assert one_line(out)
    reasons = r"the gap in line \d+ is still open|expected fewer than 17 bytes a digit, received 22.*|the mixer's integers need .*"
    assert re.fullmatch(rf"not solved: ({reasons})\n", out)


@pytest.mark.parametrize("name", CHECKS)
def test_the_solution_solves_it(name, tmp_path, capsys):
    code, sentence = answer(name, solution(name), tmp_path, capsys)
    assert code == 0 and sentence.startswith("solved: "), sentence


@pytest.mark.parametrize(
    ("name", "blocks", "said"),
    [
        ("softsign", ["y = x / (1 + np.abs(x))", "pass"], "Softsign.fill_y is expected to write into the array"),
        ("softsign", ["y[...] = x / (1 + np.abs(x))", "dx[...] = dy * (1 - np.abs(y))"], "gradient with respect to x is wrong"),
        ("dropout", ["mask[kept] = 1"], "the mean of y where x is 1 should be about 1, received 0.25"),
        ("dropout", ["mask[~kept] = 4"], "a quarter of the numbers should be kept, received 0.75"),
        (
            "softsign",
            ["y[...] = x / (1 + np.abs(x))", "dx = dy * (1 - np.abs(y)) ** 2"],
            "Softsign.fill_dx is expected to write into the array",
        ),
        ("he", ["return rng.standard_normal(shape)"], "of shape (300, 200), received float64 of shape (300, 200)"),
        ("he", ["rng.standard_normal(shape)"], "of shape (300, 200), received None"),
        ("he", ["return (np.sqrt(2 / sum(shape)) * rng.standard_normal(shape)).astype(dtype)"], "after 30 layers"),
        ("he", ["return (np.sqrt(2 / shape[1]) * rng.standard_normal(shape)).astype(dtype)"], "for fan_in = 300"),
        ("momentum", ["u = momentum * u + g\nw -= learning_rate * u"], "after step 2"),
        ("warm_up", ["start + p", "p"], "at p = 0 should be 0.1, received None"),
        ("warm_up", ["return p / share", "return 1"], "at p = 0 should be 0.1, received 0.0"),
        ("warm_up", ["return start + (1 - start) * p / share", "return (1 + cos(pi * p)) / 2"], "at p = 0.2"),
        ("huber", ["gradient[...] = np.clip(r, -self.delta, self.delta)"], "should be [0.25, 0.5], received [1.0, 2.0]"),
        ("huber", ["gradient[...] = np.minimum(r, self.delta) / r.size"], "for r = −1 and r = −5"),
        ("tied", ["self.weight.add(dy.T @ x)\nreturn dy @ self.weight.value"], "with respect to bias"),
        ("tied", ["self.bias.add(dy.sum(axis=0))\nself.weight.add(x.T @ dy)"], "raises ValueError"),
        (
            "tied",
            ["self.bias.add(dy.sum(axis=0))\nself.weight.add(dy.T @ x)"],
            "expected backward to return an array, received None",
        ),
        ("tied", [solution("tied")[0].replace("weight.add(dy.T @ x)", "weight.gradient[...] = dy.T @ x")], "add to what is there"),
        ("batch_norm", ["return gamma * inverse * dy"], "the mean of dx over the samples"),
        ("batch_norm", ["return gamma * inverse * (dy - dy.mean(axis=0))"], "the mean of dx · x̂"),
        ("tile", [solution("tile")[0].replace("column[i]", "a[top + i, k]")], "expected at most 0.6 loads"),
        ("tile", [solution("tile")[0].replace("left + j", "j")], "c[0, 4] should be"),
        ("tile", [solution("tile")[0].replace("left + j", "j")], "is every tile taken from its own rows and columns"),
        ("context", ["return left, above, 9 * above"], "expected fewer than"),
        ("context", ["return left, 5000"], "expected a tuple of up to six numbers from 0 to 4095, received [0, 5000]"),
        ("context", ["pass"], "expected a tuple of up to six numbers from 0 to 4095, received None"),
        ("context", ["return ("], "is no Python"),
        ("he", ["exit()"], "line 16 raises SystemExit"),
        ("he", ["assert shape == dtype"], "line 16 raises AssertionError"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(name, blocks, said, tmp_path, capsys):
    code, sentence = answer(name, blocks, tmp_path, capsys)
    assert code == 1 and said in sentence


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["in a terminal", "in the background"])
def test_an_endless_loop_is_given_up_with_its_line(ctrl_c, tmp_path, capsys, monkeypatch, request):
    request.addfinalizer(functools.partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, ctrl_c)))
    monkeypatch.setattr(task, "PATIENCE", 0.01)
    code, sentence = answer("he", ["while True:\n    shape = shape"], tmp_path, capsys)
    assert code == 1 and re.fullmatch(r"not solved: line 1[67] has not ended after 0.01 seconds", sentence)


def test_ctrl_c_is_no_endless_loop(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        answer("he", ["raise KeyboardInterrupt"], tmp_path, capsys)


def test_a_context_sees_only_what_the_decoder_knows(tmp_path, capsys):
    code, sentence = answer("context", ["return (pixels[row, column],)"], tmp_path, capsys)
    assert code == 1 and float(re.search(r"received ([\d.]+)", sentence)[1]) > 40


def test_the_list_says_what_is_solved(tmp_path, capsys):
    (tmp_path / "he.py").write_text("print('not in the list')\n" + fill("he", solution("he")), encoding="utf-8")
    run_demo(task, "tied", "--out", tmp_path)
    capsys.readouterr()
    assert run_demo(task, "--out", tmp_path) == 0
    out = capsys.readouterr().out
    assert "not in the list" not in out
    states = dict(re.findall(r"^ *\d+  (\w+) +(not begun|solved|not solved)  ", out, re.MULTILINE))
    assert states == {name: {"he": "solved", "tied": "not solved"}.get(name, "not begun") for name in CHECKS}


def test_a_file_in_the_way_is_one_line_and_exit_code_2(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert run_demo(task, "he", "--out", tmp_path / "file") == 2
    assert one_line(capsys.readouterr().err) and (tmp_path / "file").read_text() == "mine"


def test_an_unknown_task_is_one_line_and_exit_code_2(capsys):
    assert run_demo(task, "unknown") == 2
    assert one_line(capsys.readouterr().err)


def test_the_manual_names_all_tasks():
    done = subprocess.run([sys.executable, "-m", "demos.task", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and all(name in done.stdout for name in CHECKS)
