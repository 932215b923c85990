"""Turn a plain Python loop into machine code: one decorator and one set of flags.

The flags, and why:

- ``error_model="numpy"``: a division by zero gives inf or NaN as in NumPy. With Python's ZeroDivisionError the compiler could not
  vectorise any loop that divides; Adam's would run ten times slower.
- ``fastmath`` in four mild forms: sums may be re-ordered (so that they vectorise), a product and a sum may become one fused
  multiply-add, the sign of zero may be lost, a division may become a product with the reciprocal. Never the full ``fastmath=True``:
  it lets the compiler assume that NaN and infinity do not occur, and a diverging training could no longer be noticed.
- ``nogil``: other Python threads run while a kernel runs.
- `Cache`: the machine code is kept on disk, so that only the first run waits for the compiler. If the cache fails (no writable
  folder, a full disk, a damaged file), this process compiles the kernels anew.
- ``forceinline`` only for `inlined`: a function that is called for every bit or pixel becomes a part of its callers, where numba no
  longer counts the references to each array that it is given.
- Not ``parallel``: numba's threads and the BLAS's threads would take turns at every step and wait for each other.

With ``NUMBA_DISABLE_JIT=1`` in the environment numba hands back the plain Python function: layers and codecs still run,
slowly.

On a first visit read the flags, `jit` and `inlined`, and skip the cache.
"""

import contextlib
import functools
import os
import typing
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import sigutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc

Function = TypeVar("Function", bound=Callable[..., Any])

FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
COMPILED = not numba.config.DISABLE_JIT
FLAGS: dict[str, Any] = {"error_model": "numpy", "fastmath": FASTMATH}


class CheckedFile(IndexDataCacheFile):
    """Files of numba's cache that end in a CRC-32: damaged machine code would end the process, or compute something else."""

    def _dump(self, obj: Any) -> bytes:
        data: bytes = super()._dump(obj)
        return data + zlib.crc32(data).to_bytes(4, "little")  # numba reads its own bytes only, not these four

    def _load_data(self, name: str) -> Any:
        data = Path(self._data_path(name)).read_bytes()
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError(f"{name} is damaged")
        return super()._load_data(name)


class Cache(FunctionCache):
    """numba's cache of one kernel; a bad cache file is never an error."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), *map(_stamp, sorted(_sources))  # another stamp makes a cache stale
        self._cache_file = CheckedFile(self._cache_path, f"{self._impl.filename_base}-checked", stamp)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """Return what the machine code belongs to, functions that a function encloses by their names: their files are stamped."""
        cells = [cell.cell_contents for cell in self._py_func.__closure__ or ()]
        return sig, codegen.magic_tuple(), self._py_func.__code__.co_code, str([getattr(c, "__qualname__", c) for c in cells])

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the machine code for these types of arguments; None if it must be compiled."""
        try:
            return super().load_overload(signature, context)
        except Exception as error:  # damaged files can raise any
            _say_once(error)
            with contextlib.suppress(Exception):
                self.flush()  # an empty index; numba then adds the new code to it
            return None

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep the machine code, if it can be kept."""
        try:
            super().save_overload(signature, code)
        except Exception as error:
            _say_once(error)


def jit(function: Function, forceinline: bool = False) -> Function:
    """Compile `function` with numba on its first call, once for each combination of argument types."""
    return cast(Function, _with_cache(function, numba.njit(function, **FLAGS, nogil=True, forceinline=forceinline)))


def inlined(function: Function) -> Function:
    """Compile as `jit` does, into the machine code of every kernel that calls it."""
    return jit(function, forceinline=True)


def part(function: Function, forceinline: bool = False) -> Function:
    """Compile `function` for the compiled functions that call it: Python cannot, and on disk it is a part of them."""
    _sources.add(function.__code__.co_filename)
    return cast(Function, numba.njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=forceinline, **FLAGS))


@functools.cache
def compiled_for_address(function: Callable[..., Any], dtype: object) -> Any:
    """Compile `function` now; other compiled functions call it by the `address` of the returned object. Keep that object.

    The annotations are its types: int is int64, float is float64, and Any is `dtype`. A compiled function that receives an address
    need not be compiled together with the function there.
    """
    kinds = [{int: "int64", float: "float64"}.get(kind, str(dtype)) for kind in typing.get_type_hints(function).values()]
    signature = sigutils.normalize_signature(f"{kinds.pop()}({', '.join(kinds)})")
    compiled = _with_cache(function, CFunc(function, signature, locals={}, options=FLAGS))
    compiled.compile()
    return compiled


def _with_cache(function: Callable[..., Any], compiled: Any) -> Any:
    _sources.add(function.__code__.co_filename)
    if COMPILED:
        try:
            compiled._cache = Cache(function)
        except Exception as error:  # RuntimeError where numba found no folder that it may write to
            _say_once(error)
    return compiled


# Files of compiled functions: all of the package, so that it does not matter in which order a program imports them, and others that
# have been imported so far. A function calls only functions in these. A change in one of them asks for new machine code.
_sources = {str(file) for file in Path(__file__).parent.rglob("*.py") if b"nnlite.jit" in file.read_bytes()}


def _stamp(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime_ns
    return 0


_said: list[str] = []


def _say_once(error: Exception) -> None:
    """Warn of the cache's first error; its consequences need no second warning."""
    if not _said:
        _said.append(f"{type(error).__name__}: {error}")
        text = f"kernels are compiled anew in this process, their cache cannot be used ({_said[0]})"
        warnings.warn(f"{text}: set NUMBA_CACHE_DIR to another folder if you see this again", stacklevel=2)
