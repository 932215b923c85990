"""Drawings, text and screenshots without loss: contexts that see the very colours around.

What goes on here went on elsewhere before: letters come back, lines go on. So most pixels have a colour that is *near*: that of a
neighbour, or one that followed when the surroundings were last these. A pixel is told as

1. *a yes or a no for each different colour that is near*, until it is a yes: one decision where it is the left neighbour's;
2. after no yes, *its samples*, plane by plane, as differences to the left neighbour's.

What tells either are exact surroundings, small ones that are learned at once and large ones that know a letter by its shape.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.contexts import MARGIN, NEIGHBOURS, combine, mixed_hash, offsets, table
from nnlite.codec.lossless.residuals import STEPS, code_residual, decide
from nnlite.codec.mixing import Coder, Mixer, desk, fresh_mixer, is_full
from nnlite.jit import jit

# Features: the neighbours' colours; for how many pixels W's colour lasts to the left, and N's to the right; the colour that last
# followed the twelve nearest, and for how long that was right; how many samples have been told, and which; or the colour asked for
OTHERS = ("run", "ahead", "expected", "length", "told", "colour")
FEATURES = (*NEIGHBOURS, *OTHERS)
RUN, AHEAD, EXPECTED, LENGTH, TOLD, COLOUR = map(FEATURES.index, OTHERS)
NUMBER, OFFSETS = len(FEATURES), offsets(NEIGHBOURS)
SURROUNDINGS = (
    "",
    "W",
    "W N",
    "W N NW NE",
    "W N NW NE WW NN",
    "W N NW NE WW NN NWW NEE",
    "W N NW NE WW NN NWW NEE NNW NNE WWW NNN",
    " ".join(NEIGHBOURS),
    "W WW WWW N",
    "W N NN NNN",
    "W N NE run ahead",
    "W N NE NEE NEEE",
    "W expected length",
)
FOLLOWED = (6, 3, 1)  # surroundings of which it is noted what followed
CONTEXTS = table(FEATURES, [f"told colour {surroundings}" for surroundings in SURROUNDINGS])
LONGEST = 15  # longer runs and matches count the same
GROUPS = np.cumsum([0, 256, 64, 32])  # of sets of weights: by run and match, by what equals W, by what is alike above
TABLE_BITS = 20  # at most so many bits number the states of a context
PLACES = 1 << 16  # surroundings of a size whose followers are noted


def code_drawings(coder: Coder, images: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `images`) pictures (N, planes, height, width), one after the other."""
    bits = min(max(images.size.bit_length() + 1, 12), TABLE_BITS)
    sets = int(GROUPS[-1]) * STEPS
    mixer = fresh_mixer(len(CONTEXTS) << bits, sets, weight=0.1, rate=24, limit=1000)
    for image in images:
        code_drawing(coder, mixer, image)


@jit
def code_drawing(coder: Coder, mixer: Mixer, picture: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `picture`) one picture (planes, height, width)."""
    planes, height, width = picture.shape
    window = np.zeros((MARGIN + height, MARGIN + width + MARGIN), np.int64)  # colours, one byte for each plane
    here, f = desk(len(CONTEXTS), 3), np.zeros(NUMBER, np.int64)
    groups = here.seen[len(CONTEXTS) :]
    followers = np.zeros((len(FOLLOWED), PLACES), np.int64)  # the colours that came last after these surroundings
    after, near = np.zeros(len(FOLLOWED), np.int64), np.zeros(4 + len(FOLLOWED), np.int64)
    for i in range(MARGIN, MARGIN + height):
        if is_full(coder):
            return
        for j in range(MARGIN, MARGIN + width):
            for k in range(len(OFFSETS)):
                f[k] = window[i + OFFSETS[k, 0], j + OFFSETS[k, 1]]
            W, N, NW, NE, WW, NN, NEE = f[0], f[1], f[2], f[3], f[4], f[5], f[6]
            f[RUN], f[AHEAD] = 1, 0
            while f[RUN] < LONGEST and j - f[RUN] > MARGIN and window[i, j - 1 - f[RUN]] == W:
                f[RUN] += 1
            while f[AHEAD] < LONGEST and j + f[AHEAD] + 1 < window.shape[1] and window[i - 1, j + 1 + f[AHEAD]] == N:
                f[AHEAD] += 1
            f[TOLD] = f[COLOUR] = 0
            combine(here.seen, f, CONTEXTS)
            for k in range(len(FOLLOWED)):
                after[k] = mixed_hash(here.seen[FOLLOWED[k]]) & (PLACES - 1)
            f[EXPECTED] = followers[0, after[0]]
            groups[0] = f[RUN] * 16 + f[LENGTH]
            groups[1] = GROUPS[1] + int(W == N) + 2 * int(W == NW) + 4 * int(W == NE) + 8 * int(W == WW)
            groups[2] = GROUPS[2] + int(N == NE) + 2 * int(N == NN) + 4 * int(NW == NE) + 8 * int(W == NN) + 16 * int(NE == NEE)
            colour = 0
            for plane in range(planes):
                colour |= np.int64(picture[plane, i - MARGIN, j - MARGIN]) << 8 * plane
            number = 0
            for candidate in (W, f[EXPECTED], N, NE, NW, followers[1, after[1]], followers[2, after[2]]):
                if not (near[:number] == candidate).any():
                    f[COLOUR] = near[number] = candidate
                    combine(here.seen, f, CONTEXTS)
                    if decide(coder, int(colour == candidate), mixer, here, 0, number):
                        break
                    number += 1
            else:
                f[COLOUR] = 0
                for plane in range(planes):
                    groups[1] += 16
                    f[TOLD] += 1
                    combine(here.seen, f, CONTEXTS)
                    guess = W >> 8 * plane & 255
                    sample = guess + code_residual(coder, (colour >> 8 * plane & 255) - guess, mixer, here) & 255
                    f[COLOUR] |= sample << 8 * plane
            for plane in range(planes):
                picture[plane, i - MARGIN, j - MARGIN] = f[COLOUR] >> 8 * plane & 255
            window[i, j] = f[COLOUR]
            f[LENGTH] = min(f[LENGTH] + 1, LONGEST) if f[COLOUR] == f[EXPECTED] else 0
            for k in range(len(FOLLOWED)):
                followers[k, after[k]] = f[COLOUR]
