"""Training that has gone wrong for good stops with the step and the layer."""

import re

import numpy as np
import pytest

from nnlite import (
    ActivityPenalty,
    Callback,
    Dense,
    Dropout,
    GaussianNoise,
    GaussianSample,
    Layer,
    MixtureSample,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    TrainingError,
    WeightPenalty,
    dead_units,
)
from nnlite.initializers import zeros
from nnlite.losses import MeanSquaredError
from nnlite.optimizers import SGD
from nnlite.training.batches import Batches
from nnlite.training.watch import COLLAPSE_STEPS, LARGE, Watch

# NumPy may warn of the overflow that these tests cause; what they are about is the error that follows.
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered in:RuntimeWarning")


def dense(inputs, outputs):
    return Dense(inputs, outputs, rng=np.random.default_rng([inputs, outputs]))


def autoencoder(activation=ReLU, hidden=3, outputs=4):
    return Sequential([dense(4, hidden), activation(), dense(hidden, outputs)])


def data(rng, count=12, features=4):
    return rng.uniform(0, 1, (count, features)).astype(np.float32)


def fit(model, x, y=None, optimizer="adam", **options):
    model.compile(optimizer, "mse")
    return model.fit(x, y, **{"batch_size": 4, "shuffle": False, "verbose": False, **options})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_input_that_is_not_finite_is_found_at_its_step(rng, bad):
    x = data(rng)
    x[9, 1] = bad
    with pytest.raises(
        TrainingError, match=r"step 3: the loss is (nan|inf); the data already hold NaN or infinity, first in sample 9"
    ):
        fit(autoencoder(), x, np.zeros_like(x))


def test_a_learning_rate_that_explodes_is_found_with_the_layer(rng):
    with pytest.raises(TrainingError, match=r"step \d+: the loss is (inf|nan); .*layer \d \(Dense\).*smaller learning rate"):
        fit(Sequential([dense(4, 3), dense(3, 4)]), data(rng), optimizer=SGD(1e25), epochs=5)


@pytest.mark.parametrize("name", ["0.weight", "2.bias"])
def test_a_weight_that_is_nan_is_named_with_its_layer(rng, name):
    model = autoencoder()
    model.named_parameters()[name].value[0] = np.nan
    with pytest.raises(TrainingError, match=rf"step 1: .* output of layer {name[0]} \(Dense\), parameter {name} holds NaN"):
        fit(model, data(rng))


def test_a_weight_that_overflows_in_the_last_step_is_found_at_the_end_of_the_epoch(rng):
    model = Sequential([dense(4, 4)])
    with pytest.raises(TrainingError, match=r"step 1: parameter 0\.weight has become NaN or infinite"):
        fit(model, data(rng), 100 + data(rng), optimizer=SGD(3e38), batch_size=12)


def test_a_loss_that_overflows_by_itself_is_told_apart(rng):
    x = data(rng)
    with pytest.raises(TrainingError, match=r"step 1: the loss is inf; all layers' outputs are finite, .* in the loss itself"):
        fit(autoencoder(), x, np.full_like(x, 1e30))


def test_dead_relus_are_found_after_the_stated_steps(rng):
    model = autoencoder()
    model.layers[0].bias.value[:] = -100
    with pytest.raises(TrainingError, match=rf"step {COLLAPSE_STEPS}: .*layer 1 \(ReLU\).*LeakyReLU"):
        fit(model, data(rng), epochs=30)


def test_a_saturated_sigmoid_at_the_end_is_found(rng):
    model = Sequential([dense(4, 4), Sigmoid()])
    model.layers[0].bias.value[:] = 100
    with pytest.raises(TrainingError, match=rf"step {COLLAPSE_STEPS}: .*layer 1 \(Sigmoid\)"):
        fit(model, data(rng), epochs=30)


