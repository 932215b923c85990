"""The compiled step is a translation: in every combination it does what the layers do, on any number of threads."""

import itertools
import math
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

import nnlite
from nnlite import (
    ELU,
    GELU,
    SGD,
    Adam,
    AdamW,
    BatchNormalization,
    BinaryCrossEntropy,
    Callback,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    Parameter,
    ReLU,
    Reshape,
    RMSProp,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    TiedDense,
    TrainingError,
)
from nnlite.initializers import zeros
from nnlite.training.batches import Batches
from nnlite.training.compiled import CompiledStep
from nnlite.training.compiled_loops import NEGLIGIBLE
from nnlite.training.row_functions import SLACK
from nnlite.training.translation import NotCompilable

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="the compiled step needs the compiler")

ACTIVATIONS = {
    "none": list,
    "relu": lambda: [ReLU()],
    "leaky relu": lambda: [LeakyReLU(0.2)],
    "elu": lambda: [ELU(0.7)],
    "sigmoid": lambda: [Sigmoid()],
    "tanh": lambda: [Tanh()],
    "softplus": lambda: [Softplus()],
    "silu": lambda: [SiLU()],
    "gelu": lambda: [GELU()],
    "two": lambda: [Tanh(), LeakyReLU(0.5)],
}
OPTIMIZERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.05, momentum=0.8),
    "nesterov": lambda: SGD(0.05, momentum=0.8, nesterov=True),
    "adam": lambda: Adam(0.005),
    "amsgrad": lambda: Adam(0.005, amsgrad=True),
    "adamw": lambda: AdamW(0.005, weight_decay=0.1),
    "rmsprop": lambda: RMSProp(0.002),
}
LOSSES = {
    "mse": lambda: [Sigmoid()],
    "bce": lambda: [Sigmoid()],
    "bce_logits": list,
    "softmax_cross_entropy": list,
}


