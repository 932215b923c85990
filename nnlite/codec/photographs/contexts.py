"""What the probability of a coefficient depends on: the tables of contexts, which are meant to be played with.

Two kinds of things are coded for each block of 8 × 8: the *magnitudes* of its coefficients, and their *signs*. For each kind there
is a table of **contexts**. A context is a choice of **features**, small integers that `coefficients` computes, in the order below.
To try another one, add a line and train the model anew: nothing else knows how many there are.
"""

import numpy as np

from nnlite.codec.context_tables import STEPS, table
from nnlite.codec.mixing import Mixer, fresh_mixer
from nnlite.jit import inlined

PLANES = 3
LEVELS = 12
LEVEL = np.searchsorted([1, 2, 3, 4, 6, 9, 14, 24, 45, 100, 250], np.arange(512), side="right")  # of a sum
MORE = 64  # the position, and its diagonal, at which a block is asked whether there are more coefficients than its mean
# Magnitudes: sums of magnitudes around, in 12 levels.
#   position    8 u + v: vertical frequency u, horizontal frequency v
#   diagonal    u + v
#   inside      in this block: what lies left, above and diagonally, near ones twice
#   around      the same position in the blocks west and north (twice), north-west and north-east
#   beside      the four positions next to it in the blocks west and north
#   expected    a mean of inside, around and beside
#   left        left in this block, and west
#   above       above in this block, and north
#   before      the plane before: the same position (twice), the next right and below
#   earlier     the same in the plane before that
#   count       coefficients other than 0 up to here
#   neighbours  coefficients other than 0 in the blocks west and north
#   plane       0 to 2; every context sees it
MAGNITUDE = table(
    "inside around beside diagonal position expected count neighbours left above before earlier plane".split(),
    (
        "inside around beside diagonal plane",
        "position expected plane",
        "count neighbours inside diagonal plane",
        "left above before diagonal plane",
        "position before plane",
        "expected earlier before diagonal plane",
    ),
)
# Signs: 0, 1 or 2 for negative, zero, positive.
#   west, north            the same position there
#   mean_west, mean_north  this block's mean less the one of that block
#   before                 the same position in the plane before
#   agreement              have this plane and the plane before had the same sign here, west and north?
#   strength               |before|, at most 2
#   slope, rise            this block's first horizontal frequency, and its first vertical one
#   edge                   mean_west if the function changes its sign from left to right, else mean_north
SIGN = table(
    "position west north mean_west mean_north before agreement strength slope rise edge plane".split(),
    (
        "position west north plane",
        "position mean_west mean_north west plane",
        "position before agreement strength plane",
        "position slope rise edge plane",
    ),
)
# Where groups of weights start: of numbers by what is expected, and by the diagonal and what is around; of signs by the plane
GROUPS = PLANES * np.cumsum([0, LEVELS + 1, 32, 1])
STATES = 1 << 22


def untrained_mixer() -> Mixer:
    """Return a mixer that has seen nothing."""
    return fresh_mixer(STATES, int(GROUPS[-1]) * STEPS, weight=0.2, rate=32, limit=400)


@inlined
def level(total: int) -> int:
    """Return the level, 0 to 11, of a sum of magnitudes."""
    return int(LEVEL[min(total, 511)])


@inlined
def sign(value: int) -> int:
    """Return 0, 1 or 2: negative, zero, positive."""
    return int(value > 0) - int(value < 0) + 1