@pytest.mark.parametrize(("hidden", "outputs", "batch_size"), [(3, 4, 4), (33, 3, 5), (128, 17, 7), (300, 1, 17)])
def test_a_saturated_sigmoid_in_the_middle_is_found(rng, hidden, outputs, batch_size):
    model = autoencoder(Sigmoid, hidden, outputs)
    model.layers[0].bias.value[:] = 100
    x, y = data(rng, 2 * batch_size), data(rng, 2 * batch_size, outputs)
    with pytest.raises(TrainingError, match=rf"step {COLLAPSE_STEPS}: .*layer 1 \(Sigmoid\)"):
        fit(model, x, y, optimizer=SGD(1e-3), epochs=30, batch_size=batch_size)


def test_a_last_batch_of_one_sample_does_not_hide_a_collapse(rng):
    model = autoencoder()
    model.layers[0].bias.value[:] = -100
    with pytest.raises(TrainingError, match=r"layer 1 \(ReLU\)"):
        fit(model, data(rng, 9), epochs=COLLAPSE_STEPS)


def test_collapse_in_a_nested_model_names_the_outer_layer(rng):
    model = Sequential([autoencoder(), dense(4, 4)])
    model.layers[0].layers[0].bias.value[:] = -100
    with pytest.raises(TrainingError, match=r"layer 0 \(Sequential\)"):
        fit(model, data(rng), epochs=30)


def test_units_of_a_nested_model_that_give_zeros_are_called_dead(rng):
    model = Sequential([Sequential([dense(4, 3), ReLU()]), dense(3, 4)])
    model.layers[0].layers[0].bias.value[:] = -100
    with pytest.raises(TrainingError, match=r"layer 0 \(Sequential\)\. Its units are dead"):
        fit(model, data(rng), epochs=30)


def test_weights_that_make_nothing_of_what_differs_are_called_neither_zero_nor_dead(rng):
    model, x = Sequential([dense(4, 4), ReLU(), dense(4, 4)]), data(rng)
    x[:, :2] = 1
    model.layers[0].weight.value[:2], model.layers[0].weight.value[2:] = 1, 0
    with pytest.raises(TrainingError, match=r"layer 0 \(Dense\)\. Its units are saturated, or what differs is too small"):
        fit(model, x, optimizer=SGD(1e-9), epochs=30)


def test_a_collapse_in_training_alone_is_told_apart(rng):
    model = Sequential([Dropout(1 - 1e-9, rng=rng), dense(4, 4)])
    with pytest.raises(TrainingError, match=r"the same for every sample; in inference it is not, .* a smaller rate of Dropout$"):
        fit(model, data(rng), epochs=30)


def test_a_constant_target_is_no_collapse(rng):
    model, x = autoencoder(), data(rng)
    model.layers[0].bias.value[:] = -100
    history = fit(model, x, np.full_like(x, 0.5), epochs=2 * COLLAPSE_STEPS)
    assert len(history.history["loss"]) == 2 * COLLAPSE_STEPS


def test_a_single_layer_that_starts_at_zero_is_no_collapse(rng):
    model = Sequential([Dense(4, 4, rng=rng, initializer=zeros)])
    losses = fit(model, data(rng), epochs=2 * COLLAPSE_STEPS).history["loss"]
    assert losses[-1] < losses[0]


def test_batches_of_one_sample_are_no_collapse(rng):
    losses = fit(autoencoder(), data(rng), epochs=2, batch_size=1).history["loss"]
    assert len(losses) == 2


def test_a_collapse_that_ends_in_time_is_forgotten(rng):
    class Revives(Callback):
        steps = 0

        def on_step_end(self, model, step, loss):
            self.steps += 1
            dead = self.steps % COLLAPSE_STEPS != COLLAPSE_STEPS - 1
            model.layers[0].bias.value[:] = -100 if dead else 1

    model = autoencoder()
    model.layers[0].bias.value[:] = -100
    losses = fit(model, data(rng), epochs=20, callbacks=[Revives()]).history["loss"]
    assert len(losses) == 20


