"""The events of a training and those who listen to them."""

import csv
import io

import numpy as np
import pytest

from nnlite import (
    Callback,
    CSVLogger,
    Dense,
    EarlyStopping,
    History,
    LearningRateLogger,
    LearningRateSchedule,
    ModelCheckpoint,
    ProgressBar,
    ReduceOnPlateau,
    Sequential,
    load_weights,
)
from nnlite.optimizers import SGD


def model_of(learning_rate=0.1):
    model = Sequential([Dense(3, 3, rng=np.random.default_rng(3))])
    model.compile(SGD(learning_rate), "mse")
    return model


def data(rng, count=10):
    return rng.uniform(0, 1, (count, 3)).astype(np.float32)


class Events(Callback):
    """Writes down every event with its arguments."""

    def __init__(self, name="", log=None):
        self.name = name
        self.log = [] if log is None else log

    def on_train_begin(self, model, epochs, steps):
        self.log.append((self.name, "train begin", epochs, steps))

    def on_epoch_begin(self, model, epoch):
        self.log.append((self.name, "epoch begin", epoch))

    def on_step_end(self, model, step, loss):
        self.log.append((self.name, "step end", step))

    def on_epoch_end(self, model, epoch, logs):
        self.log.append((self.name, "epoch end", epoch, sorted(logs)))

    def on_train_end(self, model):
        self.log.append((self.name, "train end"))


# --- the events


def test_events_come_in_order_with_their_arguments(rng):
    events = Events()
    model_of().fit(data(rng), epochs=2, batch_size=4, validation_data=data(rng), rng=rng, callbacks=[events], verbose=False)
    epochs = [
        [
            ("", "epoch begin", epoch),
            *[("", "step end", step) for step in (1, 2, 3)],
            ("", "epoch end", epoch, ["loss", "val_loss"]),
        ]
        for epoch in (1, 2)
    ]
    assert events.log == [("", "train begin", 2, 3), *epochs[0], *epochs[1], ("", "train end")]


def test_callbacks_are_told_in_the_order_given(rng):
    log = []
    model_of().fit(data(rng), rng=rng, callbacks=[Events("first", log), Events("second", log)], verbose=False)
    assert [entry[0] for entry in log] == ["first", "second"] * 4 + ["second", "first"]
    assert [entry[1:] for entry in log if entry[0] == "first"] == [entry[1:] for entry in log if entry[0] == "second"]


def test_the_model_is_handed_to_every_event(rng):
    class Models(Callback):
        def __init__(self):
            self.seen = []

        def on_train_begin(self, model, epochs, steps):
            self.seen.append(model)

        def on_epoch_begin(self, model, epoch):
            self.seen.append(model)

        def on_step_end(self, model, step, loss):
            self.seen.append(model)

        def on_epoch_end(self, model, epoch, logs):
            self.seen.append(model)

        def on_train_end(self, model):
            self.seen.append(model)

    model, models = model_of(), Models()
    model.fit(data(rng), rng=rng, callbacks=[models], verbose=False)
    assert len(models.seen) == 5
    assert all(seen is model for seen in models.seen)


def test_the_loss_of_a_step_is_the_mean_over_the_samples_so_far(rng):
    class Losses(Callback):
        def __init__(self):
            self.seen = []

        def on_step_end(self, model, step, loss):
            self.seen.append(loss)

    x, losses, model = data(rng), Losses(), model_of(1e-30)
    history = model.fit(x, batch_size=4, shuffle=False, callbacks=[losses], verbose=False)
    squares = (model.predict(x) - x) ** 2
    assert losses.seen == pytest.approx([np.mean(squares[:count]) for count in (4, 8, 10)], rel=1e-5)
    assert losses.seen[-1] == history.history["loss"][0]


def test_a_callback_can_end_the_training_after_an_epoch(rng):
    class Stops(Callback):
        def on_epoch_end(self, model, epoch, logs):
            model.stop_training = epoch == 2

    events, model = Events(), model_of()
    history = model.fit(data(rng), epochs=5, rng=rng, callbacks=[Stops(), events], verbose=False)
    assert len(history.history["loss"]) == 2
    assert events.log[-2:] == [("", "epoch end", 2, ["loss"]), ("", "train end")]


