"""States in which what is shown would not be what computes: they cannot be made, or a sentence says why not."""

import threading

import numpy as np
import pytest

from nnlite import (
    SGD,
    Activation,
    Adam,
    Autoencoder,
    BatchNormalization,
    Callback,
    CSVLogger,
    Dense,
    EarlyStopping,
    Flatten,
    GaussianSample,
    LearningRateSchedule,
    Loss,
    MeanSquaredError,
    MixtureSample,
    ModelCheckpoint,
    MomentumSchedule,
    Optimizer,
    Parameter,
    RandomShift,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Stack,
    Tanh,
    TiedDense,
    cosine,
    gradcheck,
)


def make_model(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential([Dense(4, 3, rng=rng), ReLU(), Dense(3, 4, rng=rng)])


@pytest.fixture
def x(rng):
    return rng.random((12, 4)).astype(np.float32)


def bits(model):
    return [weight.tobytes() for weight in model.get_weights()]


# --- layers


def test_the_layers_of_a_model_cannot_be_changed_in_place():
    model = make_model()
    for change in ("append", "pop", "insert", "remove", "clear", "extend"):
        assert not hasattr(model.layers, change)
    with pytest.raises(TypeError):
        model.layers[0] = Tanh()


@pytest.mark.parametrize("kind", [Sequential, Stack, Autoencoder])
def test_other_layers_for_a_model_are_refused_with_the_way_out(kind, rng):
    halves = [Dense(4, 3, rng=rng)], [Dense(3, 4, rng=rng)]
    model = kind(*halves) if kind is Autoencoder else kind([layer for half in halves for layer in half])
    with pytest.raises(AttributeError, match=f"layers of {kind.__name__} are fixed: make another model, (.*)") as refused:
        model.layers = [Dense(4, 2, rng=rng)]
    way_out = str(refused.value).rpartition("model, ")[2]
    made = eval(way_out, {"model": model, "Sequential": Sequential, "Sigmoid": Sigmoid})
    assert made.layers[:2] == model.layers and len(made) == 3


def test_a_list_that_a_model_was_made_of_may_change_without_changing_the_model(rng):
    layers = [Dense(4, 3, rng=rng), ReLU()]
    model = Sequential(layers)
    layers.append(Sigmoid())
    assert len(model) == 2


def test_an_activation_of_a_students_own_computes_as_it_was_written(rng, x):
    class Doubled(ReLU):
        def forward(self, x, training=False):
            return 2 * super().forward(x, training)

    dense = Dense(4, 3, rng=rng)
    model = Sequential([dense, Doubled()])
    np.testing.assert_array_equal(model.forward(x), 2 * np.maximum(dense.forward(x), 0))


def test_a_backward_of_a_students_own_is_the_one_that_runs(rng, x):
    class Wrong(ReLU):
        def backward(self, dy, need_dx=True):
            return 0 * super().backward(dy, need_dx)

    model = Sequential([Dense(4, 3, rng=rng), Wrong()])
    model.backward(np.ones_like(model.forward(x, training=True)))
    assert not model.layers[0].weight.gradient.any()


class Returns(Activation):
    """A student's activation that forgets to write its results into the arrays that it is given."""

    def fill_y(self, x, y):
        return np.maximum(x, 0)

    def fill_dx(self, y, dy, dx):
        return dy * (y > 0)


class Assigns(Returns):
    """It writes, and returns what it has written."""

    def fill_y(self, x, y):
        return np.maximum(x, 0, out=y)


def test_an_activation_that_returns_its_result_in_place_of_writing_it_is_refused(x):
    message = r"Returns\.{} is expected to write into the array that it is given: write array\[\.\.\.\] = result"
    for training in (False, True):
        with pytest.raises(ValueError, match=message.format("fill_y")):
            Sequential([Returns()]).forward(x, training)
    model = Sequential([Assigns()])
    y = model.forward(x, training=True)
    assert (y >= 0).all() and y.any()
    with pytest.raises(ValueError, match=message.format("fill_dx")):
        model.backward(y)


def test_an_activation_that_gives_its_array_a_new_name_in_place_of_writing_is_refused(x):
    class Renames(Activation):
        def fill_y(self, x, y):
            y = np.maximum(x, 0)  # noqa: F841

        def fill_dx(self, y, dy, dx):
            dx = dy * (y > 0)  # noqa: F841

    for call in (lambda: Renames().forward(x), lambda: gradcheck(Renames(), x, rng=np.random.default_rng(0))):
        with pytest.raises(ValueError, match=r"Renames\.fill_y is expected to write into the array"):
            call()


def test_an_activation_of_nothing_is_nothing():
    layer = Returns()
    assert layer.forward(np.zeros((0, 3), np.float32), training=True).shape == (0, 3)


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        (lambda p, t, g: float(np.mean((p - t) ** 2)), r"_evaluate is expected to write into the array"),
        (lambda p, t, g: np.subtract(p, t, out=g), "Own._evaluate is expected to return the value alone, received ndarray"),
        (lambda p, t, g: (0.0, np.subtract(p, t, out=g)), "Own._evaluate is expected to return the value alone, received tuple"),
        (lambda p, t, g: g.fill(0), "Own._evaluate is expected to return the value alone, received NoneType"),
    ],
)
def test_a_loss_that_forgets_its_gradient_or_its_value_is_told_so(evaluate, message, x):
    class Own(Loss):
        def _evaluate(self, prediction, target, gradient, workspace):
            return evaluate(prediction, target, gradient)

    model = make_model()
    model.compile("sgd", Own())
    with pytest.raises(ValueError, match=message):
        model.fit(x, rng=np.random.default_rng(0), verbose=False)


