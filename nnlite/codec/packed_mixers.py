"""A mixer that has learned, in few bytes: for models that come with the package.

Of a state are kept its stretched probability, rounded to some levels from −8 to 8, and the class of its count, both in one byte;
weights are cut to 16 bits, curves have as many. All is packed by zlib. Rounding costs two thousandths of the bits.
"""

import zlib
from typing import NamedTuple

import numpy as np

from nnlite.codec.mixing import REACH, SQUASH, STRETCH, UNSEEN, Mixer

PACKED_REACH = 8 << 8
WEIGHT_BITS = 8  # cut off


class Packing(NamedTuple):
    """How roughly states are kept: the number of levels, and the least count of each class, for which it stands; 0: forgotten."""

    levels: int
    counts: tuple[int, ...]


def pack_mixer(mixer: Mixer, packing: Packing) -> bytes:
    """Return the bytes of what a mixer has learned."""
    classes = np.searchsorted(packing.counts, mixer.states & 1023, side="right") - 1
    stretched = np.clip(STRETCH[mixer.states >> 16].astype(np.int64), -PACKED_REACH, PACKED_REACH - 1)
    levels = (stretched + PACKED_REACH) * packing.levels // (2 * PACKED_REACH)
    states = np.where(classes, levels * len(packing.counts) + classes, 0)
    weights = np.clip(mixer.weights >> WEIGHT_BITS, -(1 << 15), (1 << 15) - 1)
    return zlib.compress(states.astype("u1").tobytes() + weights.astype("<i2").tobytes() + mixer.curves.astype("<u2").tobytes(), 9)


def unpack_mixer(data: bytes, fresh: Mixer, packing: Packing) -> Mixer:
    """Return the mixer whose bytes `pack_mixer` returned; `fresh` is one of its size, ValueError if it has another."""
    ends = np.cumsum([fresh.states.size, 2 * fresh.weights.size, 2 * fresh.curves.size])
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data, int(ends[-1]) + 1)
    except zlib.error as error:
        raise ValueError(f"expected a packed mixer: {error}") from error
    if len(content) != ends[-1] or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"expected a mixer of {ends[-1]} bytes, received another: its contexts are those of another version")
    levels, classes = np.divmod(np.frombuffer(content[: ends[0]], np.uint8), len(packing.counts))
    if levels.max(initial=0) >= packing.levels:
        raise ValueError(f"expected at most {packing.levels} levels, received {levels.max() + 1}: the file is damaged")
    stretched = (2 * levels.astype(np.int64) + 1) * PACKED_REACH // packing.levels - PACKED_REACH
    known = SQUASH[stretched + REACH].astype(np.uint32) << 16 | np.array(packing.counts, np.uint32)[classes]
    return fresh._replace(
        states=np.where(classes, known, np.uint32(UNSEEN)),
        weights=np.frombuffer(content[ends[0] : ends[1]], "<i2").astype(np.int32).reshape(fresh.weights.shape) << WEIGHT_BITS,
        curves=np.frombuffer(content[ends[1] :], "<u2").astype(np.int32).reshape(fresh.curves.shape),
    )
