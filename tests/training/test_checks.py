"""What can be known to be wrong is found before the first step, and in our words."""

import itertools
import os
import pathlib
import re

import numpy as np
import pytest

from nnlite import (
    BatchNormalization,
    Callback,
    CSVLogger,
    Dense,
    EarlyStopping,
    Flatten,
    History,
    LearningRateLogger,
    LearningRateSchedule,
    LivePlot,
    ModelCheckpoint,
    RandomShift,
    ReduceOnPlateau,
    Reshape,
    Sequential,
    Sigmoid,
    cosine,
    step_decay,
)
from nnlite.losses import Huber, MeanSquaredError
from nnlite.optimizers import SGD, Adam
from nnlite.training import checks
from nnlite.training.batches import Batches


def model_of(*layers):
    model = Sequential([*(layers or [Dense(6, 4, rng=np.random.default_rng(0))])])
    model.compile(SGD(0.1), "mse")
    return model


X, Y = (np.random.default_rng(1).random((10, size)).astype(np.float32) for size in (6, 4))


def refused(message, model=None, error=ValueError, **options):
    """Check that fit raises before any step, and that nothing has changed."""
    model, steps = model or model_of(), []

    class Counts(Callback):
        def on_step_end(self, model, step, loss):
            steps.append(step)

    before = [weight.tobytes() for weight in model.get_weights()]
    arguments = {"x": X, "y": Y, "rng": np.random.default_rng(0), "verbose": False, "callbacks": [], **options}
    if isinstance(arguments["callbacks"], list):
        arguments["callbacks"] = [*arguments["callbacks"], Counts()]
    with pytest.raises(error, match=message):
        model.fit(**arguments)
    assert steps == []
    assert [weight.tobytes() for weight in model.get_weights()] == before


@pytest.mark.parametrize(
    ("validation_data", "message"),
    [
        ((X[:, :5], Y), r"validation_data do not fit: Dense expects \(N, 6\), received \(N, 5\)"),
        ((X, Y[:, :3]), r"validation_data do not fit: MeanSquaredError expects a target .*: give a number"),
        ((X, Y[:, 0]), r"validation_data do not fit: MeanSquaredError expects a target of the prediction's shape"),
        (X, r"validation_data do not fit: MeanSquaredError expects a target .*without y, the target is x"),
        ((X.reshape(10, 2, 3), Y), r"validation_data do not fit: Dense expects \(N, 6\), received \(N, 2, 3\): put a Flatten"),
        ((X, Y[:9]), "as many targets as inputs, received x of 10 and y of 9"),
        ((X[0], Y[0]), r"a single one: hand it in as x\[None\]|as many targets as inputs"),
        ((X, Y, Y), r"validation_data of x or \(x, y\), received tuple of 3"),
        ([X], r"validation_data of x or \(x, y\), received list of 1"),
        ("abc", "x is expected to be an array of numbers, received a str that is not one"),
        ({"x": X, "y": Y}, "x is expected to be an array of numbers, received a dict that is not one"),
        ((X, "abc"), "y is expected to be an array of numbers, received a str that is not one"),
        ((X.astype(np.int64), Y), "x is expected to be an array"),
        ((X[:0], Y[:0]), "validation_data of at least one sample"),
    ],
)
def test_validation_data_that_do_not_fit_are_found_before_the_training(validation_data, message):
    refused(message, validation_data=validation_data)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["x", "y"])
def test_validation_data_that_are_not_finite_are_found_before_the_training(name, bad):
    data = {"x": X.copy(), "y": Y.copy()}
    data[name][7, 1] = data[name][9, 0] = bad
    refused(
        f"validation_data hold NaN or infinity, first in sample 7 of {name}: leave it out", validation_data=(data["x"], data["y"])
    )


def test_the_look_at_validation_data_warns_of_no_overflow():
    model = model_of()
    model.layers[0].weight.value[...] = 1e30
    checks.check_validation(model, MeanSquaredError(), Batches(np.full((1, 6), 1e30, np.float32), Y[:1]))


def test_validation_data_may_be_a_list_of_x_and_y():
    values = [
        model_of().fit(X, Y, shuffle=False, validation_data=pair, verbose=False).history["val_loss"] for pair in ([X, Y], (X, Y))
    ]
    assert values[0] == values[1]


