"""Exchange weights with PyTorch and Keras: their names, shapes and files, for a model of the same layers in the same order.

    nnlite                        PyTorch                         Keras
    Dense                         Linear, weight Wᵀ (H, D)        Dense, kernel W (D, H)
    BatchNormalization            BatchNorm1d                     BatchNormalization
    Flatten, Reshape              Flatten, Unflatten              Flatten, Reshape
    ReLU, Sigmoid, Tanh, ...      modules of the same names       activations, as layers or inside a Dense
    GELU                          GELU(approximate="tanh")        gelu with approximate=True
    Dropout                       Dropout                         Dropout
    GaussianNoise, penalties      Identity                        GaussianNoise, or nothing
    Rescale                       nothing                         Rescaling(scale, -shift * scale)

The files hold weights, but no settings. Give slopes, α and ε on both sides, because the defaults differ: Keras normalises batches
with ε = 0.001, nnlite and PyTorch with 0.00001.

Shapes: D features, H units.
"""

import io
import os
import re
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from nnlite.arrays import Array, expect
from nnlite.files import safetensors
from nnlite.files.errors import CheckpointError, FormatError, reported_as
from nnlite.files.torch_names import ways_to_name
from nnlite.files.weights import TORCH, restore
from nnlite.files.whole_files import read_file, write_atomically
from nnlite.layers import ACTIVATIONS, IDENTITIES, Activation, BatchNormalization, Dense, Flatten, Layer, Rescale, Reshape, Stack
from nnlite.layers.stack import layers_by_position

KNOWN: tuple[type[Layer], ...] = (Dense, BatchNormalization, Activation, *ACTIVATIONS.values(), Flatten, Reshape, *IDENTITIES)

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")  # scale, shift and running statistics in PyTorch

KERAS_KINDS: dict[str, type[Layer]] = {"dense": Dense, "batch_normalization": BatchNormalization}
KERAS_NAME = re.compile(
    r"(?:(encoder|decoder)/)?layers/(?:(sequential|functional)(?:_(\d{1,9}))?/layers/)?"
    rf"({'|'.join(KERAS_KINDS)})(?:_(\d{{1,9}}))?/vars/\d{{1,9}}"
)
KERAS_STATE = re.compile(r"optimizer/.*|.*/seed_generator/vars/\d+")  # arrays that are no weights
KERAS_OVERHEAD = 2**24  # bytes; a file may have eight times the weights and this: room for an optimizer's state


def save_torch_weights(model: Stack, path: str | os.PathLike[str]) -> None:
    """Write the weights to a safetensors file for a torch.nn.Sequential of the same layers, the twin.

    Load it with ``twin.load_state_dict(safetensors.torch.load_file(path))``. The twin has one module for each layer: see the table
    in `nnlite.files.torch_and_keras`. The arrays have the model's dtype.

    Raises
    ------
    ValueError
        A layer has no counterpart in PyTorch; the message names it.
    """
    safetensors.write(path, _torch_state(model), {"format": TORCH})


def load_torch_weights(model: Stack, path: str | os.PathLike[str]) -> None:
    """Read the weights from a file of ``safetensors.torch.save_file(twin.state_dict(), path)``.

    The twin may also be a module of your own, with names such as "encoder.0.weight" or "fc1.weight". Then only one order of its
    parts may fit the model: numbered layers follow their numbers, and the shapes decide the order of the parts.

    Raises
    ------
    ValueError
        A layer has no counterpart in PyTorch; the message names it.
    CheckpointError
        Names, shapes or dtypes are not those of the twin, or fit in several orders. The model is unchanged.
    nnlite.FormatError
        The file is damaged or of another format.
    OSError
        The file cannot be read.
    """
    targets = _torch_state(model)
    try:
        arrays, metadata = safetensors.read(path)
    except FormatError as error:
        raise FormatError(f"{error}: write it by safetensors.torch.save_file; a file of torch.save may run any program") from error
    if metadata.get("format", "").startswith("nnlite"):  # its matrices are W
        raise CheckpointError(f"{path}: expected a file for PyTorch, received one of nnlite: use load_weights")
    ways = [] if set(arrays) == set(targets) else ways_to_name(targets, arrays)
    if len(ways) == 1:
        arrays = {name: arrays[other] for name, other in ways[0].items()}
    way_out = "save the state_dict() of the layers in one row, such as torch.nn.Sequential(*encoder, *decoder)"
    restore(targets, arrays, path, f"; its shapes fit in {'several orders' if ways else 'no order'}: {way_out}")


def _layers(model: Stack, library: str, known: tuple[type[Layer], ...]) -> dict[str, Layer]:
    """Return the layers by position; ValueError if one is not of the kinds that the library has, too."""
    layers = layers_by_position(model)
    for position, layer in layers.items():
        if not isinstance(layer, known):
            received = f"received {type(layer).__name__}: exchange the parts before and after it"
            raise ValueError(f"layer {position}: expected one that {library} has, too, {received}")
    return layers


def _torch_state(model: Stack) -> dict[str, Array]:
    """Return views of the weights, in PyTorch's shapes and under PyTorch's names."""
    state: dict[str, Array] = {}
    for position, layer in _layers(model, "torch.nn.Sequential", KNOWN).items():
        arrays = {}
        if isinstance(layer, Dense):
            arrays = {"weight": layer.weight.value.T, "bias": layer.bias.value}
        elif isinstance(layer, BatchNormalization):
            arrays = dict(zip(BATCH_NORM, (parameter.value for parameter in layer.parameters), strict=True))
            arrays["num_batches_tracked"] = np.zeros((), np.int64)  # PyTorch's count, without effect unless momentum is None
        state |= {f"{position}.{name}": array for name, array in arrays.items()}
    return state


