"""What the probability of a coefficient depends on: the tables of contexts, which are meant to be played with.

Three kinds of things are coded for each block of 8 × 8: the *magnitudes* of its coefficients, their *signs*, and whether there are
*more* than its mean. For each kind there is a table of **contexts**. A context is a choice of **features**, small integers that
`coefficients` computes in the order in which the table first names them. It owns a state for every combination of their values. To
try another one, add a line and train the model anew: nothing else knows how many there are.

The states of a combination lie at base + Σ stride · feature: the contexts of a decision are one product of an integer matrix and
the vector of features.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Desk, Mixer, desk, fresh_mixer
from nnlite.jit import inlined

LARGEST = 14  # a number is coded as "> 0?", "> 1?", … "> 13?"; behind that follow plain bits
LEVELS = 12
LEVEL = np.searchsorted([1, 2, 3, 4, 5, 7, 10, 15, 24, 40, 80], np.arange(256), side="right")  # of a sum
MAGNITUDE_CLASS = np.array([0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7], np.int32)  # questions that share their states
SIZES = {"position": 64, "diagonal": 15}  # how many values these features have; those of the others are as many as the table says


class Table(NamedTuple):
    """Where the states of a list of contexts lie: strides (features, contexts), bases (contexts,), and how many there are."""

    strides: npt.NDArray[np.int32]
    bases: npt.NDArray[np.int32]
    states: int


def table(*contexts: str, values: int, questions: int = 1) -> Table:
    """Return where the states of these contexts lie, for features of so many values and so many states for a combination."""
    names = list(dict.fromkeys(" ".join(contexts).split()))
    strides = np.zeros((len(names), len(contexts)), np.int32)
    bases = [0]
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
)
# More: are there coefficients other than 0 besides the mean? How many there are elsewhere, in 12 levels.
#   west, north  in the blocks there
#   corners      in the blocks north-west and north-east
#   before       in this block in the plane before
#   step         how much the mean differs from its prediction
MORE = table(
    "west north",
    "before step",
    "west north step",
    "north corners before",
    values=LEVELS,
)
ESCAPE_STATES, LOW_STATES = 24, 16  # behind those: for Golomb codes (of means, of others) and for bits cut off
SETTING_BITS = 4  # of the numbers that are sent for a plane
GROUP = 16  # sets of weights, or curves, for the decisions of one number
RATE, LIMIT = 32, 400


class PlaneMixers(NamedTuple):
    """What learns while one plane is coded."""

    magnitude: Mixer
    sign: Mixer
    more: Mixer


def fresh_mixers() -> PlaneMixers:
    """Return the mixers of a plane that have seen nothing."""
    states = MAGNITUDE.states + 2 * ESCAPE_STATES + LOW_STATES
    return PlaneMixers(
        fresh_mixer(states, (30 + LEVELS) * GROUP, 32 * GROUP, weight=0.2, rate=RATE, limit=LIMIT),
        fresh_mixer(SIGN.states, 15, 1, weight=0.3, rate=RATE, limit=LIMIT),
        fresh_mixer(MORE.states + (3 << SETTING_BITS), 1, 1, weight=0.3, rate=RATE, limit=LIMIT),
    )


@inlined
def level(total: int) -> int:
    """Return the level, 0 to 11, of a sum of magnitudes."""
    return int(LEVEL[min(total, 255)])


@inlined
def sign(value: int) -> int:
    """Return 0, 1 or 2: negative, zero, positive."""
    return int(value > 0) - int(value < 0) + 1


@inlined
def desk_for(table: Table, sets: int) -> Desk:
    """Return an empty desk; its `seen` has room for the slots and sets of a decision's first question."""
    return desk(len(table.bases) + sets, len(table.bases), sets)


@inlined
def lay_out(desk: Desk, table: Table, features: tuple[int, ...]) -> None:
    """Slots ← bases + featuresᵀ · strides."""
    for c in range(len(table.bases)):
        slot = np.int64(table.bases[c])
        for f in range(len(table.strides)):
            slot += table.strides[f, c] * features[f]
        desk.slots[c] = desk.seen[c] = slot
