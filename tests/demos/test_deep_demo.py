"""The demo of the deep autoencoder: what it measures, what it writes, and its errors."""

import numpy as np
import pytest
from tiny_data import measured, one_line, run_demo

from demos import deep
from nnlite import load_weights
from nnlite.datasets import load_idx_folder

SMALL = ["--hidden", "24", "--latent", "3", "--epochs", "3", "--batch-size", "32"]


def run(data, folder, *arguments):
    return measured(deep, data, folder, *SMALL, *arguments)


def test_the_error_is_that_of_the_weights_it_wrote(blob_data, tmp_path):
    metrics = run(blob_data, tmp_path, "--quiet")
    images = load_idx_folder(blob_data).test_images
    model = deep.make_model(images.shape[1:], metrics["hidden"], metrics["latent"], np.random.default_rng())
    load_weights(model, tmp_path / "model.safetensors")
    squared = np.sum((model.predict(images) - images / 255) ** 2, axis=(1, 2))
    assert metrics["test_squared_error"] == pytest.approx(squared.mean(), rel=1e-5)
    assert metrics["test_mse"] == pytest.approx(squared.mean() / 64, rel=1e-5)
    assert metrics["test_mse_by_seed"]["0"] == pytest.approx(metrics["val_loss"][-1], rel=1e-5)


def test_principal_components_leave_the_variance_of_all_others(blob_data, tmp_path, monkeypatch):
    monkeypatch.setattr(deep, "draw", lambda *_: None)
    metrics = run(blob_data, tmp_path, "--epochs", "1", "--quiet")
    data = load_idx_folder(blob_data)
    train, test = (images.reshape(len(images), -1) / 255 for images in (data.train_images, data.test_images))
    mean = train.mean(axis=0)
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:3]
    left = test - mean - (test - mean) @ directions.T @ directions  # not limited to [0, 1]
    assert metrics["principal_components_squared_error"] == pytest.approx(np.sum(left**2, axis=1).mean(), rel=1e-5)


def test_several_runs_are_models_of_their_own_seeds_and_their_mean(blob_data, tmp_path, capsys):
    both = run(blob_data, tmp_path / "both", "--runs", "2", "--seed", "4")
    assert "mean of 2 models" in capsys.readouterr().out
    alone = [run(blob_data, tmp_path / seed, "--seed", seed, "--quiet")["test_mse"] for seed in ("4", "5")]
    assert list(both["test_mse_by_seed"].values()) == alone and alone[0] != alone[1]
    assert both["test_mse"] == pytest.approx(np.mean(alone))


def test_it_goes_on_from_a_checkpoint_and_ends_the_same(blob_data, tmp_path):
    file = tmp_path / "training.safetensors"
    first = run(blob_data, tmp_path, "--checkpoint", str(file), "--quiet")
    again = run(blob_data, tmp_path, "--checkpoint", str(file), "--quiet")  # all epochs are done: nothing is left to train
    assert first["test_mse"] == again["test_mse"] == run(blob_data, tmp_path, "--quiet")["test_mse"]


@pytest.mark.parametrize("arguments", [["--learning-rate", "0.1"], ["--runs", "2"]])
def test_a_checkpoint_of_another_training_is_refused(blob_data, tmp_path, arguments, capsys):
    small = ["--data", blob_data, "--out", tmp_path, *SMALL, "--checkpoint", tmp_path / "training", "--quiet"]
    assert [run_demo(deep, *small), run_demo(deep, *small, *arguments)] == [0, 2]
    assert "argument --checkpoint: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--latent", "0"], ["--hidden", "3,x"], ["--runs", "0"], ["--learning-rate", "-1"], ["--checkpoint", "x", "--runs", "2"]],
    ids=" ".join,
)
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, arguments, capsys):
    assert run_demo(deep, "--out", tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and one_line(err) and arguments[0] in err