def test_a_fit_counts_its_steps_anew(rng):
    class Ends(Callback):
        def on_epoch_end(self, model, epoch, logs):
            model.stop_training = epoch == 5

    model, x = autoencoder(), data(rng)
    model.layers[0].bias.value[:] = -100
    for _ in range(2):  # 15 steps each, 30 in all
        history = fit(model, x, epochs=30, callbacks=[Ends()])
    assert len(history.history["loss"]) == 5


def test_the_end_of_training_is_announced_after_an_error_too(rng):
    class Events(Callback):
        seen = ()

        def on_epoch_end(self, model, epoch, logs):
            self.seen += ("epoch end",)

        def on_train_end(self, model):
            self.seen += ("train end",)

    x, events = data(rng), Events()
    x[0] = np.nan
    with pytest.raises(TrainingError):
        fit(autoencoder(), x, callbacks=[events])
    assert events.seen == ("train end",)


def test_dead_units_are_counted_in_each_activation(rng):
    first, second = Dense(3, 4, rng=rng), Dense(4, 2, rng=rng)
    first.bias.value[:] = [-100, 5, 5, 5]  # one unit that nothing wakes
    model = Sequential([first, ReLU(), second, Sigmoid()])
    x = rng.random((20, 3)).astype(np.float32)
    assert dead_units(model, x) == dead_units(model, x[:2]) == {"1": 0.25, "3": 0}
    second.weight.value[...] = 0
    assert dead_units(model, x) == {"1": 0.25, "3": 1}


# --- where NaN comes from, and advice that fits the cause


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x", "y"])
def test_the_sample_that_is_not_finite_is_named_whatever_the_order(name, bad, rng):
    arrays = {"x": data(rng), "y": data(rng)}
    arrays[name][7, 1] = bad
    with pytest.raises(TrainingError, match=rf"already hold NaN or infinity, first in sample 7 of {name}: leave it out") as error:
        fit(autoencoder(), **arrays, shuffle=True, rng=rng)
    assert "learning rate" not in str(error.value)


@pytest.mark.parametrize("batch_size, found", [(4, "the loss is nan"), (12, "parameter 0.weight has become NaN or infinite")])
def test_a_sample_that_spoils_the_weights_is_named_in_a_later_step_and_at_the_end_of_the_epoch(batch_size, found, rng):
    x = data(rng)
    x[2, 1] = np.inf  # tanh makes 1 of it, and backward NaN: 0 times infinity
    with pytest.raises(TrainingError, match=rf"{found}[;:] the data already hold NaN or infinity, first in sample 2 of x: leave"):
        fit(autoencoder(Tanh), x, data(rng), batch_size=batch_size)


def test_targets_beyond_float32_are_named_not_the_loss(rng):
    y = data(rng).astype(np.float64)
    y[5, 0] = 1e300
    with np.errstate(over="ignore"), pytest.raises(TrainingError, match=r"the data already hold .* in sample 5 of y"):
        fit(autoencoder(), data(rng), y)


@pytest.mark.parametrize("in_place", [True, False])
def test_an_augmentation_that_makes_nan_is_named_not_the_data(in_place, rng):
    def augment(x, rng):
        x = x if in_place else x.copy()
        x[0, 0] = np.nan
        return x

    with pytest.raises(TrainingError, match=r"the samples are finite, augment makes NaN or infinity of them: mend it$"):
        fit(autoencoder(), data(rng), augment=augment, rng=rng)


