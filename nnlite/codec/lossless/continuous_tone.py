"""Photographs without loss: predict each sample from its decoded neighbours, then code how far the prediction was off.

A picture is its planes, one after the other: green, red, blue, or grey alone. A later plane sees the earlier ones whole.

1. *Predictions.* Simple rules, and neurons that solve least squares while they go, one forgetting fast and one slowly.
2. *Blend.* The predictions' mean, each weighted by 1 / e⁴, e being how far it was off around here.
3. *Contexts.* What tells size and sign of the residual; `see` is the table of them.
4. *Residual.* A few decisions, see `nnlite.codec.lossless.residuals`.

Predictions are in eighths of a grey level. Meyer and Tischer, "TMW: a new method for lossless image compression", 1997, and the
programs of the paq family work alike.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.lossless.contexts import MARGIN, NEIGHBOURS, Integers, offsets
from nnlite.codec.lossless.least_squares import COLUMN, COLUMNS, Neuron, follow, fresh_neuron, predict
from nnlite.codec.lossless.residuals import STEPS, code_residual
from nnlite.codec.mixing import Coder, Mixer, desk, fresh_mixer, is_full
from nnlite.jit import inlined, jit

Planes = npt.NDArray[np.int16]  # (2 + planes, MARGIN + height + MARGIN, MARGIN + width + MARGIN), the first two planes empty

# What the neurons see: how many planes back, rows down, columns to the right. C is the centre, the sample itself in another plane.
BEFORE = ("C", "W", "N", "E", "S", "NW", "NE", "SW", "SE", "WW", "EE", "SS")
SEEN = tuple(enumerate((NEIGHBOURS[:16], BEFORE, BEFORE[:9])))
INPUTS = np.concatenate([np.insert(offsets(names), 0, back, axis=1) for back, names in SEEN])
INPUTS_OF_PLANE = np.cumsum([len(names) for _, names in SEEN])

MEMORIES = (7, 10)  # of the neurons
PREDICTIONS = 9
PREDICTIONS_OF_PLANE = (6, 8, 9)  # the last ones need the planes before
CONTEXTS = 14
GROUPS = np.cumsum([0, 48, 16, 8])  # of sets of weights: by plane and errors nearby, by texture, by the fraction of the prediction
TABLE_BITS = 20  # at most so many bits number the states of a context

SIZE_CLASS = np.searchsorted([1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 120, 200], np.arange(1024), "right")  # 0 to 15
STEP_CLASS = 8 + np.sign(np.arange(-512, 512)) * np.searchsorted(
    [1, 2, 3, 5, 8, 13, 22, 40], np.abs(np.arange(-512, 512)), "right"
)  # 0 to 16


def code_tones(coder: Coder, images: npt.NDArray[np.uint8]) -> None:
    """Write or read (into `images`) pictures (N, planes, height, width), one after the other."""
    _, planes, height, width = images.shape
    bits = min(max(images.size.bit_length() + 1, 12), TABLE_BITS)
    sets = int(GROUPS[-1]) * STEPS
    mixer = fresh_mixer(CONTEXTS << bits, sets, weight=0.22 / 3, rate=30, limit=250)
    neurons = tuple(fresh_neuron(min(-(-width // COLUMN), COLUMNS), planes, len(INPUTS), memory) for memory in MEMORIES)
    for image in images:
        values = np.full((2 + planes, height + 2 * MARGIN, width + 2 * MARGIN), 128, np.int16)
        residuals = np.zeros(values.shape, np.int16)
        for plane in range(planes):
            code_plane(coder, mixer, neurons, image[plane], values, residuals, plane)


@jit
def code_plane(
    coder: Coder, mixer: Mixer, neurons: tuple[Neuron, ...], picture: npt.NDArray[np.uint8], values: Planes, residuals: Planes,
    plane: int,
) -> None:  # fmt: skip
    """Write or read one plane of a picture; the planes before are in `values` and `residuals`."""
    height, width = picture.shape
    own = values[plane + 2]
    p, errors = np.zeros(PREDICTIONS, np.int64), np.zeros((PREDICTIONS, 2, width + 2 * MARGIN), np.int64)
    x, bases = np.zeros(len(INPUTS), np.int32), np.zeros(3, np.int64)
    here = desk(CONTEXTS, 3)
    n = INPUTS_OF_PLANE[plane]
    column_width = max(COLUMN, -(-width // COLUMNS))
    for i in range(MARGIN, MARGIN + height):
        if is_full(coder):
            return
        own[i, :MARGIN] = own[i - 1, MARGIN]
        for j in range(MARGIN, MARGIN + width):
            for back in range(3):  # the mean of the two nearest in each plane
                bases[back] = (np.int64(values[plane + 2 - back, i, j - 1]) + values[plane + 2 - back, i - 1, j]) >> 1
            for k in range(n):
                back, down, right = INPUTS[k]
                x[k] = values[plane + 2 - back, i + down, j + right] - bases[back]
            apply_rules(p, values[plane : plane + 3], bases, i, j)
            column = (j - MARGIN) // column_width
            for k in range(len(MEMORIES)):
                p[k] = 8 * bases[0] + predict(neurons[k].weights[column, plane], x, n)
            blended = blend(p[: PREDICTIONS_OF_PLANE[plane]], errors, i & 1, j)
            guess = (blended + 4) >> 3
            see(here.seen, values[plane : plane + 3], residuals[plane : plane + 3], p, plane, i, j, blended)
            residual = code_residual(coder, np.int64(picture[i - MARGIN, j - MARGIN]) - guess, mixer, here)
            value = min(max(guess + residual, 0), 255)  # it is; but a damaged stream must do no harm
            picture[i - MARGIN, j - MARGIN] = own[i, j] = value
            residuals[plane + 2, i, j] = residual
            for k in range(PREDICTIONS):
                errors[k, i & 1, j] = abs(p[k] - 8 * value)
            for k in range(len(MEMORIES)):
                follow(neurons[k], column, plane, x, n, value - bases[0])
        own[i, MARGIN + width :] = own[i, MARGIN + width - 1]


@inlined
def apply_rules(p: Integers, values: Planes, bases: Integers, i: int, j: int) -> None:
    """Predict by rules: on along an edge, or as the planes before go on."""
    own, before, earlier = values[2], values[1], values[0]
    W, N, NW, NE = np.int64(own[i, j - 1]), np.int64(own[i - 1, j]), np.int64(own[i - 1, j - 1]), np.int64(own[i - 1, j + 1])
    p[2] = 8 * (W + N - NW)
    p[3] = 8 * (N + NE - own[i - 2, j + 1])
    p[4], p[5] = 8 * W, 8 * N
    p[6] = 8 * (W + before[i, j] - before[i, j - 1])
    p[7] = 8 * (bases[0] + before[i, j] - bases[1])
    p[8] = 8 * (bases[0] + earlier[i, j] - bases[2])


@inlined
def blend(p: Integers, errors: Integers, row: int, j: int) -> int:
    """Cut the predictions to grey levels, and return their mean, weighted by how good they were at the decoded neighbours."""
    total, share = 0, 0
    for k in range(len(p)):
        p[k] = min(max(p[k], 0), 8 * 255)
        now, above = errors[k, row], errors[k, 1 - row]
        off = now[j - 1] + above[j] + above[j + 1] + ((now[j - 2] + above[j - 1]) >> 1)
        square = (off * off >> 6) + 2
        if k < len(MEMORIES):
            square = (square + 1) >> 1
        weight = max((1 << 26) // ((square * square >> 2) + 1), 1)
        total += weight * p[k]
        share += weight
    return (total + (share >> 1)) // share


@inlined
def size(total: int) -> int:
    """Return 0 to 15 for a sum of sizes."""
    return int(SIZE_CLASS[min(total, 1023)])


@inlined
def step(difference: int) -> int:
    """Return 0 to 16 for a difference between −512 and 511; 8 stands for none."""
    return int(STEP_CLASS[difference + 512])


@inlined
def see(seen: Integers, values: Planes, residuals: Planes, p: Integers, plane: int, i: int, j: int, blended: int) -> None:
    """Fill in what each context sees, and which groups of weights are selected."""
    own, e = values[2], residuals[2]
    W, N, NW, NE = np.int64(own[i, j - 1]), np.int64(own[i - 1, j]), np.int64(own[i - 1, j - 1]), np.int64(own[i - 1, j + 1])
    WW, NN = np.int64(own[i, j - 2]), np.int64(own[i - 2, j])
    e_W, e_N, e_NE = np.int64(e[i, j - 1]), np.int64(e[i - 1, j]), np.int64(e[i - 1, j + 1])
    e_before, e_earlier = np.int64(residuals[1, i, j]), np.int64(residuals[0, i, j])
    guess, fraction = (blended + 4) >> 3, blended & 7
    off = 2 * (abs(e_W) + abs(e_N)) + abs(e_NE) + abs(e[i - 1, j - 1]) + abs(e[i, j - 2]) + abs(e[i - 2, j])
    nearby = size(off >> 1)
    texture = size((abs(W - NW) + abs(N - NW) + abs(N - NE) + abs(W - WW) + abs(N - NN)) >> 1)
    fast, slow = (p[0] >> 3) - guess, (p[1] >> 3) - guess
    above_guess = 0
    for value in (W, N, NW, NE, WW, NN, 2 * W - WW, 2 * N - NN):
        above_guess = above_guess << 1 | int(guess < value)

    seen[0] = nearby * 16 + texture
    seen[1] = step(fast) * 16 + nearby  # where the fast neuron is against the blend
    seen[2] = step(N - guess) * 17 + step(W - guess)
    seen[3] = step(2 * W - WW - guess) * 17 + step(2 * N - NN - guess)
    seen[4] = above_guess
    seen[5] = guess * 8 + min(nearby, 7)
    seen[6] = (step(e_before) * 17 + step(e_earlier)) * 17 + step(NE - guess)
    seen[7] = step((p[6] >> 3) - guess) * 17 + step((p[8] >> 3) - guess)
    seen[8] = ((W * 256 + N) * 256 + NW) * 256 + guess  # the very neighbours: flat regions, drawings
    seen[9] = ((W * 256 + values[1, i, j]) * 256 + values[0, i, j]) * 256 + guess
    seen[10] = step(e_before) * 16 + nearby  # the error at this place in the plane before
    seen[11] = size(2 * (abs(e_before) + abs(e_earlier)) + (off >> 2)) * 16 + texture
    seen[13] = step(slow) * 17 + step((p[2] >> 3) - guess)
    seen[12] = step(e_W) * 17 + step(e_N)  # the errors beside and above
    for k in range(CONTEXTS):
        seen[k] = seen[k] * 3 + plane
    seen[CONTEXTS] = plane * 16 + nearby
    seen[CONTEXTS + 1] = GROUPS[1] + texture
    seen[CONTEXTS + 2] = GROUPS[2] + fraction
