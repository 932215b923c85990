"""Trainings that are stopped and go on from their checkpoint: every bit as if they had not been stopped, or a clear refusal."""

import contextlib
import json
import shutil

import numpy as np
import pytest

from nnlite import (
    Autoencoder,
    BatchNormalization,
    Callback,
    CheckpointError,
    CSVLogger,
    Dense,
    Dropout,
    EarlyStopping,
    Flatten,
    GaussianNoise,
    Huber,
    LeakyReLU,
    LearningRateLogger,
    LearningRateSchedule,
    ModelCheckpoint,
    MomentumSchedule,
    RandomShift,
    ReduceOnPlateau,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    TrainingError,
    cosine,
    load_weights,
    save_weights,
)
from nnlite.codec.digits.bottleneck import EntropyBottleneck
from nnlite.files import safetensors, weights
from nnlite.optimizers import SGD, Adam, AdamW, RMSProp
from tests.long import kill_training

EPOCHS = 6
STEPS = 5  # an epoch
IMAGES = np.random.default_rng(7).integers(0, 256, (37, 4, 4), dtype=np.uint8)


class Stops(Callback):
    """Interrupts the training at one of its steps, counted over all epochs, as Ctrl-C would; 0 never."""

    def __init__(self, step):
        self.left = step
        self.told = False

    def on_train_begin(self, model, epochs, steps):
        self.told = True

    def on_step_end(self, model, step, loss):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class Spoils(Callback):
    """Makes the third epoch worse than the second."""

    def on_epoch_begin(self, model, epoch):
        if epoch == 3:
            model.set_weights([-weight for weight in model.get_weights()])


class Program:
    """What a program builds anew each time it is started."""

    def __init__(
        self, *, seed=3, optimizer=lambda: Adam(0.01), callbacks=tuple, layers=lambda rng: [], noise=0.1, loss="mse",
        compiled=None, **options
    ):  # fmt: skip
        self.rng = np.random.default_rng(seed)
        other = np.random.Generator(np.random.MT19937(seed))
        encoder = [Flatten(), GaussianNoise(noise, rng=other), Dense(16, 8, rng=self.rng), ReLU(), *layers(self.rng)]
        decoder = [Dense(8, 16, rng=self.rng), Sigmoid(), Reshape((4, 4))]
        self.model = Autoencoder(encoder, decoder, input_shape=(4, 4))
        self.model.compile(optimizer(), loss, compiled=compiled)
        self.callbacks = list(callbacks())
        self.options = {"epochs": EPOCHS, "batch_size": 8, "validation_data": IMAGES[:9]} | options

    def fit(self, checkpoint=None, stop=0, images=IMAGES):
        """Train, stopped at a step if asked; return the history, None if stopped."""
        self.stops = Stops(stop)
        with contextlib.suppress(KeyboardInterrupt):
            return self.model.fit(
                images, **{"rng": self.rng} | self.options, callbacks=[*self.callbacks, self.stops], checkpoint=checkpoint,
                verbose=False,
            )  # fmt: skip

    def everything(self):
        """Return all that a training changes, as text that shows every bit."""
        optimizer, state = self.model.optimizer, self.model.optimizer.state()
        return repr(
            [
                [weight.tobytes() for weight in self.model.get_weights()],
                {name: [array.tobytes() for array in state[name]] for name in optimizer.memories},
                optimizer.hyperparameters(),
                [callback.state() for callback in self.callbacks],
                self.rng.bit_generator.state,
                self.model.layers[1].rng.bit_generator.state,
            ]
        )


def shared(rng):
    """Layers that draw from the generator that also shuffles."""
    return [Dropout(0.2, rng=rng), BatchNormalization(8)]