def trained(compiled, *, hidden="relu", loss="mse", optimizer="adam", dtype=np.float32, data="bytes", steps=100, before=list):
    """Return the weights after so many steps, and the losses of the epochs."""
    rng = np.random.default_rng(3)
    layers = [Flatten(), *before(), Dense(20, 9, rng=rng, dtype=dtype), *ACTIVATIONS[hidden](), Dense(9, 11, rng=rng, dtype=dtype)]
    layers += [*ACTIVATIONS[hidden](), Dense(11, 10, rng=rng, dtype=dtype), *LOSSES[loss](), Reshape((2, 5))]
    if loss == "softmax_cross_entropy":
        layers.pop()
    model = Sequential(layers)
    model.compile(OPTIMIZERS[optimizer](), loss, compiled=compiled)
    x = rng.integers(0, 256, (50, 4, 5), dtype=np.uint8)
    x[:, :2] = 0
    t = rng.random((50, 2, 5))
    if data == "floats":
        x = rng.standard_normal((50, 4, 5))
    if loss == "softmax_cross_entropy":
        t = nnlite.datasets.one_hot(rng.integers(0, 10, 50), 10).astype(dtype)
    per_epoch = 4  # 16, 16, 16 and 2 samples
    history = model.fit(x, t, epochs=steps // per_epoch, batch_size=16, rng=np.random.default_rng(1), verbose=False)
    return model.get_weights(), history.history["loss"]


def assert_same(compiled, layers, dtype):
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    for received, expected in zip(compiled[0], layers[0], strict=True):
        np.testing.assert_allclose(received, expected, atol=tolerance * np.abs(expected).max(), rtol=0)
    np.testing.assert_allclose(compiled[1], layers[1], rtol=tolerance)


dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_trains_as_the_layers_do(hidden, dtype):
    assert_same(trained(True, hidden=hidden, dtype=dtype), trained(False, hidden=hidden, dtype=dtype), dtype)


@dtypes
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation_of_huge_and_tiny_numbers_is_that_of_the_layers(hidden, dtype):
    largest = float(np.finfo(dtype).max)
    z = np.array([0, 1e-30, 1e-3, 1, 20, 80, 200, 800, 1e4, 1e30, largest], dtype)
    z = np.concatenate([z, -z])[:, None]
    identity = Dense(1, 1, rng=np.random.default_rng(0), dtype=dtype)
    identity.weight.value = [[1.0]]
    model = Sequential([identity, *ACTIVATIONS[hidden]()])
    model.compile("sgd", "mse", compiled=True)
    received = model.predict(z)
    model.compile("sgd", "mse", compiled=False)
    np.testing.assert_allclose(received, model.predict(z), rtol=1e-5, atol=4 * np.finfo(dtype).eps)


@dtypes
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_slope_of_every_activation_at_zero_is_that_of_the_layers(hidden, dtype):
    def step(compiled):
        """Return the bias that one step changes by 2 times the slope."""
        model = Sequential([Dense(1, 1, rng=np.random.default_rng(0), dtype=dtype), *ACTIVATIONS[hidden]()])
        zero = np.zeros((1, 1), dtype)
        model.compile(SGD(1.0), "mse", compiled=compiled)
        model.fit(zero, model.predict(zero) + 1, shuffle=False, verbose=False)
        return model.layers[0].bias.value

    np.testing.assert_allclose(step(True), step(False), rtol=1e-6)


@dtypes
@pytest.mark.parametrize("is_negligible", [False, True])
def test_gradients_below_the_negligible_one_count_as_zero(is_negligible, dtype):
    gradient = np.nextafter(dtype(NEGLIGIBLE), dtype(0)) if is_negligible else dtype(NEGLIGIBLE)
    model = Sequential([Dense(1, 1, rng=np.random.default_rng(0), initializer=zeros, dtype=dtype)])
    model.compile(SGD(1.0), "mse", compiled=True)
    model.fit(np.ones((1, 1), dtype), np.full((1, 1), -gradient / 2), shuffle=False, verbose=False)
    assert model.layers[0].bias.value == (0 if is_negligible else -gradient)


@dtypes
@pytest.mark.parametrize("limit", [-SLACK, 1 + SLACK])
def test_a_prediction_at_the_limit_of_probabilities_has_a_loss_and_one_beyond_it_none(limit, dtype):
    model = Sequential([Dense(1, 1, rng=np.random.default_rng(0), dtype=dtype)])
    model.layers[0].weight.value = [[1.0]]
    with pytest.warns(UserWarning):
        model.compile("sgd", "bce", compiled=True)
    within, beyond = np.full((1, 1), limit, dtype), np.full((1, 1), np.nextafter(dtype(limit), dtype(2 * limit)))
    with CompiledStep(model, model.loss, None, rows=1) as step:
        assert math.isfinite(step.evaluate(Batches(within, np.ones((1, 1), dtype), dtype)))
        assert math.isnan(step.evaluate(Batches(beyond, np.ones((1, 1), dtype), dtype)))


@dtypes
@pytest.mark.parametrize(("loss", "data"), [*itertools.product(LOSSES, ["bytes", "floats"])])
def test_every_loss_trains_as_the_layers_do(loss, data, dtype):
    options = {"loss": loss, "data": data, "dtype": dtype, "hidden": "tanh"}
    assert_same(trained(True, **options), trained(False, **options), dtype)


@dtypes
@pytest.mark.parametrize("data", ["bytes", "floats"])
def test_an_autoencoder_trains_as_the_layers_do(data, dtype):
    results = []
    for compiled in (True, False):
        rng = np.random.default_rng(4)
        model = Sequential(
            [Flatten(), Dense(12, 5, rng=rng, dtype=dtype), ReLU(), Dense(5, 12, rng=rng, dtype=dtype), Reshape((3, 4))]
        )
        model.compile("adam", "mse", compiled=compiled)
        x = rng.integers(0, 256, (40, 3, 4), dtype=np.uint8) if data == "bytes" else rng.standard_normal((40, 3, 4))
        history = model.fit(x, epochs=20, batch_size=9, validation_data=x[:7], rng=rng, verbose=False).history
        results.append((model.get_weights(), history["loss"] + history["val_loss"]))
    assert_same(*results, dtype)


@dtypes
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_steps_as_the_layers_let_it(optimizer, dtype):
    options = {"optimizer": optimizer, "dtype": dtype, "hidden": "tanh"}
    assert_same(trained(True, **options), trained(False, **options), dtype)


@dtypes
@pytest.mark.parametrize("before", [lambda: [Tanh()], lambda: [Softplus(), ReLU()]], ids=["one", "two"])
def test_activations_before_the_first_dense_are_taken_along(before, dtype):
    options = {"before": before, "dtype": dtype, "data": "floats"}
    assert_same(trained(True, **options), trained(False, **options), dtype)


def step_of(sizes, rows, threads, seed=0, optimizer=None, dtype=np.float32):
    """Return a model, its compiled step, and bytes of its shapes."""
    rng = np.random.default_rng(seed)
    layers = [layer for pair in itertools.pairwise(sizes) for layer in (Dense(*pair, rng=rng, dtype=dtype), Tanh())]
    model = Sequential(layers)
    model.compile(optimizer or SGD(1.0), "mse")
    step = CompiledStep(model, model.loss, model.optimizer, rows=rows, threads=threads)
    x = rng.integers(0, 256, (rows, sizes[0]), dtype=np.uint8) * (rng.random((rows, sizes[0])) < 0.5)
    return model, step, Batches(x.astype(np.uint8), rng.random((rows, sizes[-1])), dtype)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("sizes", "rows"),
    [((1, 1), 1), ((1, 7, 1), 2), ((17, 3), 5), ((6, 33, 2), 7), ((5, 1, 65), 19), ((300, 9, 300), 13), ((23, 520, 3), 64)],
)
def test_the_step_of_rate_one_shows_the_gradient_in_every_shape(sizes, rows, threads):
    model, step, batches = step_of(sizes, rows, threads, dtype=np.float64)
    before = model.get_weights()
    with step:
        loss = step.train(batches, np.arange(rows))
    received = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    x, t = batches.take(np.arange(rows))
    value, dy = model.loss.value_and_gradient(model.forward(x, training=True), t)
    model.zero_gradients()
    model.backward(dy)
    assert loss == pytest.approx(value, rel=1e-12)
    for gradient, parameter in zip(received, model.parameters, strict=True):
        np.testing.assert_allclose(gradient, parameter.gradient, atol=1e-14)


