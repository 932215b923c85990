"""The demo of faces and fashion: folders of any kind, grey and in colours; PCA beside the autoencoder; and its errors."""

import numpy as np
import pytest
from tiny_codec import blobs
from tiny_data import measured, one_line, run_demo, without_seconds, write_data

from demos import faces_and_fashion as demo
from demos.shared.plots import tile
from nnlite import load_weights

PICTURES = ["components.png", "history.png", "morph.png", "reconstructions.png", "samples.png"]
SMALL = ["--latent", "3", "--hidden", "16", "--epochs", "4", "--batch-size", "32", "--learning-rate", "0.01"]


def faces(rng, people=6, each=5, channels=1):
    """Images of 8 × 6 that are a person's base and some noise."""
    base = rng.integers(40, 200, (people, 1, 8, 6, channels))
    return np.clip(base + rng.normal(0, 10, (people, each, 8, 6, channels)), 0, 255).astype(np.uint8)


def write_faces(folder, images):
    """Write images (people, each, height, width, channels) as PGM or PPM files in a folder for each person."""
    *_, height, width, channels = images.shape
    for person, pictures in enumerate(images):
        (folder / f"s{person}").mkdir(parents=True)
        for number, picture in enumerate(pictures):
            header = b"P%d\n# a comment\n%d %d\n255\n" % (6 if channels == 3 else 5, width, height)
            (folder / f"s{person}" / f"{number}.pnm").write_bytes(header + picture.tobytes())
    return folder


def run(data, out, *arguments):
    return measured(demo, data, out, *SMALL, *arguments)


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(demo, "draw", lambda *_: None)


@pytest.fixture
def folder(tmp_path, rng):
    return write_faces(tmp_path / "faces", faces(rng))


@pytest.mark.parametrize(("channels", "shape"), [(1, [8, 6]), (3, [8, 6, 3])], ids=["grey", "colour"])
def test_a_folder_of_pictures_gives_all_files_and_numbers(tmp_path, rng, channels, shape):
    data = write_faces(tmp_path / "faces", faces(rng, channels=channels))
    metrics = run(data, tmp_path / "out", "--quiet")
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == sorted([*PICTURES, "model.safetensors", "metrics.json"])
    assert all((tmp_path / "out" / name).stat().st_size > 5000 for name in PICTURES)
    assert metrics["image_shape"] == shape
    assert (metrics["train_images"], metrics["test_images"]) == (24, 6)
    for name in ("autoencoder", "pca", "mean_image"):
        for part in ("train", "test"):
            assert metrics[f"{part}_psnr_{name}"] == pytest.approx(-10 * np.log10(metrics[f"{part}_mse_{name}"]))
    assert metrics["test_mse_autoencoder"] == pytest.approx(metrics["val_loss"][-1], rel=1e-4)
    assert metrics["train_mse_pca"] < metrics["train_mse_mean_image"]
    assert (metrics["flip"], metrics["dropout"], metrics["latent"], metrics["epochs"]) == (True, 0.2, 3, 4)


def test_a_folder_of_idx_files_brings_its_own_test_images(tmp_path, no_pictures, capsys):
    data = write_data(tmp_path / "data", blobs(60, 1), blobs(20, 2))
    metrics = run(data, tmp_path / "out")
    assert (metrics["train_images"], metrics["test_images"], metrics["image_shape"]) == (60, 20, [8, 8])
    said = capsys.readouterr().out
    assert "60 training and 20 test images of 8 × 8" in said
    assert f"{metrics['test_psnr_pca']:.2f} dB" in said and f"{metrics['test_psnr_autoencoder']:.2f} dB" in said
    assert ("better" if metrics["test_mse_autoencoder"] < metrics["test_mse_pca"] else "worse") in said


def test_the_model_can_be_loaded_again(tmp_path, folder, no_pictures):
    metrics = run(folder, tmp_path / "out", "--quiet")
    options = demo.make_parser().parse_args(SMALL)
    demo.fill_in(options, 24)
    model = demo.make_model(np.zeros((1, 8, 6), np.uint8), options, np.random.default_rng(0))
    named = {name.partition(".")[2] for name in model.named_parameters()}
    load_weights(model, tmp_path / "out" / "model.safetensors")
    assert named == {"weight", "bias"} and metrics["hidden"] == [16]


