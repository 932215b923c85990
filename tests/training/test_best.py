"""Equal numbers are not better ones: what early stopping and checkpoints do on a plateau, and a little beside it."""

import numpy as np
import pytest

from nnlite import Dense, EarlyStopping, ModelCheckpoint, Sequential


class Model:
    """One whose weights are the number of its epoch, and that counts how often they are asked for."""

    stop_training = False
    epoch = 0

    def get_weights(self):
        return [np.full(1, self.epoch)]

    def set_weights(self, weights):
        self.epoch = int(weights[0][0])


@pytest.mark.parametrize(
    ("losses", "options", "best"),
    [
        ([4, 4, 4], {}, 1),
        ([4, 4, np.nextafter(4, 0)], {}, 3),
        ([4, 3.5], {"min_delta": 0.5}, 1),
        ([4, np.nextafter(3.5, 0)], {"min_delta": 0.5}, 2),
        ([np.nan, np.nan, 7], {"patience": 9}, 3),
        ([np.inf, np.inf, 7], {}, 3),
    ],
)
def test_only_a_number_below_the_best_by_more_than_the_least_difference_is_better(losses, options, best):
    model, stopping = Model(), EarlyStopping(**options)
    stopping.on_train_begin(model, len(losses), 1)
    for model.epoch, loss in enumerate(losses, 1):
        stopping.on_epoch_logged(model, model.epoch, {"val_loss": loss})
    stopping.on_train_end(model)
    assert (stopping.best_epoch, model.epoch) == (best, best)


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_on_a_plateau_the_training_ends_when_patience_does(patience):
    model, stopping = Model(), EarlyStopping(patience=patience)
    stopping.on_train_begin(model, 9, 1)
    for epoch in range(1, 1 + patience):
        stopping.on_epoch_logged(model, epoch, {"val_loss": 1.0})
        assert not model.stop_training
    stopping.on_epoch_logged(model, patience + 1, {"val_loss": 1.0})
    assert model.stop_training


def test_before_any_epoch_there_is_no_best_one():
    stopping = EarlyStopping()
    assert (stopping.best_epoch, stopping.best) == (0, np.inf)


@pytest.mark.parametrize("losses", [[4, 5, 6, 3], [4, 3, 3, 3, 3], [4, 5, 3.5, 5, 5, 5]])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_with_its_state_another_object_stops_early_where_the_first_would(losses, cut):
    model, first, second = Model(), EarlyStopping(), EarlyStopping()
    first.on_train_begin(model, 9, 1)
    for model.epoch, loss in enumerate(losses[:cut], 1):
        first.on_epoch_logged(model, model.epoch, {"val_loss": loss})
    second.on_train_begin(model, 9, 1)
    second.load_state(first.state())
    for model.epoch, loss in enumerate(losses[cut:], cut + 1):
        first.on_epoch_logged(model, model.epoch, {"val_loss": loss})
        second.on_epoch_logged(model, model.epoch, {"val_loss": loss})
        assert second.state() == first.state()
    second.on_train_end(model)
    assert model.epoch == second.best_epoch == 1 + int(np.argmin(losses))


def test_with_its_state_another_checkpoint_keeps_the_better_weights(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr("nnlite.training.best.save_weights", lambda model, path: saved.append(model))
    model, (first, second) = Sequential([Dense(1, 1, rng=np.random.default_rng(1))]), map(ModelCheckpoint, [tmp_path / "a"] * 2)
    for checkpoint, losses in ((first, [3, 2]), (second, [2, 1])):
        checkpoint.on_train_begin(model, 2, 1)
        if checkpoint is second:
            second.load_state(first.state())
        for epoch, loss in enumerate(losses, 1):
            checkpoint.on_epoch_logged(model, epoch, {"val_loss": loss})
    assert len(saved) == 3


def test_three_epochs_of_patience_unless_another_number_is_given():
    assert (EarlyStopping().patience, EarlyStopping().min_delta, EarlyStopping().monitor) == (3, 0, "val_loss")


def test_a_plateau_of_equal_losses_leaves_the_checkpoint_of_its_first_epoch(tmp_path, monkeypatch):
    model, saved = Sequential([Dense(1, 1, rng=np.random.default_rng(1))]), []
    monkeypatch.setattr("nnlite.training.best.save_weights", lambda model, path: saved.append(path))
    checkpoint, written = ModelCheckpoint(tmp_path / "weights"), []
    checkpoint.on_train_begin(model, 6, 1)
    for epoch, loss in enumerate([5, 4, 4, np.nextafter(4, 5), np.nextafter(4, 0), np.nextafter(4, 0)], 1):
        checkpoint.on_epoch_logged(model, epoch, {"val_loss": loss})
        written.append(len(saved))
    assert written == [1, 2, 2, 2, 3, 3]
