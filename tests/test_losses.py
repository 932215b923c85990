"""Losses: values by hand, one reduction for value and gradient, and what they refuse."""

import re
import warnings

import numpy as np
import pytest
import reference

from nnlite.losses import (
    LOSSES,
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SoftmaxCrossEntropyWithLogits,
)
from nnlite.metrics import binary_entropy

FORMULAS = {
    "mse": reference.mean_squared_error,
    "mae": reference.mean_absolute_error,
    "huber": reference.huber,
    "bce": reference.binary_cross_entropy,
    "bce_logits": reference.binary_cross_entropy_with_logits,
    "softmax_cross_entropy": reference.softmax_cross_entropy_with_logits,
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def assert_close(actual, expected, dtype):
    np.testing.assert_allclose(actual, expected, rtol=64 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


def example(rng, dtype, shape=(7, 5)):
    """Return predictions and targets in (0, 1); as logits the predictions are as good as any."""
    return rng.uniform(0.05, 0.95, shape).astype(dtype), rng.uniform(0, 1, shape).astype(dtype)


def test_every_loss_is_compared_with_its_formula():
    assert set(FORMULAS) == set(LOSSES)


@every_loss
@pytest.mark.parametrize("shape", [(1, 2), (7, 5), (5, 33)], ids=str)
def test_value_and_gradient_match_the_formula(name, shape, rng, dtype):
    prediction, target = example(rng, dtype, shape)
    value, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    expected_value, expected_gradient = FORMULAS[name](prediction.astype(np.float64), target.astype(np.float64))
    assert_close(value, expected_value, dtype)
    assert_close(gradient, expected_gradient, dtype)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "value", "gradient"),
    [
        (MeanSquaredError(), [[1, 2], [3, 4]], [[1, 0], [0, 0]], 29 / 4, [[0, 1], [1.5, 2]]),
        (MeanAbsoluteError(), [[1, 2], [3, 4]], [[1, 0], [0, 8]], 9 / 4, [[0, 0.25], [0.25, -0.25]]),
        (Huber(2), [[1, 2], [3, -4]], [[1, 1], [0, 0]], (0.5 + 4 + 6) / 4, [[0, 0.25], [0.5, -0.5]]),
        (BinaryCrossEntropy(), [[0.5, 0.5]], [[1, 0]], np.log(2), [[-1, 1]]),
        (BinaryCrossEntropy(), [[0.75], [0.25]], [[1], [1]], (2 * np.log(4) - np.log(3)) / 2, [[-2 / 3], [-2]]),
        (BinaryCrossEntropyWithLogits(), [[0, np.log(3)]], [[1, 0]], np.log(8) / 2, [[-0.25, 0.375]]),
        (
            SoftmaxCrossEntropyWithLogits(),
            [[0, 0], [0, np.log(3)]],
            [[1, 0], [0, 1]],
            np.log(8 / 3) / 2,
            [[-0.25, 0.25], [0.125, -0.125]],
        ),
    ],
    ids=["mse", "mae", "huber", "bce at one half", "bce", "bce with logits", "softmax cross-entropy"],
)
def test_value_and_gradient_by_hand(loss, prediction, target, value, gradient, dtype):
    actual_value, actual_gradient = loss.value_and_gradient(np.array(prediction, dtype), np.array(target, dtype))
    assert_close(actual_value, value, dtype)
    assert_close(actual_gradient, gradient, dtype)


@every_loss
def test_a_batch_twice_has_the_same_mean_and_half_the_gradient(name, rng, dtype):
    loss = LOSSES[name]()
    prediction, target = example(rng, dtype)
    value, gradient = loss.value_and_gradient(prediction, target)
    gradient = gradient.copy()
    value_twice, gradient_twice = loss.value_and_gradient(np.tile(prediction, (2, 1)), np.tile(target, (2, 1)))
    assert_close(value_twice, value, dtype)
    assert_close(gradient_twice, np.tile(gradient / 2, (2, 1)), dtype)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "softmax_cross_entropy"])
