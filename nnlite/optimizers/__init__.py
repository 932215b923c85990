"""Optimizers: from gradients to better parameters.

Read `optimizer`, then `sgd`, then `adam`.
"""

from collections.abc import Callable

from nnlite.optimizers.adam import Adam, AdamW, RMSProp
from nnlite.optimizers.optimizer import Optimizer
from nnlite.optimizers.sgd import SGD

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSProp}

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSProp"]
