"""Blocks of coefficients to bits and back: which numbers are coded in which order, and what each decision is told.

    for each plane, for each block in reading order:
        the mean (position 0) less its prediction from the blocks around
        are there more? If not, the block ends here
        for each position along the diagonals: the magnitude; its sign, if it is not 0

`contexts` says which features a decision depends on; here they are computed. A magnitude is told by its bits: "≥ 1?", "≥ 2?",
"≥ 4?" and so on, up to the first no, then those below the leading one.

An encoder also *chooses*. A coefficient f, in steps, may become any integer a near it, at a price of the error (f − a)² and of the
bits that a takes: the least (f − a)² + λ · bits wins ("rate–distortion optimised quantisation"). Here a takes about 1.5 bits more
than a − 1, and a 1 another log₂ of the odds that the mixer, as it stands, gives against "≥ 1?". So f becomes a rather than a − 1
where 2 (f − a) + 1, the difference of the squared errors, exceeds λ times these bits.
"""

import numpy as np
import numpy.typing as npt

from nnlite.codec.context_tables import combine, find, select
from nnlite.codec.mixing import Coder, Desk, Mixer, code_bit, desk, mix, mixed_bit
from nnlite.codec.photographs.contexts import GROUPS, LEVELS, MAGNITUDE, MORE, SIGN, level, sign
from nnlite.jit import inlined, jit

