"""The gradient checker passes every gradient of the library, and catches wrong ones, each in its own way."""

import re

import numpy as np
import pytest

from nnlite import (
    Autoencoder,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GradientError,
    LeakyReLU,
    ReLU,
    Rescale,
    Reshape,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TiedDense,
    gradcheck,
    gradcheck_loss,
)
from nnlite.layers import ACTIVATIONS, Activation
from nnlite.losses import LOSSES, MeanSquaredError

TOLERANCE = 1e-7
both_modes = pytest.mark.parametrize("directions", [None, 5], ids=["every entry", "directions"])


def dense(rng, inputs, outputs):
    """Return a Dense in float64 whose bias is not zero."""
    layer = Dense(inputs, outputs, rng=rng, dtype=np.float64)
    layer.bias.value[...] = 0.1 * rng.standard_normal(outputs)
    return layer


# What is right passes


LAYERS = {
    "Dense": lambda rng: dense(rng, 6, 4),
    "Flatten": lambda rng: Flatten(),
    "Reshape": lambda rng: Reshape((3, 2)),
    "Rescale": lambda rng: Rescale(0.5, np.arange(1, 7)),
    "Dropout": lambda rng: Dropout(0.3, rng=rng),
    "GaussianNoise": lambda rng: GaussianNoise(0.3, rng=rng),
    "TiedDense": lambda rng: TiedDense(dense(rng, 4, 6)),
    "BatchNormalization": lambda rng: BatchNormalization(6, dtype=np.float64),
    **{name: lambda rng, maker=maker: maker() for name, maker in ACTIVATIONS.items()},
}


@both_modes
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_passes(name, directions, rng):
    layer = LAYERS[name](rng)
    report = gradcheck(layer, rng.standard_normal((5, 6)), rng=rng, directions=directions)
    trainable = {name for name, parameter in layer.named_parameters().items() if parameter.trainable}
    assert report.errors.keys() == {"x", *trainable}
    assert max(report.errors.values()) < TOLERANCE
    assert report.kinks == 0


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_passes(name, rng):
    prediction, target = rng.uniform(0.05, 0.95, (5, 6)), rng.uniform(0, 1, (5, 6))
    report = gradcheck_loss(LOSSES[name](), prediction, target, rng=rng)
    assert report.errors.keys() == {"prediction"}
    assert report.errors["prediction"] < TOLERANCE


HIDDEN = {name: maker for name, maker in ACTIVATIONS.items() if name != "softmax"}
ENDS = {
    "sigmoid and mse": (Sigmoid, "mse"),
    "sigmoid and bce": (Sigmoid, "bce"),
    "linear and bce with logits": (None, "bce_logits"),
    "linear and mse": (None, "mse"),
    "softmax and mse": (Softmax, "mse"),
    "linear and softmax cross-entropy": (None, "softmax_cross_entropy"),
}


@both_modes
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("end", ENDS)
def test_every_pairing_of_hidden_layer_output_and_loss_passes(hidden, end, directions, rng):
    output, loss = ENDS[end]
    model = Sequential([dense(rng, 6, 5), HIDDEN[hidden](), dense(rng, 5, 4), *([output()] if output else [])])
    target = rng.dirichlet(np.ones(4), 5)  # rows that sum to 1, as all of these losses take them
    report = gradcheck(model, rng.standard_normal((5, 6)), rng=rng, loss=LOSSES[loss](), target=target, directions=directions)
    assert report.errors.keys() == {"x", "0.weight", "0.bias", "2.weight", "2.bias"}
    assert max(report.errors.values()) < TOLERANCE


@both_modes
@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_an_autoencoder_of_images_passes(loss, directions, rng):
    encoder = [Flatten(), dense(rng, 6, 4), ReLU()]
    decoder = [dense(rng, 4, 6), Sigmoid(), Reshape((2, 3))]
    model = Autoencoder(encoder, decoder, input_shape=(2, 3))
    x = rng.uniform(0, 1, (5, 2, 3))
    report = gradcheck(model, x, rng=rng, loss=LOSSES[loss](), target=x, directions=directions)
    assert max(report.errors.values()) < TOLERANCE


def test_directions_check_a_model_of_200_000_parameters(rng):
    model = Sequential([Dense(784, 128, rng=rng), ReLU(), Dense(128, 784, rng=rng), Sigmoid()])
    assert sum(parameter.value.size for parameter in model.parameters) > 200_000
    x = rng.uniform(0, 1, (2, 784))
    report = gradcheck(model, x, rng=rng, loss=MeanSquaredError(), target=x, directions=2)
    assert max(report.errors.values()) < TOLERANCE


