"""Notice at once that a training cannot recover, and find the place and the cause."""

import copy
import math
from collections.abc import Iterable

import numpy as np

from nnlite.arrays import FloatArray
from nnlite.layers import Layer, Parameter, ReLU, Stack
from nnlite.training.batches import Batches

COLLAPSE_STEPS = 20
LARGE = 1e6  # scale data that exceed this


class TrainingError(RuntimeError):
    """The training cannot recover. The message names the step and the place, and says what to try."""


class Watch:
    """Looks at the steps of one training.

    Training cannot recover from two states. A loss that is NaN or infinite makes every weight it reaches NaN. An output that has
    been equal for all samples for 20 steps, though their targets differ, means dead or saturated units: no gradient passes.

    Parameters
    ----------
    model : Stack
    batches : Batches
        What it is trained on.
    active : bool, default True
        Whether it looks at all.

    Attributes
    ----------
    step : int
        How many steps it has seen.
    equal_steps : int
        How many steps in a row had the same output for all samples.
    """

    def __init__(self, model: Stack, batches: Batches, active: bool = True):
        self._model, self._batches, self._active = model, batches, active
        self.step = self.equal_steps = 0

    def check_step(self, loss: float, x: FloatArray, prediction: FloatArray, target: FloatArray) -> None:
        """Raise TrainingError if the loss is not finite or the output has collapsed; called before the weights change.

        x is the model's input, perhaps augmented.
        """
        if not self._active:
            return
        self.step += 1
        if not math.isfinite(loss):
            cause = self._where_not_finite(x, prediction.copy(), target.copy())
            raise TrainingError(f"training stopped at step {self.step}: the loss is {loss}; {cause}")
        if not _collapsed(prediction, target):
            self.equal_steps = 0
        elif _spread(target) > 0 and _spread(x) > 0:  # otherwise the batch proves nothing
            self.equal_steps += 1
        if self.equal_steps == COLLAPSE_STEPS:
            same = f"for {COLLAPSE_STEPS} steps the output has been the same for every sample"
            raise TrainingError(f"training stopped at step {self.step}: {same}; {self._where_collapsed(x)}")

    def check_parameters(self, parameters: Iterable[Parameter]) -> None:
        """Raise TrainingError if a weight is not finite; called at the end of each epoch."""
        for parameter in parameters if self._active else ():
            if not np.isfinite(parameter.value).all():
                found = f"parameter {_bad_parameter(self._model)} has become NaN or infinite"
                place = self._batches.where_not_finite()
                cause = "try a smaller learning rate" if place is None else f"the data already hold {place}"
                raise TrainingError(f"training stopped at step {self.step}: {found}: {cause}")

    def _where_not_finite(self, x: FloatArray, prediction: FloatArray, target: FloatArray) -> str:
        """Return place and cause. Look in the order of the computation: data, augmentation, layers, penalties, loss."""
        x, bad, place = x.copy(), "NaN or infinity", self._batches.where_not_finite()
        if place is not None:  # in this batch, or in an earlier one that has spoiled the weights
            return f"the data already hold {place}"
        if not np.isfinite(x).all():
            return f"the samples are finite, augment makes {bad} of them: mend it"
        layers, y = self._model.layers, x
        for position, layer in enumerate(layers):
            y = layer.forward(y)
            if not np.isfinite(y).all():
                place, weight = f"the first {bad} is in the output of {_name(position, layer)}", _bad_parameter(layer)
                if weight is not None:
                    return f"{place}, parameter {position}.{weight} holds {bad}: {self._advice(x, 'give it finite values')}"
                return f"{place}: {self._advice(x, 'start with smaller weights')}"
        if not np.isfinite(prediction).all():
            return f"{self._where_in_training(x)}: make these, or what the layer multiplies them with, smaller"
        for position, layer in enumerate(layers):
            if not math.isfinite(layer.penalty):
                return f"the penalty of {_name(position, layer)} is {layer.penalty}: make its inputs or its price smaller"
        place = f"all layers' outputs are finite, the first {bad} is in the loss itself"
        largest, farthest = np.abs(prediction).max(), np.abs(target).max()
        numbers = f"of predictions up to {largest:.2g} and targets up to {farthest:.2g}"
        if max(largest, farthest) < LARGE:
            return f"{place}, {numbers}: it is not defined there"
        advice = "scale the targets" if farthest >= largest else self._advice(x, "start with smaller weights")
        return f"{place}, {numbers}: {advice}"

    def _where_in_training(self, x: FloatArray) -> str:
        """Return the layer that makes NaN or infinity in training only. It runs copies, because a forward changes layers."""
        for position, layer in enumerate(self._model.layers):
            y = copy.deepcopy(layer).forward(x, training=True)
            if not np.isfinite(y).all():
                place = f"the first NaN or infinity is in the output of {_name(position, layer)}"
                return f"{place}, in training alone, of inputs up to {np.abs(x).max():.2g}"
            x = y
        return "some layer makes NaN or infinity in training alone, and not of all random numbers"

    def _advice(self, x: FloatArray, at_first: str) -> str:
        """Return the advice against too large numbers. Do not blame the learning rate for the first step."""
        largest = np.abs(x).max()
        if largest > LARGE:
            return f"scale x, which holds numbers up to {largest:.2g}"
        return at_first if self.step == 1 else "try a smaller learning rate"

    def _where_collapsed(self, x: FloatArray) -> str:
        for position, layer in enumerate(self._model.layers):
            x = layer.forward(x)
            if _rows_equal(x, _rounding(x)):
                weights = [parameter.value for parameter in layer.parameters]
                if weights and not weights[0].any():
                    cause = "Its weights are all 0: draw them"
                elif isinstance(layer, ReLU) or not x.any():
                    cause = "Its units are dead: try a smaller learning rate or LeakyReLU"
                else:
                    saturated = f"Its units are saturated, or what differs is too small for {x.dtype}"
                    cause = f"{saturated}: try a smaller learning rate, other activations or BatchNormalization"
                place = f"the first layer whose output no longer depends on its input is {_name(position, layer)}"
                return f"{place}. {cause}, or go on with fit(..., watch=False)"
        alone = "in inference it is not, so that some layer does it in training alone"
        return f"{alone}: go on with fit(..., watch=False), or try a smaller rate of Dropout"