@pytest.mark.parametrize("event", ["on_epoch_begin", "on_step_end", "on_epoch_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_end_of_training_is_announced_to_all_when_an_exception_ended_it(event, error, rng):
    def fails(model, *arguments):
        raise error

    stops, first, last = Callback(), Events(), Events()
    setattr(stops, event, fails)
    with pytest.raises(error):
        model_of().fit(data(rng), rng=rng, callbacks=[first, stops, last], verbose=False)
    assert first.log[-1] == last.log[-1] == ("", "train end")


def test_a_stop_does_not_last_into_the_next_fit(rng):
    model = model_of()
    assert not model.stop_training
    model.stop_training = True
    assert len(model.fit(data(rng), epochs=3, rng=rng, verbose=False).history["loss"]) == 3


# --- History


def test_history_keeps_one_number_an_epoch():
    history = History()
    history.on_train_begin(None, 2, 1)
    history.on_epoch_logged(None, 1, {"loss": 3.0, "val_loss": 4.0})
    history.on_epoch_logged(None, 2, {"loss": 1.0, "val_loss": 2.0})
    assert history.history == {"loss": [3.0, 1.0], "val_loss": [4.0, 2.0]}


def test_history_starts_anew_with_each_training():
    history = History()
    for _ in range(2):
        history.on_train_begin(None, 1, 1)
        history.on_epoch_logged(None, 1, {"loss": 3.0})
    assert history.history == {"loss": [3.0]}


def test_a_state_is_a_copy_from_which_another_history_goes_on():
    history, other = History(), History()
    history.on_epoch_logged(None, 1, {"loss": 3.0})
    state = history.state()
    history.on_epoch_logged(None, 2, {"loss": 2.0})
    assert state == {"history": {"loss": [3.0]}}
    other.on_train_begin(None, 2, 1)
    other.load_state(state)
    assert other.history == {"loss": [3.0]}


def test_a_callback_of_ones_own_remembers_nothing_and_draws_nothing_unless_it_says_so():
    assert (Callback().state(), Callback().rngs()) == ({}, [])


# --- EarlyStopping


class FakeModel:
    """A model whose weights are the number of its epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = [np.zeros(1)]

    def get_weights(self):
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        self.weights = weights


def run(stopping, losses, monitor="val_loss"):
    """Tell of epochs with these losses until the training is stopped; return the model and the last epoch."""
    model = FakeModel()
    stopping.on_train_begin(model, len(losses), 1)
    for epoch, loss in enumerate(losses, 1):
        model.weights = [np.full(1, epoch)]
        stopping.on_epoch_logged(model, epoch, {monitor: loss})
        if model.stop_training:
            break
    stopping.on_train_end(model)
    return model, epoch


@pytest.mark.parametrize(
    ("losses", "options", "last", "best"),
    [
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 5),
        ([5, 4, 6, 1], {"patience": 1}, 3, 2),
        ([5, 4, 6, 1], {"patience": 2}, 4, 4),
        ([5, 4, 6, 5, 4.5, 1], {"patience": 3}, 5, 2),
        ([5, 5, 5, 5], {"patience": 2}, 3, 1),
        ([5, 4.5, 4, 3.9], {"patience": 2, "min_delta": 1}, 3, 1),
        ([5, 4.5, 3.9, 3.8], {"patience": 2, "min_delta": 1}, 4, 3),
        ([5, 6, 7, 8, 9], {}, 4, 1),
        ([5, np.nan, np.nan, 1], {"patience": 2}, 3, 1),
    ],
)
def test_stopping_waits_for_a_better_number_and_goes_back_to_the_best(losses, options, last, best):
    stopping = EarlyStopping(**options)
    model, epoch = run(stopping, losses)
    assert epoch == last
    assert stopping.best_epoch == best
    assert stopping.best == losses[best - 1]
    assert model.weights[0] == best


def test_any_number_is_better_than_a_first_one_that_is_none():
    stopping = EarlyStopping(patience=2)
    model, epoch = run(stopping, [np.nan, 6, 5, 7, 8])
    assert (epoch, stopping.best_epoch, stopping.best, model.weights[0]) == (5, 3, 5, 3)


def test_stopping_does_not_wait_for_ever_where_there_is_no_number():
    assert run(EarlyStopping(patience=2), [np.nan] * 5)[1] == 3


def test_the_best_weights_are_put_back_after_an_interruption(rng):
    class Interrupts(Callback):
        def on_epoch_begin(self, model, epoch):
            if epoch == 3:
                model.set_weights([weight + 5 for weight in model.get_weights()])
                raise KeyboardInterrupt

    model, x = model_of(), data(rng)
    stopping = EarlyStopping()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, epochs=4, validation_data=x, rng=rng, callbacks=[stopping, Interrupts()], verbose=False)
    assert model.evaluate(x) == stopping.best


def test_stopping_can_leave_the_last_weights():
    model, epoch = run(EarlyStopping(patience=1, restore_best_weights=False), [5, 4, 6])
    assert model.weights[0] == epoch == 3


def test_stopping_can_monitor_the_training_loss():
    assert run(EarlyStopping("loss", patience=1), [5, 6, 7], "loss")[1] == 2


def test_stopping_can_be_used_for_a_second_fit():
    stopping = EarlyStopping(patience=1)
    run(stopping, [2, 1, 3])
    model, epoch = run(stopping, [9, 8, 8.5])
    assert (epoch, stopping.best_epoch, stopping.best, model.weights[0]) == (3, 2, 8, 2)


def test_stopping_tells_what_it_could_monitor_instead(rng):
    with pytest.raises(ValueError, match=r"monitors 'val_loss', received \['loss'\]: give fit validation_data"):
        model_of().fit(data(rng), epochs=3, rng=rng, callbacks=[EarlyStopping()], verbose=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"patience": 0}, "patience of at least 1, received 0"), ({"min_delta": -0.1}, "a min_delta of at least 0, received -0.1")],
)
def test_stopping_refuses_settings_without_sense(options, message):
    with pytest.raises(ValueError, match=f"EarlyStopping expects {message}"):
        EarlyStopping(**options)


def test_stopping_ends_a_training_that_does_not_move(rng):
    model, x = model_of(1e-30), data(rng)
    history = model.fit(x, epochs=9, shuffle=False, validation_data=x, callbacks=[EarlyStopping(patience=2)], verbose=False)
    assert len(history.history["loss"]) == 3


def test_stopping_leaves_a_real_model_with_its_best_weights(rng):
    class Spoils(Callback):
        def on_epoch_begin(self, model, epoch):
            if epoch == 3:
                model.set_weights([weight + 5 for weight in model.get_weights()])

    model, x = model_of(), data(rng)
    history = model.fit(
        x, epochs=4, validation_data=x, rng=rng, callbacks=[Spoils(), EarlyStopping(patience=2)], verbose=False
    ).history
    assert model.evaluate(x) == min(history["val_loss"]) == history["val_loss"][1]


# --- Logs and checkpoints


def test_before_any_training_there_are_no_rates():
    assert LearningRateLogger().rates == []


def test_the_csv_file_holds_the_history(rng, tmp_path):
    path = tmp_path / "log.csv"
    model, x = model_of(), data(rng)
    for epochs in (1, 3):  # the second training replaces the first one's file
        history = model.fit(x, epochs=epochs, rng=rng, validation_data=x, callbacks=[CSVLogger(path)], verbose=False).history
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,val_loss"
    rows = np.array([line.split(",") for line in lines[1:]], float)
    np.testing.assert_array_equal(rows, np.transpose([[1, 2, 3], history["loss"], history["val_loss"]]))


def test_the_learning_rate_of_each_epoch_is_logged(rng):
    logger = LearningRateLogger()
    callbacks = [LearningRateSchedule(lambda progress: 1 - progress), logger]
    model_of(0.1).fit(data(rng), epochs=4, rng=rng, callbacks=callbacks, verbose=False)
    assert logger.rates == pytest.approx([0.1, 0.075, 0.05, 0.025])


@pytest.mark.parametrize(("monitor", "saved"), [("val_loss", [1, 2, 4]), (None, [1, 2, 3, 4, 5])])
def test_a_checkpoint_is_written_when_the_number_is_better(monitor, saved, tmp_path):
    path, model = tmp_path / "weights.safetensors", model_of()
    checkpoint, written = ModelCheckpoint(path, monitor), []
    checkpoint.on_train_begin(model, 5, 1)
    for epoch, loss in enumerate([5, 4, 4.5, 3, np.nan], 1):
        model.set_weights([np.full_like(weight, epoch) for weight in model.get_weights()])
        checkpoint.on_epoch_logged(model, epoch, {"val_loss": loss})
        other = model_of()
        load_weights(other, path)
        written.append(int(other.get_weights()[0][0, 0]))
    assert sorted(set(written)) == saved


def test_a_checkpoint_tells_what_it_could_monitor_instead(rng, tmp_path):
    with pytest.raises(
        ValueError,
        match=r"ModelCheckpoint monitors 'val_loss', received \['loss'\]: give fit validation_data, or monitor one of these",
    ):
        model_of().fit(data(rng), rng=rng, callbacks=[ModelCheckpoint(tmp_path / "weights")], verbose=False)


class Adds(Callback):
    """Adds numbers to the logs: {name: [epochs]}."""

    def __init__(self, **when):
        self.when = when

    def on_epoch_end(self, model, epoch, logs):
        logs.update({name: 10.0 * epoch for name, epochs in self.when.items() if epoch in epochs})


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_numbers_stand_under_their_names_when_one_comes_or_goes(rng, tmp_path):
    path, adds = tmp_path / "log.csv", Adds(early=[1, 2], late=[3, 4], between=[2, 3])
    model_of().fit(data(rng), epochs=4, rng=rng, callbacks=[CSVLogger(path), adds], verbose=False)
    rows = table(path)
    assert list(rows[0]) == ["epoch", "loss", "early", "between", "late"]  # the header grows
    assert [row["early"] for row in rows] == ["10.0", "20.0", "", ""]
    assert [row["between"] for row in rows] == ["", "20.0", "30.0", ""]
    assert [row["late"] for row in rows] == ["", "", "30.0", "40.0"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]


def test_names_with_commas_and_quotes_stay_one_column(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_epoch_logged(None, 1, {'a,"b"': 1.0, "c\nd": 2.0, "epoch": 9.0, "ü": np.float32(3)})
    assert table(tmp_path / "log.csv") == [{"epoch": "1", 'a,"b"': "1.0", "c\nd": "2.0", "ü": "3.0"}]


def test_the_history_has_one_number_for_each_epoch_nan_where_there_was_none(rng):
    history = model_of().fit(data(rng), epochs=4, rng=rng, callbacks=[Adds(early=[1, 2], late=[3])], verbose=False).history
    np.testing.assert_array_equal(history["early"], [10, 20, np.nan, np.nan])
    np.testing.assert_array_equal(history["late"], [np.nan, np.nan, 30, np.nan])
    assert len(history["loss"]) == 4


def logged(callback, model, numbers):
    """Show a callback a training with these numbers, the weights of its epochs all k."""
    callback.on_train_begin(model, len(numbers), 1)
    for epoch, number in enumerate(numbers, 1):
        model.set_weights([np.full_like(weight, number) for weight in model.get_weights()])
        callback.on_epoch_logged(model, epoch, {"val_loss": number})
    callback.on_train_end(model)


def saved(path):
    other = model_of()
    load_weights(other, path)
    return float(other.get_weights()[0][0, 0])


def test_a_second_fit_does_not_overwrite_better_weights(tmp_path):
    path, model = tmp_path / "best", model_of()
    checkpoint = ModelCheckpoint(path)
    logged(checkpoint, model, [5, 3, 4])
    logged(checkpoint, model, [9, 4])
    assert saved(path) == 3
    logged(checkpoint, model, [2, 8])
    assert saved(path) == 2
    logged(ModelCheckpoint(path), model, [7])  # another object, another experiment
    assert saved(path) == 7


def test_a_checkpoint_in_two_real_fits_ends_with_the_best_of_both(rng, tmp_path):
    model, x = model_of(0.3), data(rng)
    checkpoint = ModelCheckpoint(tmp_path / "best")
    settings = {"rng": rng, "validation_data": x, "callbacks": [checkpoint], "verbose": False}
    first = model.fit(x, epochs=5, **settings).history["val_loss"]
    model.set_weights([weight + 1 for weight in model.get_weights()])
    second = model.fit(x, epochs=2, **settings).history["val_loss"]
    assert min(second) > min(first)
    load_weights(model, tmp_path / "best")
    assert model.evaluate(x) == min(first)


def test_a_checkpoint_on_a_plateau_keeps_the_first_weights(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr("nnlite.training.best.save_weights", lambda model, path: writes.append(model.get_weights()[1][0]))
    checkpoint, model = ModelCheckpoint(tmp_path / "best"), model_of()
    checkpoint.on_train_begin(model, 4, 1)
    for epoch, loss in enumerate([2.0, 1.0, 1.0, 1.0], 1):
        model.set_weights([np.full_like(weight, epoch) for weight in model.get_weights()])
        checkpoint.on_epoch_logged(model, epoch, {"val_loss": loss})
    assert writes == [1, 2]


def test_weights_that_could_not_be_written_do_not_count_as_the_best(tmp_path):
    checkpoint, model = ModelCheckpoint(tmp_path / "missing" / "best"), model_of()
    with pytest.raises(OSError):
        logged(checkpoint, model, [1])
    (tmp_path / "missing").mkdir()
    logged(checkpoint, model, [2])
    assert saved(tmp_path / "missing" / "best") == 2


def test_a_checkpoint_of_every_epoch_is_of_every_epoch_in_a_second_fit(tmp_path):
    checkpoint, model = ModelCheckpoint(tmp_path / "last", monitor=None), model_of()
    logged(checkpoint, model, [3])
    logged(checkpoint, model, [5])
    assert saved(tmp_path / "last") == 5


def test_stopping_and_reducing_forget_what_an_earlier_fit_reached():
    stopping, reducing, model = EarlyStopping(patience=1), ReduceOnPlateau(patience=1), model_of()
    for callback in (stopping, reducing):
        model.optimizer.learning_rate, model.stop_training = 0.1, False
        logged(callback, model, [1])
        logged(callback, model, [9, 8])  # worse than before, but better and better
        assert model.optimizer.learning_rate == 0.1
        assert not model.stop_training
    assert (stopping.best, stopping.best_epoch) == (8, 2)


# --- ProgressBar


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, terminal=True):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def draw(stream, *, epochs=2, steps=64, step_seconds=1 / 32):
    """Tell a bar of a whole training with this fake clock and return all that it wrote."""
    clock = Clock()
    bar = ProgressBar(stream, clock)
    bar.on_train_begin(None, epochs, steps)
    for epoch in range(1, epochs + 1):
        bar.on_epoch_begin(None, epoch)
        for step in range(1, steps + 1):
            clock.now += step_seconds
            bar.on_step_end(None, step, 0.25)
        bar.on_epoch_logged(None, epoch, {"loss": 0.25, "val_loss": 0.5})
    bar.on_train_end(None)
    return stream.getvalue()


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_away_from_a_terminal_each_epoch_is_one_plain_line(environment, term):
    environment.setenv("TERM", term)
    text = draw(Terminal(terminal=term == "dumb"))
    assert text == (
        "epoch 1/2  loss 0.25000  val_loss 0.50000  2.0 s\n"  #
        "epoch 2/2  loss 0.25000  val_loss 0.50000  2.0 s\n"
    )


def test_epoch_numbers_are_aligned(environment):
    lines = draw(Terminal(terminal=False), epochs=10, steps=1).splitlines()
    assert lines[0].startswith("epoch  1/10  ")
    assert lines[9].startswith("epoch 10/10  ")


def test_a_terminal_shows_a_growing_line_that_ends_with_the_result(environment):
    first, second, rest = draw(Terminal()).split("\n")
    assert rest == ""
    for number, line in ((1, first), (2, second)):
        drawn = line.split("\r")[1:]
        assert all(text.startswith(f"epoch {number}/2  ") for text in drawn)
        full = [text.count("━") for text in drawn]
        assert full == sorted(full)
        assert full[-1] == ProgressBar.WIDTH
        assert all(text.count("━") + text.count("─") == ProgressBar.WIDTH for text in drawn)
        assert "loss 0.25000  val_loss 0.50000  2.0 s" in drawn[-1]
        assert all(text.endswith("\x1b[K") for text in drawn)  # what a longer line before left is erased


@pytest.mark.parametrize("columns", [1, 10, 30, 60, 70, 80])
def test_a_line_that_is_redrawn_fits_the_terminal(environment, columns):
    environment.setenv("COLUMNS", str(columns))
    environment.setenv("NO_COLOR", "1")
    lines = [line.removesuffix("\x1b[K") for line in draw(Terminal()).replace("\n", "").split("\r")]
    assert max(map(len, lines)) < columns or columns == 1
    assert max(map(len, lines)) >= min(columns - 1, 69)  # and uses its room


@pytest.mark.parametrize(("step_seconds", "redrawn"), [(1 / 1024, 0), (1 / 32, 16), (1 / 4, 64)])
def test_a_terminal_is_redrawn_at_most_every_interval(environment, step_seconds, redrawn):
    """64 steps; a step of 1/32 s makes every fourth the first after a tenth of a second."""
    text = draw(Terminal(), epochs=1, step_seconds=step_seconds)
    assert text.count("\r") == redrawn + 1  # and once for the end of the epoch


@pytest.mark.parametrize(
    ("steps", "left"),
    [([(25, 5.0)], "15 s left"), ([(25, 5.0), (50, 100.0)], "1 min 40 s left"), ([(99, 9.9)], "0.1 s left")],
)
def test_the_time_left_follows_the_pace_so_far(environment, steps, left):
    clock, stream = Clock(), Terminal()
    bar = ProgressBar(stream, clock)
    bar.on_train_begin(None, 1, 100)
    bar.on_epoch_begin(None, 1)
    for step, seconds in steps:
        clock.now = 1000 + seconds
        bar.on_step_end(None, step, 0.5)
    assert left in stream.getvalue().split("\r")[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (0.34, "0.3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12.2, "12 s"),
        (59.4, "59 s"),
        (60.0, "1 min 00 s"),
        (119.7, "2 min 00 s"),
        (185.0, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
    ],
)
def test_durations_are_written_for_people(environment, seconds, text):
    written = draw(Terminal(terminal=False), epochs=1, steps=1, step_seconds=seconds)
    assert written == f"epoch 1/1  loss 0.25000  val_loss 0.50000  {text}\n"


@pytest.mark.parametrize(("no_color", "colour"), [(None, True), ("", True), ("1", False)])
def test_colour_is_used_unless_no_color_is_set(environment, no_color, colour):
    if no_color is not None:
        environment.setenv("NO_COLOR", no_color)
    text = draw(Terminal())
    assert ("\x1b[32m" in text) == colour
    assert "\r" in text


def test_the_bar_writes_to_the_standard_output_of_the_moment(rng, capsys):
    model_of().fit(data(rng), epochs=2, rng=rng)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:16] for line in lines] == ["epoch 1/2  loss ", "epoch 2/2  loss "]


def test_a_quiet_fit_writes_nothing(rng, capsys):
    model_of().fit(data(rng), epochs=2, rng=rng, verbose=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("step", "full"), [(1, 0), (2, 0), (3, 1), (16, 6), (32, 12), (63, 23), (64, 24)])
def test_the_bar_is_as_full_as_the_epoch_is_done(environment, step, full):
    clock, stream = Clock(), Terminal()
    bar = ProgressBar(stream, clock)
    bar.on_train_begin(None, 1, 64)
    bar.on_epoch_begin(None, 1)
    clock.now += 1
    bar.on_step_end(None, step, 0.5)
    assert (stream.getvalue().count("━"), stream.getvalue().count("─")) == (full, 24 - full)


def test_the_bar_of_an_epoch_of_one_step_is_full_at_once(environment):
    text = draw(Terminal(), epochs=1, steps=1, step_seconds=1)
    assert "─" not in text and text.count("━") == 2 * ProgressBar.WIDTH  # after the step, and at the end of the epoch
