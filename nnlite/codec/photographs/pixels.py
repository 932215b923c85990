"""Quantised planes to pixels, in integers alone: strips of planes, so that little memory is needed, and their colours."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnlite.codec.photographs.contexts import SETTING_BITS
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
    offsets = np.zeros((len(settings), 3), np.int32)  # of 0, ± 1 and all others, away from 0
    offsets[:, 1:] = (settings[:, :2] - NEUTRAL) * OFFSET
    rows = quantised.shape[1]
    for first in range(0, rows, STRIP):
        last = min(first + STRIP, rows)
        above, below = max(first - 1, 0), min(last + 1, rows)  # windows overlap by less than a block
        planes = np.zeros((3, (below - above) * BLOCK, quantised.shape[2] * BLOCK), np.int32)
        for p, part in enumerate(quantised[:, above:below]):
            moved = offsets[p, np.minimum(np.abs(part), 2)] * np.sign(part)
            moved[..., 0] = 0  # means are exact
            planes[p] = synthesise(UNIT * part.astype(np.int32) + moved, synthesis)
        top = (first - above) * BLOCK
        margins = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
        padded = np.pad(planes, margins, mode="edge")[:, top : top + (last - first) * BLOCK + 2 * MARGIN]
        yield first * BLOCK, np.ascontiguousarray(padded)


@jit
def paint(z: npt.NDArray[np.int64], step: int, inverse: npt.NDArray[np.int64], pixels: Pixels) -> None:
    """Write pixels (height, width, P) of planes (3, height, width) in 1/256 step, in 64-bit integers; inverse (P, 3)."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            light, second, third = (z[0, y, x] * step >> 12) + (128 << 12), z[1, y, x] * step >> 12, z[2, y, x] * step >> 12
            for c in range(pixels.shape[2]):
                value = inverse[c, 0] * light + inverse[c, 1] * second + inverse[c, 2] * third
                pixels[y, x, c] = min(max((value + (1 << 27)) >> 28, 0), 255)
