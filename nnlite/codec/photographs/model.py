"""The model of the photograph codec: all that is learned, in one safetensors file.

==================  ======================  ==========================================================================
array               shape, dtype            content
==================  ======================  ==========================================================================
colour              (3, 3) float64          planes = colour · (R, G, B); decoders use the next
colour.inverse      (3, 3) int32            its inverse, 16 bits behind the point
analysis            (8, 16) float64         the transform, see `transform`
synthesis           (8, 16) int32           its inverse, 14 bits behind the point
steps               (101,) int32            the quantiser's step of each quality, 16 bits behind the point
network.k.weight    (outputs, inputs) int16 the layers of the network, see `pixel_network`
network.k.bias      (outputs,) int32
network.k.shift     () int32
mixers.p            (bytes,) uint8          for plane p: states, weights and curves of its three mixers, see `packed_mixers`
==================  ======================  ==========================================================================

States keep counts up to 24. The decoder's tables are computed from integers alone.
"""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import copy_mixer
from nnlite.codec.packed_mixers import Packing, unpack_mixers
from nnlite.codec.photographs.contexts import PlaneMixers, fresh_mixers
from nnlite.codec.photographs.pixel_network import IntegerLayer, check_layers
from nnlite.files import safetensors
from nnlite.files.errors import CodecError

BUILT_IN = Path(__file__).parent / "photographs.safetensors"
FORMAT = "nnlite photograph codec 1"
QUALITIES = 101
COLOUR_BITS = STEP_BITS = 16
PACKING = Packing(63, (0, 2, 7, 24))
Arrays = dict[str, npt.NDArray[Any]]


class Model:
    """What encoder and decoder share; read-only.

    Parameters
    ----------
    arrays : dict of str to array
        As in the table above.

    Raises
    ------
    ValueError
        An array is missing, or of another shape or dtype, or the network could round.
    """

    def __init__(self, arrays: Arrays):
        self.arrays = arrays
        self.colour = self._array("colour", (3, 3), np.float64)
        self.colour_inverse = self._array("colour.inverse", (3, 3), np.int32).astype(np.int64)
        self.analysis = self._array("analysis", (8, 16), np.float64)
        self.synthesis = self._array("synthesis", (8, 16), np.int32)
        self.steps = self._array("steps", (QUALITIES,), np.int32).astype(np.int64)
        if not (self.steps > 0).all() or np.abs(self.synthesis).max() > 2**15 or np.abs(self.colour_inverse).max() > 2**18:
            raise ValueError("a photograph model expects positive steps and a synthesis and colours near 1, received others")
        self.network: list[IntegerLayer] = []
        while (name := f"network.{len(self.network)}") + ".weight" in arrays:
            weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
            self.network.append(IntegerLayer(weight.astype(np.float32), bias.astype(np.float32), int(arrays[f"{name}.shift"])))
        check_layers(self.network)
        self._mixers = [unpack_mixers(arrays[f"mixers.{p}"].tobytes(), fresh_mixers(), PACKING) for p in range(3)]

    def _array(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        array = self.arrays[name]
        if array.shape != shape or array.dtype != dtype or not np.isfinite(array).all():
            raise ValueError(f"a photograph model expects {name} of shape {shape}, received {array.dtype} of {array.shape}")
        return array

    def mixers(self, plane: int) -> PlaneMixers:
        """Return the mixers of a plane as they are before a picture: copies, since they learn."""
        return PlaneMixers(*map(copy_mixer, self._mixers[plane]))

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the model's file, without the arrays that only encoders use."""
        decoding = {name: array for name, array in self.arrays.items() if name not in ("colour", "analysis")}
        return hashlib.sha256(safetensors.dumps(decoding)).digest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, whole or not at all."""
        safetensors.write(path, self.arrays, {"format": FORMAT})

    @classmethod
    def load(cls, path: str | os.PathLike[str] = BUILT_IN) -> "Model":
        """Read a model, by default the one that comes with the package.

        Raises
        ------
        CodecError
            The file is no model, or its arrays do not fit together.
        OSError
            The file cannot be read.
        """
        try:
            arrays, metadata = safetensors.read(path)
            if metadata.get("format") != FORMAT:
                raise ValueError(f"expected the format {FORMAT!r}, received {metadata.get('format')!r}")
            return cls(arrays)
        except (KeyError, ValueError) as error:
            raise CodecError(f"{path}: expected a model of photographs: {error}") from error
