"""Check whether a model's last layer gives the numbers that its loss expects: logits or probabilities."""

import warnings

from nnlite import layers
from nnlite.layers import Sigmoid, Softmax, Stack
from nnlite.layers.stack import layers_by_position
from nnlite.losses import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, Loss, SoftmaxCrossEntropyWithLogits

LINEAR = (layers.Dense, layers.TiedDense, layers.BatchNormalization)
# Layers that give numbers outside [0, 1]:
BEYOND = (*LINEAR, layers.Tanh, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.GELU, layers.SiLU, layers.Softplus)
UNCHANGING = (layers.Flatten, layers.Reshape, *layers.IDENTITIES)  # layers that give the numbers that they take


def warn_of_ending(model: Stack, loss: Loss) -> None:
    """Warn of a sigmoid or softmax before a loss that applies its own, and of none before one that needs probabilities."""
    last = next((layer for layer in reversed(layers_by_position(model).values()) if not isinstance(layer, UNCHANGING)), None)
    name, ending = type(loss).__name__, type(last).__name__
    if isinstance(loss, BinaryCrossEntropyWithLogits | SoftmaxCrossEntropyWithLogits) and isinstance(last, Sigmoid | Softmax):
        warnings.warn(f"{name} expects logits, received a model that ends with {ending}: leave the {ending} out", stacklevel=3)
    if isinstance(loss, BinaryCrossEntropy) and isinstance(last, BEYOND):
        text = f"{name} expects probabilities, received a model that ends with {ending}: end it with Sigmoid, or use 'bce_logits'"
        warnings.warn(text, stacklevel=3)