def test_features_twice_have_the_same_mean_and_half_the_gradient(name, rng, dtype):
    loss = LOSSES[name]()
    prediction, target = example(rng, dtype)
    value, gradient = loss.value_and_gradient(prediction, target)
    gradient = gradient.copy()
    value_twice, gradient_twice = loss.value_and_gradient(np.tile(prediction, 2), np.tile(target, 2))
    assert_close(value_twice, value, dtype)
    assert_close(gradient_twice, np.tile(gradient / 2, 2), dtype)


@every_loss
def test_a_small_step_against_the_gradient_lowers_the_value(name, rng):
    loss = LOSSES[name]()
    prediction, target = example(rng, np.float64)
    value, gradient = loss.value_and_gradient(prediction, target)
    step = 1e-6 / np.linalg.norm(gradient)
    decrease = value - loss.value(prediction - step * gradient, target)
    np.testing.assert_allclose(decrease, step * np.sum(gradient**2), rtol=1e-3)


@every_loss
def test_value_alone_is_the_value_beside_the_gradient_and_leaves_that_alone(name, rng, dtype):
    loss = LOSSES[name]()
    prediction, target = example(rng, dtype)
    value, gradient = loss.value_and_gradient(prediction, target)
    before = gradient.copy()
    assert loss.value(prediction, target) == value
    assert loss.value(prediction / 2, target) != value
    np.testing.assert_array_equal(gradient, before)


@every_loss
def test_value_is_a_float_and_the_gradient_has_the_dtype_of_the_prediction(name, rng, dtype):
    value, gradient = LOSSES[name]().value_and_gradient(*example(rng, dtype))
    assert isinstance(value, float)
    assert gradient.dtype == dtype


@every_loss
def test_neither_prediction_nor_target_is_changed(name, rng, dtype):
    prediction, target = example(rng, dtype)
    before = prediction.copy(), target.copy()
    LOSSES[name]().value_and_gradient(prediction, target)
    np.testing.assert_array_equal((prediction, target), before)


@every_loss
def test_a_smaller_last_batch_gives_what_a_new_loss_gives(name, rng, dtype):
    loss = LOSSES[name]()
    loss.value_and_gradient(*example(rng, dtype))
    prediction, target = example(rng, dtype, (2, 5))
    value, gradient = loss.value_and_gradient(prediction, target)
    expected_value, expected_gradient = LOSSES[name]().value_and_gradient(prediction, target)
    assert value == expected_value
    np.testing.assert_array_equal(gradient, expected_gradient)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "softmax_cross_entropy"])
def test_images_are_compared_pixel_by_pixel(name, rng, dtype):
    prediction, target = example(rng, dtype, (3, 4, 5))
    value, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    expected_value, expected_gradient = LOSSES[name]().value_and_gradient(prediction.reshape(3, 20), target.reshape(3, 20))
    assert value == expected_value
    np.testing.assert_array_equal(gradient, expected_gradient.reshape(3, 4, 5))


@every_loss
@pytest.mark.parametrize("shapes", [((3, 1), (3,)), ((3, 4), (1, 4)), ((3, 4), (4, 3)), ((2, 2), (2, 2, 1))], ids=str)
def test_unequal_shapes_are_refused(name, shapes):
    give = "give a number for each number of the prediction (without y, the target is x)"
    way_out = "reshape one of them" if np.prod(shapes[0]) == np.prod(shapes[1]) else give
    received = f"received prediction {shapes[0]} and target {shapes[1]}: {way_out}, nothing is broadcast"
    with pytest.raises(ValueError, match=re.escape(received)):
        LOSSES[name]().value(np.ones(shapes[0]), np.ones(shapes[1]))


@every_loss
def test_only_a_loss_of_classes_takes_a_row_of_numbers_for_labels(name):
    labels = "make rows of labels with one_hot(y, classes)"
    numbers = "give a number for each number of the prediction"
    received = f"received prediction (3, 4) and target (3,): {labels if LOSSES[name].takes_rows else numbers}"
    with pytest.raises(ValueError, match=re.escape(received)):
        LOSSES[name]().value(np.ones((3, 4)), np.ones(3))


@every_loss
def test_unequal_dtypes_are_refused(name):
    with pytest.raises(ValueError, match="received prediction float32 and target float64"):
        LOSSES[name]().value(np.ones((2, 3), np.float32), np.ones((2, 3)))


