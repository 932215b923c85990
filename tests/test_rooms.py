"""Rooms import only from rooms above them, the heavy packages stay outside, and `import nnlite` does nothing but import."""

import ast
import importlib
import io
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

# Each line is a storey: its rooms and files import only from the storeys above it. The first name of a module decides.
STOREYS = [
    "arrays jit",
    "kernels products initializers metrics",
    "layers",
    "losses optimizers",
    "files",
    "datasets",
    "training",
    "models",
    "gradcheck lbfgs",
    "pictures",
    "codec",
    "nnlite __main__",
]
STOREY = {name: number for number, names in enumerate(STOREYS) for name in names.split()}

# They know integers and bytes, no network.
CODEC_PRIMITIVES = {f"codec.{name}" for name in ("frequency_tables", "container", "frame", "mixing", "quantizer", "range_coder")}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__").replace("__init__", "nnlite"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(source, modules=frozenset(MODULES)):
    """Return what a module imports, wherever the statement stands, as pairs of a name and whether it stands inside a function.

    Modules of nnlite are named as in MODULES, others by their full name.
    """
    found = set()

    def visit(node, in_function):
        if isinstance(node, ast.Import):
            found.update((alias.name.removeprefix("nnlite."), in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import: {ast.unparse(node)}"
            children = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("nnlite.") in modules else node.module for name in children]
            found.update((name.removeprefix("nnlite."), in_function) for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child, in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(source), False)
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nnlite.models", {("models", False)}),
        ("from nnlite.models import Sequential", {("models", False)}),
        ("from nnlite import models, Dense", {("models", False), ("nnlite", False)}),
        ("from nnlite.codec import container", {("codec.container", False)}),
        ("from nnlite.codec import Unknown", {("codec", False)}),
        ("def f():\n    import matplotlib.pyplot", {("matplotlib.pyplot", True)}),
        ("class C:\n    def f(self):\n        if True:\n            from nnlite import lbfgs", {("lbfgs", True)}),
        ("try:\n    import numba\nexcept ImportError:\n    pass", {("numba", False)}),
        ("if TYPE_CHECKING:\n    from nnlite.models import Sequential\nelse:\n    import os", {("models", False), ("os", False)}),
    ],
)
def test_imports_are_found_wherever_they_stand(source, expected):
    assert imports(source, {"models", "codec", "codec.container", "lbfgs"}) == expected


def test_relative_imports_are_not_used():
    with pytest.raises(AssertionError, match="relative import"):
        imports("from . import kernels")


def own_imports(module):
    """Return the modules and rooms of nnlite that a module imports anywhere in it."""
    return {name for name, _ in imports(MODULES[module].read_text(encoding="utf-8")) if room(name) in STOREY}


def room(module):
    return module.partition(".")[0]


def test_every_entry_of_the_package_has_a_storey():
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert entries - {"__init__"} - set(STOREY) == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_room_and_the_storeys_above(module):
    allowed = {name for name in own_imports(module) if room(name) == room(module) or STOREY[room(name)] < STOREY[room(module)]}
    assert own_imports(module) - allowed == set()


def test_no_modules_import_each_other_in_a_circle():
    edges = {module: (own_imports(module) & set(MODULES)) - {module} for module in MODULES}
    while free := [module for module, below in edges.items() if not below]:
        edges = {module: below - set(free) for module, below in edges.items() if module not in free}
    assert edges == {}


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if path.name == "__init__.py" and name != "nnlite"])
def test_a_room_says_what_it_holds_and_in_which_order_to_read_it(module):
    text = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    files = [path for path in MODULES[module].parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert sorted(set(re.findall(r"`(\w+)`", text))) == sorted(path.stem for path in files if path.stem != "__init__")


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if "__all__" in path.read_text(encoding="utf-8")])
def test_a_room_offers_what_is_in_it(module):
    room = importlib.import_module(f"nnlite.{module}")
    assert [name for name in room.__all__ if not hasattr(room, name)] == []


def test_the_version_is_one_of_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", nnlite.__version__)


def test_the_package_names_its_rooms_in_the_order_of_the_lesson():
    named = re.findall(r"^    ([a-z_]+/?(?:, [a-z_]+/?)*)  ", nnlite.__doc__, re.MULTILINE)
    order = [name.removesuffix("/") for line in named for name in line.split(", ")]
    assert sorted(order) == sorted({room(module) for module in MODULES} - {"nnlite", "__main__"})
    assert [STOREY[name] for name in order] == sorted(STOREY[name] for name in order)


