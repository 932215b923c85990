"""Handwritten digits of 28 × 28 pixels without loss, by what 60,000 others have taught: the contexts' states come with the package.

A digit is bright strokes on black. It is told as

1. *its box*: height, width, row and column of the smallest rectangle that holds all that is not black;
2. *each pixel of the box*: is it black? If not, is it white, 252 or more? Then the bits of its value, the highest first.

The contexts see the neighbours on rough scales, for the exact value of a grey pixel hardly ever comes again.
"""

import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnlite.codec.context_tables import STEPS, Integers, combine, decide, table
from nnlite.codec.lossless.neighbours import MARGIN, NEIGHBOURS, code_residual, offsets
from nnlite.codec.mixing import Coder, Mixer, desk, fresh_mixer
from nnlite.codec.packed_mixers import pack_mixer, unpack_mixer
from nnlite.files import safetensors
from nnlite.files.errors import CodecError, reported_as
from nnlite.jit import inlined, jit

SIDE = 28
WHITE = 252

# Features: the neighbours on each scale, "W8" as black, white or one of 6 greys; the place in the box; which white was the last in
# the column and in the row; how near the sides of the box are
SCALES = {"2": 0, "3": 1, "8": 6, "16": 14, "256": 254}
GREYS, VALUES = np.array([*SCALES.values()])[:, None], np.arange(256)
LEVELS = np.where(VALUES == 0, 0, np.where(VALUES < WHITE, 1 + (VALUES - 1) * GREYS // (WHITE - 1), GREYS + 1))
LEVELS[-1] = VALUES
OFFSETS = offsets(NEIGHBOURS)
PLACES = ("row", "column", "whites", "sides")
FEATURES = (*(name + scale for scale in SCALES for name in NEIGHBOURS), *PLACES)
ROW, COLUMN, WHITES, SIDES = map(FEATURES.index, PLACES)
W3, W8 = FEATURES.index("W3"), FEATURES.index("W8")
CONTEXTS = table(
    FEATURES,
    (
        "W3 NW3 N3 NE3 WW3 NN3 NNE3 NWW3 NEE3 NNW3",
        " ".join(f"{name}2" for name in NEIGHBOURS),
        "row column W2 N2 NE2 NW2",
        "W8 NW8 N8 NE8 WW3 NN3",
        "N16 NE16 W8 NEE3 NW3",
        "NW16 W16 N16 NE3",
        "W256 N3",
        "N256 W3",
        "N16 NN16",
        "whites NE3 W3",
        "sides W2 N2 NE2 NW2",
    ),
)
STATES = 1 << 22
WHITE_NODE = 256  # nodes below are those of the values' bits, from 1 on, and 0: is it black?
GROUPS = np.cumsum([0, 81, SIDE, 64, 64])  # of sets of weights: by texture, by row, by W and N, by node
BUILT_IN = Path(__file__).parent / "digits.safetensors"
FORMAT = "nnlite lossless digits 5"
PACKING = 40, (0, 6, 70)


def fresh_digits(rate: int, limit: int) -> Mixer:
    """Return a mixer that has learned nothing; rate and limit are those of `nnlite.codec.mixing.Mixer`."""
    return fresh_mixer(STATES, int(GROUPS[-1]) * STEPS, weight=0.06, rate=rate, limit=limit)


def save_digits(path: str | os.PathLike[str], mixer: Mixer) -> None:
    """Write what a mixer has learned to a file, rounded, whole or not at all."""
    safetensors.write(path, {"mixer": pack_mixer(mixer, *PACKING)}, {"format": FORMAT})


def load_digits(path: str | os.PathLike[str] = BUILT_IN) -> Mixer:
    """Return what a file says that a mixer has learned; CodecError if it is no such file, OSError if it cannot be read."""
    with reported_as(CodecError, f"{path}: expected a model of digits", KeyError, ValueError, zlib.error):
        return unpack_mixer(safetensors.read_as(path, FORMAT)["mixer"], fresh_digits(0, 0), *PACKING)


@inlined
def find_box(digit: npt.NDArray[np.uint8]) -> Integers:
    """Return top, bottom, left and right of the box, the first pixels in it and behind it; all 0 if all is black."""
    box = np.zeros(4, np.int64)
    rows, columns = np.nonzero(digit)
    if len(rows):
        box[:] = rows[0], rows[-1] + 1, columns.min(), columns.max() + 1
    return box


@jit
def code_digits(coder: Coder, mixer: Mixer, digits: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `digits`, all 0) images (N, 28, 28), one after the other."""
    here, f = desk(len(CONTEXTS), 4), np.zeros(len(FEATURES), np.int64)
    groups = here.seen[len(CONTEXTS) :]
    for digit in digits:
        box = find_box(digit)
        before = 0
        for k in range(len(box)):  # each knows the one before
            here.seen[: len(CONTEXTS)] = 1 << 30 | k << 5 | before
            groups[:] = GROUPS[:4]
            box[k] = before = min(max(code_residual(coder, box[k], mixer, here), 0), SIDE)
        top, bottom, left, right = box
        window = np.zeros((MARGIN + SIDE, MARGIN + SIDE + MARGIN), np.int64)
        whites = np.zeros(SIDE, np.int64)  # of each column: which white was the last, 5 if there were only greys, 0 if all is black
        for i in range(top, bottom):
            last_white = 0
            for j in range(left, right):
                for k in range(len(OFFSETS)):
                    neighbour = window[MARGIN + i + OFFSETS[k, 0], MARGIN + j + OFFSETS[k, 1]]
                    for scale in range(len(LEVELS)):
                        f[scale * len(OFFSETS) + k] = LEVELS[scale, neighbour]
                f[ROW], f[COLUMN], f[WHITES] = i - top, j - left, whites[j] * 8 + last_white
                f[SIDES] = min(right - 1 - j, 7) << 2 | int(i == bottom - 1) << 1 | int(whites[j] > 0)
                combine(here.seen, f, CONTEXTS)
                groups[0] = ((f[W3] * 3 + f[W3 + 1]) * 3 + f[W3 + 2]) * 3 + f[W3 + 3]
                groups[1] = GROUPS[1] + f[ROW]
                groups[2] = GROUPS[2] + f[W8] * 8 + f[W8 + 1]
                groups[3] = GROUPS[3] + 32
                value = np.int64(digit[i, j])
                if decide(coder, int(value > 0), mixer, here, 0, 0):
                    is_white = decide(coder, int(value >= WHITE), mixer, here, WHITE_NODE, 1)
                    node = 63 if is_white else 1  # the first six bits of white are ones
                    for bit in range(1 if is_white else 7, -1, -1):
                        groups[3] = GROUPS[3] + (node >> 4)
                        node = 2 * node + decide(coder, value >> bit & 1, mixer, here, node, 2 + bit)
                    value = node & 255
                    last_white = value - WHITE + 1 if is_white else last_white
                    whites[j] = last_white if is_white else max(whites[j], 5 * (whites[j] == 0))
                window[MARGIN + i, MARGIN + j] = digit[i, j] = value
