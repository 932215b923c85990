"""The matrix product by hand, as fast as the best libraries: c[i, j] = Σ_k a[i, k] b[k, j].

Why is the plain loop slow? A core multiplies and adds sixteen or more numbers in each of its cycles, but can load only a few times
as much as it computes. The product of (N, K) with (K, H) needs N K H multiplications, on only N K + K H different numbers: so each
must be used many times for one loading. That is all there is to it, and it is done three times, once for each kind of memory:

- **Registers.** A core has 16 or 32 of them, and each holds a *vector* of 4, 8 or 16 numbers, on which one instruction works at
  once. A *tile* of c, such as 6 rows of 16 columns, lives in 12 registers while k runs through all terms. For each k it takes two
  loads of vectors of b and six loads of a number of a, spread over a vector, and then twelve multiply-and-adds: more arithmetic
  than loads, and none waits for another's result. `nnlite.products.processor.tile` is this loop.
- **The first caches** (32 KB and 1 MB, a few cycles away). The columns of b for one tile are its *panel*, and all tiles of these
  columns are computed one after the other, so that all but the first find it near.
- **Alignment.** Caches hand out lines of 64 bytes. A vector that begins in one line and ends in the next costs two loads: the rows
  of a panel begin at multiples of 64, as does everything that `aligned` makes. Only a tile of wide rows computes for so long that
  twice the loads do not delay it.

Where the columns do not lie so in b, they are copied into a panel. That settles all that does not come out even. Columns that b
does not have are zeros in the panel, so a tile always has its full width; and a transposed b is turned over on the way, by
`transpose_block`. The rows of a are only read number by number, whatever its strides. Thus one function is all three products of a
Dense, x W, xᵀ dz and dz Wᵀ. A tile of too few rows computes its last one again.

Every number of c is the sum of its products in the order of k, whichever tile it is in: one row alone has the same bits as in a
batch. As long as b is finite, products with zeros may be left out without changing that, and four fifths of the pixels of a digit
are zeros: a tile takes its terms from a list, `nonzero_in_rows`, without those that are zero in all of its rows.

Memory is handled by its addresses, because views of an array are counted, and two threads that count the views of one array wait
for each other. Strides are in bytes. `product` shows how the functions are called for arrays.

References
----------
K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions on Mathematical Software 34, 2008.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import LINE, FloatArray, aligned
from nnlite.jit import COMPILED, jit, part
from nnlite.products.processor import REGISTER, ROWS, WIDTH, any_nonzero, array_at, itemsize, tile, transpose_block

Place = tuple[int, ...]  # an address and what belongs to it


def padded(rows: int, columns: int, dtype: npt.DTypeLike) -> FloatArray:
    """Return zeros (rows, columns) with room for whole tiles: each row begins at a multiple of LINE and WIDTH.

    It is an odd multiple: rows that lie a power of two apart would share a few places of the first cache.
    """
    lanes = max(WIDTH, LINE) // np.dtype(dtype).itemsize
    return aligned((rows, (-(-columns // lanes) | 1) * lanes), dtype)[:, :columns]


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a b, shape (N, H), of a (N, K) and b (K, H), both float32 or both float64; transposed ones cost nothing more.

    Everything in b is expected to be finite: zeros of a are left out, also where NumPy's 0 times infinity is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.products import product
    >>> product(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]]))
    array([[21.],
           [43.]])
    """
    return prepared(a, b)()


