"""Principal component analysis of images: the linear code with which autoencoders are compared."""

from typing import NamedTuple

import numpy as np

MAX_IMAGES = 5000  # more are not needed for a few directions, and an eigenvalue problem of their number would take long


class PCA(NamedTuple):
    """The mean (D,) and the directions (K, D) of greatest variance, of images as floats in [0, 1]."""

    mean: np.ndarray
    directions: np.ndarray

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the codes (N, K) of uint8 images."""
        return (_rows(images) - self.mean) @ self.directions.T

    def decode(self, codes: np.ndarray, image_shape: tuple[int, ...]) -> np.ndarray:
        """Return the images of codes (N, K), clipped to [0, 1]."""
        return np.clip(self.mean + codes @ self.directions, 0, 1).reshape(-1, *image_shape)


def fit_pca(images: np.ndarray, count: int, rng: np.random.Generator) -> PCA:
    """Return the `count` directions of greatest variance; zeros for those that so few images do not have.

    The directions are the eigenvectors v of XᵀX, with the images less their mean as the rows of X (N, D). Where N < D they are
    taken from those of X Xᵀ, which is smaller: X Xᵀ u = λ u gives XᵀX (Xᵀu) = λ Xᵀu, and the length of Xᵀu is √λ.
    """
    if min(len(images), images[0].size) > MAX_IMAGES:
        images = images[rng.permutation(len(images))[:MAX_IMAGES]]
    x = _rows(images)
    mean = x.mean(axis=0)
    x -= mean
    few = len(x) < x.shape[1]
    variances, vectors = np.linalg.eigh((x @ x.T if few else x.T @ x).astype(np.float64))  # ascending
    kept = np.flatnonzero(variances > 1e-6 * variances[-1])[::-1][:count]
    directions = np.zeros((count, x.shape[1]), np.float32)
    directions[: len(kept)] = (vectors[:, kept] / np.sqrt(variances[kept])).T.astype(np.float32) @ x if few else vectors[:, kept].T
    return PCA(mean, directions)


def _rows(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 rows (N, D) in [0, 1]."""
    return images.reshape(len(images), -1) / np.float32(255)
