"""How pictures become decisions: the neighbours of a pixel, and the bits of a residual; what both models of this room share.

Many features are neighbours of the pixel in question, which have been decoded before. They are named by the way to them: W is the
one to the left (west), N the one above, NE the next one above to the right, WW two to the left.
"""

from collections.abc import Sequence

import numpy as np

from nnlite.codec.context_tables import Integers, decide
from nnlite.codec.mixing import Coder, Desk, Mixer
from nnlite.jit import inlined

NEIGHBOURS = tuple("W N NW NE WW NN NEE NNE NWW NNW WWW NNN NEEE NNWW NNEE NWWW".split())
MARGIN = 3  # so far are they away at most


def offsets(names: Sequence[str]) -> Integers:
    """Return the way to each neighbour, rows down and columns to the right, shape (names, 2)."""
    return np.array([(name.count("S") - name.count("N"), name.count("E") - name.count("W")) for name in names])


@inlined
def code_residual(coder: Coder, residual: int, mixer: Mixer, desk: Desk) -> int:
    """Write or read a residual e, from −255 to 255, by few yes-or-no decisions, most of them early; return it.

    e = 0?  |  e < 0?  |  |e| ≥ 2?  |e| ≥ 4?  |e| ≥ 8? …, which gives k, the position of the leading bit  |  the k bits below it
    """
    if decide(coder, int(residual == 0), mixer, desk, 0, 0):
        return 0
    magnitude = abs(residual)
    negative = decide(coder, int(residual < 0), mixer, desk, 1, 1)
    k = 0
    while k < 7 and decide(coder, int(magnitude >= 2 << k), mixer, desk, 2 + 2 * k + negative, 2 + k):
        k += 1
    decoded = 1
    for j in range(k - 1, -1, -1):
        below = k - 1 - j
        node = (2 * k + negative) * 16 + (decoded if below < 4 else 8 + below) % 16
        decoded = 2 * decoded + decide(coder, magnitude >> j & 1, mixer, desk, node, 9 + min(below, 3))
    return -decoded if negative else decoded
