"""What every demo promises: a manual, the files it lists, silence when asked for, one line for each mistake, a kept training."""

import importlib
import re
import shlex

import numpy as np
import pytest
from tiny_codec import blobs
from tiny_data import metrics_of, one_line, run_demo, without_seconds, write_data

from demos.__main__ import summaries

SMALL = {
    "bottleneck": "--latents 3 --activations silu",
    "classify": "--hidden 8",
    "codec": "--latent 4 --hidden 8",
    "deep": "--latent 3 --hidden 8",
    "denoise": "--latent 4 --hidden ''",
    "faces_and_fashion": "--latent 3 --hidden 8",
    "lesson": "filters --latent 4",
    "mnist": "--latent 4",
    "playground": "--latent 4 --hidden 8",
    "sparse": "--units 4 --l1 0.01 --kl ''",
    "variational": "--latent 3 --hidden 8 --components 2",
}
EXERCISES = {"findbug", "loops", "minimal", "task"}  # what trains nothing that it writes: each has a test of its own
CODECS = {"photograph", "train_photographs", "train_lossless"}  # need other data: see test_photograph_demos, test_train_lossless
WITH_CHECKPOINT = ["classify", "deep", "faces_and_fashion", "mnist", "variational"]
WITH_LEARNING_RATE = sorted(
    set(SMALL) - {"bottleneck", "codec", "lesson", "playground"}
)  # a codec's bottleneck warns before the loss is NaN


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of 300 training and 50 test images of 12 × 12 pixels."""
    return write_data(tmp_path_factory.mktemp("data"), blobs(300, 1, side=12), blobs(50, 2, side=12))


def demo_of(name):
    return importlib.import_module(f"demos.{name}")


def place(name, folder):
    """Return what to give as --out, that the demo writes into the folder."""
    return folder / "codec.safetensors" if name == "codec" else folder


def run(name, data, folder, *arguments):
    """Run one short training, and return the exit code."""
    fixed = ["--data", data, "--out", place(name, folder), "--epochs", "2", *shlex.split(SMALL[name])]
    return run_demo(demo_of(name), *fixed, *arguments)


def manual(name, capsys):
    assert run_demo(demo_of(name), "--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_every_demo_is_tested_here():
    assert set(SMALL) | EXERCISES | CODECS == set(summaries())


# --- the manual


@pytest.mark.parametrize("columns", ["80", "132"])
@pytest.mark.parametrize("name", SMALL)
def test_help_is_a_manual_that_fits_the_terminal(name, monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", columns)
    text = manual(name, capsys)
    assert f"usage: python -m demos.{name} " in text and "examples:" in text and "exit codes: 0 done, 1 training failed" in text
    breakable = [line for line in text.splitlines() if not re.match(r" +python ", line)]  # commands stay whole, to be copied
    assert "--quiet" in text and max(map(len, breakable)) <= int(columns)


@pytest.mark.parametrize("name", SMALL)
def test_the_manual_says_whether_an_interruption_keeps_the_weights(name, capsys):
    text = " ".join(manual(name, capsys).split())
    assert text.endswith(" (the weights so far are kept)" if name in WITH_CHECKPOINT else " 130 interrupted")


@pytest.mark.parametrize("name", SMALL)
def test_the_examples_of_the_manual_can_be_typed(name, capsys):
    examples = re.findall(rf"^  python -m demos\.{name}\b(.*?)(?:   .*)?$", manual(name, capsys), re.MULTILINE)
    assert examples
    for example in examples:
        demo_of(name).make_parser().parse_args(shlex.split(example))


@pytest.mark.parametrize("name", SMALL)
def test_options_that_all_demos_have_come_last_in_one_order(name, capsys):
    options = re.findall(r"^  (--[a-z-]+)", manual(name, capsys), re.MULTILINE)
    kept = ["--checkpoint"] if name in WITH_CHECKPOINT else []
    assert options[-5 - len(kept) :] == ["--seed", "--data", *kept, "--out", "--threads", "--quiet"]
    assert set(WITH_CHECKPOINT) == {each for each in SMALL if "--checkpoint" in demo_of(each).make_parser().format_help()}


# --- what is written


@pytest.mark.parametrize("name", SMALL)
def test_quiet_writes_the_files_of_the_manual_and_no_word(name, data, tmp_path, capsys):
    import matplotlib.image

    files = re.findall(r"^  (\S+\.(?:png|json|safetensors|html))  ", manual(name, capsys), re.MULTILINE)
    assert run(name, data, tmp_path, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    expected = {"codec": ["codec.safetensors"], "lesson": ["filters.png", "metrics.json"]}.get(name, files)
    assert {path.name for path in tmp_path.iterdir()} == set(expected)
    for path in tmp_path.glob("*.png"):
        image = matplotlib.image.imread(path)
        assert min(image.shape[:2]) > 90 and len(np.unique(image[..., 0])) > 20


@pytest.mark.parametrize("name", SMALL)
def test_a_data_set_of_one_label_can_be_drawn(name, tmp_path):
    labels = {"train_labels": np.full(300, 7), "test_labels": np.full(50, 7)}
    data = write_data(tmp_path / "data", blobs(300, 1, side=12), blobs(50, 2, side=12), **labels)
    assert run(name, data, tmp_path / "out", "--quiet") == 0


# --- how it ends when something is wrong


@pytest.mark.parametrize(
    "arguments",
    [
        ["--epochs", "0"],
        ["--epochs", "x"],
        ["--seed", "-1"],
        ["--threads", "0"],
        ["--data", "no/such/folder"],
        ["--unknown"],
        ["file"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", SMALL)
def test_a_bad_argument_is_one_line_and_exit_code_2(name, data, tmp_path, capsys, arguments):
    assert run(name, data, tmp_path, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert one_line(err) and err.startswith(f"python -m demos.{name}: ") and arguments[0] in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["file", "file/folder"])
@pytest.mark.parametrize("name", SMALL)
def test_a_file_in_the_way_of_the_output_is_one_line_and_exit_code_2(name, data, tmp_path, capsys, where):
    (tmp_path / "file").write_bytes(b"in the way")
    assert run(name, data, tmp_path / where) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert one_line(err) and "argument --out: expected a folder that can be written to" in err
    assert (tmp_path / "file").read_bytes() == b"in the way"


@pytest.mark.parametrize("quiet", [["--quiet"], []], ids=["quiet", "loud"])
@pytest.mark.parametrize("name", WITH_LEARNING_RATE)
def test_training_that_fails_is_one_line_and_exit_code_1(name, data, tmp_path, capsys, quiet):
    assert run(name, data, tmp_path, "--learning-rate", "1e38", *quiet) == 1
    err = capsys.readouterr().err
    assert one_line(err) and err.startswith(f"python -m demos.{name}: ") and "training stopped at step" in err
    assert list(tmp_path.iterdir()) == []


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", WITH_CHECKPOINT)
def test_ctrl_c_keeps_the_weights_and_ends_with_130(name, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("nnlite.training.callbacks.History.on_epoch_logged", interrupt)
    assert run(name, data, tmp_path, "--quiet") == 130
    assert capsys.readouterr().err.endswith(f"interrupted; the weights so far are in {tmp_path / 'model.safetensors'}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("name", WITH_CHECKPOINT)
def test_a_training_that_was_stopped_goes_on_from_its_checkpoint(name, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo_of(name), "draw", lambda *_: None)
    kept = ["--quiet", "--checkpoint", tmp_path / "training"]
    with monkeypatch.context() as patch:
        patch.setattr("nnlite.training.callbacks.History.on_epoch_begin", lambda _, model, epoch: epoch == 2 and interrupt())
        assert run(name, data, tmp_path / "out", *kept) == 130
    assert capsys.readouterr().err.endswith(", and the same command goes on after the last whole epoch\n")
    assert run(name, data, tmp_path / "out", *kept) == 0
    assert run(name, data, tmp_path / "whole", "--quiet") == 0
    assert without_seconds(metrics_of(tmp_path / "out")) == without_seconds(metrics_of(tmp_path / "whole"))
