"""Is a backward the derivative of its forward? Compare it with differences of the forward itself.

Take a fixed random vector u and the scalar s = Σ u · f(x), plus the layer's penalty if it has one. For dy = u, backward must return
the gradient of s. Compare each entry of it with the central difference

    ∂s/∂θ ≈ [s(θ + ε) − s(θ − ε)] / (2 ε)

Its error is of the order ε² (the third derivative) plus 1e-16 / ε (rounding): ε = 1e-5 in float64 makes both about 1e-10. The
upstream gradient u must be random. With u = 1 the check would pass a softmax with a backward of zeros, because a softmax's outputs
always sum to 1.

At a kink (ReLU at 0) the difference quotient is meaningless. Kinks are easy to notice: the slopes to the left and to the right
differ, however small the step. The check counts such entries and leaves them out.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nnlite.arrays import Array, FloatArray, as_array, as_number, expect, expect_count, expect_rng
from nnlite.layers.layer import Layer
from nnlite.losses import Loss
from nnlite.training.batches import Batches

__all__ = ["GradientError", "gradcheck", "gradcheck_loss"]

KINK = 1e-3  # relative difference of the one-sided slopes; a smooth function's is of the order ε
MAX_KINKS = 0.1  # share of the entries that may be left out

Step = tuple[Any, Any]  # an index into an array, and the direction of the step there


class GradientError(AssertionError):
    """A gradient that is not the derivative; the message names the parameter, the worst entry and both its values."""


@dataclass(frozen=True)
class GradientReport:
    """What a passed check has measured.

    Attributes
    ----------
    errors : dict of float
        For "x" and each parameter the relative L2 error ‖a − n‖ / (‖a‖ + ‖n‖) between backward's gradient a and the differences n.
    kinks : int
        The number of entries left out because the function has a kink there.
    """

    errors: dict[str, float]
    kinks: int


def gradcheck(
    layer: Layer,
    x: Array,
    *,
    rng: np.random.Generator,
    loss: Loss | None = None,
    target: Array | None = None,
    directions: int | None = None,
    epsilon: float = 1e-5,
    tolerance: float = 1e-7,
) -> GradientReport:
    """Check the gradients of a layer or model with respect to its input and every parameter.

    Parameters
    ----------
    layer : Layer
        A layer or model. A copy of it is checked in float64; it is not changed itself.
    x : array, shape (N, ...)
        The input at which to check; uint8 images are scaled as in `nnlite.Sequential.fit`.
    rng : np.random.Generator
        Draws the upstream gradient and the directions.
    loss, target : Loss and array, optional
        Check the scalar loss(layer(x), target) instead of a random projection of the output.
    directions : int, optional
        By default vary each entry of each array, two forward passes an entry. With a number, compare the derivatives along this
        many random directions of each array instead, two passes each: cheap for a model of any size.
    epsilon : float
        The step.
    tolerance : float
        The largest relative L2 error allowed.

    Raises
    ------
    GradientError
        A gradient is wrong, more than a tenth of its entries lie at kinks, or the output of forward is not finite.
    ValueError
        One of loss and target is given without the other, x is empty, or a number is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite import Dense, Sequential, Tanh, gradcheck
    >>> rng = np.random.default_rng(0)
    >>> model = Sequential([Dense(3, 2, rng=rng), Tanh()])
    >>> report = gradcheck(model, rng.standard_normal((4, 3)), rng=rng)
    >>> for name, error in report.errors.items():
    ...     print(name, error < 1e-7)
    x True
    0.weight True
    0.bias True
    """
    expect(isinstance(layer, Layer), f"gradcheck expects a layer or a model, received {layer!r}")
    expect_rng("gradcheck", rng)
    expect(loss is None or isinstance(loss, Loss), f"gradcheck expects a Loss, such as MeanSquaredError(), received {loss!r}")
    expect((loss is None) == (target is None), "gradcheck expects loss and target together, received only one of them")
    expect(np.size(x) > 0, "gradcheck expects x of at least one number, received none")
    layer = copy.deepcopy(layer)
    batches = Batches(x, target, np.float64, getattr(layer, "_takes_images", True))
    x, target = (part.copy() for part in batches.take(np.arange(len(batches))))
    named = layer.named_parameters()
    for parameter in named.values():
        parameter.convert(np.float64)
    start = copy.deepcopy(layer)
    output = _returned(layer, "forward", layer.forward(x, training=True))
    upstream = rng.standard_normal(output.shape) if loss is None else loss.value_and_gradient(output, target)[1]
    terms = layer.penalty + (float(np.sum(np.abs(upstream * output))) if loss is None else abs(loss.value(output, target)))
    dx = _returned(layer, "backward", layer.backward(upstream))

    def scalar() -> float:
        twin = copy.deepcopy(start)  # shares nothing, so that random layers draw the same numbers each time
        for name, parameter in twin.named_parameters().items():
            parameter.value = named[name].value
        y = twin.forward(x, training=True)
        return twin.penalty + (float(np.sum(upstream * y)) if loss is None else loss.value(y, target))

    arrays = {"x": (x, dx), **{name: (p.value, p.gradient.copy()) for name, p in named.items() if p.trainable}}
    return _compare(type(layer).__name__, arrays, scalar, terms, epsilon, tolerance, directions, rng)


def gradcheck_loss(
    loss: Loss, prediction: Array, target: Array, *, rng: np.random.Generator, epsilon: float = 1e-5, tolerance: float = 1e-7
) -> GradientReport:
    """Check the gradient of a loss with respect to its prediction, entry by entry in float64; otherwise as `gradcheck`."""
    expect_rng("gradcheck_loss", rng)
    expect(isinstance(loss, Loss), f"gradcheck_loss expects a Loss, such as MeanSquaredError(), received {loss!r}")
    prediction, target = as_array("prediction", prediction).astype(np.float64), as_array("target", target).astype(np.float64)
    arrays = {"prediction": (prediction, loss.value_and_gradient(prediction, target)[1])}
    scalar = partial(loss.value, prediction, target)
    return _compare(type(loss).__name__, arrays, scalar, abs(scalar()), epsilon, tolerance, None, rng)


def _compare(
    owner: str,
    arrays: dict[str, tuple[FloatArray, FloatArray]],
    scalar: Callable[[], float],
    terms: float,
    epsilon: float,
    tolerance: float,
    directions: int | None,
    rng: np.random.Generator,
) -> GradientReport:
    """Compare the gradient of each (value, gradient) with differences of the scalar s(θ), which reads the values in place.

    What s adds up is, without signs, `terms`. The rounding of s is some 1e-16 of that, even where s itself is near 0.
    """
    epsilon = as_number("gradcheck expects a positive epsilon", epsilon, above=0)
    tolerance = as_number("gradcheck expects a positive tolerance", tolerance, above=0)
    if directions is not None:
        expect_count("gradcheck", "directions", directions)
    centre = scalar()
    if not np.isfinite(centre):
        raise GradientError(f"{owner}: expected finite numbers from forward, received {centre}: choose another x")

    def slopes(value: FloatArray, index: Any, direction: Any, epsilon: float) -> tuple[float, float]:
        """Return the difference quotients to the left and to the right along a direction of value[index]."""
        start = value[index].copy()
        value[index] = start - epsilon * direction
        left = scalar()
        value[index] = start + epsilon * direction
        right = scalar()
        value[index] = start
        return (centre - left) / epsilon, (right - centre) / epsilon

    errors, kinks = {}, 0
    for name, (value, gradient) in arrays.items():
        if gradient.shape != value.shape:
            shapes = f"of shape {value.shape} with respect to {name}, received {gradient.shape}"
            raise GradientError(f"{owner}: expected a gradient {shapes}")
        steps, analytic = _steps(gradient, directions, rng)
        left, right = np.transpose([slopes(value, *step, epsilon) for step in steps])
        numeric, bend, scale = (left + right) / 2, np.abs(left - right), np.abs([left, right]).max()
        error = np.abs(analytic - numeric)
        smooth = bend <= KINK * scale + 4e-16 * terms / epsilon
        for i in np.flatnonzero(smooth & (error > tolerance * scale) & (error <= bend)):
            # Between the two slopes: a weak kink, or a curve? At a tenth of the step a curve bends a tenth as much, a kink as much.
            near_left, near_right = slopes(value, *steps[i], epsilon / 10)
            smooth[i] = abs(near_left - near_right) <= bend[i] / 2 + 4e-15 * terms / epsilon
        kinks += int(np.sum(~smooth))
        if np.mean(smooth) < 1 - MAX_KINKS:
            kinked = f"{np.sum(~smooth)} of {smooth.size} entries of {name} lie at kinks"
            raise GradientError(f"{owner}: {kinked}, too many to check: choose another x")
        a, n = analytic[smooth], numeric[smooth]
        rounding = 1e-15 * max(terms, 1e-3) / epsilon * np.sqrt(a.size)  # of the differences themselves
        distance, length = float(np.linalg.norm(a - n)), float(np.linalg.norm(a) + np.linalg.norm(n))
        errors[name] = distance / max(length, 1e-300)
        if not distance <= max(tolerance * length, rounding):  # also for NaN
            worst = int(np.argmax(np.where(smooth, error, 0.0)))
            place = f"entry {steps[worst][0]}" if directions is None else f"direction {worst}"
            wrong = f"the gradient with respect to {name} is wrong, relative L2 error {errors[name]:.2e} > {tolerance:.0e}"
            values = f"backward gives {analytic[worst]:.9g}, the central difference {numeric[worst]:.9g}"
            raise GradientError(f"{owner}: {wrong}; worst at {place}: {values}")
    return GradientReport(errors, kinks)


def _steps(gradient: FloatArray, directions: int | None, rng: np.random.Generator) -> tuple[list[Step], FloatArray]:
    """Return where to go in an array, each entry by itself or some random directions, and the derivative along each step."""
    if directions is None:
        return [(index, 1.0) for index in np.ndindex(gradient.shape)], gradient.reshape(-1)
    # Half along the gradient itself, else the derivative along it would be small and drown in rounding.
    vectors = [_unit(gradient) + _unit(rng.standard_normal(gradient.shape)) for _ in range(directions)]
    return [(..., vector) for vector in vectors], np.array([np.sum(gradient * vector) for vector in vectors])


def _returned(layer: Layer, method: str, array: FloatArray | None) -> FloatArray:
    if array is None:
        raise GradientError(f"{type(layer).__name__}: expected {method} to return an array, received None")
    return np.array(array)


def _unit(vector: FloatArray) -> FloatArray:
    norm = np.linalg.norm(vector)
    return vector / norm if np.isfinite(norm) and norm > 0 else np.zeros_like(vector)
