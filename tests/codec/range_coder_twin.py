"""The range coder written a second time, plainly, on unbounded integers; and what the tests of the fast one share."""

import bisect
import itertools

import hypothesis.strategies as st
import numpy as np

from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.codec.range_coder import decode, encode

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def int32(*values):
    return np.array(values, np.int32)


class TwinEncoder:
    """The coder as it would be written without a limit to integers: nothing leaves `low`, so nothing is ever carried."""

    def __init__(self):
        self.low, self.width, self.shifts = 0, 2**56, 0

    def narrow(self, start, width):
        self.low, self.width = self.low + start, width
        while self.width <= 2**48:
            self.low, self.width, self.shifts = self.low * 256, self.width * 256, self.shifts + 1

    def bit(self, bit):
        half = self.width // 2
        self.narrow(*((half, self.width - half) if bit else (0, half)))

    def shortest_bytes_inside(self):
        for size in range(self.shifts + 2):
            unit = 2 ** (56 + 8 * (self.shifts - size))
            number = -(-self.low // unit)
            if number * unit < self.low + self.width:
                return number.to_bytes(size, "big")
        raise AssertionError("one byte beyond those shifted out always suffices")


def cumulative_frequencies(tables, t):
    return list(itertools.accumulate((int(f) for f in tables.frequencies[t] if f), initial=0))


def twin_encode(symbols, table_indices, tables):
    coder = TwinEncoder()
    for symbol, t in zip(map(int, symbols), table_indices, strict=True):
        minimum, cumulative = int(tables.minimum[t]), cumulative_frequencies(tables, t)
        escape = len(cumulative) - 2
        entry = symbol - minimum if 0 <= symbol - minimum < escape else escape
        step = coder.width // 2**16
        coder.narrow(step * cumulative[entry], step * (cumulative[entry + 1] - cumulative[entry]))
        if entry == escape:
            coder.bit(symbol < minimum)
            binary = f"{minimum - symbol if symbol < minimum else symbol - (minimum + escape - 1):b}"
            for bit in "0" * (len(binary) - 1) + binary:
                coder.bit(bit == "1")
    return coder.shortest_bytes_inside()


def twin_decode(data, table_indices, tables):
    """Decode by asking, for every symbol, in which part of the interval the whole number lies."""
    coder = TwinEncoder()
    number = int.from_bytes(data + bytes(12 * len(table_indices) + 12), "big")
    size = len(data) + 12 * len(table_indices) + 12

    def offset():
        return number // 2 ** (8 * (size - 7 - coder.shifts)) - coder.low

    def read_bit():
        bit = offset() >= coder.width // 2
        coder.bit(bit)
        return int(bit)

    symbols = []
    for t in table_indices:
        minimum, cumulative = int(tables.minimum[t]), cumulative_frequencies(tables, t)
        step = coder.width // 2**16
        entry = bisect.bisect_right(cumulative, offset() // step) - 1
        coder.narrow(step * cumulative[entry], step * (cumulative[entry + 1] - cumulative[entry]))
        symbol = minimum + entry
        if entry == len(cumulative) - 2:
            below, zeros, excess = read_bit(), 0, 1
            while not read_bit():
                zeros += 1
            for _ in range(zeros):
                excess = 2 * excess + read_bit()
            symbol = minimum - excess if below else symbol - 1 + excess
        symbols.append(symbol)
    return symbols


def check_codec(symbols, table_indices, tables):
    """The promises that hold for every message; returns its bytes."""
    data = encode(symbols, table_indices, tables)
    decoded = decode(data, table_indices, tables)
    np.testing.assert_array_equal(decoded, symbols, strict=True)
    assert data == twin_encode(symbols, table_indices, tables)
    assert twin_decode(data, table_indices, tables) == symbols.tolist()
    assert not data.endswith(b"\0")
    assert len(data) <= 1.0002 * tables.cross_entropy(symbols, table_indices) / 8 + 1
    return data


def laplace_tables(count=6, reach=8):
    values = np.arange(-reach, reach + 1)
    rows = [np.append(np.exp(-np.abs(values) / scale), 1e-4) for scale in np.geomspace(0.2, 4, count)]
    return FrequencyTables.from_weights(np.full(count, -reach, np.int32), rows)


def sample(rng, tables, table_indices):
    rows = tables.frequencies / 65536
    entries = [rng.choice(rows.shape[1], p=rows[t]) for t in table_indices]
    return (tables.minimum[table_indices] + entries).astype(np.int32)  # an entry of escape gives the value above the range


BYTES = FrequencyTables.from_weights(int32(0), [np.append(np.ones(256), 0)])


@st.composite
def messages(draw):
    rows = draw(st.lists(st.lists(st.integers(0, 1000), min_size=2, max_size=20).filter(any), min_size=1, max_size=4))
    minimum = draw(st.lists(st.integers(-50, 50), min_size=len(rows), max_size=len(rows)))
    near, anywhere = st.integers(-60, 80), st.integers(INT32_MIN, INT32_MAX)
    pairs = draw(st.lists(st.tuples(st.integers(0, len(rows) - 1), near | anywhere), max_size=60))
    table_indices, symbols = np.array(pairs, np.int64).reshape(-1, 2).T
    return symbols.astype(np.int32), table_indices, FrequencyTables.from_weights(int32(*minimum), rows)
