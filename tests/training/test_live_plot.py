"""The picture of a training that goes on: there after each epoch, whole, and showing what was logged."""

import io
import math

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from nnlite import Callback, Dense, LearningRateSchedule, LivePlot, Sequential
from nnlite.optimizers import SGD


@pytest.fixture
def drawn(monkeypatch):
    """A list that is filled with the figures as they are drawn."""
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **named: (figures.append(figure), save(figure, *args, **named)))
    return figures


def fit(plot, rng, *callbacks, epochs=2, **options):
    model = Sequential([Dense(3, 3, rng=rng)])
    model.compile(SGD(0.1), "mse")
    x = rng.random((9, 3)).astype(np.float32)
    return model.fit(
        x, epochs=epochs, validation_data=x[:4], rng=rng, callbacks=[*callbacks, plot], verbose=False, **options
    ).history  # fmt: skip


def curves(figure):
    """Return the numbers of all curves by their labels."""
    return {line.get_label(): list(line.get_ydata()) for axes in figure.axes for line in axes.lines}


def test_after_each_epoch_there_is_a_whole_picture_and_nothing_else(rng, tmp_path):
    path, pictures = tmp_path / "plot.png", []

    class Looks(Callback):
        def on_epoch_begin(self, model, epoch):
            pictures.append(path.read_bytes() if path.exists() else None)

    fit(LivePlot(path), rng, Looks())
    pictures.append(path.read_bytes())
    assert pictures[0] is None
    assert pictures[1] != pictures[2]
    for picture in pictures[1:]:
        pixels = matplotlib.image.imread(io.BytesIO(picture), format="png")
        assert pixels.shape == (480, 768, 4)
        assert pixels.std() > 0.05
    assert list(tmp_path.iterdir()) == [path]


def test_the_curves_are_the_history(rng, tmp_path, drawn):
    history = fit(LivePlot(tmp_path / "plot.png"), rng)
    assert [curves(figure) for figure in drawn] == [
        {name: numbers[:count] for name, numbers in history.items()} for count in (1, 2)
    ]
    axes = drawn[1].axes[0]
    assert axes.get_title().startswith(f"epoch 2 of 2: loss {history['loss'][1]:.4g}, val_loss ")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "val_loss"]


def test_the_learning_rate_is_drawn_below_if_wished(rng, tmp_path, drawn):
    schedule = LearningRateSchedule(lambda progress: 1 - progress)
    fit(LivePlot(tmp_path / "plot.png", learning_rate=True), rng, schedule)
    assert curves(drawn[-1])["learning rate"] == pytest.approx([0.1, 0.05])
    assert [axes.get_ylabel() for axes in drawn[-1].axes] == ["loss", "learning rate"]


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([5, 1], "log"),
        ([1e6, 1e-6], "log"),
        ([4, 1], "linear"),
        ([5, 0], "linear"),
        ([5, -1], "linear"),
        ([5, math.nan, 1], "linear"),
    ],
)
def test_the_scale_is_logarithmic_for_positive_numbers_of_different_size(losses, scale, rng, tmp_path, drawn):
    plot = LivePlot(tmp_path / "plot.png")
    plot.on_train_begin(None, len(losses), 1)
    for epoch, loss in enumerate(losses, 1):
        plot.on_epoch_logged(None, epoch, {"loss": loss})
    assert drawn[-1].axes[0].get_yscale() == scale


@pytest.mark.parametrize(("largest", "has_two"), [(99, True), (100, False)])
def test_twos_and_fives_are_ticks_where_the_numbers_span_less_than_a_hundred(largest, has_two, tmp_path, drawn):
    plot = LivePlot(tmp_path / "plot.png")
    plot.on_train_begin(None, 2, 1)
    for epoch, loss in enumerate([largest, 1], 1):
        plot.on_epoch_logged(None, epoch, {"loss": loss})
    ticks = drawn[-1].axes[0].get_yticks()
    assert all((np.isclose(ticks, tick).any()) == has_two for tick in (2, 5, 20, 50))
    assert np.isclose(ticks, 10).any()


def test_the_curves_go_on_with_a_training_that_was_stopped(tmp_path, drawn):
    class Stops(Callback):
        def __init__(self, epoch):
            self.epoch = epoch

        def on_epoch_begin(self, model, epoch):
            if epoch == self.epoch:
                raise KeyboardInterrupt

    def training(stop):
        rng = np.random.default_rng(4)
        return fit(LivePlot(tmp_path / "plot.png"), rng, Stops(stop), epochs=3, checkpoint=tmp_path / "checkpoint")

    with pytest.raises(KeyboardInterrupt):
        training(3)
    assert curves(drawn[-1])["loss"] == training(0)["loss"][:2]
    assert len(curves(drawn[-1])["loss"]) == 3


@pytest.mark.parametrize(("epochs", "end"), [(1, 2.5), (2, 2.5), (3, 3.5)])
def test_epochs_are_whole_numbers_with_room_for_two_at_least(epochs, end, tmp_path, drawn):
    plot = LivePlot(tmp_path / "plot.png")
    plot.on_train_begin(None, epochs, 1)
    plot.on_epoch_logged(None, 1, {"loss": 1})
    axes = drawn[-1].axes[0]
    assert axes.get_xlim() == (0.5, end)
    assert all(tick == round(tick) for tick in axes.get_xticks())
