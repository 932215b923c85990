"""Quantised planes to pixels, in integers alone: strips of planes, so that little memory is needed, and their colours."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnlite.codec.photographs.contexts import SETTING_BITS
from nnlite.codec.photographs.model import COLOUR_BITS
from nnlite.codec.photographs.pixel_network import MARGIN, UNIT
from nnlite.codec.photographs.transform import BLOCK, synthesise
from nnlite.jit import jit

STRIP = 8  # rows of blocks that are restored at a time
OFFSET = 6  # a setting's unit of where coefficients lie, in 1/256 step
NEUTRAL = 1 << SETTING_BITS - 1  # the setting of 0

Integers = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.uint8]
Quantised = npt.NDArray[np.int16]  # (P, rows, columns, 64)
Settings = npt.NDArray[np.int64]  # (P, 3)


def restore(
    quantised: Quantised, settings: Settings, synthesis: npt.NDArray[np.int32]
) -> Iterator[tuple[int, npt.NDArray[np.int32]]]:
    """Yield the decoded planes strip by strip: its first row, and (3, height + 6, width + 6) in 1/256 step, with a margin."""
    offsets = (settings[:, :2] - NEUTRAL) * OFFSET
    rows = quantised.shape[1]
    for first in range(0, rows, STRIP):
        last = min(first + STRIP, rows)
        above, below = max(first - 1, 0), min(last + 1, rows)  # windows overlap by less than a block
        planes = np.zeros((3, (below - above) * BLOCK, quantised.shape[2] * BLOCK), np.int32)
        for p, part in enumerate(quantised[:, above:below]):
            planes[p] = synthesise(dequantise(part, *offsets[p]), synthesis)
        top = (first - above) * BLOCK
        margins = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
        padded = np.pad(planes, margins, mode="edge")[:, top : top + (last - first) * BLOCK + 2 * MARGIN]
        yield first * BLOCK, np.ascontiguousarray(padded)


def dequantise(quantised: Quantised, one: int, more: int) -> npt.NDArray[np.int32]:
    """Return coefficients in 1/256 step; means are exact, others lie by an offset off their integer, away from 0."""
    size = np.abs(quantised)
    offsets = np.array([0, one, more], np.int32)[np.minimum(size, 2)] * np.sign(quantised)
    offsets[..., 0] = 0
    return UNIT * quantised.astype(np.int32) + offsets


@jit
def paint(z: npt.NDArray[np.int64], step: int, inverse: npt.NDArray[np.int64], pixels: Pixels) -> None:
    """Write pixels (height, width, P) of planes (3, height, width) in 1/256 step, in 64-bit integers."""
    count = pixels.shape[2]
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            values = (z[0, y, x] * step >> 12) + (128 << 12), z[1, y, x] * step >> 12, z[2, y, x] * step >> 12
            for c in range(count):
                value = values[0] << COLOUR_BITS
                if count == 3:
                    value = inverse[c, 0] * values[0] + inverse[c, 1] * values[1] + inverse[c, 2] * values[2]
                pixels[y, x, c] = min(max((value + (1 << 27)) >> 28, 0), 255)
