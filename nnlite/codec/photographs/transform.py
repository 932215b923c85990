"""The lapped transform: a dense layer on windows of 16 samples, one window every 8.

A picture is cut into blocks of 8 × 8. A transform of each block alone, as JPEG's, knows nothing of what crosses an edge: neighbours
are coded twice, and edges become visible. Here the window of a block reaches 4 samples into its neighbours on every side. Along
one axis, with x_b the 16 samples around block b:

    c_b = A x_b             analysis,  (8, 16): encoder
    x   = Σ_b S^T c_b       synthesis, (8, 16): decoder; the windows overlap and are added up

and a picture is transformed along one axis, then along the other. Beyond the picture's border lies its mirror image.

A and S are arrays of the model. They are learned (see `demos.train_photographs`) such that S inverts A, that neighbours' products
are as different in size as can be (coding gain), and that each row of S, a picture's building stone, has norm 1: an error of 1 in
any coefficient is then an error of 1 in the picture, and one step of the quantiser is right for all of them. H. S. Malvar and D. H.
Staelin, "The LOT: transform coding without blocking effects", 1989; T. D. Tran, J. Liang and C. Tu, "Lapped transform via
time-domain pre- and post-filtering", 2003.

The synthesis is exact: integers times integers below 2^53 are so in float64, whatever the order of the sum and the machine.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 8
OVERLAP = 4  # of a window, on each side
STRIP = 8  # rows of blocks that are restored at a time
SYNTHESIS_BITS = 14  # behind the point, of the integers that stand for S

Floats = npt.NDArray[np.floating[Any]]


def analyse(plane: Floats, analysis: Floats) -> Floats:
    """Return the coefficients (rows, columns, 64) of a plane (8 rows, 8 columns); at 8 u + v is vertical frequency u."""
    for _ in range(2):  # each turn transforms along the last axis and turns the plane over
        padded = np.pad(plane, ((0, 0), (OVERLAP, OVERLAP)), mode="symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * BLOCK, axis=1)[:, ::BLOCK]  # (height, columns, 16)
        plane = (windows @ analysis.T).reshape(len(plane), -1).T
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    blocks = plane.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(blocks).reshape(rows, columns, BLOCK * BLOCK)


def synthesise(coefficients: Floats, synthesis: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return the plane (8 rows, 8 columns) of integer coefficients (rows, columns, 64), in the same unit, rounded to integers."""
    rows, columns, _ = coefficients.shape
    blocks = coefficients.reshape(rows, columns, BLOCK, BLOCK).transpose(0, 2, 1, 3)
    plane: npt.NDArray[np.float64] = blocks.reshape(rows * BLOCK, -1).astype(np.float64)
    for _ in range(2):
        windows = plane.reshape(len(plane), -1, BLOCK) @ synthesis.astype(np.float64)  # (height, columns, 16)
        overlapped = np.zeros((len(plane), windows.shape[1] + 1, BLOCK))
        overlapped[:, :-1] = windows[..., :BLOCK]
        overlapped[:, 1:] += windows[..., BLOCK:]
        added = overlapped.reshape(len(plane), -1)
        added[:, OVERLAP : 2 * OVERLAP] += added[:, OVERLAP - 1 :: -1]  # the mirror image of what lies beyond the border
        added[:, -2 * OVERLAP : -OVERLAP] += added[:, : -OVERLAP - 1 : -1]
        plane = np.floor(added[:, OVERLAP:-OVERLAP] * 2.0**-SYNTHESIS_BITS + 0.5).T
    return plane


def strips(blocks: Floats, synthesis: npt.NDArray[np.int32], unit: int, margin: int) -> Iterator[npt.NDArray[np.int32]]:
    """Yield the planes of blocks (P, rows, columns, 64) strip by strip, so that they take little memory.

    A strip is (P, height + 2 margin, width + 2 margin) integers, `unit` of them to one of the blocks'. Beyond the picture the
    pixels at its border go on.
    """
    for first in range(0, blocks.shape[1], STRIP):
        above = max(first - 1, 0)  # windows overlap by less than a block, and so does the margin
        parts = blocks[:, above : first + STRIP + 1]
        planes = np.stack([synthesise(unit * part, synthesis) for part in parts]).astype(np.int32)
        padded = np.pad(planes, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
        top, height = (first - above) * BLOCK, min(STRIP, blocks.shape[1] - first) * BLOCK
        yield np.ascontiguousarray(padded[:, top : top + height + 2 * margin])
