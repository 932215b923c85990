"""The demos: what they write, what they say, and how they end; on data small enough to take a moment."""

import gzip
import os
import re
import signal
import struct
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from pages import ROOT
from tiny_codec import SIDE, blobs
from tiny_data import metrics_of, one_line, run_demo, without_seconds, write_data

from demos import codec as codec_demo
from demos import mnist
from nnlite import load_weights
from nnlite.codec.digits.image_codec import BUILT_IN, ImageCodec
from nnlite.datasets import Dataset, load_mnist
from nnlite.optimizers import OPTIMIZERS

SMALL = ["--latent", "6", "--epochs", "2", "--batch-size", "32"]
PICTURES = ["reconstructions.png", "history.png", "filters.png", "codes.png"]
jitted = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes long without compiled kernels")


@pytest.fixture
def run(blob_data, tmp_path, capsys):
    """A function that runs a demo on the small data, and returns exit code, standard output and standard error."""

    def run(*arguments, demo=mnist, out=None):
        defaults = ["--out", out or tmp_path / "out", *([] if "--data" in arguments else ["--data", blob_data])]
        return run_demo(demo, *defaults, *arguments), *capsys.readouterr()

    return run


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(mnist, "draw", lambda *_: None)


def program(*arguments, **options):
    """Start ``python -m demos.…`` as a program of its own, without a display."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MPLBACKEND")}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


# --- what demos.mnist writes


@pytest.fixture(scope="module")
def finished(blob_data, tmp_path_factory):
    """The folder that a run as a program has written, and what the program said."""
    out = tmp_path_factory.mktemp("finished") / "new" / "folder"
    process = program("demos.mnist", "--data", blob_data, "--out", out, *SMALL, "--seed", "3")
    said = process.communicate(timeout=300)
    assert process.returncode == 0
    return out, *said


def test_all_files_are_written_and_no_others(finished):
    assert sorted(path.name for path in finished[0].iterdir()) == sorted([*PICTURES, "model.safetensors", "metrics.json"])


@pytest.mark.parametrize(
    ("name", "size"),
    [("reconstructions.png", (1296, 450)), ("history.png", (768, 480)), ("filters.png", (708, 150)), ("codes.png", (768, 648))],
)
def test_a_picture_is_a_whole_png_of_its_size_that_shows_something(finished, name, size):
    import matplotlib.image

    data = (finished[0] / name).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == pytest.approx(size, abs=1)  # matplotlib's versions round differently
    assert len(np.unique(matplotlib.image.imread(finished[0] / name).reshape(width * height, -1), axis=0)) > 20


def test_the_metrics_are_those_promised(finished):
    metrics = metrics_of(finished[0])
    assert {
        "test_mse", "test_psnr", "val_loss", "bytes_per_image", "seconds_training", "seconds_total", "epochs", "seed", "latent",
    } <= set(metrics)  # fmt: skip
    assert (metrics["epochs"], metrics["seed"], metrics["latent"], metrics["bytes_per_image"]) == (2, 3, 6, 6)
    assert len(metrics["loss"]) == len(metrics["val_loss"]) == 2
    assert metrics["test_psnr"] == pytest.approx(-10 * np.log10(metrics["test_mse"]))
    assert metrics["test_mse"] == pytest.approx(metrics["val_loss"][-1], rel=1e-4)  # the loss is the mean squared error
    assert 0 < metrics["seconds_training"] < metrics["seconds_total"]


def test_the_sizes_are_counted_on_real_bytes(finished):
    metrics = metrics_of(finished[0])
    sizes = {row["method"]: row["bytes_per_image"] for row in metrics["sizes"]}
    assert sizes["raw pixels"] == SIDE * SIDE
    assert sizes["gzip -7, all in one file"] == len(gzip.compress(blobs(100, seed=2).tobytes(), 7)) / 100
    assert sizes["PNG, one file an image"] > 57  # signature, header and chunks alone
    assert sizes["8-bit codes"] == 6
    assert sizes["gzip -7 of these codes"] < 8
    assert {row["psnr"] for row in metrics["sizes"]} == {None, metrics["test_psnr_quantized"]}


def test_the_model_can_be_loaded_again_and_is_the_one_measured(finished):
    model = mnist.make_model((SIDE, SIDE), 6, [], "relu", np.random.default_rng(0))
    load_weights(model, finished[0] / "model.safetensors")
    model.compile(loss="mse")
    assert model.evaluate(blobs(100, seed=2)) == pytest.approx(metrics_of(finished[0])["val_loss"][-1], rel=1e-5)


def test_the_report_says_what_was_measured(finished):
    out, said, complaints = finished
    metrics = metrics_of(out)
    assert complaints == ""
    assert "300 training and 100 test images of 8 × 8" in said
    assert "epoch 2/2" in said and str(out) in said
    assert f"{metrics['test_psnr']:.2f} dB" in said and f"{metrics['test_psnr_quantized']:.2f} dB" in said
    assert "█" not in said  # pictures in characters are for terminals


def test_the_same_seed_gives_the_same_metrics_but_for_the_times(finished, run, tmp_path, no_pictures):
    for name in ("first", "second"):
        assert run(*SMALL, "--seed", 3, "--quiet", out=tmp_path / name)[0] == 0
    first, second = (metrics_of(tmp_path / name) for name in ("first", "second"))
    assert without_seconds(first) == without_seconds(second)
    assert without_seconds(first).keys() == without_seconds(metrics_of(finished[0])).keys()
    run(*SMALL, "--seed", 4, "--quiet", out=tmp_path / "third")
    assert metrics_of(tmp_path / "third")["test_mse"] != first["test_mse"]


# --- what can be chosen


@pytest.mark.parametrize("activation", mnist.ACTIVATIONS_OF_CODES)
def test_every_activation_runs(run, tmp_path, no_pictures, activation):
    assert run(*SMALL, "--activation", activation, "--quiet")[0] == 0
    assert metrics_of(tmp_path / "out")["activation"] == activation


def test_cross_entropy_is_reported_beside_its_floor(run, tmp_path, no_pictures):
    code, output, _ = run(*SMALL, "--loss", "bce")
    metrics = metrics_of(tmp_path / "out")
    t = np.clip(blobs(100, seed=2) / 255, 1e-12, 1 - 1e-12)
    assert code == 0
    assert metrics["binary_entropy"] == pytest.approx(np.mean(-t * np.log(t) - (1 - t) * np.log(1 - t)), rel=1e-6)
    assert metrics["binary_entropy"] < metrics["val_loss"][-1]
    assert f"own entropy, {metrics['binary_entropy']:.4f}" in output


def test_dead_units_are_reported(run, tmp_path, no_pictures, monkeypatch):
    _, output, _ = run(*SMALL)
    assert set(metrics_of(tmp_path / "out")["dead_units"]) == {"2"}
    assert "learn nothing" not in output
    monkeypatch.setattr(mnist, "dead_units", lambda model, images: {"2": 0.25, "4": 0.0})
    _, output, _ = run(*SMALL)
    assert "learn nothing: 25% of layer 2\n" in output


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_every_loss_runs_and_is_drawn(run, tmp_path, loss):
    assert run(*SMALL, "--loss", loss, "--quiet")[0] == 0
    metrics = metrics_of(tmp_path / "out")
    assert metrics["loss_name"] == loss
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in PICTURES)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_runs_at_the_rate_of_the_manual_or_that_given(run, tmp_path, no_pictures, optimizer):
    manual = " ".join(mnist.make_parser().format_help().split())
    rates = dict(re.findall(r"(sgd|others) (\d\.\d+)", manual))
    assert run(*SMALL, "--optimizer", optimizer, "--quiet")[0] == 0
    assert metrics_of(tmp_path / "out")["learning_rate"] == float(rates.get(optimizer, rates["others"]))
    assert run(*SMALL, "--optimizer", optimizer, "--learning-rate", 0.02, "--quiet")[0] == 0
    assert metrics_of(tmp_path / "out")["learning_rate"] == 0.02


@pytest.mark.parametrize(
    ("hidden", "widths"), [("", [64, 6, 64]), ("16", [64, 16, 6, 16, 64]), ("16,8", [64, 16, 8, 6, 8, 16, 64])]
)
def test_hidden_layers_are_mirrored_in_the_decoder(run, no_pictures, hidden, widths):
    options = mnist.make_parser().parse_args([*SMALL, "--hidden", hidden])
    model = mnist.make_model((SIDE, SIDE), options.latent, options.hidden, "relu", np.random.default_rng(0))
    weights = [p.value.shape for p in model.parameters if p.value.ndim == 2]
    assert weights == list(pairwise(widths))
    assert model.encoder.output_shape((SIDE, SIDE)) == (6,)
    assert run(*SMALL, "--hidden", hidden, "--quiet")[0] == 0


@pytest.mark.parametrize("latent", [1, 2, 70])
def test_a_code_of_any_length_can_be_drawn(run, tmp_path, latent):
    assert run("--latent", latent, "--epochs", 1, "--quiet")[0] == 0
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in PICTURES)


@pytest.mark.parametrize("labels", [[7], [3, 4]])
def test_a_data_set_of_few_classes_can_be_drawn(run, tmp_path, labels):
    few = write_data(tmp_path / "few", blobs(64, 1), blobs(20, 2), test_labels=np.resize(labels, 20))
    assert run(*SMALL, "--data", few, "--quiet")[0] == 0
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in PICTURES)


@pytest.mark.skipif(not (BUILT_IN / "mnist.safetensors").exists(), reason="the codec for MNIST has not been trained yet")
def test_with_the_built_in_digits_the_learned_codec_is_shown_at_three_rates(tmp_path, monkeypatch):
    digits = load_mnist()
    few = Dataset(digits.train_images[:300], digits.train_labels[:300], digits.test_images[:100], digits.test_labels[:100])
    monkeypatch.setattr("demos.shared.command.load_mnist", lambda: few)
    assert mnist.main([*SMALL, "--out", str(tmp_path), "--quiet"]) == 0
    learned = [row for row in metrics_of(tmp_path)["sizes"] if row["method"].startswith("learned codec")]
    assert len(learned) == 3
    assert all(low[key] < high[key] for high, low in pairwise(learned) for key in ("bytes_per_image", "psnr"))
    assert (tmp_path / "reconstructions.png").stat().st_size > 1000


@jitted
def test_quantising_the_codes_costs_less_than_a_third_of_a_decibel(run, tmp_path, no_pictures):
    digits = load_mnist()
    folder = write_data(tmp_path / "digits", digits.train_images[:3000], digits.test_images[:500])
    assert run("--data", folder, "--latent", 32, "--epochs", 3, "--batch-size", 32, "--quiet")[0] == 0
    metrics = metrics_of(tmp_path / "out")
    assert metrics["test_psnr"] > 13
    assert 0 < metrics["test_psnr"] - metrics["test_psnr_quantized"] < 0.3


# --- how it ends when something is wrong


BAD = [
    ["--latent", "0"],
    ["--latent", "-3"],
    ["--latent", "1.5"],
    ["--batch-size", "0"],
    ["--hidden", "16,x"],
    ["--hidden", "16,0"],
    ["--hidden", ","],
    ["--activation", "swoosh"],
    ["--activation", "softmax"],
    ["--loss", "cross"],
    ["--optimizer", "newton"],
    ["--learning-rate", "nan"],
    ["--learning-rate", "inf"],
    ["--learning-rate", "0"],
    ["--learning-rate", "-1"],
    ["--learning-rate", "fast"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_code_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert one_line(err) and err.startswith("python -m demos.mnist: ")
    assert arguments[0].removeprefix("-") in err


def test_a_damaged_data_file_is_one_line_that_names_it_and_exit_code_2(run, tmp_path):
    folder = write_data(tmp_path / "data", blobs(20, 1), blobs(10, 2))
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = run(*SMALL, "--data", folder)
    assert (code, out) == (2, "")
    assert one_line(err) and str(path) in err


@pytest.mark.parametrize("quiet", [["--quiet"], []], ids=["quiet", "loud"])
def test_training_that_fails_is_one_line_and_exit_code_1(run, tmp_path, quiet):
    code, _, err = run(*SMALL, "--learning-rate", "1e38", *quiet)
    assert code == 1
    assert one_line(err) and "training stopped at step" in err
    assert list((tmp_path / "out").iterdir()) == []


def listen_to_ctrl_c():
    """Undo what a shell does to its programs in the background, which are to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_keeps_what_was_learned_and_ends_with_130(blob_data, tmp_path):
    arguments = ["--data", blob_data, "--out", tmp_path / "out", *SMALL, "--epochs", "1000000"]
    process = program("demos.mnist", *arguments, preexec_fn=listen_to_ctrl_c)
    try:
        for line in process.stdout:
            if line.startswith("epoch") and " 3/" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert one_line(err.lstrip("\n")) and "interrupted; the weights so far are in" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.safetensors"]
    model = mnist.make_model((SIDE, SIDE), 6, [], "relu", np.random.default_rng(0))
    load_weights(model, tmp_path / "out" / "model.safetensors")


