"""What the processor can do and Python has no words for: vectors in registers, addresses, counters that threads share.

Each `instruction` is an *intrinsic* of numba: a function that writes the few instructions that it stands for, in LLVM's language,
into a kernel that calls it. What the two larger ones are for, `nnlite.products.matrix_product` explains. Addresses are those of
NumPy's ``array.ctypes.data``, strides those of ``array.strides``, in bytes. Nothing here checks that they lie in an array: the
callers do.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnlite.jit import part


def instruction(result: Callable[..., Any]) -> Callable[[Any], Any]:
    """Make an instruction of a function that writes it for arguments in registers; `result` tells its type from theirs."""

    def make(write: Callable[..., Any]) -> Any:
        def typed(typing_context: Any, *arguments: Any) -> Any:
            def written(context: Any, code: Any, signature: Any, values: Any) -> Any:
                return write(code, *values) or context.get_dummy_value()  # of no number

            return result(*arguments)(*arguments), written

        return intrinsic(functools.wraps(write)(typed))

    return make


def _tile_shape() -> tuple[int, int, int]:
    """Return a tile's rows, the bytes of each, and those of a register: its sums leave some registers for what is multiplied.

    Few and wide rows load as much as many and narrow ones, and more pixels are 0 in all rows.
    """
    told = numba.config.CPU_NAME or numba.config.CPU_FEATURES  # to compile for another processor
    features = (numba.config.CPU_FEATURES or "") if told else llvmlite.binding.get_host_cpu_features().flatten()
    if "+avx512f" in features.split(","):
        return 4, 256, 64  # of 32 registers 16, and 4 for a row of the panel
    if "+avx2" in features.split(","):
        return 6, 64, 32  # 12 of 16
    return (8, 32, 16) if "+neon" in features.split(",") else (6, 32, 16)  # 16 of 32, or 12 of 16


ROWS, WIDTH, REGISTER = _tile_shape()

_INT, _LONG = ir.IntType(32), ir.IntType(64)


def _at(code: Any, address: Any, kind: Any) -> Any:
    """Return an address as a pointer to a value of LLVM's type `kind`."""
    return code.inttoptr(address, kind.as_pointer())


def _size(kind: Any) -> int:
    """Return the bytes of a float."""
    return 4 if kind == ir.FloatType() else 8


