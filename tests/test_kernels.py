"""Every kernel against its twin in plain NumPy, compiled and as the Python function that it is compiled from."""

import math

import numpy as np
import pytest
import reference

from nnlite import kernels


def public_kernels():
    """Return the names of all functions that nnlite.kernels defines."""
    return sorted(
        name
        for name, value in vars(kernels).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == "nnlite.kernels"
    )


def test_every_kernel_has_a_twin():
    assert public_kernels() == sorted(reference.KERNEL_TWINS)


@pytest.fixture(params=["compiled", "python"])
def form(request):
    """Take a kernel as users call it, or its Python function; without a compiler both are one."""
    if request.param == "compiled":
        return lambda name: getattr(kernels, name)
    if not hasattr(kernels.relu, "py_func"):
        pytest.skip("numba does not compile here, so that the kernels are Python functions already")
    return lambda name: getattr(kernels, name).py_func


def in_float64(argument):
    """Return a float array in float64, so that the twin rounds less than the kernel; a copy of anything else."""
    if not isinstance(argument, np.ndarray):
        return argument
    return argument.astype(np.float64 if np.issubdtype(argument.dtype, np.floating) else argument.dtype)


def assert_close(actual, expected, dtype):
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=32 * epsilon, atol=8 * epsilon)


@pytest.mark.parametrize("shape", [(0, 7), (1, 1), (1, 33), (7, 1), (7, 33), (33, 7)], ids=str)
@pytest.mark.parametrize("name", reference.KERNEL_TWINS)
def test_kernel_computes_what_its_twin_computes(name, shape, dtype, form, rng):
    arguments = reference.kernel_arguments(name, shape, dtype, rng)
    expected = reference.KERNEL_TWINS[name](*map(in_float64, arguments))
    returned = form(name)(*arguments)
    if "return" in expected:
        assert_close(returned, expected.pop("return"), dtype)
    else:
        assert returned is None
    for position, array in expected.items():
        assert_close(arguments[position], array, dtype)


@pytest.mark.parametrize("name", reference.KERNEL_TWINS)
def test_kernel_leaves_its_inputs_alone(name, dtype, form, rng):
    arguments = reference.kernel_arguments(name, (3, 5), dtype, rng)
    before = [np.copy(argument) for argument in arguments]
    written = reference.KERNEL_TWINS[name](*map(in_float64, arguments))
    form(name)(*arguments)
    for position in set(range(len(arguments))) - set(written):
        np.testing.assert_array_equal(arguments[position], before[position])