PRICE = 0.1  # λ: what a bit costs, in squared steps; measured
BITS_OF_ONE = 1.5  # how many more a magnitude takes than the one before, about
BIT = 256 * np.log(2)  # in the mixer's unit of odds
LARGEST_BITS = 15  # of a quantised coefficient, which is at most 32767
MAX_VALUE = 2**LARGEST_BITS - 1
NODES = np.array([0, 1, 2, 3, 4, 4, 4, 4, 4, 5, 6, 6, 7, 7, 7, 7])  # of a number's decisions: some share their states
# The positions 8 u + v, diagonal after diagonal, and of each its diagonal u + v. Behind the mean comes the question for more.
SCAN = np.insert(sorted(range(64), key=lambda position: (position // 8 + position % 8, position)), 1, MORE)
DIAGONAL = np.where(SCAN == MORE, 15, SCAN // 8 + SCAN % 8)

Blocks = npt.NDArray[np.float32]  # (rows, columns, 64)
Positions = npt.NDArray[np.int64]


@inlined
def choose(size: float, mixer: Mixer, desk: Desk) -> int:
    """Return the integer that costs least; see above."""
    number = int(size + (1 - PRICE * BITS_OF_ONE) / 2)
    if number == 1:
        select(desk, NODES[0], 0)
        number = int(2 * size - 1 > PRICE * (BITS_OF_ONE - mix(mixer, desk) / BIT))
    return number


@inlined
def code_magnitude(coder: Coder, number: int, mixer: Mixer, desk: Desk) -> int:
    """Write or read a number from 0 to MAX_VALUE; return it."""
    bits = 0
    select(desk, NODES[0], 0)
    while bits < LARGEST_BITS and mixed_bit(coder, number >> bits > 0, mixer, desk):
        bits += 1
        step = min(bits, 8)
        select(desk, NODES[step], step)
    result = int(bits > 0)
    for k in range(bits - 2, -1, -1):
        below = bits - 2 - k
        bit = number >> k & 1
        if below < 2:
            step = 13 if below else 9 + min(k, 3)
            select(desk, NODES[step], step)
            bit = mixed_bit(coder, bit, mixer, desk)
        else:
            bit = code_bit(coder, bit, 1 << 15)
        result = 2 * result + bit
    return result


@inlined
def weigh(block: npt.NDArray[np.float32], position: int) -> int:
    """Return twice the magnitude at a position plus those next to it on the right and below."""
    right = abs(block[position + 1]) if position & 7 < 7 else 0
    below = abs(block[position + 8]) if position < 56 else 0
    return int(2 * abs(block[position]) + right + below)


@jit
def code_plane(coder: Coder, blocks: Blocks, before: Blocks, earlier: Blocks, plane: int, mixer: Mixer) -> Positions:
    """Write or read the blocks of a plane; return the coder's position behind each.

    Parameters
    ----------
    coder : Coder
        Where they are written to or read from.
    blocks : float32 array, shape (rows, columns, 64)
        An encoder's coefficients, in steps, become the integers that a decoder reads.
    before, earlier : float32 array, shape (rows, columns, 64)
        The integers of the plane before, and of the one before that.
    plane : int
        The number of the plane.
    mixer : Mixer
        What learns.

    Returns
    -------
    int64 array, shape (rows, columns)
    """
    rows, columns, _ = blocks.shape
    magnitude, signs = desk(len(MAGNITUDE), 2), desk(len(SIGN), 1)
    # Of the blocks in this row and in the one above, with an empty block left and right: what was coded; magnitudes, with a margin
    # of zeros, two before and one behind; how many coefficients are not 0.
    values = np.zeros((2, columns + 2, 64), np.int64)
    sizes = np.zeros((2, columns + 2, 11, 11), np.int64)
    counts = np.zeros((2, columns + 2), np.int64)
    positions = np.zeros((rows, columns), np.int64)
    for y in range(rows):
        here, over = y & 1, (y & 1) ^ 1
        for x in range(1, columns + 1):
            block, former, older = blocks[y, x - 1], before[y, x - 1], earlier[y, x - 1]
            former_west, former_north = before[y, max(x - 2, 0)], before[max(y - 1, 0), x - 1]
            coded, coded_west, coded_north = values[here, x], values[here, x - 1], values[over, x]
            size, west_size, north_size = sizes[here, x], sizes[here, x - 1], sizes[over, x]
            # The means of the blocks around; at the border the nearest stands in.
            west = coded_west[0] if x > 1 else coded_north[0]
            north = coded_north[0] if y > 0 else west
            corner = values[over, x - 1, 0] if x > 1 and y > 0 else north
            east = values[over, x + 1, 0] if x < columns and y > 0 else north
            prediction = max(min(west, north), min(max(west, north), (3 * (west + north) - 2 * corner + 2) >> 2))
            mean_west, mean_north = sign(north - corner), sign(west - corner)
            neighbours, count = level(counts[here, x - 1] + counts[over, x]), 0
            coded[:] = 0
            size[:] = 0
            for k in range(len(SCAN)):
                position, diagonal = SCAN[k], DIAGONAL[k]
                i, j = (position >> 3) + 2, (position & 7) + 2
                # What lies around, as sums of magnitudes; of a mean, how the means around differ; for more, how many there are.
                around = 2 * (west_size[i, j] + north_size[i, j]) + sizes[over, x - 1, i, j] + sizes[over, x + 1, i, j]
                if k == 0:
                    inside = abs(west - corner) + abs(north - corner) + abs(north - east)
                    beside, left, above = abs(west - north), abs(north - east), abs(west - corner)
                    change = int(abs(former[0] - former_west[0])), int(abs(former[0] - former_north[0]))
                elif k == 1:
                    inside, around, left, above = counts[here, x - 1], counts[over, x], counts[over, x - 1], counts[over, x + 1]
                    beside, change = left + above, (int(np.count_nonzero(former[1:])), int(np.count_nonzero(older[1:])))
                else:
                    inside = 2 * (size[i, j - 1] + size[i - 1, j] + size[i - 1, j + 1]) + size[i - 1, j - 1]
                    inside += size[i, j - 2] + size[i - 2, j] + size[i - 2, j + 1] + size[i + 1, j - 2]
                    beside = west_size[i + 1, j] + west_size[i, j + 1] + west_size[i - 1, j] + west_size[i, j - 1]
                    beside += north_size[i + 1, j] + north_size[i, j + 1] + north_size[i - 1, j] + north_size[i, j - 1]
                    left = 2 * size[i, j - 1] + size[i, j - 2] + west_size[i, j]
                    above = 2 * size[i - 1, j] + size[i - 2, j] + north_size[i, j]
                    change = weigh(former, position), weigh(older, position)
                near, far, expected = level(inside), level(around), level((inside + 2 * around + beside + 2) // 3)
                amount = level(2 * (size[2, 2] if k == 1 else count))
                seen = near, far, level(beside), diagonal, position, expected, amount, neighbours
                combine(magnitude.seen, (*seen, level(left), level(above), level(change[0]), level(change[1]), plane), MAGNITUDE)
                find(mixer, magnitude, 0)
                magnitude.seen[-2] = plane * (LEVELS + 1) + (LEVELS if k == 1 else expected)
                magnitude.seen[-1] = GROUPS[1] + plane * 32 + 2 * diagonal + (near + far > 4)
                number = negative = 0
                if not coder.decoding:
                    if k == 0:
                        residual = int(np.floor(block[0] + 0.5)) - prediction
                        number, negative = abs(residual), int(residual < 0)
                    elif k == 1:
                        number = int(block[1:].any())
                    else:
                        number, negative = choose(abs(block[position]), mixer, magnitude), int(block[position] < 0)
                number = code_magnitude(coder, number, mixer, magnitude)
                if k == 1:
                    if number == 0:
                        break
                    mean_west, mean_north = sign(coded[0] - west), sign(coded[0] - north)
                    continue
                size[i, j] = number
                if number:
                    agreement = sign(coded_west[position] * former_west[position] + coded_north[position] * former_north[position])
                    similar = sign(coded_west[position]), sign(coded_north[position]), mean_west, mean_north
                    twin = sign(former[position]), agreement, min(2, int(abs(former[position])))
                    edge = mean_west if position & 7 else mean_north  # where the function changes its sign
                    combine(signs.seen, (position, *similar, *twin, sign(coded[1]), sign(coded[8]), edge, plane), SIGN)
                    find(mixer, signs, 1)
                    signs.seen[-1] = GROUPS[2] + plane
                    select(signs, 0, diagonal)
                    negative = mixed_bit(coder, negative, mixer, signs)
                    count += k > 0
                value = (0 if k else prediction) + (-number if negative else number)
                coded[position] = max(-MAX_VALUE, min(MAX_VALUE, value))  # a stream of nonsense could say more
            counts[here, x] = count
            block[:] = coded
            positions[y, x - 1] = coder.registers[3]
    return positions
