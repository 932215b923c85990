"""The denoising demo: its noises and filters by themselves, that noise in training helps, what it writes, and its errors."""

import numpy as np
import pytest
from tiny_codec import blobs
from tiny_data import measured, one_line, run_demo, write_data

from demos import denoise
from nnlite.metrics import mse, psnr

QUICK = ["--hidden", "", "--latent", "16", "--epochs", "2", "--learning-rate", "0.02", "--quiet"]
METHODS = [denoise.NOTHING, denoise.MEDIAN, denoise.LINEAR, denoise.PLAIN, denoise.DENOISING]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), blobs(600, 1, side=12), blobs(50, 2, side=12))


def run(folder, out, *arguments):
    return measured(denoise, folder, out, *arguments)


@pytest.fixture(scope="module")
def metrics(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoise, "draw", lambda *_: None)
        return run(folder, tmp_path_factory.mktemp("denoised"), *QUICK, "--epochs", "30", "--seed", "5")


def test_each_filter_is_measured_at_each_strength(metrics):
    points = metrics["points"]
    strengths = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert [(round(point["strength"], 9), point["method"]) for point in points] == [(s, m) for s in strengths for m in METHODS]
    assert all(0 < point["psnr"] < 60 and -1 < point["ssim"] < 1 for point in points)
    assert (metrics["noise"], metrics["strength"], metrics["epochs"], metrics["seed"]) == ("gaussian", 0.5, 30, 5)
    assert [len(history["val_loss"]) for history in metrics["histories"].values()] == [30, 30]
    assert metrics["ssim_images"] == 50


def test_what_is_reported_of_the_noisy_images_is_their_own_error(metrics, folder):
    clean = blobs(50, 2, side=12).astype(np.float32) / 255
    noisy = np.clip(denoise.corrupt(clean, "gaussian", 0.1, np.random.default_rng(6)), 0, 1)
    assert metrics["points"][0]["psnr"] == pytest.approx(psnr(mse(noisy.astype(np.float32), clean, peak=1)), rel=1e-6)


def test_training_with_noise_helps_against_strong_noise(metrics):
    strongest = {point["method"]: point["psnr"] for point in metrics["points"][-5:]}
    assert strongest[denoise.DENOISING] > strongest[denoise.PLAIN]
    assert strongest[denoise.DENOISING] > strongest[denoise.NOTHING] + 3


@pytest.mark.parametrize("noise", list(denoise.STRENGTHS))
def test_each_noise_runs_and_the_seed_decides(folder, tmp_path, monkeypatch, noise):
    monkeypatch.setattr(denoise, "draw", lambda *_: None)
    results = [run(folder, tmp_path, *QUICK, "--noise", noise, "--seed", seed) for seed in ("3", "3", "4")]
    assert results[0]["points"] == results[1]["points"] != results[2]["points"]
    assert (results[0]["noise"], results[0]["strength"]) == (noise, denoise.STRENGTHS[noise])


def test_the_report_has_a_line_for_each_filter(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(denoise, "draw", lambda *_: None)
    metrics = run(folder, tmp_path, *(argument for argument in QUICK if argument != "--quiet"), "--epochs", "1")
    out, err = capsys.readouterr()
    assert err == ""
    for point in metrics["points"][-5:]:
        lines = [line for line in out.splitlines() if line.startswith(f"  {point['method']:<32}")]
        assert [line.split()[-1] for line in lines] == [f"{point['psnr']:.2f}", f"{point['ssim']:.3f}"]


# --- the noises


def test_gaussian_noise_has_the_deviation_asked_for(rng):
    noise = denoise.corrupt(np.full((200, 12, 12), 0.5, np.float32), "gaussian", 0.3, rng) - np.float32(0.5)
    assert noise.dtype == np.float32
    assert (noise.mean(), noise.std()) == (pytest.approx(0, abs=0.01), pytest.approx(0.3, rel=0.03))


@pytest.mark.parametrize(("noise", "colours"), [("masking", [0]), ("salt_and_pepper", [0, 1])])
def test_pixels_are_hit_in_the_share_asked_for_and_the_others_left_alone(rng, noise, colours):
    images = np.full((200, 12, 12), 0.5, np.float32)
    noisy = denoise.corrupt(images, noise, 0.4, rng)
    assert noisy.dtype == np.float32
    assert np.unique(noisy).tolist() == sorted([*colours, 0.5])
    assert np.mean(noisy != 0.5) == pytest.approx(0.4, abs=0.02)
    assert np.mean(noisy == 0) == pytest.approx(0.4 / len(colours), abs=0.02)


def test_in_training_each_image_has_a_strength_of_its_own(rng):
    images = np.full((500, 12, 12), 0.5, np.float32)
    deviations = (denoise.noise_up_to(0.4, "gaussian")(images, rng) - images).std(axis=(1, 2))
    assert 0 < deviations.min() < 0.05 and 0.35 < deviations.max() < 0.5
    assert deviations.mean() == pytest.approx(0.2, abs=0.02)


# --- the filters


def test_the_median_removes_single_pixels_and_keeps_edges():
    image = np.zeros((1, 6, 6), np.float32)
    image[0, :, 3:] = 1
    spotted = image.copy()
    spotted[0, 2, 1], spotted[0, 3, 4] = 1, 0
    assert np.array_equal(denoise.median(spotted)[0, 1:-1, 1:-1], image[0, 1:-1, 1:-1])


def test_the_median_of_a_corner_counts_black_around_the_image():
    image = np.ones((1, 3, 3), np.float32)
    assert denoise.median(image)[0].tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]  # 4, 6 or 9 of 9 are white


def test_the_linear_filter_is_the_least_squares_solution(rng):
    x, y = rng.normal(size=(2, 60, 3, 3))
    x[:, 0, 0] = 0  # a pixel that is always black
    design = np.column_stack([x.reshape(60, 9), np.ones(60)])
    expected = design @ np.linalg.lstsq(design, y.reshape(60, 9), rcond=None)[0]
    assert denoise.linear_filter(x, y)(x) == pytest.approx(expected.reshape(60, 3, 3), abs=1e-9)


# --- how it ends when something is wrong


@pytest.mark.parametrize(
    "arguments",
    [["--noise", "snow"], ["--strength", "0"], ["--strength", "1.1", "--noise", "masking"], ["--latent", "0"]],
    ids=" ".join,
)
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, capsys, arguments):
    assert run_demo(denoise, "--out", tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and one_line(err) and arguments[0] in err


def test_images_too_small_for_structural_similarity_are_found_out_before_training(tmp_path, capsys):
    small = write_data(tmp_path / "small", blobs(20, 1), blobs(10, 2))
    assert run_demo(denoise, "--data", small, "--out", tmp_path / "out", *QUICK) == 2
    err = capsys.readouterr().err
    assert one_line(err) and "argument --data: expected images of at least 11 by 11, received (8, 8)" in err
