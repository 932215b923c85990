"""Handwritten digits of 28 × 28 pixels without loss, by what 60,000 others have taught: the contexts' states come with the package.

A digit is bright strokes on black. It is told as

1. *its box*: height, width, row and column of the smallest rectangle that holds all that is not black;
2. *each pixel of the box*: is it black? If not, is it white, 252 or more? Then the bits of its value, the highest first.

The contexts see the neighbours on rough scales, for the exact value of a grey pixel hardly ever comes again.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.contexts import MARGIN, NEIGHBOURS, combine, offsets, table
from nnlite.codec.lossless.residuals import STEPS, decide
from nnlite.codec.mixing import UNSEEN, Coder, Desk, Mixer, desk, fresh_mixer
from nnlite.codec.packed_mixers import Packing, pack_mixer, unpack_mixer
from nnlite.files import safetensors
from nnlite.files.errors import CodecError
from nnlite.jit import inlined, jit

SIDE = 28
WHITE = 252

# Features: the neighbours on each scale, "W8" as black, white or one of 6 greys; the place in the box; W + N − NW; which white was
# the last in the column and in the row; how near the sides of the box are; pixels not black, in this row and in the one above
SCALES = {"2": 0, "3": 1, "8": 6, "16": 14, "256": 254}
GREYS, VALUES = np.array([*SCALES.values()])[:, None], np.arange(256)
LEVELS = np.where(VALUES == 0, 0, np.where(VALUES < WHITE, 1 + (VALUES - 1) * GREYS // (WHITE - 1), GREYS + 1))
LEVELS[-1] = VALUES
PLACES = ("row", "column", "slope", "whites", "sides", "count", "above")
OFFSETS = offsets(NEIGHBOURS[:16])
FEATURES = (*(name + scale for scale in SCALES for name in NEIGHBOURS[:16]), *PLACES)
NUMBER = len(FEATURES)
ROW, COLUMN, SLOPE, WHITES, SIDES, COUNT, ABOVE = map(FEATURES.index, PLACES)
W3, W8 = FEATURES.index("W3"), FEATURES.index("W8")
CONTEXTS = table(
    FEATURES,
    (
        "W3 NW3 N3 NE3 WW3 NN3 NNE3 NWW3 NEE3 NNW3",
        " ".join(name + "2" for name in NEIGHBOURS[:16]),
        "row column W2 N2 NE2 NW2",
        "W8 NW8 N8 NE8 WW3 NN3",
        "N16 NE16 W8 NEE3 NW3",
        "NW16 W16 N16 NE3",
        "slope W16 NE16",
        "W256",
        "N256",
        "slope NE3 W3",
        "N16 NN16",
        "whites NE3 W3",
        "count above column W2 N2",
        "sides W2 N2 NE2 NW2",
    ),
)
TABLE_BITS = 18  # number the states of a context
WHITE_NODE, NUMBERS_NODE = 256, 512  # nodes below are those of the values' bits, from 1 on, and 0: is it black?
GROUPS = np.cumsum([0, 81, SIDE, 64, 64])  # of sets of weights: by texture, by row, by W and N, by node
BUILT_IN = Path(__file__).parent / "digits.safetensors"
FORMAT = "nnlite lossless digits 3"
PACKING = Packing(40, (0, 6, 70))
KEPT = 850_000  # states in a file, about: those that have been seen most often


def fresh_digits(rate: int, limit: int) -> Mixer:
    """Return a mixer that has learned nothing; rate and limit are those of `nnlite.codec.mixing.Mixer`."""
    sets = int(GROUPS[-1]) * STEPS
    return fresh_mixer(len(CONTEXTS) << TABLE_BITS, sets, weight=0.06, rate=rate, limit=limit)


def save_digits(path: str | os.PathLike[str], mixer: Mixer) -> None:
    """Write what a mixer has learned to a file, rounded, whole or not at all."""
    counts = mixer.states & 1023
    kept = np.where(counts < np.sort(counts)[-KEPT], np.uint32(UNSEEN), mixer.states)
    packed = pack_mixer(mixer._replace(states=kept), PACKING)
    safetensors.write(path, {"mixer": np.frombuffer(packed, np.uint8)}, {"format": FORMAT})


def load_digits(path: str | os.PathLike[str] = BUILT_IN) -> Mixer:
    """Return what a file says that a mixer has learned; CodecError if it is no such file, OSError if it cannot be read."""
    try:
        arrays, metadata = safetensors.read(path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"expected the format {FORMAT!r}, received {metadata.get('format')!r}")
        return unpack_mixer(arrays["mixer"].tobytes(), fresh_digits(0, 0), PACKING)
    except (KeyError, ValueError) as error:
        raise CodecError(f"{path}: expected a model of digits: {error}") from error


@inlined
def find_box(digit: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the box; all 0 if all is black."""
    rows, columns = np.nonzero(digit)
    if len(rows) == 0:
        return 0, 0, 0, 0
    top, left = int(rows[0]), int(columns.min())
    return top, left, int(rows[-1]) + 1 - top, int(columns.max()) + 1 - left


