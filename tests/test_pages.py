"""README and its sister pages keep their word: programs run, commands and their options exist, links lead somewhere."""

import configparser
import contextlib
import functools
import importlib
import io
import re
import shlex

import pytest
from pages import ROOT, blocks, headings, links, run, table, talk

import nnlite
from nnlite import datasets
from nnlite.codec import commands as cli
from nnlite.losses import LOSSES

PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md")])
WITH_PROGRAMS = [
    "CONTRIBUTING.md",
    "README.md",
    "docs/derivations.md",
    "docs/from-keras.md",
    "docs/using.md",
]  # the worked example has a test of its own
TOOLS = {"python3", "pip", "python", "nnlite", "ruff", "mypy"}


@pytest.fixture(scope="module")
def few_images():
    """So few images that a program with them ends at once."""
    data = datasets.load_mnist()
    return datasets.Dataset(data.train_images[:64], data.train_labels[:64], data.test_images[:16], data.test_labels[:16])


@pytest.mark.parametrize("page", WITH_PROGRAMS)
def test_programs_run_as_they_stand(page, few_images, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "load_mnist", lambda: few_images)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page}
    programs = [(language, text) for language, text in blocks(page) if language in ("python", "pycon")]
    for language, text in programs:
        if text.startswith("import keras"):
            compile(text, page, "exec")
        else:
            (run if language == "python" else talk)(text, page, names)
    assert programs


def test_nnlite_has_the_names_that_stand_beside_those_of_keras():
    cells = " ".join(row[1] for row in table("docs/from-keras.md", "| Keras | nnlite |")[1:])
    words = re.findall(r"nnlite\.[\w.]+|\b[A-Z]+[a-z]\w*(?=[(`,])", cells)
    assert len(words) > 8
    for word in words:
        functools.reduce(getattr, word.removeprefix("nnlite.").split("."), nnlite)
    assert set(re.findall(r'"(\w+)"', cells)) <= set(LOSSES)


def test_an_answer_that_differs_from_the_page_is_noticed():
    with pytest.raises(AssertionError, match=r"Got:\s+3"):
        talk(">>> a + 2\n4\n", "page", {"a": 1})


# --- commands


def commands():
    """Return (page, command) for each command in the pages' blocks of shell and in their prose."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        lines = [line for language, block in blocks(page) if language == "sh" for line in block.splitlines() if line]
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        quoted = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
        lines += [span for span in quoted if re.match(r"(\w+=\w+ )*(\.venv/bin/|python3? -m )", span)]
        found += [(page, command.strip()) for line in lines for command in line.split("&&")]
    return sorted(set(found))


def manual(main, *subcommand):
    """Return what a program says to --help."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit) as left:
        main([*subcommand, "--help"])
    assert left.value.code == 0
    return text.getvalue()


def check_command(command):
    """Raise AssertionError unless there are the program, the module and the options that a command names."""
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        del words[0]
    tool, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
    if tool.startswith(".ci/"):
        assert (ROOT / tool).is_file() and not arguments, words
        return
    assert tool in TOOLS, f"unknown program {tool}"
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    if tool == "nnlite":
        text, arguments = manual(cli.main, arguments[0]), arguments[1:]
    elif arguments[:1] == ["-m"] and arguments[1].startswith(("demos", "benchmarks", "nnlite")):
        assert (ROOT / arguments[1].replace(".", "/")).is_dir() or (ROOT / f"{arguments[1].replace('.', '/')}.py").is_file(), (
            arguments
        )
        if "." not in arguments[1]:
            return
        text, arguments = manual(importlib.import_module(arguments[1]).main), arguments[2:]
    elif arguments[:1] == ["-m"] and arguments[1].startswith("tests.long."):
        text, arguments = (ROOT / f"{arguments[1].replace('.', '/')}.py").read_text(encoding="utf-8"), arguments[2:]
    elif words == [".venv/bin/python"]:
        return
    elif tool == "pip":
        extras = [extra for word in arguments for extra in re.findall(r"^\.\[(.+)\]$", word)]
        assert all(extra in setup["options.extras_require"] for extra in extras), extras
        return
    else:
        module = arguments[1] if arguments[:1] == ["-m"] else tool
        assert module in ("venv", "pip") or re.search(rf"^{module}\b", setup["options.extras_require"]["test"], re.MULTILINE), (
            module
        )
        return
    unknown = [word for word in arguments if word.startswith("--") and not re.search(rf"{word}\b", text)]
    assert not unknown, f"unknown options {unknown}"


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_on_a_page_exists_with_its_options(page, command):
    check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "make test",
        ".ci/unknown",
        "python -m demos.unknown",
        "python -m demos.mnist --unknown",
        ".venv/bin/nnlite compress a b --unknown 1",
        ".venv/bin/pip install -e '.[unknown]'",
        "X=1 .venv/bin/python -m unknown",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command):
    with pytest.raises(AssertionError):
        check_command(command)


# --- links


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_to_a_heading_in_it(page):
    for path, heading in links(page):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        assert not heading or heading in headings(target), f"{path}#{heading}"


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_a_page_names_exist(page):
    for file, name in re.findall(r"`(tests/\S+\.py)::(\w+)`", (ROOT / page).read_text(encoding="utf-8")):
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{name}"
