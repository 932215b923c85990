"""The derivations: each ends at a line that stands in the code as it stands on the page, and computes both sides in numbers.

The programs themselves run in test_pages.py.
"""

import ast
import re

import pytest
from pages import ROOT, blocks

PAGE = "docs/derivations.md"
SECTIONS = (ROOT / PAGE).read_text(encoding="utf-8").split("\n## ")[1:]
TITLES = [section.partition("\n")[0] for section in SECTIONS]


def quoted(section):
    """Return (file, lines of code) of each "In `file`: `code`, then `code` ..." of a section."""
    prose = re.sub(r"^```.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    paragraphs = re.findall(r"^In (`.*?)(?=\n\n|\Z)", prose.strip(), re.MULTILINE | re.DOTALL)
    return [(spans[0], spans[1:]) for spans in (re.findall(r"`([^`]+)`", paragraph) for paragraph in paragraphs)]


@pytest.mark.parametrize("section", SECTIONS, ids=TITLES)
def test_a_derivation_ends_at_lines_of_the_code(section):
    found = quoted(section)
    assert found and all(lines for _, lines in found)
    for file, lines in found:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert [line for line in lines if re.search(r"[=(]", line) and line not in text] == [], file


@pytest.mark.parametrize("section", SECTIONS, ids=TITLES)
def test_a_derivation_is_followed_by_a_program_that_compares_both_sides(section):
    (program,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    claims = [node.test for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Assert)]
    assert len(claims) >= 1 and all(isinstance(claim, ast.Call | ast.Compare) for claim in claims)


def test_a_wrong_formula_is_noticed():
    programs = [text for language, text in blocks(PAGE) if language == "python"]
    wrong = programs[2].replace("(p - t) / z.size", "(p + t) / z.size")
    assert wrong != programs[2]
    with pytest.raises(AssertionError):
        exec(programs[0] + wrong, {})
