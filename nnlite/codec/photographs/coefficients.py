"""Planes of coefficients to bits and back: which numbers are coded in which order, and what each decision is told.

    for each plane, for each block in reading order:
        the mean (position 0) less its prediction from the blocks around
        are there more? If not, the block ends here
        for each position along the diagonals: the magnitude; its sign, if it is not 0

`contexts` says what each decision is told; here it is computed. `integers` says how a number becomes decisions.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, mixed_bit
from nnlite.codec.photographs.contexts import GROUP, MAGNITUDE, MORE, SIGN, PlaneMixers, desk_for, lay_out, level
from nnlite.codec.photographs.integers import MAX_VALUE, choose, code_magnitude
from nnlite.jit import inlined, jit

LARGE = 40  # where the sum of the neighbours reaches this, all is seen in units twice, four times, … as large
WORTH = 6  # bits that an isolated coefficient of 1 costs, about
# The positions 8 u + v, diagonal after diagonal, and of each its diagonal u + v and a band of diagonals.
SCAN = np.array([8 * u + d - u for d in range(15) for u in range(max(0, d - 7), min(d, 7) + 1)])
DIAGONAL = SCAN // 8 + SCAN % 8
BAND = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3])

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Quantised = npt.NDArray[np.int16]
Notes = npt.NDArray[np.int32]
Sizes = npt.NDArray[np.int64]  # magnitudes of a block, (11, 11), with a margin of zeros: two before, one behind
Block = npt.NDArray[np.int16]  # (64,)


@inlined
def sign(value: int) -> int:
    """Return 0, 1 or 2: negative, zero, positive."""
    return int(value > 0) - int(value < 0) + 1


@inlined
def worthwhile(coefficients: Floats, price: float) -> bool:
    """Return whether a block's coefficients besides its mean, as a whole, are worth coding."""
    gain = 0.0
    for position in range(1, 64):
        gain += max(0.0, 2 * abs(coefficients[position]) - 1)
    return gain > WORTH * price


@inlined
def weigh(block: Block, position: int) -> int:
    """Return twice the magnitude at a position plus those next to it on the right and below."""
    total = 2 * abs(int(block[position]))
    if position & 7 < 7:
        total += abs(int(block[position + 1]))
    if position < 56:
        total += abs(int(block[position + 8]))
    return total


@inlined
def see_magnitude(f: Integers, inside: int, around: int, beside: int, left: int, above: int, before: int, earlier: int) -> int:
    """Write the levels of sums into the features, in units that suit their size; return how many bits these units cut off."""
    total = (inside + 2 * around + beside + 2) // 3  # about ten times the magnitude to expect
    shift = 0
    while total >> shift >= LARGE:
        shift += 1
    f[2], f[3], f[4] = level(inside >> shift), level(around >> shift), level(beside >> shift)
    f[5], f[6], f[7] = level(left >> shift), level(above >> shift), level(total >> shift)
    f[8], f[9] = level(before >> shift), level(earlier >> shift)
    return shift


@inlined
def see_coefficient(f: Integers, k: int, m: Sizes, west: Sizes, north: Sizes, around: int, before: Block, earlier: Block) -> int:
    """Write what the magnitude at scan position k ≥ 1 sees; return the bits to cut off."""
    position = SCAN[k]
    i, j = (position >> 3) + 2, (position & 7) + 2
    inside = 2 * (m[i, j - 1] + m[i - 1, j] + m[i - 1, j + 1]) + m[i - 1, j - 1] + m[i, j - 2] + m[i - 2, j] + m[i - 2, j + 1]
    inside += m[i + 1, j - 2]
    beside = west[i + 1, j] + west[i, j + 1] + west[i - 1, j] + west[i, j - 1]
    beside += north[i + 1, j] + north[i, j + 1] + north[i - 1, j] + north[i, j - 1]
    left = 2 * m[i, j - 1] + m[i, j - 2] + west[i, j]
    above = 2 * m[i - 1, j] + m[i - 2, j] + north[i, j]
    return see_magnitude(f, inside, around, beside, left, above, weigh(before, position), weigh(earlier, position))