@jit
def code_bits(coder: Coder, number: int, mixer: Mixer, desk: Desk, bits: int, first: int) -> int:
    """Write or read the last bits of a number, the highest first, at nodes from the first on; return it and the bits before."""
    node = first
    for k in range(bits - 1, -1, -1):
        desk.seen[len(desk.slots) + 3] = GROUPS[3] + (node >> 4)
        node = 2 * node + decide(coder, number >> k & 1, mixer, desk, node, 2 + k)
    return node


@inlined
def code_number(coder: Coder, number: int, mixer: Mixer, desk: Desk, context: int) -> int:
    """Write or read a number from 0 to 31 that belongs to a box; return it."""
    desk.seen[: len(desk.slots)] = 1 << 30 | context
    desk.seen[len(desk.slots) :] = GROUPS[:4]
    return code_bits(coder, number, mixer, desk, 5, 1) - 32


@jit
def code_digits(coder: Coder, mixer: Mixer, digits: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `digits`, all 0) images (N, 28, 28), one after the other."""
    here, f = desk(len(CONTEXTS), 4), np.zeros(NUMBER, np.int64)
    groups = here.seen[len(CONTEXTS) :]
    for digit in digits:
        top, left, height, width = find_box(digit)
        height = code_number(coder, height, mixer, here, 0)
        width = code_number(coder, width, mixer, here, 1 + height)
        bottom = min(code_number(coder, top, mixer, here, 40 + height) + height, SIDE)
        right = min(code_number(coder, left, mixer, here, 80 + width) + width, SIDE)
        top, left = max(bottom - height, 0), max(right - width, 0)
        window = np.zeros((MARGIN + SIDE, MARGIN + SIDE + MARGIN), np.int64)
        whites = np.zeros(SIDE, np.int64)  # of each column: which white was the last, 5 if there were only greys, 0 if all is black
        f[COUNT] = 0
        for i in range(top, bottom):
            f[ROW], f[ABOVE], f[COUNT] = i - top, f[COUNT], 0
            last_white = 0
            for j in range(left, right):
                for k in range(len(OFFSETS)):
                    neighbour = window[MARGIN + i + OFFSETS[k, 0], MARGIN + j + OFFSETS[k, 1]]
                    for scale in range(len(LEVELS)):
                        f[scale * len(OFFSETS) + k] = LEVELS[scale, neighbour]
                f[COLUMN] = j - left
                f[SLOPE] = min(max(f[ROW - 16] + f[ROW - 15] - f[ROW - 14], 0), 255) >> 3  # W + N − NW
                f[WHITES] = whites[j] * 8 + last_white
                f[SIDES] = min(right - 1 - j, 7) << 3 | int(i == bottom - 1) << 2 | int(whites[j] > 0) << 1 | int(f[COUNT] > 0)
                combine(here.seen, f, CONTEXTS)
                groups[0] = ((f[W3] * 3 + f[W3 + 1]) * 3 + f[W3 + 2]) * 3 + f[W3 + 3]
                groups[1] = GROUPS[1] + f[ROW]
                groups[2] = GROUPS[2] + f[W8] * 8 + f[W8 + 1]
                groups[3] = GROUPS[3] + 32
                value = np.int64(digit[i, j])
                if decide(coder, int(value > 0), mixer, here, 0, 0):
                    is_white = decide(coder, int(value >= WHITE), mixer, here, WHITE_NODE, 1)
                    value = code_bits(coder, value, mixer, here, 2 if is_white else 8, 63 if is_white else 1) - 256 * (1 - is_white)
                    last_white = value - WHITE + 1 if is_white else last_white
                    whites[j] = last_white if is_white else max(whites[j], 5 * (whites[j] == 0))
                    f[COUNT] += 1
                else:
                    value = 0
                window[MARGIN + i, MARGIN + j] = digit[i, j] = value
