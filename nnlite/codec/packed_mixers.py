"""A mixer that has learned, in few bytes: for models that come with the package.

Of a state are kept its stretched probability, rounded to 40 levels from −8 to 8, and the class of its count, one of five; weights
are cut to 16 bits, curves have as many. All is packed by LZMA. Rounding costs two thousandths of the bits.
"""

import lzma

import numpy as np

from nnlite.codec.mixing import REACH, SQUASH, STRETCH, UNSEEN, Mixer

COUNTS = np.array([0, 3, 8, 24, 100], np.uint32)  # the least of each class, for which the class stands; 0: forgotten
PACKED_REACH = 8 << 8
LEVELS = 40
WEIGHT_BITS = 8  # cut off


def pack_mixer(mixer: Mixer) -> bytes:
    """Return the bytes of what a mixer has learned."""
    classes = np.searchsorted(COUNTS, mixer.states & 1023, side="right") - 1
    stretched = np.clip(STRETCH[mixer.states >> 16].astype(np.int64), -PACKED_REACH, PACKED_REACH - 1)
    levels = np.where(classes > 0, (stretched + PACKED_REACH) * LEVELS // (2 * PACKED_REACH), 0)
    parts = (levels.astype("u1"), classes.astype("u1"), (mixer.weights >> WEIGHT_BITS).astype("<i2"), mixer.curves.astype("<u2"))
    return lzma.compress(b"".join(part.tobytes() for part in parts), preset=9)


def unpack_mixer(data: bytes, fresh: Mixer) -> Mixer:
    """Return the mixer whose bytes `pack_mixer` returned; `fresh` is one of its sizes, ValueError if they are others."""
    states, weights, curves = fresh.states, fresh.weights, fresh.curves
    size = 2 * (states.size + weights.size + curves.size)
    try:
        unpacker = lzma.LZMADecompressor()
        content = unpacker.decompress(data, size + 1)
    except lzma.LZMAError as error:
        raise ValueError(f"expected a packed mixer: {error}") from error
    levels = np.frombuffer(content[: states.size], np.uint8).astype(np.int64)
    classes = np.frombuffer(content[states.size : 2 * states.size], np.uint8)
    if len(content) != size or not unpacker.eof or unpacker.unused_data or levels.max() >= LEVELS or classes.max() >= len(COUNTS):
        raise ValueError(f"expected a mixer of {size} bytes, received others: its contexts are those of another version")
    stretched = (2 * levels + 1) * PACKED_REACH // LEVELS - PACKED_REACH
    known = SQUASH[stretched + REACH].astype(np.uint32) << 16 | COUNTS[classes]
    rest = np.frombuffer(content, "<i2", offset=2 * states.size)
    return fresh._replace(
        states=np.where(classes > 0, known, np.uint32(UNSEEN)),
        weights=(rest[: weights.size].astype(np.int32) << WEIGHT_BITS).reshape(weights.shape),
        curves=(rest[weights.size :].astype(np.int32) & 0xFFFF).reshape(curves.shape),
    )