def test_an_optimizer_that_returns_the_new_weights_in_place_of_writing_them_is_refused(x):
    def descend(w, g):
        return w - 0.1 * g

    class Descent(Optimizer):
        def rule(self, t):
            return descend, [], ()

    model = make_model()
    model.compile(Descent(0.1), "mse")
    with pytest.raises(ValueError, match=r"a rule's kernel is expected to change w, .*: write w\[\.\.\.\] = result"):
        model.fit(x, rng=np.random.default_rng(0), verbose=False)


@pytest.mark.parametrize("part", [slice(None, None, 2), slice(None, None, -1), slice(2, 0, -1)])
def test_a_slice_with_gaps_or_backwards_is_refused(part):
    with pytest.raises(ValueError, match="layers in a row, received the stride"):
        make_model()[part]


def test_a_class_in_place_of_a_layer_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"expects layers, received .* at position 1: write ReLU\(\.\.\.\)"):
        Sequential([Flatten(), ReLU])


# --- parameters


@pytest.mark.parametrize(
    "value",
    [
        lambda w: w.T.copy().T,
        lambda w: np.asfortranarray(w),
        lambda w: np.lib.stride_tricks.as_strided(np.repeat(w.copy(), 2), w.shape, (8 * w.shape[1], 8), writeable=False),
        lambda w: w.astype(np.float64),
        lambda w: w.tolist(),
    ],
    ids=["transposed", "fortran", "read-only with gaps", "float64", "list"],
)
def test_a_weight_learns_whatever_array_was_assigned_to_it(value, x):
    expected, received = make_model(), make_model()
    weight = received.layers[0].weight
    weight.value = value(weight.value)
    for model in (expected, received):
        model.compile("adam", "mse")
        model.fit(x, epochs=2, batch_size=4, shuffle=False, verbose=False)
    assert bits(received) == bits(expected)
    assert received.dtype == np.float32


def test_a_frozen_parameter_stays_and_learns_again_when_it_is_thawed(x):
    model = make_model()
    model.compile(SGD(0.1, momentum=0.5), "mse")
    weight = model.layers[0].weight
    changes = []
    for trainable in (False, True, False):
        weight.trainable = trainable
        before = weight.value.copy()
        model.fit(x, batch_size=6, shuffle=False, verbose=False)
        changes.append(not np.array_equal(weight.value, before))
    assert changes == [False, True, False]


def test_a_parameter_thawed_by_a_callback_learns_from_the_next_step_on(x):
    class Thaw(Callback):
        def on_epoch_begin(self, model, epoch):
            model.layers[0].weight.trainable = epoch == 2

    model = make_model()
    model.compile("adam", "mse")
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, model, epoch, logs):
            seen.append(model.layers[0].weight.value.copy())

    start = model.layers[0].weight.value.copy()
    model.fit(x, epochs=3, shuffle=False, callbacks=[Thaw(), Watch()], verbose=False)
    assert np.array_equal(seen[0], start)
    assert not np.array_equal(seen[1], start)
    assert np.array_equal(seen[2], seen[1])


class Shift(Dense):
    """y = x + b, with the bias of another layer."""

    def __init__(self, bias):
        super(Dense, self).__init__()
        self.shift = bias

    @property
    def parameters(self):
        return [self.shift]

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x, training=False):
        y = x + self.shift.value
        if training:
            self._keep(y)
        return y

    def backward(self, dy, need_dx=True):
        self._take(dy)
        self.shift.gradient += dy.sum(axis=0)
        return dy


