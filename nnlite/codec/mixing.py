"""Context mixing: yes-or-no decisions become bytes, and a neuron that learns while it codes says how probable each yes is.

A decision has n contexts, such as "what were the neighbours' values?". Each context owns a *state*: how probable a yes has been
where the context looked the same, and how often it did. The opinions of n states become one by **logistic regression**:

    s = ln(p / (1 − p))                 stretch, the inverse of the logistic function: one input from each state
    x = Σ_i w_i s_i                     a dense layer of one output
    P(yes) = σ(x) = 1 / (1 + e^(−x))    squash

The decision y, 1 for yes and 0 for no, then costs L = −log P(y) = −y log σ(x) − (1 − y) log(1 − σ(x)), its binary cross-entropy,
and the coder writes that many bits. So the length of the code is the loss, and its gradient is the one of every classifier:

    dL/dx   = σ(x) − y
    dL/dw_i = (σ(x) − y) s_i            w_i ← w_i + rate · (y − σ(x)) s_i

One step of gradient descent follows each decision, in the encoder and in the decoder, who has just learned y: both hold equal
weights for ever, and no weight is ever sent. Weights are *selected*: several sets are kept, a decision names some of them (one by
its kind, one by its surroundings, say) and their sum is the w of the formula; each of them takes the whole step. Mahoney,
"Adaptive weighing of context models for lossless data compression", 2005.

Three details. A state of count c moves its probability by (y − p) / (c + 1.6): at first this is the average of what it saw; later,
when c no longer grows, it forgets. Its input is damped by (c + 0.2) / (c + 1.6), since who has seen little is not to be believed.
At the end a *curve*, that of the first selected set, maps σ(x) to what came true where the neuron said so; the mean of both is
coded.

All is **integers**, so that both sides agree on every machine: probabilities have 16 bits (22 in states), stretched ones 8 bits
behind the point, weights 20. No number reaches 2^62. The tables come from decimal numbers, from no machine's `exp`.

The coder narrows an interval [low, high] of 32-bit numbers: a yes keeps the lower part, whose share is P(yes). It writes the bytes
on which both ends agree, so no carry can happen; the price is some thousandth of a bit, where the ends meet closely around a
boundary of bytes. An encoder keeps the shortest number inside the last interval; the decoder reads zeros behind the end.
"""

from decimal import Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.jit import inlined

NATS = 12  # stretched probabilities are cut off at ± this
REACH = NATS << 8  # the same in their unit, 1/256
UNSEEN = 1 << 31  # a state: its probability in the upper 22 bits, here 1/2, its count in the lower 10
LARGEST_WEIGHT = 16 << 20
INPUTS = 24  # of a set of weights: a fixed number, so that the loops over them become a few vector instructions
CONSTANT = 256  # the input behind those of the contexts, 1
POINTS = 2 * NATS * 2 + 1  # of a curve, one each half nat

Indices = npt.NDArray[np.uint32]  # unsigned: NumPy's negative indices would cost a test each


def logistic_tables() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    """Return squash, 2^16 σ(x / 256) for x from −REACH to REACH, and stretch: of 0 to 2^16 − 1 the least x where squash is that."""
    with localcontext(Context(prec=30)):
        upper = [min(int(65536 / (1 + (Decimal(-x) / 256).exp())), 65536 - 8) for x in range(REACH + 1)]
    squash = np.array([65536 - probability for probability in upper[:0:-1]] + upper, np.int32)
    stretch = np.searchsorted(squash, np.arange(1 << 16)).clip(0, 2 * REACH) - REACH
    return squash, stretch.astype(np.int16)


