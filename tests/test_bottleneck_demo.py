"""The bottleneck demo: what it writes, that more numbers in a code mean less distortion, and its errors."""

import json

import numpy as np
import pytest

from demos import bottleneck

ACTIVATIONS = ["relu", "tanh"]


@pytest.fixture
def folder(tmp_path):
    """A data set of bars that are slid, 600 to train with and 60 to test."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 600), ("t10k", 60)):
        images = np.zeros((count, 8, 8), np.uint8)
        images[np.arange(count), :, rng.integers(0, 8, count)] = 255
        images[np.arange(count), rng.integers(0, 8, count)] = 255
        for name, array in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", np.zeros(count, np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (tmp_path / name).write_bytes(header + array.tobytes())
    return tmp_path


def run(folder, *arguments):
    return bottleneck.main(["--data", str(folder), "--out", str(folder / "out"), *arguments])


def test_it_writes_a_picture_and_a_point_for_each_model(folder, capsys):
    assert run(folder, "--latents", "1,16", "--activations", ",".join(ACTIVATIONS), "--epochs", "20") == 0
    assert (folder / "out" / "bottleneck.png").stat().st_size > 10_000
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    points = metrics["points"]
    assert [(point["activation"], point["latent"]) for point in points] == [(a, k) for a in ACTIVATIONS for k in (1, 16)]
    assert all(point["bytes_per_image"] == point["latent"] for point in points)
    assert points[0]["test_psnr"] < points[1]["test_psnr"] and points[2]["test_psnr"] < points[3]["test_psnr"]
    assert metrics["epochs"] == 20
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("relu ", "tanh ")) for line in lines) == 4


def test_the_seed_decides(folder, capsys):
    results = []
    for seed in ("0", "0", "1"):
        run(folder, "--latents", "4", "--activations", "silu", "--epochs", "1", "--seed", seed, "--quiet")
        results.append(json.loads((folder / "out" / "metrics.json").read_text())["points"][0]["test_mse"])
    assert results[0] == results[1] != results[2]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments", [["--latents", "4,x"], ["--latents", ""], ["--activations", "relu,rleu"], ["--epochs", "0"], ["--data", "nowhere"]]
)
def test_bad_arguments_are_one_line(tmp_path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        bottleneck.main(["--out", str(tmp_path), *arguments])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