def test_a_training_that_was_stopped_goes_on_from_its_checkpoint(run, tmp_path, no_pictures, monkeypatch):
    def stopped(model, *_):
        raise KeyboardInterrupt

    arguments = [*SMALL, "--checkpoint", tmp_path / "training"]
    with monkeypatch.context() as patch:
        patch.setattr("nnlite.training.progress.ProgressBar.on_epoch_logged", stopped)
        code, _, err = run(*arguments)
    assert code == 130 and err.endswith(", and the same command goes on after the last whole epoch\n")
    assert run(*arguments, "--quiet", out=tmp_path / "again") == (0, "", "")
    assert run(*SMALL, "--quiet", out=tmp_path / "whole")[0] == 0
    assert without_seconds(metrics_of(tmp_path / "again")) == without_seconds(metrics_of(tmp_path / "whole"))


@pytest.mark.parametrize("other", [["--seed", 4], ["--epochs", 1], ["--checkpoint", "setup.cfg"], ["--checkpoint", "no/such"]])
def test_a_checkpoint_that_cannot_be_used_is_one_line_and_exit_code_2(run, tmp_path, no_pictures, other):
    arguments = [*SMALL, "--quiet", "--checkpoint", tmp_path / "training"]
    assert run(*arguments)[0] == 0
    code, out, err = run(*arguments, *other)
    assert (code, out) == (2, "")
    assert one_line(err) and "argument --checkpoint: " in err


