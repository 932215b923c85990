"""A tile of the matrix product: why three plain loops are slow.

And what fast libraries do instead.

c[i, j] = Σ_k a[i, k] b[k, j] takes N K H multiplications. Three plain loops load two numbers for each of them, a[i, k] and b[k,
j], and a processor multiplies much faster than it loads. But a and b hold only N K + K H different numbers: each should be used
many times for one loading.

Fill the gap: compute a tile of c, ROWS rows by COLUMNS columns, in one go. For each k load ROWS numbers of a and COLUMNS numbers
of b, once each, into lists, and add all their products to `sums`. (In a compiled loop `sums` and the lists are registers.) The
check counts the loads: the plain loops make 2 a multiplication, a tile of 4 × 4 makes (4 + 4) / 16 = 0.5.

Read first: the head of nnlite/products/matrix_product.py, which does it with vectors of 16 numbers.
"""

ROWS, COLUMNS = 4, 4


def tile(a, b, top, left, terms):
    """Return sums, a list of ROWS lists of COLUMNS numbers: sums[i][j] = Σ_k a[top + i, k] b[k, left + j], for k < terms."""
    sums = [[0.0] * COLUMNS for _ in range(ROWS)]
    for k in range(terms):
        raise NotImplementedError  # gap
    return sums


def product(a, b, c):
    """c ← a b, tile by tile; a (N, K), b (K, H), N and H multiples of the tile's sides."""
    for top in range(0, c.shape[0], ROWS):
        for left in range(0, c.shape[1], COLUMNS):
            sums = tile(a, b, top, left, a.shape[1])
            for i in range(ROWS):
                for j in range(COLUMNS):
                    c[top + i, left + j] = sums[i][j]
