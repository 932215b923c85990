"""How a number near zero becomes decisions, and how contexts find their states: what all models of this room share.

A residual e, from −255 to 255, is told by few yes-or-no decisions, most of them early:

    e = 0?  |  e < 0?  |  |e| ≥ 2?  |e| ≥ 4?  |e| ≥ 8? …, which gives k, the position of the leading bit  |  the k bits below it

Each decision has a *node*, its place in this tree. A context, whatever it sees, is hashed to the row of its table where its nodes'
states stand side by side; two contexts that hash alike share a row, which costs a little and never breaks anything.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, Desk, Mixer, desk, mixed_bit
from nnlite.jit import inlined, jit

ROW = 16  # states: zero, sign, and 7 thresholds for either sign
STEPS = 16  # of sets of weights and curves: zero, sign, 7 thresholds, the first four bits below the leading one
EXPONENTS = 7

Integers = npt.NDArray[np.int64]


class Sight(NamedTuple):
    """What a residual sees: the desk, whose `seen` holds what each context sees; their rows; the selected groups of weights."""

    desk: Desk
    rows: Integers
    groups: Integers


@inlined
def sight(contexts: int, groups: int) -> Sight:
    """Return an empty sight; a constant is one more input."""
    return Sight(desk(contexts, contexts, groups, 256), np.zeros(contexts, np.int64), np.zeros(groups, np.int64))


@inlined
def mixed_hash(number: int) -> int:
    """Return 40 bits that depend on all bits of a number from 0 to 2^62 − 1. No product overflows: signed ones must not."""
    number = (number & 0x7FFFFFFF) * 0x5851F42D + (number >> 31) * 0x6F4D2C95
    return ((number ^ number >> 31) & 0x7FFFFFFF) * 0x4F1BBCDD >> 22


@inlined
def find_rows(sight: Sight, size: int) -> None:
    """Find the first state of each context's row in its table, one of `size` states, a power of two."""
    for k in range(len(sight.rows)):
        sight.rows[k] = k * size + (mixed_hash(sight.desk.seen[k]) & (size - 1) & -ROW)


@jit
def decide(coder: Coder, bit: int, mixer: Mixer, sight: Sight, node: int, step: int) -> int:
    """Write or read one decision; return it."""
    desk = sight.desk
    for k in range(len(desk.slots)):
        desk.slots[k] = sight.rows[k] + node
    for k in range(len(desk.sets)):
        desk.sets[k] = sight.groups[k] * STEPS + step
    return mixed_bit(coder, bit, mixer, desk, np.int64(desk.sets[0]))


@inlined
def code_residual(coder: Coder, residual: int, mixer: Mixer, sight: Sight) -> int:
    """Write or read a residual; return it."""
    size = len(mixer.states) // len(sight.rows)
    find_rows(sight, size)
    if decide(coder, int(residual == 0), mixer, sight, 0, 0):
        return 0
    magnitude = abs(residual)
    negative = decide(coder, int(residual < 0), mixer, sight, 1, 1)
    k = 0
    while k < EXPONENTS and decide(coder, int(magnitude >= 2 << k), mixer, sight, 2 + 2 * k + negative, 2 + k):
        k += 1
    decoded = 1
    if k > 0:  # the bits below the leading one have a row for each k
        for z in range(len(sight.rows)):
            sight.desk.seen[z] = sight.rows[z] << 4 | 2 * (k - 1) + negative
        find_rows(sight, size)
        for j in range(k - 1, -1, -1):
            below = k - 1 - j
            node = (decoded if below < 4 else 8 + below) & ROW - 1
            decoded = 2 * decoded + decide(coder, magnitude >> j & 1, mixer, sight, node, 9 + min(below, 3))
    return -decoded if negative else decoded
