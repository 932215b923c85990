"""How a number near zero becomes decisions, and how decisions find what is known of them: what all models of this room share.

A residual e, from −255 to 255, is told by few yes-or-no decisions, most of them early:

    e = 0?  |  e < 0?  |  |e| ≥ 2?  |e| ≥ 4?  |e| ≥ 8? …, which gives k, the position of the leading bit  |  the k bits below it

Each decision has a *node*, its place in this tree. Node and what a context sees, hashed together, number a state of the context's
table. A coarser place in the tree, the *step*, and the groups that a model selects number sets of weights.
"""

from nnlite.codec.lossless.contexts import mixed_hash
from nnlite.codec.mixing import Coder, Desk, Mixer, mixed_bit
from nnlite.jit import inlined, jit

STEPS = 16  # zero, sign, 7 thresholds, the first four bits below the leading one
EXPONENTS = 7


@jit
def decide(coder: Coder, bit: int, mixer: Mixer, desk: Desk, node: int, step: int) -> int:
    """Write or read a decision; return it. The desk has seen each context's hash, below 2^31, then the groups of weights."""
    size = len(mixer.states) // len(desk.slots)  # of a context's table, a power of two
    for k in range(len(desk.slots)):
        desk.slots[k] = k * size + (mixed_hash(desk.seen[k] << 10 | node) & (size - 1))
    for k in range(len(desk.sets)):
        desk.sets[k] = desk.seen[len(desk.slots) + k] * STEPS + step
    return mixed_bit(coder, bit, mixer, desk)


@inlined
def code_residual(coder: Coder, residual: int, mixer: Mixer, desk: Desk) -> int:
    """Write or read a residual; return it."""
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
