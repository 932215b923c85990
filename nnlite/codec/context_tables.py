"""Contexts as lines of names, and how decisions find what is known of them: for photographs and lossless pictures alike.

A model has *features*, small or large integers with names, and *contexts*, each a line of such names: a table that one can read and
extend by a line. What a context sees is hashed. Each decision has a *node*, its place in the tree of decisions that tell a number.
Context, hash and node together number a state in one table for all; two that come to the same share their state, which costs a
little and never breaks anything. Eight nodes lie side by side, since who asks for one soon asks for the next: their states are in
the processor's cache by then.

A coarser place in the tree, the *step*, and the groups that a model selects number sets of weights.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, Desk, Mixer, mixed_bit
from nnlite.jit import inlined, jit

Integers = npt.NDArray[np.int64]

STEPS = 16  # sets of weights in a group


def table(features: Sequence[str], contexts: Sequence[str]) -> Integers:
    """Return the numbers of the features that each context sees, shape (contexts, longest); −1 stands behind the last."""
    rows = [[features.index(name) for name in context.split()] for context in contexts]
    longest = max(map(len, rows))
    return np.array([row + [-1] * (longest - len(row)) for row in rows])


@inlined
def hashed(number: int) -> int:
    """Return 40 bits that depend on all bits of a number from 0 to 2^62 − 1. No product overflows: signed ones must not."""
    number = (number & 0x7FFFFFFF) * 0x5851F42D + (number >> 31) * 0x6F4D2C95
    return ((number ^ number >> 31) & 0x7FFFFFFF) * 0x4F1BBCDD >> 22


@inlined
def combine(seen: Integers, features: Integers | tuple[int, ...], contexts: Integers) -> None:
    """Hash for each context of a table the features that it sees, each from 0 to 2^31, to 31 bits."""
    for k in range(len(contexts)):
        total = 0
        for feature in contexts[k]:
            if feature < 0:
                break
            total = (total * 0x2F0B4C47 + features[feature] + 1) & 0x7FFFFFFF
        seen[k] = total


@inlined
def find(mixer: Mixer, desk: Desk, eight: int) -> None:
    """Find the states of eight nodes, of 2^10 such eights. The desk has seen each context's hash, below 2^31."""
    for k in range(len(desk.slots)):
        desk.found[k] = hashed((k << 31 | desk.seen[k]) << 10 | eight) & (len(mixer.states) - 1)


@inlined
def select(desk: Desk, node: int, step: int) -> None:
    """Go to one of the eight states, and to the weights of a step. Behind the hashes the desk has seen the groups of weights."""
    for k in range(len(desk.slots)):
        desk.slots[k] = desk.found[k] ^ node
    for k in range(len(desk.sets)):
        desk.sets[k] = desk.seen[len(desk.slots) + k] * STEPS + step


@jit
def decide(coder: Coder, bit: int, mixer: Mixer, desk: Desk, node: int, step: int) -> int:
    """Write or read a decision of a node, from 0 to 8191; return it. The mixer's states are a power of two."""
    find(mixer, desk, node >> 3)
    select(desk, node & 7, step)
    return mixed_bit(coder, bit, mixer, desk)