class Breaks(Layer):
    """y = x, but for NaN in training, in inference, or in the penalty."""

    def __init__(self, where, at=1):
        super().__init__()
        self.where, self.at, self.count = where, at, 0

    def forward(self, x, training=False):
        self.count += training
        if training:
            self._keep(x)
        if self.count >= self.at:
            if self.where == "penalty":
                self.penalty = np.nan
            elif self.where == "always" or training:
                return x * np.float32(np.nan)
        return x

    def backward(self, dy, need_dx=True):
        self._take(dy)
        return dy


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("always", r"the first NaN or infinity is in the output of layer 1 \(Breaks\): "),
        ("training", r"the first NaN or infinity is in the output of layer 1 \(Breaks\), in training alone, of inputs up to "),
        ("penalty", r"the penalty of layer 1 \(Breaks\) is nan: make its inputs or its price smaller$"),
    ],
)
@pytest.mark.parametrize("at", [1, 5])
def test_a_layer_that_makes_nan_is_named_where_it_does(where, message, at, rng):
    model = Sequential([dense(4, 4), Breaks(where, at), dense(4, 4)])
    with pytest.raises(TrainingError, match=rf"step {at}: the loss is nan; {message}"):
        fit(model, data(rng), epochs=2)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_a_variational_sample_that_overflows_in_training_alone_is_named(kind, rng):
    sampled = GaussianSample(0.0, rng=rng) if kind == "gaussian" else MixtureSample(2, 3, 0.0, rng=rng)
    model = Sequential([dense(4, 4), sampled, dense(2, 4)])
    model.layers[0].bias.value[2:] = 300  # log variances whose half overflows in exp
    with pytest.raises(TrainingError, match=r"layer 1 \(\w+Sample\), in training alone, of inputs up to 3e\+02: make these"):
        fit(model, data(rng))


def test_a_divergence_that_overflows_is_blamed_on_the_penalty(rng):
    model = Sequential([dense(4, 4), GaussianSample(0.1, rng=rng), dense(2, 4)])
    model.layers[0].bias.value[2:] = 100  # exp(v / 2) is finite, exp(v) is not
    with pytest.raises(
        TrainingError, match=r"the penalty of layer 1 \(GaussianSample\) is inf: make its inputs or its price smaller"
    ):
        fit(model, data(rng))


@pytest.mark.parametrize("layer", [lambda rng: Dropout(0.5, rng=rng), lambda rng: GaussianNoise(1e39, rng=rng)])
def test_noise_that_overflows_is_named_as_in_training_alone(layer, rng):
    model = Sequential([layer(rng), dense(4, 4)])
    model.layers[1].weight.value *= np.float32(1e-3)
    with pytest.raises(TrainingError, match=r"layer 0 \((Dropout|GaussianNoise)\), in training alone, of inputs up to"):
        fit(model, np.float32(3e38) * data(rng))


@pytest.mark.parametrize("penalty", [lambda d: ActivityPenalty(1e38), lambda d: WeightPenalty([d], l1=1e308)])
def test_a_penalty_that_overflows_is_named(penalty, rng):
    first = dense(4, 4)
    first.bias.value[...] = 1e3
    model = Sequential([first, penalty(first)])
    with pytest.raises(TrainingError, match=r"the penalty of layer 1 \(\w+Penalty\) is inf: make its inputs or its price smaller"):
        model.compile("adam", "mse")
        model.layers[1].l1 = float("inf")
        model.fit(data(rng), shuffle=False, verbose=False)


def test_data_that_overflow_are_to_be_scaled(rng):
    x = data(rng)
    x[6] = 1e38
    with pytest.raises(TrainingError, match=r"step 2: .* output of layer 0 \(Dense\): scale x, which holds numbers up to 1e\+38$"):
        model = autoencoder()
        model.layers[0].weight.value[...] = 100
        fit(model, x, np.zeros_like(x), optimizer=SGD(1e-9))


def test_start_weights_that_overflow_are_not_blamed_on_the_learning_rate(rng):
    model = autoencoder()
    for parameter in model.parameters:
        parameter.value[...] = 1e20
    with pytest.raises(TrainingError, match=r"step 1: .* output of layer 2 \(Dense\): start with smaller weights$"):
        fit(model, data(rng))


def test_a_weight_that_was_nan_from_the_start_is_not_blamed_on_the_learning_rate(rng):
    model = autoencoder()
    model.layers[2].bias.value[0] = np.nan
    with pytest.raises(TrainingError, match=r"parameter 2\.bias holds NaN or infinity: give it finite values$"):
        fit(model, data(rng))


