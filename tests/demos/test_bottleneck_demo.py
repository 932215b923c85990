"""The bottleneck demo: what it writes, that more numbers in a code mean less distortion, and its errors."""

import pytest
from tiny_data import crossed_bars, measured, one_line, run_demo, write_data

from demos import bottleneck

ACTIVATIONS = ["relu", "tanh"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("bars"), crossed_bars(600, 1), crossed_bars(60, 2))


def test_it_writes_a_picture_and_a_point_for_each_model(folder, tmp_path, capsys):
    small = ["--latents", "1,16", "--activations", ",".join(ACTIVATIONS), "--epochs", "20"]
    metrics = measured(bottleneck, folder, tmp_path, *small)
    assert (tmp_path / "bottleneck.png").stat().st_size > 10_000
    points = metrics["points"]
    assert [(point["activation"], point["latent"]) for point in points] == [(a, k) for a in ACTIVATIONS for k in (1, 16)]
    assert all(point["bytes_per_image"] == point["latent"] for point in points)
    assert points[0]["test_psnr"] < points[1]["test_psnr"] and points[2]["test_psnr"] < points[3]["test_psnr"]
    assert metrics["epochs"] == 20
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("relu ", "tanh ")) for line in lines) == 4


def test_the_seed_decides(folder, tmp_path):
    small = ["--latents", "4", "--activations", "silu", "--epochs", "1", "--quiet", "--seed"]
    errors = [measured(bottleneck, folder, tmp_path, *small, seed)["points"][0]["test_mse"] for seed in "001"]
    assert errors[0] == errors[1] != errors[2]


@pytest.mark.parametrize("arguments", [["--latents", "4,x"], ["--latents", ""], ["--activations", "relu,rleu"]])
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, arguments, capsys):
    assert run_demo(bottleneck, "--out", tmp_path, *arguments) == 2
    assert one_line(capsys.readouterr().err)
