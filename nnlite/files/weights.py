"""Saving a model's weights and loading them again, by name, without pickle."""

import os
from collections.abc import Mapping

from nnlite.arrays import Array
from nnlite.files import safetensors
from nnlite.files.errors import CheckpointError
from nnlite.layers.layer import Layer


def save_weights(model: Layer, path: str | os.PathLike[str]) -> None:
    """Write the parameters to a safetensors file, named by position ("1.weight", shape (D, H)), whole or not at all.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    safetensors.write(path, {name: parameter.value for name, parameter in model.named_parameters().items()})


def load_weights(model: Layer, path: str | os.PathLike[str]) -> None:
    """Read the parameters back from a file of `save_weights`.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly the model's. Nothing has been changed then.
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
    arrays, _ = safetensors.read(path)
    restore({name: parameter.value for name, parameter in model.named_parameters().items()}, arrays, path)


def restore(targets: Mapping[str, Array], arrays: Mapping[str, Array], path: str | os.PathLike[str]) -> None:
    """Copy each of the arrays of the file `path` into the target of its name.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes are not exactly those of the targets. Nothing has been changed then.
    """
    if set(arrays) != set(targets):
        missing, unknown = sorted(set(targets) - set(arrays)), sorted(set(arrays) - set(targets))
        raise CheckpointError(f"{path}: expected the model's parameters, received a file without {missing} and with {unknown}")
    for name, expected in targets.items():
        received = arrays[name]
        if (received.shape, received.dtype) != (expected.shape, expected.dtype):
            raise CheckpointError(
                f"{path}: expected {name} as {expected.dtype} of shape {expected.shape}, received {received.dtype} of shape "
                f"{received.shape}"
            )
    for name, target in targets.items():
        target[...] = arrays[name]
