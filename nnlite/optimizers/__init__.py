"""Optimizers: from gradients to better parameters.

Read `optimizer`: the base, SGD and Adam; then `adam_relatives`.
"""

from collections.abc import Callable

from nnlite.optimizers.adam_relatives import AdamW, RMSProp
from nnlite.optimizers.optimizer import SGD, Adam, Optimizer

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSProp}

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSProp"]
