"""The model of the photograph codec: all that is learned, in one safetensors file.

==================  ======================  ==========================================================================
array               shape, dtype            content
==================  ======================  ==========================================================================
colours             (3, 3) int32            (R, G, B) = colours · planes, 16 bits behind the point
analysis            (8, 16) float64         the transform, see `transform`
synthesis           (8, 16) int32           its inverse, 14 bits behind the point
network.k.weight    (outputs, inputs) int16 the layers of the network, see `pixel_network`
network.k.bias      (outputs,) int32
network.k.shift     () int32
mixer               (bytes,) uint8          states, weights and curves, see `packed_mixers`
==================  ======================  ==========================================================================

States keep counts up to 24. The decoder's tables are computed from integers alone.
"""

import hashlib
import os
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect
from nnlite.codec.packed_mixers import unpack_mixer
from nnlite.codec.photographs.contexts import untrained_mixer
from nnlite.codec.photographs.pixel_network import IntegerLayer, check_layers
from nnlite.files import safetensors
from nnlite.files.errors import CodecError, reported_as

BUILT_IN = Path(__file__).parent / "photographs.safetensors"
FORMAT = "nnlite photograph codec 3"
COLOUR_BITS = 16
PACKING = 63, (0, 2, 7, 24)
KINDS = {"colours": ((3, 3), "int32"), "analysis": ((8, 16), "float64"), "synthesis": ((8, 16), "int32")}


class Model:
    """What encoder and decoder share; read-only.

    Parameters
    ----------
    arrays : dict of str to array
        As in the table above.

    Raises
    ------
    KeyError, ValueError, zlib.error
        An array is missing, damaged, or of another kind, or the network could round, or the colours cannot be told apart.
    """

    def __init__(self, arrays: dict[str, npt.NDArray[Any]]):
        self.arrays = arrays
        for name, (shape, dtype) in KINDS.items():
            array = arrays[name]
            fits = (array.shape, str(array.dtype)) == (shape, dtype) and bool(np.abs(array).max() <= 2**18)
            expect(fits, f"expected {name} of shape {shape}, {dtype}, without large numbers, received {array.dtype} {array.shape}")
        self.colours, self.analysis, self.synthesis = arrays["colours"].astype(np.int64), arrays["analysis"], arrays["synthesis"]
        self.planes = (np.linalg.inv(self.colours) * 2**COLOUR_BITS).astype(np.float32)  # from colours
        self.network: list[IntegerLayer] = []
        while (name := f"network.{len(self.network)}") + ".weight" in arrays:
            weight, bias, shift = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
            kinds = [f"{array.dtype} {array.ndim}" for array in (weight, bias, shift)]
            expect(kinds == ["int16 2", "int32 1", "int32 0"], f"expected {name} of whole numbers, received other dtypes or shapes")
            self.network.append(IntegerLayer(weight.astype(np.float32), bias.astype(np.float32), int(shift)))
        check_layers(self.network)
        self.mixer = unpack_mixer(arrays["mixer"], untrained_mixer(), *PACKING)

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the model's arrays, as a file without metadata has them."""
        return hashlib.sha256(safetensors.dumps(self.arrays)).digest()

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
        with reported_as(CodecError, f"{path}: expected a model of photographs", KeyError, ValueError, zlib.error):
            return cls(safetensors.read_as(path, FORMAT))
