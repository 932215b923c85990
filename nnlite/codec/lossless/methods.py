"""The ways in which the lossless codec codes pictures, and which of them are worth a trial."""

import math
import zlib

import numpy as np

from nnlite.codec.lossless.digits import SIDE
from nnlite.codec.lossless.planes import Images, pack, seen

METHODS = ("raw", "continuous tone", "drawing", "palette", "digit")
RAW, CONTINUOUS_TONE, DRAWING, PALETTE, DIGIT = range(5)
TRIAL, TRIAL_COUNT = 1 << 21, 100  # at most so many samples and pictures are coded by several methods to compare them
REPEATS = 0.6  # pictures of which zlib leaves less have parts that come again


def suitable_methods(images: Images) -> list[int]:
    """Return the methods that are worth a trial."""
    packed, planes = pack(images), images.shape[1]
    colours = np.count_nonzero(seen(packed, planes))
    if colours == 1:
        return [PALETTE]
    part = part_of(images)
    repeats = len(zlib.compress(part.tobytes(), 1)) < REPEATS * part.size
    suits = {
        DIGIT: images.shape[1:] == (1, SIDE, SIDE),
        PALETTE: colours <= (256 if planes == 3 else 64),
        DRAWING: colours > (256 if planes == 3 else 64) and repeats,
        CONTINUOUS_TONE: colours > 2,
    }
    return [method for method, suitable in suits.items() if suitable]


def part_of(images: Images) -> Images:
    """Return the first of many pictures, the middle of a large one, or all."""
    count, planes, height, width = images.shape
    if images.size <= TRIAL and count <= TRIAL_COUNT:
        return images
    side = math.isqrt(TRIAL // planes)
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    number = min(max(TRIAL // (planes * height * width), 1), TRIAL_COUNT)
    return np.array(images[:number, :, top : top + side, left : left + side], order="C")
