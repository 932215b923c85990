"""Planes of coefficients to bits and back: which numbers are coded in which order, and what each decision is told.

    for each plane, for each block in reading order:
        the mean (position 0) less its prediction from the blocks around
        are there more? If not, the block ends here
        for each position along the diagonals: the magnitude; its sign, if it is not 0

`contexts` says which features a decision depends on; here they are computed. `integers` says how a number becomes decisions.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.mixing import Coder, mixed_bit
from nnlite.codec.photographs.contexts import GROUP, MAGNITUDE, MORE, SIGN, PlaneMixers, desk_for, lay_out, level, sign
from nnlite.codec.photographs.integers import MAX_VALUE, choose, code_magnitude
from nnlite.jit import inlined, jit

LARGE = 40  # where the sum of the neighbours reaches this, all is seen in units twice, four times, … as large
WORTH = 6  # bits that an isolated coefficient of 1 costs, about
# The positions 8 u + v, diagonal after diagonal, and of each its diagonal u + v and a band of diagonals.
SCAN = np.array([8 * u + d - u for d in range(15) for u in range(max(0, d - 7), min(d, 7) + 1)])
DIAGONAL = SCAN // 8 + SCAN % 8
BAND = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3])

Floats = npt.NDArray[np.float32]
Quantised = npt.NDArray[np.int16]
Notes = npt.NDArray[np.int32]


@inlined
def worthwhile(coefficients: Floats, price: float) -> bool:
    """Return whether a block's coefficients besides its mean, as a whole, are worth coding."""
    gain = 0.0
    for position in range(1, 64):
        gain += max(0.0, 2 * abs(coefficients[position]) - 1)
    return gain > WORTH * price


