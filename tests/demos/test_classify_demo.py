"""The classifier: that it learns, that its counts are those of its predictions, what it writes, and its errors."""

import numpy as np
import pytest
from tiny_data import measured, one_line, run_demo, write_data

from demos import classify
from nnlite import Sequential, load_weights

PICTURES = ["confusion.png", "errors.png", "loss.png", "mistakes.png"]
QUICK = ["--hidden", "16", "--epochs", "3", "--batch-size", "20", "--learning-rate", "0.01", "--quiet"]


def bars(count, seed, labels=3):
    """Return noisy images (count, 12, 12) of a bar whose place is the label, and the labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (count, 12, 12), dtype=np.uint8)
    chosen = np.arange(count) % labels
    images[np.arange(count), :, 2 + 3 * chosen] = 255
    return images, chosen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of 240 training and 61 test images in 3 classes."""
    (train, train_labels), (test, test_labels) = bars(240, 1), bars(61, 2)
    return write_data(tmp_path_factory.mktemp("bars"), train, test, train_labels, test_labels)


def run(folder, out, *arguments):
    return measured(classify, folder, out, *arguments)


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("classified")
    return out, run(folder, out, *QUICK, "--shift", "1", "--seed", "5")


def test_it_learns(finished):
    _, metrics = finished
    assert metrics["test_accuracy"] > 0.9
    assert metrics["test_error"][-1] < metrics["test_error"][0] or metrics["val_loss"][-1] < metrics["val_loss"][0]


def test_the_metrics_agree_with_one_another(finished):
    _, metrics = finished
    counts = np.array(metrics["confusion"])
    assert counts.shape == (3, 3) and counts.sum(axis=1).tolist() == [21, 20, 20] == [row["images"] for row in metrics["classes"]]
    assert metrics["test_accuracy"] == pytest.approx(np.trace(counts) / 61) == pytest.approx(1 - metrics["test_error"][-1])
    assert metrics["test_cross_entropy"] == metrics["val_loss"][-1]
    assert all(len(metrics[name]) == 3 for name in ("loss", "val_loss", "train_error", "test_error"))
    assert (metrics["epochs"], metrics["seed"], metrics["hidden"], metrics["shift"]) == (3, 5, [16], 1)
    assert 0 < metrics["seconds_training"] < metrics["seconds_total"]


def test_the_saved_model_is_the_one_measured(finished):
    out, metrics = finished
    images, labels = bars(61, 2)
    model = classify.make_model((12, 12), [16], 3, np.random.default_rng(0))
    load_weights(model, out / "model.safetensors")
    predicted = model.predict(images).argmax(axis=1)
    assert classify.confusion(labels, predicted, 3).tolist() == metrics["confusion"]


def test_the_seed_decides(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(classify, "draw", lambda *_: None)
    losses = [run(folder, tmp_path, *QUICK, "--seed", seed)["val_loss"] for seed in ("5", "5", "6")]
    assert losses[0] == losses[1] != losses[2]


def test_the_report_names_each_class_and_the_accuracy(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classify, "draw", lambda *_: None)
    metrics = run(folder, tmp_path, "--hidden", "", "--epochs", "1", "--shift", "0")
    out, err = capsys.readouterr()
    assert err == ""
    table = [line.split() for line in out.splitlines() if line.startswith("    ") and line.rstrip().endswith(("%", "–"))]
    assert [row[:2] for row in table] == [["0", "21"], ["1", "20"], ["2", "20"]]
    assert f"test accuracy {metrics['test_accuracy']:.2%}" in out and str(tmp_path) in out


def test_confusion_by_hand():
    counts = classify.confusion(np.array([0, 0, 1, 2, 2, 2], np.uint8), np.array([0, 1, 1, 0, 2, 2]), 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]


def test_recall_is_of_the_images_and_precision_of_the_finds():
    rows = classify.by_class(np.array([[1, 1, 0], [0, 1, 0], [2, 0, 0]]))
    assert [row["images"] for row in rows] == [2, 1, 2]
    assert [row["recall"] for row in rows] == [0.5, 1.0, 0.0]
    assert [row["precision"] for row in rows] == [pytest.approx(1 / 3), 0.5, None]  # class 2 was never found
    assert classify.by_class(np.array([[1, 0], [0, 0]]))[1] == {"label": 1, "images": 0, "recall": None, "precision": None}


def test_error_rates_are_added_to_the_logs():
    images, labels = bars(9, 3)
    model = classify.make_model((12, 12), [], 3, np.random.default_rng(0))
    right = Sequential(model.layers).predict(images).argmax(axis=1)
    rates = classify.ErrorRates({"own": (images, right), "one wrong": (images, np.where(np.arange(9), right, (right + 1) % 3))})
    logs = {}
    rates.on_epoch_end(model, 1, logs)
    assert logs == pytest.approx({"own": 0, "one wrong": 1 / 9})
    assert labels.shape == right.shape


@pytest.mark.parametrize("labels", [1, 2])
def test_few_classes_and_no_mistakes_can_be_drawn(tmp_path, labels):
    (train, train_labels), (test, test_labels) = bars(60, 1, labels), bars(4, 2, labels)
    data = write_data(tmp_path / "few", train, test, train_labels, test_labels)
    metrics = run(data, tmp_path / "out", *QUICK, "--shift", "0", "--epochs", "8")
    assert metrics["test_accuracy"] == 1
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in PICTURES)


@pytest.mark.parametrize("arguments", [["--hidden", "16,x"], ["--shift", "-1"], ["--learning-rate", "nan"]], ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, capsys, arguments):
    assert run_demo(classify, "--out", tmp_path, *arguments) == 2
    err = capsys.readouterr().err
    assert one_line(err) and arguments[0] in err
