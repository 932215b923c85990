"""How far numbers are from numbers: squared, absolute, and Huber's in between."""

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, Workspace, expect, is_number
from nnlite.losses.loss import Loss


class MeanSquaredError(Loss):
    """L = Σ (p − t)² / (N D), the mean over N and D; ∂L/∂p = 2 (p − t) / (N D).

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.losses import MeanSquaredError
    >>> value, gradient = MeanSquaredError().value_and_gradient(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    >>> print(value, gradient)
    2.5 [[ 1. -2.]]
    """

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        return kernels.mean_squared_error(prediction, target, gradient)


class MeanAbsoluteError(Loss):
    """L = Σ |p − t| / (N D), the mean over N and D; ∂L/∂p = sign(p − t) / (N D), at the kink, p = t, 0."""

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        difference = prediction - target  # (N, D)
        np.sign(difference, out=gradient)
        gradient /= difference.size
        return float(np.mean(np.abs(difference), dtype=np.float64))


class Huber(Loss):
    """L = Σ h(p − t) / (N D), the mean over N and D: a parabola for small errors and lines for large ones, so outliers weigh less.

    h(r) = r² / 2 where |r| ≤ δ, else δ (|r| − δ / 2); ∂L/∂p = (r clipped to [−δ, δ]) / (N D).

    Parameters
    ----------
    delta : float, default 1
        δ, positive.

    References
    ----------
    P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
    """

    def __init__(self, delta: float = 1.0):
        super().__init__()
        expect(is_number(delta) and delta > 0, f"Huber expects a positive delta, received {delta!r}")
        self.delta = float(delta)

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        difference = prediction - target  # r, (N, D)
        clipped = np.clip(difference, -self.delta, self.delta, out=gradient)  # c
        value = np.mean(clipped * (difference - clipped / 2), dtype=np.float64)  # c (r − c / 2) is either of the two forms
        gradient /= difference.size
        return float(value)
