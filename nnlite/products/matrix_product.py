"""The matrix product by hand, as fast as the best libraries: c[i, j] = Σ_k a[i, k] b[k, j].

Why is the plain loop slow? A core multiplies and adds sixteen or more numbers in each of its cycles, but can load only a few times
as much as it computes. The product of (N, K) with (K, H) needs N K H multiplications, on only N K + K H different numbers: so each
must be used many times for one loading. That is all there is to it, and it is done three times, once for each kind of memory:

- **Registers.** A core has 16 or 32 of them, and each holds a *vector* of 4, 8 or 16 numbers, on which one instruction works at
  once. A *tile* of c, such as 6 rows of 16 columns, lives in 12 registers while k runs through all terms. For each k it takes two
  loads of vectors of b and six loads of a number of a, spread over a vector, and then twelve multiply-and-adds: more arithmetic
  than loads, and none waits for another's result. `nnlite.products.processor.tile` is this loop.
- **The first cache** (32 KB, a few cycles away). The columns of b for one tile are copied into a *panel* first, its rows side by
  side, and all tiles of these columns take it from there. In b they would lie far apart, each in another page of memory.
- **Alignment.** Caches hand out lines of 64 bytes. A vector that begins in one line and ends in the next costs two loads: panels
  begin at a multiple of 64, as does everything that `aligned` makes.

The panel also settles all that does not come out even. Columns that b does not have are zeros in the panel, so a tile always
has its full width; and since b is read only for the copy, a transposed b costs the same, by `transpose_block`. The rows of a are
only read number by number, whatever its strides. Thus one function is all three products of a Dense, x W, xᵀ dz and dz Wᵀ. A tile
of too few rows computes its last one again.

Every number of c is the sum of its products in the order of k, whichever tile it is in: one row alone has the same bits as in a
batch. Products with zeros may be left out without changing that, and four fifths of the pixels of a digit are zeros: a tile takes
its terms from a list, `nonzero_in_rows`.

Memory is handled by its addresses, because views of an array are counted, and two threads that count the views of one array wait
for each other. Strides are in bytes. `product` shows how the functions are called for arrays.

References
----------
K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions on Mathematical Software 34, 2008.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import LINE, FloatArray, aligned
from nnlite.jit import COMPILED, jit, part
from nnlite.products.processor import ROWS, WIDTH, array_at, copy_lanes, itemsize, tile, transpose_block

Place = tuple[int, ...]  # an address and what belongs to it


def padded(rows: int, columns: int, dtype: npt.DTypeLike) -> FloatArray:
    """Return zeros (rows, columns) with room for whole tiles: each row begins at a multiple of LINE and WIDTH."""
    lanes = max(WIDTH, LINE) // np.dtype(dtype).itemsize
    return aligned((rows, -(-columns // lanes) * lanes), dtype)[:, :columns]


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a b, shape (N, H), of a (N, K) and b (K, H), both float32 or both float64; transposed ones cost nothing more.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.products import product
    >>> product(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]]))
    array([[21.],
           [43.]])
    """
    return Product(a, b)()


class Product:
    """A product of two matrices where they are: each call computes it, into one and the same array, which it returns."""

    def __init__(self, a: FloatArray, b: FloatArray):
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or a.dtype != b.dtype or a.dtype not in ("f4", "f8"):
            raise ValueError(
                f"product expects float32 or float64 matrices (N, K) and (K, H), received {a.dtype} {a.shape} and "
                f"{b.dtype} {b.shape}"
            )
        self._alive: tuple[Any, ...] = a, b
        if not COMPILED:
            return
        if b.dtype.itemsize not in b.strides:
            b = np.ascontiguousarray(b)
        (rows, terms), columns = a.shape, b.shape[1]
        self._c, panel = padded(rows, columns, a.dtype), aligned((terms * WIDTH,), np.uint8)
        every = np.array([terms, *range(terms)], np.int32)
        left, right, c = (a.ctypes.data, *a.strides), (b.ctypes.data, *b.strides), (self._c.ctypes.data, self._c.strides[0])
        lists, like = (every.ctypes.data, 0), a.dtype.type(0)
        self._arguments = left, right, 0, c, (rows, terms, columns), panel.ctypes.data, lists, like
        self._alive = a, b, panel, every  # whose addresses are among them

    def __call__(self) -> FloatArray:
        """Multiply."""
        if not COMPILED:  # then there is no tile; each row alone, for the same bits in any batch
            a, b = self._alive
            return np.array([(row[:, None] * b).sum(axis=0) for row in a], a.dtype).reshape(len(a), b.shape[1])
        multiply(*self._arguments)
        return self._c


