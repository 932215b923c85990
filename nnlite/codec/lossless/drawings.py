"""Drawings, text and screenshots without loss: contexts that see the very colours around.

What goes on here went on elsewhere before: letters come back, lines go on. So the guess is the left neighbour's colour, most pixels
cost one decision, and what tells that decision are exact surroundings, small ones that are learned at once and large ones that know
a letter by its shape; `see` is the table of them. The last context looks into the past: the last place where the twelve neighbours
were these, and what followed there.

A picture of at most 256 colours has one plane, the numbers of the colours, and a palette of its own; any other comes as its planes,
and a pixel is coded plane by plane. Neighbours are named as in `nnlite.codec.lossless.continuous_tone`.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.residuals import STEPS, Integers, code_residual, mixed_hash, sight
from nnlite.codec.mixing import Coder, Mixer, fresh_mixer, is_full
from nnlite.jit import inlined, jit

Window = npt.NDArray[np.int32]  # (MARGIN + height, MARGIN + width + MARGIN): colours, one byte for each plane

MARGIN = 4  # of colour 0 on top and at the sides
CONTEXTS = 12
LONGEST = 15  # longer runs and matches count the same
GROUPS = (256, 48, 32)  # of sets of weights: by run and match, by plane and what equals W, by what is alike above
TABLE_BITS = 20  # at most so many bits number the states of a context
PLACES = 1 << 16  # surroundings whose last place is remembered


def fresh_drawing(samples: int) -> Mixer:
    """Return a mixer that has learned nothing, for pictures of so many samples in all."""
    bits = min(max(samples.bit_length() + 1, 12), TABLE_BITS)
    sets = sum(GROUPS) * STEPS
    return fresh_mixer(CONTEXTS << bits, sets, sets, weight=0.1, rate=24, limit=1000)


@jit
def code_drawing(coder: Coder, mixer: Mixer, picture: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `picture`) one picture (planes, height, width)."""
    planes, height, width = picture.shape
    window = np.zeros((MARGIN + height, MARGIN + width + MARGIN), np.int32)
    here = sight(CONTEXTS, len(GROUPS))
    seen, places = np.zeros(CONTEXTS, np.int64), np.zeros(PLACES, np.int64)
    match, length = 0, 0  # the place whose colour is expected, 0 for none, and how many colours have been as expected
    for i in range(MARGIN, MARGIN + height):
        if is_full(coder):
            return
        for j in range(MARGIN, MARGIN + width):
            place = see(seen, here.groups, window, i, j) & (PLACES - 1)
            if length == 0:
                match = places[place]
            places[place] = i * window.shape[1] + j
            expected = int(window.flat[match]) if match else -1
            west = int(window[i, j - 1])
            seen[CONTEXTS - 1] = ((expected + 1) << 32 | min(length, LONGEST) << 24) ^ west
            here.groups[0] += min(length, LONGEST) if match else 0
            colour = 0
            for plane in range(planes):
                for k in range(CONTEXTS):
                    here.desk.seen[k] = mixed_hash(seen[k] ^ colour << 8) << 6 | k << 2 | plane
                guess = west >> 8 * plane & 255
                residual = int(picture[plane, i - MARGIN, j - MARGIN]) - guess
                sample = guess + code_residual(coder, residual, mixer, here) & 255
                picture[plane, i - MARGIN, j - MARGIN] = sample
                colour |= sample << 8 * plane
                here.groups[1] += 16
            window[i, j] = colour
            length = length + 1 if match and colour == expected else 0
            match = match + 1 if length else 0


@inlined
def see(seen: Integers, groups: Integers, window: Window, i: int, j: int) -> int:
    """Fill in what each context but the last sees, and which groups of weights are selected; return the twelve neighbours' hash."""
    above, second, third = window[i - 1], window[i - 2], window[i - 3]
    W, WW, WWW = int(window[i, j - 1]), int(window[i, j - 2]), int(window[i, j - 3])
    N, NN, NNN, NNW, NNE = int(above[j]), int(second[j]), int(third[j]), int(second[j - 1]), int(second[j + 1])
    NW, NE, NWW, NEE, NEEE = int(above[j - 1]), int(above[j + 1]), int(above[j - 2]), int(above[j + 2]), int(above[j + 3])
    run, run_above = 1, 0
    while run < LONGEST and j - run > MARGIN and window[i, j - 1 - run] == W:
        run += 1
    while run_above < LONGEST and j + run_above + 1 < window.shape[1] and above[j + 1 + run_above] == N:
        run_above += 1
    four = mixed_hash(mixed_hash(W | N << 32) ^ (NW | NE << 32))
    six = mixed_hash(four ^ (WW | NN << 32))
    eight = mixed_hash(six ^ (NWW | NEE << 32))
    twelve = mixed_hash(mixed_hash(eight ^ (NNW | NNE << 32)) ^ (WWW | NNN << 32))
    wide = twelve
    for k in range(-3, 4):
        wide = mixed_hash(mixed_hash(wide ^ int(above[j + k])) ^ (int(second[j + k]) | int(third[j + k]) << 32))

    seen[0] = W
    seen[1] = W | N << 32
    seen[2] = four
    seen[3] = six
    seen[4] = eight
    seen[5] = twelve
    seen[6] = wide  # three rows of seven, and what is to the left
    seen[7] = mixed_hash(W | WW << 32) ^ (WWW | N << 32)
    seen[8] = mixed_hash(W | N << 32) ^ (NN | NNN << 32)
    seen[9] = mixed_hash(N | NE << 32) ^ (W | run << 32 | run_above << 40)  # how long these colours have lasted
    seen[10] = mixed_hash(mixed_hash(W | N << 32) ^ (NE | NEE << 32)) ^ NEEE
    groups[0] = run * 16
    groups[1] = GROUPS[0] + int(W == N) + 2 * int(W == NW) + 4 * int(W == NE) + 8 * int(W == WW)
    groups[2] = GROUPS[0] + GROUPS[1] + int(N == NE) + 2 * int(N == NN) + 4 * int(NW == NE) + 8 * int(W == NN) + 16 * int(NE == NEE)
    return twelve
