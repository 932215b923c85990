"""The demos of photographs: one draws five pictures and equal bytes, the other trains a model that compresses."""

import re

import matplotlib.image
import numpy as np
import pytest
from PIL import Image
from tiny_data import metrics_of, one_line, run_demo

from demos import photograph, train_photographs
from demos.shared import lapped_transform
from nnlite.codec.photographs import PhotographCodec
from nnlite.codec.photographs.model import Model
from nnlite.codec.photographs.pixel_network import FINENESS, INPUTS, UNIT, check_layers
from nnlite.metrics import mse, psnr


def scene(height, width, seed):
    """Return a picture (height, width, 3), uint8, of waves and a little grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 70 * np.sin(x / rng.uniform(2, 9) + y / rng.uniform(2, 9)) + 30 * np.sign(np.sin(x / 11))
    colours = waves[..., None] * rng.uniform(0.5, 1, 3) + rng.normal(0, 3, (height, width, 1))
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of three pictures, one of them grey."""
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(2):
        matplotlib.image.imsave(folder / f"{seed}.png", scene(72, 96, seed))
    matplotlib.image.imsave(folder / "grey.png", scene(64, 64, 3)[..., 0], cmap="gray", vmin=0, vmax=255)
    return folder


@pytest.mark.parametrize("name", ["0.png", "grey.png"])
def test_the_files_of_the_manual_are_written_and_the_others_get_no_more_bytes(name, photographs, tmp_path, capsys):
    assert run_demo(photograph, photographs / name, "--out", tmp_path, "--quality", 40, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    files = re.findall(r"^  (\S+\.(?:png|json))  ", photograph.__doc__, re.MULTILINE)
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    for path in tmp_path.glob("*.png"):
        assert len(np.unique(matplotlib.image.imread(path)[..., 0])) > 20
    metrics = metrics_of(tmp_path)
    own = metrics["same_bytes"]["nnlite"]["bytes"]
    assert metrics["same_bytes"]["WebP"]["bytes"] <= own or metrics["same_bytes"]["WebP"]["psnr"] < 20
    assert [list(each) for each in metrics["rates"]["nnlite"]] == sorted(metrics["rates"]["nnlite"])


def test_the_portrait_is_half_as_large_as_matplotlibs():
    assert photograph.read(None).shape == (300, 256, 3)


def test_the_bytes_of_blocks_add_up_to_the_stream():
    codec = PhotographCodec()
    stream, positions, _ = codec.encode(codec.blocks(codec.planes(scene(40, 56, 5)), 50))
    assert 0 <= len(stream) - photograph.bytes_of_blocks(positions).sum() <= 12


@pytest.mark.parametrize("arguments", [["no/such.png"], [__file__], ["--quality", "101"], ["--unknown"]], ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_code_2(arguments, tmp_path, capsys):
    assert run_demo(photograph, *arguments, "--out", tmp_path) == 2
    assert one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((9, 9), np.uint16), "expected an opaque picture of 8 bits a sample, received one of the mode I;16"),
        (np.zeros((9, 9, 4), np.uint8), "expected an opaque picture of 8 bits a sample, received one of the mode RGBA"),
        (np.zeros((1, 16_384), np.uint8), "expected at most 16383 rows and columns"),
    ],
    ids=["16 bits", "transparent", "long"],
)
def test_a_picture_that_cannot_be_compared_is_refused(tmp_path, capsys, pixels, message):
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    assert run_demo(photograph, tmp_path / "picture.png", "--out", tmp_path) == 2
    error = capsys.readouterr().err
    assert one_line(error) and message in error


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((20, 30), np.uint8), np.full((20, 30, 3), 255, np.uint8), scene(3000, 2, 7)],
    ids=["black", "white", "strip"],
)
def test_a_picture_that_costs_nothing_or_is_a_strip_is_drawn_too(tmp_path, capsys, pixels):
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    assert run_demo(photograph, tmp_path / "picture.png", "--out", tmp_path, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert not {"Infinity", "NaN"} & set(re.findall(r"\w+", (tmp_path / "metrics.json").read_text()))  # JSON knows neither
    assert max(matplotlib.image.imread(tmp_path / "comparison.png").shape) < 5000


# --- the training


@pytest.mark.parametrize("picture", [np.full((40, 40, 3), 9, np.uint8), scene(40, 15, 1)], ids=["plain", "narrow"])
def test_a_picture_that_teaches_nothing_is_one_line_and_exit_code_2(tmp_path, capsys, picture):
    Image.fromarray(picture).save(tmp_path / "picture.png")
    assert run_demo(train_photographs, "--data", tmp_path, "--out", tmp_path / "model.safetensors") == 2
    error = capsys.readouterr().err
    assert one_line(error) and "16 × 16 pixels or more" in error


def test_grey_photographs_teach_a_model_too(tmp_path):
    Image.fromarray(scene(40, 40, 1)[..., 1]).save(tmp_path / "picture.png")
    small = ["--passes", 1, "--samples", 1000, "--hidden", "4", "--epochs", 1, "--batch-size", 100, "--quiet"]
    assert run_demo(train_photographs, "--data", tmp_path, "--out", tmp_path / "model.safetensors", *small) == 0
    codec = PhotographCodec(Model.load(tmp_path / "model.safetensors"))
    assert psnr(mse(codec.decompress(codec.compress(scene(40, 40, 1), 80)), scene(40, 40, 1))) > 30


@pytest.fixture(scope="module")
def trained(photographs, tmp_path_factory):
    """A model that has seen three small pictures."""
    out = tmp_path_factory.mktemp("trained") / "model.safetensors"
    small = ["--passes", 2, "--samples", 2000, "--hidden", "8,4", "--epochs", 3, "--batch-size", 100, "--seed", 1, "--quiet"]
    assert run_demo(train_photographs, "--data", photographs, "--out", out, *small) == 0
    return out


def test_a_trained_model_compresses_what_it_has_seen(trained):
    picture = scene(72, 96, 0)
    codec = PhotographCodec(Model.load(trained))
    file = codec.compress(picture, 70)
    assert len(file) < picture.size / 4
    assert psnr(mse(codec.decompress(file), picture)) > 35
    built_in = PhotographCodec()
    assert len(file) < len(built_in.compress(picture, 70))  # it knows waves, the other photographs


def test_one_seed_gives_one_model(trained, photographs, tmp_path):
    small = ["--passes", 2, "--samples", 2000, "--hidden", "8,4", "--epochs", 3, "--batch-size", 100, "--seed", 1, "--quiet"]
    assert run_demo(train_photographs, "--data", photographs, "--out", tmp_path / "again.safetensors", *small) == 0
    assert (tmp_path / "again.safetensors").read_bytes() == trained.read_bytes()


def test_the_learned_transform_inverts_and_gains():
    correlation = 0.95 ** np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    rng = np.random.default_rng(0)
    analysis, synthesis = lapped_transform.lapped(np.eye(4).ravel() + rng.normal(0, 0.2, 16))
    identity = analysis @ synthesis.T
    assert identity == pytest.approx(np.eye(8), abs=1e-12)  # of a block with itself
    assert analysis[:, 8:] @ synthesis[:, :8].T == pytest.approx(np.zeros((8, 8)), abs=1e-12)  # with its neighbour
    cosine = lapped_transform.coding_loss(np.eye(4).ravel(), correlation)
    assert -cosine == pytest.approx(8.83, abs=0.01)  # decibels, known of the cosine transform of 8


def test_principal_colours_are_orthogonal_and_keep_grey():
    colour = train_photographs.principal_colours([scene(40, 40, seed) for seed in range(3)])
    gram = colour @ colour.T
    assert gram == pytest.approx(np.eye(3) * gram[0, 0], abs=1e-12)
    assert colour[0].sum() == pytest.approx(1)


def test_a_float_network_in_integers_says_nearly_the_same():
    rng = np.random.default_rng(1)
    weights = [(rng.normal(0, 0.1, shape)).astype(np.float32) for shape in ((INPUTS, 20), (20, 12), (12, 3))]
    biases = [rng.normal(0, 0.1, weight.shape[1]).astype(np.float32) for weight in weights]
    inputs = np.clip(np.rint(rng.normal(0, 12, (2000, INPUTS))), -127, 127).astype(np.float32)
    layers = train_photographs.round_layers(weights, biases, inputs / FINENESS)
    check_layers(layers)
    floats, integers = inputs / FINENESS, inputs.T
    for k, layer in enumerate(layers):
        floats = floats @ weights[k] + biases[k]
        integers = np.floor((layer.weight @ integers + layer.bias[:, None]) / 2.0**layer.shift)
        if k < 2:
            floats, integers = np.maximum(floats, 0), np.clip(integers, 0, 255)
    assert np.abs(integers.T / UNIT - floats).mean() < 0.02 * np.abs(floats).mean()


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_folder_without_photographs_is_one_line_and_exit_code_2(content, tmp_path, capsys):
    if content:
        (tmp_path / "a.png").write_bytes(content)
    assert run_demo(train_photographs, "--data", tmp_path, "--out", tmp_path / "model.safetensors") == 2
    assert one_line(capsys.readouterr().err)
