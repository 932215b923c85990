"""Write a trained model to an ONNX file, for programs that only infer: onnxruntime, OpenCV, browsers, phones.

An ONNX file is one message of protocol buffers. A message is a row of fields; each is a key, number · 8 + wire type, and a value:

    wire type   value
    0           an integer in groups of 7 bits, lowest first, a byte each; a byte's highest bit says that another follows (varint)
    2           bytes, text in UTF-8 or a message, after its length as a varint
    5           a float32, little-endian

This module writes these messages and fields, with their numbers; a field marked * may occur several times:

    Model         ir_version 1, producer_name 2, graph 7, opset_import* 8
    OperatorSet   domain 1 ("" are ONNX's own operators), version 2
    Graph         node* 1, name 2, initializer* 5, input* 11, output* 12
    Node          input* 1, output* 2, op_type 4, attribute* 5
    Attribute     name 1, f 2 (a float), i 3 (an integer), s 4 (bytes), type 20 (1: f, 2: i, 3: s)
    Tensor        dims* 1, data_type 2 (1: float32, 7: int64, 11: float64), name 8, raw_data 9 (little-endian, C order)
    ValueInfo     name 1, type 2 → tensor_type 1 → elem_type 1 (as data_type), shape 2 → dim* 1 → dim_value 1 or dim_param 2 (text)

Operators are those of opset 20, the first that has Gelu; with it came version 9 of the messages (ir_version), in 2023.

References: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, https://onnx.ai/onnx/operators,
https://protobuf.dev/programming-guides/encoding
"""

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlite import layers
from nnlite.arrays import Array, Shape, expect
from nnlite.files.whole_files import write_atomically
from nnlite.layers import IDENTITIES, Layer, Rescale, Reshape, SiLU, Stack
from nnlite.layers.stack import layers_by_position

IR_VERSION, OPSET = 9, 20
DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.float64): 11}
OPERATORS: dict[type[Layer], Callable[[Any], tuple[str, dict[str, float | str]]]] = {  # inputs: x and the parameters
    layers.Dense: lambda layer: ("Gemm", {}),
    layers.TiedDense: lambda layer: ("Gemm", {"transB": 1}),
    layers.BatchNormalization: lambda layer: ("BatchNormalization", {"epsilon": layer.epsilon}),
    layers.Flatten: lambda layer: ("Flatten", {}),
    layers.ELU: lambda layer: ("Elu", {"alpha": layer.alpha}),
    layers.GELU: lambda layer: ("Gelu", {"approximate": "tanh"}),
    layers.LeakyReLU: lambda layer: ("LeakyRelu", {"alpha": layer.slope}),
    layers.ReLU: lambda layer: ("Relu", {}),
    layers.Sigmoid: lambda layer: ("Sigmoid", {}),
    layers.Softmax: lambda layer: ("Softmax", {}),
    layers.Softplus: lambda layer: ("Softplus", {}),
    layers.Tanh: lambda layer: ("Tanh", {}),
}


def export_onnx(model: Stack, path: str | os.PathLike[str]) -> None:
    """Write the model to an ONNX file.

    The graph computes what ``model.forward(x)`` does, from its input "x", shape (N, *model.input_shape) with any N, to its output
    "y". Divide uint8 images by 255 before you pass them, as `Sequential.predict` does. Weights have the names of
    `Sequential.named_parameters`. Layers that only work in training are left out.

    All arrays have the model's dtype. onnxruntime computes in float64, too, but not ELU, LeakyReLU and Softplus: use float32 there.

    Raises
    ------
    ValueError
        The model has no input_shape, or a layer of an unknown type; the message names the layer.
    """
    write_atomically(path, dumps(model))


