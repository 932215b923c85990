"""Examples for the pictures: images between two images, random codes, and a row of counts."""

import numpy as np


def between(start: np.ndarray, end: np.ndarray, count: int = 10) -> np.ndarray:
    """Return (count, ...): equal steps from one image or code (...) to another, with both ends."""
    part = np.linspace(0, 1, count, dtype=np.float32).reshape(-1, *[1] * start.ndim)
    return (1 - part) * start + part * end


def samples(codes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return codes (count, K) drawn from the normal distribution with the mean and covariance of these codes (N, K)."""
    covariance = np.atleast_2d(np.cov(codes.astype(np.float64), rowvar=False))
    variances, directions = np.linalg.eigh(covariance)
    normal = rng.standard_normal((count, codes.shape[1])) * np.sqrt(np.maximum(variances, 0))
    return (codes.mean(axis=0) + normal @ directions.T).astype(np.float32)


def one_two_four(last: int) -> list[int]:
    """Return 1, 2, 4, 8 ... as long as they are less than `last`, then `last`."""
    return [*(2**power for power in range(last.bit_length()) if 2**power < last), last]