def test_the_look_at_validation_data_leaves_layers_and_generators_alone(rng):
    model, state = model_of(BatchNormalization(6), Dense(6, 4, rng=rng)), rng.bit_generator.state
    with pytest.raises(ValueError, match="validation_data do not fit"):
        model.fit(X, Y, validation_data=(X, Y[:, 1:]), rng=rng, verbose=False)
    assert rng.bit_generator.state == state
    assert not model.layers[0].running_mean.value.any()


MONITORS = {
    "EarlyStopping": EarlyStopping,
    "ReduceOnPlateau": ReduceOnPlateau,
    "ModelCheckpoint": lambda *monitor: ModelCheckpoint("never written", *monitor),
}


@pytest.mark.parametrize("name", MONITORS)
def test_what_is_monitored_and_will_not_be_there_is_found_before_the_training(name):
    way_out = "give fit validation_data, or monitor one of these"
    refused(rf"{name} monitors 'val_loss', received \['loss'\]: {way_out}$", callbacks=[MONITORS[name]()])
    refused(
        rf"{name} monitors 'val_los', received \['loss', 'val_loss'\]: monitor one of these$",
        callbacks=[MONITORS[name]("val_los")],
        validation_data=(X, Y),
    )


@pytest.mark.parametrize("name", MONITORS)
def test_numbers_that_other_callbacks_add_may_be_monitored(name, tmp_path, monkeypatch):
    class Adds(Callback):
        def on_epoch_end(self, model, epoch, logs):
            logs["error rate"] = 1 / epoch

    monkeypatch.chdir(tmp_path)
    for callbacks in ([MONITORS[name]("error rate"), Adds()], [Adds(), MONITORS[name]("error rate")]):
        history = model_of().fit(X, Y, epochs=2, shuffle=False, callbacks=callbacks, verbose=False).history
        assert history["error rate"] == [1, 0.5]
    with pytest.raises(ValueError, match=rf"{name} monitors 'accuracy', received \['error rate', 'loss'\]: monitor one of these"):
        model_of().fit(X, Y, epochs=2, shuffle=False, callbacks=[MONITORS[name]("accuracy"), Adds()], verbose=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2.5}, "fit expects epochs to be a whole number, received 2.5"),
        ({"epochs": "2"}, "fit expects epochs to be a whole number, received '2'"),
        ({"epochs": None}, "fit expects epochs to be a whole number, received None"),
        ({"epochs": -1}, "fit expects epochs of at least 1, received -1"),
        ({"batch_size": 2.0}, "fit expects batch_size to be a whole number, received 2.0"),
        ({"rng": 0}, r"fit expects rng=np\.random\.default_rng\(seed\), received 0"),
        ({"rng": np.random.RandomState(0)}, r"fit expects rng=np\.random\.default_rng\(seed\), received RandomState"),
        ({"rng": 7, "shuffle": False}, r"fit expects rng=np\.random\.default_rng\(seed\), received 7"),
        ({"augment": "shift"}, "fit expects augment to be a function of a batch and rng, received 'shift'"),
        ({"augment": RandomShift}, r"received <class .*RandomShift'>: write RandomShift\(\.\.\.\)"),
        ({"callbacks": EarlyStopping("loss")}, r"a list of callbacks, received .*: write callbacks=\[EarlyStopping\(\.\.\.\)\]"),
        (
            {"callbacks": [EarlyStopping]},
            r"fit expects callbacks, received <class .*EarlyStopping'> among them: write EarlyStopping\(",
        ),
        ({"callbacks": [print]}, "fit expects callbacks, received <built-in function print> among them"),
        ({"callbacks": None}, "fit expects a list of callbacks, received None"),
        ({"callbacks": "loss"}, "fit expects a list of callbacks, received 'loss'"),
        ({"x": "abc"}, "x is expected to be an array of numbers, received a str that is not one"),
        ({"x": None}, "x is expected to be an array of numbers, received a NoneType that is not one"),
        ({"x": [[0.5], [0.5, 1]]}, "x is expected to be an array of numbers, received a list that is not one"),
        ({"x": X.astype(str)}, "x is expected to be an array of numbers, received an array of <U"),
        ({"x": X.astype(object)}, "x is expected to be an array of numbers, received an array of object"),
        ({"x": X.astype(complex)}, "x is expected to be an array of numbers, received an array of complex128"),
        ({"x": X[0], "y": None}, r"expected samples of shape \(6,\), received a single one: hand it in as x\[None\]"),
        ({"y": "abc"}, "y is expected to be an array of numbers, received a str that is not one"),
        ({"x": X[:0], "y": Y[:0]}, "the number of samples of at least 1, received 0"),
    ],
)
def test_what_fit_cannot_take_is_said_in_a_sentence(options, message):
    refused(message, **options)


