"""What the mutation run changes, and what it leaves alone; the run itself is ``python -m tests.long.mutate``."""

import re

import pytest
from pages import ROOT

from tests.long.mutate import TESTS
from tests.long.mutations import mutants


def changes(source):
    return [mutant.change for mutant in mutants(source, "example.py")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["⟦a < b → pass⟧", "a ⟦< → <=⟧ b", "a ⟦< → >=⟧ b"]),
        ("x = a + b", ["x = a ⟦+ → -⟧ b"]),
        ("x = 1", ["x = ⟦1 → 2⟧", "x = ⟦1 → 0⟧"]),
        ("x = 0.5", ["x = ⟦0.5 → 1.5⟧"]),
        ("x = True", ["x = ⟦True → False⟧"]),
        ("x = 'a'", ["x = '⟦ → mutant ⟧a'"]),
        ("x = a and b", ["x = a ⟦and → or⟧ b", "x = ⟦a and  → ⟧b", "x = a⟦ and b → ⟧"]),
        ("x = -a", ["x = ⟦- → ⟧a"]),
        ("x = min(a)", ["x = ⟦min → max⟧(a)"]),
        ("x = f(a, out=b)", ["x = f(a⟦, out=b → ⟧)"]),
        ("x = a[b:c]", ["x = a[⟦b → ⟧:c]", "x = a[b:⟦c → ⟧]"]),
        ("x += a", ["⟦x += a → pass⟧", "x ⟦+= → =⟧ a", "x ⟦+= → -=⟧ a"]),
        ("x.a = b", ["⟦x.a = b → pass⟧"]),
        ("if a:\n    b = c", ["if ⟦ → not ⟧a:"]),
        ("if a == b:\n    b = c", ["if a ⟦== → !=⟧ b:"]),
        ("for a in b:\n    break", ["⟦break → continue⟧"]),
        ("def f():\n    return a", ["return⟦ a → ⟧"]),
    ],
)
def test_mutants_of_a_statement(source, expected):
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "import a",
        "def f(x: int = a) -> tuple[1, 2]:\n    b = c",
        "def __repr__(self):\n    return f'{1 + 1}'",
        "@decorator(1)\ndef f():\n    b = c",
        "x = f'{a + b}'",
        "Shape = tuple[int, 2]",
        "def f():\n    raise NotImplementedError",
    ],
)
def test_what_no_test_should_depend_on_has_no_mutants(source):
    assert changes(source) == []


def test_a_raise_may_be_left_out_but_its_text_is_not_changed():
    assert changes("raise ValueError('a' + 'b')") == ["⟦raise ValueError('a' + 'b') → pass⟧"]


def test_a_mutant_is_the_module_with_one_fault():
    source = "def f(a):\n    return a + 1\ndef g(a):\n    return a - 1"
    values = []
    for mutant in mutants(source, "example.py"):
        names = {}
        exec(mutant.code, names)
        values.append((mutant.line, mutant.where, names["f"](10), names["g"](10)))
    assert values == [
        (2, "f", None, 9),
        (2, "f", 9, 9),
        (2, "f", 12, 9),
        (2, "f", 10, 9),
        (4, "g", 11, None),
        (4, "g", 11, 11),
        (4, "g", 11, 8),
        (4, "g", 11, 10),
    ]


def test_mutants_of_equal_statements_have_different_names():
    keys = [mutant.key for mutant in mutants("a += b\na += b", "example.py")]
    assert len(set(keys)) == len(keys) == 6


@pytest.mark.parametrize("page", ["tests/README.md", "tests/mutation_report.md"])
def test_the_pages_say_in_how_many_modules_faults_are_tried(page):
    said = re.findall(r"(\d+) modules", (ROOT / page).read_text(encoding="utf-8"))
    assert said and set(said) == {str(len(TESTS))}
