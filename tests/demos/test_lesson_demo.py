"""The pictures that teach: each is written, and the numbers in it mean what its title says."""

import numpy as np
import pytest
from tiny_codec import blobs, tiny_codec
from tiny_data import metrics_of, one_line, run_demo, write_data

from demos import lesson
from demos.shared import lesson_numbers
from nnlite import TrainingError
from nnlite.codec.quantizer import UniformQuantizer

SMALL = ["--latent", "6", "--epochs", "3", "--batch-size", "16", "--image", "3"]
TEST_IMAGES = blobs(100, seed=2)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The arguments that name a small data set and a codec for its images."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny_codec().save(folder / "codec.safetensors")
    data = write_data(folder / "data", blobs(600, seed=1), TEST_IMAGES)
    return ["--data", str(data), "--codec", str(folder / "codec.safetensors"), "--quiet"]


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    """The folder with all pictures."""
    folder = tmp_path_factory.mktemp("finished")
    assert lesson.main([*inputs, *SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def metrics(finished):
    return metrics_of(finished)


def test_every_picture_is_written_and_its_numbers_too(finished, metrics):
    assert {path.name for path in finished.iterdir()} == {"metrics.json", *(f"{name}.png" for name in lesson.PICTURES)}
    assert all((finished / f"{name}.png").stat().st_size > 10_000 for name in lesson.PICTURES)
    assert set(lesson.PICTURES) <= set(metrics)
    assert (metrics["latent"], metrics["epochs"], metrics["batch_size"], metrics["seed"]) == (6, 3, 16, 0)


def test_only_the_pictures_named_are_drawn(inputs, tmp_path, capsys):
    assert lesson.main([*inputs, *SMALL, "--out", str(tmp_path), "bits", "filters", "bits"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bits.png", "filters.png", "metrics.json"]
    assert capsys.readouterr() == ("", "")


def test_one_step_and_one_class_can_be_drawn(tmp_path):
    data = write_data(tmp_path / "few", blobs(20, 1), blobs(5, 2), test_labels=np.full(5, 7))
    pictures = ["loss_surface", "filters", "sharpening", "quantising"]
    assert lesson.main([*pictures, "--data", str(data), "--epochs", "1", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert all((tmp_path / "out" / f"{name}.png").exists() for name in pictures)


# --- what the numbers mean


def test_the_plane_holds_start_end_and_the_farthest_bend_of_the_path(metrics):
    surface = metrics["loss_surface"]
    path, off_plane = np.array(surface["path"]), np.array(surface["off_plane"])
    assert surface["steps"][0] == 0 and surface["steps"][-1] == 3 * 38
    np.testing.assert_allclose(path[0], 0, atol=1e-5)
    assert path[-1, 0] > 0 and abs(path[-1, 1]) < 1e-4
    assert off_plane[[0, -1, np.argmax(path[:, 1])]] == pytest.approx(0, abs=1e-4)
    assert off_plane.max() > 1e-2


def test_the_loss_falls_along_the_path(metrics):
    surface = metrics["loss_surface"]
    assert surface["path_loss"][-1] == min(surface["path_loss"]) < 0.6 * surface["path_loss"][0]
    assert surface["lowest_loss_on_grid"] < 0.6 * surface["path_loss"][0]


def test_the_surface_is_the_loss_of_the_weights_in_the_plane():
    images = blobs(200, seed=1)
    training = lesson_numbers.train(images, 6, 2, 32, 0, verbose=False)
    before = training.model.get_weights()
    surface = lesson_numbers.loss_surface(training, images, 5, 4)
    assert all(np.array_equal(left, right) for left, right in zip(before, training.model.get_weights(), strict=True))
    assert surface.path_loss[-1] == pytest.approx(training.model.evaluate(images))
    start, end = training.weights[0], training.weights[training.last_step]
    length = surface.path[-1, 0]
    assert length == pytest.approx(np.sqrt(sum(np.sum((b - a) ** 2) for a, b in zip(start, end, strict=True))), rel=1e-4)
    row = int(np.argmin(np.abs(surface.across)))
    bend = surface.path[:, 1].argmax()
    corner = list(training.weights.values())[bend]  # start + path[bend] in the plane, exactly
    x, y = surface.along[2] / length, surface.across[row] / surface.path[bend, 1]
    x -= y * surface.path[bend, 0] / length
    weights = [s + x * (e - s) + y * (c - s) for s, e, c in zip(start, end, corner, strict=True)]
    training.model.set_weights(weights)
    assert surface.loss[row, 2] == pytest.approx(training.model.evaluate(images), rel=1e-3)


def test_weights_grow_from_those_of_the_start(metrics):
    largest = metrics["filters"]["largest_weight"]
    assert list(largest) == ["start", "1 epoch", "2 epochs", "3 epochs"]
    assert 0.9 < largest["start"] / np.sqrt(6 / (64 + 6)) <= 1  # Glorot's range
    assert largest["3 epochs"] > largest["start"]


def test_images_come_closer_as_training_goes_on(metrics):
    decibels = metrics["sharpening"]["test_psnr"]
    assert list(decibels) == ["step 10", "step 30", "1 epoch", "2 epochs", "3 epochs"]
    assert decibels["step 10"] < decibels["1 epoch"] < decibels["3 epochs"]
    assert decibels["3 epochs"] == pytest.approx(metrics["quantising"]["psnr_of_exact"])


def test_the_central_difference_in_float64_is_best_near_the_step_of_gradcheck(metrics):
    errors = metrics["gradient_error"]
    epsilon, central = np.array(errors["epsilon"]), np.array(errors["central_float64"])
    assert 1e-6 < errors["best_epsilon_float64"] < 1e-3
    assert central[np.isclose(epsilon, lesson.GRADCHECK_STEP, rtol=1e-6)] < 1e-9
    long, short = epsilon > 1e-3, epsilon < 1e-7
    np.testing.assert_allclose(central[long], errors["factor_of_square"] * epsilon[long] ** 2, rtol=0.1)
    np.testing.assert_allclose(central[short], errors["factor_of_inverse"] / epsilon[short], rtol=1)


def test_one_side_or_half_the_digits_make_the_difference_worse(metrics):
    errors = metrics["gradient_error"]
    epsilon = np.array(errors["epsilon"])
    best, one_sided, single = (np.array(errors[name]) for name in ("central_float64", "one_sided_float64", "central_float32"))
    assert 100 * best.min() < one_sided.min() < single.min()
    assert epsilon[one_sided.argmin()] < epsilon[best.argmin()] < epsilon[single.argmin()]


def test_a_bit_more_is_six_decibels_until_the_model_is_all_that_is_left(metrics):
    quantising = metrics["quantising"]
    assert quantising["bits"] == [*range(1, 9)]
    gains = np.diff(quantising["psnr_to_exact"])
    assert (gains > 0).all() and gains[3:].mean() == pytest.approx(20 * np.log10(2), abs=0.5)
    assert quantising["psnr_to_original"][-1] > quantising["psnr_to_original"][0] + 1
    assert quantising["psnr_to_original"][-1] == pytest.approx(quantising["psnr_of_exact"], abs=0.05)


def test_codes_quantised_to_few_bits_have_few_values_and_keep_their_range(rng):
    codes = rng.standard_normal((500, 3)).astype(np.float32)
    quantizer = UniformQuantizer.from_codes(codes)
    for bits in (1, 2, 5):
        coarse = lesson_numbers.quantize_to(2 * codes, quantizer, bits)  # beyond the range, too
        assert [len(np.unique(column)) for column in coarse.T] == [2**bits] * 3
        np.testing.assert_allclose([coarse.min(axis=0), coarse.max(axis=0)], [codes.min(axis=0), codes.max(axis=0)], rtol=1e-5)
    assert np.array_equal(lesson_numbers.quantize_to(codes, quantizer, 8), quantizer.dequantize(quantizer.quantize(codes)))


def test_the_bits_of_an_image_are_those_of_its_file(metrics):
    bits = metrics["bits"]
    file = tiny_codec().compress(TEST_IMAGES[3], bits["quality"])
    assert bits["header_bytes"] + bits["payload_bytes"] == len(file)
    spent = bits["class_bits"] + sum(bits["latent_bits"])
    assert spent <= 8 * bits["payload_bytes"] <= spent + 16


def test_the_mean_bits_are_those_of_all_images(metrics):
    bits, codec = metrics["bits"], tiny_codec()
    payload = len(codec.compress(TEST_IMAGES, bits["quality"])) - bits["header_bytes"]
    spent = 100 * (bits["class_bits"] + sum(bits["mean_latent_bits"]))
    assert spent <= 8 * payload <= 1.01 * spent + 16


def test_with_all_latents_the_image_is_the_one_decompressed():
    codec = tiny_codec()
    count = lesson_numbers.count_bits(codec, TEST_IMAGES, 3, 1)
    assert count.kept == [0, 1, 2, 4, 6]
    assert np.array_equal(count.images[-1], codec.decompress(codec.compress(TEST_IMAGES[3], 1))[0])
    assert count.psnr[0] < count.psnr[-1]
    assert (np.diff(count.latents[count.order]) <= 0).all()


@pytest.mark.parametrize(("last", "unit", "series"), [(10, 1, [1, 2, 5, 10]), (30, 10, [10, 20, 30]), (5, 5, [5]), (1, 1, [1])])
def test_epochs_are_looked_at_in_a_series_of_one_two_five(last, unit, series):
    assert lesson_numbers.one_two_five(last, unit) == series


def test_the_network_shows_the_numbers_of_the_worked_example(metrics):
    network = metrics["network"]
    nodes = {"x0": 1, "x1": 1, "h0": 1, "h1": 0.25, "y": -0.5}
    assert {name: network[name]["value"] for name in nodes} == nodes
    assert {name: network[name]["gradient"] for name in ("h0", "h1", "y")} == {"h0": 1, "h1": -1, "y": -1}
    edges = [name for name in network if " " in name]
    assert len(edges) == 6
    for start, end in map(str.split, edges):
        assert network[f"{start} {end}"]["gradient"] == network[start]["value"] * network[end]["gradient"]


def test_the_first_step_of_adam_moves_a_weight_by_the_rate(metrics):
    assert metrics["image_to_weight"]["largest_change"] == pytest.approx(0.001, rel=1e-3)
    assert 0.01 < metrics["image_to_weight"]["loss"] < 1


def test_the_bytes_on_the_way_are_those_of_the_file(metrics):
    codec, way = tiny_codec(), metrics["pixels_to_bytes"]
    assert way["bytes"] == len(codec.compress(TEST_IMAGES[3], metrics["bits"]["quality"]))
    assert way["bits"] == pytest.approx(sum(metrics["bits"]["latent_bits"])) and len(way["symbols"]) == 6


def test_two_hidden_units_learn_xor(metrics):
    assert np.round(metrics["xor"]["probabilities"]).tolist() == [0, 1, 1, 0]
    assert metrics["xor"]["loss"] < 0.05


# --- how it ends when something is wrong


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["rainbow"], "rainbow"),
        (["--latent", "x"], "--latent"),
        (["--image", "100"], "--image"),
        (["--codec", "nowhere"], "--codec"),
    ],
)
def test_a_bad_argument_is_one_line_and_exit_code_2(inputs, tmp_path, capsys, arguments, named):
    assert run_demo(lesson, *inputs, "--out", tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and one_line(err) and named in err


def test_a_codec_of_other_images_is_one_line_and_exit_code_2(inputs, tmp_path, capsys):
    assert run_demo(lesson, *inputs[:2], "--out", tmp_path, "bits") == 2
    assert "--codec" in capsys.readouterr().err


def test_training_that_fails_is_one_line_and_exit_code_1(inputs, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise TrainingError("the loss became NaN")

    monkeypatch.setattr(lesson_numbers, "train", fail)
    assert run_demo(lesson, *inputs, "--out", tmp_path, "filters") == 1
    assert capsys.readouterr().err == "python -m demos.lesson: the loss became NaN\n"
