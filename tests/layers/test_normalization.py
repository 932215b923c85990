"""Rescale and BatchNormalization: values, statistics, and that these are kept with the weights."""

import re

import numpy as np
import pytest

from nnlite import BatchNormalization, Dense, ReLU, Rescale, Sequential, gradcheck, load_weights, save_weights
from nnlite.optimizers import SGD, Adam


def tolerance(dtype):
    return 64 * np.finfo(dtype).eps


def test_rescale_by_hand(dtype):
    layer, x = Rescale([1, 2], [10, 0.5]), np.array([[1, 1], [2, 4]], dtype)
    assert layer.forward(x, training=True).tolist() == [[0, -0.5], [10, 1]]
    assert layer.backward(np.ones_like(x)).tolist() == [[10, 0.5], [10, 0.5]]
    assert layer.forward(x).dtype == dtype


def test_rescale_changes_nothing_by_default(rng, dtype):
    x = rng.standard_normal((5, 3)).astype(dtype)
    np.testing.assert_array_equal(Rescale().forward(x), x)


def test_rescale_by_the_statistics_of_a_set_standardizes_it(rng):
    x = 3 + 5 * rng.standard_normal((50, 4))
    y = Rescale(x.mean(axis=0), 1 / x.std(axis=0)).forward(x)
    np.testing.assert_allclose([y.mean(axis=0), y.std(axis=0)], [[0] * 4, [1] * 4], atol=1e-12)


def test_rescale_refuses_numbers_that_do_not_fit():
    for settings in ((0, [1, np.inf]), ([np.nan, 1], 1)):
        with pytest.raises(ValueError, match="finite shift and scale"):
            Rescale(*settings)


@pytest.mark.parametrize("shape", [(1,), (2,), (3, 2), ()], ids=str)
def test_rescale_refuses_samples_that_its_numbers_do_not_fit(shape):
    for name, layer in (("shift", Rescale([1, 2, 3], 1)), ("scale", Rescale(0, [1, 2, 3]))):
        message = f"Rescale expects a {name} that fits samples of shape {shape}, received shape (3,)"
        with pytest.raises(ValueError, match="layer 0: " + re.escape(message)):
            Sequential([layer], input_shape=shape)
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            layer.forward(np.ones((3, *shape)))


def test_rescale_broadcasts_its_numbers_to_samples_of_more_axes():
    x = np.ones((2, 4, 3))
    assert Rescale([1, 2, 3], [[1], [2], [3], [4]]).forward(x)[1].tolist() == [[0, -n, -2 * n] for n in (1, 2, 3, 4)]
    assert Rescale(np.ones((1, 3))).output_shape((4, 3)) == (4, 3)


def test_normalized_features_have_mean_zero_and_variance_one(rng, dtype):
    layer = BatchNormalization(4, epsilon=1e-12, dtype=dtype)
    y = layer.forward((3 + 5 * rng.standard_normal((50, 4))).astype(dtype), training=True)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.mean(axis=0), np.zeros(4), atol=tolerance(dtype))
    np.testing.assert_allclose(y.var(axis=0), np.ones(4), atol=tolerance(dtype))


def test_batch_normalization_starts_with_the_defaults_of_pytorch():
    layer = BatchNormalization(2)
    assert (layer.momentum, layer.epsilon) == (0.1, 1e-5)
    values = {name: parameter.value.tolist() for name, parameter in layer.named_parameters().items()}
    assert values == {"scale": [1, 1], "shift": [0, 0], "running_mean": [0, 0], "running_variance": [1, 1]}
    assert layer.output_shape((2,)) == (2,)


def test_the_gradients_of_batch_normalization_are_those_of_its_value(rng):
    layer = BatchNormalization(4, dtype=np.float64)
    layer.scale.value[...], layer.shift.value[...] = rng.standard_normal((2, 4))
    assert max(gradcheck(layer, rng.standard_normal((5, 4)), rng=rng).errors.values()) < 1e-7


def test_batch_normalization_trains_in_the_same_arrays_again(rng):
    layer, x = BatchNormalization(4), rng.standard_normal((5, 4)).astype(np.float32)
    y, dx = layer.forward(x, training=True), layer.backward(x)
    assert np.shares_memory(layer.forward(x, training=True), y)
    assert np.shares_memory(layer.backward(x), dx)
    assert not np.shares_memory(layer.forward(x), y)


def test_a_momentum_of_one_keeps_the_statistics_of_the_last_batch():
    layer = BatchNormalization(1, momentum=1)
    layer.forward(np.array([[1], [2], [6]], np.float32), training=True)
    assert (layer.running_mean.value.tolist(), layer.running_variance.value.tolist()) == ([3], [7])


