"""Tell digits apart: a dense network with softmax cross-entropy on MNIST's labels, its confusions and its worst mistakes.

    image (28, 28) → Flatten → Dense(512, silu) → Dense(512, silu) → Dense(10) → a score for each digit

A dense network knows nothing of neighbouring pixels. What tells it that a digit stays the same when it moves is the training data:
each image is shifted by up to two pixels each way, by chance and anew each time it is seen (--shift 0 shows what that is worth).
The learning rate rises at first, then falls along a cosine to almost nothing.

The test images choose nothing here: the network after the last epoch is the one that is measured.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command
from nnlite import Callback, Dense, Flatten, LearningRateSchedule, RandomShift, Sequential, SiLU, Softmax, cosine
from nnlite.datasets import Dataset, one_hot
from nnlite.files import save_weights
from nnlite.metrics import accuracy
from nnlite.optimizers import Adam

SHOWN = 30  # mistakes

EPILOG = """\
files written to --out:
  loss.png           cross-entropy by epoch on training and test images
  errors.png         the share of images that are classified wrongly, by epoch
  confusion.png      how often each digit was taken for each
  mistakes.png       the test images whose label seemed least probable to the network
  model.safetensors  the weights
  metrics.json       all numbers

examples:
  python -m demos.classify
  python -m demos.classify --epochs 3
  python -m demos.classify --data /usr/share/datasets/fashion-mnist --shift 1 --out out/classify-fashion
"""


class ErrorRates(Callback):
    """Notes after each epoch which share of some images is classified wrongly, and adds it to the logs for the progress bar.

    Parameters
    ----------
    parts : dict
        Images (N, ...) and labels (N,) by the name to note them under.
    """

    memories = ("history",)

    def __init__(self, parts: dict[str, tuple[np.ndarray, np.ndarray]]):
        self.parts = parts
        self.history: dict[str, list[float]] = {name: [] for name in parts}

    def on_epoch_end(self, model: Sequential, epoch: int, logs: dict[str, float]) -> None:
        """Classify all images."""
        for name, (images, labels) in self.parts.items():
            logs[name] = 1 - accuracy(model.predict(images), labels)
            self.history[name].append(logs[name])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options, say, data = command.start(parser, arguments)
    classes = 1 + int(max(data.train_labels.max(), data.test_labels.max()))
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.hidden, classes, rng)
    model.compile(Adam(options.learning_rate), "softmax_cross_entropy")
    if not options.quiet:
        model.summary()
    start = time.perf_counter()
    with command.training(parser, options, model):
        history = train(model, data, classes, options, rng)
    seconds_training = time.perf_counter() - start

    probabilities = Sequential([*model.layers, Softmax()]).predict(data.test_images)  # (N, C)
    counts = confusion(data.test_labels, probabilities.argmax(axis=1), classes)
    rows = by_class(counts)
    say(report(rows))
    save_weights(model, options.out / "model.safetensors")
    draw(options.out, data, probabilities, counts, history)
    reached, loss = accuracy(probabilities, data.test_labels), history["val_loss"][-1]
    wrong = len(data.test_labels) - int(np.trace(counts))
    say(f"test accuracy {reached:.2%}, {wrong} of {len(data.test_labels):,} wrong; cross-entropy {loss:.4f} nats")
    metrics = {"test_accuracy": reached, "test_cross_entropy": loss, "classes": rows, "confusion": counts.tolist(), **history}
    command.finish(options, metrics, "pictures, model", seconds_training)
    return 0


def make_model(image_shape: tuple[int, ...], hidden: Sequence[int], classes: int, rng: np.random.Generator) -> Sequential:
    """Return the classifier, from images to one score for each class."""
    widths = [int(np.prod(image_shape)), *hidden]
    steps = [layer for sizes in pairwise(widths) for layer in (Dense(*sizes, rng=rng), SiLU())]
    return Sequential([Flatten(), *steps, Dense(widths[-1], classes, rng=rng)], input_shape=image_shape)


def train(
    model: Sequential, data: Dataset, classes: int, options: argparse.Namespace, rng: np.random.Generator
) -> dict[str, list[float]]:
    """Train, and return losses and error rates by epoch."""
    few = slice(len(data.test_images))  # as many training images as test images are enough to compare with
    errors = ErrorRates(
        {"train_error": (data.train_images[few], data.train_labels[few]), "test_error": (data.test_images, data.test_labels)}
    )
    history = model.fit(
        data.train_images,
        one_hot(data.train_labels, classes),
        validation_data=(data.test_images, one_hot(data.test_labels, classes)),
        rng=rng,
        augment=RandomShift(options.shift) if options.shift else None,
        callbacks=[LearningRateSchedule(cosine()), errors],
        **command.fit_settings(options),
    ).history
    return history | errors.history


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts (C, C): how many images of each label, the row, were taken for each class, the column."""
    return np.bincount(labels.astype(int) * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def by_class(counts: np.ndarray) -> list[dict[str, Any]]:
    """Return recall, the share of a class's images that are found, and precision, the share of its finds that are right."""
    shares = [np.diag(counts) / np.maximum(counts.sum(axis=axis), 1) for axis in (1, 0)]
    rows = zip(counts.sum(axis=1), counts.sum(axis=0), *shares, strict=True)
    return [
        {
            "label": label,
            "images": int(images),
            "recall": float(recall) if images else None,  # of no images, and of no finds, there is no share
            "precision": float(precision) if finds else None,
        }
        for label, (images, finds, recall, precision) in enumerate(rows)
    ]


def report(rows: list[dict[str, Any]]) -> str:
    """Return the table of the classes."""
    lines = ["label  images   recall  precision"]
    for row in rows:
        recall, precision = ("–" if row[name] is None else f"{row[name]:.2%}" for name in ("recall", "precision"))
        lines.append(f"{row['label']:>5}{row['images']:>8,}{recall:>9}{precision:>11}")
    return "\n".join(lines)


def draw(folder: Path, data: Dataset, probabilities: np.ndarray, counts: np.ndarray, history: dict[str, list[float]]) -> None:
    """Write the four pictures."""
    from demos.shared import plots  # matplotlib takes longer to import than all the rest

    loss = {"training images, shifted": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "loss.png", "Loss by epoch", loss, "cross-entropy (nats)")
    wrong = {
        "training images, as they are": [100 * rate for rate in history["train_error"]],
        "test images": [100 * rate for rate in history["test_error"]],
    }
    plots.history(folder / "errors.png", "Images classified wrongly, by epoch", wrong, "errors (%)")
    right = np.trace(counts) / counts.sum()
    plots.confusion(folder / "confusion.png", f"What the test images were taken for: {right:.2%} are right", counts)
    of_label = probabilities[np.arange(len(probabilities)), data.test_labels]
    worst = np.argsort(of_label, kind="stable")[:SHOWN]
    captions = [f"{data.test_labels[n]} seen as {probabilities[n].argmax()}\n{probabilities[n].max():.1%}" for n in worst]
    title = "Test images whose label seemed least probable, what they were seen as, and with what probability"
    plots.captioned(folder / "mistakes.png", title, data.test_images[worst] / 255, captions)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser(prog="python -m demos.classify", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add(
        "--hidden", type=command.whole_numbers, default=[512, 512], metavar="H,H,...",
        help='widths of the hidden layers, "" for none (default 512,512)',
    )  # fmt: skip
    command.add_training(parser, epochs=20, batch_size=128, learning_rate=0.002)
    command.add_shift(parser, 2)
    command.add_common(parser, "start weights, order and shifts", checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
