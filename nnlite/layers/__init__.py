"""Layers: they map a batch forward and carry the gradient back.

Read `layer`, `dense`, `activations` and `stack` first: they are the autoencoder. Read the others when you need them: `rectifiers`,
`noise`, `normalization`, `penalties`, `sampling`.
"""

from nnlite.layers.activations import Activation, ReLU, Sigmoid, Softmax, Tanh
from nnlite.layers.dense import Dense, Flatten, Reshape, TiedDense
from nnlite.layers.layer import Layer, Parameter
from nnlite.layers.noise import Dropout, GaussianNoise
from nnlite.layers.normalization import BatchNormalization, Rescale
from nnlite.layers.penalties import ActivityPenalty, SparsityPenalty, WeightPenalty
from nnlite.layers.rectifiers import ELU, GELU, LeakyReLU, SiLU, Softplus
from nnlite.layers.sampling import GaussianSample, MixtureSample, gaussian_kl
from nnlite.layers.stack import Stack

ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "softplus": Softplus,
    "silu": SiLU,
    "gelu": GELU,
}

IDENTITIES = (Dropout, GaussianNoise, ActivityPenalty, SparsityPenalty, WeightPenalty)  # in inference they return their input

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "Activation", "ActivityPenalty", "BatchNormalization", "Dense", "Dropout",
    "Flatten", "GaussianNoise", "GaussianSample", "Layer", "LeakyReLU", "MixtureSample", "Parameter", "ReLU", "Rescale", "Reshape",
    "SiLU", "Sigmoid", "Softmax", "Softplus", "SparsityPenalty", "Stack", "Tanh", "TiedDense", "WeightPenalty", "gaussian_kl",
]  # fmt: skip
