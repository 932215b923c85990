"""How a number near zero becomes decisions, and how contexts find their states: what all models of this room share.

A residual e, from −255 to 255, is told by few yes-or-no decisions, most of them early:

    e = 0?  |  e < 0?  |  |e| ≥ 2?  |e| ≥ 4?  |e| ≥ 8? …, which gives k, the position of the leading bit  |  the k bits below it

Each decision has a *node*, its place in this tree. A context, whatever it sees, is hashed to the row of its table where its nodes'
states stand side by side; two contexts that hash alike share a row, which costs a little and never breaks anything.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, Indices, Inputs, Mixer, mixed_bit
from nnlite.jit import inlined, jit

ROW = 16  # states: zero, sign, and 7 thresholds for either sign
STEPS = 16  # of sets of weights and curves: zero, sign, 7 thresholds, the first four bits below the leading one
EXPONENTS = 7


@inlined
def mixed_hash(number: int) -> int:
    """Return 40 bits that depend on all bits of a number from 0 to 2^62 − 1. No product overflows: signed ones must not."""
    number = (number & 0x7FFFFFFF) * 0x5851F42D + (number >> 31) * 0x6F4D2C95
    return ((number ^ number >> 31) & 0x7FFFFFFF) * 0x4F1BBCDD >> 22


@inlined
def find_rows(contexts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], size: int) -> None:
    """Set `rows[k]` to the first state of context k's row in its table, one of `size` states, a power of two."""
    for k in range(len(contexts)):
        rows[k] = k * size + (mixed_hash(contexts[k]) & (size - 1) & -ROW)


@jit
def decide(
    coder: Coder,
    bit: int,
    mixer: Mixer,
    rows: npt.NDArray[np.int64],  # (n,)
    node: int,
    groups: npt.NDArray[np.int64],  # (3,), the groups of sets of weights that are selected
    step: int,
    slots: Indices,  # (n,), room
    inputs: Inputs,  # (INPUTS,), room
    sets: Indices,  # (3,), room
) -> int:
    """Write or read one decision; return it."""
    for k in range(len(rows)):
        slots[k] = rows[k] + node
    for k in range(len(groups)):
        sets[k] = groups[k] * STEPS + step
    return mixed_bit(coder, bit, mixer, slots, inputs, sets, np.int64(sets[0]))


@inlined
def code_residual(
    coder: Coder,
    residual: int,
    mixer: Mixer,
    rows: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    slots: Indices,
    inputs: Inputs,
    sets: Indices,
) -> int:
    """Write or read a residual; return it. The arguments are those of `decide`."""
    if decide(coder, 1 if residual == 0 else 0, mixer, rows, 0, groups, 0, slots, inputs, sets):
        return 0
    size = abs(residual)
    negative = decide(coder, 1 if residual < 0 else 0, mixer, rows, 1, groups, 1, slots, inputs, sets)
    k = 0
    while k < EXPONENTS and decide(
        coder, 1 if size >= 2 << k else 0, mixer, rows, 2 + 2 * k + negative, groups, 2 + k, slots, inputs, sets
    ):
        k += 1
    decoded = 1
    if k > 0:
        span = len(mixer.states) // len(rows)
        for z in range(len(rows)):  # the bits below the leading one have a row for each k
            rows[z] = z * span + (mixed_hash(rows[z] << 4 | 2 * (k - 1) + negative) & (span - 1) & -ROW)
        for j in range(k - 1, -1, -1):
            below = k - 1 - j
            node = decoded & ROW - 1 if below < 4 else (8 + below) & ROW - 1
            decoded = 2 * decoded + decide(coder, size >> j & 1, mixer, rows, node, groups, 9 + min(below, 3), slots, inputs, sets)
    return -decoded if negative else decoded