@dtypes
def test_any_number_of_threads_gives_the_same_bits(dtype):
    results = []
    for threads in (1, 2, 3, 7):
        model, step, batches = step_of((50, 37, 300), 40, threads, optimizer=Adam(0.01), dtype=dtype)
        rng = np.random.default_rng(1)
        with step:
            losses = [step.train(batches, rng.permutation(40)[: rng.integers(1, 41)]) for _ in range(20)]
        results.append((losses, model.get_weights()))
    for losses, weights in results[1:]:
        assert losses == results[0][0]
        for received, expected in zip(weights, results[0][1], strict=True):
            np.testing.assert_array_equal(received, expected)


@dtypes
def test_a_prediction_has_the_same_bits_in_a_batch_of_any_size(dtype, rng):
    model = Sequential([Dense(30, 17, rng=rng, dtype=dtype), GELU(), Dense(17, 5, rng=rng, dtype=dtype), Sigmoid()])
    x = rng.standard_normal((700, 30)).astype(dtype)
    together = model.predict(x)
    for start, stop in ((0, 1), (3, 10), (250, 263), (699, 700), (0, 256), (1, 300)):
        np.testing.assert_array_equal(model.predict(x[start:stop]), together[start:stop])


@pytest.mark.parametrize(("optimizer", "loss"), [(SGD(), "mse"), (SGD(), "huber"), (SGD(clip_norm=1), "bce")])
def test_a_prediction_has_the_same_bits_whatever_the_loss_and_the_optimizer_are(optimizer, loss, rng):
    model = Sequential([Dense(30, 17, rng=rng), Tanh(), Dense(17, 5, rng=rng), Sigmoid()])
    x = rng.standard_normal((9, 30))
    expected = model.predict(x)
    model.compile(optimizer, loss)
    np.testing.assert_array_equal(model.predict(x), expected)


