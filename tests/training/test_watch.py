"""Training that has gone wrong for good stops with the step and the layer."""

import numpy as np
import pytest

from nnlite import Callback, Dense, Dropout, ReLU, Sequential, Sigmoid, TrainingError, dead_units
from nnlite.initializers import zeros
from nnlite.optimizers import SGD
from nnlite.training.watch import COLLAPSE_STEPS

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
    with pytest.raises(TrainingError, match=r"step 3: the loss is (nan|inf); the input already holds NaN or infinity"):
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
    assert dead_units(model, x) == {"1": 0.25, "3": 0}
    second.weight.value[...] = 0
    assert dead_units(model, x) == {"1": 0.25, "3": 1}