def shared_bias(rng):
    dense = Dense(4, 3, rng=rng)
    return [dense, Tanh(), Shift(dense.bias)]


def shared_dense_bias(rng):
    first, second = Dense(4, 4, rng=rng), Dense(4, 4, rng=rng)
    second.bias = first.bias
    return [first, Tanh(), second, Sigmoid()]


def shared_tied_bias(rng):
    dense = Dense(4, 4, rng=rng)
    tied = TiedDense(dense)
    tied.bias = dense.bias
    return [dense, Tanh(), tied]


def shared_normalization(rng):
    first, second = BatchNormalization(4), BatchNormalization(4)
    second.scale, second.shift = first.scale, first.shift
    return [first, Dense(4, 4, rng=rng), Tanh(), second]


def shared_mixture(rng):
    first, second = (MixtureSample(2, 3, 0.1, rng=np.random.default_rng(seed)) for seed in (1, 2))
    second.location, second.log_scale, second.logit = first.location, first.log_scale, first.logit
    return [first, Dense(2, 4, rng=rng), second]


SHARED = [shared_bias, shared_dense_bias, shared_tied_bias, shared_normalization, shared_mixture]


@pytest.mark.parametrize("layers", SHARED, ids=lambda make: make.__name__)
def test_the_gradients_of_a_parameter_that_layers_share_add_up(layers, rng):
    report = gradcheck(Sequential(layers(rng)), rng.standard_normal((5, 4)), rng=rng, tolerance=1e-6)
    assert report.errors


# --- optimizers and losses


def test_one_optimizer_for_two_models_is_refused(x):
    first, second, adam = make_model(), make_model(1), Adam()
    first.compile(adam, "mse")
    with pytest.raises(ValueError, match="received those of another model: give each model an optimizer of its own"):
        second.compile(adam, "mse")
    first.fit(x, batch_size=4, shuffle=False, verbose=False)
    with pytest.raises(RuntimeError, match="call compile"):
        second.fit(x, shuffle=False, verbose=False)


def test_one_optimizer_for_a_model_and_a_half_of_it_is_refused(rng):
    model, adam = Autoencoder([Dense(4, 2, rng=rng)], [Dense(2, 4, rng=rng)]), Adam()
    model.compile(adam)
    with pytest.raises(ValueError, match="an optimizer of its own"):
        model.encoder.compile(adam)


def test_a_failed_compile_leaves_the_model_as_it_was(x):
    first, second, adam = make_model(), make_model(1), Adam()
    first.compile(adam)
    second.compile("sgd", "mae")
    optimizer, loss = second.optimizer, second.loss
    with pytest.raises(ValueError, match="an optimizer of its own"):
        second.compile(adam, "mse")
    assert second.optimizer is optimizer
    assert second.loss is loss


def test_a_parameter_exchanged_after_compile_is_noticed(x):
    model = make_model()
    model.compile("adam", "mse")
    model.layers[0].weight = Parameter("weight", np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="not those that its optimizer holds: call compile again"):
        model.fit(x, shuffle=False, verbose=False)


def test_one_loss_for_trainings_in_threads_changes_no_bit(rng):
    data = [rng.random((512, 4)).astype(np.float32) for _ in range(4)]
    results = []
    for shared in (False, True):
        loss, models = MeanSquaredError(), [make_model(seed) for seed in range(4)]
        for model in models:
            model.compile("adam", loss if shared else MeanSquaredError())
        settings = {"epochs": 8, "batch_size": 8, "shuffle": False, "verbose": False}
        work = [threading.Thread(target=model.fit, args=(x,), kwargs=settings) for model, x in zip(models, data, strict=True)]
        for thread in work:
            thread.start()
            if not shared:
                thread.join()
        for thread in work:
            thread.join()
        results.append([bits(model) for model in models])
    assert results[0] == results[1]


# --- what callbacks borrow


class Raises(Callback):
    def __init__(self, event):
        self.event = event

    def __getattribute__(self, name):
        if name == object.__getattribute__(self, "event"):
            raise RuntimeError(f"raised in {name}")
        return object.__getattribute__(self, name)


