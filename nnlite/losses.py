"""How wrong a prediction is, as one number, and the direction in which it would become less wrong.

Each loss returns its value and its gradient ∂L/∂prediction under one and the same reduction, stated in its docstring: a gradient
that is averaged differently from the value is a learning rate in disguise. Prediction and target must have equal shapes; nothing is
broadcast, because (N, 1) against (N,) would quietly compare everything with everything.

Squared, absolute and Huber's are for numbers. The cross-entropies tell how many nats a prediction of probabilities wastes: two
classes for each element, or C classes for each sample.
"""

import copy
import warnings
from collections.abc import Callable

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, as_number
from nnlite.layers.layer import Workspace, expect_floats, fill


class Loss:
    """Base of all losses: checks the arguments, and lends the arrays that the gradient is written into.

    A loss of your own needs `_evaluate`.
    """

    takes_rows = False  # whether a sample's numbers are the scores of classes, so that predictions must be (N, C)

    def __init__(self) -> None:
        self._workspace = Workspace()

    def value(self, prediction: FloatArray, target: FloatArray) -> float:
        """Return L."""
        return self._compute(prediction, target, Workspace())[0]

    def value_and_gradient(self, prediction: FloatArray, target: FloatArray) -> tuple[float, FloatArray]:
        """Return L and ∂L/∂prediction, shape and dtype of the prediction; the array is valid until the next call."""
        return self._compute(prediction, target, self._workspace)

    def rngs(self) -> list[np.random.Generator]:
        """Return the generators that the loss draws from; one that has any must name them here, or cannot be resumed."""
        return []

    def warn_of_targets(self, target: FloatArray) -> None:
        """Warn of targets (M, D) for which the loss is not made; `fit` and `evaluate` ask before they begin."""

    def copy(self) -> "Loss":
        """Return a loss of the same settings with arrays of its own: `compile` takes one, so that two models share nothing."""
        twin = copy.copy(self)
        twin._workspace = Workspace()
        return twin

    def _compute(self, prediction: FloatArray, target: FloatArray, workspace: Workspace) -> tuple[float, FloatArray]:
        name = type(self).__name__
        for what, array in (("prediction", prediction), ("target", target)):
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} expects arrays, received a {what} that is {type(array).__name__}: use np.asarray")
        if prediction.shape != target.shape:
            labels = self.takes_rows and target.size == len(prediction) < prediction.size
            give = "give a number for each number of the prediction (without y, the target is x)"
            way_out = f"{'reshape one of them' if prediction.size == target.size else give}, nothing is broadcast"
            way_out = "make rows of labels with one_hot(y, classes)" if labels else way_out
            received = f"prediction {prediction.shape} and target {target.shape}: {way_out}"
            raise ValueError(f"{name} expects a target of the prediction's shape, received {received}")
        if prediction.dtype != target.dtype:
            received = f"prediction {prediction.dtype} and target {target.dtype}"
            raise ValueError(f"{name} expects a target of the prediction's dtype, received {received}")
        expect_floats(name, prediction)
        if prediction.size == 0 or prediction.ndim == 0:
            raise ValueError(f"{name} is a mean and needs at least one element, received shape {prediction.shape}")
        if self.takes_rows and (prediction.ndim != 2 or prediction.shape[1] < 2):
            raise ValueError(f"{name} expects logits (N, C) of at least two classes, received shape {prediction.shape}")
        gradient = workspace.array("gradient", prediction.shape, prediction.dtype)
        rows = len(prediction), -1  # (N, D)
        arrays = prediction.reshape(rows), target.reshape(rows), gradient.reshape(rows)
        value = fill(gradient, self._evaluate, *arrays, workspace)
        if not isinstance(value, float | np.floating):
            raise ValueError(f"{name}._evaluate is expected to return the value alone, received {type(value).__name__}")
        return float(value), gradient

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        """Return the value and write the gradient; all arrays (N, D)."""
        expected = "a method _evaluate(prediction, target, gradient, workspace) that returns the value and fills the gradient"
        raise NotImplementedError(f"{type(self).__name__} is expected to have {expected}")


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
        self.delta = as_number("Huber expects a positive delta", delta, above=0)

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        difference = prediction - target  # r, (N, D)
        clipped = np.clip(difference, -self.delta, self.delta, out=gradient)  # c
        value = np.mean(clipped * (difference - clipped / 2), dtype=np.float64)  # c (r − c / 2) is either of the two forms
        gradient /= difference.size
        return float(value)


class BinaryLoss(Loss):
    """Base of the binary cross-entropies: warns once of targets outside [0, 1], for which the loss is not bounded from below."""

    _warned = False

    def warn_of_targets(self, target: FloatArray) -> None:
        """Warn of targets outside [0, 1], the first time that there are some."""
        if not self._warned and (target.min() < 0 or target.max() > 1):
            self._warned = True
            text = f"{type(self).__name__} expects targets in [0, 1], received {target.min():g} to {target.max():g}: scale them"
            warnings.warn(text, stacklevel=2)


