"""Weights for PyTorch and Keras, and from them: the outputs stay the same, or the file is refused and nothing changes."""

import io
import itertools
import sys
import zipfile

import numpy as np
import pytest

from nnlite import load_keras_weights, load_torch_weights, save_keras_weights, save_torch_weights
from nnlite.files import CheckpointError, FormatError, safetensors
from nnlite.files import torch_and_keras as interchange
from nnlite.layers import (
    ACTIVATIONS,
    ActivityPenalty,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LeakyReLU,
    ReLU,
    Rescale,
    Reshape,
    Sigmoid,
    Tanh,
    TiedDense,
    WeightPenalty,
)
from nnlite.models import Autoencoder, Sequential

SHAPE = (2, 5)


def randomized(model, seed):
    """Give every parameter random numbers, variances positive ones."""
    rng = np.random.default_rng(seed)
    for parameter in model.parameters:
        parameter.value[...] = rng.uniform(0.1, 0.5, parameter.value.shape)
    return model


def model_of(seed, dtype=np.float32):
    """A model with all that PyTorch and Keras have too; its sizes are odd, so that no array is aligned by chance."""
    rng = np.random.default_rng(0)
    first = Dense(10, 7, rng=rng, dtype=dtype)
    layers = [
        Flatten(), GaussianNoise(0.1, rng=rng), first, WeightPenalty([first], l2=0.1), BatchNormalization(7, dtype=dtype),
        LeakyReLU(0.2), Dropout(0.5, rng=rng), Dense(7, 3, rng=rng, dtype=dtype), ActivityPenalty(0.1), Tanh(),
        Dense(3, 10, rng=rng, dtype=dtype), Sigmoid(), Reshape(SHAPE),
    ]  # fmt: skip
    return randomized(Sequential(layers, SHAPE), seed)


def row_of(sizes, dtype=np.float32):
    """Dense layers and nothing else."""
    rng = np.random.default_rng(0)
    return Sequential([Dense(a, b, rng=rng, dtype=dtype) for a, b in itertools.pairwise(sizes)])


def copies(model):
    return {name: parameter.value.copy() for name, parameter in model.named_parameters().items()}


def assert_same_weights(model, expected):
    received = copies(model)
    assert list(received) == list(expected)
    assert [name for name in expected if received[name].tobytes() != expected[name].tobytes()] == []


# --- PyTorch


def test_a_torch_file_has_the_names_and_shapes_of_a_state_dict(tmp_path):
    model = model_of(1)
    save_torch_weights(model, tmp_path / "weights")
    arrays, _ = safetensors.read(tmp_path / "weights")
    assert {name: array.shape for name, array in arrays.items()} == {
        "2.weight": (7, 10),
        "2.bias": (7,),
        "4.weight": (7,),
        "4.bias": (7,),
        "4.running_mean": (7,),
        "4.running_var": (7,),
        "4.num_batches_tracked": (),
        "7.weight": (3, 7),
        "7.bias": (3,),
        "10.weight": (10, 3),
        "10.bias": (10,),
    }
    assert np.array_equal(arrays["2.weight"].T, model.layers[2].weight.value)
    assert np.array_equal(arrays["4.weight"], model.layers[4].scale.value)
    assert np.array_equal(arrays["4.running_var"], model.layers[4].running_variance.value)
    assert arrays["4.num_batches_tracked"].dtype == np.int64


def test_torch_weights_come_back_bit_for_bit(tmp_path, dtype):
    saved, loaded = model_of(1, dtype), model_of(2, dtype)
    save_torch_weights(saved, tmp_path / "weights")
    load_torch_weights(loaded, tmp_path / "weights")
    assert_same_weights(loaded, copies(saved))