def test_a_model_in_float32_is_checked_in_float64(rng):
    model = Sequential([Dense(6, 5, rng=rng), Tanh(), Dense(5, 4, rng=rng)])
    report = gradcheck(model, rng.standard_normal((5, 6)).astype(np.float32), rng=rng)
    assert max(report.errors.values()) < TOLERANCE


def test_the_model_and_its_input_are_not_changed(rng):
    model = Sequential([Dense(6, 5, rng=rng), Tanh(), Dense(5, 4, rng=rng)])
    x = rng.standard_normal((5, 6)).astype(np.float32)
    for parameter in model.parameters:
        parameter.gradient[...] = 7
    weights, x_before = model.get_weights(), x.copy()
    gradcheck(model, x, rng=rng)
    for parameter, weight in zip(model.parameters, weights, strict=True):
        assert parameter.value.dtype == parameter.gradient.dtype == np.float32
        np.testing.assert_array_equal(parameter.value, weight)
        assert (parameter.gradient == 7).all()
    np.testing.assert_array_equal(x, x_before)


def test_a_step_in_progress_is_not_disturbed(rng):
    model = Sequential([Dense(6, 5, rng=rng), Tanh(), Dense(5, 4, rng=rng)])
    x, dy = rng.standard_normal((5, 6)).astype(np.float32), rng.standard_normal((5, 4)).astype(np.float32)
    model.forward(x, training=True)
    expected = model.backward(dy).copy()
    model.forward(x, training=True)
    gradcheck(model, x, rng=rng)
    np.testing.assert_array_equal(model.backward(dy), expected)


class DenseWithPenalty(Dense):
    """Adds Σ W² / 2 to the loss."""

    def forward(self, x, training=False):
        self.penalty = float(np.sum(self.weight.value**2)) / 2
        return super().forward(x, training)

    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.weight.gradient += self.weight.value
        return dx


class DenseThatForgetsItsPenalty(DenseWithPenalty):
    def backward(self, dy, need_dx=True):
        return Dense.backward(self, dy, need_dx)


@both_modes
def test_the_penalty_of_a_layer_belongs_to_what_is_checked(directions, rng):
    x = rng.standard_normal((4, 6))
    report = gradcheck(DenseWithPenalty(6, 5, rng=rng), x, rng=rng, directions=directions)
    assert max(report.errors.values()) < TOLERANCE
    with pytest.raises(GradientError, match="with respect to weight is wrong"):
        gradcheck(DenseThatForgetsItsPenalty(6, 5, rng=rng), x, rng=rng, directions=directions)


@both_modes
def test_a_layer_that_draws_random_numbers_is_checked_with_the_same_ones(directions, rng):
    model = Sequential([dense(rng, 6, 5), Dropout(0.5, rng=np.random.default_rng(1)), Tanh()])
    report = gradcheck(model, rng.standard_normal((4, 6)), rng=rng, directions=directions)
    assert max(report.errors.values()) < TOLERANCE


# Kinks


@pytest.mark.parametrize("layer", [ReLU(), LeakyReLU()], ids=["relu", "leaky_relu"])
def test_entries_at_a_kink_are_left_out_and_counted(layer, rng):
    x = rng.choice([-1.0, 1.0], (5, 6)) + 0.1 * rng.standard_normal((5, 6))
    x[1, 2] = x[3, 4] = 0
    report = gradcheck(layer, x, rng=rng)
    assert report.kinks == 2
    assert report.errors["x"] < TOLERANCE


class ReLUThatChooses(Activation):
    """ReLU, whose derivative at 0 is 0, as ever, or 1, or between the two."""

    def __init__(self, derivative):
        super().__init__()
        self.derivative = derivative

    def forward(self, x, training=False):
        self._keep(x, x)
        return np.maximum(x, 0)

    def backward(self, dy, need_dx=True):
        (x,) = self._take(dy)
        return dy * np.where(x == 0, self.derivative, x > 0)


