"""The types of arrays, written once; the messages about arguments that are no arrays or no numbers."""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from math import inf, isfinite, prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # numbers of any kind
FloatArray = npt.NDArray[np.floating[Any]]  # float32 or float64
Shape = tuple[int, ...]

FLOATS = np.dtype(np.float32), np.dtype(np.float64)  # what layers, losses and optimizers compute in

LINE = 64  # bytes that memory and caches hand out at a time


def aligned(shape: Shape, dtype: npt.DTypeLike) -> Array:
    """Return zeros that begin at a multiple of LINE: a vector that a loop loads is then never in two lines."""
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + LINE, np.uint8)
    return memory[-memory.ctypes.data % LINE :][:size].view(dtype).reshape(shape)


def aligned_copy(array: Array, dtype: npt.DTypeLike | None = None) -> Array:
    """Return a copy, row by row, that begins at a multiple of LINE."""
    copy = aligned(np.shape(array), array.dtype if dtype is None else dtype)
    copy[...] = array
    return copy


def as_array(name: str, values: object) -> Array:
    """Return values as an array of numbers; ValueError if they are none: texts, rows of different lengths, masked numbers."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":  # real ones
        received = f"an array of {array.dtype}" if isinstance(values, np.ndarray) else f"a {type(values).__name__} that is not one"
        raise ValueError(f"{name} is expected to be an array of numbers, received {received}")
    expect(not np.ma.is_masked(values), f"{name} is expected to have no masked numbers: give them a value, as .filled(0) does")
    return array


def floats_hint(name: str, array: Array, dtype: npt.DTypeLike = np.float32, images: bool = True) -> str:
    """Return how to make floats of an array that has none: the way out at the end of a message."""
    dtype, x = str(np.dtype(dtype)), name or "x"
    if images and array.dtype.kind in "iu" and array.size and array.min() >= 0:
        white = 65535 if array.dtype == np.uint16 and array.max() > 255 else 255
        if 1 < array.max() <= white:
            return f"convert images with ({x} / {white}).astype({dtype!r}), other numbers with {x}.astype({dtype!r})"
    return f"convert {'it ' if name else ''}with {name}.astype({dtype!r})"


def warn_if_dark(name: str, images: Array, way_out: str, stacklevel: int = 4) -> None:
    """Warn of bytes that are taken for images but hold nothing above 1: they may be numbers 0 and 1."""
    if images.dtype == np.uint8 and images.max(initial=0) == 1:
        text = f"{name} of uint8 holds only 0 and 1, taken for images they are 0 and 1/255: {way_out}"
        warnings.warn(text, stacklevel=stacklevel)


def is_number(value: object) -> bool:
    """Tell whether a value is a real number that a float can hold, and no text, array or truth value."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with suppress(OverflowError):  # of a whole number that is larger than all floats
            return isfinite(value)
    return False


def is_whole(value: object) -> bool:
    """Tell whether a value is a whole number of an integer type."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def expect(condition: bool, message: str) -> None:
    """Raise ValueError with this message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def as_number(expected: str, value: Any, least: float = -inf, above: float = -inf, below: float = inf, most: float = inf) -> float:
    """Return a finite real number within the bounds as a float; ValueError for all else."""
    expect(is_number(value) and least <= value <= most and above < value < below, f"{expected}, received {value!r}")
    return float(value)  # numbers of NumPy have dtypes, which would mix with those of arrays


def call_hint(thing: object) -> str:
    """Return the end of a message about a class in the place of an object."""
    return f": write {thing.__name__}(...)" if isinstance(thing, type) else ""


def as_shape(expected: str, shape: object) -> Shape:
    """Return sizes as a tuple; ValueError unless they are a list, tuple or array of whole numbers of at least 1."""
    sizes = tuple(shape) if isinstance(shape, Sequence | np.ndarray) else (0,)
    expect(all(is_whole(size) and size >= 1 for size in sizes), f"{expected}, received {shape!r}")
    return tuple(map(int, sizes))


def expect_count(owner: str, name: str, value: Any) -> None:
    """Raise ValueError unless an argument is a whole number of at least 1."""
    if not is_whole(value) or value < 1:
        wanted = f"{name} of at least 1" if is_whole(value) else f"{name} to be a whole number"
        raise ValueError(f"{owner} expects {wanted}, received {value!r}")


def expect_rng(owner: str, rng: object) -> None:
    """Raise ValueError unless this is a random generator."""
    expect(isinstance(rng, np.random.Generator), f"{owner} expects rng=np.random.default_rng(seed), received {rng!r}")
