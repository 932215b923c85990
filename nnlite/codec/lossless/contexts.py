"""How pictures become decisions, and how decisions find what is known of them: what both models of this room share.

A model has *features*, small or large integers with names, and *contexts*, each a line of such names: a table that one can read and
extend by a line. Many features are neighbours of the pixel in question, which have been decoded before. They are named by the way
to them: W is the one to the left (west), N the one above, NE the next one above to the right, WW two to the left.

What a context sees is hashed. Each decision has a *node*, its place in the tree of decisions that tell a pixel. Node and hash,
hashed together, number a state of the context's table; two that hash alike share their states, which costs a little and never
breaks anything. A coarser place in the tree, the *step*, and the groups that a model selects number sets of weights.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, Desk, Mixer, fresh_mixer, mixed_bit
from nnlite.jit import inlined, jit

Integers = npt.NDArray[np.int64]

NEIGHBOURS = (
    "W", "N", "NW", "NE", "WW", "NN", "NEE", "NNE", "NWW", "NNW", "WWW", "NNN", "NEEE", "NNWW", "NNEE", "NWWW",
)  # fmt: skip
MARGIN = 3  # so far are they away at most
STEPS = 16  # zero, sign, 7 thresholds, the first four bits below the leading one
EXPONENTS = 7


def offsets(names: Sequence[str]) -> Integers:
    """Return the way to each neighbour, rows down and columns to the right, shape (names, 2)."""
    return np.array([(name.count("S") - name.count("N"), name.count("E") - name.count("W")) for name in names])


def table(features: Sequence[str], contexts: Sequence[str]) -> Integers:
    """Return the numbers of the features that each context sees, shape (contexts, longest); −1 stands behind the last."""
    rows = [[features.index(name) for name in context.split()] for context in contexts]
    longest = max(map(len, rows))
    return np.array([row + [-1] * (longest - len(row)) for row in rows])


def fresh_model(contexts: int, bits: int, groups: int, *, weight: float, rate: int, limit: int) -> Mixer:
    """Return a mixer that has seen nothing, with 2^bits states a context; weight, rate and limit are those of `fresh_mixer`."""
    return fresh_mixer(contexts << bits, groups * STEPS, weight=weight, rate=rate, limit=limit)


@inlined
def hashed(number: int) -> int:
    """Return 40 bits that depend on all bits of a number from 0 to 2^62 − 1. No product overflows: signed ones must not."""
    number = (number & 0x7FFFFFFF) * 0x5851F42D + (number >> 31) * 0x6F4D2C95
    return ((number ^ number >> 31) & 0x7FFFFFFF) * 0x4F1BBCDD >> 22


@inlined
def combine(seen: Integers, features: Integers, contexts: Integers) -> None:
    """Hash for each context of a table the features that it sees, each from 0 to 2^31, to 31 bits."""
    for k in range(len(contexts)):
        total = 0
        for feature in contexts[k]:
            if feature < 0:
                break
            total = (total * 0x2F0B4C47 + features[feature] + 1) & 0x7FFFFFFF
        seen[k] = total


@jit
def decide(coder: Coder, bit: int, mixer: Mixer, desk: Desk, node: int, step: int) -> int:
    """Write or read a decision; return it. The desk has seen each context's hash, below 2^31, then the groups of weights."""
    size = len(mixer.states) // len(desk.slots)  # of a context's table, a power of two
    for k in range(len(desk.slots)):
        desk.slots[k] = k * size + (hashed(desk.seen[k] << 10 | node) & (size - 1))
    for k in range(len(desk.sets)):
        desk.sets[k] = desk.seen[len(desk.slots) + k] * STEPS + step
    return mixed_bit(coder, bit, mixer, desk)


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
    while k < EXPONENTS and decide(coder, int(magnitude >= 2 << k), mixer, desk, 2 + 2 * k + negative, 2 + k):
        k += 1
    decoded = 1
    for j in range(k - 1, -1, -1):
        below = k - 1 - j
        node = (2 * k + negative) * 16 + (decoded if below < 4 else 8 + below) % 16
        decoded = 2 * decoded + decide(coder, magnitude >> j & 1, mixer, desk, node, 9 + min(below, 3))
    return -decoded if negative else decoded
