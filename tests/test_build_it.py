"""Build it yourself: each page's program runs, its numbers come out, and what is built is demos/minimal.py."""

import ast
import re

import pytest
from pages import ROOT, blocks, run, talk

STEPS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/build-it/[1-8]-*.md"))


@pytest.mark.parametrize("page", STEPS)
def test_the_numbers_of_a_step_come_out_of_what_is_in_the_file_by_then(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    for earlier in STEPS[: STEPS.index(page)]:
        for language, text in blocks(earlier):
            if language == "python":
                run(text, earlier, names)
    sessions = 0
    for language, text in blocks(page):
        if language == "python":
            run(text, page, names)
        elif language == "pycon":
            talk(text, page, names)
            sessions += 1
    assert sessions


def test_each_step_has_a_number_and_from_the_second_on_a_gradient_check():
    assert len(STEPS) == 8
    for number, page in enumerate(STEPS, 1):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert text.startswith(f"# {number} ") and "**It must come out:**" in text
        assert re.search(r"^>>> check\(", text, re.MULTILINE) or number == 1


def test_the_gradient_check_has_twelve_lines():
    (check,) = [text for page in STEPS for _, text in blocks(page) if text.startswith("def check(")]
    assert len(check.splitlines()) == 12


def definitions(source):
    """Return the functions and classes of a program without their comments, by name."""
    return {node.name: ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_what_is_built_is_the_one_page():
    own = definitions("\n".join(text for page in STEPS for language, text in blocks(page) if language == "python"))
    page = definitions((ROOT / "demos/minimal.py").read_text(encoding="utf-8"))
    assert set(own) - set(page) == {"check"} and set(page) - set(own) == {"main"}
    same = {name for name in page if own.get(name) == page[name]}
    assert set(page) - same == {"read_images", "main"}  # which finds the files from anywhere
