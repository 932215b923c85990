"""The range coder: every message keeps the promises of `check_codec`, among them the bytes of the plain twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from range_coder_twin import (
    BYTES,
    INT32_MAX,
    INT32_MIN,
    check_codec,
    int32,
    laplace_tables,
    messages,
    sample,
)

from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.codec.range_coder import decode, encode

SKEWED = FrequencyTables.from_weights(int32(0), [[1, 0, 0]])  # 65534, 1, and 1 for the escape
STRADDLING = FrequencyTables(int32(0), np.array([[32767, 2, 32766, 1]], np.uint16))  # symbol 1: the middle of the interval

NAMED = {
    "empty": (int32(), BYTES),
    "one symbol": (int32(77), BYTES),
    "all the same": (np.full(300, 77, np.int32), BYTES),
    "every value": (np.arange(256, dtype=np.int32), BYTES),
    "all probable": (np.zeros(1000, np.int32), SKEWED),
    "all improbable": (np.ones(300, np.int32), SKEWED),
    "improbable after probable": (int32(*[0] * 300, 1), SKEWED),
    "all escapes": (np.arange(2, 300, 3, dtype=np.int32), SKEWED),
    "escapes on both sides": (int32(-1, 256, -2, 257, -100, 1000), BYTES),
    "ends of int32": (int32(INT32_MIN, INT32_MAX, 0, INT32_MAX, INT32_MIN), BYTES),
    "longest codes": (np.full(50, INT32_MIN, np.int32), FrequencyTables.from_weights(int32(INT32_MAX), [[1, 0]])),
    "middle": (int32(*[1] * 40), STRADDLING),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_messages_keep_every_promise(name):
    symbols, tables = NAMED[name]
    check_codec(symbols, np.zeros(symbols.size, int), tables)


@pytest.mark.parametrize("minimum", [INT32_MIN, INT32_MAX])
@pytest.mark.parametrize("symbol", [INT32_MIN, -1, 0, 1, INT32_MAX])
def test_any_int32_can_be_coded_with_a_table_at_either_end_of_int32(minimum, symbol):
    check_codec(int32(symbol), [0], FrequencyTables.from_weights(int32(minimum), [[1, 1]]))


def test_random_symbols_with_a_table_each_keep_every_promise():
    rng, tables = np.random.default_rng(2), laplace_tables()
    table_indices = rng.integers(0, len(tables), 600)
    check_codec(sample(rng, tables, table_indices), table_indices, tables)


def test_a_long_message_costs_its_cross_entropy_and_at_most_a_byte():
    rng, tables = np.random.default_rng(3), laplace_tables()
    table_indices = rng.integers(0, len(tables), 20_000)
    symbols = sample(rng, tables, table_indices)
    data = encode(symbols, table_indices, tables)
    np.testing.assert_array_equal(decode(data, table_indices, tables), symbols)
    assert abs(len(data) - tables.cross_entropy(symbols, table_indices) / 8) <= 1


@pytest.mark.parametrize("length", range(1, 30))
def test_a_carry_passes_through_any_number_of_bytes_of_255(length):
    # Symbol 1 is the interval's middle: the bytes remain 7F FF FF ... until another symbol decides for one half of it.
    table_indices = np.zeros(length + 1, int)
    below = check_codec(int32(*[1] * length, 0), table_indices, STRADDLING)
    above = check_codec(int32(*[1] * length, 2), table_indices, STRADDLING)
    settled = 15 * length // 8  # bytes shared by all numbers in the middle's lower half
    assert below[:settled] == (b"\x7f" + b"\xff" * settled)[:settled]
    assert above[:settled] == (b"\x80" + b"\x00" * settled)[:settled]


def test_a_carry_of_the_last_byte_passes_through_all_others():
    assert encode(int32(*[1] * 40), np.zeros(40, int), STRADDLING) == b"\x80"  # 0.5 lies inside, whatever the length


def test_the_table_of_each_symbol_is_its_own():
    tables = FrequencyTables.from_weights(int32(0, 100), [[1, 0], [1, 0]])
    assert encode(int32(0, 100, 0, 100), [0, 1, 0, 1], tables) == b""
    assert len(encode(int32(0, 100, 0, 100), [1, 0, 1, 0], tables)) > 8


def test_tables_may_differ_in_length():
    tables = FrequencyTables.from_weights(int32(-1, 5, 0), [[1, 2, 3, 4], [1, 1], np.arange(1, 50)])
    check_codec(int32(*range(-3, 60)), np.arange(63) % 3, tables)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_table_indices_may_be_any_integers(dtype):
    indices = np.array([0, 5, 3], dtype)
    check_codec(int32(1, 2, 3), indices, laplace_tables())


def test_strided_arrays_give_the_bytes_of_contiguous_ones():
    symbols, table_indices = np.arange(40, dtype=np.int32), np.arange(40) % 6
    strided = encode(symbols[::2], table_indices[::2], laplace_tables())
    assert strided == encode(symbols[::2].copy(), table_indices[::2].copy(), laplace_tables())


# The format for ever: a change of these bytes makes every file unreadable that was written before it.
GOLDEN = [
    ([0, 1, 2, 3, 4, 5], [0, 1, 2, 0, 1, 2], "752fa0c80a9b54"),
    ([-1, -2, 9, 100, -100, 3], [2, 1, 0, 0, 1, 2], "e40000fe228e91d9c7dd5968"),
    ([INT32_MIN, INT32_MAX], [0, 2], "fef40000010c000001920000010bfffff4"),
]
GOLDEN_TABLES = FrequencyTables(
    int32(0, -2, 3),
    np.array([[30000, 20000, 10000, 5000, 536], [1, 65534, 1, 0, 0], [16384, 16384, 16384, 16384, 0]], np.uint16),
)


@pytest.mark.parametrize(("symbols", "table_indices", "stream"), GOLDEN)
def test_golden_messages_give_their_golden_bytes(symbols, table_indices, stream):
    assert encode(int32(*symbols), table_indices, GOLDEN_TABLES).hex() == stream


@pytest.mark.parametrize(("symbols", "table_indices", "stream"), GOLDEN)
def test_golden_bytes_give_their_golden_messages(symbols, table_indices, stream):
    assert decode(bytes.fromhex(stream), table_indices, GOLDEN_TABLES).tolist() == symbols


@settings(derandomize=True, deadline=None, max_examples=100)
@given(messages())
def test_any_message_keeps_every_promise(message):
    check_codec(*message)
