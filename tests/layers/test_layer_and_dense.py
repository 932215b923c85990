"""Dense, Flatten and Reshape: values and what their errors say; and the contract of forward and backward, for most layers."""

import inspect
import re

import numpy as np
import pytest
import reference

from nnlite import (
    ActivityPenalty,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianSample,
    Layer,
    LeakyReLU,
    Loss,
    MixtureSample,
    Optimizer,
    Parameter,
    ReLU,
    Rescale,
    Reshape,
    Sequential,
    Sigmoid,
    SparsityPenalty,
    TiedDense,
)
from nnlite.initializers import zeros
from nnlite.layers import ACTIVATIONS, Activation
from nnlite.optimizers import SGD

LAYERS = {
    **{maker.__name__: lambda rng, dtype, maker=maker: maker() for maker in ACTIVATIONS.values()},
    "Dense": lambda rng, dtype: Dense(6, 4, rng=rng, dtype=dtype),
    "Flatten": lambda rng, dtype: Flatten(),
    "Reshape": lambda rng, dtype: Reshape((3, 2)),
    "Rescale": lambda rng, dtype: Rescale(0.5, 2),
    "TiedDense": lambda rng, dtype: TiedDense(Dense(4, 6, rng=rng, dtype=dtype)),
}
OTHERS = {  # for which not all of the contract holds: their training differs from their inference
    "ActivityPenalty": lambda rng, dtype: ActivityPenalty(0.1),
    "BatchNormalization": lambda rng, dtype: BatchNormalization(6, dtype=dtype),
    "Dropout": lambda rng, dtype: Dropout(0.5, rng=rng),
    "GaussianSample": lambda rng, dtype: GaussianSample(0.1, rng=rng),
    "LeakyReLU": lambda rng, dtype: Sequential([Dense(6, 4, rng=rng, dtype=dtype), LeakyReLU()]),
    "MixtureSample": lambda rng, dtype: MixtureSample(3, 2, 0.1, rng=rng, dtype=dtype),
    "SparsityPenalty": lambda rng, dtype: SparsityPenalty(0.1, 1),
}
COMPUTING = [name for name in LAYERS if name not in ("Flatten", "Reshape")]  # the others only give x another shape
every_layer = pytest.mark.parametrize("name", LAYERS)
computing_layers = pytest.mark.parametrize("name", COMPUTING)


def batch(rng, dtype, rows=5):
    return rng.standard_normal((rows, 6)).astype(dtype)


def tolerance(dtype):
    return 64 * np.finfo(dtype).eps


# Dense


def test_dense_forward_by_hand():
    layer = Dense(2, 3, rng=np.random.default_rng(0))
    layer.weight.value[...] = [[1, 2, 3], [4, 5, 6]]
    layer.bias.value[...] = [10, 20, 30]
    assert layer.forward(np.array([[1, 1], [2, 0]], np.float32)).tolist() == [[15, 27, 39], [12, 24, 36]]


def test_dense_backward_by_hand():
    layer = Dense(2, 3, rng=np.random.default_rng(0))
    layer.weight.value[...] = [[1, 2, 3], [4, 5, 6]]
    layer.forward(np.array([[1, 1], [2, 0]], np.float32), training=True)
    dx = layer.backward(np.array([[1, 0, 0], [0, 1, -1]], np.float32))
    assert dx.tolist() == [[1, 4], [-1, -1]]
    assert layer.weight.gradient.tolist() == [[1, 2, -2], [1, 0, 0]]
    assert layer.bias.gradient.tolist() == [1, 1, -1]


@pytest.mark.parametrize("rows", [1, 7, 33])
def test_dense_agrees_with_the_formulas(rows, dtype, rng):
    layer = Dense(6, 4, rng=rng, dtype=dtype)
    layer.bias.value[...] = rng.standard_normal(4)
    x, dy = batch(rng, dtype, rows), rng.standard_normal((rows, 4)).astype(dtype)
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(y, reference.dense(x, layer.weight.value, layer.bias.value), atol=tolerance(dtype))
    received = (layer.backward(dy), layer.weight.gradient, layer.bias.gradient)
    for actual, expected in zip(received, reference.dense_backward(x, layer.weight.value, dy), strict=True):
        np.testing.assert_allclose(actual, expected, atol=tolerance(dtype))