def test_predictions_and_losses_are_those_of_the_layers(rng):
    layers = [Dense(30, 17, rng=rng), ReLU(), Dense(17, 6, rng=rng), Sigmoid(), Reshape((2, 3))]
    x, t = rng.standard_normal((300, 30)), rng.random((300, 2, 3))
    results = []
    for compiled in (True, False):
        model = Sequential(layers)
        model.compile("sgd", "bce", compiled=compiled)
        results.append((model.predict(x), model.evaluate(x, t)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-6)


def test_models_in_models_are_taken_as_their_layers(rng):
    inner = Sequential([Dense(6, 4, rng=rng), ReLU()])
    model = Sequential([Flatten(), inner, Sequential([Dense(4, 6, rng=rng)]), Sigmoid(), Reshape((2, 3))])
    model.compile(compiled=True)
    assert model.predict(rng.random((5, 2, 3))).shape == (5, 2, 3)


class Louder(Dense):
    """A layer of the user's."""

    def forward(self, x, training=False):
        return super().forward(2 * x, training)


class OwnStack(Sequential):
    """A model of the user's."""

    def forward(self, x, training=False):
        return super().forward(x, training) + 1


def obstacles(rng):
    dense = Dense(4, 4, rng=rng)
    return {
        "layer 1 is a Dropout": ([Dense(4, 4, rng=rng), Dropout(0.5, rng=rng)], "adam", "mse"),
        "layer 0 is a BatchNormalization": ([BatchNormalization(4), Dense(4, 4, rng=rng)], "adam", "mse"),
        "layer 1 is a Softmax": ([Dense(4, 4, rng=rng), Softmax()], "adam", "mse"),
        "layer 1 is a TiedDense": ([dense, TiedDense(dense)], "adam", "mse"),
        "layer 0 is a Louder": ([Louder(4, 4, rng=rng)], "adam", "mse"),
        "layer 0 is a OwnStack": ([OwnStack([Dense(4, 4, rng=rng)])], "adam", "mse"),
        "the parameters are of several dtypes": ([dense, Dense(4, 4, rng=rng, dtype=np.float64)], "adam", "mse"),
        "the loss is a Huber": ([dense], "adam", "huber"),
        "clip_norm needs all gradients": ([dense], Adam(clip_norm=1.0), "mse"),
        "there is no Dense": ([ReLU()], "adam", "mse"),
    }


@pytest.mark.parametrize("obstacle", obstacles(np.random.default_rng(0)))
def test_what_stands_in_the_way_is_said_on_demand_and_else_left_to_the_layers(obstacle, rng):
    layers, optimizer, loss = obstacles(rng)[obstacle]
    model = Sequential(layers)
    with pytest.raises(ValueError, match=f"the compiled step expects .*, but {obstacle}"):
        model.compile(optimizer, loss, compiled=True)
    model.compile(optimizer, loss)
    assert model.compiled_step(1) is None
    if "dtypes" not in obstacle:  # those the layers refuse as well
        assert np.isfinite(model.predict(rng.random((3, 4)))).all()


def test_a_frozen_parameter_keeps_its_value_while_the_others_learn_as_by_the_layers():
    results = []
    for compiled in (True, False):
        rng = np.random.default_rng(2)
        model = Sequential([Dense(4, 5, rng=rng), Tanh(), Dense(5, 4, rng=rng)])
        model.layers[0].weight.trainable = False
        model.compile("adam", "mse", compiled=compiled)
        model.fit(rng.random((20, 4)), rng=rng, verbose=False)
        results.append(model.get_weights())
    for received, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(received, expected)


def test_a_parameter_in_two_layers_takes_the_layers(rng):
    first, second = Dense(4, 4, rng=rng), Dense(4, 4, rng=rng)
    second.weight = first.weight
    with pytest.raises(NotCompilable, match="two layers share a parameter"):
        CompiledStep(Sequential([first, second]), rows=1)


def a_bias_of_another_size(dense):
    dense.bias = Parameter("bias", np.zeros(50, np.float32))


def a_parameter_more(dense):
    dense.gain = Parameter("gain", np.ones(50, np.float32))


def the_bias_first(dense):
    weight = dense.weight
    del dense.weight
    dense.weight = weight


@pytest.mark.parametrize("change", [a_bias_of_another_size, a_parameter_more, the_bias_first])
def test_a_dense_with_other_parameters_takes_the_layers(change, rng):
    model = Sequential([Dense(4, 5, rng=rng), Dense(5, 4, rng=rng)])
    change(model.layers[1])
    model.compile()
    assert model.compiled_step(1) is None


def test_a_bias_that_does_not_fit_has_the_error_of_the_layers(rng):
    model = Sequential([Dense(4, 5, rng=rng)])
    a_bias_of_another_size(model.layers[0])
    with pytest.raises(ValueError, match="dimensions"):
        model.predict(rng.random((3, 4)))


def test_without_the_compiled_step_an_own_layer_is_used(rng, monkeypatch):
    model = Sequential([Dense(3, 2, rng=rng)])
    model.compile(compiled=False)
    monkeypatch.setattr(Dense, "forward", lambda self, x, training=False: np.full((len(x), 2), 7.0))
    np.testing.assert_array_equal(model.predict(rng.random((2, 3))), np.full((2, 2), 7.0))


def test_shapes_that_do_not_fit_have_the_errors_of_the_layers(rng):
    model = Sequential([Dense(4, 3, rng=rng)])
    model.compile()
    images, rows = rng.random((5, 2, 2)), rng.random((5, 4))
    with pytest.raises(ValueError, match=r"Dense expects \(N, 4\), received \(N, 2, 2\): put a Flatten before it"):
        model.fit(images, rng.random((5, 3)), rng=rng, verbose=False)
    with pytest.raises(ValueError, match="MeanSquaredError expects a target of the prediction's shape"):
        model.fit(rows, rng.random((5, 2)), rng=rng, verbose=False)
    with pytest.raises(ValueError, match="MeanSquaredError expects a target of the prediction's shape"):
        model.evaluate(rows, rng.random((5, 2)))
    with pytest.raises(ValueError, match="Dense expects"):
        model.predict(images)


def test_predictions_that_are_no_probabilities_have_the_error_of_the_loss(rng):
    with pytest.warns(UserWarning):
        model = Sequential([Dense(4, 3, rng=rng)])
        model.compile("adam", "bce", compiled=True)
    model.layers[0].bias.value[...] = 7
    for call in (model.evaluate, lambda x, y: model.fit(x, y, rng=rng, verbose=False)):
        with pytest.raises(ValueError, match="BinaryCrossEntropy expects probabilities"):
            call(rng.random((5, 4)), rng.random((5, 3)))


def test_a_loss_that_is_not_finite_changes_no_weight_and_the_layers_say_where(rng):
    model = Sequential([Dense(4, 6, rng=rng), ReLU(), Dense(6, 4, rng=rng)])
    model.compile("adam", "mse", compiled=True)
    x = rng.random((8, 4)).astype(np.float32)
    x[5, 2] = np.nan
    before = model.get_weights()
    with pytest.raises(TrainingError, match="step 1: the loss is nan; the data already hold NaN"):
        model.fit(x, epochs=1, batch_size=8, rng=rng, verbose=False)
    for received, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(received, expected)
    assert model.optimizer.step_count == 0


@pytest.mark.parametrize("activation", [list, lambda: [ReLU()], *ACTIVATIONS.values()])
def test_nan_in_a_weight_reaches_the_loss(activation, rng):
    model = Sequential([Dense(4, 6, rng=rng), *activation(), Dense(6, 4, rng=rng)])
    model.compile("sgd", "mse", compiled=True)
    model.layers[0].weight.value[1, 2] = np.nan
    assert math.isnan(model.evaluate(rng.random((8, 4))))


class Recorder(Callback):
    """Changes the rate before each step and writes down what it is told."""

    def __init__(self):
        self.losses = []

    def on_step_end(self, model, step, loss):
        self.losses.append(loss)
        model.optimizer.learning_rate *= 0.9
        if step == 3:
            model.layers[0].bias.value += 0.5


def assert_same_weights_with(callbacks, **settings):
    """Train with the compiled step and the first callback, then by the layers with the second: the weights must agree."""
    results = []
    for compiled, callback in zip((True, False), callbacks, strict=True):
        rng = np.random.default_rng(2)
        model = Sequential([Dense(6, 5, rng=rng, dtype=np.float64), Tanh(), Dense(5, 6, rng=rng, dtype=np.float64)])
        model.compile(SGD(0.3, momentum=0.5), "mse", compiled=compiled)
        model.fit(rng.random((40, 6)), rng=rng, callbacks=[callback], verbose=False, **settings)
        results.append(model.get_weights())
    for received, expected in zip(*results, strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-10)


def test_callbacks_see_and_change_what_they_do_with_the_layers():
    recorders = Recorder(), Recorder()
    assert_same_weights_with(recorders, batch_size=7, epochs=2)
    np.testing.assert_allclose(recorders[0].losses, recorders[1].losses, rtol=1e-12)


class NewMomentum(Callback):
    """Changes the momentum after the second step."""

    def __init__(self, momentum):
        self.momentum = momentum

    def on_step_end(self, model, step, loss):
        if step == 2:
            model.optimizer.momentum = self.momentum


def test_a_momentum_that_ends_during_the_training_does_so_as_by_the_layers():
    assert_same_weights_with((NewMomentum(0), NewMomentum(0)), batch_size=8)


class Changes(Callback):
    """Does something to the model before the second epoch."""

    def __init__(self, change):
        self.change = change

    def on_epoch_end(self, model, epoch, logs):
        if epoch == 1:
            self.change(model)


def begin_anew(model):
    model.optimizer.bind(model.parameters)


def clip(model):
    model.optimizer.clip_norm = 0.01


@pytest.mark.parametrize("change", [begin_anew, clip])
def test_what_a_callback_changes_in_the_optimizer_counts_from_the_next_step_on(change):
    assert_same_weights_with((Changes(change), Changes(change)), batch_size=8, epochs=3)


def test_a_slope_that_a_callback_changes_counts_from_the_next_step_on():
    results = []
    for compiled in (True, False):
        model = Sequential([Dense(6, 6, rng=np.random.default_rng(2)), LeakyReLU(0.9), Tanh(), ELU(0.5)])
        model.compile(SGD(0.3), "mse", compiled=compiled)
        change = Changes(lambda model: vars(model.layers[1]).update(slope=0.1) or vars(model.layers[3]).update(alpha=2.0))
        x = np.random.default_rng(3).standard_normal((40, 6))
        model.fit(x, epochs=2, shuffle=False, callbacks=[change], verbose=False)
        results.append((model.get_weights()[0], model.predict(x)))
    for received, expected in zip(*results, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize("compiled", [True, False])
def test_another_dtype_in_the_middle_of_a_training_has_the_error_of_the_layers(compiled, rng):
    model = Sequential([Dense(6, 6, rng=rng)])
    model.compile(compiled=compiled)
    change = Changes(lambda model: model.layers[0].weight.convert(np.float64))
    with pytest.raises(ValueError, match=r"Dense with float64 parameters expects x of that dtype, received float32"):
        model.fit(rng.random((40, 6)), epochs=2, rng=rng, callbacks=[change], verbose=False)


@pytest.mark.parametrize("convert", [lambda m: m.astype(np.float64), lambda m: m[:1], lambda m: np.repeat(m, 2)[::2]])
def test_memories_of_another_dtype_size_or_stride_than_the_parameters_are_not_handed_over(convert, rng):
    model = Sequential([Dense(6, 6, rng=rng)])
    model.compile(Adam(), "mse", compiled=True)
    model.optimizer.v = [convert(array) for array in model.optimizer.v]
    with pytest.raises(NotCompilable, match="the optimizer's memories do not fit the parameters"):
        model.compiled_step(1)


def test_a_model_that_is_converted_after_compile_trains_by_the_layers(rng):
    model = Sequential([Dense(6, 6, rng=rng)])
    model.compile(Adam(), "mse")
    for parameter in model.parameters:
        parameter.convert(np.float64)
    assert model.compiled_step(1) is None
    assert model.fit(rng.random((40, 6)), rng=rng, epochs=9, verbose=False).history["loss"][-1] < 1


@pytest.mark.parametrize("compiled", [True, False])
def test_amsgrad_that_begins_after_compile_is_refused(compiled, rng):
    model = Sequential([Dense(6, 6, rng=rng)])
    model.compile(AdamW(), "mse", compiled=compiled)
    model.optimizer.amsgrad = True
    with pytest.raises(ValueError, match=r"amsgrad is expected from the start, received it after compile"):
        model.fit(rng.random((40, 6)), rng=rng, verbose=False)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_momentum_that_begins_during_the_training_is_refused(compiled, rng):
    model = Sequential([Dense(6, 6, rng=rng)])
    model.compile(SGD(0.3), "mse", compiled=compiled)
    with pytest.raises(ValueError, match=r"SGD expects its momentum from the start, received momentum 0\.5 after a start without"):
        model.fit(rng.random((40, 6)), batch_size=8, rng=rng, callbacks=[NewMomentum(0.5)], verbose=False)


def test_augmented_batches_train_as_by_the_layers():
    results = []
    for compiled in (True, False):
        rng = np.random.default_rng(2)
        model = Sequential([Flatten(), Dense(16, 5, rng=rng), ReLU(), Dense(5, 16, rng=rng), Sigmoid(), Reshape((4, 4))])
        model.compile("adam", "mse", compiled=compiled)
        x = rng.integers(0, 256, (30, 4, 4), dtype=np.uint8)
        shift = nnlite.RandomShift(1)
        losses = [model.fit(*data, batch_size=8, rng=rng, augment=shift, verbose=False).history["loss"] for data in ((x,), (x, x))]
        results.append((losses, model.get_weights()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for received, expected in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-5)


class Interrupter(Callback):
    """Presses Ctrl-C after the second step."""

    def on_step_end(self, model, step, loss):
        if step == 2:
            raise KeyboardInterrupt


def test_ctrl_c_ends_between_two_steps_and_stops_all_threads(rng):
    before = threading.active_count()
    model, _, _ = step_of((200, 100, 200), 128, 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rng.random((1000, 200)), rng=rng, batch_size=100, callbacks=[Interrupter()], verbose=False)
    assert threading.active_count() == before
    assert model.optimizer.step_count == 2


def test_many_trainings_in_threads_of_python_at_once_are_right_and_end():
    expected, results = None, {}

    def run(key):
        model, step, batches = step_of((40, 30, 40), 30, 3, optimizer=Adam(0.01))
        with step:
            for _ in range(15):
                step.train(batches, np.arange(30))
        results[key] = model.get_weights()

    run("alone")
    expected = results.pop("alone")
    threads = [threading.Thread(target=run, args=(key,)) for key in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == [0, 1, 2, 3]
    for weights in results.values():
        for received, alone in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(received, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_forks_off_in_the_middle_of_a_training_finishes_it():
    program = """
import os, warnings
import numpy as np
from nnlite import Adam, Callback, Dense, Sequential, Tanh
from nnlite.training.batches import Batches
from nnlite.training.compiled import CompiledStep

warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of a fork in a process with threads
rng = np.random.default_rng(0)
model = Sequential([Dense(40, 30, rng=rng), Tanh(), Dense(30, 40, rng=rng)])
model.compile("adam")
batches = Batches(rng.integers(0, 256, (30, 40), dtype=np.uint8))
with CompiledStep(model, model.loss, model.optimizer, rows=30, threads=3) as step:
    step.train(batches, np.arange(30))
    child = os.fork()
    losses = [step.train(batches, np.arange(30)) for _ in range(3)]
if child:
    assert os.waitpid(child, 0)[1] == 0
print(losses, flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second


def test_targets_outside_of_a_binary_loss_are_warned_of(rng):
    model = Sequential([Dense(4, 4, rng=rng), Sigmoid()])
    model.compile("sgd", BinaryCrossEntropy(), compiled=True)
    with pytest.warns(UserWarning, match=r"expects targets in \[0, 1\]"):
        model.fit(rng.random((8, 4)), 2 * np.ones((8, 4)), rng=rng, verbose=False)


def test_weights_of_any_origin_are_seen_at_the_next_step(rng):
    model, step, batches = step_of((5, 4), 6, 1)
    with step:
        step.train(batches, np.arange(6))
        model.set_weights([np.zeros((5, 4)), np.zeros(4)])
        _, t = batches.take(np.arange(6))
        assert step.evaluate(batches) == pytest.approx(float(np.mean(t**2)), rel=1e-6)
