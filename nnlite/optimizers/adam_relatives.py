"""Adam's relatives: with a decay of the weights that is no gradient, and without the mean of the gradients."""

from collections.abc import Sequence
from typing import Any

from nnlite import kernels
from nnlite.arrays import FloatArray, as_number
from nnlite.layers.layer import Parameter
from nnlite.optimizers.optimizer import LEAST_EPSILON, Adam, Optimizer, Rule


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
        self.weight_decay = as_number("AdamW expects weight_decay ≥ 0", weight_decay, least=0)

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
        self.decay = as_number("RMSProp expects a decay in [0, 1)", decay, least=0, below=1)
        self.epsilon = as_number(f"RMSProp expects an epsilon of at least {LEAST_EPSILON:g}", epsilon, least=LEAST_EPSILON)
        self.v: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.v, self._m = self._zeros(), self._zeros()

    def rule(self, t: int) -> Rule:
        """v ← ρ v + (1 − ρ) g², w ← w − η g / (√v + ε)."""
        return kernels.adam, [self._m, self.v], (0.0, self.decay, self.learning_rate, self.epsilon, 1.0)  # with β₁ = 0, m is g
