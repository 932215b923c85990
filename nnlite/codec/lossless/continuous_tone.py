"""Photographs without loss: predict each sample from its decoded neighbours, then code how far the prediction was off.

A picture is its planes, one after the other: green, red, blue, or grey alone. A later plane sees the earlier ones whole.

1. *Predictions.* Simple rules, and neurons that solve least squares while they go, one forgetting fast and one slowly.
2. *Blend.* The predictions' mean, each weighted by 1 / e⁴, e being how far it was off around here.
3. *Contexts.* What tells size and sign of the residual; `see` is the table of them.
4. *Residual.* A few decisions, see `nnlite.codec.lossless.residuals`.

The neighbours are named by where they stand: W to the left (west), N above, NW above to the left, WW two to the left. Predictions
are in eighths of a grey level. Meyer and Tischer, "TMW: a new method for lossless image compression", 1997, and the programs of the
paq family work alike.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.least_squares import COLUMN, COLUMNS, Neuron, follow, fresh_neuron, predict
from nnlite.codec.lossless.residuals import STEPS, Integers, code_residual, sight
from nnlite.codec.mixing import Coder, Inputs, Mixer, fresh_mixer, is_full
from nnlite.jit import inlined, jit

Planes = npt.NDArray[np.int16]  # (planes, TOP + height + BOTTOM, SIDE + width + SIDE)

# Neighbours that the neurons see, (rows down, columns to the right): in the plane itself, in the one before, in the one before it.
OWN = np.array([(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-2, 1), (-1, -2), (-2, -1), (0, -3), (-3, 0),
                (-1, 3), (-2, -2), (-2, 2), (-1, -3)])  # fmt: skip
BEFORE = np.array([(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1), (0, -2), (0, 2), (2, 0)])
EARLIER = BEFORE[:9]
NEIGHBOURS = len(OWN) + len(BEFORE) + len(EARLIER)
TOP, BOTTOM, SIDE = 3, 2, 4  # margins, so that every neighbour exists

RULES = 6
MEMORIES = (7, 10)  # of the neurons
PREDICTIONS = RULES + len(MEMORIES)
CONTEXTS = 15
GROUPS = (48, 16, 8)  # of sets of weights: by plane and errors nearby, by texture, by the fraction of the prediction
TABLE_BITS = 20  # at most so many bits number the states of a context
SMALL = 32  # rows: pictures of no more come in batches and are alike, so that the place in the picture tells something

SIZE_CLASS = np.searchsorted([1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 120, 200], np.arange(1024), "right")  # 0 to 15
STEP_CLASS = 8 + np.sign(np.arange(-512, 512)) * np.searchsorted(
    [1, 2, 3, 5, 8, 13, 22, 40], np.abs(np.arange(-512, 512)), "right"
)  # 0 to 16


class ContinuousTone(NamedTuple):
    """What learns while pictures are coded.

    Attributes
    ----------
    mixer : Mixer
        Of the residuals' decisions.
    neurons : tuple of Neuron
        One for each of MEMORIES.
    """

    mixer: Mixer
    neurons: tuple[Neuron, ...]


def fresh_continuous_tone(planes: int, width: int, samples: int) -> ContinuousTone:
    """Return what has learned nothing, for pictures of so many planes, columns, and samples in all."""
    bits = min(max(samples.bit_length() + 1, 12), TABLE_BITS)
    columns = min(-(-width // COLUMN), COLUMNS)
    sets = sum(GROUPS) * STEPS
    mixer = fresh_mixer(CONTEXTS << bits, sets, sets, weight=0.22 / 3, rate=30, limit=250)
    return ContinuousTone(mixer, tuple(fresh_neuron(columns, planes, NEIGHBOURS, memory) for memory in MEMORIES))


@inlined
def size_class(size: int) -> int:
    """Return 0 to 15 for a sum of sizes."""
    return int(SIZE_CLASS[min(size, 1023)])


@inlined
def step_class(step: int) -> int:
    """Return 0 to 16 for a difference between −512 and 511; 8 stands for none."""
    return int(STEP_CLASS[step + 512])


def code_picture(coder: Coder, model: ContinuousTone, picture: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `picture`) one picture (planes, height, width)."""
    planes, height, width = picture.shape
    values = np.full((planes, TOP + height + BOTTOM, SIDE + width + SIDE), 128, np.int16)
    residuals = np.zeros(values.shape, np.int16)
    for plane in range(planes):
        code_plane(coder, model, picture[plane], values, residuals, plane)


