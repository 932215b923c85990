"""Adam and its relatives: a step for each parameter in units of its gradient's usual size."""

from collections.abc import Sequence
from typing import Any

from nnlite import kernels
from nnlite.arrays import FloatArray, expect, is_number
from nnlite.layers import Parameter
from nnlite.optimizers.optimizer import Optimizer, Rule

LEAST_EPSILON = 1e-30  # float32 rounds a much smaller one to 0, and a weight without a gradient would become 0 / 0


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
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            expect(is_number(beta) and 0 <= beta < 1, f"{type(self).__name__} expects {name} in [0, 1), received {beta!r}")
        _expect_epsilon(self, epsilon)
        self.beta1, self.beta2, self.epsilon = float(beta1), float(beta2), float(epsilon)
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
            return kernels.amsgrad, [self.m, self.v, self.largest], numbers
        return kernels.adam, [self.m, self.v], numbers


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← (1 − η λ) w before Adam's step, past m and v.

    An L2 penalty in the loss would pass through m and v, and weights with large gradients would decay less. Biases decay too, as in
    PyTorch.

    Parameters
    ----------
    learning_rate : float, default 0.001
    weight_decay : float, default 0.01
        λ, not negative.
    **settings
        As for `Adam`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(self, learning_rate: float = 0.001, weight_decay: float = 0.01, **settings: Any):
        super().__init__(learning_rate, **settings)
        expect(is_number(weight_decay) and weight_decay >= 0, f"AdamW expects weight_decay ≥ 0, received {weight_decay!r}")
        self.weight_decay = float(weight_decay)

    def rule(self, t: int) -> Rule:
        """w ← (1 − η λ) w, then Adam's step."""
        kernel, memories, numbers = super().rule(t)
        return kernel, memories, (*numbers[:-1], 1 - self.learning_rate * self.weight_decay)


class RMSProp(Optimizer):
    """Each weight's gradient over the root of its own running mean square: v ← ρ v + (1 − ρ) g², w ← w − η g / (√v + ε).

    ε stands outside the root, as in PyTorch. A g and a v that are negligible count as 0, as in `Adam`.

    Parameters
    ----------
    learning_rate : float, default 0.001
    decay : float, default 0.99
        ρ in [0, 1).
    epsilon : float, default 1e-8
        At least LEAST_EPSILON.

    References
    ----------
    T. Tieleman, G. Hinton, "Neural networks for machine learning", Coursera 2012, lecture 6.5.
    """

    memories = ("v",)

    def __init__(self, learning_rate: float = 0.001, decay: float = 0.99, epsilon: float = 1e-8, *, clip_norm: float | None = None):
        super().__init__(learning_rate, clip_norm)
        expect(is_number(decay) and 0 <= decay < 1, f"RMSProp expects a decay in [0, 1), received {decay!r}")
        _expect_epsilon(self, epsilon)
        self.decay, self.epsilon = float(decay), float(epsilon)
        self.v: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.v, self._m = self._zeros(), self._zeros()

    def rule(self, t: int) -> Rule:
        """v ← ρ v + (1 − ρ) g², w ← w − η g / (√v + ε)."""
        return kernels.adam, [self._m, self.v], (0.0, self.decay, self.learning_rate, self.epsilon, 1.0)  # with β₁ = 0, m is g


def _expect_epsilon(optimizer: Optimizer, epsilon: Any) -> None:
    """Raise ValueError unless it keeps the quotient finite where no gradient has come."""
    name, large_enough = type(optimizer).__name__, is_number(epsilon) and epsilon >= LEAST_EPSILON
    expect(large_enough, f"{name} expects an epsilon of at least {LEAST_EPSILON:g}, received {epsilon!r}")
