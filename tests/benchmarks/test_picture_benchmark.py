"""The benchmark of pictures: rivals return what they were given, differences are per picture, all of it runs on a folder."""

import json

import matplotlib.image
import numpy as np
import pytest

from benchmarks import pictures
from nnlite.metrics import mse, psnr

pytest.importorskip("PIL")


def scene(seed, size=48):
    """Return a smooth picture in colours with some grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    waves = np.stack([128 + 90 * np.sin(x / rng.uniform(3, 9) + y / rng.uniform(3, 9)) for _ in range(3)], axis=-1)
    return np.clip(np.rint(waves + rng.normal(0, 4, waves.shape)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("codec", pictures.rivals(quick=True)[0], ids=lambda codec: codec.name)
def test_a_rival_returns_the_picture_it_was_given(codec):
    picture = scene(0)
    restored = [codec.decode(codec.encode(picture, setting)) for setting in codec.settings]
    errors = [mse(each, picture) for each in restored]
    assert (restored[-1] == picture).all() if codec.lossless else psnr(min(errors)) > 28
    assert codec.lossless or len({len(codec.encode(picture, setting)) for setting in codec.settings}) > 2


def point(codec, picture, size, decibels, lossless=False):
    seconds = {"encode_seconds": 1.0, "decode_seconds": 0.5}
    return {"codec": codec, "picture": picture, "pixels": 500_000, "lossless": lossless} | {
        "bytes_per_image": size, "psnr": decibels, **seconds
    }  # fmt: skip


def test_differences_are_taken_of_each_picture_and_then_averaged():
    points = []
    for picture, factor in (("a", 0.5), ("b", 1.0)):
        for size, decibels in ((100, 20), (300, 25), (900, 30)):
            points += [point("nnlite", picture, factor * size, decibels), point("other", picture, size, decibels)]
    row = pictures.compare(points)[1]
    assert row["by_picture"] == pytest.approx({"a": -0.5, "b": 0.0})
    assert (row["mean"], row["least"], row["largest"]) == pytest.approx((-0.25, -0.5, 0.0))
    assert row["encode_seconds"] == pytest.approx(2.0)


def test_the_whole_runs_on_a_folder(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for seed in range(2):
        matplotlib.image.imsave(tmp_path / "data" / f"{seed}.png", scene(seed))
    arguments = ["--data", tmp_path / "data", "--quick", "--json", tmp_path / "points.json", "--plot", tmp_path / "chart.png"]
    assert pictures.main([*map(str, arguments)]) == 0
    out = capsys.readouterr().out
    report = json.loads((tmp_path / "points.json").read_text())
    names = {row["codec"] for row in report["comparisons"]}
    assert {"nnlite", "nnlite without its network", "JPEG", "WebP", "PNG"} <= names
    assert all(f"| {name} |" in out for name in names)
    assert len({each["picture"] for each in report["points"]}) == 2
    assert len(np.unique(matplotlib.image.imread(tmp_path / "chart.png")[..., 0])) > 20


def test_a_folder_without_pictures_is_refused_in_a_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as leaving:
        pictures.main(["--data", str(tmp_path)])
    assert leaving.value.code == 2
    assert "expected a folder of PNG files" in capsys.readouterr().err
