"""A neuron that predicts the next pixel: least squares over the pixels decoded before, solved anew at every pixel.

v is a pixel and x its known neighbours, all less a base, the mean of the two nearest ones. The weights that predict v = wᵀx best
over the pixels before, the recent ones counting more, solve the normal equations (Gauss, 1809)

    R w = m,    R = Σ λ^age x xᵀ,    m = Σ λ^age x v        λ = 1 − 2^−memory

R and m, kept as one more column of R, gain one term a pixel. Their solution is not computed but followed: a *sweep* of the
Gauss–Seidel method from the weights of the pixel before,  w_i ← w_i + (m_i − Σ_j R_ij w_j) / R_ii,  is enough, because R has hardly
changed. All are integers, 16 bits behind the point in w and 4 in R and m, so both ends of the coder agree.

What a pixel's surroundings look like depends on where it is: the picture is cut into columns, each with R, m and w of its own.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.jit import inlined

WEIGHT = 1 << 16  # one
LARGEST = 16 * WEIGHT
DAMPING = 1 << 12  # on the diagonal of R, so that flat regions divide by no zero: as 2^10 pixels with a noise of half a grey level
COLUMN = 32  # pixels, in pictures of up to COLUMN * COLUMNS
COLUMNS = 64


class Neuron(NamedTuple):
    """Least squares for every column and plane.

    Attributes
    ----------
    covariance : int32 array, shape (columns, planes, n, n + 1)
        R and m, below 2^31: the neighbours are below 2^8 and the memory is at most 10.
    weights : int32 array, shape (columns, planes, n)
        w.
    memory : int
        λ = 1 − 2^−memory.
    """

    covariance: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int32]
    memory: int


def fresh_neuron(columns: int, planes: int, inputs: int, memory: int) -> Neuron:
    """Return a neuron that has seen nothing; its weights say that pixels are alike to their neighbours W, N, NW and NE."""
    shape = (columns, planes, inputs)
    weights = np.zeros(shape, np.int32)
    weights[..., :4] = 40000, 40000, -26000, 12000
    return Neuron(np.zeros((*shape, inputs + 1), np.int32), weights, memory)


@inlined
def predict(weights: npt.NDArray[np.int32], x: npt.NDArray[np.int32], n: int) -> int:
    """Return 8 wᵀx, rounded."""
    total = WEIGHT >> 4
    for i in range(n):
        total += np.int64(weights[i]) * x[i]
    return total >> 13


@inlined
def follow(neuron: Neuron, column: int, plane: int, x: npt.NDArray[np.int32], n: int, value: int) -> None:
    """Take the pixel `value` with its n neighbours x into account, and sweep once. Behind them x has room for the value."""
    covariance, weights = neuron.covariance[column, plane], neuron.weights[column, plane]
    memory, x[n] = np.int32(neuron.memory), value
    for i in range(n):
        share = np.int32(16 * x[i])
        for j in range(n + 1):
            covariance[i, j] = np.int32(covariance[i, j] - (covariance[i, j] >> memory)) + np.int32(share * x[j])
    for i in range(n):
        rest = np.int64(covariance[i, n]) << 16
        for j in range(n):
            rest -= np.int64(covariance[i, j]) * np.int64(weights[j])
        weights[i] = min(max(weights[i] + rest // (np.int64(covariance[i, i]) + DAMPING), -LARGEST), LARGEST)
