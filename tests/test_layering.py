"""Modules import downward only, the heavy packages stay outside, and `import nnlite` does nothing but import."""

import ast
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from pages import ROOT

import nnlite

PACKAGE = Path(nnlite.__file__).parent

ROWS = [
    "jit files codec.errors",
    "kernels initializers metrics datasets safetensors codec.tables codec.container codec.quantizer",
    "parameters netpbm",
    "layers batches codec.entropy",
    "activations reshaping regularization normalization penalties tied variational losses optimizers augmentation",
    "more_activations more_losses more_optimizers codec.bottleneck codec.prior",
    "networks watch callbacks imagefiles",
    "more_callbacks checkpoint",
    "resume",
    "training",
    "model schedules liveplot imagefolder",
    "gradcheck autoencoder lbfgs interchange",
    "onnx",
    "codec.image codec",
    "cli",
    "__main__ nnlite",
]
ROW = {module: number for number, names in enumerate(ROWS) for module in names.split()}

# They know integers and bytes, no network.
CODEC_PRIMITIVES = {"codec.errors", "codec.tables", "codec.container", "codec.quantizer", "codec.entropy", "codec.prior"}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__").replace("__init__", "nnlite"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def statements(tree, in_function=False):
    """Yield each node with whether it is inside a function, leaving out what stands under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield other, in_function
                yield from statements(other, in_function)
            continue
        yield node, in_function
        yield from statements(node, in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def imports(source, modules=frozenset(MODULES)):
    """Return what a module imports, as pairs of a name and whether it stands inside a function.

    Modules of nnlite are named as in the table, others by their full name.
    """
    found = set()
    for node, in_function in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import: {ast.unparse(node)}"
            children = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("nnlite.") in modules else node.module for name in children]
        else:
            continue
        found |= {(name.removeprefix("nnlite."), in_function) for name in names}
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nnlite.model", {("model", False)}),
        ("from nnlite.model import Sequential", {("model", False)}),
        ("from nnlite import model, Dense", {("model", False), ("nnlite", False)}),
        ("from nnlite.codec import tables", {("codec.tables", False)}),
        ("from nnlite.codec import Unknown", {("codec", False)}),
        ("def f():\n    import matplotlib.pyplot", {("matplotlib.pyplot", True)}),
        ("class C:\n    def f(self):\n        if True:\n            from nnlite import cli", {("cli", True)}),
        ("try:\n    import numba\nexcept ImportError:\n    pass", {("numba", False)}),
        ("if TYPE_CHECKING:\n    from nnlite.model import Sequential\nelse:\n    import os", {("os", False)}),
    ],
)
def test_imports_are_found_wherever_they_stand(source, expected):
    assert imports(source, {"model", "codec", "codec.tables", "cli"}) == expected


def test_relative_imports_are_not_used():
    with pytest.raises(AssertionError, match="relative import"):
        imports("from . import kernels")


def test_every_module_has_a_row():
    assert set(MODULES) - set(ROW) == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_rows_below_its_own(module):
    own = {name for name, _ in imports(MODULES[module].read_text()) if name in ROW}
    assert {name for name in own if ROW[name] >= ROW.get(module, 0)} == set()


def reading_path():
    """Return the modules in the rows of README's table "in the order of the lesson", first to last."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").partition("| file of `nnlite/` |")[2].splitlines()[2:]
    rows = [line.split("|")[1] for line in itertools.takewhile(lambda line: line.startswith("|"), lines)]
    return [[file.replace("/", ".") for file in re.findall(r"`([\w/]+)\.py`", row)] for row in rows]


def test_the_reading_path_leads_through_every_module_once():
    named = [module for row in reading_path() for module in row]
    assert sorted(named) == sorted(set(MODULES) - {"nnlite", "codec", "__main__"})


def test_a_module_of_the_reading_path_imports_only_from_those_above_it():
    above = set()
    for module in itertools.chain(*reading_path()):
        above.add(module)
        own = {name for name, in_function in imports(MODULES[module].read_text()) if name in ROW and not in_function}
        assert own - above == set(), module


