"""Handwritten digits of 28 × 28 pixels without loss, by what 60,000 others have taught: the contexts' states come with the package.

A digit is bright strokes on black. It is told as

1. *its box*: height, width, row and column of the smallest rectangle that holds all that is not black;
2. *each pixel of the box*: is it black? If not, is it white, 252 or more? Then the bits of its value, the highest first.

Each of the three questions has a table of contexts of its own below. They see the neighbours, named as in
`nnlite.codec.lossless.continuous_tone`, on rough scales, for the exact value of a grey pixel hardly ever comes again.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.residuals import mixed_hash
from nnlite.codec.mixing import Coder, Desk, Mixer, desk, fresh_mixer, mixed_bit, state_bit
from nnlite.codec.packed_mixers import Packing, pack_mixers, unpack_mixers
from nnlite.files import safetensors
from nnlite.files.errors import CodecError
from nnlite.jit import inlined, jit

Integers = npt.NDArray[np.int64]
Window = npt.NDArray[np.int64]  # (MARGIN + SIDE, MARGIN + SIDE + MARGIN)

SIDE = 28
MARGIN = 4  # black pixels on top and at the sides
WHITE = 252
BLACK_CONTEXTS, WHITE_CONTEXTS, VALUE_CONTEXTS = 10, 8, 11
TABLES = BLACK_CONTEXTS + WHITE_CONTEXTS + VALUE_CONTEXTS + 1  # the last one for the boxes
TABLE_BITS = 17  # number the states of a context
BUILT_IN = Path(__file__).parent / "digits.safetensors"
FORMAT = "nnlite lossless digits 2"
PACKING = Packing(40, (0, 3, 8, 24, 100))
GROUPS = np.cumsum([0, 16, 28, 27, 81, 28, 64, 16, 256, 54])  # the first sets of weights: three for each question


class Box(NamedTuple):
    """Rows from `top` to before `bottom`, columns from `left` to before `right`."""

    top: int
    left: int
    bottom: int
    right: int


def fresh_digits(rate: int, limit: int) -> Mixer:
    """Return a mixer that has learned nothing; rate and limit are those of `nnlite.codec.mixing.Mixer`."""
    return fresh_mixer(TABLES << TABLE_BITS, int(GROUPS[-1]), int(GROUPS[-1]), weight=0.25 / 3, rate=rate, limit=limit)


def save_digits(path: str | os.PathLike[str], mixer: Mixer) -> None:
    """Write what a mixer has learned to a file, rounded, whole or not at all."""
    safetensors.write(path, {"mixer": np.frombuffer(pack_mixers([mixer], PACKING), np.uint8)}, {"format": FORMAT})


def load_digits(path: str | os.PathLike[str] = BUILT_IN) -> Mixer:
    """Return what a file says that a mixer has learned; CodecError if it is no such file, OSError if it cannot be read."""
    try:
        arrays, metadata = safetensors.read(path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"expected the format {FORMAT!r}, received {metadata.get('format')!r}")
        return unpack_mixers(arrays["mixer"].tobytes(), [fresh_digits(0, 0)], PACKING)[0]
    except (KeyError, ValueError) as error:
        raise CodecError(f"{path}: expected a model of digits: {error}") from error


@inlined
def scale3(value: int) -> int:
    """Return 0 for black, 1 for grey, 2 for white."""
    return int(value > 0) + int(value >= WHITE)


@inlined
def scale(value: int, greys: int) -> int:
    """Return 0 for black, 1 to `greys` for grey, `greys` + 1 for white."""
    return 0 if value == 0 else (greys + 1 if value >= WHITE else 1 + (value - 1) * greys // (WHITE - 1))


@inlined
def code_number(coder: Coder, number: int, mixer: Mixer, context: int) -> int:
    """Write or read a number from 0 to 31 that belongs to a box; return it."""
    node = 1
    for k in range(4, -1, -1):
        slot = (TABLES - 1 << TABLE_BITS) + context * 32 + node
        node = 2 * node + state_bit(coder, number >> k & 1, mixer, slot)
    return node - 32


@jit
def ask(coder: Coder, answer: int, mixer: Mixer, desk: Desk, table: int) -> int:
    """Write or read an answer to a question whose contexts' tables begin at this one; return it."""
    for k in range(len(desk.slots)):
        desk.slots[k] = (table + k << TABLE_BITS) + (mixed_hash(desk.seen[k]) & (1 << TABLE_BITS) - 1)
    return mixed_bit(coder, answer, mixer, desk, np.int64(desk.sets[0]))


