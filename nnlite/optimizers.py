"""From gradients to better parameters: each optimizer is one update rule, applied to every parameter at each step.

An optimizer is bound to a list of parameters, and keeps what it remembers of each in lists that run alongside, so that its whole
state is a few arrays in a known order and the step count.

Notation: w a parameter, g its gradient, η the learning rate, t = 1, 2, ... the step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnlite import kernels
from nnlite.initializers import FloatArray
from nnlite.parameters import Parameter


class Optimizer:
    """Base: the parameters, the learning rate and the step count.

    Parameters
    ----------
    learning_rate : float
        η, a positive number. May be changed between steps.
    clip_norm : float, optional
        Gradients that together, as one vector, are longer than this are shortened to it before each step, all by one factor
        (Pascanu, Mikolov and Bengio, ICML 2013). Every optimizer takes it. PyTorch adds 1e-6 to the norm it divides by.

    Attributes
    ----------
    step_count : int
        t, the steps taken since `bind`.
    settings : dict
        The numbers that the optimizer had at `bind`, by name, before any schedule changed them.
    """

    memories: tuple[str, ...] = ()  # the attributes that hold what is remembered, one flat array for each parameter

    def __init__(self, learning_rate: float, clip_norm: float | None = None):
        if not (np.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"{type(self).__name__} expects a positive learning rate, received {learning_rate}")
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"{type(self).__name__} expects a positive clip_norm, received {clip_norm}")
        self.learning_rate = float(learning_rate)  # NumPy's float32 would be missing among the numbers
        self.clip_norm = None if clip_norm is None else float(clip_norm)
        self.step_count = 0
        self.settings: dict[str, float] = {}
        self._parameters: list[Parameter] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on those of these parameters that are trainable: everything remembered is zero, and t = 0."""
        self._parameters = [parameter for parameter in parameters if parameter.trainable]
        self.step_count = 0
        self.settings = self.numbers()

    def numbers(self) -> dict[str, float]:
        """Return all settings and the step count, as they are now, by the names of their attributes."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int | float)}

    def step(self) -> None:
        """Change every parameter once, by the gradient it holds."""
        if not self._parameters:
            raise RuntimeError(f"{type(self).__name__}.step needs bind(parameters) with at least one trainable parameter before it")
        self.step_count += 1
        if self.clip_norm is not None:
            self._clip(self.clip_norm)
        self._update()

    def state(self) -> dict[str, Any]:
        """Return copies of all that is remembered: "step_count", and lists of arrays in the order of the parameters."""
        return {"step_count": self.step_count} | {name: [array.copy() for array in getattr(self, name)] for name in self.memories}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken, after `bind` to parameters of the same shapes; settings are not part of the state.

        Raises
        ------
        ValueError
            Names, lengths or dtypes are not those of this optimizer's own state. Nothing has been changed then.
        """
        expected, received = _describe(self.state()), _describe(state)
        if received != expected:
            raise ValueError(f"{type(self).__name__} expects a state of {expected}, received {received}")
        self.step_count = int(state["step_count"])
        for name in self.memories:
            for array, loaded in zip(getattr(self, name), state[name], strict=True):
                array[...] = loaded

    def _clip(self, largest: float) -> None:
        gradients = [parameter.gradient for parameter in self._parameters]
        norm = float(np.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients)))
        if norm > largest:
            for gradient in gradients:
                gradient *= largest / norm

    def _update(self) -> None:
        raise NotImplementedError

    def _zeros(self) -> list[FloatArray]:
        return [np.zeros(parameter.value.size, parameter.value.dtype) for parameter in self._parameters]


def _describe(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names in a state with the sizes and dtypes of their arrays."""
    return {name: ["number"] if name == "step_count" else [f"{a.size} {a.dtype}" for a in state[name]] for name in state}


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
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD expects a momentum in [0, 1), received {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("SGD with nesterov=True expects a momentum above 0, received 0")
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.velocity: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.velocity = self._zeros() if self.momentum else []

    def _update(self) -> None:
        if not self.momentum:
            for parameter in self._parameters:
                kernels.sgd(parameter.value.reshape(-1), parameter.gradient.reshape(-1), self.learning_rate)
            return
        update = kernels.sgd_nesterov if self.nesterov else kernels.sgd_momentum
        for parameter, velocity in zip(self._parameters, self.velocity, strict=True):
            update(parameter.value.reshape(-1), parameter.gradient.reshape(-1), velocity, self.learning_rate, self.momentum)


class Adam(Optimizer):
    """Adam: each weight has a step size of its own, from running means of its gradient and of its gradient's square.

    m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g² start at zero and are therefore too small by the factors 1 − β₁ᵗ and 1 − β₂ᵗ:

    w ← w − η m̂ / (√v̂ + ε)   with   m̂ = m / (1 − β₁ᵗ)   and   v̂ = v / (1 − β₂ᵗ)

    ε stands outside the root of the corrected v̂, as in Algorithm 1 of the paper and in PyTorch. Keras adds its epsilon to the root
    of the uncorrected v (the paper's "epsilon hat" form), which is a larger ε in the first steps.

    What is too small to matter, and slow to compute with, counts as 0: g, m and v below the constants NEGLIGIBLE_GRADIENT,
    NEGLIGIBLE_MEAN and NEGLIGIBLE_MEAN_SQUARE of `nnlite.kernels`.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta1, beta2 : float, default 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Positive.
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
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__} expects {name} in [0, 1), received {beta}")
        if not epsilon > 0:
            raise ValueError(f"{type(self).__name__} expects a positive epsilon, received {epsilon}")
        self.beta1, self.beta2, self.epsilon = float(beta1), float(beta2), float(epsilon)
        self.amsgrad = amsgrad
        self.m: list[FloatArray] = []
        self.v: list[FloatArray] = []
        self.largest: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.m, self.v = self._zeros(), self._zeros()
        self.largest = self._zeros() if self.amsgrad else []

    def _update(self) -> None:
        # With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ:  η (m / c₁) / (√(v / c₂) + ε)  =  (η √c₂ / c₁) m / (√v + ε √c₂)
        correction1 = 1 - self.beta1**self.step_count
        root2 = (1 - self.beta2**self.step_count) ** 0.5
        rate, epsilon = self.learning_rate * root2 / correction1, self.epsilon * root2
        adam_rate = 0.0 if self.amsgrad else rate  # AMSGrad takes m and v from Adam, but a step of its own
        for parameter, m, v in zip(self._parameters, self.m, self.v, strict=True):
            w, g = parameter.value.reshape(-1), parameter.gradient.reshape(-1)
            kernels.adam(w, g, m, v, self.beta1, self.beta2, adam_rate, epsilon)
        for parameter, m, v, largest in zip(self._parameters, self.m, self.v, self.largest, strict=False):  # if there are any
            kernels.amsgrad(parameter.value.reshape(-1), m, v, largest, rate, epsilon)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam}
