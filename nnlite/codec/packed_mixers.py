"""Mixers that have learned, in few bytes: for models that come with the package.

Of a state are kept its stretched probability, rounded to some levels from −8 to 8, and the class of its count, both in one byte;
weights are cut to 16 bits, curves have as many. All is packed by zlib. Rounding costs two thousandths of the bits.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import REACH, SQUASH, STRETCH, UNSEEN, Mixer

PACKED_REACH = 8 << 8
WEIGHT_BITS = 8  # cut off
Bytes = npt.NDArray[np.uint8]


class Packing(NamedTuple):
    """How roughly states are kept: the number of levels, and the least count of each class, for which it stands; 0: forgotten."""

    levels: int
    counts: tuple[int, ...]


def pack_mixers(mixers: Sequence[Mixer], packing: Packing) -> bytes:
    """Return the bytes of what mixers have learned."""
    parts = []
    for mixer in mixers:
        classes = np.searchsorted(packing.counts, mixer.states & 1023, side="right") - 1
        stretched = np.clip(STRETCH[mixer.states >> 16].astype(np.int64), -PACKED_REACH, PACKED_REACH - 1)
        levels = (stretched + PACKED_REACH) * packing.levels // (2 * PACKED_REACH)
        states = np.where(classes, levels * len(packing.counts) + classes, 0)
        weights = np.clip(mixer.weights >> WEIGHT_BITS, -(1 << 15), (1 << 15) - 1)
        parts += [states.astype("u1").tobytes(), weights.astype("<i2").tobytes(), mixer.curves.astype("<u2").tobytes()]
    return zlib.compress(b"".join(parts), 9)


def unpack_mixers(data: bytes, fresh: Sequence[Mixer], packing: Packing) -> list[Mixer]:
    """Return the mixers whose bytes `pack_mixers` returned; `fresh` are some of their sizes, ValueError if they are others."""
    sizes = [size for mixer in fresh for size in (mixer.states.size, 2 * mixer.weights.size, 2 * mixer.curves.size)]
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data, sum(sizes) + 1)
    except zlib.error as error:
        raise ValueError(f"expected packed mixers: {error}") from error
    if len(content) != sum(sizes) or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"expected mixers of {sum(sizes)} bytes, received others: their contexts are those of another version")
    parts = iter(np.split(np.frombuffer(content, np.uint8), np.cumsum(sizes)[:-1]))
    return [_unpack(mixer, next(parts), next(parts), next(parts), packing) for mixer in fresh]


def _unpack(fresh: Mixer, states: Bytes, weights: Bytes, curves: Bytes, packing: Packing) -> Mixer:
    levels, classes = np.divmod(states.astype(np.int64), len(packing.counts))
    if levels.max() > packing.levels:
        raise ValueError(f"expected states of at most {packing.levels} levels, received others")
    stretched = np.minimum((2 * levels + 1) * PACKED_REACH // packing.levels - PACKED_REACH, PACKED_REACH)
    known = SQUASH[stretched + REACH].astype(np.uint32) << 16 | np.array(packing.counts, np.uint32)[classes]
    return fresh._replace(
        states=np.where(classes, known, np.uint32(UNSEEN)),
        weights=weights.view("<i2").astype(np.int32).reshape(fresh.weights.shape) << WEIGHT_BITS,
        curves=curves.view("<u2").astype(np.int32).reshape(fresh.curves.shape),
    )
