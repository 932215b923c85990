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
`transpose_block`. Where only a vector of columns is left, as of 784 = 12 · 64 + 16, a narrow tile takes a quarter of the time. A
tile of too few rows computes its last one again. Rows of a lie side by side, and a transposed a is turned over as panels are. Thus
one function is all three products of a Dense, x W, xᵀ dz and dz Wᵀ.

Every number of c is the sum of its products in the order of k, whichever tile it is in: one row alone has the same bits as in a
batch. As long as b is finite, products with zeros may be left out without changing that, and four fifths of the pixels of a digit
are zeros: a tile takes its terms from a list, `list_nonzero`, without those that are zero in all of its rows.

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
from nnlite.products.processor import REGISTER, ROWS, WIDTH, array_at, itemsize, narrow_tile, tile, transpose_block

Place = tuple[int, ...]  # an address and what belongs to it


def padded(rows: int, columns: int, dtype: npt.DTypeLike) -> FloatArray:
    """Return zeros (rows, columns) with room for whole tiles: each row begins at a multiple of LINE and WIDTH.

    It is an odd multiple: rows that lie a power of two apart would share a few places of the first cache.
    """
    lanes = max(WIDTH, LINE) // np.dtype(dtype).itemsize
    return aligned((rows, (-(-columns // lanes) | 1) * lanes), dtype)[:, :columns]


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a b, shape (N, H), of a (N, K) and b (K, H), both float32 or both float64.

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
    """Return a function that computes the product of two matrices where they are, each time into the same array.

    Only a matrix in which neither the numbers of a row nor those of a column lie side by side is copied, once.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or a.dtype != b.dtype or a.dtype not in ("f4", "f8"):
        raise ValueError(
            f"product expects float32 or float64 matrices (N, K) and (K, H), received {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    if not COMPILED:  # then there is no tile; each row alone, for the same bits in any batch
        return lambda: np.array([(row[:, None] * b).sum(axis=0) for row in a], a.dtype).reshape(len(a), b.shape[1])
    a, b = (matrix if matrix.itemsize in matrix.strides else np.ascontiguousarray(matrix) for matrix in (a, b))
    n, k = a.shape
    rows = a if a.strides[1] == a.itemsize else padded(n, k, a.dtype)
    c, scratch, zero = padded(n, b.shape[1], a.dtype), aligned((scratch_size(n, k),), np.uint8), a.dtype.type(0)
    places = (rows.ctypes.data, rows.strides[0]), (b.ctypes.data, *b.strides), (c.ctypes.data, c.strides[0])

    def multiply_again() -> FloatArray:
        if rows is not a:
            turn(a.ctypes.data, a.strides[1], k, n, rows.ctypes.data, rows.strides[0], zero)
        multiply(*places, (n, k, b.shape[1]), scratch.ctypes.data, zero)
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
        An address and the bytes from row to row, of b also those from column to column: one of its two is the size of a number.
        The numbers of a row of a and c lie side by side, in c with room for whole tiles as in `padded`.
    shape : tuple
        N, K and H.
    scratch : int
        The address of room for `scratch_size` bytes.
    like : float32 or float64
        Any number of the type.
    """
    (a_at, a_row), (b_at, b_term, b_column), (c_at, c_row) = a, b, c
    rows, terms, columns = shape
    size, lists, list_size = itemsize(like), scratch + terms * WIDTH, 4 * (terms + 1)
    for i in range(0, rows, ROWS):
        list_nonzero(a_at + i * a_row, a_row, rows - i, terms, scratch, lists + i // ROWS * list_size, like)
    for j in range(0, columns, WIDTH // size):
        panel, panel_row, narrow = b_at + j * b_column, b_term, columns - j <= REGISTER // size
        if b_column != size or columns - j < (REGISTER if narrow else WIDTH) // size or (WIDTH <= LINE and (b_at | b_term) % LINE):
            pack(panel, b_term, b_column, terms, columns - j, scratch, like)
            panel, panel_row = scratch, np.int64(WIDTH)
        for i in range(0, rows, ROWS):
            order, a_i, c_i = lists + i // ROWS * list_size, a_at + i * a_row, c_at + i * c_row + j * size
            if narrow:
                narrow_tile(a_i, a_row, rows - i, order, panel, panel_row, c_i, c_row, like)
            else:
                tile(a_i, a_row, rows - i, order, panel, panel_row, c_i, c_row, like)


@part
def pack(b: int, b_term: int, b_column: int, terms: int, columns: int, panel: int, like: Any) -> None:
    """panel[k, j] = b[k, j] for all k < terms and j < the panel's width, 0 where j ≥ columns."""
    size, lanes = itemsize(like), WIDTH // itemsize(like)
    filled = min(columns, lanes)
    if b_column != size:
        turn(b, b_column, filled, terms, panel, np.int64(WIDTH), like)
    for k in range(terms if b_column == size or filled < lanes else 0):
        to = array_at(panel + k * WIDTH, lanes, like)
        if b_column == size:
            np.positive(array_at(b + k * b_term, filled, like), to[:filled])
        to[filled:] = 0


@jit
def turn(a: int, a_row: int, rows: int, columns: int, to: int, to_row: int, like: Any) -> None:
    """to[k, i] = a[i, k] for all i < rows and k < columns."""
    size, block = itemsize(like), REGISTER // itemsize(like)
    down, across = rows // block * block, columns // block * block
    for i in range(0, down, block):
        for k in range(0, across, block):
            transpose_block(a + i * a_row + k * size, a_row, to + k * to_row + i * size, to_row, like)
    for k in range(columns):
        turned = array_at(to + k * to_row, rows, like)
        for i in range(down if k < across else 0, rows):
            turned[i] = array_at(a + i * a_row + k * size, 1, like)[0]


@jit
def list_nonzero(a: int, a_row: int, rows: int, terms: int, found: int, order: int, like: Any) -> None:
    """List the k < terms with a[i, k] ≠ 0 for an i < min(rows, ROWS), as `tile` takes them.

    `found` is room for a byte for each. Nothing branches: each k is written, and the next one over it if it was not to stay.
    """
    here, listed, count = array_at(found, terms, np.uint8(0)), array_at(order, terms + 1, np.int32(0)), 0
    here[:] = 0
    for i in range(min(rows, ROWS)):
        row = array_at(a + i * a_row, terms, like)
        for k in range(terms):
            here[k] |= row[k] != 0
    for k in range(terms):
        listed[count + 1] = k
        count += here[k]
    listed[0] = count
