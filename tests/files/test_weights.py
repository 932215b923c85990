"""Weights in a file, and back into a model: exactly, or not at all."""

import contextlib
import os

import numpy as np
import pytest

from nnlite import CheckpointError, Dense, ReLU, Sequential, load_torch_weights, load_weights, save_torch_weights, save_weights
from nnlite.files import FormatError, safetensors


def model_of(seed, sizes=(4, 3, 2), dtype=np.float32):
    rng = np.random.default_rng(seed)
    return Sequential([Dense(sizes[0], sizes[1], rng=rng, dtype=dtype), ReLU(), Dense(sizes[1], sizes[2], rng=rng, dtype=dtype)])


def same_bits(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def copies(model):
    return {name: parameter.value.copy() for name, parameter in model.named_parameters().items()}


def test_weights_come_back_bit_for_bit(tmp_path, dtype):
    saved, loaded = model_of(1, dtype=dtype), model_of(2, dtype=dtype)
    saved.parameters[1].value[:] = [-0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
    save_weights(saved, tmp_path / "weights.safetensors")
    assert not same_bits(saved, loaded)
    load_weights(loaded, tmp_path / "weights.safetensors")
    assert same_bits(saved, loaded)


def test_the_path_may_be_a_string(tmp_path):
    saved, loaded = model_of(1), model_of(2)
    save_weights(saved, f"{tmp_path}/weights")
    load_weights(loaded, f"{tmp_path}/weights")
    assert same_bits(saved, loaded)


def test_weights_are_loaded_into_the_arrays_of_the_model(tmp_path):
    model = model_of(1)
    save_weights(model_of(2), tmp_path / "weights")
    value = model.parameters[0].value
    load_weights(model, tmp_path / "weights")
    assert value is model.parameters[0].value
    assert np.array_equal(value, model_of(2).parameters[0].value)


def test_the_file_holds_the_parameters_by_name(tmp_path):
    save_weights(model_of(1), tmp_path / "weights")
    arrays, metadata = safetensors.read(tmp_path / "weights")
    assert {name: array.shape for name, array in arrays.items()} == {
        "0.weight": (4, 3),
        "0.bias": (3,),
        "2.weight": (3, 2),
        "2.bias": (2,),
    }
    assert metadata == {"format": "nnlite weights"}


def test_the_same_weights_make_the_same_file(tmp_path):
    for name in ("a", "b"):
        save_weights(model_of(1), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("2.bias"), r"without \['2\.bias'\] and with \[\]"),
        (lambda arrays: arrays.update({"3.weight": np.zeros(1, np.float32)}), r"without \[\] and with \['3\.weight'\]"),
        (lambda arrays: arrays.update({"2.bias": arrays["2.bias"][:1]}), r"2\.bias as float32 of shape \(2,\), received .*\(1,\)"),
        (lambda arrays: arrays.update({"2.weight": arrays["2.weight"].T}), r"2\.weight as float32 of shape \(3, 2\), .*\(2, 3\)"),
        (lambda arrays: arrays.update({"2.bias": arrays["2.bias"].astype("f8")}), r"2\.bias as float32 .*, received float64"),
    ],
    ids=["missing", "unknown", "shape", "transposed", "dtype"],
)
def test_a_file_of_another_model_is_refused_and_changes_nothing(tmp_path, change, message):
    arrays = copies(model_of(1))
    change(arrays)
    safetensors.write(tmp_path / "weights", arrays)
    model = model_of(2)
    with pytest.raises(CheckpointError, match=rf"weights: expected .*{message}"):
        load_weights(model, tmp_path / "weights")
    assert same_bits(model, model_of(2))


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"", lambda data: data[5:]])
def test_a_damaged_file_is_refused_and_changes_nothing(tmp_path, damage):
    path = tmp_path / "weights"
    save_weights(model_of(1), path)
    path.write_bytes(damage(path.read_bytes()))
    model = model_of(2)
    with pytest.raises(FormatError, match="weights: "):
        load_weights(model, path)
    assert same_bits(model, model_of(2))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_weights(model_of(1), tmp_path / "weights")


def test_a_missing_folder_is_an_os_error_and_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_weights(model_of(1), tmp_path / "folder" / "weights")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, function):
    path = tmp_path / "weights"
    save_weights(model_of(1), path)
    before = path.read_bytes()

    def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, function, fails)
    with pytest.raises(OSError, match="the disk is full"):
        save_weights(model_of(2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_replaces_the_old_file(tmp_path):
    path, loaded = tmp_path / "weights", model_of(3)
    for seed in (1, 2):
        save_weights(model_of(seed), path)
    load_weights(loaded, path)
    assert same_bits(loaded, model_of(2))
    assert list(tmp_path.iterdir()) == [path]


# PyTorch's matrices are transposed; where they are square no shape tells

PLAIN, TORCHS = (save_weights, load_weights), (save_torch_weights, load_torch_weights)


@pytest.mark.parametrize(("save", "load", "other"), [(*PLAIN, load_torch_weights), (*TORCHS, load_weights)])
@pytest.mark.parametrize("sizes", [(3, 3, 3), (4, 3, 2)])
def test_a_file_of_weights_is_loaded_by_the_reader_of_its_writer_and_refused_by_the_other(tmp_path, save, load, other, sizes):
    saved, loaded = model_of(1, sizes), model_of(2, sizes)
    before = copies(loaded)
    save(saved, tmp_path / "weights")
    with pytest.raises(CheckpointError, match=f"weights: expected a file .*, received one .*: use {load.__name__}"):
        other(loaded, tmp_path / "weights")
    assert all(np.array_equal(value, before[name]) for name, value in copies(loaded).items())
    load(loaded, tmp_path / "weights")
    assert same_bits(saved, loaded)


def test_an_unmarked_file_of_square_matrices_is_loaded_with_a_warning_that_it_may_be_transposed(tmp_path):
    """The first versions of nnlite left no mark, and PyTorch leaves none."""
    for sizes, warned in (((3, 3, 3), True), ((3, 3, 2), False)):
        saved, loaded = model_of(1, sizes), model_of(2, sizes)
        safetensors.write(tmp_path / "weights", copies(saved))
        with (
            pytest.warns(UserWarning, match="square matrices are PyTorch's: then use load_torch_weights")
            if warned
            else contextlib.nullcontext()
        ):
            load_weights(loaded, tmp_path / "weights")
        assert same_bits(saved, loaded)


def test_an_unmarked_file_of_square_matrices_is_transposed_as_pytorchs(tmp_path):
    saved, loaded = model_of(1, (3, 3, 3)), model_of(2, (3, 3, 3))
    state = {name: array.T.copy() for name, array in copies(saved).items()}
    safetensors.write(tmp_path / "weights", state)
    load_torch_weights(loaded, tmp_path / "weights")
    assert same_bits(saved, loaded)
