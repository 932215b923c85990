"""The sparse demo: what it writes, what its numbers mean, and its errors."""

import argparse

import numpy as np
import pytest
from tiny_data import crossed_bars, measured, one_line, run_demo, write_data

from demos import sparse
from nnlite import gradcheck

PICTURES = ["active.png", "filters.png", "kept.png", "strokes.png", "tradeoff.png"]
SMALL = ["--units", "12", "--l1", "0.01,0.001", "--kl", "0.01", "--epochs", "20"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("bars"), crossed_bars(640, 1), crossed_bars(80, 2))


def run(folder, out, *arguments):
    return measured(sparse, folder, out, *arguments)


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """The folder written, and the metrics."""
    out = tmp_path_factory.mktemp("out")
    return out, run(folder, out, *SMALL, "--quiet")


def test_all_files_are_written_and_no_others(finished):
    assert sorted(path.name for path in finished[0].iterdir()) == sorted([*PICTURES, "metrics.json"])
    assert all((finished[0] / name).stat().st_size > 5000 for name in PICTURES)


def test_each_model_has_its_numbers_weakest_penalty_first(finished):
    models = finished[1]["models"]
    expected = [("plain", 0), ("L1", 0.001), ("L1", 0.01), ("KL", 0.01)]
    assert [(model["kind"], model["strength"]) for model in models] == expected
    for model in models:
        assert model["active_units"] == pytest.approx(12 * model["active_share"])
        assert 0 <= model["hoyer_sparsity"] <= 1 and 0 <= model["dead_units"] <= 1
        assert model["test_psnr"] == pytest.approx(-10 * np.log10(model["test_mse"]))


def test_a_stronger_penalty_means_less_activity_and_a_larger_error(finished):
    plain, weak, strong, _ = finished[1]["models"]
    assert plain["mean_activity"] > weak["mean_activity"] > strong["mean_activity"]
    assert plain["test_mse"] < weak["test_mse"] < strong["test_mse"]
    assert plain["hoyer_sparsity"] < strong["hoyer_sparsity"]


def test_with_all_units_kept_an_image_is_what_the_model_gives(finished):
    for model in finished[1]["models"]:
        assert list(model["kept"]) == ["1", "2", "4", "8", "12"]
        assert model["kept"]["12"] == pytest.approx(model["test_psnr"])
        assert model["kept"]["1"] <= model["kept"]["12"]


def test_the_seed_decides(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sparse, "draw", lambda *_: None)
    few = ["--units", "4", "--l1", "", "--kl", "0.01", "--epochs", "1", "--quiet"]
    errors = [run(folder, tmp_path, *few, "--seed", seed)["models"][1]["test_mse"] for seed in ("0", "0", "1")]
    assert errors[0] == errors[1] != errors[2]


def test_the_report_names_every_model_and_what_it_costs(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sparse, "draw", lambda *_: None)
    run(folder, tmp_path, "--units", "4", "--l1", "0.01", "--kl", "0.02", "--epochs", "1")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.split()[-2:-1] and "units" not in line and " of 4 " in line] == [
        "plain",
        "L1",
        "KL",
    ]
    assert sum("of the plain model's active units" in line for line in lines) == 2


# --- the pieces


@pytest.mark.parametrize(("code", "sparsity"), [([0, 0, 3, 0], 1), ([2, 2, 2, 2], 0), ([0, 0, 0, 0], 0), ([-2, 2, -2, 2], 0)])
def test_hoyers_sparsity_is_1_for_one_unit_alone_and_0_for_equal_ones(code, sparsity):
    np.testing.assert_allclose(sparse.hoyer(np.array([code], float)), sparsity, atol=1e-12)


def test_hoyers_sparsity_does_not_depend_on_the_scale(rng):
    codes = rng.random((5, 7))
    np.testing.assert_allclose(sparse.hoyer(codes), sparse.hoyer(100 * codes))
    assert ((sparse.hoyer(codes) > 0) & (sparse.hoyer(codes) < 1)).all()


def test_a_relu_is_active_if_not_zero_and_a_sigmoid_above_a_tenth():
    codes = np.array([[0, 0.05, 0.1, 0.2]])
    np.testing.assert_array_equal(sparse.active_units(codes, "L1"), [[False, True, True, True]])
    np.testing.assert_array_equal(sparse.active_units(codes, "KL"), [[False, False, False, True]])


@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.parametrize("kind", ["plain", "L1", "KL"])
def test_an_image_is_the_bias_and_the_sum_of_all_strokes(rng, kind, untied):
    model = sparse.make_model((3, 4), kind, 0.1, argparse.Namespace(units=5, target=0.1, untied=untied), rng)
    codes = rng.random((2, 5)).astype(np.float32)
    bias = model.decode(np.zeros((1, 5), np.float32))
    np.testing.assert_allclose(model.decode(codes), bias + np.tensordot(codes, sparse.atoms(model), 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.parametrize("kind", ["L1", "KL"])
def test_every_kind_of_model_has_right_gradients(rng, kind, untied):
    model = sparse.make_model((3, 4), kind, 0.1, argparse.Namespace(units=5, target=0.1, untied=untied), rng)
    assert gradcheck(model, rng.random((4, 3, 4)), rng=rng)


def test_the_strongest_unit_is_the_one_that_changes_the_picture_most(rng):
    model = sparse.make_model((3, 4), "plain", 0, argparse.Namespace(units=3, target=0.1, untied=True), rng)
    model.decoder.layers[0].weight.value[:] = np.array([[1.0], [10.0], [0.1]]) * np.ones(12)
    np.testing.assert_array_equal(sparse.strongest(model, np.array([[5.0, 1.0, 1.0], [-20.0, 1.0, 1.0]])), [[1, 0, 2], [0, 1, 2]])


# --- how it ends when something is wrong


@pytest.mark.parametrize(
    "arguments",
    [["--units", "1"], ["--l1", "0.1,x"], ["--l1", "-1"], ["--kl", "0"], ["--target", "1"], ["--target", "0"]],
    ids=" ".join,
)  # fmt: skip
def test_a_bad_argument_is_one_line_and_exit_code_2(tmp_path, arguments, capsys):
    assert run_demo(sparse, "--out", tmp_path, *arguments) == 2
    err = capsys.readouterr().err
    assert one_line(err) and arguments[0] in err


def test_training_that_fails_names_the_model(folder, tmp_path, capsys):
    code = run_demo(sparse, "--data", folder, "--out", tmp_path, *SMALL, "--learning-rate", "1e38", "--quiet")
    err = capsys.readouterr().err
    assert code == 1 and one_line(err) and "plain, strength 0: training stopped at step" in err