class BinaryCrossEntropy(BinaryLoss):
    """L = −Σ [t log p + (1 − t) log(1 − p)] / (N D), the mean over N and D, in nats, of probabilities p.

    ∂L/∂p = (p − t) / (p (1 − p)) / (N D). Value and gradient are those at p clipped to [1e-7, 1 − 1e-7]; Keras has the same
    value, but the gradient 0 where it clips. If a sigmoid makes the probabilities, take `BinaryCrossEntropyWithLogits`, which
    needs no clipping. Numbers outside [0, 1] are no probabilities: ValueError.
    """

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        self.warn_of_targets(target)
        if prediction.min() < -1e-6 or prediction.max() > 1 + 1e-6:  # by more than rounding may do
            received = f"received predictions from {prediction.min():g} to {prediction.max():g}"
            way_out = "end the model with a Sigmoid, or use BinaryCrossEntropyWithLogits"
            raise ValueError(f"BinaryCrossEntropy expects probabilities in [0, 1], {received}: {way_out}")
        p, log_p, log_q = (workspace.array(name, prediction.shape, prediction.dtype) for name in ("p", "log", "not"))
        np.clip(prediction, 1e-7, 1 - 1e-7, out=p)
        np.log(p, out=log_p)
        np.subtract(1, p, out=log_q)  # q = 1 − p
        np.log(log_q, out=log_q)
        return kernels.binary_cross_entropy(p, log_p, log_q, target, gradient)


class BinaryCrossEntropyWithLogits(BinaryLoss):
    """The binary cross-entropy of p = sigmoid(z), computed from the logits z; the mean over N and D, in nats.

    With log p = z − log(1 + eᶻ) and log(1 − p) = −log(1 + eᶻ):
    L = Σ [log(1 + eᶻ) − z t] / (N D) = Σ [max(z, 0) − z t + log(1 + exp(−|z|))] / (N D), where nothing overflows.
    ∂L/∂z = (sigmoid(z) − t) / (N D).

    Examples
    --------
    A certain and wrong answer costs its logit; log(1 − sigmoid(1000)) would be −∞:

    >>> import numpy as np
    >>> from nnlite.losses import BinaryCrossEntropyWithLogits
    >>> print(BinaryCrossEntropyWithLogits().value(np.array([[1000.0]]), np.array([[0.0]])))
    1000.0
    """

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        self.warn_of_targets(target)
        e, log_one_plus_e = (workspace.array(name, prediction.shape, prediction.dtype) for name in ("e", "log"))
        np.abs(prediction, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.log1p(e, out=log_one_plus_e)
        return kernels.binary_cross_entropy_with_logits(prediction, e, log_one_plus_e, target, gradient)


class SoftmaxCrossEntropyWithLogits(Loss):
    """L = −Σ_n Σ_c t[n, c] log softmax(z[n])[c] / N, the mean over N of the sum over C, in nats, from logits z (N, C).

    Targets are rows of probabilities that sum to 1 (one-hot for labels, see `nnlite.datasets.one_hot`).
    log softmax(z)_c = z_c − log Σ_k exp(z_k), with the row's maximum subtracted from z first, so that nothing overflows.
    ∂L/∂z = (softmax(z) · Σ_c t_c − t) / N.

    Examples
    --------
    Two equal scores: the right class has the probability 1/2, which costs ln 2.

    >>> import numpy as np
    >>> from nnlite.losses import SoftmaxCrossEntropyWithLogits
    >>> print(round(SoftmaxCrossEntropyWithLogits().value(np.array([[7.0, 7.0]]), np.array([[0.0, 1.0]])), 4))
    0.6931
    """

    takes_rows = True

    def warn_of_targets(self, target: FloatArray) -> None:
        """Warn of targets that are no distribution; rounding may change a sum by a few hundredths."""
        wrong = (target.min(axis=1) < 0) | (np.abs(target.sum(axis=1) - 1) > 0.03)  # (M,)
        for row in np.flatnonzero(wrong)[: target.shape[1] > 1]:
            received = f"received in sample {row} numbers that sum to {target[row].sum():g}, the least {target[row].min():g}"
            text = f"softmax cross-entropy expects targets that are probabilities and sum to 1, {received}: give one_hot(labels, C)"
            warnings.warn(text, stacklevel=4)

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        shifted = prediction - prediction.max(axis=1, keepdims=True)  # (N, C)
        exponential = np.exp(shifted)
        partition = exponential.sum(axis=1, keepdims=True)  # (N, 1)
        value = -np.sum(target * (shifted - np.log(partition)), dtype=np.float64) / len(target)
        np.multiply(exponential / partition, target.sum(axis=1, keepdims=True), out=gradient)
        gradient -= target
        gradient /= len(target)
        return float(value)


LOSSES: dict[str, Callable[[], Loss]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "huber": Huber,
    "bce": BinaryCrossEntropy,
    "bce_logits": BinaryCrossEntropyWithLogits,
    "softmax_cross_entropy": SoftmaxCrossEntropyWithLogits,
}

__all__ = [
    "LOSSES", "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "Huber", "Loss", "MeanAbsoluteError", "MeanSquaredError",
    "SoftmaxCrossEntropyWithLogits",
]  # fmt: skip
