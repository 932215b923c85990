"""``python -m demos``: which modules it lists, what it says of them, and how it ends."""

import ast
import sys
from pathlib import Path

import pytest

import demos
from demos.__main__ import is_program, main, summaries

FOLDER = Path(demos.__path__[0])


def test_every_demo_is_listed_with_the_first_line_of_its_docstring(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = dict(line.split(maxsplit=1) for line in out.split("\n\n")[0].splitlines())
    assert {"mnist", "bottleneck", "codec", "classify", "denoise"} <= set(lines)
    for name, summary in lines.items():
        assert (FOLDER / f"{name}.py").read_text().startswith(f'"""{summary}')


def test_helpers_are_not_listed():
    assert {"command", "machine", "plots", "blocks", "__init__", "__main__"} & set(summaries()) == set()


def test_each_listed_demo_has_a_manual_under_its_name():
    for name in set(summaries()) - {"minimal"}:  # whose docstring is its manual
        source = (FOLDER / f"{name}.py").read_text()
        assert f'prog="python -m demos.{name}"' in source or f'command.Parser("{name}", __doc__)' in source


def test_listing_imports_no_demo(monkeypatch):
    for name in summaries():
        monkeypatch.delitem(sys.modules, f"demos.{name}", raising=False)
    names = summaries()
    assert not {f"demos.{name}" for name in names} & set(sys.modules)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def main():\n    pass\n\nif __name__ == '__main__':\n    main()", True),
        ('if __name__ == "__main__":\n    pass', True),
        ("def main():\n    pass", False),
        ("def f():\n    if __name__ == '__main__':\n        pass", False),
        ("if __name__ != '__main__':\n    pass", False),
    ],
)
def test_a_demo_is_a_module_that_can_be_run(source, expected):
    assert is_program(ast.parse(source)) == expected


def test_help_is_the_manual_and_the_list(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--help"])
    out = capsys.readouterr().out
    assert leaving.value.code == 0
    assert "usage: python -m demos" in out
    assert all(f"  {name} " in out for name in summaries())


@pytest.mark.parametrize("arguments", [["mnist"], ["--unknown"], ["mnist", "--epochs", "3"]], ids=" ".join)
def test_an_argument_is_one_line_that_says_how_a_demo_is_run(capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    out, err = capsys.readouterr()
    assert (leaving.value.code, out) == (2, "")
    assert err.count("\n") == 1 and repr(" ".join(arguments)) in err and "python -m demos.NAME" in err


def files_of(module):
    """Return the files of `demos/` that a demo imports, wherever the statement stands, and its own."""
    found, waiting = set(), {FOLDER / f"{module}.py"}
    while waiting:
        file = waiting.pop()
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("demos"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                files = {FOLDER.parent / f"{name.replace('.', '/')}.py" for name in names}
                waiting |= {file for file in files if file.exists()} - found
    return found


def test_the_first_demo_is_read_in_three_files():
    files = files_of("mnist")
    assert sorted(file.name for file in files) == ["command.py", "mnist.py", "plots.py"]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 450