EVENTS = ["on_train_begin", "on_epoch_begin", "on_step_end", "on_epoch_end", "on_epoch_logged", "on_train_end"]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("first", [True, False])
def test_what_was_borrowed_is_given_back_wherever_a_callback_raises(event, first, x):
    model, optimizer = make_model(), SGD(0.25, momentum=0.5)
    model.compile(optimizer, "mse")
    borrowers = [LearningRateSchedule(cosine()), MomentumSchedule(0.75)]
    callbacks = [Raises(event), *borrowers] if first else [*borrowers, Raises(event)]
    with pytest.raises(RuntimeError, match=f"raised in {event}"):
        model.fit(x, epochs=2, batch_size=4, shuffle=False, callbacks=callbacks, verbose=False)
    assert (optimizer.learning_rate, optimizer.momentum) == (0.25, 0.5)


def test_a_schedule_that_raises_leaves_the_rate(x):
    def schedule(progress):
        raise RuntimeError("no rate")

    model = make_model()
    model.compile(SGD(0.25), "mse")
    with pytest.raises(RuntimeError, match="no rate"):
        model.fit(x, shuffle=False, callbacks=[LearningRateSchedule(schedule)], verbose=False)
    assert model.optimizer.learning_rate == 0.25


def test_a_callback_whose_beginning_failed_earlier_gives_nothing_back(x):
    model = make_model()
    model.compile(Adam(0.01), "mse")
    with pytest.raises(ValueError, match="MomentumSchedule expects an SGD with momentum"):
        model.fit(x, shuffle=False, callbacks=[LearningRateSchedule(cosine()), MomentumSchedule()], verbose=False)
    assert model.optimizer.learning_rate == 0.01


# --- targets and logs


def test_equal_targets_train_alike_whichever_object_they_are(rng):
    images = rng.random((12, 4, 4)).astype(np.float32)
    results = []
    for target in (images, images.copy(), images.view()):
        draw = np.random.default_rng(3)
        model = Sequential([Flatten(), Dense(16, 16, rng=np.random.default_rng(0)), Reshape((4, 4))])
        model.compile("adam", "mse")
        model.fit(images, target, epochs=2, batch_size=5, rng=draw, augment=RandomShift(1), verbose=False)
        results.append(bits(model))
    assert results[0] == results[1] == results[2]


class Extra(Callback):
    def on_epoch_end(self, model, epoch, logs):
        logs["extra"] = 10.0 - epoch


@pytest.mark.parametrize("first", [True, False])
def test_a_number_that_a_callback_adds_reaches_everyone_whatever_the_order(first, x, tmp_path):
    model = make_model()
    model.compile("adam", "mse")
    seen = []

    class Listens(Callback):
        def on_epoch_logged(self, model, epoch, logs):
            seen.append(logs["extra"])

    listeners = [EarlyStopping("extra"), ModelCheckpoint(tmp_path / "best", "extra"), CSVLogger(tmp_path / "log.csv"), Listens()]
    callbacks = [Extra(), *listeners] if first else [*listeners, Extra()]
    history = model.fit(x, epochs=2, shuffle=False, callbacks=callbacks, verbose=False)
    assert history.history["extra"] == seen == [9.0, 8.0]
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,loss,extra"
    assert (tmp_path / "best").exists()


# --- resuming


def test_another_augmentation_function_is_another_job(x, tmp_path):
    def make(factor):
        return lambda batch, rng: batch * factor

    def halve(batch, rng):
        return batch / 2

    def train(augment):
        model = make_model()
        model.compile("adam", "mse")
        model.fit(x, rng=np.random.default_rng(0), augment=augment, checkpoint=tmp_path / "file", verbose=False)

    train(halve)
    train(halve)
    with pytest.raises(ValueError, match=r"with augment .*halve"):
        train(lambda batch, rng: batch / 3)


@pytest.mark.parametrize("place", ["attribute", "dict", "list in a dict", "tuple"])
def test_a_generator_that_nothing_names_is_refused_with_the_way_out(place, x, tmp_path):
    class Draws(Callback):
        def __init__(self, rng):
            holders = {"attribute": rng, "dict": {"rng": rng}, "list in a dict": {"a": [rng]}, "tuple": (1, rng)}
            self.holder = holders[place]

    model = make_model()
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"return .* from Draws\.rngs\(\)"):
        model.fit(x, shuffle=False, callbacks=[Draws(np.random.default_rng(1))], checkpoint=tmp_path / "file", verbose=False)
    assert not (tmp_path / "file").exists()


def test_every_layer_of_the_library_that_draws_names_its_generator(rng):
    for layer in (GaussianSample(0.1, rng=rng), MixtureSample(2, 2, 0.1, rng=rng)):
        assert layer.rngs() == [rng]
        assert Sequential([layer]).rngs() == [rng]
