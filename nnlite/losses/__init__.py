"""Losses: how wrong a prediction is, and the direction in which it becomes less wrong.

Read `loss`, then `regression`, then `cross_entropy`.
"""

from collections.abc import Callable

from nnlite.losses.cross_entropy import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, SoftmaxCrossEntropyWithLogits
from nnlite.losses.loss import Loss
from nnlite.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

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