@every_loss
@pytest.mark.parametrize("integers", [np.int64, np.uint8, np.bool_])
def test_integers_in_which_the_gradient_would_be_rounded_are_refused(name, integers):
    received = np.dtype(integers).name
    message = f"{type(LOSSES[name]()).__name__} expects float32 or float64, received {received}: convert with .astype('float32')"
    with pytest.raises(ValueError, match=re.escape(message)):
        LOSSES[name]().value(np.ones((2, 3), integers), np.ones((2, 3), integers))


@every_loss
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), ()], ids=str)
def test_a_batch_without_samples_or_elements_is_refused(name, shape):
    with pytest.raises(ValueError, match=re.escape(f"needs at least one element, received shape {shape}")):
        LOSSES[name]().value(np.ones(shape), np.ones(shape))


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "value"),
    [
        (MeanAbsoluteError(), [[2**24, 1]], [[0, 0]], 2**23 + 0.5),
        (Huber(1e9), [[2**13, 2]], [[0, 0]], 2**24 + 1),
        (SoftmaxCrossEntropyWithLogits(), [[2**25, 0], [42, 0]], [[0, 1], [0, 1]], 2**24 + 21),
    ],
    ids=["mae", "huber", "softmax cross-entropy"],
)
def test_float32_is_summed_in_double_precision(loss, prediction, target, value):
    assert loss.value(np.array(prediction, np.float32), np.array(target, np.float32)) == value


@every_loss
def test_nan_in_the_prediction_makes_the_value_nan(name, rng, dtype):
    prediction, target = example(rng, dtype)
    prediction[3, 2] = np.nan
    value, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    assert np.isnan(value)
    assert np.isnan(gradient[3, 2])


# Huber's


@pytest.mark.parametrize("delta", [0.1, 1, 30])
def test_huber_matches_its_formula_on_both_sides_of_delta(delta, rng):
    prediction, target = 3 * rng.standard_normal((7, 5)), rng.standard_normal((7, 5))
    value, gradient = Huber(delta).value_and_gradient(prediction, target)
    expected_value, expected_gradient = reference.huber(prediction, target, delta)
    np.testing.assert_allclose(value, expected_value, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-13)


def test_huber_turns_from_a_parabola_into_lines_at_one_by_default():
    assert Huber().delta == 1


@pytest.mark.parametrize("delta", [0, -1, np.nan])
def test_huber_needs_a_positive_delta(delta):
    with pytest.raises(ValueError, match=f"Huber expects a positive delta, received {delta}"):
        Huber(delta)


# The cross-entropies


@pytest.mark.parametrize("maker", [BinaryCrossEntropy, BinaryCrossEntropyWithLogits])
@pytest.mark.parametrize("wrong", [-0.5, 1.5, 255])
def test_targets_that_are_no_probabilities_are_warned_of_once(maker, wrong, recwarn):
    loss, prediction = maker(), np.full((2, 2), 0.5)
    loss.value(prediction, np.array([[0, 1], [0.5, 1]]))
    assert len(recwarn) == 0
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            loss.value(prediction, np.array([[0, 1], [0.5, wrong]]))
    assert [str(warning.message).partition(",")[0] for warning in recwarn] == [f"{maker.__name__} expects targets in [0"]
    assert f"{wrong:g}" in str(recwarn[0].message)


@pytest.mark.parametrize("maker", [BinaryCrossEntropy, BinaryCrossEntropyWithLogits])
@pytest.mark.parametrize("ends", [[-0.0, 1], [-0.0, 0], [0, 1]])
def test_the_ends_of_the_interval_are_targets_without_a_word(maker, ends, dtype):
    assert np.isfinite(maker().value(np.full((1, 2), 0.5, dtype), np.array([ends], dtype)))


def test_the_entropy_of_the_targets_is_the_least_cross_entropy(rng):
    target = rng.uniform(0.01, 0.99, (7, 5))
    assert binary_entropy(target) == pytest.approx(BinaryCrossEntropy().value(target, target), rel=1e-12)
    assert binary_entropy(np.array([0, 1, 0.5, 0.5])) == pytest.approx(np.log(2) / 2)
    assert binary_entropy(np.array([0.0, 1.0])) == 0
    assert binary_entropy(np.array([0.5])) == pytest.approx(np.log(2))


