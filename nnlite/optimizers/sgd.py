"""Gradient descent, with momentum or without."""

from collections.abc import Sequence

from nnlite import kernels
from nnlite.arrays import FloatArray, expect, is_number
from nnlite.layers import Parameter
from nnlite.optimizers.optimizer import Optimizer, Rule


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
        expect(is_number(momentum) and 0 <= momentum < 1, f"SGD expects a momentum in [0, 1), received {momentum!r}")
        expect(momentum > 0 or not nesterov, "SGD with nesterov=True expects a momentum above 0, received 0")
        self.momentum, self.nesterov = float(momentum), nesterov
        self.velocity: list[FloatArray] = []

    def bind(self, parameters: Sequence[Parameter]) -> None:
        """Start anew on these parameters."""
        super().bind(parameters)
        self.velocity = self._zeros() if self.momentum else []

    def rule(self, t: int) -> Rule:
        """w ← w − η u, with u as above."""
        if not self.momentum:
            return kernels.sgd, [], (self.learning_rate,)
        kernel = kernels.sgd_nesterov if self.nesterov else kernels.sgd_momentum
        return kernel, [self.velocity], (self.learning_rate, self.momentum)