# --- demos.codec

TINY = ["--hidden", "16", "--latent", "4", "--epochs", "2"]


@pytest.fixture
def run_codec(run, tmp_path):
    def run_codec(*arguments, out=None):
        return run(*TINY, *arguments, demo=codec_demo, out=out or tmp_path / "new" / "codec.safetensors")

    return run_codec


def test_the_codec_trained_can_be_loaded_and_gives_images_back(run_codec, tmp_path):
    code, out, err = run_codec()
    assert (code, err) == (0, "")
    codec = ImageCodec.load(tmp_path / "new" / "codec.safetensors")
    assert codec.image_shape == (SIDE, SIDE) and codec.qualities == len(codec_demo.POSITIONS)
    images = blobs(100, seed=2)
    files = [codec.compress(images, quality) for quality in range(codec.qualities)]
    assert all(codec.decompress(file).shape == images.shape for file in files)
    rows = [line.split() for line in out.splitlines() if line.endswith(" dB")]
    assert [row[1] for row in rows] == [f"{len(file) / 100:.2f}" for file in files]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["codec.safetensors"]


def test_one_seed_gives_one_codec(run_codec, tmp_path):
    for name, seed in (("first", 5), ("second", 5), ("third", 6)):
        run_codec("--seed", seed, out=tmp_path / name)
    first, second, third = ((tmp_path / name).read_bytes() for name in ("first", "second", "third"))
    assert first == second != third


@pytest.mark.parametrize("place", ["file/codec", "folder"])
def test_a_place_where_no_codec_can_be_written_is_found_out_before_training(run_codec, tmp_path, place):
    (tmp_path / "file").write_bytes(b"in the way")
    (tmp_path / "folder").mkdir()
    code, out, err = run_codec(out=tmp_path / place)
    assert (code, out) == (2, "")
    assert one_line(err) and "argument --out" in err


def test_too_few_images_for_a_codec_are_found_out_before_training(run_codec, tmp_path):
    few = write_data(tmp_path / "few", blobs(200, 1), blobs(20, 2))
    code, out, err = run_codec("--data", few)
    assert (code, out) == (2, "")
    assert one_line(err) and "256" in err