def test_dense_adds_the_same_gradients_where_nobody_needs_dx(dtype, rng):
    layer = Dense(6, 4, rng=rng, dtype=dtype)
    x, dy = batch(rng, dtype), rng.standard_normal((5, 4)).astype(dtype)
    layer.forward(x, training=True)
    layer.backward(dy)
    expected = [parameter.gradient.copy() for parameter in layer.parameters]
    layer.zero_gradients()
    layer.forward(x, training=True)
    layer.backward(dy, need_dx=False)
    for parameter, gradient in zip(layer.parameters, expected, strict=True):
        np.testing.assert_array_equal(parameter.gradient, gradient)


def test_zeroed_gradients_hold_nothing_of_the_step_before(rng, dtype):
    layer = Dense(6, 4, rng=rng, dtype=dtype)
    x, dy = batch(rng, dtype), rng.standard_normal((5, 4)).astype(dtype)
    layer.forward(x, training=True)
    layer.backward(dy)
    once = layer.weight.gradient.copy()
    layer.zero_gradients()
    layer.forward(x, training=True)
    layer.backward(dy)
    np.testing.assert_array_equal(layer.weight.gradient, once)


def test_dense_starts_with_the_initializer_and_a_bias_of_zero(rng, dtype):
    layer = Dense(6, 4, rng=rng, initializer=zeros, dtype=dtype)
    assert not layer.weight.value.any()
    assert not layer.bias.value.any()


def test_dense_draws_its_weights_from_the_generator(dtype):
    first, second, other = (Dense(6, 4, rng=np.random.default_rng(seed), dtype=dtype).weight.value for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()


def test_dense_names_its_parameters(rng):
    layer = Dense(6, 4, rng=rng)
    assert {name: parameter.value.shape for name, parameter in layer.named_parameters().items()} == {"weight": (6, 4), "bias": (4,)}


def test_parameter_shows_its_name_and_shape():
    assert repr(Parameter("weight", np.zeros((6, 4), np.float32))) == "Parameter('weight', shape=(6, 4), dtype=float32)"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((32, 28, 28), "Dense expects (N, 784), received (N, 28, 28): put a Flatten before it"),
        ((32, 100), "Dense expects (N, 784), received (N, 100)"),
        ((784,), "Dense expects (N, 784), received (N,): hand one sample in as x[None]"),
        ((28, 28), "Dense expects (N, 784), received (N, 28): hand one sample in as x[None]"),
        ((1, 28, 28), "Dense expects (N, 784), received (N, 28, 28): put a Flatten before it"),
        ((2, 14, 28), "Dense expects (N, 784), received (N, 14, 28): hand one sample in as x[None], and put a Flatten before it"),
    ],
    ids=str,
)
def test_dense_says_which_shape_it_expects(shape, message, rng):
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        Dense(784, 2, rng=rng).forward(np.zeros(shape, np.float32))


def test_dense_of_one_feature_says_that_a_number_is_one_sample(rng):
    with pytest.raises(ValueError, match=re.escape("Dense expects (N, 1), received (N,): hand one sample in as x[None]")):
        Dense(1, 2, rng=rng).forward(np.zeros((), np.float32))


def test_dense_says_how_to_convert_another_dtype(rng):
    message = "Dense with float32 parameters expects x of that dtype, received float64: convert it with x.astype('float32')"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Dense(6, 4, rng=rng).forward(np.zeros((5, 6)))


def test_dense_says_how_to_make_an_array_of_a_list(rng):
    with pytest.raises(ValueError, match=r"^Dense expects a NumPy array, received list: make one with np.asarray"):
        Dense(2, 4, rng=rng).forward([[1.0, 2.0]])


@pytest.mark.parametrize(("sizes", "name"), [((0, 4), "in_features"), ((4, -1), "out_features")])
def test_dense_needs_sizes_of_at_least_one(sizes, name, rng):
    with pytest.raises(ValueError, match=f"Dense expects {name} of at least 1, received {min(sizes)}"):
        Dense(*sizes, rng=rng)


def test_the_smallest_dense_has_one_weight(rng):
    assert Dense(1, 1, rng=rng).weight.value.shape == (1, 1)