@pytest.mark.parametrize("derivative", [0, 1])
@pytest.mark.parametrize("slope", [1e-2, 1e-3, 1e-4])
def test_a_kink_between_slopes_that_are_small_beside_the_others_is_left_out_too(slope, derivative, rng):
    x, target = rng.choice([-1.0, 1.0], (5, 6)), np.zeros((5, 6))
    x[1, 2], target[1, 2] = 0, slope  # the loss falls by 2 · slope / 30 to the right, and not at all to the left
    report = gradcheck(ReLUThatChooses(derivative), x, rng=rng, loss=MeanSquaredError(), target=target)
    assert report.kinks == 1
    assert report.errors["x"] < TOLERANCE


@pytest.mark.parametrize("derivative", [0, 0.5, 1])
def test_a_kink_is_counted_whichever_derivative_backward_gives_there(derivative, rng):
    x = rng.choice([-1.0, 1.0], (5, 6))
    x[1, 2] = 0
    assert gradcheck(ReLUThatChooses(derivative), x, rng=rng).kinks == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_gradient_of_0_whose_differences_are_rounding_has_no_kinks(seed):
    rng = np.random.default_rng(seed)
    normalization = BatchNormalization(24, dtype=np.float64)  # takes the bias before it out of everything
    model = Sequential([dense(rng, 6, 24), normalization, Tanh(), dense(rng, 24, 10)])
    assert gradcheck(model, rng.standard_normal((16, 6)), rng=rng).kinks == 0


def test_too_many_kinks_cannot_pass(rng):
    x = np.ones((5, 6))
    x[0] = 0
    x[1, 0] = 0
    with pytest.raises(GradientError, match="ReLU: 7 of 30 entries of x lie at kinks, too many to check: choose another x"):
        gradcheck(ReLU(), x, rng=rng)


def test_a_tenth_of_the_entries_may_lie_at_kinks(rng):
    x = np.ones((2, 5))
    x[0, 0] = 0
    assert gradcheck(ReLU(), x, rng=rng).kinks == 1


def test_where_the_function_is_zero_all_around_there_is_no_kink(rng):
    assert gradcheck(ReLU(), np.full((2, 3), -1.0), rng=rng).kinks == 0


def test_a_curve_is_no_kink_although_its_gradient_is_wrong_by_less_than_it_bends(rng):
    class CubeAlmostRight(Activation):
        def forward(self, x, training=False):
            self._keep(x, x)
            return x**3

        def backward(self, dy, need_dx=True):
            (x,) = self._take(dy)
            return dy * 3 * x**2 * (1 + 1e-6)

    with pytest.raises(GradientError, match="with respect to x is wrong"):
        gradcheck(CubeAlmostRight(), np.ones((2, 3)), rng=rng)


def test_a_wrong_gradient_beside_a_kink_is_caught(rng):
    x = rng.choice([-1.0, 1.0], (5, 6))
    x[1, 2] = 0
    with pytest.raises(GradientError, match="with respect to x is wrong"):
        gradcheck(ReLUThatLeaksBackward(), x, rng=rng)


# What is wrong does not pass


@both_modes
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_forward_that_gives_no_finite_numbers_is_not_taken_for_one_with_kinks(bad, directions, rng):
    x = rng.standard_normal((4, 6))
    x[1, 2] = bad
    with pytest.raises(GradientError, match=r"Rescale: expected finite numbers from forward, received .*: choose another x"):
        gradcheck(Rescale(1, 2), x, rng=rng, directions=directions)


class TanhWithoutReturn(Tanh):
    def __init__(self, method):
        super().__init__()
        setattr(self, method, lambda *_, **__: None)


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_return_that_was_forgotten_is_said(method, rng):
    with pytest.raises(GradientError, match=f"TanhWithoutReturn: expected {method} to return an array, received None"):
        gradcheck(TanhWithoutReturn(method), rng.standard_normal((4, 5)), rng=rng)


def test_a_loss_without_a_target_is_refused(rng):
    with pytest.raises(ValueError, match="gradcheck expects loss and target together"):
        gradcheck(Tanh(), np.ones((2, 3)), rng=rng, loss=MeanSquaredError())


class ReLUThatLeaksBackward(ReLU):
    def fill_dx(self, y, dy, dx):
        super().fill_dx(y, dy, dx)
        dx += 0.01 * dy


class TanhOffByAThousandth(Tanh):
    def fill_dx(self, y, dy, dx):
        super().fill_dx(y, dy, dx)
        dx *= 1.001


class TanhOfAnotherSign(Tanh):
    def fill_dx(self, y, dy, dx):
        super().fill_dx(y, dy, dx)
        np.negative(dx, out=dx)


