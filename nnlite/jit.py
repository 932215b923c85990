"""How a plain Python loop becomes machine code: one decorator and one set of flags.

The flags, and why:

- ``error_model="numpy"``: a division by zero gives inf or NaN as in NumPy. With Python's ZeroDivisionError the compiler could not
  vectorise any loop that divides; Adam's would run ten times slower.
- ``fastmath`` in four mild forms: sums may be re-ordered (so that they vectorise), a product and a sum may become one fused
  multiply-add, the sign of zero may be lost, a division may become a product with the reciprocal. Never the full ``fastmath=True``:
  it lets the compiler assume that NaN and infinity do not occur, and a diverging training could no longer be noticed.
- ``nogil``: other Python threads run while a kernel runs.
- ``cache``: the machine code is kept on disk, so that only the first run ever waits for the compiler. Where no folder can be
  written (a read-only installation without a home) the kernels are compiled anew in each process instead.
- ``forceinline`` only for `inlined`: a function that is called for every bit or pixel becomes a part of its callers, where numba no
  longer counts the references to each array that it is given.
- Not ``parallel``: numba's threads and the BLAS's threads would take turns at every step and wait for each other.

With ``NUMBA_DISABLE_JIT=1`` in the environment numba hands back the plain Python function, and everything still runs, slowly.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

FASTMATH = {"reassoc", "contract", "nsz", "arcp"}


def jit(function: Function, forceinline: bool = False) -> Function:
    """Compile `function` with numba on its first call, once for each combination of argument types."""

    def compile_(cache: bool) -> Function:
        compiled = numba.njit(function, error_model="numpy", fastmath=FASTMATH, nogil=True, cache=cache, forceinline=forceinline)
        return cast(Function, compiled)

    try:
        return compile_(cache=True)
    except RuntimeError:  # numba found no folder that it may write to
        # One text from one line: Python shows it once, and not for every kernel.
        text = "kernels are compiled anew in this process, their cache cannot be written: set NUMBA_CACHE_DIR to a folder"
        warnings.warn(text, stacklevel=1)
        return compile_(cache=False)


def inlined(function: Function) -> Function:
    """Compile as `jit` does, into the machine code of every kernel that calls it."""
    return jit(function, forceinline=True)


def part(function: Function) -> Function:
    """Compile `function` for the compiled functions that call it: Python cannot, and on disk it is a part of them."""
    flags = {"error_model": "numpy", "fastmath": FASTMATH, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(Function, numba.njit(function, **flags))
