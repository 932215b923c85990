"""Working arrays are used again as long as they fit."""

import numpy as np
import pytest

from nnlite.arrays import Workspace


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