@inlined
def weigh(block: Quantised, position: int) -> int:
    """Return twice the magnitude at a position plus those next to it on the right and below."""
    right = abs(int(block[position + 1])) if position & 7 < 7 else 0
    below = abs(int(block[position + 8])) if position < 56 else 0
    return 2 * abs(int(block[position])) + right + below


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
    # Magnitudes of the blocks in this row and in the one above, with a margin of zeros: two before, one behind.
    sizes = np.zeros((2, columns + 2, 11, 11), np.int64)
    for y in range(1, rows + 1):
        here, above = sizes[y & 1], sizes[(y & 1) ^ 1]
        for x in range(1, columns + 1):
            m, m_west, m_north = here[x], here[x - 1], above[x]
            q, q_west, q_north = planes[plane, y, x], planes[plane, y, x - 1], planes[plane, y - 1, x]
            q_before, q_earlier = planes[plane - 1, y, x], planes[plane - 2, y, x]
            note, note_west, note_north = notes[plane, y, x], notes[plane, y, x - 1], notes[plane, y - 1, x]
            note_before, note_earlier = notes[plane - 1, y, x], notes[plane - 2, y, x]
            m[:] = 0
            # The means of the blocks around; at the border the nearest stands in.
            west = np.int64(q_west[0]) if x > 1 else (np.int64(q_north[0]) if y > 1 else 0)
            north = np.int64(q_north[0]) if y > 1 else west
            corner = np.int64(planes[plane, y - 1, x - 1, 0]) if x > 1 and y > 1 else north
            east = np.int64(planes[plane, y - 1, x + 1, 0]) if x < columns and y > 1 else north
            prediction = max(min(west, north), min(max(west, north), (3 * (west + north) - 2 * corner + 2) >> 2))
            neighbours = level(note_west[0] + note_north[0])
            mean_west = mean_north = 1
            for k in range(64):
                position, diagonal = SCAN[k], DIAGONAL[k]
                i, j = (position >> 3) + 2, (position & 7) + 2
                if k == 1:
                    note[1] = m[2, 2]
                    corners = level(notes[plane, y - 1, x - 1, 0] + notes[plane, y - 1, x + 1, 0])
                    counts = level(note_west[0]), level(note_north[0]), level(note_before[0])
                    lay_out(more, MORE, (*counts, level(note[1]), corners))
                    wanted = not coder.decoding and worthwhile(coefficients[y - 1, x - 1], price)
                    if not mixed_bit(coder, wanted, mixers.more, more, -1):
                        break
                    mean_west = sign(np.int64(q[0]) - q_west[0]) if x > 1 else 1
                    mean_north = sign(np.int64(q[0]) - q_north[0]) if y > 1 else 1
                # The magnitude. Sums of those around; of a mean's residual, the differences of the means around.
                around = 2 * (m_west[i, j] + m_north[i, j]) + above[x - 1, i, j] + above[x + 1, i, j]
                if k == 0:
                    inside = abs(west - corner) + abs(north - corner) + abs(north - east)
                    beside, left, over = abs(west - north), abs(north - east), abs(west - corner)
                    before, earlier = 2 * np.int64(note_before[1]), 2 * np.int64(note_earlier[1])
                else:
                    inside = 2 * (m[i, j - 1] + m[i - 1, j] + m[i - 1, j + 1]) + m[i - 1, j - 1]
                    inside += m[i, j - 2] + m[i - 2, j] + m[i - 2, j + 1] + m[i + 1, j - 2]
                    beside = m_west[i + 1, j] + m_west[i, j + 1] + m_west[i - 1, j] + m_west[i, j - 1]
                    beside += m_north[i + 1, j] + m_north[i, j + 1] + m_north[i - 1, j] + m_north[i, j - 1]
                    left = 2 * m[i, j - 1] + m[i, j - 2] + m_west[i, j]
                    over = 2 * m[i - 1, j] + m[i - 2, j] + m_north[i, j]
                    before, earlier = weigh(q_before, position), weigh(q_earlier, position)
                total = (inside + 2 * around + beside + 2) // 3  # about ten times the magnitude to expect
                shift = 0
                while total >> shift >= LARGE:
                    shift += 1
                near, far, expected = level(inside >> shift), level(around >> shift), level(total >> shift)
                seen = near, far, level(beside >> shift), diagonal, position, expected, level(2 * note[0]), neighbours
                levels = level(left >> shift), level(over >> shift), level(before >> shift), level(earlier >> shift)
                lay_out(magnitude, MAGNITUDE, seen + levels)
                magnitude.seen[-2] = (2 * diagonal + (near + far > 4)) * GROUP
                magnitude.seen[-1] = (30 + expected) * GROUP
                number = negative = 0
                if not coder.decoding:
                    c = np.float64(coefficients[y - 1, x - 1, position])
                    wish = c if k else np.floor(c + 0.5) - prediction
                    number, negative = int(abs(wish) + 0.5), int(wish < 0)
                    if k and not shift:
                        number = choose(abs(c), price, mixers.magnitude, magnitude)
                curve = (4 * min(expected, 7) + BAND[diagonal]) * GROUP
                m[i, j] = number = code_magnitude(coder, number, mixers.magnitude, magnitude, curve, shift, k == 0)
                # The sign: signs at the same position, of differences of means, and of the first two frequencies.
                if number:
                    similar = position, sign(q_west[position]), sign(q_north[position]), mean_west, mean_north
                    agreement = np.int64(q_west[position]) * planes[plane - 1, y, x - 1, position]
                    agreement += np.int64(q_north[position]) * planes[plane - 1, y - 1, x, position]
                    strength = min(2, abs(np.int64(q_before[position])))
                    if k == 0:
                        similar = position, sign(west - corner), sign(north - corner), sign(east - north), 1
                        agreement, strength = 0, 1
                    before = sign(q_before[position]), sign(agreement), strength
                    edge = mean_west if position & 7 else mean_north  # where the function changes its sign
                    lay_out(signs, SIGN, similar + before + (sign(q[1]), sign(q[8]), edge))
                    signs.sets[0] = diagonal
                    negative = mixed_bit(coder, negative, mixers.sign, signs, -1)
                    note[0] += k > 0
                value = (0 if k else prediction) + (-number if negative else number)
                q[position] = max(-MAX_VALUE, min(MAX_VALUE, value))
            note[2] = coder.registers[3]
