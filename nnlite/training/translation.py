"""Which functions of rows stand for a model's layers in the compiled step, and which obstacles there are."""

from typing import Any

from nnlite.arrays import FloatArray
from nnlite.jit import COMPILED
from nnlite.layers import Dense, Flatten, Layer, Reshape, Stack
from nnlite.layers.layer import Parameter
from nnlite.losses import Loss
from nnlite.optimizers import OPTIMIZERS
from nnlite.optimizers.optimizer import Optimizer
from nnlite.training.row_functions import FUNCTIONS


class NotCompilable(ValueError):
    """What the compiled step cannot compute, though the layers may; the message says why."""

    def __init__(self, obstacle: str):
        super().__init__(
            f"the compiled step expects dense layers, elementwise activations, nnlite's losses and optimizers, but {obstacle}: "
            "leave out compiled=True"
        )


Functions = list[tuple[Layer, Any, str]]  # the layer that each stands for, and the layer's attribute that is its setting, or ""


def translate(model: Stack, loss: Loss | None, optimizer: Optimizer | None) -> tuple[Functions, list[int], list[FloatArray]]:
    """Return the functions of all layers, how many of them stand before each Dense and in all, and the arrays W, b, W, b, ..."""
    functions: Functions = []
    ends: list[int] = []
    parameters: list[Parameter] = []
    for position, layer in enumerate(_flat(model)):
        if type(layer) is Dense:
            ends.append(len(functions))
            parameters += layer.weight, layer.bias
        elif type(layer) in FUNCTIONS:
            functions.append((layer, *FUNCTIONS[type(layer)]))
        elif type(layer) not in (Flatten, Reshape):
            raise NotCompilable(f"layer {position} is a {type(layer).__name__}")
    pairs = zip(parameters[::2], parameters[1::2], strict=True)
    obstacles = {
        "numba is told not to compile": not COMPILED,
        "there is no Dense": not parameters,
        "two layers share a parameter": len(set(parameters)) < len(parameters),
        "a bias does not fit its weights": any(bias.value.shape != weight.value.shape[1:] for weight, bias in pairs),
        "the parameters are of several dtypes": len({parameter.value.dtype for parameter in parameters}) > 1,
        f"the loss is a {type(loss).__name__}": loss is not None and type(loss) not in FUNCTIONS,
        f"the optimizer is a {type(optimizer).__name__}": optimizer is not None and type(optimizer) not in OPTIMIZERS.values(),
        "the optimizer holds other parameters": optimizer is not None and optimizer.parameters != parameters,
        "clip_norm needs all gradients before the first weight changes": optimizer is not None and optimizer.clip_norm is not None,
    }
    for obstacle in (name for name, is_there in obstacles.items() if is_there):
        raise NotCompilable(obstacle)
    return functions, [*ends, len(functions)], [parameter.value for parameter in parameters]


def _flat(layer: Layer) -> list[Layer]:
    """Return the layers in a stack, and in the stacks in it."""
    if isinstance(layer, Stack) and (type(layer).forward, type(layer).backward) == (Stack.forward, Stack.backward):
        return [inner for outer in layer.layers for inner in _flat(outer)]
    return [layer]
