"""What the processor can do and Python has no words for: vectors in registers, addresses, counters that threads share, bits.

Each function here is an *intrinsic* of numba: `write` gives the few instructions that it stands for, in LLVM's language, to the
compiler of a kernel that calls it. What the two larger ones are for, `nnlite.products.matrix_product` explains. Addresses are those
of NumPy's ``array.ctypes.data``, strides those of ``array.strides``, in bytes. Nothing here checks that they lie in an array: the
callers do.
"""

import os
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from nnlite.arrays import LINE
from nnlite.jit import part


def instruction(function: Callable[..., Any]) -> Any:
    """Make an intrinsic of a function that gives its types, and what writes it."""
    return intrinsic(function)


def _tile_shape() -> tuple[int, int]:
    """Return a tile's rows and the bytes of each, so that its sums fill registers and leave some for what is multiplied."""
    if numba.config.CPU_NAME or numba.config.CPU_FEATURES:  # numba is told to compile for another processor
        features = {name[1:] for name in (numba.config.CPU_FEATURES or "").split(",") if name.startswith("+")}
    else:
        features = {name for name, present in llvmlite.binding.get_host_cpu_features().items() if present}
    if "avx512f" in features:
        return 8, 128  # 16 of 32 registers of 64 bytes
    if "avx2" in features:
        return 6, 64  # 12 of 16 registers of 32 bytes
    return (8, 32) if "neon" in features else (6, 32)  # 16 of 32, or 12 of 16, registers of 16 bytes


ROWS, WIDTH = _tile_shape()

_INT, _LONG = ir.IntType(32), ir.IntType(64)


@instruction
def tile(
    typing_context: Any,
    a: Any,
    a_row: Any,
    a_term: Any,
    rows: Any,
    order: Any,
    panel: Any,
    c: Any,
    c_row: Any,
    like: Any,
) -> Any:
    """c[i, j] = Σ_k a[i, k] panel[k, j] for i < min(rows, ROWS), j < WIDTH bytes, and the k of a list: int32, how many, then each.

    `panel` is a multiple of LINE, and its rows, WIDTH bytes each, lie side by side. Of fewer than ROWS rows the last is computed
    several times and written to the same place.
    """

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        a, a_row, a_term, rows, order, panel, c, c_row, _ = values
        real = context.get_value_type(signature.args[-1])
        size = context.get_abi_sizeof(real)
        vector = ir.VectorType(real, WIDTH // size)
        undefined, everywhere = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(_INT, WIDTH // size), None)
        last = code.sub(rows, _LONG(1))
        numbers = [code.select(code.icmp_signed("<", _LONG(i), last), _LONG(i), last) for i in range(ROWS)]
        a_rows = [code.add(a, code.mul(i, a_row)) for i in numbers]
        sums = [cgutils.alloca_once_value(code, ir.Constant(vector, None)) for _ in numbers]  # LLVM keeps them in registers
        count = code.zext(code.load(_at(code, order, _LONG(0), _INT)), _LONG)
        with cgutils.for_range(code, count, intp=_LONG) as loop:
            k = code.zext(code.load(_at(code, order, code.mul(code.add(loop.index, _LONG(1)), _LONG(4)), _INT)), _LONG)
            b = code.load(_at(code, panel, code.mul(k, _LONG(WIDTH)), vector), align=min(WIDTH, LINE))
            for a_i, sum_i in zip(a_rows, sums, strict=True):
                x = code.load(_at(code, a_i, code.mul(k, a_term), real))
                x = code.shuffle_vector(code.insert_element(undefined, x, _INT(0)), undefined, everywhere)
                product = code.fmul(x, b, flags=("contract",))  # one instruction with the sum
                code.store(code.fadd(product, code.load(sum_i), flags=("contract",)), sum_i)
                code.fence("acq_rel", "singlethread")  # or LLVM loads all rows' numbers first, into more registers than there are
        for i, sum_i in zip(numbers, sums, strict=True):
            code.store(code.load(sum_i), _at(code, c, code.mul(i, c_row), vector), align=size)
        return context.get_dummy_value()

    return types.void(*(types.int64,) * 8, like), write


@instruction
def copy_lanes(typing_context: Any, source: Any, to: Any) -> Any:
    """Copy WIDTH bytes to an address that is a multiple of LINE."""

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), WIDTH)
        lanes = code.load(_at(code, values[0], _LONG(0), vector), align=1)
        code.store(lanes, _at(code, values[1], _LONG(0), vector), align=min(WIDTH, LINE))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), write


@instruction
def transpose_block(typing_context: Any, source: Any, row: Any, to: Any, like: Any) -> Any:
    """to[k, i] = source[i, k] for i and k below WIDTH / 2 bytes; source's rows are `row` bytes apart, those of `to` WIDTH.

    Bit by bit of the indices: numbers whose row has the bit and whose column has not change places with those of the reverse.
    """

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        source, row, to, _ = values
        real = context.get_value_type(signature.args[-1])
        size = context.get_abi_sizeof(real)
        count = WIDTH // 2 // size
        vector, choice = ir.VectorType(real, count), ir.VectorType(_INT, count)
        rows = [code.load(_at(code, source, code.mul(_LONG(i), row), vector), align=size) for i in range(count)]
        bit = 1
        while bit < count:
            for i in (i for i in range(count) if not i & bit):
                upper, lower = rows[i], rows[i + bit]  # a choice of `count` and more is one from the lower row
                chosen = [[(k & ~bit) + (count if k & bit else 0) + shift for k in range(count)] for shift in (0, bit)]
                rows[i], rows[i + bit] = (code.shuffle_vector(upper, lower, ir.Constant(choice, lanes)) for lanes in chosen)
            bit *= 2
        for k in range(count):
            code.store(rows[k], _at(code, to, _LONG(k * WIDTH), vector), align=size)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, like), write