class Diary(Callback):
    """A writer of a user's own."""

    def __init__(self, path):
        self.path = pathlib.Path(path)


class Halve(Callback):
    """A rate of a user's own."""

    sets_learning_rate = True


WRITERS = [ModelCheckpoint, CSVLogger, LivePlot, Diary, "checkpoint"]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(WRITERS[:4], WRITERS)])
def test_two_that_write_one_file_are_refused_before_either_has_written(first, second, tmp_path):
    other = os.path.join(str(tmp_path), ".", "file")  # the same file by another name
    callbacks, checkpoint = [first(tmp_path / "file")], None
    if second == "checkpoint":
        checkpoint = other
    else:
        callbacks.append(second(other))
    options = {"callbacks": callbacks, "checkpoint": checkpoint, "validation_data": (X, Y)}
    refused(f"another file for each callback and for the checkpoint, received {re.escape(str(tmp_path / 'file'))} twice", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", WRITERS[:4])
@pytest.mark.parametrize("path", ["missing/file", "file/file"])
def test_a_file_in_no_folder_is_found_before_the_training_and_not_after_its_first_epoch(writer, path, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    message = f"{writer.__name__} expects a folder that is there, received .*{path}: make it first"
    refused(message, error=FileNotFoundError, callbacks=[writer(tmp_path / path)], validation_data=(X, Y))


@pytest.mark.parametrize("writer", WRITERS[:3])
@pytest.mark.parametrize("path", [None, 3, model_of()])
def test_what_is_no_path_is_refused_where_the_callback_is_made(writer, path):
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not"):
        writer(path)


def test_a_path_that_is_no_file_is_an_attribute_like_any_other():
    trajectories = [Callback(), Callback()]
    for trajectory in trajectories:
        trajectory.path = [(0.0, 1.0)]
    model_of().fit(X, Y, shuffle=False, verbose=False, callbacks=trajectories)


def test_a_callback_given_twice_is_refused():
    rates = LearningRateLogger()
    refused("fit expects each callback once, received <.*LearningRateLogger object .*> twice", callbacks=[rates, History(), rates])


@pytest.mark.parametrize("second", [lambda: LearningRateSchedule(step_decay()), ReduceOnPlateau, Halve])
def test_two_callbacks_that_set_the_learning_rate_are_refused(second):
    callbacks = [LearningRateSchedule(cosine()), second()]
    message = "fit expects one callback that sets the learning rate, received LearningRateSchedule and"
    refused(message, callbacks=callbacks, validation_data=(X, Y))


def test_numpys_whole_numbers_are_whole_numbers():
    history = model_of().fit(X, Y, epochs=np.int64(2), batch_size=np.uint8(4), shuffle=False, verbose=False).history
    assert len(history["loss"]) == 2


def test_lists_of_floats_are_arrays():
    model_of().fit(X.tolist(), Y.tolist(), shuffle=False, verbose=False)
    np.testing.assert_array_equal(model_of().predict(X.tolist()), model_of().predict(X))


@pytest.mark.parametrize("method", ["predict", "evaluate"])
@pytest.mark.parametrize("batch_size", [0, 2.5, "8", None, True])
def test_batch_sizes_that_are_none_are_refused(method, batch_size):
    arguments = (X,) if method == "predict" else (X, Y)
    with pytest.raises(
        ValueError, match=f"{method} expects batch_size (of at least 1|to be a whole number), received {batch_size!r}"
    ):
        getattr(model_of(), method)(*arguments, batch_size=batch_size)


def test_one_image_is_told_to_become_a_batch(rng):
    model = Sequential([Flatten(), Dense(16, 2, rng=rng), Sigmoid()])
    with pytest.raises(ValueError, match=r"Dense expects \(N, 16\), received \(N, 4\): hand one sample in as x\[None\]"):
        model.predict(np.zeros((4, 4), np.uint8))
    model = Sequential(model.layers, input_shape=(4, 4))
    with pytest.raises(ValueError, match=r"samples of shape \(4, 4\), received a single one: hand it in as x\[None\]"):
        model.predict(np.zeros((4, 4), np.uint8))
    assert model.predict(np.zeros((4, 4), np.uint8)[None]).shape == (1, 2)


@pytest.mark.parametrize("shape", [(3, 4), (4, 4, 3), (16,), ()], ids=str)
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_images_of_another_shape_than_the_models_are_refused_by_their_shape(rng, method, shape):
    model = Sequential([Flatten(), Dense(16, 16, rng=rng), Reshape((4, 4))], input_shape=(4, 4))
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=re.escape(f"expected samples of shape (4, 4), received {shape}")):
        getattr(model, method)(np.zeros((5, *shape), np.float32), **({"rng": rng} if method == "fit" else {}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": Adam}, "the optimizer to be one of [...], received <class '...Adam'>: write Adam(...)"),
        (
            {"loss": MeanSquaredError},
            "the loss to be one of [...], received <class '...MeanSquaredError'>: write MeanSquaredError(...)",
        ),
        ({"optimizer": None}, "the optimizer to be one of [...], received None"),
        ({"optimizer": 0.1}, "the optimizer to be one of [...], received 0.1"),
        ({"loss": Adam()}, "the loss to be one of [...], received <...Adam object"),
        ({"optimizer": Huber()}, "the optimizer to be one of [...], received <...Huber object"),
        ({"loss": np.mean}, "the loss to be one of [...], received <function mean"),
    ],
)
def test_compile_says_what_it_expects_and_stays_as_it_was(arguments, message):
    model = model_of()
    optimizer, loss = model.optimizer, model.loss
    with pytest.raises(
        ValueError, match="compile expects " + re.escape(message).replace(r"\.\.\.", ".*").replace(r"\(.*\)", r"\(\.\.\.\)")
    ):
        model.compile(**arguments)
    assert (model.optimizer, model.loss) == (optimizer, loss)


def test_an_optimizer_of_another_model_leaves_compile_without_effect():
    model, other = model_of(), model_of()
    optimizer, loss = model.optimizer, model.loss
    with pytest.raises(ValueError, match="give each model an optimizer of its own"):
        model.compile(other.optimizer, "mae")
    assert (model.optimizer, model.loss) == (optimizer, loss)


def test_a_model_is_indexed_by_whole_numbers_of_any_kind():
    model = model_of()
    for index in (0, np.int64(0), np.uint8(0), -1):
        assert model[index] is model.layers[0]
    for index in ("0", 0.0, None, (0,), True):
        with pytest.raises(TypeError, match="the layers of a model are numbered 0 to 0, received"):
            model[index]
    with pytest.raises(IndexError):
        model[1]


PIXELS = np.arange(10, dtype=np.float32).reshape(1, 10)  # 0 to 9


@pytest.mark.parametrize(("smallest", "largest"), [(0, 128), (0, 255), (1, 255)])
def test_whole_numbers_up_to_those_of_bytes_are_said_to_look_like_pixels_where_the_user_calls(smallest, largest):
    x = PIXELS.copy()
    x[0, 0], x[0, -1] = smallest, largest
    model = model_of(Dense(10, 10, rng=np.random.default_rng(0)))
    for call in (model.evaluate, lambda x: model.fit(x, shuffle=False, verbose=False)):
        with pytest.warns(UserWarning, match=f"x holds whole numbers up to {largest}: divide them by 255") as record:
            call(x)
        assert record[0].filename == __file__


@pytest.mark.parametrize(("smallest", "largest"), [(0, 127), (0, 256), (-1, 255), (0, 254.5)])
def test_other_numbers_do_not_look_like_pixels(smallest, largest):
    x = PIXELS.copy()
    x[0, 0], x[0, -1] = smallest, largest
    checks.warn_of_scale(x, None)
