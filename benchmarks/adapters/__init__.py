"""The frameworks, one small file each. All follow the protocol of `base.Adapter`; only its own process imports an adapter.

The files carry the frameworks' names; imports in Python are absolute, so ``import torch`` in ``torch.py`` is PyTorch.
"""

import importlib.util
import platform
from collections.abc import Collection
from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    name : str
        Its name in ``--only`` and in the JSON; all rows of a framework share the part before a hyphen.
    title : str
        Its name in the table and the chart.
    adapter : str
        Module and class in this package.
    modules : tuple of str
        The required modules.
    install : str
        pip's name of the package.
    note : str
        A note for readers of the row.
    comparable : bool
        Whether it trains the same model; then its test MSE must agree with the others.
    hidden_layers : bool
        Whether it can express more than one hidden layer, one of them without activation.
    in_quick : bool
        Whether ``--quick`` has the time for it.
    keeps_compiled : bool
        Whether it keeps compiled code on the disk; then only its first process compiles.
    """

    name: str
    title: str
    adapter: str
    modules: tuple[str, ...]
    install: str
    note: str = ""
    comparable: bool = True
    hidden_layers: bool = True
    in_quick: bool = True
    keeps_compiled: bool = False

    @property
    def framework(self) -> str:
        """The part of the name before the hyphen."""
        return self.name.partition("-")[0]

    @property
    def installed(self) -> bool:
        """Whether all modules can be found; none is imported."""
        return all(importlib.util.find_spec(module) for module in self.modules)


TENSORFLOW = "tensorflow-cpu" if platform.machine() == "x86_64" else "tensorflow"
# The modules of a framework, and pip's name of the package.
NEEDS = {"keras": (("keras", "tensorflow"), TENSORFLOW), "sklearn": (("sklearn",), "scikit-learn"), "blas": (("numpy",), "numpy")}
NOTES = {
    "nnlite-layers": "compile(compiled=False)",
    "jax-epoch": "an epoch is one call (lax.scan), so the first step is the first epoch",
    "torch-eager": "with the fused Adam",
    "torch-compile": "with the fused Adam; model and loss through torch.compile",
    "sklearn": "identity output: a different model, so do not compare its test MSE",
    "numpy": "the one page of demos/minimal.py, without numba",
    "keras": "fit on a tf.data pipeline that gathers whole batches",
    "keras-tuned": "the same, 16 steps a call",
    "keras-arrays": "fit on arrays, with its own shuffling: the only row with another order of the images",
}


def _entry(name: str, title: str, adapter: str, **facts: bool) -> Entry:
    modules, install = NEEDS.get(name.partition("-")[0], ((name.partition("-")[0],), name.partition("-")[0]))
    return Entry(name, title, adapter, modules, install, NOTES.get(name, ""), **facts)


BLAS = _entry("blas", "NumPy's BLAS: the products alone", "blas.BlasAdapter", comparable=False)
NNLITE = _entry("nnlite", "nnlite", "nnlite.NnliteAdapter", keeps_compiled=True)
LAYERS = _entry("nnlite-layers", "nnlite, layer by layer", "nnlite.LayersAdapter", keeps_compiled=True)
ENTRIES = [
    NNLITE,
    LAYERS,
    _entry("jax-epoch", "JAX, compiled epoch", "jax.EpochAdapter"),
    _entry("jax-step", "JAX, compiled step", "jax.StepAdapter"),
    _entry("torch-eager", "PyTorch, eager", "torch.EagerAdapter"),
    _entry("torch-compile", "PyTorch, compiled", "torch.CompiledAdapter", in_quick=False, keeps_compiled=True),
    _entry("sklearn", "scikit-learn", "sklearn.SklearnAdapter", comparable=False, hidden_layers=False),
    _entry("numpy", "plain NumPy", "numpy.NumpyAdapter", hidden_layers=False),
    _entry("keras", "Keras on TensorFlow", "keras.KerasAdapter"),
    _entry("keras-tuned", "Keras, tuned", "keras.TunedAdapter", in_quick=False),
    _entry("keras-arrays", "Keras, as it is taught", "keras.ArraysAdapter", in_quick=False),
    BLAS,
]


NAMES = dict.fromkeys(name for entry in ENTRIES for name in (entry.name, entry.framework))  # of rows and of frameworks


def choose(names: Collection[str]) -> list[Entry]:
    """Return the entries with these names, of rows or of frameworks, and NumPy's BLAS."""
    return [entry for entry in ENTRIES if entry is BLAS or {entry.name, entry.framework} & set(names)]