@pytest.mark.parametrize(
    ("prediction", "target", "advice"),
    [(-7, 1e30, "scale the targets"), (1e30, -1e30, "scale the targets"), (-1e30, 1e25, "start with smaller weights")],
)
def test_targets_that_overflow_in_the_loss_are_to_be_scaled_unless_predictions_are_larger(prediction, target, advice, rng):
    x, model = data(rng), Sequential([dense(4, 4)])
    y, bias = np.zeros_like(x), model.layers[0].bias.value
    model.layers[0].weight.value[...] = 0
    y[3, 1], bias[1] = target, prediction
    numbers = re.escape(f"of predictions up to {abs(prediction):.2g} and targets up to {abs(target):.2g}: {advice}")
    with pytest.raises(TrainingError, match=f"in the loss itself, {numbers}$"):
        fit(model, x, y)


def test_a_loss_that_is_not_defined_is_named_without_false_advice(rng):
    class Logarithm(MeanSquaredError):
        def value_and_gradient(self, prediction, target):
            return float("nan"), prediction

    model = autoencoder()
    model.compile("adam", Logarithm())
    with pytest.raises(
        TrainingError, match=r"in the loss itself, of predictions up to .* and targets up to .*: it is not defined there$"
    ):
        model.fit(data(rng), shuffle=False, verbose=False)


# --- collapse, beside the spread of the targets


@pytest.mark.parametrize("spread", [1000, 100, 10])
def test_a_sound_regression_far_from_zero_trains(spread, rng):
    """Outputs near 1e6 that differ by little more than float32's rounding there, as the targets do."""
    x = rng.standard_normal((64, 4)).astype(np.float32)
    y = (1e6 + spread * np.tanh(x[:, :1])).astype(np.float32)
    model = Sequential([dense(4, 8), Tanh(), dense(8, 1)])
    model.layers[2].bias.value[...] = 1e6
    losses = fit(model, x, y, optimizer=SGD(0.01), epochs=40, batch_size=16).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_dead_units_are_found_beside_targets_far_from_zero(rng):
    model = autoencoder(outputs=1)
    model.layers[0].bias.value[:] = -100
    model.layers[2].bias.value[:] = 1e6
    y = (1e6 + 1000 * rng.standard_normal((12, 1))).astype(np.float32)
    with pytest.raises(TrainingError, match=r"layer 1 \(ReLU\)"):
        fit(model, data(rng), y, optimizer=SGD(1e-3), epochs=30)


def sigmoids(depth):
    return Sequential([each for k in range(depth) for each in (dense(4, 4), Sigmoid())])


def test_a_lecture_on_deep_sigmoids_can_switch_the_watch_off(rng):
    x = data(rng)
    with pytest.raises(TrainingError, match=rf"step {COLLAPSE_STEPS}: .*, or go on with fit\(\.\.\., watch=False\)$"):
        fit(sigmoids(24), x, epochs=30)
    losses = fit(sigmoids(24), x, epochs=30, watch=False).history["loss"]
    assert len(losses) == 30 and losses[-1] > 0.9 * losses[-2]


def test_without_the_watch_nan_goes_on(rng):
    x = data(rng)
    x[0] = np.nan
    assert np.isnan(fit(autoencoder(), x, epochs=2, watch=False).history["loss"]).all()


def test_weights_that_are_all_zero_are_told_to_be_drawn(rng):
    model = Sequential([Dense(4, 3, rng=rng, initializer=zeros), Tanh(), Dense(3, 4, rng=rng, initializer=zeros)])
    model.layers[0].bias.value[:] = 1
    model.layers[0].weight.trainable = False  # else it would learn from its bias
    with pytest.raises(TrainingError, match=r"is layer 0 \(Dense\)\. Its weights are all 0: draw them"):
        fit(model, data(rng), epochs=30)


def test_saturated_units_are_not_called_dead(rng):
    model = autoencoder(Tanh)
    model.layers[0].bias.value[:] = 100
    with pytest.raises(
        TrainingError, match=r"layer 1 \(Tanh\)\. Its units are saturated, or what differs is too small for float32"
    ):
        fit(model, data(rng), epochs=30)


