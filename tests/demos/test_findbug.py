"""Find the bug: each of the ten faults is planted in a copy only, shows in a training, and is noticed; hints lead to it."""

import ast
import os
import re
import shutil
import sys
from subprocess import CompletedProcess, run

import pytest
from pages import ROOT
from tiny_data import one_line, run_demo

from demos import findbug
from demos.shared.faults import FAULTS
from tests.long import mutations

NUMBERS = range(1, len(FAULTS) + 1)


def ask(folder, capsys, *arguments):
    """Return the exit code and what findbug says."""
    code = run_demo(findbug, "--out", folder, *arguments)
    out, err = capsys.readouterr()
    assert err == ""
    return code, out.strip()


def test_there_are_ten_faults_and_the_list_says_what_one_notices(tmp_path, capsys):
    assert len(FAULTS) == 10
    _, out = ask(tmp_path, capsys)
    assert re.findall(r"^ *(\d+)  (.*)$", out, re.MULTILINE) == [(str(n), FAULTS[n - 1].symptom) for n in NUMBERS]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_fault_has_one_place_in_a_layer_a_loss_an_optimizer_or_a_kernel(number):
    fault = FAULTS[number - 1]
    assert (ROOT / "nnlite" / fault.file).read_text(encoding="utf-8").count(fault.before) == 1
    assert fault.file.partition("/")[0] in findbug.ROOMS