def save_keras_weights(model: Stack, path: str | os.PathLike[str]) -> None:
    """Write the weights to an HDF5 file for a keras.Sequential of the same layers, in one row, the twin.

    Load it with ``twin.load_weights(path)``.

    Raises
    ------
    ImportError
        h5py is not installed.
    ValueError
        A layer has no counterpart in Keras; the message names it. Or the name does not end in ".weights.h5", as Keras expects.
    """
    layers, h5py = _keras_layers(model), _import_h5py()
    right = os.fspath(path).endswith(".weights.h5")
    expect(right, f"save_keras_weights expects a name that ends in .weights.h5, as Keras does, received {path}")
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for kind, members in layers.items():
            for number, layer in enumerate(members):
                place = f"layers/{kind}_{number}" if number else f"layers/{kind}"
                for name, value in _keras_arrays(place, layer).items():
                    file[name] = value
    write_atomically(path, content.getvalue())


def load_keras_weights(model: Stack, path: str | os.PathLike[str]) -> None:
    """Read the weights from a file of Keras 3: a ``.keras`` file or a ``.weights.h5`` file.

    The Keras model is a Sequential or functional model of the same layers in one row, or a row of such models, or a model with the
    attributes `encoder` and `decoder` that are such models. The file names a layer by its class and its number within this class,
    and layers find each other by these names. So layers without weights may differ. The file holds no settings: Keras's
    BatchNormalization is nnlite's with ``epsilon=1e-3``, for example.

    Take files only from people you trust: nothing in the file is executed, but the HDF5 library that parses it is written in C.

    Raises
    ------
    ImportError, ValueError
        As for `save_keras_weights`.
    CheckpointError
        Names, shapes or dtypes are not exactly those of the model, or the file is damaged. The model is unchanged.
    OSError
        The file cannot be read.
    """
    layers = _keras_layers(model)
    arrays = _read_keras(path, limit=8 * sum(parameter.value.nbytes for parameter in model.parameters) + KERAS_OVERHEAD)
    places = _keras_places(arrays, path)
    targets: dict[str, Array] = {}
    for kind, members in layers.items():
        if len(members) != len(places[kind]):
            raise CheckpointError(f"{path}: expected {len(members)} layers of the kind {kind}, received {places[kind]}")
        for place, layer in zip(places[kind], members, strict=True):
            targets |= _keras_arrays(place, layer)
    restore(targets, arrays, path)


def _keras_layers(model: Stack) -> dict[str, list[Layer]]:
    """Return the layers with weights, in order, by the name of their class in Keras's files."""
    layers = _layers(model, "Keras", (*KNOWN, Rescale)).values()
    return {kind: [layer for layer in layers if isinstance(layer, cls)] for kind, cls in KERAS_KINDS.items()}


def _keras_arrays(place: str, layer: Layer) -> dict[str, Array]:
    """Return the weights under their names in Keras's files; Keras keeps them in the same order and shapes."""
    return {f"{place}/vars/{number}": parameter.value for number, parameter in enumerate(layer.parameters)}


def _keras_places(names: Iterable[str], path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Return the places of the layers in a file with these names, in order, by kind: dense_10 comes after dense_2."""
    order: dict[str, dict[str, tuple[bool, int, int]]] = {kind: {} for kind in KERAS_KINDS}
    containers = set()
    for name in names:
        match = KERAS_NAME.fullmatch(name)
        if match is None:
            places = f"{' and '.join(KERAS_KINDS)} layers, in one row, in a row of models, or in models named encoder and decoder"
            raise CheckpointError(f"{path}: expected the weights of {places}, received {name!r}")
        half, model, model_number, kind, number = match.groups()
        containers.add((bool(half), model))
        order[kind][name.rpartition("/vars/")[0]] = (half == "decoder", int(model_number or 0), int(number or 0))
    if len(containers) > 1:  # each is counted for itself, so nothing tells the order
        raise CheckpointError(f"{path}: expected layers beside layers and models beside models, received both: {sorted(names)}")
    return {kind: sorted(found, key=found.__getitem__) for kind, found in order.items()}


def _read_keras(path: str | os.PathLike[str], limit: int) -> dict[str, Array]:
    """Return the weights of a Keras file by name; unpack at most `limit` bytes of an archive."""
    h5py = _import_h5py()
    data = read_file(path, safetensors.MAX_BYTES)
    problem = f"{path}: expected a .keras or .weights.h5 file, received a damaged or other one"
    with reported_as(CheckpointError, problem, Exception):  # h5py and zipfile have no common one for damage
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("model.weights.h5") as member:
                data = member.read(limit + 1)
            if len(data) > limit:
                raise CheckpointError(f"{path}: expected weights in at most {limit} bytes for this model, received more")
        with h5py.File(io.BytesIO(data), "r") as file:
            names: list[str] = []
            file.visit(names.append)  # each object once, and no links to other files
            items = {name: file[name] for name in names if not KERAS_STATE.fullmatch(name)}
            datasets = {name: item for name, item in items.items() if isinstance(item, h5py.Dataset)}
            for name, dataset in datasets.items():
                if dataset.chunks is not None or dataset.external or dataset.is_virtual or dataset.dtype.hasobject:
                    raise CheckpointError(f"{path}: expected {name} as plain numbers, received compressed, linked or other data")
            if sum(dataset.nbytes for dataset in datasets.values()) > len(data):
                raise CheckpointError(f"{path}: expected arrays that fit into the file, received larger ones")
            return {name: dataset[...] for name, dataset in datasets.items()}


def _import_h5py() -> Any:
    problem = 'expected h5py for the HDF5 files of Keras, received no such package: install it with pip install "nnlite[interop]"'
    with reported_as(ImportError, problem, ImportError):
        import h5py
    return h5py
