"""Whatever a damaged or forged stream contains, decoding it gives symbols or a CodecError; wrong arguments, a ValueError."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from range_coder_twin import BYTES, INT32_MAX, INT32_MIN, int32, laplace_tables, messages, sample

from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.codec.range_coder import decode, encode
from nnlite.files.errors import CodecError


def decode_anything(data, table_indices, tables):
    """Decode what may not be a stream at all: symbols or a CodecError, nothing else."""
    try:
        symbols = decode(data, table_indices, tables)
    except CodecError:
        return
    assert symbols.dtype == np.int32 and symbols.shape == table_indices.shape


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.binary(max_size=60), messages())
def test_any_bytes_decode_to_symbols_or_a_codec_error(data, message):
    _, table_indices, tables = message
    decode_anything(data, table_indices, tables)


def damaged_message():
    rng, tables = np.random.default_rng(4), laplace_tables()
    table_indices = rng.integers(0, len(tables), 120)
    symbols = sample(rng, tables, table_indices)
    symbols[::10] *= 1000
    return encode(symbols, table_indices, tables), table_indices, tables


def test_a_stream_cut_short_anywhere_decodes_to_symbols_or_a_codec_error():
    data, table_indices, tables = damaged_message()
    for length in range(len(data)):
        decode_anything(data[:length], table_indices, tables)


def test_a_stream_with_any_bit_flipped_decodes_to_symbols_or_a_codec_error():
    data, table_indices, tables = damaged_message()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        decode_anything(bytes(flipped), table_indices, tables)


def test_bytes_behind_the_last_symbol_are_ignored():
    data, table_indices, tables = damaged_message()
    padded = data + bytes(7) + b"\xff" * 100
    np.testing.assert_array_equal(decode(padded, table_indices, tables), decode(data, table_indices, tables))


@pytest.mark.parametrize("more", [b"", b"\0\0\0\0\x40"], ids=["zeros", "32 zeros and a one"])
def test_an_escape_with_too_many_zeros_is_a_codec_error(more):
    with pytest.raises(CodecError, match="expected 2 symbols, received a stream that makes no sense at symbol 0"):
        decode(b"\xff\xff" + more, [0, 0], FrequencyTables(int32(0), np.array([[65535, 1]], np.uint16)))


@pytest.mark.parametrize(("minimum", "symbol"), [(INT32_MAX, 2), (INT32_MIN, -2)])
def test_an_escape_that_leaves_int32_is_a_codec_error(minimum, symbol):
    table = [[1, 1]]
    data = encode(int32(symbol), [0], FrequencyTables.from_weights(int32(0), table))
    with pytest.raises(CodecError, match="makes no sense at symbol 0"):
        decode(data, [0], FrequencyTables.from_weights(int32(minimum), table))


def test_a_number_in_no_symbols_interval_is_a_codec_error():
    # The last part of the interval, again and again, until rounding leaves a rest at its end.
    tables = FrequencyTables(int32(0), np.array([[25535, 40001]], np.uint16))
    with pytest.raises(CodecError, match="makes no sense"):
        decode(b"\xff" * 100, np.zeros(100, int), tables)


@pytest.mark.parametrize(
    ("symbols", "table_indices", "message"),
    [
        (np.zeros(2, np.int64), [0, 0], "expected symbols to be int32 of shape \\(2,\\).*received int64"),
        ([0, 0], [0, 0], "expected symbols to be int32"),
        (int32(0, 0), [0], "expected symbols to be int32 of shape \\(1,\\).*received int32 \\(2,\\)"),
        (np.zeros((1, 2), np.int32), [0, 0], "expected symbols to be int32"),
    ],
)
def test_symbols_that_do_not_fit_are_refused(symbols, table_indices, message):
    with pytest.raises(ValueError, match=message):
        encode(symbols, table_indices, BYTES)


@pytest.mark.parametrize(
    ("table_indices", "message"),
    [
        ([0.0, 0.0], "expected table_indices to be integers"),
        ([True, False], "expected table_indices to be integers"),
        (np.zeros(2, "timedelta64[s]"), "expected table_indices to be integers"),
        ([[0, 0]], "expected table_indices to be integers of shape"),
        (0, "expected table_indices to be integers of shape"),
        ([0, 1], "expected table_indices to be 0 to 0, received 0 to 1"),
        ([0, -1], "expected table_indices to be 0 to 0, received -1 to 0"),
        ([0, 2**40], "expected table_indices to be 0 to 0, received 0 to 1099511627776"),
    ],
)
def test_table_indices_that_name_no_table_are_refused(table_indices, message):
    with pytest.raises(ValueError, match=message):
        encode(int32(0, 0), table_indices, BYTES)
    with pytest.raises(ValueError, match=message):
        decode(b"", table_indices, BYTES)
