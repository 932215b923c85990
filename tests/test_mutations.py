"""What the mutation run changes, and what it leaves alone; the run itself is ``python -m tests.long.mutate``."""

import pytest
from pages import ROOT

from tests.long.mutate import TESTS, files_of, is_bound, modules, sample
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
        ("x = f(-1)", ["x = f(⟦- → ⟧1)", "x = f(-⟦1 → 2⟧)", "x = f(-⟦1 → 0⟧)"]),
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
        "x = zip(a, b, strict=True)",
        "x = a.reshape(-1)",
        "x = as_array('a', a)",
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


@pytest.mark.parametrize("module", modules())
def test_every_module_has_tests_that_are_to_notice_its_faults(module):
    files = files_of(module)
    assert files and all((ROOT / file).is_file() for file in files)


def test_the_files_of_modules_that_are_gone_are_not_listed():
    assert set(TESTS) <= set(modules())


def test_a_sample_holds_all_bounds_and_so_many_others():
    among = list(mutants("if a < b and c >= d:\n    x = 1 + y\nz = 2", "example.py"))
    bounds = [mutant for mutant in among if is_bound(mutant.key)]
    assert [mutant.change for mutant in bounds] == ["if a ⟦< → <=⟧ b and c >= d:", "if a < b and c ⟦>= → >⟧ d:"]
    assert sample(among, 0, seed=0) == bounds
    chosen = sample(among, 3, seed=0)
    assert len(chosen) == 5 and [mutant for mutant in among if mutant in chosen] == chosen
