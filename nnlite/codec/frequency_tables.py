"""The range coder's probabilities, as integers: so encoder and decoder agree exactly, on every machine.

A table holds a frequency for each integer from a minimum to a maximum, in parts of 2^16. Its last entry, the escape, is the
frequency of all other integers. Each frequency is at least 1, so that the unexpected can still be coded.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISION = 16
TOTAL = 1 << PRECISION  # the sum of each table's frequencies
INT32_MAX = (1 << 31) - 1


class FrequencyTables:
    """T tables of integer frequencies: made by `from_weights`, or restored from the two arrays below.

    Parameters
    ----------
    minimum : int32 array, shape (T,)
        The smallest symbol of each table.
    frequencies : uint16 array, shape (T, S)
        Row t holds the frequencies of the symbols minimum[t], minimum[t] + 1, ..., maximum[t], then that of the escape, then zeros
        if another table is longer. They sum to 2^16.

    Attributes
    ----------
    minimum, maximum : int32 array, shape (T,)
        Symbols in this range have a frequency of their own; all others are escaped.
    frequencies : uint16 array, shape (T, S)
        As given. To store the tables, store `minimum` and `frequencies`.
    sizes : int32 array, shape (T,)
        Entries of each table, the escape included: maximum − minimum + 2.
    cumulative : int64 array, shape (T, S + 1)
        Entry j of table t owns the interval [cumulative[t, j], cumulative[t, j + 1]) of [0, 2^16).
    first_entry : uint16 array, shape (T, 256)
        The entry whose interval contains 256 b. The search for a number from 256 b to 256 b + 255 starts there.

    Raises
    ------
    ValueError
        If the arrays do not have these types, shapes and sums.
    """

    def __init__(self, minimum: NDArray[np.int32], frequencies: NDArray[np.uint16]) -> None:
        if minimum.dtype != np.int32 or minimum.ndim != 1 or minimum.size == 0:
            raise ValueError(f"expected minimum to be int32 of shape (T,), T > 0, received {minimum.dtype} {minimum.shape}")
        if frequencies.dtype != np.uint16 or frequencies.ndim != 2 or len(frequencies) != minimum.size:
            expected = f"expected frequencies to be uint16 of shape ({minimum.size}, S), one row for each minimum"
            raise ValueError(f"{expected}, received {frequencies.dtype} {frequencies.shape}")
        self.sizes = np.count_nonzero(frequencies, axis=1).astype(np.int32)
        present = np.arange(frequencies.shape[1]) < self.sizes[:, None]  # (T, S)
        if self.sizes.min() < 2 or not np.array_equal(frequencies > 0, present):
            raise ValueError("each row must hold at least two frequencies of 1 or more, then only zeros; it does not")
        sums = frequencies.sum(axis=1, dtype=np.int64)
        if np.any(sums != TOTAL):
            raise ValueError(f"each row must sum to {TOTAL}, received a sum of {sums[sums != TOTAL][0]}")
        maximum = minimum.astype(np.int64) + self.sizes - 2
        if maximum.max() > INT32_MAX:
            raise ValueError(f"expected the symbols of a table to be int32, received a table that ends at {maximum.max()}")

        self.minimum, self.frequencies = np.array(minimum), np.array(frequencies)  # copies, so that nobody else changes them
        self.maximum = maximum.astype(np.int32)
        self.cumulative = np.pad(np.cumsum(frequencies, axis=1, dtype=np.int64), ((0, 0), (1, 0)))
        starts = np.arange(0, TOTAL, 256)
        self.first_entry = np.array([np.searchsorted(row, starts, side="right") - 1 for row in self.cumulative], np.uint16)

    def __len__(self) -> int:
        return self.minimum.size

    @classmethod
    def from_weights(cls, minimum: NDArray[np.int32], weights: Iterable[ArrayLike]) -> "FrequencyTables":
        """Turn counts or probabilities into tables.

        Parameters
        ----------
        minimum : int32 array, shape (T,)
            The smallest symbol of each table.
        weights : T rows of two or more numbers ≥ 0, or an array of shape (T, S)
            Row t: how often the symbols minimum[t], minimum[t] + 1, ... occur, and last how often a symbol outside this range
            does. Rows may differ in length and need no normalisation, but no row may be all zeros.

        Returns
        -------
        FrequencyTables
            Frequencies proportional to the weights, rounded by largest remainder, and each at least 1.

        Raises
        ------
        ValueError
            If a weight is negative, infinite or NaN, or a row is all zeros, shorter than 2 or longer than 2^15.
        """
        rows = [_share_out(np.asarray(row, np.float64)) for row in weights]
        frequencies = np.zeros((len(rows), max((row.size for row in rows), default=0)), np.uint16)  # (T, S)
        for table, row in zip(frequencies, rows, strict=True):
            table[: row.size] = row
        return cls(minimum, frequencies)

    def cross_entropy(self, symbols: NDArray[np.int32], table_indices: ArrayLike) -> float:
        """Return the bits that these symbols cost: the sum of −log₂(frequency / 2^16), and the bits of escaped symbols.

        Parameters
        ----------
        symbols : int32 array, shape (M,)
            The values.
        table_indices : integer array, shape (M,)
            For each symbol the row of its table.

        Returns
        -------
        float
            Bits for all M symbols together.
        """
        symbols, rows = self.check_symbols(symbols, table_indices)
        below = self.minimum[rows] - symbols.astype(np.int64)  # (M,), > 0 where the symbol is below the range
        above = symbols.astype(np.int64) - self.maximum[rows]
        excess = np.maximum(below, above)
        escaped = excess > 0
        entry = np.where(escaped, self.sizes[rows] - 1, -below)
        bits = PRECISION - np.log2(self.frequencies[rows, entry].astype(np.float64))
        # One bit for the side, then Elias gamma: 2 ⌊log₂ excess⌋ + 1 bits. frexp's exponent is ⌊log₂⌋ + 1.
        return float(bits.sum() + np.sum(2.0 * np.frexp(excess[escaped])[1]))

    def check_indices(self, table_indices: ArrayLike) -> NDArray[np.int32]:
        """Return `table_indices` as int32, shape (M,), or raise a ValueError if one of them names no table."""
        indices = np.asarray(table_indices)
        if indices.dtype.kind not in "iu" or indices.ndim != 1:
            raise ValueError(f"expected table_indices to be integers of shape (M,), received {indices.dtype} {indices.shape}")
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise ValueError(f"expected table_indices to be 0 to {len(self) - 1}, received {indices.min()} to {indices.max()}")
        return np.ascontiguousarray(indices, np.int32)

    def check_symbols(self, symbols: NDArray[np.int32], table_indices: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return symbols and indices as int32, shape (M,), or raise a ValueError if they do not go together."""
        symbols, indices = np.asarray(symbols), self.check_indices(table_indices)
        if symbols.dtype != np.int32 or symbols.shape != indices.shape:
            expected = f"expected symbols to be int32 of shape {indices.shape}, one for each table index"
            raise ValueError(f"{expected}, received {symbols.dtype} {symbols.shape}")
        return np.ascontiguousarray(symbols), indices


def _share_out(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Share 2^16 among the weights, in proportion, as integers of at least 1."""
    if weights.ndim != 1 or not 2 <= weights.size <= TOTAL // 2:
        raise ValueError(f"expected a row of weights of shape (S,), S from 2 to {TOTAL // 2}, received {weights.shape}")
    if not (np.all(np.isfinite(weights)) and weights.min() >= 0 and weights.max() > 0):
        raise ValueError(f"expected a row of weights to be finite, at least 0 and not all 0, received {weights}")
    weights = weights / weights.max()  # their sum stays finite
    shared = np.ones(weights.size, bool)  # these get their share in proportion, the others 1
    while True:
        # Raising some to 1 may push others below 1. The loop ends, because the largest weight's share is at least the mean share,
        # and that is at least 2.
        share = np.where(shared, weights, 0.0)
        share *= (TOTAL - np.count_nonzero(~shared)) / share.sum()
        if np.all(share[shared] >= 1):
            break
        shared = share >= 1
    share[~shared] = 1
    frequencies = np.floor(share).astype(np.int64)
    largest_remainders = np.argsort(frequencies - share, kind="stable")
    frequencies[largest_remainders[: TOTAL - frequencies.sum()]] += 1
    return frequencies
