"""ONNX files: their bytes, and that onnxruntime computes from them what the model computes."""

import struct

import numpy as np
import pytest

from nnlite import export_onnx
from nnlite.files.onnx import DATA_TYPES, OPERATORS, _varint, dumps
from nnlite.layers import (
    ACTIVATIONS,
    ELU,
    GELU,
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
    SiLU,
    Softmax,
    SparsityPenalty,
    Tanh,
    TiedDense,
    WeightPenalty,
)
from nnlite.models import Sequential

EXPORTED = [name for name, maker in ACTIVATIONS.items() if maker in (*OPERATORS, SiLU)]


def randomized(model, seed=0):
    """Give every parameter random numbers, variances positive ones."""
    rng = np.random.default_rng(seed)
    for parameter in model.parameters:
        parameter.value[...] = rng.uniform(0.1, 0.5, parameter.value.shape)
    return model


def everything(dtype=np.float32):
    """An autoencoder with all layers that have no activation's name."""
    rng = np.random.default_rng(0)
    first = Dense(6, 4, rng=rng, dtype=dtype)
    encoder = Sequential(
        [Rescale(0.5, [2.0, 1.0, 3.0]), Flatten(), GaussianNoise(0.1, rng=rng), first, WeightPenalty([first], l2=1)]
    )
    decoder = Sequential(
        [
            BatchNormalization(4, epsilon=0.01, dtype=dtype), ActivityPenalty(1), Tanh(), Dropout(0.5, rng=rng), TiedDense(first),
            Sigmoid(), SparsityPenalty(0.1, 1), Reshape((2, 3)),
        ]
    )  # fmt: skip
    return randomized(Sequential([encoder, decoder], (2, 3)))


# --- the bytes


def test_the_bytes_are_those_that_the_schema_asks_for():
    model = Sequential([Dense(1, 2, rng=np.random.default_rng(0)), ReLU()])
    model.set_weights([np.array([[1, -2]], np.float32), np.array([0.5, 0], np.float32)])
    gemm = b"\x0a\x01x\x0a\x080.weight\x0a\x060.bias\x12\x010\x22\x04Gemm"  # input* 1, output 2, op_type 4
    relu = b"\x0a\x010\x12\x01y\x22\x04Relu"
    weight = b"\x08\x01\x08\x02\x10\x01\x42\x080.weight\x4a\x08\0\0\x80\x3f\0\0\0\xc0"  # dims, data_type, name, raw_data
    bias = b"\x08\x02\x10\x01\x42\x060.bias\x4a\x08\0\0\0\x3f\0\0\0\0"
    x = b"\x0a\x01x\x12\x0f\x0a\x0d\x08\x01\x12\x09\x0a\x03\x12\x01N\x0a\x02\x08\x01"  # name, type, of (N, 1)
    y = b"\x0a\x01y\x12\x0f\x0a\x0d\x08\x01\x12\x09\x0a\x03\x12\x01N\x0a\x02\x08\x02"
    graph = (
        b"\x0a" + bytes([len(gemm)]) + gemm + b"\x0a" + bytes([len(relu)]) + relu
        + b"\x12\x06nnlite"
        + b"\x2a" + bytes([len(weight)]) + weight + b"\x2a" + bytes([len(bias)]) + bias
        + b"\x5a" + bytes([len(x)]) + x
        + b"\x62" + bytes([len(y)]) + y
    )  # fmt: skip
    assert 128 <= len(graph) < 256
    length = bytes([len(graph), 1])  # the lower 7 bits with the highest bit set, and the eighth bit
    assert dumps(model) == b"\x08\x09" + b"\x12\x06nnlite" + b"\x3a" + length + graph + b"\x42\x04" + b"\x0a\x00" + b"\x10\x14"


def varint(data, position):
    """Return the number that begins there, and where the next begins."""
    value, shift = 0, 0
    while True:
        value |= (data[position] & 127) << shift
        position, shift = position + 1, shift + 7
        if data[position - 1] < 128:
            return value, position


