"""What the probability of a coefficient depends on: the tables of contexts, which are meant to be played with.

Three kinds of things are coded for each block of 8 × 8: the *magnitudes* of its coefficients, their *signs*, and whether there are
*more* than its mean. For each kind there is a list of **features**, small integers that the coder computes (in `coefficients`), and
a list of **contexts**, each a choice of features. A context owns a state for every combination of their values. To try another one,
add a line and train the model anew: nothing else knows how many there are.

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
LEVEL = np.searchsorted([1, 2, 3, 4, 5, 7, 10, 15, 24, 40, 80], np.arange(256), side="right").astype(np.int32)  # of a sum
MAGNITUDE_CLASS = np.array([0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7], np.int32)  # questions that share their states

# Magnitudes. Sums of neighbours come in 12 levels. "Before" is the plane coded before, at the same place.
MAGNITUDE_FEATURES = {
    "position": 64,  # 8 u + v: vertical frequency u, horizontal frequency v
    "diagonal": 15,  # u + v
    "inside": LEVELS,  # in this block: what lies left, above and diagonally, near ones twice
    "around": LEVELS,  # the same position in the blocks west and north (twice), north-west and north-east
    "beside": LEVELS,  # the four positions next to it in the blocks west and north
    "left": LEVELS,  # left in this block, and west
    "above": LEVELS,  # above in this block, and north
    "expected": LEVELS,  # a mean of inside, around and beside
    "before": LEVELS,  # the plane before: the same position (twice), the next right and below
    "earlier": LEVELS,  # the same in the plane before that
    "count": LEVELS,  # coefficients other than 0 up to here
    "neighbours": LEVELS,  # coefficients other than 0 in the blocks west and north
}
MAGNITUDE_CONTEXTS = (
    ("inside", "around", "beside", "diagonal"),
    ("position", "expected"),
    ("count", "neighbours", "inside", "diagonal"),
    ("left", "above", "before", "diagonal"),
    ("position", "before"),
    ("expected", "earlier", "before", "diagonal"),
)

# Signs. A feature is 0, 1 or 2: negative, zero, positive.
SIGN_FEATURES = {
    "position": 64,
    "west": 3,  # the same position in the block west
    "north": 3,
    "mean west": 3,  # this block's mean less the one of the block west
    "mean north": 3,
    "before": 3,  # the same position in the plane before
    "agreement": 3,  # have this plane and the plane before had the same sign here, west and north?
    "strength": 3,  # |before|, at most 2
    "slope": 3,  # this block's first horizontal frequency
    "rise": 3,  # and its first vertical one
    "edge": 3,  # "mean west" if the function changes its sign from left to right, else "mean north"
}
SIGN_CONTEXTS = (
    ("position", "west", "north"),
    ("position", "mean west", "mean north", "west"),
    ("position", "before", "agreement", "strength"),
    ("position", "slope", "rise", "edge"),
)

# More: are there coefficients other than 0 besides the mean? The first four features count those of other blocks.
MORE_FEATURES = {
    "west": LEVELS,
    "north": LEVELS,
    "corners": LEVELS,  # north-west and north-east
    "before": LEVELS,  # this block in the plane before
    "step": LEVELS,  # how much the mean differs from its prediction
}
MORE_CONTEXTS = (
    ("west", "north"),
    ("before", "step"),
    ("west", "north", "step"),
    ("north", "corners", "before"),
)


@inlined
def level(total: int) -> int:
    """Return the level, 0 to 11, of a sum of magnitudes."""
    return int(LEVEL[min(total, 255)])


class Table(NamedTuple):
    """Where the states of a list of contexts lie: strides (features, contexts), bases (contexts,), and how many there are."""

    strides: npt.NDArray[np.int32]
    bases: npt.NDArray[np.int32]
    states: int


def layout(features: dict[str, int], contexts: tuple[tuple[str, ...], ...], inner: int) -> Table:
    """Return the table of these contexts; `inner` states belong to a combination."""
    names = list(features)
    strides = np.zeros((len(features), len(contexts)), np.int32)
    bases = np.zeros(len(contexts), np.int32)
    total = 0
    for c, context in enumerate(contexts):
        bases[c] = total
        stride = inner
        for name in reversed(context):
            strides[names.index(name), c] = stride
            stride *= features[name]
        total += stride
    return Table(strides, bases, total)


MAGNITUDE = layout(MAGNITUDE_FEATURES, MAGNITUDE_CONTEXTS, 8)
SIGN = layout(SIGN_FEATURES, SIGN_CONTEXTS, 1)
MORE = layout(MORE_FEATURES, MORE_CONTEXTS, 1)
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
def desk_for(table: Table, sets: int) -> Desk:
    """Return an empty desk whose `seen` has room for the features."""
    return desk(len(table.strides), len(table.bases), sets)


@inlined
def lay_out(desk: Desk, table: Table) -> None:
    """Slots ← bases + seenᵀ · strides."""
    for c in range(len(table.bases)):
        desk.slots[c] = table.bases[c]
    for f in range(len(table.strides)):
        for c in range(len(table.bases)):
            desk.slots[c] += table.strides[f, c] * desk.seen[f]