def test_the_folder_shows_a_handful_of_entries():
    shown = {path.name for path in PACKAGE.iterdir()} - {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
    assert len(shown) <= 17


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_read_in_one_sitting(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 300


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
    source = '"""Text.\n\nMore."""\n\n# why\nx = 1  # what\n\n\ndef f():\n    """Text."""\n    return (\n        x\n    )\n'
    assert code_lines(source) == 5


FIRST_LESSON = {  # what trains an autoencoder
    "layers.layer": "Parameter Workspace Layer",
    "layers.dense": "Dense Rearrangement Flatten Reshape",
    "layers.activations": "Activation ReLU Sigmoid",
    "layers.stack": "Stack",
    "losses": "Loss MeanSquaredError",
    "optimizers.optimizer": "Optimizer Adam",
    "training.batches": "Batches",
    "training.loop": "train",
}


def test_the_first_lesson_is_short():
    lines = 0
    for module, names in FIRST_LESSON.items():
        source = MODULES[module].read_text(encoding="utf-8")
        found = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        lines += sum(code_lines(ast.unparse(found[name])) for name in names.split())
    assert lines < 500


@pytest.mark.parametrize("folder", ["nnlite", "demos", "benchmarks", "tests"])
def test_no_file_is_found_by_its_path(folder):
    forbidden = "spec_from_" + "file_location"
    assert [path for path in (ROOT / folder).rglob("*.py") if forbidden in path.read_text(encoding="utf-8")] == []


def test_the_list_of_files_of_the_demos_is_the_list_of_demos():
    programs = {path for path in (ROOT / "demos").glob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")}
    assert set((ROOT / "demos").glob("*.py")) - programs == {ROOT / "demos" / "__init__.py"}


@pytest.mark.parametrize("module", sorted(CODEC_PRIMITIVES))
def test_the_primitives_of_the_codec_know_no_network(module):
    assert own_imports(module) - CODEC_PRIMITIVES - {"arrays", "jit", "files.errors"} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_numpy_and_the_standard_library(module):
    allowed = {*sys.stdlib_module_names, "numpy"}
    if module in ("jit", "products.processor"):
        allowed |= {"numba", "llvmlite"}
    foreign = {
        (name, in_function)
        for name, in_function in imports(MODULES[module].read_text())
        if room(name) not in STOREY and name.partition(".")[0] not in allowed
    }
    # pictures are drawn, and the files of Keras read, there and only then
    package = {"training.records": "matplotlib", "files.torch_and_keras": "h5py"}.get(module)
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
import nnlite, nnlite.codec.range_coder
kernels = [f for module in (nnlite.kernels, nnlite.codec.range_coder) for f in vars(module).values() if hasattr(f, "signatures")]
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


# --- what a batch passes through, in a fresh interpreter in which the kernels are Python

TRACE = """
import json, sys
from pathlib import Path
import numpy as np
import nnlite
from nnlite import Adam, Callback, Dense, Flatten, ReLU, Reshape, Sequential, Sigmoid

PACKAGE, calls, rng = Path(nnlite.__file__).parent, [], np.random.default_rng(0)
layers = [Flatten(), Dense(784, 16, rng=rng), ReLU(), Dense(16, 784, rng=rng), Sigmoid(), Reshape((28, 28))]
model = Sequential(layers)
model.compile(Adam(), "mse")

class Steps(Callback):
    def on_step_end(self, model, step, loss):
        sys.setprofile(None)
        if step == 1:
            sys.setprofile(note)

def note(frame, event, argument):
    file = Path(frame.f_code.co_filename)
    if event == "call" and file.is_relative_to(PACKAGE):
        calls.append((file.relative_to(PACKAGE).as_posix(), frame.f_code.co_qualname))

model.fit(rng.random((64, 28, 28)), batch_size=32, rng=rng, callbacks=[Steps()], verbose=False)
print(json.dumps(calls))
"""


def test_one_batch_passes_through_few_hands():
    done = subprocess.run(
        [sys.executable, "-c", TRACE],
        cwd=PACKAGE.parent,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    calls = [tuple(call) for call in json.loads(done.stdout)]
    assert ("layers/dense.py", "Dense.backward") in calls
    assert len(calls) <= 90
    assert len(set(calls)) <= 50
    assert len({file for file, _ in calls}) <= 10
