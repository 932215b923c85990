"""A parameter is two arrays that stay: assigned numbers are copied into them, and contributions to the gradient add up."""

import numpy as np
import pytest

from nnlite import Parameter

ADD = {
    "add": lambda parameter, a, b: parameter.add(a @ b),
    "add_product": lambda parameter, a, b: parameter.add_product(a, b),
    "+=": lambda parameter, a, b: parameter.gradient.__iadd__(a @ b),
}
every_way = pytest.mark.parametrize("add", ADD.values(), ids=ADD)


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


@every_way
def test_contributions_add_up(add, parameter, factors):
    a, b = factors
    for uses in (1, 2, 3):
        add(parameter, a, b)
        np.testing.assert_array_equal(parameter.gradient, uses * (a @ b))


@every_way
@pytest.mark.parametrize("before", [0, 3.5, np.nan, np.inf])
def test_nothing_is_left_behind_zero_gradient(add, before, parameter, factors):
    parameter.gradient[...] = before
    parameter.zero_gradient()
    add(parameter, *factors)
    np.testing.assert_array_equal(parameter.gradient, factors[0] @ factors[1])


def test_a_gradient_without_a_contribution_is_zero(parameter):
    parameter.gradient[...] = 7
    parameter.zero_gradient()
    assert parameter.gradient.tolist() == [[0, 0], [0, 0]]


@every_way
def test_the_gradient_stays_the_array_that_optimizers_know(add, parameter, factors):
    gradient = parameter.gradient
    for _ in range(2):
        parameter.zero_gradient()
        add(parameter, *factors)
        assert parameter.gradient is gradient


@pytest.mark.parametrize("name", ["value", "gradient"])
@pytest.mark.parametrize(
    "arrange",
    [
        lambda a: a,
        lambda a: a.T,
        lambda a: a.astype(np.float64),
        lambda a: a.tolist(),
        lambda a: a.astype(np.int64),
        np.asfortranarray,
    ],
    ids=["array", "transposed", "float64", "list", "int", "fortran"],
)
def test_assigned_numbers_are_copied_into_place(name, arrange, parameter, dtype):
    array = getattr(parameter, name)
    setattr(parameter, name, arrange(np.array([[1, 2], [3, 4]], dtype)))
    assert getattr(parameter, name) is array
    assert (array.dtype, array.flags.c_contiguous, array.flags.writeable) == (dtype, True, True)
    assert array.tolist() == np.asarray(arrange(np.array([[1, 2], [3, 4]]))).tolist()


def test_an_assigned_array_is_not_shared(parameter, dtype):
    numbers = np.zeros((2, 2), dtype)
    parameter.value = numbers
    numbers[...] = 5
    assert parameter.value.tolist() == [[0, 0], [0, 0]]


def test_a_read_only_start_value_can_be_trained(dtype):
    value = np.ones(3, dtype)
    value.flags.writeable = False
    assert Parameter("bias", value).value.flags.writeable


@pytest.mark.parametrize("name", ["value", "gradient"])
@pytest.mark.parametrize("received", [np.zeros((2, 3)), np.zeros(4), 1.0, np.zeros((2, 2), complex), [["a", "b"], ["c", "d"]]])
def test_an_array_of_another_shape_or_kind_is_refused_and_nothing_changed(name, received, parameter):
    before = getattr(parameter, name).copy()
    with pytest.raises(ValueError, match=rf"^weight expects a {name} of real numbers of shape \(2, 2\), received "):
        setattr(parameter, name, received)
    np.testing.assert_array_equal(getattr(parameter, name), before)


@pytest.mark.parametrize("received", [np.ones((2, 1)), np.ones(2), np.ones((1, 2, 2))])
def test_a_contribution_of_another_shape_is_not_repeated_until_it_fits(received, parameter):
    parameter.gradient = [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"^weight expects a gradient of shape \(2, 2\), received "):
        parameter.add(received)
    assert parameter.gradient.tolist() == [[1, 2], [3, 4]]


def test_a_parameter_can_be_converted_for_a_gradient_check(parameter):
    parameter.gradient[...] = 3
    parameter.convert(np.float64)
    assert (parameter.value.dtype, parameter.gradient.dtype) == (np.float64, np.float64)
    assert parameter.value.tolist() == [[1, 1], [1, 1]]
    assert parameter.gradient.tolist() == [[0, 0], [0, 0]]