def watched(predictions, targets=None, count=COLLAPSE_STEPS):
    """Show a watch the same step many times; return how many in a row it counts as collapsed."""
    predictions = np.array(predictions, np.float32)
    targets = np.arange(predictions.size, dtype=np.float32).reshape(predictions.shape) if targets is None else np.float32(targets)
    x = np.arange(4 * len(predictions), dtype=np.float32).reshape(-1, 4)
    watch = Watch(autoencoder(), Batches(x))
    for _ in range(count - 1):
        watch.check_step(0.5, x, predictions, targets)
    return watch.equal_steps


def test_a_batch_of_one_number_tells_nothing():
    assert watched([[0.5]]) == 0


def test_first_and_last_row_alike_are_no_collapse():
    assert watched([[0.5], [0.25], [0.5]]) == 0
    assert watched([[0.5, 1], [0.5, 2], [0.5, 1]]) == 0
    assert watched([[0.5], [0.5], [0.5]]) == COLLAPSE_STEPS - 1


def test_rows_that_differ_in_a_later_number_alone_are_no_collapse():
    assert watched([[0.5, 1], [0.5, 2]]) == 0
    assert watched([[0.0, 1], [0.0, 2]]) == 0


def test_rows_of_zeros_are_a_collapse():
    assert watched([[0.0, 0.0]] * 3) == COLLAPSE_STEPS - 1


def test_rounding_is_a_collapse_where_it_is_nothing_beside_the_targets():
    rows = [[1.0], [1 + 2e-7], [1.0]]
    assert watched(rows, [[0], [1], [2]]) == COLLAPSE_STEPS - 1
    assert watched(rows, [[0], [1e-6], [2e-6]]) == 0


def test_outputs_in_the_shape_of_images_are_compared_sample_by_sample():
    assert watched([np.eye(3), np.eye(3)]) == COLLAPSE_STEPS - 1
    assert watched([np.eye(3), np.eye(3)[::-1]]) == 0


def test_samples_that_are_all_alike_tell_nothing_of_a_collapse():
    x = np.ones((3, 4), np.float32)
    watch = Watch(autoencoder(), Batches(x))
    watch.check_step(0.5, x, np.ones((3, 1), np.float32), np.float32([[0], [1], [2]]))
    assert watch.equal_steps == 0


def test_rounding_beside_a_zero_is_a_collapse():
    assert watched([[0.0, 1], [1e-9, 1]]) == COLLAPSE_STEPS - 1


def test_dead_units_beside_constant_ones_are_called_dead(rng):
    model = autoencoder()
    model.layers[0].bias.value[:] = (-100, -100, 1)
    model.layers[0].weight.value[:, 2] = 0
    with pytest.raises(TrainingError, match=r"layer 1 \(ReLU\)\. Its units are dead"):
        fit(model, data(rng), optimizer=SGD(1e-9), epochs=30)


@pytest.mark.parametrize(
    ("largest", "advice"), [(LARGE, "start with smaller weights"), (1.001 * LARGE, "scale x, which holds numbers up to 1e\\+06")]
)
def test_data_are_to_be_scaled_beyond_a_million_and_not_at_it(largest, advice, rng):
    x, model = data(rng), autoencoder()
    x[0, 0] = largest
    for parameter in model.parameters:
        parameter.value[...] = 1e30
    with pytest.raises(TrainingError, match=rf"step 1: .* output of layer \d \(Dense\): {advice}$"):
        fit(model, x)


@pytest.mark.parametrize(("largest", "advice"), [(0.999 * LARGE, "it is not defined there"), (LARGE, "scale the targets")])
def test_targets_are_to_be_scaled_from_a_million_on(largest, advice, rng):
    class Undefined(MeanSquaredError):
        def value_and_gradient(self, prediction, target):
            return float("nan"), prediction

    model, x = autoencoder(), data(rng)
    model.compile("adam", Undefined())
    with pytest.raises(TrainingError, match=f"in the loss itself, .*: {advice}$"):
        model.fit(x, np.full_like(x, largest), shuffle=False, verbose=False)