@pytest.mark.parametrize("number", NUMBERS)
def test_gradcheck_or_a_test_notices_the_fault_and_nothing_else(number, tmp_path):
    fault = FAULTS[number - 1]
    _, program = findbug.notice(fault)
    exec(program, {})  # nnlite as it is
    ignored = shutil.ignore_patterns("__pycache__", "data", "*.safetensors")
    shutil.copytree(ROOT / "nnlite", tmp_path / "nnlite", ignore=ignored)
    path = tmp_path / "nnlite" / fault.file
    path.write_text(path.read_text(encoding="utf-8").replace(fault.before, fault.after), encoding="utf-8")
    done = findbug.run(findbug.notice(fault), tmp_path)
    assert done.returncode == 1 and re.search(r"^(nnlite\.gradcheck\.GradientError: |AssertionError)", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_hint_gives_the_line_away(number):
    fault = FAULTS[number - 1]
    assert len(fault.hints) >= 2
    words = set(re.findall(r"\w*_\w+|\w+\(", fault.before))  # names of code
    assert not any(word in hint for hint in fault.hints for word in words | {fault.before.strip(), fault.after.strip()})


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder with the first fault, and what was said."""
    folder = tmp_path_factory.mktemp("planted") / "copy"
    before = {path: path.read_bytes() for path in (ROOT / "nnlite").rglob("*.py")}
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr("builtins.print", lambda *words, **_: said.append(" ".join(map(str, words))))
        assert findbug.main(["1", "--out", str(folder)]) == 0
    assert before == {path: path.read_bytes() for path in (ROOT / "nnlite").rglob("*.py")}
    return folder, "\n".join(said)


def test_planting_shows_what_training_does_now_beside_what_it_should_do(planted):
    folder, said = planted
    losses = [list(map(float, re.findall(r" loss (\S+)", line))) for line in said.splitlines() if line.startswith("epoch")]
    right, wrong = zip(*losses, strict=True)
    assert len(losses) == 5 and right[-1] < right[0] and wrong[-1] > wrong[0]
    assert (folder / "train.py").exists() and f"cd {folder}" in said
    assert f"python -m demos.findbug --out {folder} --check checks it" in said


def test_the_fault_shows_in_the_training_whatever_the_terminal_says_of_the_compiler(planted):
    folder, said = planted
    environment = {name: value for name, value in os.environ.items() if name not in ("NUMBA_DISABLE_JIT", "PYTHONPATH")}
    done = run([sys.executable, "-B", "train.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    losses = [line.rpartition("  ")[0] for line in done.stdout.splitlines()]
    assert len(losses) == 5 and all(line in said for line in losses)


def test_the_copy_is_nnlite_with_one_line_changed(planted):
    folder, _ = planted
    changed = []
    for path in (ROOT / "nnlite").rglob("*.py"):
        own = path.read_text(encoding="utf-8").splitlines()
        other = (folder / path.relative_to(ROOT)).read_text(encoding="utf-8").splitlines()
        changed += [(path.name, a) for a, b in zip(own, other, strict=True) if a != b]
    assert changed == [("kernels.py", " " * 12 + FAULTS[0].before.strip())]


def test_hints_come_one_by_one_and_the_answer_explains(planted, capsys):
    folder, _ = planted
    hints = [ask(folder, capsys, "--hint")[1] for _ in range(3)]
    assert [hint.partition(": ")[0] for hint in hints] == ["hint 1 of 2", "hint 2 of 2", "hint 2 of 2"]
    assert ["--answer says the rest" in hint for hint in hints] == [False, True, True]
    _, answer = ask(folder, capsys, "--answer")
    assert answer.startswith("nnlite/kernels.py, line ") and FAULTS[0].answer in answer


def test_check_says_whether_it_is_mended(planted, capsys):
    folder, _ = planted
    assert ask(folder, capsys, "--check") == (1, "the fault is still there")
    path = folder / "nnlite/kernels.py"
    wrong = path.read_text(encoding="utf-8")
    path.write_text(wrong.replace(FAULTS[0].after, FAULTS[0].before), encoding="utf-8")
    assert ask(folder, capsys, "--check") == (0, "mended: the check that noticed the fault now passes")
    path.write_text(wrong, encoding="utf-8")


def test_a_random_fault_is_one_that_a_test_notices(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findbug, "ROOMS", {"optimizers": "tests/optimizers"})
    code, out = ask(tmp_path, capsys, "--random", "--seed", 3)
    assert code == 0 and "a test fails now: tests/optimizers/test_optimizers.py::test_" in out
    assert ask(tmp_path, capsys, "--hint")[1] == "hint 1 of 3: It is in nnlite/optimizers."
    file = re.match(r"nnlite/(optimizers/\w+\.py), line \d+, before", ask(tmp_path, capsys, "--answer")[1])[1]
    own, copy = ((folder / "nnlite" / file).read_text(encoding="utf-8") for folder in (ROOT, tmp_path))
    assert own != copy
    (tmp_path / "nnlite" / file).write_text(own, encoding="utf-8")
    assert ask(tmp_path, capsys, "--check")[0] == 0


@pytest.mark.parametrize("file", ["layers/noise.py", "losses.py", "optimizers/optimizer.py"])
def test_a_random_fault_planted_in_the_source_is_the_mutant(file, monkeypatch):
    monkeypatch.setattr(mutations, "compile", lambda tree, *_: ast.unparse(tree), raising=False)
    source = (ROOT / "nnlite" / file).read_text(encoding="utf-8")
    for mutant in mutations.mutants(source, file):
        assert ast.unparse(ast.parse(mutant.planted(source))) == mutant.code, mutant.key


def test_no_hint_on_a_random_fault_says_the_same_as_another(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findbug, "ROOMS", {"kernels.py": "tests/test_kernels.py"})
    monkeypatch.setattr(findbug, "run", lambda *_: CompletedProcess([], 1, "FAILED tests/test_kernels.py::test_x - why", ""))
    assert ask(tmp_path, capsys, "--random", "--seed", 1)[0] == 0
    assert ask(tmp_path, capsys, "--hint")[1] == "hint 1 of 2: It is in nnlite/kernels.py."


@pytest.fixture
def nothing_runs(monkeypatch):
    """No training is shown."""
    monkeypatch.setattr(findbug, "run", lambda *_: CompletedProcess([], 0, "", ""))


def test_a_random_fault_that_nothing_notices_leaves_the_copy_as_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findbug, "ROOMS", {"optimizers": "tests/optimizers"})
    said = iter(["", "", "FAILED tests/optimizers/test_optimizers.py::test_x - why"])
    monkeypatch.setattr(findbug, "run", lambda *_: CompletedProcess([], 1, next(said), ""))
    ask(tmp_path, capsys, "--random", "--seed", 1)
    own = {path.name: path.read_bytes() for path in (ROOT / "nnlite/optimizers").glob("*.py")}
    assert sum((tmp_path / "nnlite/optimizers" / name).read_bytes() != source for name, source in own.items()) == 1


@pytest.mark.parametrize("file", ["notes.txt", "nnlite/kernels.py", "tests/mine.py"])
def test_a_folder_with_other_files_is_left_alone(file, tmp_path, capsys):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert run_demo(findbug, "1", "--out", tmp_path) == 2
    err = capsys.readouterr().err
    assert one_line(err) and f"with '{path.relative_to(tmp_path).parts[0]}' in it" in err and path.read_text() == "mine"


def test_notes_in_a_copy_are_left_alone(nothing_runs, tmp_path, capsys):
    assert ask(tmp_path, capsys, "1")[0] == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert run_demo(findbug, "2", "--out", tmp_path) == 2
    assert one_line(capsys.readouterr().err) and (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("left", ["__pycache__", ".pytest_cache", ".hypothesis"])
def test_what_the_tests_leave_in_a_copy_does_not_keep_the_next_fault_out(left, nothing_runs, tmp_path, capsys):
    assert ask(tmp_path, capsys, "1")[0] == 0
    (tmp_path / left).mkdir()
    number = tmp_path.stat().st_ino
    assert ask(tmp_path, capsys, "2")[0] == 0
    assert tmp_path.stat().st_ino == number  # a terminal that stands in the folder stays there


def test_a_planting_that_was_interrupted_can_be_begun_anew(nothing_runs, tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(findbug, "plant_fault", interrupt)
        findbug.main(["1", "--out", str(tmp_path)])
    assert run_demo(findbug, "--hint", "--out", tmp_path) == 2
    assert "received none" in capsys.readouterr().err
    assert ask(tmp_path, capsys, "1")[0] == 0


def interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("question", ["--hint", "--answer", "--check"])
def test_a_question_with_a_number_plants_nothing(question, nothing_runs, tmp_path, capsys):
    assert ask(tmp_path, capsys, "1")[0] == 0
    (tmp_path / "nnlite/kernels.py").write_text("mine")
    assert run_demo(findbug, "1", question, "--out", tmp_path) == 2
    assert one_line(capsys.readouterr().err) and (tmp_path / "nnlite/kernels.py").read_text() == "mine"


def test_an_endless_loop_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(findbug, "PATIENCE", 0.01)
    assert findbug.run(["-c", "while True: pass"], tmp_path).returncode == 1


@pytest.mark.parametrize("arguments", [["0"], ["11"], ["--hint"], ["--answer"], ["--check"], ["1", "--seed", "x"]], ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_code_2(arguments, tmp_path, capsys):
    assert run_demo(findbug, "--out", tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and one_line(err) and err.startswith("python -m demos.findbug: ")
    assert list(tmp_path.iterdir()) == []
