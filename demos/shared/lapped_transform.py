"""The lapped transform of photographs, learned: of all that can be undone, the one with the largest coding gain."""

import numpy as np

from demos.shared.command import Say
from nnlite import lbfgs


def learn_transform(photographs: list[np.ndarray], say: Say) -> tuple[np.ndarray, np.ndarray]:
    """Return analysis and synthesis (8, 16) with the largest coding gain for lines of these photographs."""
    lines = [photograph.mean(axis=2) for photograph in photographs]
    lags = [np.mean([np.var(line[:, lag:] - line[:, : line.shape[1] - lag]) / np.var(line) for line in lines]) for lag in range(16)]
    distance = np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    correlation = (1 - np.array(lags) / 2)[distance]  # of two samples of a line

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        steps = 1e-5 * np.eye(16)
        slopes = [(coding_loss(free + step, correlation) - coding_loss(free - step, correlation)) / 2e-5 for step in steps]
        return coding_loss(free, correlation), np.array(slopes)

    free, losses = lbfgs.minimize(loss, np.eye(4).ravel(), iterations=60)
    say(f"transform: coding gain {-losses[0]:.3f} dB without overlap, {-losses[-1]:.3f} dB with it")
    return lapped(free)


def lapped(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return analysis and synthesis (8, 16) of 16 free numbers: a filter across edges between blocks, then the cosine transform.

    The filter takes 4 samples on each side of an edge. It keeps their even part and multiplies their odd part by V (4, 4); V = 1 is
    the cosine transform alone. For any V the mirror image at the picture's border is even, so everything can be undone.
    """
    identity, zero = np.eye(4), np.zeros((4, 4))
    flip = identity[::-1]
    even_odd = np.block([[identity, flip], [flip, -identity]]) / np.sqrt(2)
    filter_ = even_odd @ np.block([[identity, zero], [zero, free.reshape(4, 4)]]) @ even_odd
    undo = np.linalg.inv(filter_)
    frequency, time_ = np.mgrid[:8, :8]
    cosine = np.where(frequency == 0, np.sqrt(1 / 8), np.sqrt(1 / 4)) * np.cos(np.pi * (2 * time_ + 1) * frequency / 16)
    analysis, synthesis = np.zeros((8, 16)), np.zeros((8, 16))
    analysis[:, :8], analysis[:, 8:] = cosine[:, :4] @ filter_[4:], cosine[:, 4:] @ filter_[:4]
    synthesis[:, :8], synthesis[:, 8:] = cosine[:, :4] @ undo[:, 4:].T, cosine[:, 4:] @ undo[:, :4].T
    norm = np.linalg.norm(synthesis, axis=1, keepdims=True)
    return analysis * norm, synthesis / norm


def coding_loss(free: np.ndarray, correlation: np.ndarray) -> float:
    """Return minus the coding gain, 10 log₁₀ of the variance over the geometric mean of the coefficients' variances, in dB."""
    analysis, _ = lapped(free)
    return float(10 * np.mean(np.log10(np.einsum("ki,ij,kj->k", analysis, correlation, analysis))))
