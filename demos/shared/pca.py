"""Principal component analysis: a linear code to compare with autoencoders."""

from typing import NamedTuple

import numpy as np

MAX_ROWS = 5000  # enough for a few directions; an eigenvalue problem of more rows takes long


class PCA(NamedTuple):
    """The directions of greatest variance of images, as floats in [0, 1].

    Attributes
    ----------
    mean : array, shape (D,)
    directions : array, shape (K, D)
    """

    mean: np.ndarray
    directions: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the codes (N, K) of uint8 images or floats (N, ...)."""
        return (_rows(x) - self.mean) @ self.directions.T

    def decode(self, codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return floats (N, *shape) for codes (N, K); pixels may leave [0, 1] a little."""
        return (self.mean + codes @ self.directions).reshape(-1, *shape)


def fit_pca(x: np.ndarray, count: int) -> PCA:
    """Return the `count` directions of greatest variance of x (N, ...); zeros if x has fewer.

    The directions are the eigenvectors v of XᵀX; the rows of X (N, D) are x minus its mean. If N < D, take them from the smaller
    X Xᵀ: X Xᵀ u = λ u gives XᵀX (Xᵀu) = λ Xᵀu, and the length of Xᵀu is √λ. If both N and D are large, take rows at equal
    distances.
    """
    if min(len(x), x[0].size) > MAX_ROWS:
        x = x[:: -(-len(x) // MAX_ROWS)]
    x = _rows(x)
    mean = x.mean(axis=0)
    x = x - mean
    few = len(x) < x.shape[1]
    variances, vectors = np.linalg.eigh((x @ x.T if few else x.T @ x).astype(np.float64))  # ascending
    kept = np.flatnonzero(variances > 1e-6 * variances[-1])[::-1][:count]
    directions = np.zeros((count, x.shape[1]), x.dtype)
    directions[: len(kept)] = (vectors[:, kept] / np.sqrt(variances[kept])).T.astype(x.dtype) @ x if few else vectors[:, kept].T
    return PCA(mean, directions)


def _rows(x: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 rows (N, D) in [0, 1], and floats as rows."""
    rows = x.reshape(len(x), -1)
    return rows / np.float32(255) if rows.dtype == np.uint8 else rows