def test_batch_normalization_by_hand(dtype):
    layer = BatchNormalization(1, epsilon=1, momentum=0.5, dtype=dtype)
    layer.scale.value[...], layer.shift.value[...] = 4, 7
    x = np.array([[3 - np.sqrt(3)], [3 + np.sqrt(3)]], dtype)  # mean 3, variance 3, unbiased 6, √(v + ε) = 2
    np.testing.assert_allclose(layer.forward(x, training=True), 7 + 2 * (x - 3), rtol=tolerance(dtype))
    np.testing.assert_allclose(layer.running_mean.value, [1.5], rtol=tolerance(dtype))
    np.testing.assert_allclose(layer.running_variance.value, [3.5], rtol=tolerance(dtype))


def test_inference_uses_the_running_statistics_and_leaves_them(dtype):
    layer = BatchNormalization(2, epsilon=1, dtype=dtype)
    layer.running_mean.value[...], layer.running_variance.value[...] = [1, 2], [3, 8]
    assert layer.forward(np.array([[3, 5]], dtype)).tolist() == [[1, 1]]
    assert layer.running_mean.value.tolist() == [1, 2]


def test_running_statistics_approach_those_of_the_data(rng):
    layer = BatchNormalization(1, dtype=np.float64)
    for _ in range(300):
        layer.forward(3 + 5 * rng.standard_normal((200, 1)), training=True)
    np.testing.assert_allclose(layer.running_mean.value, [3], atol=0.2)
    np.testing.assert_allclose(layer.running_variance.value, [25], rtol=0.05)


def test_a_batch_of_one_sample_gives_the_shift_and_leaves_the_running_statistics(dtype):
    layer = BatchNormalization(3, dtype=dtype)
    layer.shift.value[...] = 5
    x = np.array([[1, 2, 3]], dtype)
    assert layer.forward(x, training=True).tolist() == [[5, 5, 5]]
    assert layer.backward(np.ones_like(x)).tolist() == [[0, 0, 0]]
    assert layer.running_mean.value.tolist() == [0, 0, 0]
    assert layer.running_variance.value.tolist() == [1, 1, 1]


def test_a_batch_of_two_samples_moves_the_running_statistics(dtype):
    layer = BatchNormalization(1, momentum=1, dtype=dtype)
    layer.forward(np.array([[1], [3]], dtype), training=True)
    assert (layer.running_mean.value.tolist(), layer.running_variance.value.tolist()) == ([2], [2])


@pytest.fixture
def model(rng):
    return Sequential([Dense(3, 4, rng=rng), BatchNormalization(4), ReLU(), Dense(4, 3, rng=rng)])


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam()], ids=["sgd", "adam"])
def test_optimizers_leave_the_running_statistics_alone(optimizer, model, rng):
    optimizer.bind(model.parameters)
    for parameter in model.parameters:
        parameter.gradient[...] = 1
    before = model.layers[1].running_mean.value.copy(), model.layers[1].running_variance.value.copy()
    optimizer.step()
    np.testing.assert_array_equal(model.layers[1].running_mean.value, before[0])
    np.testing.assert_array_equal(model.layers[1].running_variance.value, before[1])
    assert (model.layers[1].scale.value != 1).all()


def test_running_statistics_are_saved_and_loaded_with_the_weights(model, rng, tmp_path):
    x = rng.random((20, 3)).astype(np.float32)
    model.compile("adam", "mse")
    model.fit(x, epochs=3, rng=rng, verbose=False)
    save_weights(model, tmp_path / "weights")
    other = Sequential([Dense(3, 4, rng=rng), BatchNormalization(4), ReLU(), Dense(4, 3, rng=rng)])
    load_weights(other, tmp_path / "weights")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    assert "1.running_variance" in model.named_parameters()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": 0}, "features of at least 1, received 0"),
        ({"features": 2, "momentum": 0}, "a momentum in (0, 1], received 0"),
        ({"features": 2, "momentum": 1.1}, "a momentum in (0, 1], received 1.1"),
        ({"features": 2, "epsilon": 0}, "a positive epsilon, received 0"),
    ],
)
def test_settings_without_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(f"BatchNormalization expects {message}")):
        BatchNormalization(**settings)


def test_other_shapes_and_dtypes_are_refused():
    with pytest.raises(ValueError, match=re.escape("expects samples of shape (3,), received (4,)")):
        BatchNormalization(3).forward(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match=r"^BatchNormalization with float32 parameters expects x of that dtype, received float64"):
        BatchNormalization(3).forward(np.zeros((2, 3)))
