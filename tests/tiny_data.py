"""Small data sets as files, and how the tests run the demos on them."""

import gzip
import json
import struct

import numpy as np


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_data(folder, train_images, test_images, train_labels=None, test_labels=None):
    """Write a data set in MNIST's layout; labels count 0 to 9 unless given."""
    folder.mkdir(exist_ok=True)
    for split, images, labels in (("train", train_images, train_labels), ("t10k", test_images, test_labels)):
        labels = np.arange(len(images)) % 10 if labels is None else labels
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels.astype(np.uint8))))
    return folder


def crossed_bars(count, seed):
    """Return images (count, 8, 8) of two bars each, one across and one down: sums of 16 strokes."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 8, 8), np.uint8)
    images[np.arange(count), :, rng.integers(0, 8, count)] = 255
    images[np.arange(count), rng.integers(0, 8, count)] = 255
    return images


def run_demo(demo, *arguments):
    """Run a demo with these arguments, and return its exit code, however it leaves."""
    try:
        return demo.main([*map(str, arguments)])
    except SystemExit as leaving:
        return leaving.code


def measured(demo, data, out, *arguments):
    """Run a demo that is to end well, and return its metrics."""
    assert run_demo(demo, "--data", data, "--out", out, *arguments) == 0
    return metrics_of(out)


def metrics_of(folder):
    """Return what a demo measured."""
    return json.loads((folder / "metrics.json").read_text())


def without_seconds(metrics):
    """Return the metrics that are the same each time."""
    return {name: value for name, value in metrics.items() if not name.startswith("seconds")}


def one_line(text):
    """Tell whether a complaint is one line, and no traceback."""
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text