def dumps(model: Stack) -> bytes:
    """Return the file's bytes."""
    steps = [(position, layer) for position, layer in layers_by_position(model).items() if type(layer) not in IDENTITIES]
    if model.input_shape is None:
        raise ValueError("export_onnx expects a model with an input_shape, received one without: give Sequential an input_shape")
    expect(len(steps) > 0, "export_onnx expects a model with a layer that computes something, received one without")
    dtype, x = np.dtype(model.dtype), "x"
    nodes: list[bytes] = []
    arrays: dict[str, Array] = {}
    for position, layer in steps:
        y = "y" if layer is steps[-1][1] else position
        its_nodes, its_arrays = _translated(model, position, layer, x, y)
        nodes += its_nodes
        arrays |= its_arrays
        x = y
    graph = _message(
        *((1, node) for node in nodes),
        (2, "nnlite"),
        *((5, _tensor(name, array)) for name, array in arrays.items()),
        (11, _value("x", dtype, model.input_shape)),
        (12, _value("y", dtype, model.output_shape(model.input_shape))),
    )
    return _message((1, IR_VERSION), (2, "nnlite"), (7, graph), (8, _message((1, ""), (2, OPSET))))


def _translated(model: Stack, position: str, layer: Layer, x: str, y: str) -> tuple[list[bytes], dict[str, Array]]:
    """Return the nodes that compute the value y from the value x, as the layer does in inference, and their arrays by name."""
    inner = f"{position}.inner"
    if type(layer) in OPERATORS:
        operator, attributes = OPERATORS[type(layer)](layer)
        names = {parameter: name for name, parameter in model.named_parameters().items()}
        arrays = {names[parameter]: parameter.value for parameter in layer.parameters}
        return [_node(operator, [x, *arrays], y, attributes)], arrays
    if type(layer) is SiLU:
        return [_node("Sigmoid", [x], inner), _node("Mul", [x, inner], y)], {}
    if type(layer) is Rescale:
        shift, scale = f"{position}.shift", f"{position}.scale"
        nodes = [_node("Sub", [x, shift], inner), _node("Mul", [inner, scale], y)]
        return nodes, {shift: layer.shift.astype(model.dtype), scale: layer.scale.astype(model.dtype)}
    if type(layer) is Reshape:
        shape = f"{position}.shape"
        return [_node("Reshape", [x, shape], y)], {shape: np.array([0, *layer.shape], np.int64)}  # 0 stands for x's own N
    known = sorted(cls.__name__ for cls in (*OPERATORS, SiLU, Rescale, Reshape, *IDENTITIES))
    raise ValueError(f"layer {position}: ONNX export knows {', '.join(known)}, received {type(layer).__name__}")


def _node(operator: str, inputs: Sequence[str], output: str, attributes: Mapping[str, float | str] | None = None) -> bytes:
    settings = [(5, _attribute(name, value)) for name, value in (attributes or {}).items()]
    return _message(*((1, name) for name in inputs), (2, output), (4, operator), *settings)


def _attribute(name: str, value: float | str) -> bytes:
    number, kind = {float: (2, 1), int: (3, 2), str: (4, 3)}[type(value)]
    return _message((1, name), (number, value), (20, kind))


def _tensor(name: str, array: Array) -> bytes:
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return _message(*((1, size) for size in array.shape), (2, DATA_TYPES[array.dtype]), (8, name), (9, data))


def _value(name: str, dtype: np.dtype[Any], sample_shape: Shape) -> bytes:
    shape = _message((1, _message((2, "N"))), *((1, _message((1, size))) for size in sample_shape))
    return _message((1, name), (2, _message((1, _message((1, DATA_TYPES[dtype]), (2, shape))))))


def _message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """Return a message of fields, each a number and a value."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts += [_varint(number * 8), _varint(value)]
        elif isinstance(value, float):
            parts += [_varint(number * 8 + 5), struct.pack("<f", value)]
        else:
            data = value.encode() if isinstance(value, str) else value
            parts += [_varint(number * 8 + 2), _varint(len(data)), data]
    return b"".join(parts)


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)