class SoftmaxWithoutGradient(Softmax):
    def backward(self, dy):
        return np.zeros_like(super().backward(dy))


class SoftmaxOfTheDiagonalAlone(Softmax):
    def backward(self, dy):
        (y,) = self._take(dy)
        return dy * y * (1 - y)


class DenseWithTransposedWeightGradient(Dense):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.weight.gradient[...] = self.weight.gradient.T.copy()
        return dx


class DenseWithNegatedWeightGradient(Dense):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        np.negative(self.weight.gradient, out=self.weight.gradient)
        return dx


class DenseWithTransposedWeightInBackward(Dense):
    def backward(self, dy):
        super().backward(dy)
        return dy @ self.weight.value


class DenseThatForgetsItsBias(Dense):
    def backward(self, dy, need_dx=True):
        (x,) = self._take(dy)
        self.weight.add_product(x.T, dy)
        return dy @ self.weight.value.T


class DenseWithBiasGradientOfZero(Dense):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.bias.gradient[...] = 0
        return dx


class DenseWithMeanBiasGradient(Dense):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.bias.gradient /= len(dy)
        return dx


class DenseWrongInOneEntry(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        dx[1, 2] += 0.5
        return dx


class DenseWrongInOneWeight(Dense):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.weight.gradient[3, 1] -= 0.5
        return dx


class SummedSquaredError(MeanSquaredError):
    """A sum in the gradient and a mean in the value."""

    def _evaluate(self, prediction, target, gradient, workspace):
        value = super()._evaluate(prediction, target, gradient, workspace)
        gradient *= prediction.size
        return value


class SquaredErrorOverTheBatchAlone(MeanSquaredError):
    """The gradient of a mean over N of a sum over D."""

    def _evaluate(self, prediction, target, gradient, workspace):
        value = super()._evaluate(prediction, target, gradient, workspace)
        gradient *= prediction.shape[1]
        return value


WRONG = {  # what is wrong, and with respect to what its gradient is
    TanhOffByAThousandth: "x",
    TanhOfAnotherSign: "x",
    SoftmaxWithoutGradient: "x",
    SoftmaxOfTheDiagonalAlone: "x",
    ReLUThatLeaksBackward: "x",
    DenseWithTransposedWeightInBackward: "x",
    DenseWrongInOneEntry: "x",
    DenseWithTransposedWeightGradient: "weight",
    DenseWithNegatedWeightGradient: "weight",
    DenseWrongInOneWeight: "weight",
    DenseThatForgetsItsBias: "bias",
    DenseWithBiasGradientOfZero: "bias",
    DenseWithMeanBiasGradient: "bias",
}


def make_wrong(wrong, rng):
    return wrong(5, 5, rng=rng) if issubclass(wrong, Dense) else wrong()


@both_modes
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_layer_is_caught(wrong, directions, rng):
    with pytest.raises(GradientError, match=f"^{wrong.__name__}: the gradient with respect to {WRONG[wrong]} is wrong"):
        gradcheck(make_wrong(wrong, rng), rng.standard_normal((4, 5)), rng=rng, directions=directions)


@both_modes
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_layer_is_caught_inside_a_model(wrong, directions, rng):
    model = Sequential([dense(rng, 6, 5), make_wrong(wrong, rng), dense(rng, 5, 4)])
    x, target = rng.standard_normal((4, 6)), rng.standard_normal((4, 4))
    with pytest.raises(GradientError, match=r"^Sequential: the gradient with respect to .* is wrong"):
        gradcheck(model, x, rng=rng, loss=MeanSquaredError(), target=target, directions=directions)


@both_modes
@pytest.mark.parametrize("wrong", [SummedSquaredError, SquaredErrorOverTheBatchAlone], ids=lambda wrong: wrong.__name__)
def test_a_missing_factor_of_the_mean_is_caught_through_a_layer(wrong, directions, rng):
    x, target = rng.standard_normal((4, 6)), rng.standard_normal((4, 5))
    with pytest.raises(GradientError, match="the gradient with respect to x is wrong"):
        gradcheck(dense(rng, 6, 5), x, rng=rng, loss=wrong(), target=target, directions=directions)


@pytest.mark.parametrize("wrong", [SummedSquaredError, SquaredErrorOverTheBatchAlone], ids=lambda wrong: wrong.__name__)
def test_a_missing_factor_of_the_mean_is_caught_in_the_loss(wrong, rng):
    with pytest.raises(GradientError, match=f"^{wrong.__name__}: the gradient with respect to prediction is wrong"):
        gradcheck_loss(wrong(), rng.standard_normal((4, 6)), rng.standard_normal((4, 6)), rng=rng)


MESSAGE = re.compile(r"with respect to (\S+) is wrong, .* worst at (.+): backward gives (\S+), the central difference (\S+)$")


@pytest.mark.parametrize(
    ("wrong", "name", "entry", "excess"),
    [(DenseWrongInOneEntry, "x", "entry (1, 2)", 0.5), (DenseWrongInOneWeight, "weight", "entry (3, 1)", -0.5)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_message_names_the_worst_entry_and_both_its_values(wrong, name, entry, excess, rng):
    with pytest.raises(GradientError) as caught:
        gradcheck(make_wrong(wrong, rng), rng.standard_normal((4, 5)), rng=rng)
    found = MESSAGE.search(str(caught.value))
    assert found.group(1, 2) == (name, entry)
    np.testing.assert_allclose(float(found[3]) - float(found[4]), excess, atol=1e-6)


def test_the_message_of_a_forgotten_gradient_says_that_it_is_missing(rng):
    with pytest.raises(GradientError) as caught:
        gradcheck(make_wrong(DenseThatForgetsItsBias, rng), rng.standard_normal((4, 5)), rng=rng)
    assert MESSAGE.search(str(caught.value)).group(1, 2, 3) == ("bias", "entry (2,)", "0")


def test_the_message_names_the_worst_direction(rng):
    with pytest.raises(GradientError) as caught:
        gradcheck(TanhOffByAThousandth(), rng.standard_normal((4, 5)), rng=rng, directions=3)
    found = MESSAGE.search(str(caught.value))
    assert found[2] in ("direction 0", "direction 1", "direction 2")
    np.testing.assert_allclose(float(found[3]) / float(found[4]), 1.001, rtol=1e-6)


def test_the_parameter_of_a_model_is_named_by_its_position(rng):
    model = Sequential([dense(rng, 6, 5), Tanh(), make_wrong(DenseWithNegatedWeightGradient, rng)])
    with pytest.raises(GradientError, match=r"with respect to 2\.weight is wrong"):
        gradcheck(model, rng.standard_normal((4, 6)), rng=rng)


def test_a_gradient_of_another_shape_is_caught(rng):
    class DenseThatTransposesItsInputGradient(Dense):
        def backward(self, dy):
            return super().backward(dy).T

    message = "expected a gradient of shape (4, 6) with respect to x, received (6, 4)"
    with pytest.raises(GradientError, match=re.escape(message)):
        gradcheck(DenseThatTransposesItsInputGradient(6, 5, rng=rng), rng.standard_normal((4, 6)), rng=rng)


def test_an_error_as_large_as_the_tolerance_passes_and_one_above_it_does_not():
    def check(tolerance):
        return gradcheck(TanhOffByAThousandth(), np.ones((2, 3)), rng=np.random.default_rng(0), tolerance=tolerance)

    error = check(1e-2).errors["x"]
    assert check(error).errors["x"] == error
    with pytest.raises(GradientError, match="with respect to x is wrong"):
        check(np.nextafter(error, 0))


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_rounding_where_terms_cancel_is_taken_neither_for_kinks_nor_for_an_error(size, seed):
    rng = np.random.default_rng(seed)
    model = Sequential([dense(rng, 3, 4), BatchNormalization(4, dtype=np.float64)])  # whose mean takes the bias away
    model[1].scale.value[:] = size
    report = gradcheck(model, rng.standard_normal((5, 3)), rng=rng)
    assert report.kinks == 0
    assert report.errors["0.bias"] > TOLERANCE  # of two numbers that are nothing but rounding


def test_an_error_of_one_in_a_million_passes_only_with_a_looser_tolerance(rng):
    class TanhAlmostRight(Tanh):
        def fill_dx(self, y, dy, dx):
            super().fill_dx(y, dy, dx)
            dx *= 1 + 1e-6

    x = rng.standard_normal((4, 5))
    with pytest.raises(GradientError):
        gradcheck(TanhAlmostRight(), x, rng=rng)
    assert gradcheck(TanhAlmostRight(), x, rng=rng, tolerance=1e-6).errors["x"] > TOLERANCE
