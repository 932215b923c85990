"""From gradients to better parameters: each optimizer is one update rule, applied to every parameter at each step.

An optimizer is bound to a list of parameters. It keeps its memories of them in lists of the same order, so its whole state is a few
arrays and the step count.

Notation: w a parameter, g its gradient, η the learning rate, t = 1, 2, ... the step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlite.arrays import FloatArray, aligned, expect, in_place, is_number
from nnlite.layers import Parameter

Rule = tuple[Callable[..., None], list[list[FloatArray]], tuple[float, ...]]


class Optimizer:
    """Base: the parameters, the learning rate and the step count.

    Parameters
    ----------
    learning_rate : float
        η, a positive number. May be changed between steps.
    clip_norm : float, optional
        The largest length of all gradients together, as one vector. Before each step, longer ones are shortened by one factor
        (Pascanu, Mikolov and Bengio, ICML 2013). Every optimizer takes it. PyTorch adds 1e-6 to the norm it divides by.

    Attributes
    ----------
    parameters : list of Parameter
        Those given to `bind`. A step leaves those alone that are not trainable.
    step_count : int
        t, the steps taken since `bind`.
    settings : dict
        The hyperparameters at `bind`, before any schedule changed them.
    """

    memories: tuple[str, ...] = ()  # attributes with the optimizer's memory, one flat array for each parameter

    def __init__(self, learning_rate: float, clip_norm: float | None = None):
        name, number = type(self).__name__, is_number(learning_rate) and learning_rate > 0
        expect(number, f"{name} expects a positive learning rate, received {learning_rate!r}")
        clips = clip_norm is None or (is_number(clip_norm) and clip_norm > 0)
        expect(clips, f"{name} expects a positive clip_norm, received {clip_norm!r}")
        self.learning_rate = float(learning_rate)  # NumPy's float32 would be missing among the numbers
        self.clip_norm = None if clip_norm is None else float(clip_norm)
        self.step_count = 0
        self.settings: dict[str, float] = {}
        self.parameters: list[Parameter] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters: everything remembered is zero, and t = 0.

        Raises
        ------
        ValueError
            The optimizer is bound to other parameters already: its memories are theirs.
        """
        parameters = list(parameters)
        if self.parameters and self.parameters != parameters:
            received = "received those of another model: give each model an optimizer of its own"
            raise ValueError(f"{type(self).__name__} expects parameters that it is bound to already, or none, {received}")
        self.parameters = parameters
        self.step_count = 0
        self.settings = self.hyperparameters()

    def hyperparameters(self) -> dict[str, float]:
        """Return the numbers that say how to step, as they are now, by the names of their attributes."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int | float) and name != "step_count"}

    def zero_gradients(self) -> None:
        """Set the gradients of all parameters to zero, before a backward adds to them."""
        for parameter in self.parameters:
            parameter.zero_gradient()

    def step(self) -> None:
        """Change every parameter once, by the gradient it holds."""
        learning = [parameter for parameter in self.parameters if parameter.trainable]
        if not learning:
            raise RuntimeError(f"{type(self).__name__}.step needs bind(parameters) with at least one trainable parameter before it")
        self.step_count += 1
        if self.clip_norm is not None:
            self._clip([parameter.gradient for parameter in learning], self.clip_norm)
        kernel, memories, numbers = self.rule(self.step_count)
        for parameter, *remembered in zip(self.parameters, *memories, strict=True):
            if parameter.trainable:
                in_place(kernel, parameter.value.reshape(-1), parameter.gradient.reshape(-1), *remembered, *numbers)

    def state(self) -> dict[str, Any]:
        """Return copies of the whole memory: "step_count", and lists of arrays in the order of the parameters."""
        return {"step_count": self.step_count} | {name: [array.copy() for array in getattr(self, name)] for name in self.memories}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken, after `bind` to parameters of the same shapes; settings are not part of the state.

        Raises
        ------
        ValueError
            Names, lengths or dtypes are not those of this optimizer's own state. Nothing has been changed then.
        """
        expected, received = _describe(self.state()), _describe(state)
        expect(received == expected, f"{type(self).__name__} expects a state of {expected}, received {received}")
        self.step_count = int(state["step_count"])
        for name in self.memories:
            for array, loaded in zip(getattr(self, name), state[name], strict=True):
                array[...] = loaded

    def _clip(self, gradients: Sequence[FloatArray], largest: float) -> None:
        norm = float(np.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients)))
        if norm > largest:
            for gradient in gradients:
                gradient *= largest / norm

    def rule(self, t: int) -> Rule:
        """Return how step t changes parameters: kernel, memories and numbers.

        ``kernel(w, g, *remembered, *numbers)`` changes a parameter w in place by its gradient g, with what the memories, lists of
        arrays, hold for this parameter; all arrays are flat.
        """
        raise NotImplementedError(f"{type(self).__name__} is expected to have a method rule(t) for its steps")

    def _zeros(self) -> list[FloatArray]:
        return [aligned((parameter.value.size,), parameter.value.dtype) for parameter in self.parameters]


def _describe(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names in a state with the sizes and dtypes of their arrays."""
    return {name: ["number"] if name == "step_count" else [f"{a.size} {a.dtype}" for a in state[name]] for name in state}
