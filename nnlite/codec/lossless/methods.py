"""The ways in which the lossless codec codes pictures, and what it tries them on."""

import numpy as np

from nnlite.codec.lossless.digits import SIDE
from nnlite.codec.lossless.planes import Images

METHODS = ("raw", "continuous tone", "drawing", "digit")
RAW, CONTINUOUS_TONE, DRAWING, DIGIT = range(4)
TRIAL, BAND = 1 << 17, 16  # samples of a part, about, and rows of a piece of it


def suitable_methods(images: Images) -> list[int]:
    """Return the methods that are worth a trial."""
    return [DIGIT, DRAWING, CONTINUOUS_TONE] if images.shape[1:] == (1, SIDE, SIDE) else [DRAWING, CONTINUOUS_TONE]


def part_of(images: Images) -> Images:
    """Return the first of many pictures, bands from all over a large one, or all if they are small."""
    _, planes, height, width = images.shape
    rows = max(TRIAL // (planes * width), 1)
    every = min(-(-height // rows), -(-height // BAND))
    return images[: max(rows // height, 1), :, np.arange(height) // BAND % every == every // 2]
