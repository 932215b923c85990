"""The matrix product by hand: NumPy's numbers, in every shape and layout, and nothing outside the arrays."""

import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.arrays import LINE
from nnlite.products import matrix_product as products
from nnlite.products import processor
from nnlite.products.processor import ROWS, WIDTH

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="instructions exist in compiled code only")

sizes = st.integers(0, 70)
dtypes = st.sampled_from([np.float32, np.float64])
kinds = st.sampled_from(["rows", "columns", "part of rows", "backwards", "neither"])


def layouts(matrix):
    """Return the matrix in each way in which it can lie in memory."""
    spread = np.full((2 * matrix.shape[0] + 1, 3 * matrix.shape[1] + 1), np.nan, matrix.dtype)
    spread[:-1:2, :-1:3] = matrix
    wide = np.full((matrix.shape[0], matrix.shape[1] + 3), np.nan, matrix.dtype)
    wide[:, 1:-2] = matrix
    return {
        "rows": np.ascontiguousarray(matrix),
        "columns": np.asfortranarray(matrix),
        "part of rows": wide[:, 1:-2],
        "backwards": matrix[::-1, ::-1].copy()[::-1, ::-1],
        "neither": spread[:-1:2, :-1:3],
    }


def exact(a, b):
    """Return a b in float64, and the largest error that rounding to the dtype of a can make of it in K sums."""
    rounding = (a.shape[1] + 2) * np.finfo(a.dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    return a.astype(np.float64) @ b.astype(np.float64), rounding


@settings(max_examples=100, deadline=None)
@given(shape=st.tuples(sizes, sizes, sizes), dtype=dtypes, layout=st.tuples(kinds, kinds), seed=st.integers(0, 9))
def test_the_product_is_numpys_in_every_shape_and_layout(shape, dtype, layout, seed):
    rows, terms, columns = shape
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((rows, terms)).astype(dtype), rng.standard_normal((terms, columns)).astype(dtype)
    received = products.product(layouts(a)[layout[0]], layouts(b)[layout[1]])
    expected, rounding = exact(a, b)
    assert received.shape == (rows, columns)
    assert received.dtype == dtype
    assert (np.abs(received - expected) <= rounding).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(dtype, rng):
    a, b = rng.standard_normal((2 * ROWS + 3, 50)).astype(dtype), rng.standard_normal((50, 39)).astype(dtype)
    together = products.product(a, b)
    for start in range(len(a)):
        for stop in range(start + 1, len(a) + 1):
            np.testing.assert_array_equal(products.product(a[start:stop], b), together[start:stop])


@pytest.mark.parametrize("position", [0, 3, 8])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_reach_their_row_and_no_other(bad, position, rng):
    a, b = rng.standard_normal((9, 9)).astype(np.float32), rng.standard_normal((9, 9)).astype(np.float32)
    a[position, 4] = bad
    received = np.isfinite(products.product(a, b)).all(axis=1)
    np.testing.assert_array_equal(received, np.arange(9) != position)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3))),
        (np.zeros((2, 3)), np.zeros(3)),
        (np.zeros(3), np.zeros((3, 2))),
        (np.zeros((2, 3), np.float32), np.zeros((3, 2))),
        (np.zeros((2, 3), np.int64), np.zeros((3, 2), np.int64)),
        (np.zeros((2, 3), np.float16), np.zeros((3, 2), np.float16)),
    ],
)
def test_what_has_no_product_is_refused(a, b):
    with pytest.raises(ValueError, match=r"product expects .*, received"):
        products.product(a, b)


@pytest.mark.parametrize(
    ("features", "shape"),
    [
        ("+avx512f,+avx2", (4, 256, 64)),
        ("-avx512f,+avx2", (6, 64, 32)),
        ("+neon", (8, 32, 16)),
        ("-avx2", (6, 32, 16)),
        (None, (6, 32, 16)),
    ],
)
def test_a_tile_fits_the_processor_that_numba_is_told_to_compile_for(features, shape, monkeypatch):
    monkeypatch.setattr(numba.config, "CPU_NAME", "another")
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert processor._tile_shape() == shape


