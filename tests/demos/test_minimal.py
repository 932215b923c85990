"""The one page: its losses and weights are nnlite's, its numbers stay float32, and it is one page."""

import inspect
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from pages import ROOT

from demos import minimal
from nnlite import Autoencoder, Dense, ReLU, Sequential, Sigmoid
from nnlite.datasets import load_mnist

compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes a minute without the compiler")


def flat(images):
    return images.reshape(len(images), -1)


@compiled
def test_it_prints_the_losses_of_nnlite_to_five_digits(capsys):
    minimal.main(count=640, epochs=3)
    printed = re.findall(r"^epoch (\d)/3  loss (\d\.\d{5})  val_loss (\d\.\d{5})$", capsys.readouterr().out, re.MULTILINE)
    data, rng = load_mnist(), np.random.default_rng(0)
    model = Autoencoder([Dense(784, 128, rng=rng), ReLU()], [Dense(128, 784, rng=rng), Sigmoid()])
    model.compile("adam", "mse")
    history = model.fit(
        flat(data.train_images[:640]), validation_data=flat(data.test_images), epochs=3, batch_size=128, rng=rng, verbose=False
    ).history
    expected = list(zip((1, 2, 3), history["loss"], history["val_loss"], strict=True))
    np.testing.assert_allclose(np.array(printed, float), expected, rtol=0, atol=0.6e-5)  # what rounding to five digits may do


@pytest.fixture
def pair(rng):
    """A small model of nnlite, and the page's with the same weights."""
    model = Sequential([Dense(12, 7, rng=rng), ReLU(), Dense(7, 12, rng=rng), Sigmoid()])
    layers = [minimal.Dense(12, 7, rng), minimal.ReLU(), minimal.Dense(7, 12, rng), minimal.Sigmoid()]
    layers[0].W[...], layers[0].b[...], layers[2].W[...], layers[2].b[...] = model.get_weights()
    return model, layers


def weights(layers):
    return [layers[0].W, layers[0].b, layers[2].W, layers[2].b]


def test_a_training_gives_the_losses_weights_and_predictions_of_nnlite(pair, rng):
    images = rng.integers(0, 256, (50, 12), dtype=np.uint8)
    model, layers = pair
    model.compile(optimizer="adam", loss="mse")
    adam = minimal.Adam(layers)
    history = model.fit(images, epochs=3, batch_size=16, shuffle=False, verbose=False)
    losses = [minimal.train_epoch(layers, adam, images, np.arange(50), 16) for _ in range(3)]
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    for weight, expected in zip(model.get_weights(), weights(layers), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    np.testing.assert_allclose(model.predict(images), minimal.predict(layers, images / np.float32(255)), atol=1e-5)


def test_all_numbers_stay_float32(pair, rng):
    _, layers = pair
    adam = minimal.Adam(layers)
    minimal.train_epoch(layers, adam, rng.integers(0, 256, (20, 12), dtype=np.uint8), np.arange(20), 16)
    arrays = [*weights(layers), *adam.m, *adam.v, minimal.predict(layers, np.zeros((2, 12), np.float32))]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_it_is_one_page_of_plain_numpy():
    source = inspect.getsource(minimal)
    assert len(source.splitlines()) <= 110
    assert re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE) == ["gzip", "sys", "pathlib", "numpy"]


def test_its_docstring_is_its_manual(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "demos/minimal.py", "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == minimal.__doc__ + "\n"
