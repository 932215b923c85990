"""The demo of the variational autoencoder: its bound, what it writes, and its errors."""

import numpy as np
import pytest
from tiny_data import measured, one_line, run_demo

from demos import variational
from nnlite import load_weights
from nnlite.datasets import load_idx_folder

SMALL = ["--hidden", "24", "--latent", "2", "--epochs", "3", "--batch-size", "32", "--components", "3", "--quiet"]


def run(data, folder, *arguments):
    return measured(variational, data, folder, *SMALL, *arguments)


def drawn(data):
    images = load_idx_folder(data).test_images
    return variational.draw_pixels(images / np.float32(255), np.random.default_rng(variational.TEST_SEED))


def test_pixels_are_drawn_as_often_as_they_are_bright(rng):
    images = np.tile(np.array([0, 0.25, 1], np.float32), (40_000, 1))
    pixels = variational.draw_pixels(images, rng)
    assert pixels.dtype == np.float32 and set(np.unique(pixels)) == {0, 1}
    np.testing.assert_allclose(pixels.mean(axis=0), [0, 0.25, 1], atol=5 * np.sqrt(0.25 * 0.75 / 40_000))


def test_the_bound_is_that_of_the_weights_it_wrote(blob_data, tmp_path):
    metrics = run(blob_data, tmp_path, "--samples", "200")
    model = variational.make_model((8, 8), metrics["hidden"], metrics["latent"], metrics["components"], np.random.default_rng())
    load_weights(model, tmp_path / "model.safetensors")
    reconstruction, divergence = variational.evidence(model, drawn(blob_data), 200, np.random.default_rng(7))
    assert metrics["test_elbo"] == pytest.approx(np.mean(reconstruction - divergence), abs=0.3)
    assert metrics["test_elbo"] == pytest.approx(metrics["test_log_likelihood_of_pixels"] - metrics["test_kl"])
    assert metrics["test_elbo_by_epoch"][-1] == pytest.approx(metrics["test_elbo"], abs=2)


def test_the_bound_lies_below_the_log_likelihood(blob_data, rng):
    """With a code of one number, the likelihood of an image is an integral that a fine grid can do."""
    model = variational.make_model((8, 8), [8], 1, 0, rng)
    images = drawn(blob_data)[:20]
    for parameter in model.parameters:
        parameter.value += 0.3 * rng.standard_normal(parameter.value.shape).astype(np.float32)
    z = np.linspace(-8, 8, 4001, dtype=np.float32)[:, None]
    logits = model.decode(z).reshape(len(z), 1, -1).astype(np.float64)
    log_p = np.sum(images.reshape(1, 20, -1) * logits - np.logaddexp(0, logits), axis=2)  # ln p(x | z), (Z, N)
    prior = np.exp(-(z.astype(np.float64) ** 2) / 2) / np.sqrt(2 * np.pi) * (16 / 4000)
    log_likelihood = np.log(np.sum(np.exp(log_p) * prior, axis=0))
    reconstruction, divergence = variational.evidence(model, images, 2000, rng)
    gap = log_likelihood - (reconstruction - divergence)
    assert (gap > -0.2).all() and gap.mean() > 0.01


def test_it_writes_its_pictures_for_a_plane_and_for_more_numbers(blob_data, tmp_path):
    for code, components in (("2", "0"), ("3", "4")):
        run(blob_data, tmp_path / code, "--latent", code, "--components", components)
        pictures = list((tmp_path / code).glob("*.png"))
        assert {path.stem for path in pictures} == {"samples", "interpolation", "reconstructions", "history"}
        assert all(path.stat().st_size > 5_000 for path in pictures)


def test_the_seed_decides(blob_data, tmp_path):
    first, again, other = (run(blob_data, tmp_path, "--epochs", "1", "--seed", seed)["test_elbo"] for seed in "001")
    assert first == again != other


@pytest.mark.parametrize("arguments", [["--latent", "0"], ["--components", "-1"]])
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, arguments, capsys):
    assert run_demo(variational, "--out", tmp_path, *arguments) == 2
    assert one_line(capsys.readouterr().err)