@jit
def code_digits(coder: Coder, mixer: Mixer, digits: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `digits`, all 0) images (N, 28, 28), one after the other."""
    window = np.zeros((MARGIN + SIDE, MARGIN + SIDE + MARGIN), np.int64)
    for n in range(len(digits)):
        top, left, height, width = find_box(digits[n])
        height = code_number(coder, height, mixer, 0)
        width = code_number(coder, width, mixer, 1 + height)
        top = code_number(coder, top, mixer, 40 + height)
        left = code_number(coder, left, mixer, 80 + width)
        window[:] = 0
        code_box(coder, mixer, digits[n], window, Box(top, left, min(top + height, SIDE), min(left + width, SIDE)))


@inlined
def find_box(digit: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the box; all 0 if all is black."""
    top, bottom, left, right = SIDE, 0, SIDE, 0
    for i in range(SIDE):
        for j in range(SIDE):
            if digit[i, j]:
                top, bottom, left, right = min(top, i), i + 1, min(left, j), max(right, j + 1)
    return (top, left, bottom - top, right - left) if bottom else (0, 0, 0, 0)


@jit
def code_box(coder: Coder, mixer: Mixer, digit: npt.NDArray[np.uint8], window: Window, box: Box) -> None:
    """Write or read the pixels of one digit."""
    black = desk(BLACK_CONTEXTS, BLACK_CONTEXTS, 3, 256)
    white = desk(WHITE_CONTEXTS, WHITE_CONTEXTS, 3, 256)
    bits = desk(VALUE_CONTEXTS, VALUE_CONTEXTS, 3, 256)
    seen = np.zeros(VALUE_CONTEXTS - 1, np.int64)
    whites = np.zeros(SIDE, np.int64)  # of each column: which white was the last, 5 if there were only greys, 0 if all is black
    histogram = np.zeros(512, np.int64)  # of this digit: how often each node of the values' tree was reached
    above_count = 0  # pixels in the row above that are not black
    for i in range(box.top, box.bottom):
        count = last_white = 0
        for j in range(box.left, box.right):
            value = np.int64(digit[i, j])
            see_black(black, window, i, j, box, count, above_count, whites[j])
            if ask(coder, int(value > 0), mixer, black, 0):
                see_white(white, window, i, j, box)
                is_white = ask(coder, int(value >= WHITE), mixer, white, BLACK_CONTEXTS)
                texture = see_value(seen, window, i, j, box, whites[j], last_white)
                node = 127 if is_white else 1
                for k in range(1 if is_white else 7, -1, -1):
                    for z in range(VALUE_CONTEXTS - 1):
                        bits.seen[z] = seen[z] << 8 | node
                    often = min(histogram[2 * node], 15) * 16 + min(histogram[2 * node + 1], 15)  # this digit had such values
                    bits.seen[VALUE_CONTEXTS - 1] = (often * 8 + k) << 8 | is_white
                    bits.sets[0], bits.sets[1] = GROUPS[7] + node, GROUPS[6] + is_white * 8 + k
                    bits.sets[2] = GROUPS[8] + texture + 27 * is_white
                    node = 2 * node + ask(coder, value >> k & 1, mixer, bits, BLACK_CONTEXTS + WHITE_CONTEXTS)
                    histogram[node] += 1
                value = node - 256
                last_white = value - WHITE + 1 if is_white else last_white
                whites[j] = last_white if is_white else max(whites[j], 5 * (whites[j] == 0))
                count += 1
            else:
                value = 0
            window[MARGIN + i, MARGIN + j] = digit[i, j] = value
        above_count = count