@jit
def code_plane(
    coder: Coder, coefficients: Floats, planes: Quantised, notes: Notes, plane: int, mixers: PlaneMixers, price: float
) -> None:
    """Write or read one plane.

    Parameters
    ----------
    coder : Coder
        Where it is written to or read from.
    coefficients : float32 array, shape (rows, columns, 64)
        In steps; a decoder looks at none.
    planes : int16 array, shape (P + 2, rows + 1, columns + 2, 64)
        The quantised planes; number `plane` is written, the two before it are read. A border of zeros lies above, left and right,
        two planes of zeros lie before the first.
    notes : int32 array, shape (P + 2, rows + 1, columns + 2, 3)
        Of each block, beside: how many coefficients are not 0, the size of the mean's residual, the coder's position at the end.
    plane : int
        From 2 to P + 1.
    mixers : PlaneMixers
        What learns.
    price : float
        λ: what a bit costs, in squared steps.
    """
    rows, columns = planes.shape[1] - 1, planes.shape[2] - 2
    magnitude, signs, more = desk_for(MAGNITUDE, 2), desk_for(SIGN, 1), desk_for(MORE, 1)
    sizes = np.zeros((2, columns + 2, 11, 11), np.int64)  # of the blocks in this row and in the one above
    for y in range(1, rows + 1):
        here, above = sizes[y & 1], sizes[(y & 1) ^ 1]
        for x in range(1, columns + 1):
            m, m_west, m_north = here[x], here[x - 1], above[x]
            q, q_west, q_north = planes[plane, y, x], planes[plane, y, x - 1], planes[plane, y - 1, x]
            before, earlier = planes[plane - 1, y, x], planes[plane - 2, y, x]
            note, note_west, note_north = notes[plane, y, x], notes[plane, y, x - 1], notes[plane, y - 1, x]
            m[:] = 0
            # The means of the blocks around; at the border the nearest stands in.
            west = np.int64(q_west[0]) if x > 1 else (np.int64(q_north[0]) if y > 1 else 0)
            north = np.int64(q_north[0]) if y > 1 else west
            corner = np.int64(planes[plane, y - 1, x - 1, 0]) if x > 1 and y > 1 else north
            east = np.int64(planes[plane, y - 1, x + 1, 0]) if x < columns and y > 1 else north
            prediction = max(min(west, north), min(max(west, north), (3 * (west + north) - 2 * corner + 2) >> 2))
            mean_west = mean_north = 1
            neighbours = level(note_west[0] + note_north[0])
            found = 0
            for k in range(64):
                position, d = SCAN[k], DIAGONAL[k]
                i, j = (position >> 3) + 2, (position & 7) + 2
                if k == 1:
                    f = more.seen
                    f[0], f[1] = level(note_west[0]), level(note_north[0])
                    f[2] = level(notes[plane, y - 1, x - 1, 0] + notes[plane, y - 1, x + 1, 0])
                    f[3], f[4] = level(notes[plane - 1, y, x, 0]), level(note[1])
                    lay_out(more, MORE)
                    wanted = False if coder.decoding else worthwhile(coefficients[y - 1, x - 1], price)
                    if not mixed_bit(coder, wanted, mixers.more, more, -1):
                        break
                    mean_west = sign(np.int64(q[0]) - q_west[0]) if x > 1 else 1
                    mean_north = sign(np.int64(q[0]) - q_north[0]) if y > 1 else 1
                # the magnitude
                f = magnitude.seen
                around = 2 * (m_west[i, j] + m_north[i, j]) + above[x - 1, i, j] + above[x + 1, i, j]
                if k:
                    shift = see_coefficient(f, k, m, m_west, m_north, around, before, earlier)
                else:
                    inside = abs(west - corner) + abs(north - corner) + abs(north - east)
                    differences = abs(west - north), abs(north - east), abs(west - corner)
                    residuals = 2 * notes[plane - 1, y, x, 1], 2 * notes[plane - 2, y, x, 1]
                    shift = see_magnitude(f, inside, around, *differences, *residuals)
                f[0], f[1], f[10], f[11] = position, d, level(2 * found), neighbours
                lay_out(magnitude, MAGNITUDE)
                magnitude.sets[0] = (2 * d + (f[2] + f[3] > 4)) * GROUP
                magnitude.sets[1] = (30 + f[7]) * GROUP
                number = negative = 0
                if not coder.decoding:
                    c = coefficients[y - 1, x - 1, position]
                    negative = int(c < 0)
                    if k == 0:
                        residual = int(np.floor(c + 0.5)) - prediction
                        number, negative = abs(residual), int(residual < 0)
                    elif shift:
                        number = int(abs(c) + 0.5)
                    else:
                        number = choose(c, price, mixers.magnitude, magnitude)
                curve = (4 * min(f[7], 7) + BAND[d]) * GROUP
                number = code_magnitude(coder, number, mixers.magnitude, magnitude, curve, shift, k == 0)
                # the sign
                if number:
                    f = signs.seen
                    f[0], f[5] = position, sign(before[position])
                    if k:
                        agreement = np.int64(q_west[position]) * planes[plane - 1, y, x - 1, position]
                        agreement += np.int64(q_north[position]) * planes[plane - 1, y - 1, x, position]
                        f[1], f[2], f[3], f[4] = sign(q_west[position]), sign(q_north[position]), mean_west, mean_north
                        f[6], f[7] = sign(agreement), min(2, abs(before[position]))
                        f[8] = sign(q[1]) if position != 1 else 1
                        f[9] = sign(q[8]) if position != 8 else 1
                        f[10] = mean_west if position & 7 else mean_north
                        found += 1
                    else:
                        f[1], f[2], f[3] = sign(west - corner), sign(north - corner), sign(east - north)
                        f[4] = f[6] = f[7] = f[8] = f[9] = f[10] = 1
                    lay_out(signs, SIGN)
                    signs.sets[0] = d
                    negative = mixed_bit(coder, negative, mixers.sign, signs, -1)
                value = (0 if k else prediction) + (-number if negative else number)
                q[position] = max(-MAX_VALUE, min(MAX_VALUE, value))
                m[i, j] = number
                if k == 0:
                    note[1] = number
            note[0] = found
            note[2] = coder.registers[3]
