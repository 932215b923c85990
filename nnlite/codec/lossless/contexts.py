"""Contexts as tables that one can read and extend by a line: what they see, and how that becomes a number.

A model has *features*, small or large integers with names, and *contexts*, each a line of such names. A context, whatever it sees,
is hashed; two that hash alike share their states, which costs a little and never breaks anything.

Many features are neighbours of the pixel in question, which have been decoded before. They are named by the way to them: W is the
one to the left (west), N the one above, NE the next one above to the right, WW two to the left.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnlite.jit import inlined

Integers = npt.NDArray[np.int64]

NEIGHBOURS = (
    "W", "N", "NW", "NE", "WW", "NN", "NEE", "NNE", "NWW", "NNW", "WWW", "NNN", "NEEE", "NNWW", "NNEE", "NWWW",
    "NNNW", "NNNE", "NNEEE", "NNWWW", "NNNWW", "NNNEE", "NNNWWW", "NNNEEE",
)  # fmt: skip
MARGIN = 3  # so far are they away at most


def offsets(names: Sequence[str]) -> Integers:
    """Return the way to each neighbour, rows down and columns to the right, shape (names, 2)."""
    return np.array([(name.count("S") - name.count("N"), name.count("E") - name.count("W")) for name in names])


def table(features: Sequence[str], contexts: Sequence[str]) -> Integers:
    """Return the numbers of the features that each context sees, shape (contexts, longest); −1 stands behind the last."""
    rows = [[features.index(name) for name in context.split()] for context in contexts]
    longest = max(map(len, rows))
    return np.array([row + [-1] * (longest - len(row)) for row in rows])


@inlined
def mixed_hash(number: int) -> int:
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