def test_the_entropy_of_images_is_that_of_their_pixels_as_floats(rng):
    images = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    assert binary_entropy(images) == pytest.approx(binary_entropy(images / 255), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_the_entropy_of_nothing_is_refused_with_its_shape_and_dtype(dtype):
    message = f"binary_entropy expects at least one number, received {np.dtype(dtype)} of shape (0, 4)"
    with pytest.raises(ValueError, match=re.escape(message)):
        binary_entropy(np.zeros((0, 4), dtype))


@pytest.mark.parametrize(
    ("target", "received"), [([0.5, 1.5], "0.5 to 1.5"), ([-0.5, 1], "-0.5 to 1"), ([np.nan, 0], "nan to nan")]
)
def test_the_entropy_of_numbers_outside_zero_to_one_is_refused_with_their_range(target, received):
    with pytest.raises(ValueError, match=re.escape(f"binary_entropy expects numbers in [0, 1], received {received}: scale them")):
        binary_entropy(np.array(target))


@pytest.mark.parametrize(
    ("logit", "target", "value", "gradient"), [(1000, 1, 0, 0), (-1000, 0, 0, 0), (1000, 0, 1000, 1), (-1000, 1, 1000, -1)]
)
def test_binary_cross_entropy_is_exact_for_huge_logits(logit, target, value, gradient, dtype):
    received = BinaryCrossEntropyWithLogits().value_and_gradient(np.array([[logit]], dtype), np.array([[target]], dtype))
    assert received == (value, gradient)


@pytest.mark.parametrize(("right", "value", "gradient"), [(0, 0, [0, 0, 0]), (1, 2000, [1, -1, 0]), (2, 1000, [1, 0, -1])])
def test_softmax_cross_entropy_is_exact_for_huge_logits(right, value, gradient, dtype):
    logits, target = np.array([[1000, -1000, 0]], dtype), np.zeros((1, 3), dtype)
    target[0, right] = 1
    received = SoftmaxCrossEntropyWithLogits().value_and_gradient(logits, target)
    assert received[0] == value
    assert received[1].tolist() == [gradient]


def test_huge_logits_of_one_row_leave_the_others_exact(dtype):
    value, gradient = SoftmaxCrossEntropyWithLogits().value_and_gradient(
        np.array([[1000, 0], [-1000, -1000]], dtype), np.eye(2, dtype=dtype)
    )
    assert_close(value, np.log(2) / 2, dtype)
    assert gradient.tolist() == [[0, 0], [0.25, -0.25]]


@pytest.mark.parametrize("p", [0, 1])
def test_binary_cross_entropy_stays_finite_at_certainty(p, dtype):
    prediction = np.full((2, 2), p, dtype)
    value, gradient = BinaryCrossEntropy().value_and_gradient(prediction, 1 - prediction)
    assert 15 < value < 17  # −log 1e-7 = 16.1
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("p", [0, 1])
def test_binary_cross_entropy_is_almost_zero_for_the_certainty_that_is_right(p, dtype):
    prediction = np.full((2, 2), p, dtype)
    assert 0 <= BinaryCrossEntropy().value(prediction, prediction) < 2e-7


def test_binary_cross_entropy_with_logits_is_that_of_the_sigmoid(rng):
    logits, target = 3 * rng.standard_normal((7, 5)), rng.uniform(0, 1, (7, 5))
    p = reference.sigmoid(logits)
    value, gradient = BinaryCrossEntropyWithLogits().value_and_gradient(logits, target)
    expected_value, dp = BinaryCrossEntropy().value_and_gradient(p, target)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    np.testing.assert_allclose(gradient, dp * p * (1 - p), rtol=1e-10)


def test_binary_cross_entropy_is_least_where_the_prediction_is_the_target(rng):
    target = rng.uniform(0.1, 0.9, (7, 5))
    _, gradient = BinaryCrossEntropy().value_and_gradient(target, target)
    assert not gradient.any()


def test_softmax_cross_entropy_of_labels_is_minus_the_mean_log_probability(rng):
    logits, labels = rng.standard_normal((7, 5)), rng.integers(0, 5, 7)
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    value = SoftmaxCrossEntropyWithLogits().value(logits, np.eye(5)[labels])
    np.testing.assert_allclose(value, -log_softmax[np.arange(7), labels].mean(), rtol=1e-13)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (3, 1)], ids=str)
