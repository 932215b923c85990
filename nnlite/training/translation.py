"""Which functions of rows stand for a model's layers, loss and optimizer in the compiled step, and which obstacles there are."""

from typing import Any

from nnlite import layers, losses, optimizers
from nnlite.arrays import FloatArray
from nnlite.jit import COMPILED
from nnlite.layers import Dense, Layer, Stack
from nnlite.losses.loss import Loss
from nnlite.optimizers.optimizer import Optimizer
from nnlite.training import row_functions

ACTIVATIONS = {
    layers.ReLU: (row_functions.relu, None),
    layers.LeakyReLU: (row_functions.leaky_relu, "slope"),
    layers.ELU: (row_functions.elu, "alpha"),
    layers.Sigmoid: (row_functions.sigmoid, None),
    layers.Tanh: (row_functions.tanh, None),
    layers.Softplus: (row_functions.softplus, None),
    layers.SiLU: (row_functions.silu, None),
    layers.GELU: (row_functions.gelu, None),
}
LOSSES = {
    losses.MeanSquaredError: row_functions.mean_squared_error,
    losses.BinaryCrossEntropy: row_functions.binary_cross_entropy,
    losses.BinaryCrossEntropyWithLogits: row_functions.binary_cross_entropy_with_logits,
    losses.SoftmaxCrossEntropyWithLogits: row_functions.softmax_cross_entropy,
}
OPTIMIZERS = (optimizers.SGD, optimizers.Adam, optimizers.AdamW, optimizers.RMSProp)


class NotCompilable(ValueError):
    """What the compiled step cannot compute, though the layers may; the message says why."""

    def __init__(self, obstacle: str):
        super().__init__(
            f"the compiled step expects dense layers, elementwise activations, nnlite's losses and optimizers, but {obstacle}: "
            "leave out compiled=True"
        )


Functions = list[tuple[Any, float]]  # with their settings


def stages(model: Stack, loss: Loss | None, optimizer: Optimizer | None) -> list[tuple[Layer | None, Functions]]:
    """Return each Dense with the functions behind it, and before them None with the functions before the first."""
    found: list[tuple[Layer | None, Functions]] = [(None, [])]
    for position, layer in enumerate(_flat(model)):
        if type(layer) is Dense:
            found.append((layer, []))
        elif type(layer) in ACTIVATIONS:
            function, setting = ACTIVATIONS[type(layer)]
            found[-1][1].append((function, float(getattr(layer, setting)) if setting else 0.0))
        elif type(layer) not in (layers.Flatten, layers.Reshape):
            raise NotCompilable(f"layer {position} is a {type(layer).__name__}")
    parameters = [parameter for layer, _ in found if layer is not None for parameter in layer.parameters]
    obstacles = {
        "numba is told not to compile": not COMPILED,
        "there is no Dense": not parameters,
        "two layers share a parameter": len(set(parameters)) < len(parameters),
        "the parameters are of several dtypes": len({parameter.value.dtype for parameter in parameters}) > 1,
        f"the loss is a {type(loss).__name__}": loss is not None and type(loss) not in LOSSES,
        f"the optimizer is a {type(optimizer).__name__}": optimizer is not None and type(optimizer) not in OPTIMIZERS,
        "the optimizer holds other parameters": optimizer is not None and optimizer.parameters != parameters,
        "clip_norm needs all gradients before the first weight changes": optimizer is not None and optimizer.clip_norm is not None,
    }
    for obstacle, is_there in obstacles.items():
        if is_there:
            raise NotCompilable(obstacle)
    return found


def _flat(layer: Layer) -> list[Layer]:
    """Return the layers in a stack, and in the stacks in it."""
    if isinstance(layer, Stack) and (type(layer).forward, type(layer).backward) == (Stack.forward, Stack.backward):
        return [inner for outer in layer.layers for inner in _flat(outer)]
    return [layer]


def rule(optimizer: Optimizer) -> tuple[Any, list[list[FloatArray]]]:
    """Return how a row of weights is changed, and what is remembered of each parameter."""
    if isinstance(optimizer, optimizers.SGD):
        with_momentum = row_functions.sgd_nesterov if optimizer.nesterov else row_functions.sgd_momentum
        return (with_momentum, [optimizer.velocity]) if optimizer.momentum else (row_functions.sgd, [])
    if isinstance(optimizer, optimizers.RMSProp):
        return row_functions.adam, [optimizer._m, optimizer.v]
    assert isinstance(optimizer, optimizers.Adam)
    means = [optimizer.m, optimizer.v]
    return (row_functions.amsgrad, [*means, optimizer.largest]) if optimizer.amsgrad else (row_functions.adam, means)


def settings(optimizer: Optimizer) -> tuple[float, ...]:
    """Return the settings of its rule for the next step."""
    rate = optimizer.learning_rate
    if isinstance(optimizer, optimizers.SGD):
        return rate, optimizer.momentum
    if isinstance(optimizer, optimizers.RMSProp):
        return rate, optimizer.epsilon, 0.0, optimizer.decay, 1.0  # Adam with β₁ = 0
    assert isinstance(optimizer, optimizers.Adam)
    step, weight_decay = optimizer.step_count + 1, getattr(optimizer, "weight_decay", 0.0)
    root2 = (1 - optimizer.beta2**step) ** 0.5  # as in `nnlite.Adam`
    corrected = rate * root2 / (1 - optimizer.beta1**step), optimizer.epsilon * root2
    return *corrected, optimizer.beta1, optimizer.beta2, 1 - rate * weight_decay