@jit
def multiply(a: Place, b: Place, bias: int, c: Place, shape: Place, panel: int, lists: Place, like: Any) -> None:
    """c[i, j] = Σ_k a[i, k] b[k, j] (+ bias[j], the b[k, j] of one more term).

    Parameters
    ----------
    a, b, c : tuples
        An address and the strides of rows and columns. Of b's strides one is the size of a number; the columns of c lie side by
        side, with room for whole tiles as in `padded`.
    bias : int
        An address, or 0 for none.
    shape : tuple
        N, the terms in b, and H.
    panel : int
        The address of room for one panel of all terms.
    lists : tuple
        The address of the list of terms for the first tile of rows, and the bytes from there to that for the next: int32, the
        number of terms and then each.
    like : float32 or float64
        Any number of the type.
    """
    (a_at, a_row, a_term), (b_at, b_term, b_column), (c_at, c_row) = a, b, c
    rows, terms, columns = shape
    size = itemsize(like)
    for j in range(0, columns, WIDTH // size):
        pack(b_at + j * b_column, b_term, b_column, terms, columns - j, panel, like)
        if bias:
            pack(bias + j * size, size, size, np.int64(1), columns - j, panel + terms * WIDTH, like)
        for i in range(0, rows, ROWS):
            order = lists[0] + i // ROWS * lists[1]
            tile(a_at + i * a_row, a_row, a_term, rows - i, order, panel, c_at + i * c_row + j * size, c_row, like)


@part
def pack(b: int, b_term: int, b_column: int, terms: int, columns: int, panel: int, like: Any) -> None:
    """panel[k, j] = b[k, j] for all k < terms and j < the panel's width, 0 where j ≥ columns."""
    size = itemsize(like)
    lanes = WIDTH // size
    block = lanes // 2
    if columns < lanes:
        zeros = array_at(panel, terms * lanes, like)
        for k in range(zeros.size):
            zeros[k] = 0
    if b_column == size and columns >= lanes:
        for k in range(terms):
            copy_lanes(b + k * b_term, panel + k * WIDTH)
        return
    count = min(columns, lanes)
    whole_terms, whole_columns = (terms // block * block, count // block * block) if b_term == size else (0, 0)
    for k in range(0, whole_terms, block):
        for j in range(0, whole_columns, block):
            transpose_block(b + k * size + j * b_column, b_column, panel + k * WIDTH + j * size, like)
    for j in range(count):
        for k in range(whole_terms if j < whole_columns else 0, terms):
            array_at(panel + k * WIDTH + j * size, 1, like)[0] = array_at(b + k * b_term + j * b_column, 1, like)[0]


@jit
def nonzero_in_rows(marks: int, mark_row: int, rows: int, terms: int, found: int, order: int) -> None:
    """List the k < terms with marks[i, k] ≠ 0 for an i < min(rows, ROWS).

    A mark is a byte that tells whether a number is not 0; `found` is room for `terms` of them, `order` for the list, as `multiply`
    takes it. Nothing branches: each k is written, and the next one over it if it was not to stay.
    """
    here, listed, count = array_at(found, terms, np.uint8(0)), array_at(order, terms + 1, np.int32(0)), 0
    for k in range(terms):
        here[k] = 0
    for i in range(min(rows, ROWS)):
        row = array_at(marks + i * mark_row, terms, np.uint8(0))
        for k in range(terms):
            here[k] |= row[k]
    for k in range(terms):
        listed[count + 1] = k
        count += here[k] != 0
    listed[0] = count


@jit
def nonzero_in_columns(marks: int, mark_row: int, terms: int, order: int) -> None:
    """List the k < terms with marks[k, i] ≠ 0 for an i < ROWS.

    Eight marks are looked at as one integer: there must be as many in each row from `marks` on, though only ROWS of them count.
    """
    listed, count = array_at(order, terms + 1, np.int32(0)), 0
    for k in range(terms):
        listed[count + 1] = k
        count += array_at(marks + k * mark_row, 1, np.int64(0))[0] << (64 - 8 * ROWS) != 0
    listed[0] = count