@pytest.mark.parametrize(
    ("initializer", "received"),
    [
        (lambda shape, rng, dtype: np.zeros(shape[::-1], dtype), "float32 of shape (4, 6)"),
        (lambda shape, rng, dtype: np.zeros(shape), "float64 of shape (6, 4)"),
    ],
    ids=["shape", "dtype"],
)
def test_dense_refuses_start_weights_that_are_not_those_asked_for(initializer, received, rng):
    message = f"Dense expects an initializer that gives float32 of shape (6, 4), received {received}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Dense(6, 4, rng=rng, initializer=initializer)


def test_dense_says_which_shape_it_expects_before_there_is_a_batch(rng):
    with pytest.raises(ValueError, match=re.escape("Dense expects (N, 784), received (N, 28, 28): put a Flatten before it")):
        Dense(784, 2, rng=rng).output_shape((28, 28))


@pytest.mark.parametrize("wrong", [np.int64, np.float16, np.complex128])
def test_dense_computes_in_two_dtypes_only(wrong, rng):
    with pytest.raises(ValueError, match=f"float32 or float64, received {np.dtype(wrong)}"):
        Dense(6, 4, rng=rng, dtype=wrong)


# Flatten and Reshape


def test_flatten_reads_each_sample_row_by_row(dtype):
    x = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    np.testing.assert_array_equal(Flatten().forward(x), np.arange(24).reshape(2, 12))


