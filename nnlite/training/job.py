"""Two trainings are the same job if their parts have the same settings, written here as text, and the same random generators."""

import copy
import functools
import json
import zlib
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

import numpy as np

from nnlite.arrays import expect
from nnlite.layers import Layer, Stack

VARYING = {"penalty", "stop_training"}  # attributes of layers that are no settings
MT19937_WORDS, PHILOX_WORDS = 624, 4


def check_generator(generator: np.random.BitGenerator, state: Any) -> None:
    """Raise an exception unless it is a state of this generator.

    NumPy rounds and cuts numbers to what it needs, and it checks no position: it reads wherever one points.
    """
    twin = copy.deepcopy(generator)
    twin.state = state
    taken, given = (json.dumps(each, sort_keys=True, default=lambda array: array.tolist()) for each in (twin.state, state))
    expect(taken == given, "expected a generator's state, received one that NumPy rounds")
    for position, length in ((state["state"].get("pos", 0), MT19937_WORDS), (state.get("buffer_pos", 0), PHILOX_WORDS)):
        expect(0 <= position <= length, f"expected a position in a generator of {length} words, received {position}")


def description(thing: object) -> str:
    """Return an object's class and settings, such as "Dropout(rate=0.1)"; a function's name and the checksum of its code.

    A function's settings are its default arguments, and what it holds of a function around it.
    """
    if isinstance(thing, functools.partial):
        return f"partial({description(thing.func)}, {_setting(thing.args)}, {_setting(sorted(thing.keywords.items()))})"
    code, defaults, cells = (getattr(thing, f"__{name}__", None) for name in ("code", "defaults", "closure"))
    if isinstance(code, CodeType):
        held = [*(defaults or ()), *(cell.cell_contents for cell in cells or ())]
        texts = [f"{zlib.crc32(repr(_text(code)).encode()):08x}", *(_setting(value) for value in held if not callable(value))]
        return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}({', '.join(filter(None, texts))})"
    attributes = {"layers": thing.layers, **vars(thing)} if isinstance(thing, Stack) else getattr(thing, "__dict__", {})
    settings = {name: _setting(value) for name, value in attributes.items() if not name.startswith("_") and name not in VARYING}
    return f"{type(thing).__name__}({', '.join(f'{name}={text}' for name, text in settings.items() if text)})"


def _setting(value: object) -> str:
    """Return a number, string, layer or list of these as text; empty for arrays and all else, because training changes arrays."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, Layer) or callable(value):
        return description(value)
    texts = [_setting(item) for item in value] if isinstance(value, list | tuple) else []
    return f"[{', '.join(texts)}]" if all(texts) and texts else ""


def _text(code: CodeType) -> tuple[object, ...]:
    """Return a function's code without its file and line numbers, with its sets sorted: texts come in any order."""
    ordered = (sorted(map(repr, item)) if isinstance(item, frozenset) else item for item in code.co_consts)
    return code.co_code, code.co_names, [_text(item) if isinstance(item, CodeType) else item for item in ordered]


def bit_generators(owners: Iterable[object], rng: np.random.Generator | None) -> list[np.random.BitGenerator]:
    """Return the bit generators of these objects' ``rngs()`` and of `rng`, each once; ValueError if an object hides one."""
    found: list[np.random.Generator] = []
    for owner in owners:
        named = owner.rngs() if hasattr(owner, "rngs") else []
        for generator in _generators_in(getattr(owner, "__dict__", {})):
            if generator not in (rng, *named):
                name = type(owner).__name__
                raise ValueError(f"{name} is expected to name its generators for a checkpoint: return them from {name}.rngs()")
        found += named
    found += [] if rng is None else [rng]
    return list(dict.fromkeys(generator.bit_generator for generator in found))


def _generators_in(value: object) -> Iterator[np.random.Generator]:
    """Yield the generators in a value, a list or a dict."""
    if isinstance(value, np.random.Generator):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _generators_in(item)


def origin(generator: np.random.BitGenerator) -> str:
    """Return the kind and the seed of a generator; drawing numbers changes neither."""
    seed = generator.seed_seq
    return f"{type(generator).__name__}({getattr(seed, 'entropy', None)}, {getattr(seed, 'spawn_key', None)})"
