"""Further optimizers: two relatives of Adam."""

from collections.abc import Sequence
from typing import Any

from nnlite import kernels
from nnlite.initializers import FloatArray
from nnlite.optimizers import OPTIMIZERS, Adam, Optimizer
from nnlite.parameters import Parameter


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
        if not weight_decay >= 0:
            raise ValueError(f"AdamW expects a weight_decay of at least 0, received {weight_decay}")
        self.weight_decay = float(weight_decay)

    def _update(self) -> None:
        for parameter in self._parameters:
            parameter.value *= 1 - self.learning_rate * self.weight_decay
        super()._update()


class RMSProp(Optimizer):
    """Each weight's gradient over the root of its own running mean square: v ← ρ v + (1 − ρ) g², w ← w − η g / (√v + ε).

    ε stands outside the root, as in PyTorch. A g and a v that are negligible count as 0, as in `Adam`.

    Parameters
    ----------
    learning_rate : float, default 0.001
    decay : float, default 0.99
        ρ in [0, 1).
    epsilon : float, default 1e-8
        Positive.

    References
    ----------
    T. Tieleman, G. Hinton, "Neural networks for machine learning", Coursera 2012, lecture 6.5.
    """

    memories = ("v",)

    def __init__(self, learning_rate: float = 0.001, decay: float = 0.99, epsilon: float = 1e-8, *, clip_norm: float | None = None):
        super().__init__(learning_rate, clip_norm)
        if not (0 <= decay < 1 and epsilon > 0):
            raise ValueError(f"RMSProp expects a decay in [0, 1) and a positive epsilon, received {decay} and {epsilon}")
        self.decay, self.epsilon = float(decay), float(epsilon)
        self.v: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.v, self._m = self._zeros(), self._zeros()

    def _update(self) -> None:
        for parameter, m, v in zip(self._parameters, self._m, self.v, strict=True):
            w, g = parameter.value.reshape(-1), parameter.gradient.reshape(-1)
            kernels.adam(w, g, m, v, 0.0, self.decay, self.learning_rate, self.epsilon)  # with β₁ = 0, m is g


OPTIMIZERS |= {"adamw": AdamW, "rmsprop": RMSProp}
