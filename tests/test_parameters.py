"""A parameter's gradient is the sum of its uses since the last start; working arrays are used again as long as they fit."""

import numpy as np
import pytest

from nnlite import Parameter
from nnlite.parameters import Workspace

STORE = {
    "store": lambda parameter, a, b: parameter.store(a @ b),
    "store_product": lambda parameter, a, b: parameter.store_product(a, b),
}
either = pytest.mark.parametrize("store", STORE.values(), ids=STORE)


@pytest.fixture
def parameter(dtype):
    return Parameter("weight", np.ones((2, 2), dtype))


@pytest.fixture
def factors(rng, dtype):
    """Two matrices of small integers, whose product is exact."""
    return rng.integers(1, 5, (2, 2)).astype(dtype), rng.integers(1, 5, (2, 2)).astype(dtype)


def test_a_gradient_starts_at_zero(parameter, dtype):
    assert parameter.gradient.tolist() == [[0, 0], [0, 0]]
    assert parameter.gradient.dtype == dtype


def test_a_parameter_has_its_name_and_learns_unless_it_is_not_trainable(parameter):
    assert (parameter.name, parameter.trainable) == ("weight", True)
    assert not Parameter("running_mean", np.zeros(2), trainable=False).trainable


@either
def test_the_first_contribution_overwrites_the_gradient_and_further_ones_add(store, parameter, factors):
    a, b = factors
    parameter.gradient[...] = np.nan
    for uses in (1, 2, 3):
        store(parameter, a, b)
        np.testing.assert_array_equal(parameter.gradient, uses * (a @ b))


@either
def test_a_start_lets_the_next_contribution_overwrite(store, parameter, factors):
    a, b = factors
    for _ in range(2):
        parameter.start_gradient()
        store(parameter, a, b)
        np.testing.assert_array_equal(parameter.gradient, a @ b)


@either
def test_the_gradient_stays_the_array_that_optimizers_know(store, parameter, factors):
    gradient = parameter.gradient
    for _ in range(2):
        store(parameter, *factors)
        assert parameter.gradient is gradient


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