def test_reshape_keeps_the_order_of_the_elements(dtype):
    x = np.arange(24, dtype=dtype).reshape(2, 12)
    np.testing.assert_array_equal(Reshape((3, 4)).forward(x), np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(("layer", "shape"), [(Flatten(), (2, 3, 4)), (Reshape((4, 3)), (2, 12))], ids=["flatten", "reshape"])
def test_backward_moves_every_gradient_back_to_its_element(layer, shape, rng, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(layer.backward(y.copy()), x)


@pytest.mark.parametrize(
    ("make", "x_shape", "y_shape"),
    [
        (Flatten, (0, 3, 4), (0, 12)),
        (Flatten, (5,), (5, 1)),
        (Flatten, (5, 7), (5, 7)),
        (lambda: Reshape((3, 4)), (0, 12), (0, 3, 4)),
        (lambda: Reshape((1, 12)), (2, 12), (2, 1, 12)),
        (lambda: Reshape(()), (5, 1), (5,)),
    ],
    ids=["flatten no samples", "flatten numbers", "flatten rows", "reshape no samples", "reshape rows", "reshape numbers"],
)
def test_shapes_at_the_edges(make, x_shape, y_shape):
    assert make().forward(np.zeros(x_shape)).shape == y_shape


def test_reshape_says_how_many_elements_it_expects():
    with pytest.raises(ValueError, match=re.escape("Reshape to (3, 4) expects samples of 12 elements, received shape (13,)")):
        Reshape((3, 4)).forward(np.zeros((2, 13)))


@pytest.mark.parametrize("shape", [(3, 0), (-1,)])
def test_reshape_needs_sizes_of_at_least_one(shape):
    with pytest.raises(ValueError, match=re.escape(f"sizes of at least 1, received {shape}")):
        Reshape(shape)


# What holds for every layer


def classes_of_layers(base=Layer):
    """Yield the classes of nnlite's own layers, the base first."""
    yield base
    for layer in base.__subclasses__():
        if layer.__module__.startswith("nnlite."):
            yield from classes_of_layers(layer)


@pytest.mark.parametrize("layer", set(classes_of_layers()), ids=lambda layer: layer.__name__)
def test_every_layer_is_called_in_the_same_way(layer):
    none = inspect.Parameter.empty
    forward, backward = inspect.signature(layer.forward).parameters, inspect.signature(layer.backward).parameters
    assert [(p.name, p.default) for p in forward.values()] == [("self", none), ("x", none), ("training", False)]
    assert [(p.name, p.default) for p in backward.values()] == [("self", none), ("dy", none), ("need_dx", True)]


@every_layer
def test_no_layer_here_adds_anything_to_the_loss(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    layer.forward(batch(rng, dtype), training=True)
    assert layer.penalty == 0


@every_layer
def test_output_shape_tells_the_shape_of_the_output(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    assert layer.output_shape((6,)) == layer.forward(batch(rng, dtype)).shape[1:]


@every_layer
def test_output_and_gradient_have_the_dtype_of_the_input(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    assert layer.forward(x).dtype == dtype
    y = layer.forward(x, training=True)
    assert y.dtype == dtype
    assert layer.backward(y.copy()).dtype == dtype
    assert all(parameter.gradient.dtype == dtype for parameter in layer.parameters)


@every_layer
def test_training_and_inference_give_the_same_output(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    np.testing.assert_array_equal(layer.forward(x, training=True), layer.forward(x))


@every_layer
def test_neither_forward_nor_backward_changes_what_it_is_given(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    before = x.copy()
    y = layer.forward(x, training=True)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dy_before = dy.copy()
    layer.backward(dy)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dy, dy_before)


@every_layer
def test_backward_before_forward_raises(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    with pytest.raises(RuntimeError, match=re.escape(f"{name}.backward needs a forward(x, training=True) of its own before it")):
        layer.backward(batch(rng, dtype))


@every_layer
@pytest.mark.parametrize("need_dx", [True, False])
def test_a_second_backward_raises(name, need_dx, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    dy = layer.forward(batch(rng, dtype), training=True).copy()
    layer.backward(dy, need_dx)
    with pytest.raises(RuntimeError, match="received none since the last backward"):
        layer.backward(dy)


@pytest.mark.parametrize("name", LAYERS | OTHERS)
@pytest.mark.parametrize("need_dx", [True, False])
@pytest.mark.parametrize("change", [(0, -1), (-1, 0), (0, 1), (1, 0), (-4, 0)], ids=str)
def test_backward_refuses_a_gradient_of_another_shape_than_the_output(name, need_dx, change, rng, dtype):
    layer = (LAYERS | OTHERS)[name](rng, dtype)
    shape = layer.forward(batch(rng, dtype), training=True).shape
    before = [parameter.gradient.copy() for parameter in layer.parameters]
    received = (shape[0] + change[0], shape[1] + change[1], *shape[2:])
    kind = np.dtype(dtype)
    message = f"{name}.backward expects dy of the output's shape {shape} and dtype {kind}, received {kind} of shape {received}"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        layer.backward(np.ones(received, dtype), need_dx)
    for parameter, gradient in zip(layer.parameters, before, strict=True):
        np.testing.assert_array_equal(parameter.gradient, gradient)


@pytest.mark.parametrize("rows", [1, 4])
def test_one_row_of_a_gradient_is_not_taken_for_all_rows_nor_all_for_one(rows, rng, dtype):
    for name in ("Dropout", "ActivityPenalty", "SparsityPenalty"):
        layer = OTHERS[name](rng, dtype)
        layer.forward(batch(rng, dtype, rows), training=True)
        with pytest.raises(ValueError, match=f"{name}.backward expects dy"):
            layer.backward(batch(rng, dtype, 5 - rows))


@pytest.mark.parametrize("layer", [ReLU(), Sigmoid(), LeakyReLU(), Rescale(0.5, 2)], ids=lambda layer: type(layer).__name__)
def test_integers_which_would_be_rounded_are_refused(layer):
    message = f"{type(layer).__name__} expects float32 or float64, received int64: convert with .astype('float32')"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        layer.forward(np.ones((5, 6), np.int64))


@every_layer
def test_inference_keeps_nothing_for_backward(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    dy = layer.forward(batch(rng, dtype)).copy()
    with pytest.raises(RuntimeError, match=f"{name}.backward needs"):
        layer.backward(dy)


@every_layer
def test_inference_between_forward_and_backward_changes_nothing(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    dy = rng.standard_normal(layer.forward(x).shape).astype(dtype)
    layer.forward(x, training=True)
    expected = layer.backward(dy).copy()
    layer.forward(x, training=True)
    layer.forward(batch(rng, dtype))
    np.testing.assert_array_equal(layer.backward(dy), expected)


@computing_layers
def test_inference_returns_arrays_of_their_own(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    trained, first, second = layer.forward(x, training=True), layer.forward(x), layer.forward(x)
    assert not any(np.shares_memory(first, other) for other in (x, trained, second))


@computing_layers
def test_training_works_in_the_same_arrays_again(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    y = layer.forward(x, training=True)
    dx = layer.backward(np.ones_like(y))
    assert np.shares_memory(layer.forward(x, training=True), y)
    assert np.shares_memory(layer.backward(np.ones_like(y)), dx)


@every_layer
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_a_batch_of_another_size_gives_what_a_new_layer_gives(name, rows, rng, dtype):
    layer, fresh = LAYERS[name](np.random.default_rng(1), dtype), LAYERS[name](np.random.default_rng(1), dtype)
    layer.backward(layer.forward(batch(rng, dtype), training=True).copy())
    layer.zero_gradients()
    x = batch(rng, dtype, rows)
    y, expected = layer.forward(x, training=True), fresh.forward(x, training=True)
    np.testing.assert_array_equal(y, expected)
    dy = rng.standard_normal(y.shape).astype(dtype)
    np.testing.assert_array_equal(layer.backward(dy), fresh.backward(dy))
    for parameter, other in zip(layer.parameters, fresh.parameters, strict=True):
        np.testing.assert_array_equal(parameter.gradient, other.gradient)


@every_layer
def test_an_input_with_gaps_between_its_elements_gives_the_same(name, rng, dtype):
    layer = LAYERS[name](rng, dtype)
    x = batch(rng, dtype)
    wide = np.repeat(x, 2, axis=1)[:, ::2]  # the same numbers, two apart in memory
    y = layer.forward(x, training=True).copy()
    dx = layer.backward(y).copy()
    np.testing.assert_allclose(layer.forward(wide, training=True), y, atol=tolerance(dtype))
    np.testing.assert_allclose(layer.backward(y), dx, atol=tolerance(dtype))


@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda w: np.hstack([w, w])[:, :4]], ids=["by columns", "cut out"])
def test_dense_learns_from_start_weights_in_any_arrangement_in_memory(arrange, rng):
    layer = Dense(6, 4, rng=rng, initializer=lambda shape, rng, dtype: arrange(rng.standard_normal(shape).astype(dtype)))
    optimizer = SGD(0.1)
    optimizer.bind(layer.parameters)
    before = layer.weight.value.copy()
    layer.forward(np.ones((1, 6), np.float32), training=True)
    layer.backward(np.ones((1, 4), np.float32))
    optimizer.step()
    np.testing.assert_allclose(layer.weight.value, before - 0.1, rtol=1e-6, atol=1e-6)


def test_a_layer_of_ones_own_has_the_parameters_that_it_sets_in_their_order():
    class Scale(Layer):
        def __init__(self):
            super().__init__()
            self.factor, self.count, self.offset = Parameter("factor", np.ones(3)), 3, Parameter("offset", np.zeros(3))

    layer = Scale()
    assert layer.parameters == [layer.factor, layer.offset]
    assert list(Sequential([layer]).named_parameters()) == ["0.factor", "0.offset"]


def test_two_parameters_of_one_name_are_refused_since_a_file_would_keep_one(rng):
    layer = Dense(2, 2, rng=rng)
    layer.bias = Parameter("weight", np.zeros(2))
    with pytest.raises(ValueError, match=r"Dense expects parameters of different names, received .*'weight'.*'weight'"):
        Sequential([layer]).named_parameters()


@pytest.mark.parametrize(
    "call, method",
    [
        (lambda: Layer().forward(np.ones((1, 1))), r"Layer .* forward\(x, training=False\)"),
        (lambda: Layer().backward(np.ones((1, 1))), r"Layer .* backward\(dy, need_dx=True\)"),
        (lambda: Activation().fill_y(*np.ones((2, 1))), r"Activation .* fill_y\(x, y\)"),
        (lambda: Activation().fill_dx(*np.ones((3, 1))), r"Activation .* fill_dx\(y, dy, dx\)"),
        (lambda: Loss().value(np.ones((1, 1)), np.ones((1, 1))), r"Loss .* _evaluate\(prediction, target, gradient, workspace\)"),
        (lambda: Optimizer(0.1).rule(1), r"Optimizer .* rule\(t\)"),
    ],
)
def test_a_class_of_ones_own_is_told_which_method_it_lacks(call, method):
    with pytest.raises(NotImplementedError, match=method):
        call()