def fields(message):
    """Return the values of a message's fields as lists by number."""
    found, position = {}, 0
    while position < len(message):
        key, position = varint(message, position)
        if key % 8 == 0:
            value, position = varint(message, position)
        else:
            length, position = (4, position) if key % 8 == 5 else varint(message, position)
            value = message[position : position + length]
            assert len(value) == length
            position += length
        found.setdefault(key // 8, []).append(value)
    return found


def graph_of(model):
    return fields(fields(dumps(model))[7][0])


def operators(model):
    return [fields(node)[4][0].decode() for node in graph_of(model)[1]]


def arrays(model):
    """Return what the file holds, read by the test's own parser."""
    dtypes = {number: dtype for dtype, number in DATA_TYPES.items()}
    tensors = [fields(tensor) for tensor in graph_of(model)[5]]
    return {t[8][0].decode(): np.frombuffer(t[9][0], dtypes[t[2][0]]).reshape(t.get(1, [])) for t in tensors}


@pytest.mark.parametrize(
    ("make", "attribute"),
    [
        (lambda: LeakyReLU(0.25), {1: [b"alpha"], 2: [struct.pack("<f", 0.25)], 20: [1]}),
        (lambda: ELU(0.5), {1: [b"alpha"], 2: [struct.pack("<f", 0.5)], 20: [1]}),
        (lambda: BatchNormalization(3, epsilon=0.25), {1: [b"epsilon"], 2: [struct.pack("<f", 0.25)], 20: [1]}),
        (lambda: TiedDense(Dense(2, 3, rng=np.random.default_rng(0))), {1: [b"transB"], 3: [1], 20: [2]}),
        (GELU, {1: [b"approximate"], 4: [b"tanh"], 20: [3]}),
    ],
    ids=["LeakyReLU", "ELU", "BatchNormalization", "TiedDense", "GELU"],
)
def test_the_settings_of_a_layer_are_attributes_of_its_node(make, attribute):
    (node,) = graph_of(Sequential([make()], (3,)))[1]
    assert [fields(each) for each in fields(node)[5]] == [attribute]


@pytest.mark.parametrize(
    ("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (16383, b"\xff\x7f"), (300, b"\xac\x02")]
)
def test_a_number_takes_no_more_bytes_than_it_needs(number, data):
    assert _varint(number) == data


def test_each_layer_is_a_node_and_what_only_trains_is_none():
    assert operators(everything()) == ["Sub", "Mul", "Flatten", "Gemm", "BatchNormalization", "Tanh", "Gemm", "Sigmoid", "Reshape"]


def test_each_node_takes_what_the_one_before_gives():
    nodes = [fields(node) for node in graph_of(everything())[1]]
    assert [node[1][0] for node in nodes] == [b"x", *(node[2][0] for node in nodes[:-1])]
    assert nodes[-1][2] == [b"y"]


def test_weights_have_the_names_of_the_model_and_a_shared_one_is_stored_once(dtype):
    model = everything(dtype)
    found = arrays(model)
    expected = {name: parameter.value for name, parameter in model.named_parameters().items()}
    assert set(found) - set(expected) == {"0.0.shift", "0.0.scale", "1.7.shape"}
    for name, value in expected.items():
        assert (found[name].dtype, found[name].tolist()) == (dtype, value.tolist())
    gemms = [fields(node) for node in graph_of(model)[1] if fields(node)[4] == [b"Gemm"]]
    assert [gemm[1][1] for gemm in gemms] == [b"0.3.weight", b"0.3.weight"]


def test_a_reshape_leaves_the_number_of_samples_as_it_is():
    assert arrays(everything())["1.7.shape"].tolist() == [0, 2, 3]  # 0 is what ONNX calls the input's own size


@pytest.mark.parametrize("size", [127, 128, 300, 20_000])
def test_sizes_of_any_length_are_written(size):
    model = Sequential([Dense(size, 1, rng=np.random.default_rng(0))])
    assert arrays(model)["0.weight"].shape == (size, 1)
    assert fields(graph_of(model)[5][0])[1] == [size, 1]


@pytest.mark.parametrize("name", EXPORTED)
def test_an_activation_is_one_node_or_two(name):
    assert len(operators(Sequential([ACTIVATIONS[name]()], (3,)))) == (2 if name == "silu" else 1)


def test_the_file_holds_these_bytes(tmp_path):
    export_onnx(everything(), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == dumps(everything())
    assert list(tmp_path.iterdir()) == [tmp_path / "model.onnx"]


class Doubling(Layer):
    """A layer of the user's own."""


class Mirrored(Dense):
    """One that computes something else than what it inherits from."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Sequential([Flatten()]), "received one without: give Sequential an input_shape"),
        (Sequential([ActivityPenalty(1)], (3,)), "a layer that computes something, received one without"),
        (
            Sequential([Tanh(), Doubling()], (3,)),
            "layer 1: ONNX export knows .*, BatchNormalization, .*, Tanh, .*, received Doubling",
        ),
        (Sequential([Mirrored(2, 2, rng=np.random.default_rng(0))]), "layer 0: ONNX export knows .*, received Mirrored"),
    ],
    ids=["shape", "empty", "unknown", "subclass"],
)
def test_a_model_that_cannot_be_exported_is_refused_and_no_file_written(tmp_path, model, message):
    with pytest.raises(ValueError, match=message):
        export_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


# --- onnxruntime


@pytest.fixture(scope="module")
def infer():
    """Run a model's ONNX file in onnxruntime, which need not be installed."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def run(model, x):
        session = onnxruntime.InferenceSession(dumps(model), options, providers=["CPUExecutionProvider"])
        return session.run(["y"], {"x": x})[0]

    return run


@pytest.mark.parametrize("name", EXPORTED)
def test_an_activation_gives_the_same_outputs_in_onnxruntime(name, rng, infer):
    model = Sequential([ACTIVATIONS[name]()], (50,))
    x = rng.uniform(-3, 3, (20, 50)).astype(np.float32)
    np.testing.assert_allclose(infer(model, x), model.forward(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 7])
def test_every_layer_gives_the_same_outputs_in_onnxruntime(samples, rng, infer, dtype):
    model = everything(dtype)
    x = rng.random((samples, 2, 3)).astype(dtype)
    y = infer(model, x)
    assert (y.shape, y.dtype) == ((samples, 2, 3), dtype)
    np.testing.assert_allclose(y, model.forward(x), rtol=0, atol=1e-6 if dtype == np.float32 else 1e-9)  # ε is a float32 there


def test_a_classifier_of_images_gives_the_same_outputs_in_onnxruntime(rng, infer):
    model = Sequential([Flatten(), Dense(784, 100, rng=rng), ReLU(), Dense(100, 10, rng=rng), Softmax()], (28, 28))
    images = rng.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    np.testing.assert_allclose(infer(model, images.astype(np.float32) / 255), model.predict(images), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["everything", *EXPORTED])
def test_the_checker_of_the_onnx_package_finds_no_fault(name):
    onnx = pytest.importorskip("onnx")
    model = everything() if name == "everything" else Sequential([ACTIVATIONS[name]()], (3,))
    onnx.checker.check_model(onnx.load_from_string(dumps(model)), full_check=True)
