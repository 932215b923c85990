"""Tell digits apart: train a dense network with softmax cross-entropy, and look at its confusions and its worst mistakes.

    image (28, 28) → Flatten → Dense(512, silu) → Dense(512, silu) → Dense(10) → a score for each digit

A dense network knows nothing of neighbouring pixels. It must learn from the data that a moved digit stays the same digit. So each
training image is shifted at random by up to two pixels each way, anew in each epoch (--shift 0 shows the difference). The learning
rate rises at first, then falls along a cosine to almost nothing.

The test images choose nothing: the demo measures the network after the last epoch.

files written to --out:
  loss.png           cross-entropy by epoch on training and test images
  errors.png         the share of wrongly classified images, by epoch
  confusion.png      how often the network took each digit for each other
  mistakes.png       the test images whose labels the network found least probable
  model.safetensors  the weights
  metrics.json       all numbers

examples:
  python -m demos.classify
  python -m demos.classify --epochs 3
  python -m demos.classify --data /usr/share/datasets/fashion-mnist --shift 1 --out out/classify-fashion
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command
from nnlite import Callback, Flatten, LearningRateSchedule, RandomShift, Sequential, Softmax, cosine
from nnlite.datasets import Dataset, one_hot
from nnlite.initializers import glorot_uniform
from nnlite.metrics import accuracy
from nnlite.models import dense_network
from nnlite.optimizers import Adam

SHOWN = 30  # mistakes


class ErrorRates(Callback):
    """Adds the share of wrongly classified images to the numbers of each epoch.

    Parameters
    ----------
    parts : dict
        Images (N, ...) and labels (N,), by the name of their share.
    """

    def __init__(self, parts: dict[str, tuple[np.ndarray, np.ndarray]]):
        self.parts = parts

    def on_epoch_end(self, model: Sequential, epoch: int, logs: dict[str, float]) -> None:
        """Classify all images."""
        for name, (images, labels) in self.parts.items():
            logs[name] = 1 - accuracy(model.predict(images), labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    classes = max(2, 1 + int(max(data.train_labels.max(), data.test_labels.max())))  # a single one has nothing to be told from
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.hidden, classes, rng)
    model.compile(Adam(options.learning_rate), "softmax_cross_entropy")
    if not options.quiet:
        model.summary()
    with command.training(parser, options, model) as times:
        history = train(model, data, classes, options, rng)

    probabilities = Sequential([*model.layers, Softmax()]).predict(data.test_images)  # (N, C)
    counts = confusion(data.test_labels, probabilities.argmax(axis=1), classes)
    rows = by_class(counts)
    say(report(rows))
    draw(options.out, data, probabilities, counts, history)
    reached, loss = accuracy(probabilities, data.test_labels), history["val_loss"][-1]
    wrong = len(data.test_labels) - int(np.trace(counts))
    say(f"test accuracy {reached:.2%}, {wrong} of {len(data.test_labels):,} wrong; cross-entropy {loss:.4f} nats")
    metrics = {"test_accuracy": reached, "test_cross_entropy": loss, "classes": rows, "confusion": counts.tolist(), **history}
    command.finish(options, metrics | times, "pictures, model")
    return 0


def make_model(image_shape: tuple[int, ...], hidden: Sequence[int], classes: int, rng: np.random.Generator) -> Sequential:
    """Return the classifier, from images to one score for each class."""
    layers = dense_network([int(np.prod(image_shape)), *hidden, classes], rng, initializer=glorot_uniform)
    return Sequential([Flatten(), *layers], input_shape=image_shape)


def train(
    model: Sequential, data: Dataset, classes: int, options: argparse.Namespace, rng: np.random.Generator
) -> dict[str, list[float]]:
    """Train, and return losses and error rates by epoch."""
    few = slice(len(data.test_images))  # as many training images as test images are enough
    test = data.test_images, data.test_labels
    errors = ErrorRates({"train_error": (data.train_images[few], data.train_labels[few]), "test_error": test})
    return model.fit(
        data.train_images,
        one_hot(data.train_labels, classes),
        validation_data=(data.test_images, one_hot(data.test_labels, classes)),
        rng=rng,
        augment=RandomShift(options.shift) if options.shift else None,
        callbacks=[LearningRateSchedule(cosine()), errors],
        **command.fit_settings(options),
    ).history


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts (C, C): how many images of each label (row) were taken for each class (column)."""
    return np.bincount(labels.astype(int) * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def by_class(counts: np.ndarray) -> list[dict[str, Any]]:
    """Return recall, the found share of a class's images, and precision, the right share of its finds."""
    rows = []
    for label, (right, images, finds) in enumerate(zip(np.diag(counts), counts.sum(axis=1), counts.sum(axis=0), strict=True)):
        recall, precision = (float(right / of) if of else None for of in (images, finds))  # no share of nothing
        rows.append({"label": label, "images": int(images), "recall": recall, "precision": precision})
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Return the table of the classes."""
    lines = ["label  images   recall  precision"]
    for row in rows:
        recall, precision = ("–" if row[name] is None else f"{row[name]:.2%}" for name in ("recall", "precision"))
        lines.append(f"{row['label']:>5}{row['images']:>8,}{recall:>9}{precision:>11}")
    return "\n".join(lines)


def draw(folder: Path, data: Dataset, probabilities: np.ndarray, counts: np.ndarray, history: dict[str, list[float]]) -> None:
    """Write the four pictures."""
    from demos.shared import comparisons, plots  # their import takes longer than all the rest

    loss = {"training images, shifted": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "loss.png", "Loss by epoch", loss, "cross-entropy (nats)")
    names = {"training images, not shifted": "train_error", "test images": "test_error"}
    wrong = {label: [100 * rate for rate in history[name]] for label, name in names.items()}
    plots.history(folder / "errors.png", "Images classified wrongly, by epoch", wrong, "errors (%)")
    right = np.trace(counts) / counts.sum()
    comparisons.confusion(folder / "confusion.png", f"Predicted and true labels of the test images: {right:.2%} are right", counts)
    of_label = probabilities[np.arange(len(probabilities)), data.test_labels]
    worst = np.argsort(of_label, kind="stable")[:SHOWN]
    captions = [f"{data.test_labels[n]} seen as {probabilities[n].argmax()}\n{probabilities[n].max():.1%}" for n in worst]
    title = "Test images with the least probable labels: label, prediction and its probability"
    comparisons.captioned(folder / "mistakes.png", title, data.test_images[worst] / 255, captions)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("classify", __doc__)
    parser.option("--hidden", command.whole_numbers, [512, 512], "H,H,...", 'widths of the hidden layers, "" for none')
    parser.add_options(epochs=20, batch_size=128, learning_rate=0.002, shift=2)
    parser.add_common(checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
