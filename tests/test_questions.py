"""The questions people ask: each program on the page says the sentence below it."""

import re
import warnings

import pytest
from pages import ROOT, run

PAGE = "docs/questions.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
SECTIONS = TEXT.split("\n## ")
QUESTIONS = {section.partition("\n")[0]: section for section in SECTIONS[1:]}


def steps(section):
    """Return (program, what it says) for each program of a section; an empty text where it says nothing."""
    found = re.findall(r"^```python\n(.*?)^```$(?:\n\n((?:^> [^\n]*\n)+))?", section, re.MULTILINE | re.DOTALL)
    return [(program, quotation.replace("> ", "").replace("\n", " ").strip(" `")) for program, quotation in found]


def says(program, names):
    """Return all that a program warns of and the error that it ends with."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            run(program, PAGE, names)
            error = ""
        except (ValueError, RuntimeError, AttributeError) as raised:
            error = str(raised)
    return "\n".join([*(str(warning.message) for warning in warned), error])


@pytest.fixture(scope="module")
def names():
    """What the first lines of the page define."""
    ((program, _),) = steps(SECTIONS[0])
    names = {}
    run(program, PAGE, names)
    return names


@pytest.mark.parametrize("question", [question for question, section in QUESTIONS.items() if steps(section)])
def test_a_program_says_the_sentence_below_it(question, names):
    for program, expected in steps(QUESTIONS[question]):
        said = says(program, dict(names))
        assert expected in said if expected else said.strip() == "", said


def test_every_quoted_sentence_belongs_to_a_program():
    assert len(re.findall(r"^> `", TEXT, re.MULTILINE)) == sum(bool(said) for part in SECTIONS for _, said in steps(part))