# All that the demo's model is trained with: what is imported from here on, but for what only some trainings import in a function.
CORE = {"autoencoder", "activations", "reshaping"}


def code_lines(source):
    """Return the number of lines with code, without comments, docstrings and blank lines."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            lines |= {*range(token.start[0], token.end[0] + 1)} if token.string else set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            lines -= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    return len(lines)


def test_lines_of_code_are_those_without_comments_and_docstrings():
    assert (
        code_lines('"""Text.\n\nMore."""\n\n# why\nx = 1  # what\n\n\ndef f():\n    """Text."""\n    return (\n        x\n    )\n')
        == 5
    )


def core_modules():
    """Return CORE and what its modules import, and these in turn."""
    core, pending = set(), set(CORE)
    while pending:
        core |= pending
        found = {name for module in pending for name, in_function in imports(MODULES[module].read_text()) if not in_function}
        pending = (found & set(MODULES)) - core - {"nnlite"}
    return core


def test_the_core_is_less_than_1200_lines_of_code():
    core = core_modules()
    assert {"kernels", "optimizers", "training"} <= core
    assert sum(code_lines(MODULES[module].read_text()) for module in core) < 1200


def test_the_first_nine_rows_of_the_reading_path_are_the_core():
    assert set(itertools.chain(*reading_path()[:9])) == core_modules()


@pytest.mark.parametrize("module", sorted(CODEC_PRIMITIVES & set(MODULES)))
def test_the_primitives_of_the_codec_know_no_network(module):
    own = {name for name, _ in imports(MODULES[module].read_text()) if name in ROW}
    assert own - CODEC_PRIMITIVES - {"jit"} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_numpy_and_the_standard_library(module):
    allowed = {*sys.stdlib_module_names, "numpy"}
    if module == "jit":
        allowed.add("numba")
    foreign = {
        (name, in_function)
        for name, in_function in imports(MODULES[module].read_text())
        if name not in ROW and name.partition(".")[0] not in allowed
    }
    # pictures, and the files of Keras, are read and written there, and only then
    package = {"imagefiles": "matplotlib", "liveplot": "matplotlib", "interchange": "h5py"}.get(module)
    foreign = {(name, in_function) for name, in_function in foreign if not (in_function and name.partition(".")[0] == package)}
    assert foreign == set()


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_unpickled_or_evaluated(module):
    source = MODULES[module].read_text()
    assert {name for name, _ in imports(source)} & {"pickle", "marshal", "shelve", "dill", "cloudpickle"} == set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile", "__import__"))
            assert not any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords)


# --- what an import does, in a fresh interpreter

REPORT = """
import json, os, sys
before = dict(os.environ)
import numpy, numba
required = set(sys.modules)  # numba imports SciPy where there is one
import nnlite, nnlite.codec.entropy
kernels = [f for module in (nnlite.kernels, nnlite.codec.entropy) for f in vars(module).values() if hasattr(f, "signatures")]
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in set(sys.modules) - required}),
    "kernels": len(kernels),
    "compiled": [f.__name__ for f in kernels if f.signatures],
    "environment": sorted(set(dict(os.environ).items()) ^ set(before.items())),
}))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a fresh interpreter without a home says after the import, and the folder of its cache."""
    cache = tmp_path_factory.mktemp("cache")
    left_out = {"HOME", "XDG_CACHE_HOME", "NUMBA_DISABLE_JIT", "NUMBA_CACHE_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", REPORT],
        cwd=PACKAGE.parent,
        env={**environment, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {**json.loads(done.stdout), "cache": cache}


def test_importing_loads_numpy_and_numba_and_nothing_else_heavy(report):
    heavy = {"matplotlib", "scipy", "pandas", "torch", "tensorflow", "keras", "jax", "sklearn", "PIL"}
    assert "nnlite" in report["modules"]
    assert heavy & set(report["modules"]) == set()


def test_importing_compiles_nothing(report):
    assert report["kernels"] > 10
    assert report["compiled"] == []
    assert [path for path in report["cache"].rglob("*") if path.is_file()] == []


def test_importing_leaves_the_environment_alone(report):
    assert report["environment"] == []