def test_a_model_in_a_model_has_the_names_of_a_nested_module(tmp_path):
    model = Sequential([row_of([3, 2]), Sequential([Tanh(), *row_of([2, 4]).layers])])
    save_torch_weights(model, tmp_path / "weights")
    assert sorted(safetensors.read(tmp_path / "weights")[0]) == ["0.0.bias", "0.0.weight", "1.1.bias", "1.1.weight"]
    expected = copies(model)
    randomized(model, 1)
    load_torch_weights(model, tmp_path / "weights")
    assert_same_weights(model, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("7.bias"), r"without \['7\.bias'\] and with \[\]"),
        (lambda arrays: arrays.update({"8.weight": np.zeros(1)}), r"without \[\] and with \['8\.weight'\]"),
        (lambda arrays: arrays.update({"7.weight": arrays["7.weight"].T}), r"7\.weight as float32 of shape \(3, 7\), .*\(7, 3\)"),
        (lambda arrays: arrays.update({"10.bias": arrays["10.bias"].astype("f8")}), r"10\.bias as float32 .*, received float64"),
    ],
    ids=["missing", "unknown", "not transposed", "dtype"],
)
def test_a_torch_file_of_another_model_is_refused_and_changes_nothing(tmp_path, change, message):
    save_torch_weights(model_of(1), tmp_path / "weights")
    arrays, _ = safetensors.read(tmp_path / "weights")
    change(arrays)
    safetensors.write(tmp_path / "weights", arrays)
    model = model_of(2)
    with pytest.raises(CheckpointError, match=rf"weights: expected .*{message}"):
        load_torch_weights(model, tmp_path / "weights")
    assert_same_weights(model, copies(model_of(2)))


def renamed(tmp_path, model, names):
    """Write a model's weights under other names for its modules."""
    save_torch_weights(model, tmp_path / "weights")
    arrays, _ = safetensors.read(tmp_path / "weights")
    changed = {f"{names[module]}.{leaf}": array for (module, _, leaf), array in ((n.rpartition("."), a) for n, a in arrays.items())}
    assert len(changed) == len(arrays)
    safetensors.write(tmp_path / "weights", dict(sorted(changed.items())))  # as safetensors.torch has them


