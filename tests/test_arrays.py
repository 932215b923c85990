"""Arrays begin where a line of the cache begins; working arrays are used again as long as they fit."""

import numpy as np
import pytest

from nnlite import AdamW, Dense
from nnlite.arrays import LINE, Workspace, aligned, aligned_copy


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
