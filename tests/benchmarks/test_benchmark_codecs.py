"""The codec benchmark: curves and their differences by hand, what counts as a header, the rival codecs' own round trips."""

import importlib.util
import math

import numpy as np
import pytest

from benchmarks import codec_plots, codec_rivals, codec_tables, codec_transform, codecs
from benchmarks.codec_rates import Setting, bjontegaard, bytes_at, curve, interpolate, measure, mosaic, shared_bytes, tiles

RNG = np.random.default_rng(0)


def points(*pairs):
    return [{"bytes_per_image": rate, "psnr": decibel} for rate, decibel in pairs]


def smooth_images(count, size=28):
    row, column = np.mgrid[:size, :size]
    centre = RNG.uniform(size / 4, 3 * size / 4, (count, 2, 1, 1))
    distance = (row - centre[:, 0]) ** 2 + (column - centre[:, 1]) ** 2
    return np.rint(255 * np.exp(-distance / 18)).astype(np.uint8)


def test_a_curve_keeps_the_points_that_no_other_beats():
    decibels, logarithm = curve(points((30, 22.0), (10, 18.0), (20, 22.0), (15, 17.0), (40, 25.0), (50, None)))
    assert decibels == pytest.approx([18, 22, 25])
    assert np.exp(logarithm) == pytest.approx([10, 20, 40])


def test_half_the_bytes_at_every_psnr_is_minus_50_percent():
    reference, other = curve(points((10, 18), (25, 21), (60, 25))), curve(points((5, 18), (12.5, 21), (30, 25)))
    found = bjontegaard(reference, other)
    assert found == pytest.approx({"difference": -0.5, "lowest": 18, "highest": 25})


def test_the_difference_is_taken_over_the_common_decibels_and_within_the_limits():
    # ln(rate) is p − 18 and (p − 18) / 2: their difference is −(p − 18) / 2, over 20 to 24 dB −2 on average.
    reference = curve(points(*((math.exp(p - 18), p) for p in (18, 21, 26))))
    other = curve(points(*((math.exp((p - 18) / 2), p) for p in (20, 22, 30))))
    assert bjontegaard(reference, other, highest=24) == pytest.approx(
        {"difference": math.exp(-2) - 1, "lowest": 20, "highest": 24}, rel=1e-6
    )
    assert bjontegaard(reference, other, lowest=27) is None
    assert bjontegaard(reference, curve(points((3, 20)))) is None


def test_the_interpolation_does_not_overshoot():
    # Slopes 1 and 0: the derivative is (3 · 1 − 0) / 2 = 1.5 at the start and 0 where the curve becomes level, so that
    # halfway up it is ½ + 1.5 / 8.
    x, y = np.array([0.0, 1, 2]), np.array([0.0, 1, 1])
    assert interpolate(x, y, np.array([0, 0.5, 1, 1.5, 2])) == pytest.approx([0, 0.6875, 1, 1, 1])
    assert interpolate(x[:2], y[:2], np.array([0.25])) == pytest.approx([0.25])


def test_the_interpolation_is_exact_for_a_straight_line_of_uneven_points():
    x = np.array([0.0, 0.1, 2, 5])
    assert interpolate(x, 3 * x - 1, np.array([0.05, 1.7, 4.2])) == pytest.approx(3 * np.array([0.05, 1.7, 4.2]) - 1)


def test_bytes_are_told_only_where_the_curve_goes():
    found = curve(points((10, 20), (20, 22), (40, 24)))
    assert bytes_at(found, 21) == pytest.approx(10 * math.sqrt(2))
    assert bytes_at(found, 19.9) is None and bytes_at(found, 24.1) is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([b"abcX", b"abcYZ"], 3),
        ([b"aXcY", b"aZcW"], 2),  # the varying length field in the middle of a header counts, the rest of the header does not
        ([b"abXend", b"abYYend"], 5),
        ([b"same", b"same"], 4),
        ([b"aaa", b"aaaa"], 3),  # no byte twice
        ([b"", b"a"], 0),
    ],
)
def test_shared_bytes(files, expected):
    assert shared_bytes(files) == expected


def test_a_mosaic_comes_apart_again():
    images = RNG.integers(0, 256, (9, 4, 6), dtype=np.uint8)
    assert np.array_equal(tiles(mosaic(images), (4, 6)), images)
    assert np.array_equal(mosaic(images)[:4, 6:12], images[1])
    with pytest.raises(ValueError, match="square number"):
        mosaic(images[:8])


def test_a_single_file_is_counted_with_and_without_its_header():
    raw = Setting("raw", "", lambda x: b"HEAD" + x.tobytes(), lambda f: np.frombuffer(f[4:], np.uint8).reshape(-1, 2, 2))
    images = RNG.permutation(40).astype(np.uint8).reshape(10, 2, 2)
    single, payload = measure(raw, images, 1)
    assert (single["protocol"], single["bytes_per_image"]) == ("single", 8)
    assert (payload["protocol"], payload["bytes_per_image"]) == ("payload", 4)
    (batch,) = measure(raw, images, 4)
    assert (batch["protocol"], batch["bytes_per_image"], batch["psnr"]) == ("batch", (3 * 4 + 40) / 10, None)