DEEP, NARROW, EQUAL = [9, 7, 5, 3, 5, 7, 9], [9, 4, 9], [9, 5, 5, 9]
NAMES = {
    "encoder and decoder": (DEEP, ["encoder.0", "encoder.2", "encoder.4", "decoder.0", "decoder.2", "decoder.4"]),
    "one layer each": (NARROW, ["encoder", "decoder"]),
    "one layer each, numbered from another place": (NARROW, ["encoder.1", "decoder.0"]),
    "two alike, in different parts": (EQUAL, ["encoder.0", "encoder.2", "decoder.1"]),
    "two alike, numbered": (EQUAL, ["fc1", "fc2", "fc3"]),
    "numbers of two digits": ([3] * 12, [f"layers.{number}.linear" for number in range(11)]),
    "without a Flatten": (DEEP, ["0", "2", "4", "6", "8", "10"]),
    "in a wrapper": (DEEP, [f"module._orig_mod.{name}" for name in ("e1", "e2", "e3", "d1", "d2", "d3")]),
    "of six names": ([9, 8, 7, 6, 5, 4, 3], list("fedcba")),
    "numbers longer than Python reads": ([3] * 4, ["fc" + 5000 * digit for digit in "123"]),
    "with letters alone in front": ([9, 5, 3], ["mu1", "ma1"]),
    "with words": ([9, 5, 2, 4, 9], ["encoder_hidden", "encoder_code", "decoder_hidden", "decoder_out"]),
    "nested": (DEEP, ["net.down.0.0", "net.down.1.0", "net.down.2.0", "net.up.0.0", "net.up.1.0", "net.up.2.0"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_torch_names_of_ones_own_are_taken_by_order_and_shape(tmp_path, name):
    sizes, names = NAMES[name]
    saved, loaded = randomized(row_of(sizes), 1), randomized(row_of(sizes), 2)
    renamed(tmp_path, saved, {str(position): other for position, other in enumerate(names)})
    load_torch_weights(loaded, tmp_path / "weights")
    assert_same_weights(loaded, copies(saved))


def test_linear_and_batch_norm_of_ones_own_names_are_counted_apart(tmp_path):
    saved, loaded = model_of(1), model_of(2)
    renamed(tmp_path, saved, {"2": "fc1", "4": "bn1", "7": "fc2", "10": "fc3"})
    load_torch_weights(loaded, tmp_path / "weights")
    assert_same_weights(loaded, copies(saved))


@pytest.mark.parametrize(
    ("sizes", "names", "orders"),
    [
        ([4, 4, 4], ["hidden", "output"], "several orders"),
        ([9, 5, 5, 5, 9], ["first", "encoder", "decoder", "last"], "several orders"),
        (NARROW, ["net.2", "net.1"], "no order"),
        ([9, 8, 7, 6, 5, 4, 3, 2], list("abcdefg"), "no order"),
    ],
)
def test_torch_names_that_are_ambiguous_are_refused_with_the_way_out(tmp_path, sizes, names, orders):
    renamed(tmp_path, randomized(row_of(sizes), 1), {str(position): other for position, other in enumerate(names)})
    model = row_of(sizes)
    way_out = r"save the state_dict\(\) of the layers in one row, such as torch\.nn\.Sequential\(\*encoder, \*decoder\)"
    with pytest.raises(CheckpointError, match=f"weights: .*; its shapes fit in {orders}: {way_out}"):
        load_torch_weights(model, tmp_path / "weights")
    assert_same_weights(model, copies(row_of(sizes)))


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x80\x02}q\0"])
def test_a_file_of_torch_save_is_refused_with_the_way_out(tmp_path, start):
    (tmp_path / "model.pt").write_bytes(start + bytes(100))
    with pytest.raises(FormatError, match=r"write it by safetensors\.torch\.save_file; a file of torch\.save may run any program"):
        load_torch_weights(row_of(NARROW), tmp_path / "model.pt")


def test_a_damaged_torch_file_is_refused_and_changes_nothing(tmp_path):
    save_torch_weights(model_of(1), tmp_path / "weights")
    (tmp_path / "weights").write_bytes((tmp_path / "weights").read_bytes()[:-1])
    model = model_of(2)
    with pytest.raises(FormatError, match="weights: "):
        load_torch_weights(model, tmp_path / "weights")
    assert_same_weights(model, copies(model_of(2)))


class Doubling(Layer):
    """A layer of the user's own."""


def strange_layers():
    rng = np.random.default_rng(0)
    return {"TiedDense": TiedDense(Dense(2, 3, rng=rng)), "Doubling": Doubling()}


@pytest.mark.parametrize("name", [*strange_layers(), "Rescale"])
def test_a_layer_that_torch_has_not_is_refused_and_no_file_written(tmp_path, name):
    model = Sequential([Tanh(), {**strange_layers(), "Rescale": Rescale(0, 2)}[name]])
    with pytest.raises(ValueError, match=rf"layer 1: expected one that torch\.nn\.Sequential has, too, received {name}"):
        save_torch_weights(model, tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_may_stand_between_the_weights(tmp_path, name):
    save_torch_weights(Sequential([ACTIVATIONS[name](), *row_of([2, 3]).layers]), tmp_path / "weights")
    assert set(safetensors.read(tmp_path / "weights")[0]) == {"1.weight", "1.bias"}


@pytest.fixture
def torch():
    """PyTorch with what reads and writes safetensors, which need not be installed."""
    pytest.importorskip("safetensors")
    torch = pytest.importorskip("torch")
    import safetensors.torch

    torch.files = safetensors.torch
    return torch


def torch_twin(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Flatten(), nn.Identity(), nn.Linear(10, 7), nn.Identity(), nn.BatchNorm1d(7), nn.LeakyReLU(0.2), nn.Dropout(),
        nn.Linear(7, 3), nn.Identity(), nn.Tanh(), nn.Linear(3, 10), nn.Sigmoid(), nn.Unflatten(1, SHAPE),
    )  # fmt: skip


def test_torch_loads_the_file_as_it_is_and_gives_the_same_outputs(tmp_path, rng, torch):
    model, twin = model_of(1), torch_twin(torch)
    save_torch_weights(model, tmp_path / "weights.safetensors")
    twin.load_state_dict(torch.files.load_file(tmp_path / "weights.safetensors"))
    x = rng.random((9, *SHAPE), dtype=np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(twin.eval()(torch.tensor(x)).numpy(), model.predict(x), rtol=0, atol=1e-6)


def test_a_file_that_torch_has_written_is_loaded_and_gives_the_same_outputs(tmp_path, rng, torch):
    model, twin = model_of(1), torch_twin(torch)
    x = rng.random((9, *SHAPE), dtype=np.float32)
    with torch.no_grad():
        twin(torch.tensor(x))  # a batch in training, which moves the running statistics
        expected = twin.eval()(torch.tensor(x)).numpy()
    torch.files.save_file(twin.state_dict(), tmp_path / "weights.safetensors")
    load_torch_weights(model, tmp_path / "weights.safetensors")
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=1e-6)


# --- the files of Keras


@pytest.fixture
def h5py():
    """The package that reads and writes HDF5, which need not be installed."""
    return pytest.importorskip("h5py")


@pytest.mark.parametrize("function", [save_keras_weights, load_keras_weights])
def test_without_h5py_an_error_tells_how_to_install_it(tmp_path, monkeypatch, function):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'received no such package: install it with pip install "nnlite\[interop\]"'):
        function(row_of([2, 3]), tmp_path / "model.weights.h5")


def write_keras(h5py, path, arrays):
    """Write arrays as Keras does: into a file of weights, or into an archive that holds one."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", content.getvalue())
    else:
        path.write_bytes(content.getvalue())


def keras_arrays(model, places):
    """Return the weights of a row of Dense layers under the places given."""
    return {
        f"{place}/vars/{number}": parameter.value
        for place, layer in zip(places, model.layers, strict=True)
        for number, parameter in enumerate(layer.parameters)
    }


@pytest.mark.parametrize(
    "places",
    [
        ["layers/dense", "layers/dense_1", "layers/dense_2"],
        ["encoder/layers/dense", "encoder/layers/dense_1", "decoder/layers/dense"],
        ["layers/sequential/layers/dense", "layers/sequential/layers/dense_1", "layers/sequential_1/layers/dense"],
        ["layers/functional/layers/dense", "layers/functional_1/layers/dense", "layers/functional_10/layers/dense"],
        [
            "encoder/layers/sequential/layers/dense",
            "encoder/layers/sequential_1/layers/dense",
            "decoder/layers/sequential/layers/dense",
        ],
    ],
    ids=["layers", "halves", "models", "functional models", "halves of models"],
)
@pytest.mark.parametrize("name", ["model.weights.h5", "model.keras"])
def test_layers_are_found_in_the_order_of_the_model(tmp_path, h5py, name, places):
    saved, loaded = randomized(row_of([3, 3, 3, 3]), 1), row_of([3, 3, 3, 3])
    state = {"optimizer/vars/0": np.zeros(()), "layers/dropout/seed_generator/vars/0": np.zeros(2, np.uint32)}
    write_keras(h5py, tmp_path / name, {**state, **keras_arrays(saved, places)})
    load_keras_weights(loaded, tmp_path / name)
    assert_same_weights(loaded, copies(saved))


def test_the_tenth_layer_comes_after_the_second(tmp_path, h5py):
    sizes = [3] * 13
    saved, loaded = randomized(row_of(sizes), 1), row_of(sizes)
    save_keras_weights(saved, tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert list(file["layers"])[:4] == ["dense", "dense_1", "dense_10", "dense_11"]
        assert np.array_equal(file["layers/dense_11/vars/0"], saved.layers[11].weight.value)
    load_keras_weights(loaded, tmp_path / "model.weights.h5")
    assert_same_weights(loaded, copies(saved))


def test_keras_weights_come_back_bit_for_bit(tmp_path, h5py, dtype):
    saved, loaded = model_of(1, dtype), model_of(2, dtype)
    save_keras_weights(saved, tmp_path / "model.weights.h5")
    load_keras_weights(loaded, tmp_path / "model.weights.h5")
    assert_same_weights(loaded, copies(saved))


PLACES = ["layers/dense", "layers/dense_1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("layers/dense/vars/1"), r"without \['layers/dense/vars/1'\]"),
        (lambda arrays: arrays.update({"layers/dense/vars/2": np.zeros(3)}), r"with \['layers/dense/vars/2'\]"),
        (lambda arrays: arrays.update({"layers/dense_2/vars/0": np.zeros(3)}), "2 layers of the kind dense, received .*dense_2"),
        (lambda arrays: arrays.update({"layers/batch_normalization/vars/0": np.zeros(3)}), "0 layers of the kind batch_norm"),
        (lambda arrays: arrays.update({"layers/conv2d/vars/0": np.zeros(3)}), "received 'layers/conv2d/vars/0'"),
        (lambda arrays: arrays.update({"head/layers/dense/vars/0": np.zeros(3)}), "received 'head/layers/dense/vars/0'"),
        (lambda arrays: arrays.update({"layers/sequential/layers/dense/vars/0": np.zeros(3)}), "received both"),
        (lambda arrays: arrays.update({"decoder/layers/dense/vars/0": np.zeros(3)}), "received both"),
        (lambda arrays: arrays.update({"layers/dense_1/vars/0": np.zeros((2, 3), "f4")}), r"of shape \(3, 2\), .* \(2, 3\)"),
        (lambda arrays: arrays.update({"layers/dense_1/vars/1": np.zeros(2)}), "as float32 of shape .*, received float64"),
        (lambda arrays: arrays.update({"layers/dense_1/vars/1": "text"}), "received compressed, linked or other data"),
        (lambda arrays: arrays.clear(), r"2 layers of the kind dense, received \[\]"),
    ],
    ids=[
        "no bias", "third array", "third layer", "other kind", "unknown kind", "unknown model", "models beside layers",
        "half beside layers", "shape", "dtype", "text", "nothing",
    ],
)  # fmt: skip
def test_a_keras_file_of_another_model_is_refused_and_changes_nothing(tmp_path, h5py, change, message):
    arrays = keras_arrays(randomized(row_of([4, 3, 2]), 1), PLACES)
    change(arrays)
    write_keras(h5py, tmp_path / "model.keras", arrays)
    model = row_of([4, 3, 2])
    with pytest.raises(CheckpointError, match=rf"model\.keras: expected .*{message}"):
        load_keras_weights(model, tmp_path / "model.keras")
    assert_same_weights(model, copies(row_of([4, 3, 2])))


@pytest.mark.parametrize("kind", ["external link", "external storage", "virtual", "compressed"])
def test_nothing_is_read_from_elsewhere_or_unpacked(tmp_path, h5py, kind):
    model = row_of([4, 3, 2])
    arrays = keras_arrays(model, PLACES)
    bias, name = arrays.pop("layers/dense/vars/1"), "layers/dense/vars/1"
    write_keras(h5py, tmp_path / "model.weights.h5", arrays)
    write_keras(h5py, tmp_path / "other.h5", {"bias": bias})
    with h5py.File(tmp_path / "model.weights.h5", "a") as file:
        if kind == "external link":
            file[name] = h5py.ExternalLink(tmp_path / "other.h5", "bias")
        elif kind == "external storage":
            file.create_dataset(name, (3,), "f4", external=tmp_path / "other.h5")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3,), "f4")
            layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "bias", (3,))
            file.create_virtual_dataset(name, layout)
        else:
            file.create_dataset(name, data=bias, compression="gzip")
    message = rf"without \['{name}'\]" if kind == "external link" else f"expected {name} as plain numbers"
    with pytest.raises(CheckpointError, match=message):
        load_keras_weights(model, tmp_path / "model.weights.h5")


def test_an_array_that_is_larger_than_its_file_is_not_read(tmp_path, h5py):
    write_keras(h5py, tmp_path / "model.weights.h5", {})
    with h5py.File(tmp_path / "model.weights.h5", "a") as file:
        file.create_dataset("layers/dense/vars/0", (2**40,), "f4")  # nothing is stored: all of it has the fill value
    with pytest.raises(CheckpointError, match="arrays that fit into the file, received larger ones"):
        load_keras_weights(row_of([4, 3]), tmp_path / "model.weights.h5")


def test_an_archive_of_exactly_the_limit_is_read_and_one_byte_more_is_not(tmp_path, h5py):
    write_keras(h5py, tmp_path / "model.keras", {"bias": np.ones(3, np.float32)})
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        size = archive.getinfo("model.weights.h5").file_size
    assert interchange._read_keras(tmp_path / "model.keras", size)["bias"].tolist() == [1, 1, 1]
    with pytest.raises(CheckpointError, match=f"expected weights in at most {size - 1} bytes for this model, received more"):
        interchange._read_keras(tmp_path / "model.keras", size - 1)


def test_of_an_archive_no_more_is_unpacked_than_the_model_may_need(tmp_path, h5py, monkeypatch):
    monkeypatch.setattr(interchange, "KERAS_OVERHEAD", 10_000)
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(20_000_000))
    with pytest.raises(CheckpointError, match="at most 10480 bytes for this model, received more"):  # 8 · (4 · 3 + 3) · 4 = 480
        load_keras_weights(row_of([4, 3]), tmp_path / "model.keras")


def damaged_files(h5py, path):
    """Yield contents that are no files of Keras."""
    arrays = keras_arrays(row_of([4, 3, 2]), PLACES)
    for name in ("model.weights.h5", "model.keras"):
        write_keras(h5py, path / name, arrays)
        data = (path / name).read_bytes()
        yield from (data[: len(data) * part // 8] for part in range(8))
        yield data[:3000] + bytes(len(data) - 3000)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("config.json", "{}")
    yield other.getvalue()
    yield b"PK"
    yield b"no file of Keras"


def test_a_damaged_keras_file_is_refused_and_changes_nothing(tmp_path, h5py):
    model = row_of([4, 3, 2])
    for content in damaged_files(h5py, tmp_path):
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged: expected "):
            load_keras_weights(model, tmp_path / "damaged")
    assert_same_weights(model, copies(row_of([4, 3, 2])))


@pytest.mark.parametrize("name", strange_layers())
def test_a_layer_that_keras_has_not_is_refused_and_no_file_written(tmp_path, h5py, name):
    with pytest.raises(ValueError, match=rf"layer 1: expected one that Keras has, too, received {name}"):
        save_keras_weights(Sequential([Tanh(), strange_layers()[name]]), tmp_path / "model.weights.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_name_from_which_keras_reads_no_weights_is_refused_and_no_file_written(tmp_path, h5py, name):
    with pytest.raises(ValueError, match=rf"expects a name that ends in \.weights\.h5, as Keras does, received .*{name}"):
        save_keras_weights(row_of([4, 3]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# --- Keras itself, whose conversions to NumPy are of the kind that NumPy 2 warns of

OF_KERAS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def keras(monkeypatch, h5py):
    """Keras 3, which need not be installed, on JAX, which is imported in half the time of its other backends."""
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras", minversion="3")


def keras_twin(keras):
    layers = keras.layers
    twin = keras.Sequential(
        [
            keras.Input(SHAPE), layers.Flatten(), layers.GaussianNoise(0.1), layers.Dense(7, name="first"),
            layers.BatchNormalization(epsilon=1e-5), layers.LeakyReLU(negative_slope=0.2), layers.Dropout(0.5),
            layers.Dense(3, activation="tanh"), layers.Dense(10, activation="sigmoid"),
            layers.Reshape(SHAPE),
        ]
    )  # fmt: skip
    rng = np.random.default_rng(3)
    twin.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in twin.get_weights()])
    return twin


def keras_halves(keras):
    """The subclassed autoencoder of TensorFlow's tutorial, with two models as attributes."""
    layers = keras.layers

    class Halves(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="relu")])
            self.decoder = keras.Sequential([layers.Dense(10, activation="sigmoid"), layers.Reshape(SHAPE)])

        def call(self, x):
            return self.decoder(self.encoder(x))

    return Halves()