@pytest.mark.parametrize("columns", [1, 15, 16, 17, 784])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padded_rows_have_room_for_whole_tiles(columns, dtype):
    array = products.padded(3, columns, dtype)
    assert array.shape == (3, columns)
    assert array.strides[0] % LINE == array.strides[0] % WIDTH == 0
    assert array.base.size * array.itemsize >= 3 * array.strides[0]


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 20), terms=st.integers(0, 40), share=st.sampled_from([0, 0.02, 0.2, 1]), seed=st.integers(0, 9))
def test_terms_that_are_zero_in_all_rows_of_a_tile_are_left_out(rows, terms, share, seed):
    a = (np.random.default_rng(seed).random((rows, terms)) < share) * np.float32(-0.1)
    found, order = np.full(terms + 1, 7, np.uint8), np.full(terms + 2, -1, np.int32)
    products.list_nonzero(a.ctypes.data, a.strides[0], rows, terms, found.ctypes.data, order.ctypes.data, np.float32(0))
    np.testing.assert_array_equal(order[1 : order[0] + 1], np.flatnonzero(a[:ROWS].any(axis=0)))
    assert (order[-1], found[-1]) == (-1, 7)


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(0, 40), columns=st.integers(0, 40), room=st.integers(0, 20), dtype=dtypes)
def test_a_matrix_is_turned_over_and_nothing_else_is_written(rows, columns, room, dtype):
    matrix = np.random.default_rng(0).standard_normal((rows, columns)).astype(dtype)
    to = np.full((columns + 1, rows + room), 7, dtype)
    products.turn(matrix.ctypes.data, columns * matrix.itemsize, rows, columns, to.ctypes.data, to.strides[0], dtype(0))
    np.testing.assert_array_equal(to, np.pad(matrix.T, ((0, 1), (0, room)), constant_values=7))


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_prepared_product_reads_the_matrices_where_they_are(layout, rng):
    a, b = (layouts(rng.standard_normal((20, 20)))[layout] for _ in "ab")
    multiply = products.prepared(a, b)
    multiply()
    a *= 2
    b[3] = 0
    expected, rounding = exact(a, b)
    assert (np.abs(multiply() - expected) <= rounding).all()


# Matrices that end, and others that begin, where the system allows no access: whoever reads or writes beyond ends the process.
GUARDED = """
import ctypes, itertools, mmap
import numpy as np
from nnlite.products import matrix_product as products
from nnlite.products import processor

PAGE = mmap.PAGESIZE
library = ctypes.CDLL(None, use_errno=True)
library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
memories = []

def guarded(shape, dtype, at_end):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE) + 2
    memory = mmap.mmap(-1, pages * PAGE)
    memories.append(memory)
    whole = np.frombuffer(memory, np.uint8)
    for page in (0, pages - 1):
        assert library.mprotect(whole.ctypes.data + page * PAGE, PAGE, 0) == 0
    start = (pages - 1) * PAGE - size if at_end else PAGE
    return whole[start : start + size].view(dtype).reshape(shape)

rng = np.random.default_rng(0)
sizes = (1, 7, 8, 17, 33)
for dtype, at_end in itertools.product((np.float32, np.float64), (False, True)):
    for n, k, h in itertools.product(sizes, sizes, sizes):
        a, b = guarded((n, k), dtype, at_end), guarded((k, h), dtype, at_end)
        at, bt = guarded((k, n), dtype, at_end), guarded((h, k), dtype, at_end)
        a[...], b[...] = rng.standard_normal((n, k)), rng.standard_normal((k, h))
        at[...], bt[...] = a.T, b.T
        expected = a @ b
        for left, right in itertools.product((a, at.T), (b, bt.T)):
            assert np.allclose(products.product(left, right), expected, atol=1e-4)
        del a, b, at, bt, left, right
        memories.clear()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects pages as Linux does")
def test_nothing_outside_the_matrices_is_read_or_written():
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]
