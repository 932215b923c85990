"""Noticing at once when training has gone wrong for good, and finding the layer in which it did."""

import math
from collections.abc import Iterable

import numpy as np

from nnlite.arrays import FloatArray
from nnlite.layers.parameter import Parameter
from nnlite.layers.stack import Stack

COLLAPSE_STEPS = 20


class TrainingError(RuntimeError):
    """Training that cannot lead anywhere any more; the message says at which step and in which layer."""


class Watch:
    """Looks at the steps of one training.

    A loss that is NaN or infinite never comes back: every weight it reaches becomes NaN. Nor does an output that is the same for
    all samples, step after step, though their targets differ: some layer's units are all dead or saturated, and no gradient passes.

    Parameters
    ----------
    model : Stack

    Attributes
    ----------
    step : int
        The steps seen.
    equal_steps : int
        How many of the last ones had the same output for all samples.
    """

    def __init__(self, model: Stack):
        self._model = model
        self.step = 0
        self.equal_steps = 0

    def check_step(self, loss: float, batch: FloatArray, prediction: FloatArray, target: FloatArray) -> None:
        """Raise TrainingError if the loss is not finite or the output has collapsed; called before the weights change."""
        self.step += 1
        if not math.isfinite(loss):
            raise TrainingError(
                f"training stopped at step {self.step}: the loss is {loss}; {self._where_not_finite(batch)}. "
                "Weights before this step may be too large: try a smaller learning rate"
            )
        if len(batch) > 1 and not _all_rows_equal(prediction):
            self.equal_steps = 0
        elif not _all_rows_equal(target) and not _all_rows_equal(batch):  # else the batch tells nothing
            self.equal_steps += 1
        if self.equal_steps == COLLAPSE_STEPS:
            raise TrainingError(
                f"training stopped at step {self.step}: for {COLLAPSE_STEPS} steps the output has been the same for every sample; "
                f"{self._where_collapsed(batch)}"
            )

    def check_parameters(self, parameters: Iterable[Parameter]) -> None:
        """Raise TrainingError if a weight is not finite; called at the end of each epoch."""
        if not all(np.isfinite(parameter.value).all() for parameter in parameters):
            name = self._bad_parameter()
            raise TrainingError(
                f"training stopped at step {self.step}: parameter {name} has become NaN or infinite: try a smaller learning rate"
            )

    def _bad_parameter(self) -> str | None:
        parameters = self._model.named_parameters()
        return next((name for name, p in parameters.items() if not np.isfinite(p.value).all()), None)

    def _where_not_finite(self, x: FloatArray) -> str:
        if not np.isfinite(x).all():
            return "the input already holds NaN or infinity"
        for position, layer in enumerate(self._model.layers):
            x = layer.forward(x)
            if not np.isfinite(x).all():
                bad = self._bad_parameter()
                cause = f", parameter {bad} holds NaN or infinity" if bad else ""
                return f"the first NaN or infinity is in the output of layer {position} ({type(layer).__name__}){cause}"
        return "all layers' outputs are finite, the first NaN or infinity is in the loss itself"

    def _where_collapsed(self, x: FloatArray) -> str:
        for position, layer in enumerate(self._model.layers):
            x = layer.forward(x)
            if _all_rows_equal(x):
                return (
                    f"the first layer whose output no longer depends on its input is layer {position} ({type(layer).__name__}). "
                    "Its units are dead or saturated: try a smaller learning rate or LeakyReLU"
                )
        return "in inference it is not, so that some layer does it in training alone: try a smaller rate of Dropout"


def _all_rows_equal(array: FloatArray) -> bool:
    """Tell whether all samples of a batch (N, ...) are equal, but for rounding: a BLAS may sum the last rows in another order."""
    rows = array.reshape(len(array), -1)
    if rows.size == 0 or abs(rows[0, 0] - rows[-1, 0]) > 1e-3 * abs(rows[0, 0]) > 0:  # the cheap answer, for nearly every step
        return rows.size == 0
    rounding = 64 * np.finfo(rows.dtype).eps * np.abs(rows[0]).max()
    return bool(np.abs(rows[-1] - rows[0]).max() <= rounding and (np.abs(rows - rows[0]) <= rounding).all())
