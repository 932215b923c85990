"""The examples in the docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import nnlite

PACKAGE = Path(nnlite.__file__).parent


def examples():
    """Return each docstring of the package that has an example."""
    names = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in sorted(PACKAGE.rglob("*.py"))]
    modules = [importlib.import_module(name.removesuffix(".__init__")) for name in names if not name.endswith("__main__")]
    found = [test for module in modules for test in doctest.DocTestFinder().find(module, globs={})]
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name.removeprefix("nnlite."))
def test_example_prints_what_it_says(example):
    said = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST).run(example, out=said.append)
    assert not failed, "".join(said)
