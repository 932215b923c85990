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
def ask_next(desk: Desk, asked: int, back: int) -> None:
    """Go from decision `asked` of a number to the next one, and from there `back` decisions back."""
    to = asked + 1 - back
    for c in range(len(desk.slots)):
        desk.slots[c] += MAGNITUDE_CLASS[to] - MAGNITUDE_CLASS[asked]
    for j in range(len(desk.sets)):
        desk.sets[j] = desk.sets[j] + to - asked  # never below 0 on the way, as unsigned numbers must be


@inlined
def unary(coder: Coder, number: int, mixer: Mixer, desk: Desk, curve: int) -> int:
    """Write or read a number from 0 to LARGEST, as the decisions "> 0?", "> 1?", …; return it."""
    asked = 0
    while asked < LARGEST and mixed_bit(coder, number > asked, mixer, desk, curve + asked):
        ask_next(desk, asked, 0)
        asked += 1
    return asked


@inlined
def choose(coefficient: float, price: float, mixer: Mixer, desk: Desk) -> int:
    """Return the integer a of 0, n − 1 and n = round(|coefficient|) that costs least; price: λ, a bit's in squared steps."""
    size = abs(coefficient)
    nearest = int(size + 0.5)
    if nearest == 0 or nearest >= LARGEST:
        return nearest
    best, least, bits = 0, np.inf, 0.0
    for a in range(nearest + 1):
        yes = SQUASH[mix(mixer, desk) + REACH]
        if a == 0 or a >= nearest - 1:
            total = (size - a) ** 2 + price * (bits + COST[65535 - yes] + (a > 0))
            if total < least:
                best, least = a, total
        bits += COST[yes]
        ask_next(desk, a, 0)
    ask_next(desk, nearest + 1, nearest + 2)
    return best


@inlined
def golomb(coder: Coder, number: int, mixer: Mixer, slot: int) -> int:
    """Write or read a number ≥ 1: how many bits it has, with states of their own, then the bits behind the first."""
    length = 0
    if not coder.decoding:
        while number >> (length + 1):
            length += 1
    bits = 0
    while bits < ESCAPE_STATES - 8 and state_bit(coder, length > bits, mixer, slot + bits):
        bits += 1
    result = 1
    for k in range(bits - 1, -1, -1):
        result = 2 * result + code_bit(coder, (number >> k) & 1, 32768)
    return result


@inlined
def code_magnitude(coder: Coder, number: int, mixer: Mixer, desk: Desk, curve: int, shift: int, mean: bool) -> int:
    """Write or read a magnitude whose last `shift` bits are cut off and follow behind; return it."""
    high = unary(coder, min(number >> shift, LARGEST), mixer, desk, curve)
    if high == LARGEST:
        slot = MAGNITUDE.states + (0 if mean else ESCAPE_STATES)
        high += golomb(coder, (number >> shift) - LARGEST + 1, mixer, slot) - 1
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
