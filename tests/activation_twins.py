"""Every activation of `nnlite.layers.ACTIVATIONS` once more: formula, derivative and limits, in plain NumPy: a row for each."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import reference


def _itself(x):
    return x


class Twin(NamedTuple):
    """What an activation is held to.

    `forward` gives y of x, `backward` dx of x and dy. `limits` are y far to the left and to the right, numbers or functions of x,
    and the slopes there; `at_zero` is y at 0, and the slopes that are allowed. `torch` gives PyTorch's y of the module and x.
    """

    forward: Callable[[Any], Any]
    backward: Callable[[Any, Any], Any]
    torch: Callable[[Any, Any], Any]
    limits: tuple[Any, Any, float, float] | None = None
    at_zero: tuple[float, set[float]] | None = None


TWINS = {
    "relu": Twin(
        reference.relu,
        lambda x, dy: reference.relu_backward(reference.relu(x), dy),
        lambda torch, x: torch.relu(x),
        limits=(0, _itself, 0, 1),
        at_zero=(0, {0, 1}),
    ),
    "leaky_relu": Twin(
        lambda x: reference.leaky_relu(x, 0.01),
        lambda x, dy: reference.leaky_relu_backward(x, 0.01, dy),
        lambda torch, x: torch.nn.functional.leaky_relu(x, 0.01),
        limits=(lambda x: 0.01 * x, _itself, 0.01, 1),
        at_zero=(0, {0.01, 1}),
    ),
    "elu": Twin(
        lambda x: reference.elu(x, 1),
        lambda x, dy: reference.elu_backward(x, 1, dy),
        lambda torch, x: torch.nn.functional.elu(x),
        limits=(-1, _itself, 0, 1),
        at_zero=(0, {1}),
    ),
    "softplus": Twin(
        reference.softplus,
        reference.softplus_backward,
        lambda torch, x: torch.nn.functional.softplus(x),
        limits=(0, _itself, 0, 1),
        at_zero=(math.log(2), {0.5}),
    ),
    "silu": Twin(
        reference.silu,
        reference.silu_backward,
        lambda torch, x: torch.nn.functional.silu(x),
        limits=(0, _itself, 0, 1),
        at_zero=(0, {0.5}),
    ),
    "gelu": Twin(
        reference.gelu,
        reference.gelu_backward,
        lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
        limits=(0, _itself, 0, 1),
        at_zero=(0, {0.5}),
    ),
    "sigmoid": Twin(
        reference.sigmoid,
        lambda x, dy: reference.sigmoid_backward(reference.sigmoid(x), dy),
        lambda torch, x: torch.sigmoid(x),
        limits=(0, 1, 0, 0),
        at_zero=(0.5, {0.25}),
    ),
    "tanh": Twin(
        reference.tanh,
        lambda x, dy: reference.tanh_backward(reference.tanh(x), dy),
        lambda torch, x: torch.tanh(x),
        limits=(-1, 1, 0, 0),
        at_zero=(0, {1}),
    ),
    "softmax": Twin(  # no function of one number, and so without limits
        reference.softmax,
        lambda x, dy: reference.softmax_backward(reference.softmax(x), dy),
        lambda torch, x: torch.softmax(x, 1),
    ),
}