@pytest.mark.parametrize("name", ["mean_squared_error", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_loss_kernel_returns_a_float_of_double_precision(name, dtype, form, rng):
    assert isinstance(form(name)(*reference.kernel_arguments(name, (3, 5), dtype, rng)), float)


@pytest.mark.parametrize("name", ["mean_squared_error", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_loss_kernel_of_an_empty_batch_is_zero(name, dtype, form, rng):
    assert form(name)(*reference.kernel_arguments(name, (0, 5), dtype, rng)) == 0


def test_pixels_become_exactly_zero_to_one(dtype, form):
    batch = np.empty((1, 2), dtype)
    form("gather_images")(np.array([[0, 255]], np.uint8), np.array([0]), batch)
    assert batch.tolist() == [[0, 1]]


def test_relu_keeps_infinity_and_nan(dtype, form):
    y = np.empty(5, dtype)
    form("relu")(np.array([-np.inf, np.inf, np.nan, -0.0, 3], dtype), y)
    np.testing.assert_array_equal(y, [0, np.inf, np.nan, 0, 3])


def test_relu_has_the_derivative_zero_at_its_kink(dtype, form):
    dx = np.empty(3, dtype)
    form("relu_backward")(np.array([0.0, -0.0, 1e-30], dtype), np.ones(3, dtype), dx)
    assert dx.tolist() == [0, 0, 1]


def test_leaky_relu_has_its_slope_as_the_derivative_at_its_kink(dtype, form):
    dx = np.empty(3, dtype)
    form("leaky_relu_backward")(np.array([0.0, -0.0, 1e-30], dtype), 0.5, np.ones(3, dtype), dx)
    assert dx.tolist() == [0.5, 0.5, 1]


def test_leaky_relu_keeps_infinity_and_nan(dtype, form):
    y = np.empty(4, dtype)
    form("leaky_relu")(np.array([-np.inf, np.inf, np.nan, -2], dtype), 0.5, y)
    np.testing.assert_array_equal(y, [-np.inf, np.inf, np.nan, -1])


NAN_INPUTS = {  # the arguments of each kernel that may hold a NaN; those that a caller computes from one another, together
    "shift_images": [(0,)],
    "add_bias": [(0,), (1,)],
    "add_rows": [(0,), (1,)],
    "relu": [(0,)],
    "relu_backward": [(1,)],
    "leaky_relu": [(0,)],
    "leaky_relu_backward": [(2,)],
    "half_of_one_plus": [(0,)],
    "sigmoid_backward": [(0,), (1,)],
    "silu": [(0, 1)],
    "silu_backward": [(0,), (1,), (2,)],
    "tanh_backward": [(0,), (1,)],
    "softmax_backward": [(0,), (1,)],
    "mean_squared_error": [(0,), (1,)],
    "binary_cross_entropy": [(0, 1, 2), (3,)],
    "binary_cross_entropy_with_logits": [(0, 1, 2), (3,)],
    "sgd": [(0,), (1,)],
    "sgd_momentum": [(0,), (1,), (2,)],
    "sgd_nesterov": [(0,), (1,), (2,)],
    "adam": [(0,), (1,), (2,), (3,)],
    "amsgrad": [(0,), (1,), (2,), (3,)],
}


@pytest.mark.parametrize(("name", "positions"), [(name, where) for name, inputs in NAN_INPUTS.items() for where in inputs])
def test_nan_goes_where_the_formula_takes_it(name, positions, dtype, form, rng):
    arguments = reference.kernel_arguments(name, (5, 7), dtype, rng)
    if name.endswith("relu_backward"):
        arguments[0][:] = 1  # an open unit
    for position in positions:
        arguments[position].reshape(-1)[4] = np.nan
    expected = reference.KERNEL_TWINS[name](*map(in_float64, arguments))
    assert any(np.isnan(array).any() for array in expected.values())
    returned = form(name)(*arguments)
    if "return" in expected:
        assert math.isnan(returned) == math.isnan(expected.pop("return"))
    for position, array in expected.items():
        np.testing.assert_array_equal(np.isnan(arguments[position]), np.isnan(array))


def around(threshold, dtype):
    """Return the threshold and the number just below it, of either sign."""
    at = dtype(threshold)
    below = np.nextafter(at, dtype(0))
    return np.array([at, below, -at, -below], dtype)


@pytest.mark.parametrize("name", ["sgd_momentum", "sgd_nesterov"])
def test_a_negligible_velocity_becomes_zero_and_no_larger_one(name, dtype, form):
    velocity = around(kernels.NEGLIGIBLE_MEAN, dtype)
    expected = velocity * [1, 0, 1, 0]
    form(name)(np.ones(4, dtype), np.zeros(4, dtype), velocity, 0.1, 1.0)
    assert velocity.tolist() == expected.tolist()


def test_negligible_means_of_adam_become_zero_and_no_larger_ones(dtype, form):
    m, v = around(kernels.NEGLIGIBLE_MEAN, dtype), np.abs(around(kernels.NEGLIGIBLE_MEAN_SQUARE, dtype))
    expected_m, expected_v = m * [1, 0, 1, 0], v * [1, 0, 1, 0]
    form("adam")(np.ones(4, dtype), np.zeros(4, dtype), m, v, 1.0, 1.0, 0.1, 1e-8, 1.0)
    assert m.tolist() == expected_m.tolist()
    assert v.tolist() == expected_v.tolist()


def test_a_negligible_gradient_counts_as_zero_in_adam_and_no_larger_one(dtype, form):
    gradient, m = around(kernels.NEGLIGIBLE_GRADIENT, dtype), np.zeros(4, dtype)
    form("adam")(np.ones(4, dtype), gradient, m, np.zeros(4, dtype), 0.0, 0.999, 0.1, 1e-8, 1.0)
    assert m.tolist() == (gradient * [1, 0, 1, 0]).tolist()


def test_silu_is_zero_at_minus_infinity(dtype, form):
    s, y = np.array([-1], dtype), np.ones(1, dtype)
    form("silu")(np.array([-np.inf], dtype), s, y)
    assert y.tolist() == [0]
