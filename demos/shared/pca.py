"""Principal component analysis: the linear code with which autoencoders are compared, and the plane in which codes are drawn."""

from typing import NamedTuple

import numpy as np

MAX_ROWS = 5000  # more are not needed for a few directions, and an eigenvalue problem of their number would take long


class PCA(NamedTuple):
    """The directions of greatest variance, of images as floats in [0, 1] or of codes.

    Attributes
    ----------
    mean : array, shape (D,)
    directions : array, shape (K, D)
    share : array, shape (K,)
        The part of the variance that is in each direction.
    """

    mean: np.ndarray
    directions: np.ndarray
    share: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the codes (N, K) of uint8 images or floats (N, ...)."""
        return (_rows(x) - self.mean) @ self.directions.T

    def decode(self, codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return what has these codes (N, K), as floats (N, *shape); those of images may leave [0, 1] a little."""
        return (self.mean + codes @ self.directions).reshape(-1, *shape)


def fit_pca(x: np.ndarray, count: int) -> PCA:
    """Return the `count` directions of greatest variance of x (N, ...); zeros for those that it does not have.

    The directions are the eigenvectors v of XᵀX, with x less its mean as the rows of X (N, D). Where N < D they are taken from
    those of X Xᵀ, which is smaller: X Xᵀ u = λ u gives XᵀX (Xᵀu) = λ Xᵀu, and the length of Xᵀu is √λ. Where both N and D are
    large, rows at equal distances stand for all.
    """
    if min(len(x), x[0].size) > MAX_ROWS:
        x = x[:: -(-len(x) // MAX_ROWS)]
    x = _rows(x)
    mean = x.mean(axis=0)
    x = x - mean
    few = len(x) < x.shape[1]
    variances, vectors = np.linalg.eigh((x @ x.T if few else x.T @ x).astype(np.float64))  # ascending
    kept = np.flatnonzero(variances > 1e-6 * variances[-1])[::-1][:count]
    directions, share = np.zeros((count, x.shape[1]), x.dtype), np.zeros(count)
    directions[: len(kept)] = (vectors[:, kept] / np.sqrt(variances[kept])).T.astype(x.dtype) @ x if few else vectors[:, kept].T
    share[: len(kept)] = variances[kept] / variances.sum()
    return PCA(mean, directions, share)


def _rows(x: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 rows (N, D) in [0, 1], and floats as rows."""
    rows = x.reshape(len(x), -1)
    return rows / np.float32(255) if rows.dtype == np.uint8 else rows