@instruction
def array_at(typing_context: Any, address: Any, size: Any, like: Any) -> Any:
    """Return the memory from an address on as an array of `size` numbers of the type of `like`; nobody counts its users."""
    kind = types.Array(types.unliteral(like), 1, "C")

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        array = arrayobj.make_array(kind)(context, code)
        element = context.get_data_type(kind.dtype)
        width = _LONG(context.get_abi_sizeof(element))
        start, shape = code.inttoptr(values[0], element.as_pointer()), cgutils.pack_array(code, [values[1]])
        arrayobj.populate_array(array, start, shape, cgutils.pack_array(code, [width]), width, None)
        return array._getvalue()

    return kind(types.int64, types.int64, like), write


@instruction
def call_at(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the function at an address that `nnlite.jit.compiled_for_address` gives, with a tuple of arguments; return a float."""

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        arguments = [code.extract_value(values[1], i) for i in range(len(signature.args[1]))]
        function = ir.FunctionType(ir.DoubleType(), [argument.type for argument in arguments])
        return code.call(code.inttoptr(values[0], function.as_pointer()), arguments)

    return types.float64(types.int64, arguments), write


@instruction
def itemsize(typing_context: Any, like: Any) -> Any:
    """Return the bytes of a number of this type, known to the compiler."""
    return types.int64(like), lambda context, code, signature, values: _LONG(context.get_abi_sizeof(values[0].type))


@instruction
def number_like(typing_context: Any, number: Any, like: Any) -> Any:
    """Return a float64 in the type of `like`."""
    return like(types.float64, like), lambda context, code, signature, values: context.cast(code, values[0], types.float64, like)


@instruction
def power_of_two(typing_context: Any, exponent: Any) -> Any:
    """Return 2ᵏ, in the type of k, for a whole k that is no float's exponent too large or small: its bits, where they belong."""

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        integer, fraction, bias = _float_format(signature.args[0])
        k = code.sext(code.fptosi(values[0], _INT), integer) if integer != _INT else code.fptosi(values[0], _INT)
        return code.bitcast(code.shl(code.add(k, integer(bias)), integer(fraction)), values[0].type)

    return exponent(exponent), write


@instruction
def exponent_of(typing_context: Any, number: Any) -> Any:
    """Return the whole k, in the type of a positive x, with x = m 2ᵏ and m from √½ to √2."""

    def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
        integer, fraction, _ = _float_format(signature.args[0])
        root = int(np.sqrt(0.5).astype(f"f{integer.width // 8}").view(f"i{integer.width // 8}"))
        k = code.ashr(code.sub(code.bitcast(values[0], integer), integer(root)), integer(fraction))
        return code.sitofp(code.trunc(k, _INT) if integer != _INT else k, values[0].type)

    return number(number), write


def _float_format(kind: Any) -> tuple[Any, int, int]:
    """Return the integer of a float's size, the bits of its fraction, and what is added to its exponent."""
    return (_INT, 23, 127) if kind == types.float32 else (_LONG, 52, 1023)


@instruction
def add_to(typing_context: Any, address: Any, number: Any) -> Any:
    """Add to an int64 that other threads add to as well, so that nothing is lost; return what it was before."""
    return types.int64(types.int64, types.int64), lambda context, code, signature, values: code.atomic_rmw(
        "add", _at(code, values[0], _LONG(0), _LONG), values[1], "seq_cst"
    )


@instruction
def look_at(typing_context: Any, address: Any) -> Any:
    """Return an int64 as other threads left it; what they wrote before it can be read from then on."""
    return types.int64(types.int64), lambda context, code, signature, values: code.load_atomic(
        _at(code, values[0], _LONG(0), _LONG), "seq_cst", 8
    )


def _at(code: Any, address: Any, offset: Any, kind: Any) -> Any:
    """Return `address` + `offset` as a pointer to a value of LLVM's type `kind`."""
    return code.inttoptr(code.add(address, offset), kind.as_pointer())


def _system_call(name: str, *arguments: int) -> Any:
    """Return an intrinsic that calls a function of the system by its name, since an address could not be cached on disk."""

    @instruction
    def call(typing_context: Any) -> Any:
        def write(context: Any, code: Any, signature: Any, values: Any) -> Any:
            function = cgutils.get_or_insert_function(code.module, ir.FunctionType(_INT, [_INT] * len(arguments)), name)
            code.call(function, [_INT(number) for number in arguments])
            return context.get_dummy_value()

        return types.void(), write

    return call


sleep_a_moment = _system_call("Sleep", 1) if os.name == "nt" else _system_call("usleep", 50)  # 1 ms, 50 µs

LOOKS = 500_000  # of a thread that waits, before it sleeps: some 0.15 ms, more than threads on a quiet machine are apart


@part
def meet(counter: int, arrivals: int) -> None:
    """Arrive, and wait for all others."""
    add_to(counter, 1)
    wait_until(counter, arrivals)


@part
def wait_until(counter: int, number: int) -> None:
    """Return when the counter has reached the number: look, and soon sleep between the looks, so that others can run.

    A thread must not give away its turn instead (sched_yield): another program's turn takes milliseconds, a step less than one.
    """
    looks = 0
    while look_at(counter) < number:
        looks += 1
        if looks > LOOKS:
            sleep_a_moment()