def test_whole_folders_are_held_out_if_asked_for(tmp_path, folder, no_pictures):
    metrics = run(folder, tmp_path / "out", "--quiet", "--hold-out", "folders", "--test-share", "0.5")
    assert (metrics["train_images"], metrics["test_images"]) == (15, 15)
    assert metrics["test_mse_mean_image"] > metrics["train_mse_mean_image"]


def test_the_seed_decides(tmp_path, folder, no_pictures):
    first, again, other = (without_seconds(run(folder, tmp_path / "out", "--quiet", "--seed", seed)) for seed in ("0", "0", "1"))
    assert first == again != other


def test_few_or_many_training_images_decide_what_is_left_open_and_nothing_else():
    for images, flip, epochs in ((100, True, 100), (60_000, False, 10)):
        options = demo.make_parser().parse_args(["--hidden", "", "--dropout", "0"])
        demo.fill_in(options, images)
        assert (options.flip, options.epochs, options.hidden, options.dropout) == (flip, epochs, [], 0)
    options = demo.make_parser().parse_args(["--no-flip"])
    demo.fill_in(options, 100)
    assert options.flip is False


@pytest.mark.parametrize("text", ["0", "0.0", "0e3", "0.25"])
def test_dropout_and_noise_may_be_zero_however_it_is_written(text):
    options = demo.make_parser().parse_args(["--dropout", text, "--noise", text])
    assert options.dropout == options.noise == float(text)


# --- the pieces


def test_the_untrained_decoder_draws_the_mean_image_at_the_code_zero(rng):
    images = rng.integers(20, 230, (50, 4, 5), dtype=np.uint8)
    options = demo.make_parser().parse_args(SMALL)
    demo.fill_in(options, 50)
    model = demo.make_model(images, options, rng)
    np.testing.assert_allclose(model.decode(np.zeros((1, 3), np.float32))[0], images.mean(axis=0) / 255, atol=1e-5)


@pytest.mark.parametrize("channels", [[], [3]], ids=["grey", "colour"])
def test_a_tile_has_every_image_at_its_place(rng, channels):
    images = rng.random((3, 2, 4, *channels))
    whole = tile(images, 2, gap=1)
    assert whole.shape == (5, 9, *channels)
    for image, (top, left) in zip(images, [(0, 0), (0, 5), (3, 0)], strict=True):
        np.testing.assert_array_equal(whole[top : top + 2, left : left + 4], image)
    assert (np.isnan(whole[2]) if not channels else whole[2] == 1).all()


# --- how it ends when something is wrong


def failure(capsys, *arguments):
    """Return the one line with which the demo leaves with exit code 2."""
    code, said = run_demo(demo, *arguments), capsys.readouterr()
    assert (code, said.out) == (2, "") and one_line(said.err)
    return said.err


@pytest.mark.parametrize(
    "arguments",
    [["--latent", "0"], ["--hidden", "x"], ["--batch-size", "0"], ["--learning-rate", "inf"], ["--dropout", "1"],
     ["--dropout", "nan"], ["--dropout", "x"], ["--noise", "-1"], ["--test-share", "1"], ["--test-share", "0"],
     ["--hold-out", "people"]],
    ids=" ".join,
)  # fmt: skip
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, folder, capsys, arguments):
    assert arguments[0] in failure(capsys, "--out", tmp_path / "out", "--data", folder, *arguments)


def test_without_fashion_mnist_the_line_says_where_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "FASHION", tmp_path / "nothing")
    line = failure(capsys, "--out", tmp_path / "out")
    assert "apt install dataset-fashion-mnist" in line and "https://github.com/zalandoresearch/fashion-mnist" in line
    assert "--data DIR" in line


def test_a_picture_of_another_size_is_named(tmp_path, folder, capsys):
    (folder / "s3" / "2.pnm").write_bytes(b"P5 1 1 255\n\x00")
    assert "s3/2.pnm: expected an image of 6 × 8 pixels" in failure(capsys, "--data", folder, "--out", tmp_path / "out")


def test_a_folder_from_which_nothing_can_be_held_out_is_refused(tmp_path, capsys, rng):
    data = write_faces(tmp_path / "faces", faces(rng, people=1))
    assert "at least two groups" in failure(capsys, "--data", data, "--out", tmp_path / "out", "--hold-out", "folders")
