"""Match the arrays of a PyTorch file with layers of other names, by order and shape; if that is not unique, refuse.

A state_dict names an array by the attributes that lead to its module: "encoder.2.weight" belongs to ``self.encoder[2]``. A file
holds the names in alphabetical order, so a decoder comes before its encoder. But two things are sure: parts of one name follow each
other in the order of their numbers, and a layer's output must be as wide as the next layer's input.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from nnlite.arrays import Array, Shape
from nnlite.files.whole_files import natural_order

Module = dict[str, Shape]  # the shapes of a module's arrays, such as "weight" and "bias"

MAX_PARTS = 6  # of different names, in 720 orders


def ways_to_name(targets: Mapping[str, Array], arrays: Mapping[str, Array]) -> list[dict[str, str]]:
    """Return the possible ways to rename `arrays` to `targets`: none, one, or some of several."""
    wanted, found = _by_kind(targets), _by_kind(arrays)
    ways: list[dict[str, str]] = [{}]
    for kind in {*wanted, *found}:  # Linear and BatchNorm1d are matched separately, in any mixture
        shapes = list(wanted[kind].values())
        fitting = (order for order in _orders([*found[kind]]) if [found[kind][module] for module in order] == shapes)
        ways = [{**way, **dict(zip(wanted[kind], order, strict=True))} for order in itertools.islice(fitting, 2) for way in ways]
    places = {name: name.rpartition(".") for name in targets}
    return [{name: f"{way[module]}.{array}" for name, (module, _, array) in places.items()} for way in ways]


def _by_kind(arrays: Mapping[str, Array]) -> dict[tuple[str, ...], dict[str, Module]]:
    """Return the modules by kind; the names of its arrays tell a module's kind."""
    modules: dict[str, Module] = defaultdict(dict)
    for name, array in arrays.items():
        module, _, own_name = name.rpartition(".")
        modules[module][own_name] = array.shape
    kinds: dict[tuple[str, ...], dict[str, Module]] = defaultdict(dict)
    for module, shapes in modules.items():
        kinds[tuple(sorted(shapes))][module] = shapes
    return kinds


def _orders(modules: list[str]) -> Iterator[list[str]]:
    """Yield the possible orders of modules: those of one name by number, names in any order."""
    parts: dict[str, list[str]] = defaultdict(list)
    levels = zip(*(module.split(".")[:-1] for module in modules), strict=False)
    outer = len(list(itertools.takewhile(lambda names: len(set(names)) == 1, levels)))  # of names that all share
    for module in sorted(modules, key=lambda name: natural_order(Path(name))):
        parts[module.split(".")[outer].rstrip("0123456789")].append(module)
    for order in itertools.permutations(parts.values()) if len(parts) <= MAX_PARTS else ():
        yield list(itertools.chain(*order))
