"""Arrays begin where a line of the cache begins; working arrays are used again as long as they fit."""

import numpy as np
import pytest

from nnlite import AdamW, Dense
from nnlite.arrays import LINE, aligned, aligned_copy, as_array, as_number, expect_count, floats_hint, is_whole
from nnlite.layers.layer import Workspace


def test_a_working_array_is_used_again_for_equal_and_for_smaller_batches():
    workspace = Workspace()
    array = workspace.array("y", (4, 3), np.float32)
    for rows in (4, 2, 4):
        again = workspace.array("y", (rows, 3), np.float32)
        assert again.shape == (rows, 3)
        assert np.shares_memory(again, array)


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [("x", (4, 3), np.float32), ("y", (5, 3), np.float32), ("y", (4, 2), np.float32), ("y", (4, 3), np.float64)],
    ids=["name", "more rows", "columns", "dtype"],
)
def test_another_working_array_is_made_where_the_last_does_not_fit(name, shape, dtype):
    workspace = Workspace()
    array = workspace.array("y", (4, 3), np.float32)
    other = workspace.array(name, shape, dtype)
    assert (other.shape, other.dtype) == (shape, dtype)
    assert not np.shares_memory(other, array)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 5), (129, 33)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_aligned_arrays_are_zeros_that_begin_where_a_line_begins(shape, dtype):
    array = aligned(shape, dtype)
    assert (array.shape, array.dtype, array.ctypes.data % LINE) == (shape, dtype, 0)
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert not array.any()


def test_an_aligned_copy_has_the_numbers_row_by_row_and_shares_nothing(rng):
    array = rng.standard_normal((4, 6)).T
    copy = aligned_copy(array, np.float32)
    np.testing.assert_array_equal(copy, array.astype(np.float32))
    assert copy.flags.c_contiguous
    assert copy.ctypes.data % LINE == 0
    assert not np.shares_memory(copy, array)


def test_whatever_training_changes_is_aligned(rng):
    layer, optimizer = Dense(5, 3, rng=rng), AdamW(amsgrad=True)
    optimizer.bind(layer.parameters)
    layer.bias.convert(np.float64)
    arrays = [array for parameter in layer.parameters for array in (parameter.value, parameter.gradient)]
    arrays += optimizer.m + optimizer.v + optimizer.largest + [Workspace().array("y", (3, 5), np.float32)]
    assert len(arrays) == 11
    assert [array.ctypes.data % LINE for array in arrays] == [0] * 11


@pytest.mark.parametrize(
    ("numbers", "dtype", "white"),
    [
        ([0, 2], np.int64, 255),
        ([1, 255], np.int64, 255),
        ([0, 255], np.uint16, 255),
        ([0, 256], np.uint16, 65535),
        ([0, 65535], np.uint16, 65535),
        ([0, 1], np.int64, None),
        ([-1, 255], np.int64, None),
        ([0, 256], np.int64, None),
        ([0, 255], np.complex128, None),
        ([], np.int64, None),
    ],
)
def test_whole_numbers_up_to_white_are_told_to_be_scaled_if_they_are_images(numbers, dtype, white):
    images = f"images with (x / {white}).astype('float32'), other numbers with x.astype('float32')"
    expected = f"convert {images}" if white else "convert it with x.astype('float32')"
    assert floats_hint("x", np.array(numbers, dtype)) == expected


def test_whole_numbers_are_those_of_integer_types_without_truth_values():
    assert [is_whole(value) for value in (0, -3, np.uint8(7), True, np.True_, 2.0, "2", None)] == [True] * 3 + [False] * 5


@pytest.mark.parametrize("value", [1, np.int64(7)])
def test_a_count_of_one_and_more_is_one(value):
    expect_count("Dense", "in_features", value)


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, "of at least 1"), (-1, "of at least 1"), (1.0, "to be a"), ("1", "to be a"), (True, "to be")]
)
def test_anything_else_is_no_count(value, wanted):
    with pytest.raises(ValueError, match=f"Dense expects in_features {wanted}.*, received {value!r}"):
        expect_count("Dense", "in_features", value)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"least": 0}, 0, -1e-9),
        ({"above": 0}, 1e-9, 0),
        ({"most": 1}, 1, 1 + 1e-9),
        ({"below": 1}, 1 - 1e-9, 1),
        ({}, -1e300, np.inf),
        ({}, np.finfo(np.float64).max, 10**309),
    ],
)
def test_a_number_within_its_bounds_becomes_a_float_and_another_is_refused(bounds, inside, outside):
    number = as_number("Layer expects a rate", np.float64(inside), **bounds)
    assert (type(number), number) == (float, inside)
    with pytest.raises(ValueError, match=f"^Layer expects a rate, received {outside}"):
        as_number("Layer expects a rate", outside, **bounds)


@pytest.mark.parametrize("kind", [int, float, np.int8, np.uint64, np.float16, np.float32, np.float64, np.longdouble])
def test_a_number_of_any_type_becomes_a_float_without_a_warning(kind):
    assert type(as_number("Layer expects a rate", kind(1), above=0, most=1)) is float


def test_masked_numbers_are_refused_since_what_lies_behind_the_mask_is_not_meant():
    numbers = np.ma.masked_less(np.array([1.0, -999.0]), 0)
    with pytest.raises(ValueError, match=r"x is expected to have no masked numbers: give them a value, as \.filled\(0\) does"):
        as_array("x", numbers)
    np.testing.assert_array_equal(as_array("x", numbers.filled(0)), [1, 0])
    np.testing.assert_array_equal(as_array("x", np.ma.array([1.0, 2.0])), [1, 2])
