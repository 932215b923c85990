"""How many nats a prediction of probabilities wastes: two classes for each element, or C classes for each sample."""

import warnings

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, Workspace
from nnlite.losses.loss import Loss


class BinaryLoss(Loss):
    """Base of the binary cross-entropies: warns once of targets outside [0, 1], for which the loss is not bounded from below."""

    _warned = False

    def warn_of_targets(self, target: FloatArray) -> None:
        """Warn, the first time that there is reason to."""
        if not self._warned and _leaves_unit_interval(target):
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
        if _leaves_unit_interval(prediction, slack=1e-6):  # what rounding may do
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

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        shifted = prediction - prediction.max(axis=1, keepdims=True)  # (N, C)
        exponential = np.exp(shifted)
        partition = exponential.sum(axis=1, keepdims=True)  # (N, 1)
        value = -np.sum(target * (shifted - np.log(partition)), dtype=np.float64) / len(target)
        np.multiply(exponential / partition, target.sum(axis=1, keepdims=True), out=gradient)
        gradient -= target
        gradient /= len(target)
        return float(value)


def _leaves_unit_interval(array: FloatArray, slack: float = 0.0) -> bool:
    """Tell whether numbers lie outside [0, 1] by more than the slack; NaN does not.

    As integers the bits of the floats from 0 to 1 are those up to the bits of 1, so that one pass decides, but for NaN and −0.
    """
    bits = array.view(f"u{array.itemsize}")
    one = np.ones(1, array.dtype).view(bits.dtype)[0]
    return bool(bits.max() > one and (array.min() < -slack or array.max() > 1 + slack))
