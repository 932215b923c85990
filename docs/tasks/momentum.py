"""Gradient descent with momentum: steps that remember their direction.

Where all gradients agree the steps grow long, where they do not they stay short.

Fill the gap. For each parameter there is a velocity u, at first 0. A step is

    u ← μ u + g,   w ← w − η u

w and u must be changed in place (`w -= something`, `u *= something`), since others hold the same arrays.

Read first: nnlite/optimizers/optimizer.py, the class Optimizer.
"""

from nnlite.optimizers import Optimizer


def step(w, g, u, learning_rate, momentum):
    """u ← μ u + g,  w ← w − η u; all arrays flat."""
    raise NotImplementedError  # gap


class Momentum(Optimizer):
    """w ← w − η u with u ← μ u + g."""

    def __init__(self, learning_rate=0.01, momentum=0.9):
        super().__init__(learning_rate)
        self.momentum = momentum

    def bind(self, parameters):
        """Start anew on these parameters, with velocities 0."""
        super().bind(parameters)
        self.velocity = self._zeros()

    def rule(self, t):
        """Return how a step changes parameters: a function, its memories, and its numbers."""
        return step, [self.velocity], (self.learning_rate, self.momentum)