KINDS = {
    "sgd": {"optimizer": lambda: SGD(0.1)},
    "momentum": {"optimizer": lambda: SGD(0.1, 0.9, nesterov=True), "callbacks": lambda: [MomentumSchedule()]},
    "adam": {"layers": shared, "callbacks": lambda: [LearningRateSchedule(cosine()), LearningRateLogger()]},
    "adamw": {"optimizer": lambda: AdamW(0.01, amsgrad=True, clip_norm=1), "augment": RandomShift(1), "layers": shared},
    "rmsprop": {"optimizer": lambda: RMSProp(0.001), "callbacks": lambda: [ReduceOnPlateau(patience=1)]},
    "early stopping": {"optimizer": lambda: SGD(0.1), "callbacks": lambda: [EarlyStopping(min_delta=1, patience=4)]},
    "best weights": {"callbacks": lambda: [Spoils(), EarlyStopping(patience=EPOCHS)]},
    "codec": {"layers": lambda rng: [EntropyBottleneck(8, [0.01, 0.001], rng=rng)]},
    "in order": {"shuffle": False, "rng": None, "validation_data": None},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_training_ends_bit_for_bit_where_one_without_a_stop_ends(kind, tmp_path):
    whole = Program(**KINDS[kind])
    expected = whole.fit().history
    for stop in (1, STEPS, STEPS + 1, 3 * STEPS + 2):  # in the first epoch, at its end, in the second, in the fourth
        path = tmp_path / str(stop)
        assert Program(**KINDS[kind]).fit(path, stop) is None
        again = Program(**KINDS[kind])
        assert again.fit(path).history == expected
        assert again.everything() == whole.everything()


def test_a_training_may_be_stopped_many_times(tmp_path):
    whole = Program(**KINDS["adam"])
    whole.fit()
    for stop in (7, 1, STEPS, 2 * STEPS + 1, 4):
        assert Program(**KINDS["adam"]).fit(tmp_path / "checkpoint", stop) is None
    again = Program(**KINDS["adam"])
    again.fit(tmp_path / "checkpoint")
    assert again.everything() == whole.everything()


@pytest.mark.parametrize("kind", ["adam", "momentum", "best weights"])
def test_the_same_objects_may_go_on_after_an_interruption(kind, tmp_path):
    whole, program = Program(**KINDS[kind]), Program(**KINDS[kind])
    whole.fit()
    assert program.fit(tmp_path / "checkpoint", 3 * STEPS + 2) is None
    program.fit(tmp_path / "checkpoint")
    assert program.everything() == whole.everything()


def test_a_checkpoint_does_not_change_the_training(tmp_path):
    without, with_one = Program(**KINDS["adam"]), Program(**KINDS["adam"])
    assert without.fit().history == with_one.fit(tmp_path / "checkpoint").history
    assert without.everything() == with_one.everything()


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_training_comes_back_without_a_step(kind, tmp_path):
    whole, again = Program(**KINDS[kind]), Program(**KINDS[kind])
    history = whole.fit(tmp_path / "checkpoint").history
    assert again.fit(tmp_path / "checkpoint", stop=1).history == history
    assert again.everything() == whole.everything()


def test_a_training_that_stopped_early_stays_stopped(tmp_path):
    program = Program(callbacks=lambda: [EarlyStopping(min_delta=1, patience=2)])
    assert len(program.fit(tmp_path / "checkpoint").history["loss"]) == 3 < EPOCHS
    again = Program(callbacks=lambda: [EarlyStopping(min_delta=1, patience=2)])
    assert len(again.fit(tmp_path / "checkpoint", stop=1).history["val_loss"]) == 3
    assert again.everything() == program.everything()


def test_tables_and_best_weights_are_those_of_one_training(tmp_path):
    def made(folder, *stops):
        folder.mkdir()
        options = {"callbacks": lambda: [Spoils(), CSVLogger(folder / "log.csv"), ModelCheckpoint(folder / "best")]}
        for stop in (*stops, 0):
            Program(**options).fit(folder / "checkpoint", stop)
        return [(folder / name).read_bytes() for name in ("log.csv", "best")]

    assert made(tmp_path / "whole") == made(tmp_path / "stopped", 2 * STEPS + 1, 2 * STEPS)


def test_the_start_is_saved_too(tmp_path):
    whole = Program()
    whole.fit()
    Program().fit(tmp_path / "checkpoint", stop=2)
    other_start = Program()
    other_start.model.set_weights([weight + 1 for weight in other_start.model.get_weights()])
    other_start.fit(tmp_path / "checkpoint")
    assert other_start.everything() == whole.everything()


def test_who_shared_a_generator_goes_on_sharing_it(tmp_path):
    Program(layers=shared).fit(tmp_path / "checkpoint", stop=7)
    again = Program(layers=shared)
    dropout = next(layer for layer in again.model.layers if isinstance(layer, Dropout))
    generator = again.rng.bit_generator
    again.fit(tmp_path / "checkpoint")
    assert dropout.rng is again.rng
    assert again.rng.bit_generator is generator


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_generator_of_numpy_goes_on_where_it_was(kind, tmp_path):
    whole, stopped, again = (Program(rng=np.random.Generator(kind(5))) for _ in range(3))
    for program in (whole, stopped, again):
        program.rng = program.options["rng"]
    whole.fit()
    stopped.fit(tmp_path / "checkpoint", stop=8)
    again.fit(tmp_path / "checkpoint")
    assert again.everything() == whole.everything()


def test_generators_are_found_in_layers_inside_of_layers_callbacks_and_augmentations(tmp_path):
    class Draws(Callback):
        memories = ("drawn",)

        def on_train_begin(self, model, epochs, steps):
            self.rng, self.drawn = rngs[1], []

        def on_epoch_end(self, model, epoch, logs):
            self.drawn.append(self.rng.random())

        def rngs(self):
            return [self.rng]

    class Brightens:
        def __init__(self, rng):
            self.rng = rng

        def __call__(self, batch, rng):
            return batch * self.rng.uniform(0.5, 1)

        def rngs(self):
            return [self.rng]

    def program():
        inner = Sequential([Dropout(0.3, rng=rngs[0])])
        callback = Draws()
        callback.rng = rngs[1]
        return Program(layers=lambda rng: [inner], callbacks=lambda: [callback], augment=Brightens(rngs[2]))

    ends = []
    for stop in (0, 13, 0):
        rngs = [np.random.default_rng(seed) for seed in (1, 2, 3)]
        started = program()
        started.fit(tmp_path / "checkpoint" if ends else None, stop)
        ends.append((started.everything(), [rng.bit_generator.state for rng in rngs]))
    assert ends[2] == ends[0] != ends[1]


def test_a_callback_of_ones_own_is_given_back_what_it_returns(tmp_path):
    seen = []

    class Remembers(Callback):
        def state(self):
            return {
                "numbers": [1, 2.5, None, True, np.inf, 2**100],
                "array": np.arange(3),
                "scalar": np.float32(0.1),
                "text": {"": "é"},
            }

        def load_state(self, state):
            seen.append(state)

    for _ in range(2):
        Program(callbacks=lambda: [Remembers()]).fit(tmp_path / "checkpoint", stop=8)
    (state,) = seen
    assert repr(state) == repr(Remembers().state())


@pytest.mark.parametrize("value", [{1, 2}, {1: 2}, object(), 1j])
def test_what_no_file_can_hold_is_refused_before_the_first_step(value, tmp_path):
    class Remembers(Callback):
        memories = ("value",)

    callback = Remembers()
    callback.value = [0, value]
    program = Program(callbacks=lambda: [callback], epochs=1)
    before = [weight.tobytes() for weight in program.model.get_weights()]
    with pytest.raises(TypeError, match=r"a state is expected to hold numbers, .* received for callbacks\.1\.value\.1"):
        program.fit(tmp_path / "checkpoint")
    assert [weight.tobytes() for weight in program.model.get_weights()] == before
    assert not (tmp_path / "checkpoint").exists()


def test_steps_without_a_change_of_output_are_counted_on(tmp_path):
    """The watch ends a collapsed training after 20 steps; 9 of them before the stop."""

    def collapsed():
        program = Program(optimizer=lambda: SGD(1e-30), epochs=9, layers=lambda rng: [])
        program.model.layers[2].weight.value[:] = program.model.layers[2].bias.value[:] = 0
        return program

    whole, stopped, again = collapsed(), collapsed(), collapsed()
    with pytest.raises(TrainingError, match="stopped at step 20") as first:
        whole.fit()
    stopped.fit(tmp_path / "checkpoint", stop=2 * STEPS)
    with pytest.raises(TrainingError) as second:
        again.fit(tmp_path / "checkpoint")
    assert str(first.value) == str(second.value)


class Thaws(Callback):
    """Lets the first layer's weight learn from the third epoch on, and tells nobody."""

    def on_epoch_begin(self, model, epoch):
        if epoch == 3:
            model.parameters[0].trainable = True


def frozen(**options):
    program = Program(**options)
    program.model.parameters[0].trainable = False
    return program


@pytest.mark.parametrize("stop", [STEPS, 2 * STEPS, 4 * STEPS])
def test_what_was_frozen_or_thawed_stays_so(stop, tmp_path):
    whole = frozen(callbacks=lambda: [Thaws()])
    whole.fit()
    frozen(callbacks=lambda: [Thaws()]).fit(tmp_path / "checkpoint", stop=stop + 1)
    for again in (frozen(callbacks=lambda: [Thaws()]), Program(callbacks=lambda: [Thaws()])):  # as it was, and without freezing
        shutil.copy(tmp_path / "checkpoint", tmp_path / "copy")
        again.fit(tmp_path / "copy")
        assert again.everything() == whole.everything()


def test_a_checkpoint_that_does_not_say_what_was_frozen_leaves_that_to_the_program(tmp_path):
    whole = frozen()
    whole.fit()
    frozen().fit(tmp_path / "checkpoint", stop=2 * STEPS + 1)
    rewrite(tmp_path / "checkpoint", "state", lambda state: state.replace('"frozen": ["2.weight"], ', ""))
    again = frozen()
    again.fit(tmp_path / "checkpoint")
    assert again.everything() == whole.everything() and not again.model.parameters[0].trainable


# --- files of an older version


def rewrite(path, name, change):
    """Write a checkpoint anew, and its checksum, with a text of its metadata changed."""
    arrays, metadata = safetensors.read(path)
    del metadata["crc32"]
    metadata[name] = change(metadata[name])
    metadata["crc32"] = weights.checksum(arrays, metadata)
    safetensors.write(path, arrays, metadata)


def make_older(path):
    """Rewrite a checkpoint, without targets and with a CSVLogger first among the callbacks, as the first format had it."""
    arrays, metadata = safetensors.read(path)
    job, state = json.loads(metadata["job"]), json.loads(metadata["state"])
    job["checksums of the data"] = [checksum for checksum in job["checksums of the data"] for _ in "xy"]
    logger = state["callbacks"][1]  # behind the history
    epochs = logger.pop("_epochs")
    logger["_rows"] = [",".join(epochs[0]), *(",".join(map(repr, numbers.values())) for numbers in epochs)]
    state["numbers"]["step_count"] = job["the optimizer's step_count"] = 2 * STEPS
    metadata = {"format": "nnlite training 1", "job": json.dumps(job), "state": json.dumps(state)}
    metadata["crc32"] = weights.checksum(arrays, metadata)
    safetensors.write(path, arrays, metadata)


def test_a_checkpoint_of_the_first_format_goes_on_with_its_table(tmp_path):
    def program(name):
        return Program(callbacks=lambda: [CSVLogger(tmp_path / name), EarlyStopping(patience=EPOCHS)])

    whole, again = program("whole.csv"), program("again.csv")
    expected = whole.fit().history
    program("stopped.csv").fit(tmp_path / "checkpoint", stop=2 * STEPS + 1)
    make_older(tmp_path / "checkpoint")
    assert again.fit(tmp_path / "checkpoint").history == expected
    assert again.everything() == whole.everything()
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_a_whole_number_as_a_setting_is_the_same_whether_it_was_kept_with_its_point(tmp_path):
    path, whole = tmp_path / "checkpoint", Program(noise=1.0)
    whole.fit()
    Program(noise=1.0).fit(path, stop=2 * STEPS + 1)
    rewrite(path, "job", lambda job: job.replace("deviation=1.0", "deviation=1"))
    again = Program(noise=1.0)
    again.fit(path)
    assert again.everything() == whole.everything()


def test_a_checkpoint_of_the_first_format_and_of_other_images_is_refused(tmp_path):
    def program():
        return Program(callbacks=lambda: [CSVLogger(tmp_path / "log.csv")])

    program().fit(tmp_path / "checkpoint", stop=2 * STEPS + 1)
    make_older(tmp_path / "checkpoint")
    refused(program(), tmp_path / "checkpoint", CheckpointError, "with checksums of the data", images=IMAGES[::-1])


# --- files that are not of this training


def refused(program, path, error, message, **options):
    """Check that fit raises this and changes nothing, not even by an event."""
    before, file = program.everything(), path.read_bytes()
    with pytest.raises(error, match=message):
        program.fit(path, **options)
    assert program.everything() == before
    assert path.read_bytes() == file
    assert not program.stops.told


@pytest.fixture
def path(tmp_path):
    """A checkpoint of a training that was stopped in its second epoch."""
    path = tmp_path / "checkpoint"
    Program().fit(path, stop=8)
    return path


OTHERS = {
    "batch size": (
        {"batch_size": 9},
        "with batch_size 9, received one with batch_size 8: use the settings and seeds of before, give fit another path, or remove",
    ),
    "order": ({"shuffle": False}, "with shuffle False"),
    "augmentation": ({"augment": RandomShift(1)}, "with augment RandomShift"),
    "validation": ({"validation_data": IMAGES[:8]}, "with checksums of the data"),
    "optimizer": ({"optimizer": AdamW}, "with optimizer AdamW, received one with optimizer Adam"),
    "learning rate": ({"optimizer": lambda: Adam(0.02)}, r"with the optimizer's learning_rate 0\.02, .* learning_rate 0\.01"),
    "amsgrad": ({"optimizer": lambda: Adam(0.01, amsgrad=True)}, "with the optimizer's amsgrad True"),
    "clipping": ({"optimizer": lambda: Adam(0.01, clip_norm=1)}, r"clip_norm 1, received one with .* clip_norm None"),
    "callbacks": ({"callbacks": lambda: [EarlyStopping()]}, r"with callbacks \['History', 'EarlyStopping', 'Stops'\], received"),
    "layers": ({"layers": lambda rng: [ReLU()]}, r"with layers \["),
    "a layer's setting": ({"noise": 0.2}, r"with layers \[.*GaussianNoise\(deviation=0\.2\).*, received .*deviation=0\.1"),
    "loss": ({"loss": Huber(2.0)}, r"with loss Huber\(delta=2\), received one with loss MeanSquaredError\(\)"),
    "generators": ({"rng": np.random.Generator(np.random.MT19937(1))}, r"with random generators \['MT19937\(3, .*PCG64\(3"),
    "step": ({"compiled": False}, "with compiled False, received one with compiled None"),
    "seed": ({"seed": 4}, r"PCG64\(4, \(\)\).*, received one with .*PCG64\(3, \(\)\)"),
}


@pytest.mark.parametrize(
    ("options", "others", "message"),
    [
        ({"loss": Huber(1.0)}, {"loss": Huber(2.0)}, r"with loss Huber\(delta=2\), received one with loss Huber\(delta=1\)"),
        ({"augment": RandomShift(1)}, {"augment": RandomShift(2)}, r"with augment RandomShift\(pixels=2\), received"),
        (
            {"layers": lambda rng: [Sequential([ReLU(), LeakyReLU(0.1)])]},
            {"layers": lambda rng: [Sequential([ReLU(), LeakyReLU(0.2)])]},
            r"Sequential\(layers=\[ReLU\(\), LeakyReLU\(slope=0\.2\)\]\)",
        ),
        (
            {"layers": lambda rng: [BatchNormalization(8, momentum=0.9)]},
            {"layers": lambda rng: [BatchNormalization(8, momentum=np.float32(0.5))]},
            r"BatchNormalization\(momentum=0\.5, epsilon=",
        ),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_and_one_of_the_same_is_not(options, others, message, tmp_path):
    assert Program(**options).fit(tmp_path / "checkpoint", stop=8) is None
    refused(Program(**others), tmp_path / "checkpoint", CheckpointError, message)
    assert Program(**options).fit(tmp_path / "checkpoint")


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_job_is_refused_and_changes_nothing(other, path):
    changes, message = OTHERS[other]
    refused(Program(**changes), path, CheckpointError, f"checkpoint: expected a checkpoint of this training, .*{message}")


def test_a_checkpoint_of_other_images_is_refused_and_changes_nothing(path):
    refused(Program(), path, CheckpointError, "with checksums of the data", images=IMAGES[::-1])


def test_a_checkpoint_of_more_images_is_refused_and_changes_nothing(path):
    few, all_ = len(IMAGES) - 8, len(IMAGES)
    refused(Program(), path, CheckpointError, f"with samples {few}, received one with samples {all_}", images=IMAGES[:few])


def test_a_checkpoint_of_other_widths_is_refused_and_changes_nothing(path):
    program = Program()
    program.model = Autoencoder(
        [*program.model.layers[:2], Dense(16, 7, rng=program.rng), ReLU()],
        [Dense(7, 16, rng=program.rng), Sigmoid(), Reshape((4, 4))],
    )
    program.model.compile(Adam(0.01), "mse")
    refused(program, path, CheckpointError, r"with parameter 2\.weight float32 \(16, 7\), received one with .*\(16, 8\)")


def test_a_file_of_weights_is_no_checkpoint(tmp_path):
    save_weights(Program().model, tmp_path / "weights")
    message = "checkpoint as fit writes it, .* received 'nnlite weights': give fit another path"
    refused(Program(), tmp_path / "weights", CheckpointError, message)


def test_a_damaged_checkpoint_is_refused_and_changes_nothing(path, rng):
    whole = path.read_bytes()
    positions = np.unique([*range(40), *rng.integers(0, len(whole), 60)])
    damaged = [whole[:position] + bytes([whole[position] ^ 1 << rng.integers(8)]) + whole[position + 1 :] for position in positions]
    damaged += [b"", whole[:-1], whole[: len(whole) // 2], whole + b"\0"]
    for data in damaged:
        path.write_bytes(data)
        refused(Program(), path, (CheckpointError, safetensors.FormatError), "checkpoint: .*expected")


def forge(path, change):
    """Write a checkpoint whose checksum is right although `change` was applied to its state."""

    def forged(text):
        state = json.loads(text)
        change(state)
        return json.dumps(state)

    rewrite(path, "state", forged)


FORGERIES = {
    "no parameters": lambda state: state.pop("parameters"),
    "a parameter of another shape": lambda state: state["parameters"].update({"2.weight": state["parameters"]["2.bias"]}),
    "an array that is not there": lambda state: state["parameters"].update({"2.weight": {"__array__": "none"}}),
    "a frozen parameter that is not there": lambda state: state.update(frozen=["9.weight"]),
    "a text of what is frozen": lambda state: state.update(frozen="2.weight"),
    "a number that is text": lambda state: state["numbers"].update(learning_rate="fast"),
    "an attribute of the optimizer": lambda state: state["numbers"].update(step=1.0),
    "another optimizer's memory": lambda state: state["optimizer"].update(m=[]),
    "an epoch that is text": lambda state: state.update(epoch="3"),
    "a negative epoch": lambda state: state.update(epoch=-1),
    "half an epoch": lambda state: state.update(epoch=1.5),
    "a truth in place of a count": lambda state: state.update(watch=[True, 0]),
    "an end that is text": lambda state: state.update(stopped="no"),
    "a watch of one number": lambda state: state.update(watch=[1]),
    "a generator of fractions": lambda state: state["generators"][1]["state"].update(state=2118.019),
    "a generator missing": lambda state: state["generators"].pop(),
    "another kind of generator": lambda state: state["generators"].reverse(),
    "a generator that reads elsewhere": lambda state: state["generators"][1]["state"].update(pos=10**6),
    "a path for a callback to write to": lambda state: state["callbacks"][0].update(path="elsewhere"),
    "a callback's memory that is text": lambda state: state["callbacks"].__setitem__(0, "memory"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_checkpoint_is_refused_and_changes_nothing(tmp_path, name):
    program = Program(callbacks=lambda: [EarlyStopping()])
    program.fit(tmp_path / "checkpoint", stop=2 * STEPS)
    forge(tmp_path / "checkpoint", FORGERIES[name])
    again = Program(callbacks=lambda: [EarlyStopping()])
    refused(again, tmp_path / "checkpoint", CheckpointError, "expected the state of this training|expected a checkpoint as fit")


@pytest.mark.parametrize("name", ["job", "state"])
def test_a_checkpoint_that_is_no_json_is_said_to_be_none(path, name):
    rewrite(path, name, lambda text: "{")
    refused(Program(), path, CheckpointError, "expected a checkpoint as fit writes it, received one without its entries: ")


def test_a_missing_folder_is_an_error_before_the_first_step(tmp_path):
    program = Program()
    with pytest.raises(FileNotFoundError):
        program.fit(tmp_path / "folder" / "checkpoint", stop=1)


# --- the file


def test_the_file_is_written_after_each_epoch(tmp_path):
    class Reads(Callback):
        def __init__(self):
            self.epochs = []

        def on_epoch_begin(self, model, epoch):
            self.epochs.append(json.loads(safetensors.read(tmp_path / "checkpoint")[1]["state"])["epoch"])

    reads = Reads()
    Program(callbacks=lambda: [reads]).fit(tmp_path / "checkpoint")
    assert reads.epochs == list(range(EPOCHS))


def test_the_file_holds_the_parameters_by_name(path):
    arrays, _ = safetensors.read(path)
    program = Program()
    for name, parameter in program.model.named_parameters().items():
        assert arrays[f"parameters.{name}"].shape == parameter.value.shape


def test_what_a_killed_write_has_left_is_removed(path):
    (path.parent / ".checkpoint.0123abcd.tmp").write_bytes(b"half")
    (path.parent / ".other.0123abcd.tmp").write_bytes(b"not mine")
    Program().fit(path)
    assert sorted(file.name for file in path.parent.iterdir()) == [".other.0123abcd.tmp", "checkpoint"]


def test_a_training_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path, rng):
    counts = kill_training.Counts()
    seconds = kill_training.train_undisturbed(tmp_path / "whole")
    expected = kill_training.results(tmp_path / "whole")
    kill_training.kill_and_resume(tmp_path / "killed", expected, 3, seconds / 2, rng, counts)
    assert counts.kills >= 1


# --- more epochs, and the weights alone


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adam"])  # whose schedule depends on the number of epochs
def test_a_finished_training_goes_on_with_more_epochs_as_if_from_the_start(kind, tmp_path):
    whole, first, again = Program(**KINDS[kind]), Program(**{**KINDS[kind], "epochs": 2}), Program(**KINDS[kind])
    expected = whole.fit().history
    assert len(first.fit(tmp_path / "checkpoint").history["loss"]) == 2
    assert again.fit(tmp_path / "checkpoint").history == expected
    assert again.everything() == whole.everything()


def test_the_same_objects_may_train_two_more_epochs(tmp_path):
    whole, program = Program(epochs=4), Program(epochs=2)
    expected = whole.fit().history
    program.fit(tmp_path / "checkpoint")
    program.options["epochs"] = 4
    assert program.fit(tmp_path / "checkpoint").history == expected
    assert program.everything() == whole.everything()


def test_a_training_that_was_killed_may_go_on_with_fewer_epochs_than_planned(tmp_path):
    whole = Program(epochs=3)
    whole.fit()
    Program().fit(tmp_path / "checkpoint", stop=2 * STEPS)
    again = Program(epochs=3)
    again.fit(tmp_path / "checkpoint")
    assert again.everything() == whole.everything()


def test_more_epochs_with_a_schedule_go_on_and_say_that_they_differ(tmp_path):
    def scheduled(epochs):
        return Program(
            epochs=epochs, optimizer=lambda: SGD(0.1), callbacks=lambda: [LearningRateSchedule(line), LearningRateLogger()]
        )

    def line(progress):
        return 1 - progress / 2

    scheduled(2).fit(tmp_path / "checkpoint")
    again = scheduled(4)
    message = "was made for 2 epochs, and LearningRateSchedule depends on that number: a training of 4"
    with pytest.warns(UserWarning, match=message) as record:
        again.fit(tmp_path / "checkpoint")
    assert record[0].filename == __file__
    assert again.callbacks[1].rates == pytest.approx([0.1, 0.075, 0.075, 0.0625])  # the schedule of 2, then that of 4
    scheduled(4).fit(tmp_path / "checkpoint")  # finished, and no other number of epochs: no warning


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    Program(epochs=4).fit(tmp_path / "checkpoint")
    message = "it has trained for 4 epochs already, received epochs=3: ask for more"
    refused(Program(epochs=3), tmp_path / "checkpoint", CheckpointError, message)


def test_the_weights_of_a_checkpoint_can_be_loaded_alone(tmp_path):
    program, other = Program(epochs=2, layers=shared), Program(seed=9, layers=shared)
    program.fit(tmp_path / "checkpoint")
    load_weights(other.model, tmp_path / "checkpoint")
    for loaded, trained in zip(other.model.get_weights(), program.model.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, trained)


def test_a_damaged_checkpoint_gives_no_weights(path):
    arrays, metadata = safetensors.read(path)
    arrays["parameters.2.weight"] = arrays["parameters.2.weight"] + 1
    safetensors.write(path, arrays, metadata)
    model = Program().model
    before = [weight.tobytes() for weight in model.get_weights()]
    with pytest.raises(CheckpointError, match=r"expected the checksum .*: damaged"):
        load_weights(model, path)
    assert [weight.tobytes() for weight in model.get_weights()] == before


def test_the_weights_of_a_checkpoint_of_another_model_are_refused(path):
    with pytest.raises(CheckpointError, match="expected the model's parameters, received a file without"):
        load_weights(Sequential([Dense(16, 8, rng=np.random.default_rng(0))]), path)
