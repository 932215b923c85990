"""Whether a model ends with what its loss expects: logits, or probabilities."""

import warnings

from nnlite.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from nnlite.layers.dense import Dense, TiedDense
from nnlite.layers.fused import DenseWithActivation
from nnlite.layers.layer import Layer
from nnlite.layers.noise import Dropout, GaussianNoise
from nnlite.layers.normalization import BatchNormalization
from nnlite.layers.penalties import ActivityPenalty, SparsityPenalty, WeightPenalty
from nnlite.layers.rectifiers import ELU, GELU, LeakyReLU, SiLU, Softplus
from nnlite.layers.reshaping import Flatten, Reshape
from nnlite.layers.stack import Stack
from nnlite.losses.cross_entropy import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, SoftmaxCrossEntropyWithLogits
from nnlite.losses.loss import Loss

PASSING = (Flatten, Reshape, Dropout, GaussianNoise, ActivityPenalty, SparsityPenalty, WeightPenalty)  # y = x in inference
BEYOND = (Dense, TiedDense, BatchNormalization, Tanh, ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus)  # outputs outside [0, 1]


def last_layer(layer: Layer) -> Layer | None:
    """Return the last layer that changes numbers, inside nested stacks, too; None if there is none."""
    if isinstance(layer, DenseWithActivation):
        return layer.activation
    if not isinstance(layer, Stack):
        return None if isinstance(layer, PASSING) else layer
    return next((last for each in reversed(layer.layers) if (last := last_layer(each)) is not None), None)


def warn_of_ending(model: Stack, loss: Loss) -> None:
    """Warn of a sigmoid or softmax before a loss that applies its own, and of none before one that needs probabilities."""
    last, name = last_layer(model), type(loss).__name__
    if isinstance(loss, BinaryCrossEntropyWithLogits | SoftmaxCrossEntropyWithLogits) and isinstance(last, Sigmoid | Softmax):
        ending = type(last).__name__
        warnings.warn(f"{name} expects logits, received a model that ends with {ending}: leave the {ending} out", stacklevel=3)
    if isinstance(loss, BinaryCrossEntropy) and isinstance(last, BEYOND):
        ending = type(last).__name__
        text = f"{name} expects probabilities, received a model that ends with {ending}: end it with Sigmoid, or use 'bce_logits'"
        warnings.warn(text, stacklevel=3)
