"""From gradients to better parameters: each optimizer is one update rule, applied to every parameter at each step.

An optimizer is bound to a list of parameters, and keeps what it remembers of each in lists that run alongside, so that its whole
state is a few arrays in a known order and the step count.

Notation: w a parameter, g its gradient, η the learning rate, t = 1, 2, ... the step.
"""

from collections.abc import Callable, Sequence

import numpy as np

from nnlite import kernels
from nnlite.initializers import FloatArray
from nnlite.layers import Parameter


class Optimizer:
    """Base: the parameters, the learning rate and the step count.

    Parameters
    ----------
    learning_rate : float
        η, a positive number. May be changed between steps.

    Attributes
    ----------
    step_count : int
        t, the steps taken since `bind`.
    """

    def __init__(self, learning_rate: float):
        if not (np.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"{type(self).__name__} expects a positive learning rate, received {learning_rate}")
        self.learning_rate = learning_rate
        self.step_count = 0
        self._parameters: list[Parameter] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on those of these parameters that are trainable: everything remembered is zero, and t = 0."""
        self._parameters = [parameter for parameter in parameters if parameter.trainable]
        self.step_count = 0

    def step(self) -> None:
        """Change every parameter once, by the gradient it holds."""
        if not self._parameters:
            raise RuntimeError(f"{type(self).__name__}.step needs bind(parameters) before it")
        self.step_count += 1
        self._update()

    def _update(self) -> None:
        raise NotImplementedError

    def _zeros(self) -> list[FloatArray]:
        return [np.zeros(parameter.value.size, parameter.value.dtype) for parameter in self._parameters]


class SGD(Optimizer):
    """Gradient descent: w ← w − η u.

    Without momentum u = g. With momentum μ, u ← μ u + g remembers the direction, and Nesterov's form looks one step further along
    it, w ← w − η (g + μ u). This is PyTorch's form; in Keras η stands inside the memory, the same as long as η does not change.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False):
        super().__init__(learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD expects a momentum in [0, 1), received {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("SGD with nesterov=True expects a momentum above 0, received 0")
        self.momentum = momentum
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

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta1, beta2 : float, default 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Positive.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8):
        super().__init__(learning_rate)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam expects {name} in [0, 1), received {beta}")
        if not epsilon > 0:
            raise ValueError(f"Adam expects a positive epsilon, received {epsilon}")
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.m: list[FloatArray] = []
        self.v: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.m, self.v = self._zeros(), self._zeros()

    def _update(self) -> None:
        # With c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ:  η (m / c₁) / (√(v / c₂) + ε)  =  (η √c₂ / c₁) m / (√v + ε √c₂)
        correction1 = 1 - self.beta1**self.step_count
        root2 = (1 - self.beta2**self.step_count) ** 0.5
        rate, epsilon = self.learning_rate * root2 / correction1, self.epsilon * root2
        for parameter, m, v in zip(self._parameters, self.m, self.v, strict=True):
            kernels.adam(parameter.value.reshape(-1), parameter.gradient.reshape(-1), m, v, self.beta1, self.beta2, rate, epsilon)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam}