def test_a_codec_that_only_claims_to_lose_nothing_is_found_out():
    liar = Setting("liar", "", lambda x: x.tobytes(), lambda f: np.zeros((len(f) // 4, 2, 2), np.uint8), lossless=True)
    with pytest.raises(RuntimeError, match="liar"):
        measure(liar, np.ones((3, 2, 2), np.uint8), 3)


@pytest.mark.parametrize("size", [4, 7, 28])
def test_the_cosines_are_orthonormal_and_begin_with_the_mean(size):
    basis = codec_transform.cosines((28, 28), size)
    assert basis.T @ basis == pytest.approx(np.eye(784), abs=1e-5)
    block = np.zeros((28, 28))
    block[:size, :size] = 1 / size
    assert basis[:, 0] == pytest.approx(block.reshape(-1), abs=1e-6)


def test_transform_codecs_spend_more_bytes_for_fewer_errors():
    training, images = smooth_images(400), smooth_images(25)
    found = codec_transform.settings(training, steps=(128, 32), class_components=16)
    assert [setting.codec for setting in found] == ["PCA"] * 2 + ["PCA, class prior"] * 2 + ["DCT 4 × 4"] * 2
    for coarse, fine in zip(found[::2], found[1::2], strict=True):
        (cheap,), (good,) = measure(coarse, images, 25), measure(fine, images, 25)
        assert cheap["bytes_per_image"] < good["bytes_per_image"]
        assert cheap["psnr"] < good["psnr"]
        assert good["psnr"] > 24


def test_every_rival_returns_images():
    images = smooth_images(16)
    found, missing = codec_rivals.settings((28, 28), threads=1, quick=True, avif_speed=10)
    for setting in found:
        protocols = [point["protocol"] for point in measure(setting, images[:4], 1) + measure(setting, images, 16)]
        assert protocols == ["single", "payload", "mosaic" if setting.mosaic else "batch"], setting
    assert all("pip install" in reason for reason in missing.values())


def test_what_is_not_installed_gets_a_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found, missing = codec_rivals.settings((28, 28), threads=1, quick=True, avif_speed=10)
    assert {setting.codec for setting in found} == {"gzip", "bz2", "xz"}
    text = codec_tables.absent(missing)
    assert "AVIF: not installed: pip install Pillow" in text and "JPEG XL: not installed: pip install imagecodecs" in text


def test_the_tables_compare_within_a_protocol_only():
    def point(codec, protocol, group, rate, decibel, lossless=False):
        return {
            **{"codec": codec, "protocol": protocol, "group": group, "bytes_per_image": rate, "psnr": decibel},
            **{"lossless": lossless, "images": 100, "encode_seconds": 0.1, "decode_seconds": 0.2},
        }

    given = [
        *(point("nnlite", "batch", 100, rate, decibel) for rate, decibel in ((10, 20), (20, 24))),
        *(point("nnlite", "single", 1, rate, decibel) for rate, decibel in ((30, 20), (60, 24))),
        *(point("JPEG", "mosaic", 100, rate, decibel) for rate, decibel in ((40, 20), (80, 24))),
        point("gzip", "batch", 100, 160, None, lossless=True),
        point("gzip", "single", 1, 190, None, lossless=True),
    ]
    rows = {(row["codec"], row["protocol"]): row for row in codec_tables.comparisons(given)}
    assert len(rows) == 3
    jpeg = rows["JPEG", "mosaic"]
    assert jpeg["nnlite_bytes"]["difference"] == pytest.approx(-0.75)
    assert jpeg["nnlite_bytes_low_rates"]["lowest"] == 20.6
    assert jpeg["bytes_at_psnr"]["22"] == pytest.approx(40 * math.sqrt(2))
    assert jpeg["encode_seconds"] == pytest.approx(10)
    text = codec_tables.lossy(list(rows.values()))
    assert "batch of 100 / mosaic of 100" in text and "−75 % (20.0–24.0 dB)" in text
    assert codec_tables.lossless(given).splitlines()[-1] == "| gzip | 190.0 | 160.0 |"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "nowhere"],
        ["--avif-speed", "11"],
        ["--fashion-data", "."],
        ["--json", "no/such/folder/file"],
        ["--model", __file__],
    ],
)
def test_bad_arguments_are_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        codecs.main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_protocols_are_named_in_words():
    assert codec_tables.protocol_name({"protocol": "mosaic", "group": 10_000}) == "mosaic of 10,000"
    assert set(codec_tables.PROTOCOLS) == {"single", "payload", "batch", "mosaic"}


def test_the_chart_shows_the_fewest_bytes_and_says_where_fewer_images_were_measured(tmp_path, monkeypatch):
    drawn = []

    class Drawn(codec_plots.Figure):
        def savefig(self, path, **options):
            drawn.append(self)

    def point(protocol, group, images, rate, decibel):
        return {
            **{"codec": "nnlite", "protocol": protocol, "group": group, "images": images},
            **{"bytes_per_image": rate, "psnr": decibel, "lossless": False},
        }

    monkeypatch.setattr(codec_plots, "Figure", Drawn)
    given = [point("batch", 10_000, 10_000, 3.61, 17.7), point("batch", 10_000, 10_000, 9, 21)]
    given += [point("single", 1, 1000, 15, 17.7), point("single", 1, 1000, 20, 21)]
    codec_plots.rate_distortion("Fashion-MNIST", given, tmp_path / "chart.png")
    (axes,) = drawn[0].axes
    lines = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert set(lines) == {"nnlite, batch of 10,000", "nnlite, one file per image (1,000 images)"}
    assert axes.get_xlim()[0] < min(x[0] for x in lines.values())
