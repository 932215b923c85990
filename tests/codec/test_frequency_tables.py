"""The frequency tables: what their integers promise, and what their cross-entropy counts."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nnlite.codec.frequency_tables import TOTAL, FrequencyTables

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def int32(*values):
    return np.array(values, np.int32)


def frequencies(*rows):
    return np.array(rows, np.uint16)


weights = st.lists(st.floats(0, 1e300), min_size=2, max_size=40).filter(any)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(weights, min_size=1, max_size=5))
def test_every_table_sums_to_two_to_the_sixteen_and_every_entry_is_at_least_one(rows):
    tables = FrequencyTables.from_weights(np.zeros(len(rows), np.int32), rows)
    for table, row in zip(tables.frequencies, rows, strict=True):
        assert table.sum(dtype=int) == TOTAL
        assert np.all(table[: len(row)] >= 1) and not table[len(row) :].any()


@settings(derandomize=True, deadline=None, max_examples=200)
@given(weights)
def test_a_frequency_is_within_one_of_its_share_where_all_shares_are_at_least_one(row):
    row = np.array(row) / np.max(row) + 1e-3  # the smallest share of 40 is then above 1
    frequency = FrequencyTables.from_weights(int32(0), [row]).frequencies[0].astype(float)
    assert np.all(np.abs(frequency - TOTAL * row / row.sum()) < 1.001)


def test_rare_entries_get_one_and_the_others_keep_their_proportions():
    frequency = FrequencyTables.from_weights(int32(0), [[3.0, 1e-9, 0.0, 1.0]]).frequencies[0]
    assert frequency.tolist() == [49151, 1, 1, 16383]  # 3/4 and 1/4 of 65534, both x.5: the first gets the unit left over


def test_a_share_pushed_below_one_by_the_rare_entries_is_raised_to_one_as_well():
    row = np.array([1.0] + [1.00001 / TOTAL] * 20000 + [0.0] * 10000)  # 20,000 shares of 0.77 and 10,000 of nothing
    frequency = FrequencyTables.from_weights(int32(0), [row]).frequencies[0]
    assert frequency[0] == TOTAL - 30000 and np.all(frequency[1:] == 1)


def test_integer_shares_are_kept_exactly():
    row = [1, 2, 3, TOTAL - 6]
    assert FrequencyTables.from_weights(int32(0), [row]).frequencies[0].tolist() == row


def test_equal_remainders_go_to_the_earlier_entries():
    frequency = FrequencyTables.from_weights(int32(0), [np.ones(1000)]).frequencies[0]
    assert frequency.tolist() == [66] * 536 + [65] * 464
    frequency = FrequencyTables.from_weights(int32(0), [[3, 1] * 100]).frequencies[0]  # shares of 491.52 and 163.84
    assert frequency.tolist() == [492, 164] * 36 + [491, 164] * 64


def test_an_entry_of_less_than_two_keeps_its_proportion_beside_those_raised_to_one():
    frequency = FrequencyTables.from_weights(int32(0), [[65533.1, 1.9, 0]]).frequencies[0]
    assert frequency.tolist() == [65533, 2, 1]


def test_a_table_may_end_at_the_largest_int32():
    assert FrequencyTables(int32(INT32_MAX), frequencies([1, 65535])).maximum.tolist() == [INT32_MAX]


def test_the_longest_table_allowed_gives_each_entry_two():
    assert np.all(FrequencyTables.from_weights(int32(0), [np.ones(TOTAL // 2)]).frequencies == 2)


def test_the_scale_of_the_weights_does_not_matter():
    row = np.random.default_rng(1).random(30)
    tables = FrequencyTables.from_weights(int32(0, 0, 0), [row, row * 2.0**1000, row * 2.0**-1000])
    assert np.all(tables.frequencies == tables.frequencies[0])
    assert FrequencyTables.from_weights(int32(0), [np.full(32, 1e308)]).frequencies.tolist() == [
        [2048] * 32
    ]  # whose sum is infinite


def test_tables_are_restored_from_their_two_arrays():
    built = FrequencyTables.from_weights(int32(-3, 5), [[1, 2, 3], [9, 8, 7, 6, 5]])
    restored = FrequencyTables(built.minimum, built.frequencies)
    assert len(restored) == 2
    assert restored.maximum.tolist() == [-2, 8] and restored.sizes.tolist() == [3, 5]
    for name in ("minimum", "maximum", "frequencies", "sizes", "cumulative", "first_entry"):
        np.testing.assert_array_equal(getattr(restored, name), getattr(built, name), strict=True)


def test_tables_keep_their_own_copy_of_the_arrays():
    given_frequencies = frequencies([1, 65535])
    tables = FrequencyTables(int32(0), given_frequencies)
    given_frequencies[:] = 7
    assert tables.frequencies.tolist() == [[1, 65535]]


def test_the_first_entry_is_where_a_search_from_the_start_would_arrive():
    tables = FrequencyTables.from_weights(int32(0, 0, 0), [[1, 0, 0, 500, 7, 3000], [1, 1], [0, 1]])
    for cumulative, first in zip(tables.cumulative, tables.first_entry, strict=True):
        assert first.tolist() == [sum(end <= 256 * b for end in cumulative[1:]) for b in range(256)]


@pytest.mark.parametrize(
    ("minimum", "table", "message"),
    [
        (np.zeros(1), frequencies([1, 65535]), "expected minimum to be int32"),
        (np.zeros((1, 1), np.int32), frequencies([1, 65535]), "expected minimum to be int32"),
        (int32(), np.zeros((0, 2), np.uint16), "expected minimum to be int32"),
        (int32(0), np.array([[1, 65535]]), "expected frequencies to be uint16"),
        (int32(0), np.array([1, 65535], np.uint16), "expected frequencies to be uint16"),
        (int32(0, 0), frequencies([1, 65535]), "expected frequencies to be uint16"),
        (int32(0, 0), np.array([1, 65535], np.uint16), "expected frequencies to be uint16"),
        (int32(0), frequencies([65535]), "at least two frequencies"),
        (int32(0), np.zeros((1, 0), np.uint16), "at least two frequencies"),
        (int32(0), frequencies([0, 1, 65535]), "at least two frequencies"),
        (int32(0), frequencies([1, 0, 65535]), "at least two frequencies"),
        (int32(0, 0), frequencies([1, 65535], [65535, 0]), "at least two frequencies"),
        (int32(0), frequencies([1, 65534]), "received a sum of 65535"),
        (int32(0, 0), frequencies([1, 65535], [65535, 65535]), "received a sum of 131070"),
        (int32(INT32_MAX), frequencies([1, 1, 65534]), "a table that ends at 2147483648"),
        (int32(0, INT32_MAX), frequencies([1, 1, 65534], [1, 1, 65534]), "a table that ends at 2147483648"),
    ],
)
def test_arrays_that_are_no_tables_are_refused(minimum, table, message):
    with pytest.raises(ValueError, match=message):
        FrequencyTables(minimum, table)


@pytest.mark.parametrize("row", [[1], [], 1, np.ones(TOTAL // 2 + 1), [[1, 1]], [0, 0], [1, -1], [1, np.nan], [1, np.inf]])
def test_weights_that_cannot_be_shared_out_are_refused(row):
    with pytest.raises(ValueError, match="expected a row of weights"):
        FrequencyTables.from_weights(int32(0), [row])


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="expected frequencies to be uint16"):
        FrequencyTables.from_weights(int32(0), [])


def test_cross_entropy_counts_the_bits_of_hand_worked_examples():
    tables = FrequencyTables(int32(10, -1), frequencies([1 << 14, 1 << 14, 1 << 15], [65535, 1, 0]))
    for symbol, table, bits in [
        (10, 0, 2),
        (11, 0, 2),
        (12, 0, 1 + 1 + 1),  # escape, side, excess 1
        (9, 0, 1 + 1 + 1),
        (13, 0, 1 + 1 + 3),  # excess 2
        (15, 0, 1 + 1 + 5),  # excess 4
        (0, 1, 16 + 1 + 1),
        (INT32_MAX, 1, 16 + 1 + 63),  # excess 2^31
        (INT32_MIN, 1, 16 + 1 + 61),  # excess 2^31 - 1
    ]:
        assert tables.cross_entropy(int32(symbol), [table]) == bits


def test_cross_entropy_is_the_sum_over_the_symbols():
    tables = FrequencyTables(int32(10), frequencies([1 << 14, 1 << 14, 1 << 15]))
    assert tables.cross_entropy(int32(10, 11, 12), [0, 0, 0]) == 2 + 2 + 3
    assert tables.cross_entropy(int32(), np.zeros(0, int)) == 0
