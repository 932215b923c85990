"""Integers to decisions and back: how a number of a coefficient is taken apart for the mixer, and which number an encoder chooses.

A number is coded as the decisions "> 0?", "> 1?" and so on, up to the first no; behind 13 its rest follows in an exponential Golomb
code. Where the neighbours are large, the number is halved until few decisions are enough, and the bits cut off follow.

An encoder may also *choose*. A coefficient f, in steps, may become any integer a near it, at a price of the error (f − a)² and of
the bits that the mixer, as it stands, asks for a: the least (f − a)² + λ · bits wins ("rate–distortion optimised quantisation").
"""

import numpy as np

from nnlite.codec.mixing import REACH, SQUASH, Coder, Desk, Mixer, code_bit, mix, mixed_bit, state_bit
from nnlite.codec.photographs.contexts import ESCAPE_STATES, LARGEST, MAGNITUDE, MAGNITUDE_CLASS, MORE, SETTING_BITS
from nnlite.jit import inlined, jit

MAX_VALUE = 32767  # of a quantised coefficient
COST = -np.log2((np.arange(1, 65537) - 0.5) / 65536)  # of a decision, in bits


@inlined
def ask(desk: Desk, question: int) -> None:
    """Go to the states and weights of a number's decision "> question?"."""
    contexts = len(desk.slots)
    for c in range(contexts):
        desk.slots[c] = desk.seen[c] + MAGNITUDE_CLASS[question]
    for j in range(len(desk.sets)):
        desk.sets[j] = desk.seen[contexts + j] + question


@inlined
def choose(size: float, price: float, mixer: Mixer, desk: Desk) -> int:
    """Return the integer a of 0, n − 1 and n = round(size) that costs least; price: λ, a bit's in squared steps."""
    nearest = int(size + 0.5)
    if nearest == 0 or nearest >= LARGEST:
        return nearest
    best, least, bits = 0, np.inf, 0.0
    for a in range(nearest + 1):
        ask(desk, a)
        yes = SQUASH[mix(mixer, desk) + REACH]
        total = (size - a) ** 2 + price * (bits + COST[65535 - yes] + (a > 0))
        if total < least and (a == 0 or a >= nearest - 1):
            best, least = a, total
        bits += COST[yes]
    return best


@inlined
def code_magnitude(coder: Coder, number: int, mixer: Mixer, desk: Desk, curve: int, shift: int, mean: bool) -> int:
    """Write or read a magnitude whose last `shift` bits are cut off and follow behind; return it."""
    high = 0
    ask(desk, 0)
    while high < LARGEST and mixed_bit(coder, number >> shift > high, mixer, desk, curve + high):
        high += 1
        ask(desk, high)
    if high == LARGEST:  # Golomb: how many bits the rest has, with states of their own, then the bits behind the first
        rest, bits, result = (number >> shift) - LARGEST + 1, 0, 1
        slot = MAGNITUDE.states + (0 if mean else ESCAPE_STATES)
        while bits < ESCAPE_STATES - 8 and state_bit(coder, rest >> (bits + 1) > 0, mixer, slot + bits):
            bits += 1
        for k in range(bits - 1, -1, -1):
            result = 2 * result + code_bit(coder, (rest >> k) & 1, 32768)
        high += result - 1
    result = high
    for bit in range(shift - 1, -1, -1):
        slot = MAGNITUDE.states + 2 * ESCAPE_STATES + 4 * min(shift - 1 - bit, 3) + min(high, 3)
        result = 2 * result + state_bit(coder, (number >> bit) & 1, mixer, slot)
    return min(result, 2 * MAX_VALUE)  # a stream of nonsense could say more


@jit
def code_setting(coder: Coder, number: int, mixer: Mixer, kind: int) -> int:
    """Write or read a number of SETTING_BITS bits, each with a state for the bits before it."""
    node = 1
    for k in range(SETTING_BITS - 1, -1, -1):
        node = 2 * node + state_bit(coder, (number >> k) & 1, mixer, MORE.states + (kind << SETTING_BITS) + node)
    return node - (1 << SETTING_BITS)