def test_softmax_cross_entropy_expects_one_row_of_logits_for_each_sample(shape):
    with pytest.raises(ValueError, match=re.escape(f"expects logits (N, C) of at least two classes, received shape {shape}")):
        SoftmaxCrossEntropyWithLogits().value(np.ones(shape), np.ones(shape))


@pytest.mark.parametrize("total", [0, 0.5, 3])
def test_softmax_cross_entropy_gradient_holds_for_targets_of_any_sum(total, rng):
    logits, target = rng.standard_normal((7, 5)), rng.dirichlet(np.ones(5), 7) * total
    value, gradient = SoftmaxCrossEntropyWithLogits().value_and_gradient(logits, target)
    expected_value, expected_gradient = reference.softmax_cross_entropy_with_logits(logits, target)
    np.testing.assert_allclose(value, expected_value, atol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-15)
    np.testing.assert_allclose(gradient.sum(axis=1), np.zeros(7), atol=1e-15)  # a shift of all logits changes nothing


@pytest.mark.parametrize("prediction", [[-3, 0.5], [0.5, 5], [-3, 5], [0.5, 1.001], [-0.001, 0.5]])
def test_binary_cross_entropy_refuses_what_are_no_probabilities(prediction, dtype):
    prediction, target = np.array([prediction], dtype), np.array([[1, 0]], dtype)
    message = (
        r"BinaryCrossEntropy expects probabilities in \[0, 1\], received predictions from .*: end the model with a Sigmoid, or use"
    )
    for compute in (BinaryCrossEntropy().value, BinaryCrossEntropy().value_and_gradient):
        with pytest.raises(ValueError, match=message):
            compute(prediction, target)


@pytest.mark.parametrize("limit", [-1e-6, 1 + 1e-6])
def test_binary_cross_entropy_forgives_rounding_up_to_a_millionth(limit):
    assert np.isfinite(BinaryCrossEntropy().value(np.array([[limit, 0.5]]), np.array([[1.0, 0.0]])))
    with pytest.raises(ValueError, match="expects probabilities"):
        BinaryCrossEntropy().value(np.array([[np.nextafter(limit, 9 * limit), 0.5]]), np.array([[1.0, 0.0]]))


def test_binary_cross_entropy_takes_every_probability_and_leaves_nan_to_the_watch(dtype):
    ends = np.array([[0, -0.0, 1, 0.5, np.nextafter(dtype(1), dtype(0))]], dtype)
    assert np.isfinite(BinaryCrossEntropy().value(ends, np.full_like(ends, 0.5)))
    assert np.isnan(BinaryCrossEntropy().value(np.array([[np.nan, 0.5]], dtype), np.array([[1, 0]], dtype)))


@every_loss
def test_what_is_no_array_is_refused_by_a_loss(name):
    for prediction, target in (([[1.0]], np.ones((1, 1))), (np.ones((1, 1)), "abc"), (None, np.ones((1, 1)))):
        with pytest.raises(ValueError, match=r"expects arrays, received a (prediction|target) that is"):
            LOSSES[name]().value(prediction, target)


@pytest.mark.parametrize(
    "target", [[[0, 1, 0], [0.5, 0.5, 0]], [[0.51, 0.51, 0], [0.49, 0.49, 0]], [[5], [7]]], ids=["rows", "rounded", "one"]
)
def test_rows_of_probabilities_and_a_single_class_are_targets_of_the_softmax(target):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoftmaxCrossEntropyWithLogits().warn_of_targets(np.array(target, np.float64))


@pytest.mark.parametrize("row", [[-0.1, 1.1], [0.5, 0.54], [0.5, 0.46], [5, 7]])
def test_rows_that_are_no_probabilities_are_warned_of_by_the_softmax(row):
    with pytest.warns(UserWarning, match=r"received in sample 1 numbers that sum to"):
        SoftmaxCrossEntropyWithLogits().warn_of_targets(np.array([[0, 1], row], np.float64))