def _name(position: int, layer: Layer) -> str:
    return f"layer {position} ({type(layer).__name__})"


def _bad_parameter(layer: Layer) -> str | None:
    return next((name for name, p in layer.named_parameters().items() if not np.isfinite(p.value).all()), None)


def _collapsed(prediction: FloatArray, target: FloatArray) -> bool:
    """Tell whether the outputs of all samples are equal, up to rounding that is tiny beside the spread of the targets."""
    first, last = prediction[0].flat[0], prediction[-1].flat[0]
    if abs(first - last) > 1e-3 * abs(first) > 0:  # a cheap test answers nearly every step
        return False
    return _rows_equal(prediction, min(_rounding(prediction), 1e-4 * _spread(target)))


def _rows_equal(array: FloatArray, tolerance: float) -> bool:
    """Tell whether all samples of a batch (N, ...) differ by no more than this."""
    rows = array.reshape(len(array), -1)
    return bool(np.abs(rows[-1] - rows[0]).max() <= tolerance and (np.abs(rows - rows[0]) <= tolerance).all())


def _rounding(array: FloatArray) -> float:
    """Return the largest difference of equal rows: a BLAS may add up the last rows in another order."""
    return float(64 * np.finfo(array.dtype).eps * np.abs(array[0]).max())


def _spread(array: FloatArray) -> float:
    """Return the largest difference between samples of a batch (N, ...), over all their numbers."""
    return float(np.ptp(array.reshape(len(array), -1), axis=0).max())