@inlined
def neighbours(window: Window, i: int, j: int) -> tuple[int, ...]:
    """Return W, WW, WWW, NWW, NW, N, NE, NEE, NNW, NN and NNE."""
    y, x = MARGIN + i, MARGIN + j
    own, above, second = window[y], window[y - 1], window[y - 2]
    return (
        own[x - 1], own[x - 2], own[x - 3], above[x - 2], above[x - 1], above[x], above[x + 1], above[x + 2],
        second[x - 1], second[x], second[x + 1],
    )  # fmt: skip


@inlined
def see_black(desk: Desk, window: Window, i: int, j: int, box: Box, count: int, above_count: int, column: int) -> None:
    """Fill in what the contexts of "is it black?" see."""
    W, WW, WWW, NWW, NW, N, NE, NEE, NNW, NN, NNE = neighbours(window, i, j)
    contexts, sets, y, x = desk.seen, desk.sets, MARGIN + i, MARGIN + j
    above = window[y - 1]
    ink = int(W > 0) << 3 | int(N > 0) << 2 | int(NE > 0) << 1 | int(NW > 0)
    shape = int(W > 0) << 2 | int(WW > 0) << 1 | int(WWW > 0)
    for k in range(-3, 4):
        shape = shape << 1 | int(above[x + k] > 0)
    for k in range(-2, 3):
        shape = shape << 1 | int(window[y - 2, x + k] > 0)
    shape = shape << 1 | int(window[y - 3, x] > 0)
    run, run_above = 1, 0  # for how long it has been black or not to the left, and will be above from NE on
    while run < 12 and j - run >= box.left and (window[y, x - 1 - run] > 0) == (W > 0):
        run += 1
    while run_above < 12 and j + run_above < box.right - 1 and (above[x + 1 + run_above] > 0) == (NE > 0):
        run_above += 1

    contexts[0] = scales(W, NW, N, NE, WW, NN, NNE, NWW, NEE, NNW)
    contexts[1] = shape  # sixteen neighbours, black or not
    contexts[2] = ((i - box.top) * SIDE + j - box.left) * 16 + ink  # the place in the box
    contexts[3] = ((scale(W, 6) * 8 + scale(NW, 6)) * 8 + scale(N, 6)) * 8 + scale(NE, 6)
    contexts[3] = (contexts[3] * 3 + scale3(WW)) * 3 + scale3(NN)
    contexts[4] = (((scale(N, 14) * 16 + scale(NE, 14)) * 8 + scale(W, 6)) * 3 + scale3(NEE)) * 3 + scale3(NW)
    contexts[5] = ((run * 16 + run_above) * 16 + ink) * 2 + int(NN > 0)
    touched = (
        int(i == box.top) << 4 | int(i == box.bottom - 1) << 3 | int(column > 0) << 2 | int(count > 0) << 1 | int(j == box.left)
    )  # the box
    contexts[6] = ((touched * 8 + min(box.right - 1 - j, 7)) * 16 + ink) * 4 + int(W >= WHITE) * 2 + int(N >= WHITE)
    contexts[7] = (((scale(W, 14) * 8 + scale(WW, 6)) * 8 + scale(N, 6)) * 3 + scale3(NE)) * 3 + scale3(NNE)
    contexts[8] = ((min(count, 15) * 16 + min(above_count, 15)) * 14 + (j - box.left) // 2) * 4 + (ink >> 2)
    contexts[9] = ((scale(NW, 14) * 16 + scale(W, 14)) * 16 + scale(N, 14)) * 3 + scale3(NE)
    sets[0], sets[1] = GROUPS[0] + ink, GROUPS[1] + min(i - box.top, 27)
    sets[2] = GROUPS[2] + (scale3(W) * 3 + scale3(N)) * 3 + scale3(NE)


@inlined
def scales(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> int:
    """Return one number for ten values, each black, grey or white."""
    first = (((scale3(a) * 3 + scale3(b)) * 3 + scale3(c)) * 3 + scale3(d)) * 3 + scale3(e)
    return ((((first * 3 + scale3(f)) * 3 + scale3(g)) * 3 + scale3(h)) * 3 + scale3(i)) * 3 + scale3(j)


@inlined
def see_white(desk: Desk, window: Window, i: int, j: int, box: Box) -> None:
    """Fill in what the contexts of "is it white?" see."""
    W, WW, WWW, NWW, NW, N, NE, NEE, NNW, NN, NNE = neighbours(window, i, j)
    contexts, sets = desk.seen, desk.sets
    contexts[0] = scales(W, NW, N, NE, WW, NN, NNE, NWW, NEE, NNW)
    contexts[1] = (((scale(W, 14) * 16 + scale(N, 14)) * 16 + scale(NW, 14)) * 3 + scale3(NE)) * 3 + scale3(WW)
    contexts[2] = ((scale(W, 6) * 8 + scale(NW, 6)) * 8 + scale(N, 6)) * 8 + scale(NE, 6)
    contexts[2] = (contexts[2] * 3 + scale3(WW)) * 3 + scale3(NN)
    contexts[3] = (((scale(N, 14) * 8 + scale(NN, 6)) * 8 + scale(NE, 6)) * 3 + scale3(NW)) * 3 + scale3(W)
    contexts[4] = (((scale(W, 14) * 8 + scale(WW, 6)) * 8 + scale(WWW, 6)) * 3 + scale3(N)) * 3 + scale3(NW)
    contexts[5] = ((min(max(W + N - NW, 0), 255) >> 3) * 16 + scale(W, 14)) * 16 + scale(NE, 14)
    contexts[6] = (((scale(NE, 14) * 16 + scale(NEE, 14)) * 16 + scale(N, 14)) * 3 + scale3(W)) * 3 + scale3(NW)
    contexts[7] = (((i - box.top) * SIDE + j - box.left) * 3 + scale3(W)) * 3 + scale3(N)
    sets[0] = GROUPS[3] + ((scale3(W) * 3 + scale3(N)) * 3 + scale3(NE)) * 3 + scale3(NW)
    sets[1], sets[2] = GROUPS[4] + min(i - box.top, 27), GROUPS[5] + scale(W, 6) * 8 + scale(N, 6)


@inlined
def see_value(contexts: Integers, window: Window, i: int, j: int, box: Box, column: int, last_white: int) -> int:
    """Fill in what the contexts of a value's bits see, but for the node and how often it was reached; return a texture, 0 to 26."""
    W, WW, _, _, NW, N, NE, _, _, NN, _ = neighbours(window, i, j)
    grey = scale3(W) * 3 + scale3(N)
    plane = min(max(W + N - NW, 0), 255)
    contexts[0] = ((grey * 3 + scale3(NE)) * 3 + scale3(NW)) * 4 + int(NN > 0) * 2 + int(WW > 0)
    contexts[1] = scale(W, 14) * 16 + scale(N, 14)
    contexts[2] = W
    contexts[3] = N
    contexts[4] = (plane >> 3) * 9 + scale3(NE) * 3 + scale3(W)
    contexts[5] = (scale(NE, 6) * 8 + scale(NW, 6)) * 8 + scale(W, 6)
    contexts[6] = scale(N, 14) * 16 + scale(NN, 14)
    contexts[7] = scale(W, 14) * 16 + scale(WW, 14)
    contexts[8] = min(i - box.top, 27) * 9 + grey
    contexts[9] = (column * 8 + last_white) * 3 + scale3(NE)  # the whites of this column and this row
    return grey * 3 + scale3(NE)