def _tile(
    width: int, code: Any, a: Any, a_row: Any, rows: Any, order: Any, panel: Any, panel_row: Any, c: Any, c_row: Any, like: Any
) -> Any:
    """c[i, j] = Σ_k a[i, k] panel[k, j] for i < min(rows, ROWS), j < width bytes, and the k of a list: int32, how many, then each.

    Of fewer than ROWS rows the last is computed several times and written to the same place.
    """
    real, size = like.type, _size(like.type)
    vector, choice = ir.VectorType(real, width // size), ir.VectorType(_INT, width // size)
    undefined, everywhere = ir.Constant(vector, ir.Undefined), ir.Constant(choice, None)
    last = code.sub(rows, _LONG(1))
    numbers = [code.select(code.icmp_signed("<", _LONG(i), last), _LONG(i), last) for i in range(ROWS)]
    a_rows = [code.add(a, code.mul(i, a_row)) for i in numbers]
    sums = [cgutils.alloca_once_value(code, ir.Constant(vector, None)) for _ in numbers]  # LLVM keeps them in registers
    listed = _at(code, order, _INT)
    with cgutils.for_range(code, code.load(listed)) as loop:
        k = code.zext(code.load(code.gep(listed, [code.add(loop.index, _INT(1))])), _LONG)
        b = code.load(_at(code, code.add(panel, code.mul(k, panel_row)), vector), align=size)
        for a_i, sum_i in zip(a_rows, sums, strict=True):
            x = code.load(_at(code, code.add(a_i, code.mul(k, _LONG(size))), real))
            x = code.shuffle_vector(code.insert_element(undefined, x, _INT(0)), undefined, everywhere)
            product = code.fmul(x, b, flags=("contract",))  # one instruction with the sum
            code.store(code.fadd(product, code.load(sum_i), flags=("contract",)), sum_i)
            code.fence("acq_rel", "singlethread")  # or LLVM loads all rows' numbers first, into more registers than there are
    for i, sum_i in zip(numbers, sums, strict=True):
        code.store(code.load(sum_i), _at(code, code.add(c, code.mul(i, c_row)), vector), align=size)


tile = instruction(lambda *_: types.void)(functools.partial(_tile, WIDTH))
narrow_tile = instruction(lambda *_: types.void)(functools.partial(_tile, REGISTER))


@instruction(lambda *_: types.void)
def transpose_block(code: Any, source: Any, row: Any, to: Any, to_row: Any, like: Any) -> Any:
    """to[k, i] = source[i, k] for i and k below REGISTER bytes; rows are `row` and `to_row` bytes apart.

    The first half of the rows is zipped with the second, number by number, until each has been everywhere: every time the lowest
    bit of a number's place in its row becomes the highest of its row's.
    """
    size = _size(like.type)
    count = REGISTER // size
    vector, choice = ir.VectorType(like.type, count), ir.VectorType(_INT, count)
    rows = [code.load(_at(code, code.add(source, code.mul(_LONG(i), row)), vector), align=size) for i in range(count)]
    zips = [ir.Constant(choice, [half + k // 2 + k % 2 * count for k in range(count)]) for half in (0, count // 2)]
    for _ in range(count.bit_length() - 1):
        rows = [code.shuffle_vector(rows[i], rows[i + count // 2], half) for i in range(count // 2) for half in zips]
    for k in range(count):
        code.store(rows[k], _at(code, code.add(to, code.mul(_LONG(k), to_row)), vector), align=size)


@instruction(lambda *_: types.voidptr)
def _pointer(code: Any, address: Any) -> Any:
    return _at(code, address, ir.IntType(8))


@functools.partial(part, forceinline=True)
def array_at(address: int, size: int, like: Any) -> Any:
    """Return the memory from an address on as an array of `size` numbers of the type of `like`; nobody counts its users."""
    return numba.carray(_pointer(address), size, type(like))


@instruction(lambda *_: types.float64)
def call_at(code: Any, address: Any, arguments: Any) -> Any:
    """Call the function at an address that `nnlite.jit.compiled_for_address` gives, with a tuple of arguments; return a float."""
    numbers = [code.extract_value(arguments, i) for i in range(len(arguments.type))]
    return code.call(_at(code, address, ir.FunctionType(ir.DoubleType(), [number.type for number in numbers])), numbers)


@instruction(lambda *_: types.int64)
def itemsize(code: Any, like: Any) -> Any:
    """Return the bytes of a float of this type, known to the compiler."""
    return _LONG(_size(like.type))


# Of a float's bytes: the integer of its size, the bits of its fraction, what is added to its exponent, and the bits of √½.
_FORMATS = {4: (_INT, 23, 127, 0x3F3504F3), 8: (_LONG, 52, 1023, 0x3FE6A09E667F3BCD)}


@instruction(lambda k, like: like)
def power_of_two(code: Any, k: Any, like: Any) -> Any:
    """Return 2ᵏ, for an int32 k that is no float's exponent too large or small: its bits, where they belong."""
    integer, fraction, bias, _ = _FORMATS[_size(like.type)]
    return code.bitcast(code.shl(code.add(code.sext(k, integer), integer(bias)), integer(fraction)), like.type)


@instruction(lambda x: types.int32)
def exponent(code: Any, x: Any) -> Any:
    """Return the whole k with x = m 2ᵏ and m from √½ to √2, for a positive x."""
    integer, fraction, _, root = _FORMATS[_size(x.type)]
    return code.trunc(code.ashr(code.sub(code.bitcast(x, integer), integer(root)), integer(fraction)), _INT)


@instruction(lambda *_: types.int64)
def arrive(code: Any, counter: Any) -> Any:
    """Add 1 to an int64 that other threads add to as well, so that nothing is lost; return what it was before."""
    return code.atomic_rmw("add", _at(code, counter, _LONG), _LONG(1), "seq_cst")


@instruction(lambda *_: types.int64)
def look_at(code: Any, counter: Any) -> Any:
    """Return an int64 as other threads left it; what they wrote before it can be read from then on."""
    return code.load_atomic(_at(code, counter, _LONG), "seq_cst", 8)


@instruction(lambda *_: types.void)
def sleep_a_moment(code: Any) -> Any:
    """Let others run, for 1 ms on Windows and 50 µs elsewhere: a call by name, since an address could not be cached on disk."""
    name, length = ("Sleep", 1) if os.name == "nt" else ("usleep", 50)
    code.call(cgutils.get_or_insert_function(code.module, ir.FunctionType(_INT, [_INT]), name), [_INT(length)])


LOOKS = 500_000  # of a thread that waits, before it sleeps: some 0.15 ms, more than threads on a quiet machine are apart


@part
def meet(counter: int, threads: int) -> None:
    """Arrive, and wait until all threads have: then the arrivals are the next multiple of their number.

    A thread that waits looks at the counter, and soon sleeps between the looks. It must not give away its turn instead
    (sched_yield): another program's turn takes milliseconds, a step less than one.
    """
    all_arrived, looks = (arrive(counter) // threads + 1) * threads, 0
    while look_at(counter) < all_arrived:
        looks += 1
        if looks > LOOKS:
            sleep_a_moment()