@jit
def code_plane(
    coder: Coder, model: ContinuousTone, picture: npt.NDArray[np.uint8], values: Planes, residuals: Planes, plane: int
) -> None:
    """Write or read one plane of a picture; the planes before are in `values` and `residuals`."""
    height, width = picture.shape
    own = values[plane]
    mixer, neurons = model
    p, errors = np.zeros(PREDICTIONS, np.int64), np.zeros((PREDICTIONS, 2, SIDE + width + SIDE), np.int64)
    x = np.zeros(NEIGHBOURS, np.int32)
    here = sight(CONTEXTS, len(GROUPS))
    column_width = max(COLUMN, -(-width // COLUMNS))
    for i in range(TOP, TOP + height):
        if is_full(coder):
            return
        own[i, :SIDE] = own[i - 1, SIDE]
        own[i - 1, SIDE + width :] = own[i - 1, SIDE + width - 1]
        for j in range(SIDE, SIDE + width):
            if i == TOP:
                own[:TOP, j - 1 : j + SIDE] = own[i, j - 1]  # above the first row stands what was decoded last
            base = (int(own[i, j - 1]) + own[i - 1, j]) >> 1
            n = gather(x, values, plane, i, j, base)
            column = (j - SIDE) // column_width
            apply_rules(p, values, plane, i, j, base)
            for k in range(len(MEMORIES)):
                p[RULES + k] = 8 * base + predict(neurons[k].weights[column, plane], x, n)
            blended = blend(p, errors, i & 1, j) if i > TOP or j > SIDE else 8 * 128
            guess = (blended + 4) >> 3
            see(here.desk.seen, here.groups, values, residuals, p, plane, i, j, blended)
            if height <= SMALL:
                here.desk.seen[10] = (i * SMALL + j) * 2 + (guess > 0)
            residual = code_residual(coder, np.int64(picture[i - TOP, j - SIDE]) - guess, mixer, here)
            value = min(max(guess + residual, 0), 255)  # it is; but a damaged stream must do no harm
            picture[i - TOP, j - SIDE] = value
            own[i, j] = value
            residuals[plane, i, j] = residual
            for k in range(PREDICTIONS):
                errors[k, i & 1, j] = abs(p[k] - 8 * value)
            for k in range(len(MEMORIES)):
                follow(neurons[k], column, plane, x, n, value - base)
    own[:, :SIDE] = own[:, SIDE : SIDE + 1]
    own[:, SIDE + width :] = own[:, SIDE + width - 1 : SIDE + width]
    own[TOP + height :] = own[TOP + height - 1]


@inlined
def gather(x: Inputs, values: Planes, plane: int, i: int, j: int, base: int) -> int:
    """Fill x with the neurons' neighbours, less the mean of the two nearest in their plane; return how many there are."""
    n = 0
    for k in range(len(OWN)):
        x[n] = values[plane, i + OWN[k, 0], j + OWN[k, 1]] - base
        n += 1
    for back in range(1, plane + 1):
        other = values[plane - back]
        mean = (int(other[i, j - 1]) + other[i - 1, j]) >> 1
        for k in range(len(BEFORE) if back == 1 else len(EARLIER)):
            x[n] = other[i + BEFORE[k, 0], j + BEFORE[k, 1]] - mean
            n += 1
    return n


@inlined
def apply_rules(p: Integers, values: Planes, plane: int, i: int, j: int, base: int) -> None:
    """Predict by rules: on along an edge, or as the plane before goes on."""
    own = values[plane]
    W, N, NW, NE = int(own[i, j - 1]), int(own[i - 1, j]), int(own[i - 1, j - 1]), int(own[i - 1, j + 1])
    p[0] = 8 * W
    p[1] = 4 * (W + NE)
    p[2] = 8 * W + 4 * (NE - NW)
    if plane == 0:
        p[3] = 8 * (W + N - NW)
        p[4] = 8 * N
        p[5] = 8 * (N + NE - own[i - 2, j + 1])
    else:
        before, earlier = values[plane - 1], values[max(plane - 2, 0)]
        p[3] = 8 * (W + before[i, j] - before[i, j - 1])
        p[4] = 8 * base + 8 * before[i, j] - 4 * (int(before[i, j - 1]) + before[i - 1, j])
        p[5] = 8 * base + 8 * earlier[i, j] - 4 * (int(earlier[i, j - 1]) + earlier[i - 1, j])


@inlined
def blend(p: Integers, errors: Integers, row: int, j: int) -> int:
    """Cut the predictions to grey levels, and return their mean, weighted by how good they were at the decoded neighbours."""
    total, share = 0, 0
    for k in range(PREDICTIONS):
        p[k] = min(max(p[k], 0), 8 * 255)
        now, above = errors[k, row], errors[k, 1 - row]
        off = now[j - 1] + above[j] + above[j + 1] + ((now[j - 2] + above[j - 1]) >> 1)
        square = (off * off >> 6) + 2
        if k >= RULES:
            square = (square + 1) >> 1
        weight = max((1 << 26) // ((square * square >> 2) + 1), 1)
        total += weight * p[k]
        share += weight
    return (total + (share >> 1)) // share


@inlined
def see(
    contexts: Integers, groups: Integers, values: Planes, residuals: Planes, p: Integers, plane: int, i: int, j: int, blended: int
) -> None:
    """Fill in what each context sees, and which groups of weights are selected."""
    own, e = values[plane], residuals[plane]
    before, earlier = values[max(plane - 1, 0)], values[max(plane - 2, 0)]
    W, N, NW, NE = int(own[i, j - 1]), int(own[i - 1, j]), int(own[i - 1, j - 1]), int(own[i - 1, j + 1])
    WW, NN = int(own[i, j - 2]), int(own[i - 2, j])
    e_W, e_N, e_NW, e_NE = int(e[i, j - 1]), int(e[i - 1, j]), int(e[i - 1, j - 1]), int(e[i - 1, j + 1])
    e_before = int(residuals[plane - 1, i, j]) if plane > 0 else 0
    e_earlier = int(residuals[plane - 2, i, j]) if plane > 1 else 0
    guess, fraction = (blended + 4) >> 3, blended & 7
    off = 2 * (abs(e_W) + abs(e_N)) + abs(e_NE) + abs(e_NW) + abs(e[i, j - 2]) + abs(e[i - 2, j])
    nearby = size_class(off >> 1)
    texture = size_class((abs(W - NW) + abs(N - NW) + abs(N - NE) + abs(W - WW) + abs(N - NN)) >> 1)
    fast, slow = (p[RULES] >> 3) - guess, (p[RULES + 1] >> 3) - guess
    above_guess = (
        int(guess < W) | int(guess < N) << 1 | int(guess < NW) << 2 | int(guess < NE) << 3 | int(guess < WW) << 4
        | int(guess < NN) << 5 | int(guess < 2 * W - WW) << 6 | int(guess < 2 * N - NN) << 7
    )  # fmt: skip
    plane_before = int(before[i, j]) if plane > 0 else 0
    plane_earlier = int(earlier[i, j]) if plane > 1 else 0

    contexts[0] = nearby * 16 + texture
    contexts[1] = step_class(e_W) * 17 + step_class(e_N)  # the errors beside and above
    contexts[2] = step_class(fast) * 16 + nearby  # where the fast neuron is against the blend
    contexts[3] = step_class(slow) * 17 + step_class(min(max(W + N - NW, 0), 255) - guess)
    contexts[4] = step_class(N - guess) * 17 + step_class(W - guess)
    contexts[5] = step_class(min(max(2 * W - WW, 0), 255) - guess) * 17 + step_class(min(max(2 * N - NN, 0), 255) - guess)
    contexts[6] = step_class(e_before) * 16 + nearby  # the error at this place in the plane before
    contexts[7] = above_guess
    contexts[8] = guess * 8 + min(nearby, 7)
    contexts[9] = (fraction * 16 + nearby) * 4 + (texture >> 2)
    contexts[10] = step_class(e_earlier if plane > 1 else NE - guess) * 17 + step_class(e_before if plane > 1 else e_NE)
    contexts[11] = size_class(2 * (abs(e_before) + abs(e_earlier)) + (off >> 2)) * 16 + texture
    contexts[12] = step_class((p[3] >> 3) - guess) * 17 + step_class((p[5] >> 3) - guess)
    contexts[13] = ((W * 256 + N) * 256 + NW) * 256 + guess  # the very neighbours: flat regions, drawings
    contexts[14] = (((W * 256 + N) * 256 + plane_before) * 256 + plane_earlier) * 256 + guess
    for k in range(CONTEXTS):
        contexts[k] = contexts[k] * 3 + plane
    groups[0] = plane * 16 + nearby
    groups[1] = GROUPS[0] + texture
    groups[2] = GROUPS[0] + GROUPS[1] + fraction
