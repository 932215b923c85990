"""A dense network that mends the decoded pixels: the third of the error that can be guessed from the neighbourhood.

Quantising blurs what is fine and adds ripples beside what is sharp. Both are predictable: a network sees the pixels around one and
says how far it is off, in all three planes. Chroma gains most, since it sees where luma has its edges.

    99 differences to the pixel itself (7 × 7 of the first plane, 5 × 5 of the two others) and the quality
    → Dense → ReLU → … → Dense → 3 corrections

All is measured in quantiser steps: a network for all qualities. It is trained in floats, by `nnlite`'s Sequential and Adam (see
`demos.train_photographs`), and then becomes **integers**, such that decoders on all machines compute the same pixels:

    differences in 1/16 step, cut off at ±8 steps         8 bits
    hidden values as bytes, after ReLU, in 2^−k            8 bits
    weights of as many bits as keep every sum below 2^24

Float32 holds such sums exactly, whatever their order: the products are those of the BLAS, and as fast. With n rows of activations
a, bytes, and a layer's weights w, biases b (both integers) and shift s, the next ones are min(max(0, (w a + b) >> s), 255).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect
from nnlite.jit import jit
from nnlite.layers.layer import Workspace

RADII = (3, 2, 2)  # of the windows in each plane
MARGIN = max(RADII)
# Of each difference: the plane, and the rows down and the columns to the right of the pixel
WINDOWS = np.array([(p, y, x) for p, r in enumerate(RADII) for y in range(-r, r + 1) for x in range(-r, r + 1)])
INPUTS = len(WINDOWS) + 1
UNIT = 256  # planes and corrections are in 1/256 step
FINENESS = 16  # inputs are in 1/16 step
LARGEST_INPUT = 127
STRIP = 4096  # pixels at a time: their activations stay in the processor's cache

Planes = npt.NDArray[np.int32]


class IntegerLayer(NamedTuple):
    """A dense layer in integers: weight (outputs, inputs) and bias (outputs,) as float32 arrays of whole numbers, and shift."""

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    shift: int


def check_layers(layers: list[IntegerLayer]) -> None:
    """Raise ValueError unless the layers fit together and no sum can reach 2^24, where float32 would begin to round."""
    width, largest = INPUTS, LARGEST_INPUT
    for weight, bias, shift in layers:
        fits = weight.shape == (len(bias), width)
        expect(fits, f"the network expects weights of ({len(bias)}, {width}), received {weight.shape}")
        expect(0 <= shift < 24, f"the network expects shifts from 0 to 23, received {shift}")
        sums = np.abs(weight).sum(axis=1, dtype=np.float64) * largest + np.abs(bias)
        expect(sums.max() < 2**24, "the network expects weights whose sums stay below 2^24, received larger ones")
        width, largest = len(bias), 255
    expect(width == len(RADII), f"the network expects {len(RADII)} outputs, received {width}")


@jit
def gather(planes: Planes, top: int, quality: int, inputs: npt.NDArray[np.float32]) -> None:
    """Write the inputs (INPUTS, rows, width) of rows of pixels, from `top` on, of planes (3, height + 6, width + 6).

    The last tells the step's size: 16 log₂(step / 32), from 32 to −80, rounded down.
    """
    _, rows, width = inputs.shape
    largest = np.float32(LARGEST_INPUT)
    for k in range(len(WINDOWS)):
        plane, down, right = WINDOWS[k]
        for y in range(rows):
            pixels = planes[plane, top + y + MARGIN, MARGIN : MARGIN + width]
            others = planes[plane, top + y + MARGIN + down, MARGIN + right : MARGIN + right + width]
            for x in range(width):
                difference = np.int32(np.int32(others[x] - pixels[x] + 8) >> 4)  # in 32 bits, twice as many at once
                inputs[k, y, x] = min(max(np.float32(difference), -largest), largest)
    inputs[-1] = np.float32(7 * (100 - quality) * FINENESS // 100 - 5 * FINENESS)


@jit
def activate(sums: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], scale: np.float32, hidden: bool) -> None:
    """Sums ← floor((sums + bias) · scale), between 0 and 255 where hidden; scale is a power of two."""
    for i in range(sums.shape[0]):
        for n in range(sums.shape[1]):
            value = np.floor((sums[i, n] + bias[i]) * scale)
            sums[i, n] = min(max(value, np.float32(0)), np.float32(255)) if hidden else value


def correct(planes: Planes, quality: int, layers: list[IntegerLayer]) -> Planes:
    """Return the corrections (3, height, width) of planes (3, height + 6, width + 6), all in 1/256 step."""
    height, width = planes.shape[1] - 2 * MARGIN, planes.shape[2] - 2 * MARGIN
    corrections = np.empty((len(RADII), height, width), np.int32)
    rows = max(1, STRIP // width)
    workspace = Workspace()
    for top in range(0, height, rows):
        part = corrections[:, top : top + rows]
        inputs = workspace.array("inputs", (INPUTS, *part.shape[1:]), np.float32)
        gather(planes, top, quality, inputs)
        values = inputs.reshape(INPUTS, -1)
        for number, layer in enumerate(layers):
            sums = workspace.array(f"layer {number}", (len(layer.bias), values.shape[1]), np.float32)
            values = np.matmul(layer.weight, values, out=sums)
            activate(values, layer.bias, np.float32(2.0**-layer.shift), layer is not layers[-1])
        part[:] = values.reshape(part.shape)
    return corrections
