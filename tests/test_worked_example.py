"""The worked example: its programs are run, and every number on the page is compared with theirs and with the sums beside it."""

import math
import re

import numpy as np
import pytest
from pages import ROOT, run

PAGE = "docs/worked-example.md"
SIGNS = {"·": "*", "−": "-", "²": "**2"}
ROUNDING = 1e-12


class WrongNumber(AssertionError):
    """A number on the page that is not what the expression beside it gives."""


def value(text, names):
    """Return what an expression of the page amounts to, given the arrays of the program."""
    for sign, operator in SIGNS.items():
        text = text.replace(sign, operator)
    return np.asarray(eval(text, {**names, "sqrt": math.sqrt})).item()


def check(statement, names):
    """Raise WrongNumber unless all terms of "a = b ≈ c" are equal; after ≈ the difference may be half of the last digit shown."""
    first, *rest = re.split(r"\s*([=≈])\s*", statement.strip())
    expected = value(first, names)
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        decimals = len(term.partition(".")[2])
        tolerance = 0.5 * 10.0**-decimals if sign == "≈" and re.fullmatch(r"−?\d+\.\d+", term) else ROUNDING
        tolerance = max(tolerance, 1e-8 if sign == "≈" else 0)  # epsilon's share in a step of Adam
        if not abs(value(term, names) - expected) <= tolerance:
            raise WrongNumber(f"{statement}: {first} is {expected!r}, {term} is not")


def check_table(lines, names):
    """Check each cell of a table against its column's head, where n and k are the row's number; return the number of cells."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    for number, cells in enumerate(rows):
        for expression, cell in zip(head[1:], cells[1:], strict=True):
            sign = "" if expression.endswith("≈") else "≈" if "≈" in expression else "="
            check(f"{expression} {sign} {cell}", {**names, "n": number, "k": number})
    return len(rows) * (len(head) - 1)


def read(text):
    """Run and check a page from top to bottom; return how many statements and cells were checked, and the prose that was not."""
    names, checked, prose = {}, 0, []
    for part in re.split(r"(^```.*?^```$|(?:^\|[^\n]*\n)+)", text, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("```python"):
            run(part.removeprefix("```python").removesuffix("```"), PAGE, names)
        elif part.startswith("```text"):
            statements = [line for line in part.splitlines()[1:-1] if line]
            for statement in statements:
                check(statement, names)
            checked += len(statements)
        elif part.startswith("|"):
            checked += check_table(part.splitlines(), names)
        else:
            prose.append(part)
    return checked, "".join(prose)


def test_every_number_on_the_page_is_what_nnlite_computes():
    checked, _ = read((ROOT / PAGE).read_text(encoding="utf-8"))
    assert checked == 3 + 30 + 1 + 15 + 9 + 2 + 9 + 18 + 1 + 63 + 18 + 1 + 1


def test_prose_holds_no_result_that_nobody_checks():
    _, prose = read((ROOT / PAGE).read_text(encoding="utf-8"))
    settings = {"0.1", "0.9", "0.999", "0.001", "0.00000001"}
    assert set(re.findall(r"\d+\.\d+", prose)) == settings


@pytest.mark.parametrize(
    "text",
    [
        "```text\n1 + 1 = 3\n```\n",
        "```text\n1 + 1 = 2 = 2.000001\n```\n",
        "```text\n1 / 3 ≈ 0.334\n```\n",
        "```python\nx = [1, 2]\n```\n\n| n | x[n] |\n|---|---|\n| 0 | 1 |\n| 1 | 3 |\n",
        "```python\nx = [1, 2]\n```\n\n| n | x[n] ≈ |\n|---|---|\n| 0 | 1.001 |\n",
    ],
)
def test_a_wrong_number_is_noticed(text):
    with pytest.raises(WrongNumber):
        read(text)
