"""From gradients to better parameters: each optimizer is one update rule, applied to every parameter at each step.

Here are the base of all, gradient descent, and Adam.

An optimizer is bound to a list of parameters. It keeps its memories of them in lists of the same order, so its whole state is a few
arrays and the step count.

Notation: w a parameter, g its gradient, η the learning rate, t = 1, 2, ... the step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, aligned, as_number, expect
from nnlite.layers.layer import Parameter

Rule = tuple[Callable[..., None], list[list[FloatArray]], tuple[float, ...]]

LEAST_EPSILON = 1e-30  # float32 rounds a much smaller one to 0, and a weight without a gradient would become 0 / 0


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
        name = type(self).__name__
        self.learning_rate = as_number(f"{name} expects a positive learning rate", learning_rate, above=0)
        self.clip_norm = None if clip_norm is None else as_number(f"{name} expects a positive clip_norm", clip_norm, above=0)
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
                new = kernel(parameter.value.reshape(-1), parameter.gradient.reshape(-1), *remembered, *numbers)
                if new is not None:
                    raise ValueError("a rule's kernel is expected to change w, received one that returns it: write w[...] = result")

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


class SGD(Optimizer):
    """Gradient descent: w ← w − η u.

    Without momentum u = g. With momentum μ, u ← μ u + g remembers the direction, and Nesterov's form looks one step further along
    it, w ← w − η (g + μ u). This is PyTorch's form; in Keras η stands inside the memory, the same as long as η does not change.
    A u below `nnlite.kernels.NEGLIGIBLE_MEAN` counts as 0.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Parameter
    >>> from nnlite.optimizers import SGD
    >>> weight = Parameter("weight", np.array([1.0, 1.0]))
    >>> sgd = SGD(learning_rate=0.5)
    >>> sgd.bind([weight])
    >>> weight.gradient[...] = [4, -2]
    >>> sgd.step()
    >>> weight.value
    array([-1.,  2.])
    """

    memories = ("velocity",)

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, *, clip_norm: float | None = None
    ):
        super().__init__(learning_rate, clip_norm)
        self.momentum = as_number("SGD expects a momentum in [0, 1)", momentum, least=0, below=1)
        self.nesterov = nesterov
        expect(momentum > 0 or not nesterov, "SGD with nesterov=True expects a momentum above 0, received 0")
        self.velocity: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.velocity = self._zeros() if self.momentum else []

    def rule(self, t: int) -> Rule:
        """w ← w − η u, with u as above."""
        if not self.momentum:
            return kernels.sgd, [], (self.learning_rate,)
        received = f"received momentum {self.momentum} after a start without: compile with SGD(momentum={self.momentum})"
        expect(len(self.velocity) == len(self.parameters), f"SGD expects its momentum from the start, {received}")
        kernel = kernels.sgd_nesterov if self.nesterov else kernels.sgd_momentum
        return kernel, [self.velocity], (self.learning_rate, self.momentum)


class Adam(Optimizer):
    """Adam: each weight has a step size of its own, from running means of its gradient and of its gradient's square.

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g² start at zero and are therefore too small by the factors 1 − β₁ᵗ and 1 − β₂ᵗ:

    w ← w − η m̂ / (√v̂ + ε)   with   m̂ = m / (1 − β₁ᵗ)   and   v̂ = v / (1 − β₂ᵗ)

    ε stands outside the root of the corrected v̂, as in Algorithm 1 of the paper and in PyTorch. Keras adds its epsilon to the root
    of the uncorrected v (the paper's "epsilon hat" form), which is a larger ε in the first steps.

    Numbers too small to matter count as 0, because processors compute slowly with them: g, m and v below NEGLIGIBLE_GRADIENT,
    NEGLIGIBLE_MEAN and NEGLIGIBLE_MEAN_SQUARE of `nnlite.kernels`.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta1, beta2 : float, default 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        At least LEAST_EPSILON.
    amsgrad : bool, default False
        Whether to divide by the largest v so far in place of v, so that no weight's step size grows again.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.
    S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018 (AMSGrad; here with Adam's bias corrections,
    as in PyTorch).

    Examples
    --------
    The first step is the learning rate long, for large gradients as for small ones, as long as they are well above ε:

    >>> import numpy as np
    >>> from nnlite import Parameter
    >>> from nnlite.optimizers import Adam
    >>> weight = Parameter("weight", np.array([1.0, 1.0]))
    >>> adam = Adam(learning_rate=0.1)
    >>> adam.bind([weight])
    >>> weight.gradient[...] = [50, -0.001]
    >>> adam.step()
    >>> weight.value.round(3)
    array([0.9, 1.1])
    """

    memories = ("m", "v", "largest")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        amsgrad: bool = False,
        clip_norm: float | None = None,
    ):
        super().__init__(learning_rate, clip_norm)
        name = type(self).__name__
        self.beta1 = as_number(f"{name} expects beta1 in [0, 1)", beta1, least=0, below=1)
        self.beta2 = as_number(f"{name} expects beta2 in [0, 1)", beta2, least=0, below=1)
        self.epsilon = as_number(f"{name} expects an epsilon of at least {LEAST_EPSILON:g}", epsilon, least=LEAST_EPSILON)
        self.amsgrad = amsgrad
        self.m: list[FloatArray] = []
        self.v: list[FloatArray] = []
        self.largest: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.m, self.v, self.largest = self._zeros(), self._zeros(), self._zeros() if self.amsgrad else []

    def rule(self, t: int) -> Rule:
        """w ← w − η m̂ / (√v̂ + ε)."""
        # With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ:  η (m / c₁) / (√(v / c₂) + ε)  =  (η √c₂ / c₁) m / (√v + ε √c₂)
        correction1 = 1 - self.beta1**t
        root2 = (1 - self.beta2**t) ** 0.5
        rate, epsilon = self.learning_rate * root2 / correction1, self.epsilon * root2
        numbers = self.beta1, self.beta2, rate, epsilon, 1.0  # all of w is kept
        if self.amsgrad:
            expect(len(self.largest) == len(self.parameters), "amsgrad is expected from the start, received it after compile")
            return kernels.amsgrad, [self.m, self.v, self.largest], numbers
        return kernels.adam, [self.m, self.v], numbers


def _describe(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names in a state with the sizes and dtypes of their arrays."""
    return {name: ["number"] if name == "step_count" else [f"{a.size} {a.dtype}" for a in state[name]] for name in state}