SQUASH, STRETCH = logistic_tables()
_COUNTS = np.arange(1024)
MOVE = ((10 << 16) // (10 * _COUNTS + 16)).astype(np.int32)  # 1 / (c + 1.6), 16 bits
CONFIDENCE = (256 * (10 * _COUNTS + 2) // (10 * _COUNTS + 16)).astype(np.int32)  # (c + 0.2) / (c + 1.6), 8 bits


class Coder(NamedTuple):
    """A stream that bits are written to or read from; make one with `encoder` or `decoder`.

    Attributes
    ----------
    decoding : bool
        Whether the bits come out of the stream.
    registers : int64 array, shape (4,)
        low, high, the 32 bits read (decoder) and the position in the stream.
    stream : uint8 array, shape (B,)
        The bytes. An encoder counts on behind the end without writing; `is_full` tells, and `finish`.
    """

    decoding: bool
    registers: npt.NDArray[np.int64]
    stream: npt.NDArray[np.uint8]


class Mixer(NamedTuple):
    """What learns, for some decisions of n contexts; make one with `fresh_mixer`.

    Attributes
    ----------
    states : uint32 array, shape (S,)
        A probability of 22 bits, then a count of 10.
    weights : int32 array, shape (sets, INPUTS)
        20 bits behind the point. Those of inputs that are not used do not matter.
    curves : int32 array, shape (sets, POINTS)
        Of each set, used where it is the first: 16-bit probabilities at x = −NATS, −NATS + 1/2, … NATS.
    rate : int
        The learning rate of the weights, in 2^−14, at most 128; 16 to 32 are good. With 0 nothing learns, neither do the states.
    limit : int
        Counts stop here, at most 1023: how long a state remembers.
    """

    states: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.int32]
    curves: npt.NDArray[np.int32]
    rate: int
    limit: int


class Desk(NamedTuple):
    """Room for what a decision sees; make one with `desk`, and fill in slots and sets before each decision.

    Attributes
    ----------
    seen : int64 array, shape (n + k,)
        What the caller sees, in any numbers from which it finds slots and sets; the engine does not look at them.
    found : uint32 array, shape (n,)
        As `seen`; for `nnlite.codec.context_tables`.
    slots : uint32 array, shape (n,)
        The contexts' states, n ≤ INPUTS.
    sets : uint32 array, shape (k,)
        The selected sets of weights, all different.
    inputs : int32 array, shape (INPUTS,)
        The neuron's inputs: those of the n contexts, a constant, whose weight is the neuron's bias, and 0.
    """

    seen: npt.NDArray[np.int64]
    found: Indices
    slots: Indices
    sets: Indices
    inputs: npt.NDArray[np.int32]


@inlined
def desk(contexts: int, sets: int) -> Desk:
    """Return an empty desk."""
    inputs = np.zeros(INPUTS, np.int32)
    inputs[contexts] = CONSTANT
    found, slots = np.zeros((2, contexts), np.uint32)
    return Desk(np.zeros(contexts + sets, np.int64), found, slots, np.zeros(sets, np.uint32), inputs)


def fresh_mixer(states: int, sets: int, *, weight: float, rate: int, limit: int) -> Mixer:
    """Return a mixer that has seen nothing: probabilities 1/2, all weights equal to `weight`, curves that change nothing."""
    identity = SQUASH[:: REACH // (POINTS // 2)]
    weights = np.full((sets, INPUTS), round(weight * 2**20), np.int32)
    return Mixer(np.full(states, UNSEEN, np.uint32), weights, np.tile(identity, (sets, 1)), rate, limit)


def copy_mixer(mixer: Mixer) -> Mixer:
    """Return a mixer that has learned the same, and learns on by itself."""
    return mixer._replace(states=mixer.states.copy(), weights=mixer.weights.copy(), curves=mixer.curves.copy())


def encoder(size: int) -> Coder:
    """Return a coder that writes, with room for `size` bytes."""
    return Coder(False, np.array([0, 2**32 - 1, 0, 0]), np.empty(size, np.uint8))


def decoder(stream: bytes) -> Coder:
    """Return a coder that reads what `finish` returned."""
    first = int.from_bytes(stream[:4].ljust(4, b"\0"), "big")
    return Coder(True, np.array([0, 2**32 - 1, first, 4]), np.array(bytearray(stream), np.uint8))


def finish(coder: Coder) -> bytes | None:
    """Return what an encoder wrote, closed with the shortest number inside the last interval; None if its room was too small."""
    low, _, _, position = (int(register) for register in coder.registers)
    if position > len(coder.stream):
        return None
    last = -(-low >> 24)  # one byte is enough: the ends differ in their first, so low ≤ last · 2^24 ≤ high
    return (coder.stream[:position].tobytes() + bytes([last])).rstrip(b"\0")


@inlined
def is_full(coder: Coder) -> bool:
    """Return whether an encoder's room has been too small: whatever follows is in vain."""
    return not coder.decoding and int(coder.registers[3]) > len(coder.stream)


@inlined
def code_bit(coder: Coder, bit: int, probability: int) -> int:
    """Write or read one bit, 1 being probable by `probability` / 2^16, from 1 to 2^16 − 1; return it. A decoder ignores `bit`."""
    registers, stream = coder.registers, coder.stream
    low, high = registers[0], registers[1]
    middle = low + ((high - low) * probability >> 16)  # low ≤ middle < high
    if coder.decoding:
        bit = 1 if registers[2] <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) >> 24 == 0:
        position = registers[3]
        if coder.decoding:
            registers[2] = (registers[2] << 8 & 0xFFFFFFFF) | (stream[position] if position < len(stream) else 0)
        elif position < len(stream):
            stream[position] = low >> 24
        registers[3] = position + 1
        low = low << 8 & 0xFFFFFFFF
        high = (high << 8 & 0xFFFFFFFF) | 255
    registers[0], registers[1] = low, high
    return bit


@inlined
def learn(states: npt.NDArray[np.uint32], slot: int, bit: int, limit: int) -> None:
    """p ← p + (bit − p) / (c + 1.6), c ← min(c + 1, limit)."""
    state = np.int64(states[slot])
    count = state & 1023
    probability = state >> 10
    probability += ((bit << 22) - bit - probability) * MOVE[count] >> 16
    states[slot] = probability << 10 | min(count + 1, limit)


@inlined
def mix(mixer: Mixer, desk: Desk) -> int:
    """Return x = Σ_i w_i s_i in 1/256, w being the sum of the selected sets, and leave s in the desk's inputs."""
    for i in range(len(desk.slots)):
        state = mixer.states[desk.slots[i]]
        desk.inputs[i] = STRETCH[state >> 16] * CONFIDENCE[state & 1023] >> 8
    total = np.int64(0)
    for selected in desk.sets:
        for i in range(INPUTS):
            total += np.int64(mixer.weights[selected, i]) * desk.inputs[i]
    return int(min(max(total >> 20, -REACH), REACH))


@inlined
def mixed_bit(coder: Coder, bit: int, mixer: Mixer, desk: Desk) -> int:
    """Write or read one decision, 0 or 1, by what the desk sees, and let the mixer learn from it; return it."""
    x = mix(mixer, desk)
    mixed = np.int64(SQUASH[x + REACH])
    curves, first = mixer.curves, desk.sets[0]
    point, part = (x + REACH) >> 7, (x + REACH) & 127
    refined = curves[first, point] * (128 - part) + curves[first, min(point + 1, POINTS - 1)] * part >> 7
    bit = code_bit(coder, bit, min(max((mixed + refined) >> 1, 8), 65536 - 8))
    if mixer.rate:
        point += part >> 6  # the nearer one learns
        curves[first, point] += ((bit << 16) - bit - curves[first, point]) >> 6
        error = ((bit << 16) - mixed) * mixer.rate >> 4
        for selected in desk.sets:
            for i in range(INPUTS):
                weight = np.int32(mixer.weights[selected, i] + (np.int32(error * desk.inputs[i] + (1 << 13)) >> 14))
                mixer.weights[selected, i] = min(max(weight, np.int32(-LARGEST_WEIGHT)), np.int32(LARGEST_WEIGHT))
        for i in range(len(desk.slots)):
            learn(mixer.states, desk.slots[i], bit, mixer.limit)
    return bit
