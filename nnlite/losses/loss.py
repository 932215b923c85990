"""How wrong a prediction is, as one number, and the direction in which it would become less wrong.

Each loss returns its value and its gradient ∂L/∂prediction under one and the same reduction, stated in its docstring: a gradient
that is averaged differently from the value is a learning rate in disguise. Prediction and target must have equal shapes; nothing is
broadcast, because (N, 1) against (N,) would quietly compare everything with everything.
"""

import copy

import numpy as np

from nnlite.arrays import FloatArray, Workspace
from nnlite.layers.layer import expect_floats


class Loss:
    """Base of all losses: checks the arguments, and lends the arrays that the gradient is written into.

    A loss of your own needs `_evaluate`.
    """

    takes_rows = False  # whether a sample's numbers are the scores of classes, so that predictions must be (N, C)

    def __init__(self) -> None:
        self._workspace = Workspace()

    def value(self, prediction: FloatArray, target: FloatArray) -> float:
        """Return L."""
        return self.value_and_gradient(prediction, target, Workspace())[0]

    def value_and_gradient(
        self, prediction: FloatArray, target: FloatArray, workspace: Workspace | None = None
    ) -> tuple[float, FloatArray]:
        """Return L and ∂L/∂prediction, shape and dtype of the prediction.

        The gradient is an array of the workspace. That is by default the loss's own, where it is valid until the next call.
        """
        workspace = workspace or self._workspace
        name = type(self).__name__
        for what, array in (("prediction", prediction), ("target", target)):
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} expects arrays, received a {what} that is {type(array).__name__}: use np.asarray")
        if prediction.shape != target.shape:
            labels = self.takes_rows and target.size == len(prediction) < prediction.size
            give = "give a number for each number of the prediction (without y, the target is x)"
            way_out = f"{'reshape one of them' if prediction.size == target.size else give}, nothing is broadcast"
            way_out = "make rows of labels with one_hot(y, classes)" if labels else way_out
            received = f"prediction {prediction.shape} and target {target.shape}: {way_out}"
            raise ValueError(f"{name} expects a target of the prediction's shape, received {received}")
        if prediction.dtype != target.dtype:
            received = f"prediction {prediction.dtype} and target {target.dtype}"
            raise ValueError(f"{name} expects a target of the prediction's dtype, received {received}")
        expect_floats(name, prediction)
        if prediction.size == 0 or prediction.ndim == 0:
            raise ValueError(f"{name} is a mean and needs at least one element, received shape {prediction.shape}")
        if self.takes_rows and prediction.ndim != 2:
            raise ValueError(f"{name} expects logits (N, C), received shape {prediction.shape}")
        gradient = workspace.array("gradient", prediction.shape, prediction.dtype)
        rows = (len(prediction), -1)
        return self._evaluate(prediction.reshape(rows), target.reshape(rows), gradient.reshape(rows), workspace), gradient

    def rngs(self) -> list[np.random.Generator]:
        """Return the generators that the loss draws from; one that has any must name them here, or cannot be resumed."""
        return []

    def copy(self) -> "Loss":
        """Return a loss of the same settings with arrays of its own: `compile` takes one, so that two models share nothing."""
        twin = copy.copy(self)
        twin._workspace = Workspace()
        return twin

    def _evaluate(self, prediction: FloatArray, target: FloatArray, gradient: FloatArray, workspace: Workspace) -> float:
        """Return the value and write the gradient; all arrays (N, D)."""
        expected = "a method _evaluate(prediction, target, gradient, workspace) that returns the value and fills the gradient"
        raise NotImplementedError(f"{type(self).__name__} is expected to have {expected}")