@OF_KERAS
def test_files_go_to_keras_and_back_with_the_same_outputs(tmp_path, rng, keras):
    x = rng.random((9, *SHAPE), dtype=np.float32)
    twin = keras_twin(keras)
    for name in ("model.keras", "model.weights.h5"):
        model = model_of(1)
        twin.save(tmp_path / name) if name == "model.keras" else twin.save_weights(tmp_path / name)
        load_keras_weights(model, tmp_path / name)
        np.testing.assert_allclose(model.predict(x), keras.ops.convert_to_numpy(twin(x)), rtol=0, atol=1e-6)
    model = model_of(2)
    save_keras_weights(model, tmp_path / "ours.weights.h5")
    twin.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(model.predict(x), keras.ops.convert_to_numpy(twin(x)), rtol=0, atol=1e-6)


@OF_KERAS
def test_an_autoencoder_of_two_keras_models_is_loaded(tmp_path, rng, keras):
    x = rng.random((9, *SHAPE), dtype=np.float32)
    twin = keras_halves(keras)
    expected = keras.ops.convert_to_numpy(twin(x))
    twin.save_weights(tmp_path / "model.weights.h5")
    model = Autoencoder([Flatten(), Dense(10, 3, rng=rng), ReLU()], [Dense(3, 10, rng=rng), Sigmoid(), Reshape(SHAPE)], SHAPE)
    load_keras_weights(model, tmp_path / "model.weights.h5")
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=1e-6)
