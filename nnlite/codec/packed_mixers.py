"""A mixer that has learned, in few bytes: for models that come with the package.

Of a state are kept its stretched probability, rounded to some levels from −8 to 8, and the class of its count, both in one byte;
weights are cut to 16 bits, curves have as many. All is packed by zlib. Rounding costs two thousandths of the bits.
"""

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect
from nnlite.codec.mixing import REACH, SQUASH, STRETCH, UNSEEN, Mixer

PACKED_REACH = 8 << 8
WEIGHT_BITS = 8  # cut off


def pack_mixer(mixer: Mixer, levels: int, counts: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Return the bytes of what a mixer has learned.

    Parameters
    ----------
    mixer : Mixer
        What has learned.
    levels : int
        To so many levels probabilities are rounded.
    counts : sequence of int
        The least count of each class, for which it stands. The first is 0, and its states are forgotten. At most 256 / levels.
    """
    classes = np.searchsorted(counts, mixer.states & 1023, side="right") - 1
    stretched = np.clip(STRETCH[mixer.states >> 16].astype(np.int64), -PACKED_REACH, PACKED_REACH - 1)
    states = np.where(classes, (stretched + PACKED_REACH) * levels // (2 * PACKED_REACH) * len(counts) + classes, 0)
    weights = np.clip(mixer.weights >> WEIGHT_BITS, -(1 << 15), (1 << 15) - 1)
    content = states.astype("u1").tobytes() + weights.astype("<i2").tobytes() + mixer.curves.astype("<u2").tobytes()
    return np.frombuffer(zlib.compress(content, 9), np.uint8)


def unpack_mixer(packed: npt.NDArray[np.uint8], fresh: Mixer, levels: int, counts: Sequence[int]) -> Mixer:
    """Return the mixer that `pack_mixer` packed; `fresh` is one of its size. ValueError or zlib.error if the bytes are others."""
    ends = np.cumsum([fresh.states.size, 2 * fresh.weights.size, 2 * fresh.curves.size])
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed.tobytes(), int(ends[-1]) + 1)
    whole = len(content) == ends[-1] and unpacker.eof and not unpacker.unused_data
    expect(whole, f"expected a mixer of {ends[-1]} bytes, received another: the file is damaged or of another version")
    level, classes = np.divmod(np.frombuffer(content[: ends[0]], np.uint8), len(counts))
    expect(level.max() < levels, f"expected at most {levels} levels, received {level.max() + 1}: the file is damaged")
    stretched = (2 * level.astype(np.int64) + 1) * PACKED_REACH // levels - PACKED_REACH
    known = SQUASH[stretched + REACH].astype(np.uint32) << 16 | np.array(counts, np.uint32)[classes]
    return fresh._replace(
        states=np.where(classes, known, np.uint32(UNSEEN)),
        weights=np.frombuffer(content[ends[0] : ends[1]], "<i2").astype(np.int32).reshape(fresh.weights.shape) << WEIGHT_BITS,
        curves=np.frombuffer(content[ends[1] :], "<u2").astype(np.int32).reshape(fresh.curves.shape),
    )
