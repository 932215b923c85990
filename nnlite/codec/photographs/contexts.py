"""What the probability of a coefficient depends on: the tables of contexts, which are meant to be played with.

Two kinds of things are coded for each block of 8 × 8: the *magnitudes* of its coefficients, and their *signs*. For each kind there
is a table of **contexts**. A context is a choice of **features**, small integers that `coefficients` computes in the order in which
the table first names them. It owns a state for every combination of their values, in each plane. To try another one, add a line and
train the model anew: nothing else knows how many there are.

The states of a combination lie at base + Σ stride · feature: the contexts of a decision are one product of an integer matrix and
the vector of features.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Desk, Mixer, fresh_mixer
from nnlite.jit import inlined

PLANES = 3
LEVELS = 12
LEVEL = np.searchsorted([1, 2, 3, 4, 6, 9, 14, 24, 45, 100, 250], np.arange(512), side="right")  # of a sum
MORE = 64  # the position, and its diagonal, at which a block is asked whether there are more coefficients than its mean
SIZES = {"position": MORE + 1, "diagonal": 16}  # how many values these features have; the others: as the table says


class Table(NamedTuple):
    """Where the states of a list of contexts lie: strides (features, contexts), bases (contexts,), and where they end."""

    strides: npt.NDArray[np.int32]
    bases: npt.NDArray[np.int32]
    end: int


def table(*contexts: str, values: int, questions: int = 1, start: int = 0) -> Table:
    """Return where the states of these contexts lie, for features of so many values and so many states for a combination."""
    names = list(dict.fromkeys(" ".join(contexts).split()))
    strides = np.zeros((len(names), len(contexts)), np.int32)
    bases = [start]
    for c, context in enumerate(contexts):
        stride = questions
        for name in reversed(context.split()):
            strides[names.index(name), c] = stride
            stride *= SIZES.get(name, values)
        bases.append(bases[-1] + stride)
    return Table(strides, np.array(bases[:-1], np.int32), bases[-1])


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
MAGNITUDE = table(
    "inside around beside diagonal",
    "position expected",
    "count neighbours inside diagonal",
    "left above before diagonal",
    "position before",
    "expected earlier before diagonal",
    values=LEVELS,
    questions=8,
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
    "position west north",
    "position mean_west mean_north west",
    "position before agreement strength",
    "position slope rise edge",
    values=3,
    start=MAGNITUDE.end,
)
QUESTIONS = 16  # a number has so many sets of weights, for its decisions
# Where sets of weights start: of numbers by what is expected, and by the diagonal and what is around; of signs by the diagonal
GROUPS = PLANES * np.cumsum([0, (LEVELS + 1) * QUESTIONS, 32 * QUESTIONS, 16])


def untrained_mixer() -> Mixer:
    """Return a mixer that has seen nothing."""
    return fresh_mixer(PLANES * SIGN.end, int(GROUPS[-1]), weight=0.2, rate=32, limit=400)


@inlined
def level(total: int) -> int:
    """Return the level, 0 to 11, of a sum of magnitudes."""
    return int(LEVEL[min(total, 511)])


@inlined
def sign(value: int) -> int:
    """Return 0, 1 or 2: negative, zero, positive."""
    return int(value > 0) - int(value < 0) + 1


@inlined
def lay_out(desk: Desk, table: Table, plane: int, features: tuple[int, ...]) -> None:
    """Slots ← bases + featuresᵀ · strides, in the states of a plane."""
    for c in range(len(table.bases)):
        slot = np.int64(plane * SIGN.end + table.bases[c])
        for f in range(len(table.strides)):
            slot += table.strides[f, c] * features[f]
        desk.slots[c] = desk.seen[c] = slot
