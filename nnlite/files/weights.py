"""Save a model's weights and load them again, by name, without pickle.

PyTorch's files have the same names, but matrices Wᵀ. Where all are square, nothing but a mark in the metadata tells the two apart.
"""

import os
import warnings
import zlib
from collections.abc import Mapping

import numpy as np

from nnlite.arrays import Array, expect
from nnlite.files import safetensors
from nnlite.files.errors import CheckpointError
from nnlite.layers.layer import Layer

WEIGHTS, TORCH = "nnlite weights", "pt"  # the "format" of files with W, and with Wᵀ
CHECKPOINT = "nnlite training"  # a training's checkpoint has a format that begins so, see `nnlite.training.resume`


def save_weights(model: Layer, path: str | os.PathLike[str]) -> None:
    """Write the parameters to a safetensors file, named by position ("1.weight", shape (D, H)), whole or not at all.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    safetensors.write(path, _values(model), {"format": WEIGHTS})


def load_weights(model: Layer, path: str | os.PathLike[str]) -> None:
    """Read the parameters from a file of `save_weights`, or from a checkpoint of `nnlite.Sequential.fit`.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly the model's, the file is marked as PyTorch's, or a checkpoint is damaged. The model
        is unchanged.
    nnlite.FormatError
        The file is damaged or of another format.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from nnlite import Dense, Sequential, load_weights, save_weights
    >>> rng = np.random.default_rng(0)
    >>> trained, model = (Sequential([Dense(3, 2, rng=rng)]) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(trained, Path(folder) / "weights.safetensors")
    ...     load_weights(model, Path(folder) / "weights.safetensors")
    >>> np.array_equal(model[0].weight.value, trained[0].weight.value)
    True
    """
    targets = _values(model)
    arrays, metadata = safetensors.read(path)
    format_ = metadata.get("format", "")
    if format_ == TORCH:
        raise CheckpointError(f"{path}: expected a file of save_weights, received one for PyTorch: use load_torch_weights")
    if format_.startswith(CHECKPOINT):
        check_checksum(arrays, metadata, path)
        part = "parameters."  # such as "parameters.0.weight"
        arrays = {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
    restore(targets, arrays, path)
    matrices = [array.shape for array in arrays.values() if array.ndim == 2]
    if not format_ and matrices and all(height == width for height, width in matrices):
        warnings.warn(f"{path} does not tell whether its square matrices are PyTorch's: then use load_torch_weights", stacklevel=2)


def _values(model: Layer) -> dict[str, Array]:
    expect(isinstance(model, Layer), f"expected a model, and behind it the path, received {model!r}")
    return {name: parameter.value for name, parameter in model.named_parameters().items()}


def restore(targets: Mapping[str, Array], arrays: Mapping[str, Array], path: str | os.PathLike[str], hint: str = "") -> None:
    """Copy each array of the file `path` into the target with its name; if the names differ, the message ends with the hint.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly those of the targets. The targets are unchanged.
    """
    if set(arrays) != set(targets):
        missing, unknown = sorted(set(targets) - set(arrays)), sorted(set(arrays) - set(targets))
        differences = f"a file without {missing} and with {unknown}{hint}"
        raise CheckpointError(f"{path}: expected the model's parameters, received {differences}")
    for name, expected in targets.items():
        received = arrays[name]
        if (received.shape, received.dtype) != (expected.shape, expected.dtype):
            both = f"{expected.dtype} of shape {expected.shape}, received {received.dtype} of shape {received.shape}"
            raise CheckpointError(f"{path}: expected {name} as {both}")
    for name, target in targets.items():
        target[...] = arrays[name]


def checksum(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """Return the CRC-32 of the metadata, and of the arrays with their names, dtypes and shapes."""
    crc = zlib.crc32(repr([*metadata.items()]).encode())
    for name, array in arrays.items():
        crc = zlib.crc32(np.ascontiguousarray(array).data, zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc))
    return f"{crc:08x}"


def check_checksum(arrays: Mapping[str, Array], metadata: dict[str, str], path: str | os.PathLike[str]) -> None:
    """Remove "crc32" from a checkpoint's metadata; CheckpointError unless it is the checksum of the rest."""
    received = metadata.pop("crc32", "none")
    if received != checksum(arrays, metadata):
        raise CheckpointError(f"{path}: expected the checksum {checksum(arrays, metadata)}, received {received}: damaged")