def prepared(a: FloatArray, b: FloatArray) -> Callable[[], FloatArray]:
    """Return a function that computes the product of two matrices where they are, each time into the same array."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or a.dtype != b.dtype or a.dtype not in ("f4", "f8"):
        raise ValueError(
            f"product expects float32 or float64 matrices (N, K) and (K, H), received {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    if not COMPILED:  # then there is no tile; each row alone, for the same bits in any batch
        return lambda: np.array([(row[:, None] * b).sum(axis=0) for row in a], a.dtype).reshape(len(a), b.shape[1])
    b = b if b.dtype.itemsize in b.strides else np.ascontiguousarray(b)
    c, scratch = padded(len(a), b.shape[1], a.dtype), aligned((scratch_size(*a.shape),), np.uint8)
    places = (a.ctypes.data, *a.strides), (b.ctypes.data, *b.strides), (c.ctypes.data, c.strides[0])

    def multiply_again() -> FloatArray:
        multiply(*places, (*a.shape, b.shape[1]), scratch.ctypes.data, a.dtype.type(0))
        return c

    return multiply_again


def scratch_size(rows: int, terms: int) -> int:
    """Return the bytes that `multiply` needs to work in: a panel, and lists of terms."""
    return terms * WIDTH + 4 * (rows // ROWS + 1) * (terms + 1)


@jit
def multiply(a: Place, b: Place, c: Place, shape: Place, scratch: int, like: Any) -> None:
    """c[i, j] = Σ_k a[i, k] b[k, j].

    Parameters
    ----------
    a, b, c : tuples
        An address and the strides of rows and columns. Of b's strides one is the size of a number; the columns of c lie side by
        side, with room for whole tiles as in `padded`.
    shape : tuple
        N, K and H.
    scratch : int
        The address of room for `scratch_size` bytes.
    like : float32 or float64
        Any number of the type.
    """
    (a_at, a_row, a_term), (b_at, b_term, b_column), (c_at, c_row) = a, b, c
    rows, terms, columns = shape
    size, lists, list_size = itemsize(like), scratch + terms * WIDTH, 4 * (terms + 1)
    for i in range(0, rows, ROWS):
        nonzero_in_rows(a_at + i * a_row, a_row, a_term, rows - i, terms, scratch, lists + i // ROWS * list_size, like)
    for j in range(0, columns, WIDTH // size):
        panel, panel_row = b_at + j * b_column, b_term
        if b_column != size or columns - j < WIDTH // size or (WIDTH <= LINE and (b_at | b_term) % LINE):
            pack(panel, b_term, b_column, terms, columns - j, scratch, like)
            panel, panel_row = scratch, np.int64(WIDTH)
        for i in range(0, rows, ROWS):
            order = lists + i // ROWS * list_size
            tile(a_at + i * a_row, a_row, a_term, rows - i, order, panel, panel_row, c_at + i * c_row + j * size, c_row, like)


@part
def pack(b: int, b_term: int, b_column: int, terms: int, columns: int, panel: int, like: Any) -> None:
    """panel[k, j] = b[k, j] for all k < terms and j < the panel's width, 0 where j ≥ columns."""
    size = itemsize(like)
    lanes, block, filled = WIDTH // size, REGISTER // size, min(columns, WIDTH // size)
    down, across = (terms // block * block, filled // block * block) if b_column != size else (0, 0)
    for j in range(0, across, block):
        for k in range(0, down, block):
            transpose_block(b + k * b_term + j * b_column, b_column, panel + k * WIDTH + j * size, like)
    for k in range(down if across == lanes else 0, terms):
        to = array_at(panel + k * WIDTH, lanes, like)
        if b_column == size:
            np.positive(array_at(b + k * b_term, filled, like), to[:filled])
        else:
            for j in range(across if k < down else 0, filled):
                to[j] = array_at(b + k * b_term + j * b_column, 1, like)[0]
        to[filled:] = 0


@jit
def nonzero_in_rows(a: int, a_row: int, a_term: int, rows: int, terms: int, found: int, order: int, like: Any) -> None:
    """List the k < terms with a[i, k] ≠ 0 for an i < min(rows, ROWS), as `tile` takes them; all, if a row's terms lie apart.

    `found` is room for a byte for each. Nothing branches: each k is written, and the next one over it if it was not to stay.
    """
    here, listed = array_at(found, terms, np.uint8(0)), array_at(order, terms + 1, np.int32(0))
    count, apart = 0, a_term != itemsize(like)
    here[:] = apart
    for i in range(0 if apart else min(rows, ROWS)):
        row = array_at(a + i * a_row, terms, like)
        for k in range(terms):
            here[k] |= row[k] != 0
    for k in range(terms):
        listed[count + 1] = k
        count += here[k]
    listed[0] = count


@jit
def nonzero_in_columns(a: int, a_term: int, terms: int, order: int, like: Any) -> None:
    """List the k < terms with a[k, i] ≠ 0 for an i < ROWS, side by side in memory."""
    count, listed = 0, array_at(order, terms + 1, np.int32(0))
    for k in range(terms):
        listed[count + 1] = k
        count += any_nonzero(a + k * a_term, like)
    listed[0] = count
