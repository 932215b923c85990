"""The demo of the deep autoencoder: what it measures, what it writes, and its errors."""

import json

import numpy as np
import pytest
from tiny_codec import blobs
from tiny_data import write_data

from demos import deep
from nnlite import load_weights
from nnlite.datasets import load_idx_folder

SMALL = ["--hidden", "24", "--code", "3", "--epochs", "3", "--batch-size", "32"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), blobs(300, seed=1), blobs(100, seed=2))


def run(data, folder, *arguments):
    assert deep.main(["--data", str(data), "--out", str(folder), *SMALL, *arguments]) == 0
    return json.loads((folder / "metrics.json").read_text())


def test_the_error_is_that_of_the_weights_it_wrote(data, tmp_path):
    metrics = run(data, tmp_path, "--quiet")
    images = load_idx_folder(data).test_images
    model = deep.make_model(images.shape[1:], metrics["hidden"], metrics["code"], np.random.default_rng())
    load_weights(model, tmp_path / "model.safetensors")
    squared = np.sum((model.predict(images) - images / 255) ** 2, axis=(1, 2))
    assert metrics["test_squared_error"] == pytest.approx(squared.mean(), rel=1e-5)
    assert metrics["test_mse"] == pytest.approx(squared.mean() / 64, rel=1e-5)
    assert metrics["test_mse_by_seed"]["0"] == pytest.approx(metrics["val_loss"][-1], rel=1e-5)


def test_principal_components_leave_the_variance_of_all_others(data):
    train = load_idx_folder(data).train_images
    components = deep.PrincipalComponents(train, 5)
    error = np.sum((components.reconstruct(train) - train / 255) ** 2)
    x = train.reshape(len(train), -1) / 255
    singular_values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    assert error == pytest.approx(np.sum(singular_values[5:] ** 2), rel=1e-3)


def test_several_runs_are_models_of_their_own_seeds_and_their_mean(data, tmp_path, capsys):
    both = run(data, tmp_path / "both", "--runs", "2", "--seed", "4")
    assert "mean of 2 models" in capsys.readouterr().out
    alone = [run(data, tmp_path / seed, "--seed", seed, "--quiet")["test_mse"] for seed in ("4", "5")]
    assert list(both["test_mse_by_seed"].values()) == alone and alone[0] != alone[1]
    assert both["test_mse"] == pytest.approx(np.mean(alone))


def test_it_goes_on_from_a_checkpoint_and_ends_the_same(data, tmp_path):
    file = tmp_path / "training.safetensors"
    first = run(data, tmp_path, "--checkpoint", str(file), "--quiet")
    again = run(data, tmp_path, "--checkpoint", str(file), "--quiet")  # all epochs are done: nothing is left to train
    assert first["test_mse"] == again["test_mse"] == run(data, tmp_path, "--quiet")["test_mse"]


@pytest.mark.parametrize("arguments", [["--learning-rate", "0.1"], ["--runs", "2"]])
def test_a_checkpoint_of_another_training_is_refused(data, tmp_path, arguments, capsys):
    file = tmp_path / "training.safetensors"
    run(data, tmp_path, "--checkpoint", str(file), "--quiet")
    with pytest.raises(SystemExit) as ended:
        run(data, tmp_path, "--checkpoint", str(file), "--quiet", *arguments)
    assert ended.value.code == 2
    assert "argument --checkpoint: " in capsys.readouterr().err


def test_it_writes_its_pictures(data, tmp_path):
    run(data, tmp_path, "--quiet", "--shift", "0")
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "reconstructions.png",
        "interpolation.png",
        "codes.png",
        "history.png",
    }
    assert all(path.stat().st_size > 5_000 for path in tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    "arguments", [["--code", "0"], ["--hidden", "3,x"], ["--runs", "0"], ["--learning-rate", "-1"], ["--data", "no"]]
)
def test_bad_arguments_are_one_line(tmp_path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        deep.main(["--out", str(tmp_path), *arguments])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_training_that_fails_is_one_line(data, tmp_path, capsys):
    with np.errstate(all="ignore"):
        code = deep.main(["--data", str(data), "--out", str(tmp_path), *SMALL, "--learning-rate", "1e30", "--quiet"])
    assert code == 1
    assert capsys.readouterr().err.startswith("python -m demos.deep: training stopped at step")
