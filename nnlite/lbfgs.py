"""L-BFGS: Newton's method for many weights, with the curvature guessed from the last few steps; for full batches.

Newton's step is −H g with H the inverse of the matrix of second derivatives: K² numbers for K weights. But every step from w to
w + s reveals a little of it, since the gradient changes by y ≈ H⁻¹ s. L-BFGS keeps the last few pairs (s, y), and applies the H
that they make to a gradient in two loops over the pairs; no matrix is ever formed.

Gradients must not be noisy: all samples in each, no dropout. Where that can be afforded, for a few thousand samples and a small
network, it needs fewer passes over the data than gradient descent, and no learning rate.

References
----------
J. Nocedal, S. Wright, "Numerical optimization", 2nd edition 2006, algorithms 7.4 and 7.5.
A. Lewis, M. Overton, "Nonsmooth optimization via quasi-Newton methods", Mathematical Programming 141, 2013, algorithm 2.6 (the
line search).
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, as_number, expect, expect_count
from nnlite.layers.layer import expect_floats
from nnlite.models.sequential import Sequential

Function = Callable[[FloatArray], tuple[float, FloatArray]]
Pair = tuple[FloatArray, FloatArray]

DECREASE, CURVATURE = 1e-4, 0.9  # c₁ and c₂ of Wolfe's conditions
TRIALS = 40  # of one line search


def fit(model: Sequential, x: npt.NDArray[Any], y: npt.NDArray[Any] | None = None, **settings: Any) -> list[float]:
    """Minimise the loss of all samples together, and return it as it was at the start and after each iteration.

    Parameters
    ----------
    model : Sequential
        Compiled; its optimizer is not used. Layers that draw random numbers have no place in it.
    x, y : array, shape (M, ...)
        As for `Sequential.fit`: uint8 images or floats, and the targets, by default x.
    **settings
        As for `minimize`.
    """
    expect(isinstance(model, Sequential), f"L-BFGS expects a model and then x, received {type(model).__name__}")
    parameters = [parameter for parameter in model.parameters if parameter.trainable]
    expect(len(parameters) > 0, "L-BFGS expects a model with trainable parameters, received one without")
    ends = np.cumsum([parameter.value.size for parameter in parameters])[:-1]
    batches = model._batches(x, y)
    inputs, targets = batches.take(np.arange(len(batches)))

    def put(w: FloatArray) -> None:
        for parameter, part in zip(parameters, np.split(w, ends), strict=True):
            parameter.value.reshape(-1)[:] = part

    def function(w: FloatArray) -> tuple[float, FloatArray]:
        put(w)
        with np.errstate(over="ignore", invalid="ignore"):  # the line search steps back from there
            value, gradient = model.loss.value_and_gradient(model.forward(inputs, training=True), targets)
            model.zero_gradients()
            model.backward(gradient, need_dx=False)
        return value + model.penalty, np.concatenate([parameter.gradient.reshape(-1) for parameter in parameters])

    w, values = minimize(function, np.concatenate([parameter.value.reshape(-1) for parameter in parameters]), **settings)
    put(w)
    return values


def minimize(
    function: Function, start: FloatArray, *, iterations: int = 100, memory: int = 10, tolerance: float = 1e-5
) -> tuple[FloatArray, list[float]]:
    """Return where a smooth function has a minimum, and its values at the start and after each iteration.

    Parameters
    ----------
    function : callable
        From w, shape (K,), to the value and the gradient there, a new array (K,). Most iterations call it once.
    start : array, shape (K,)
    iterations : int, default 100
        The largest number of iterations.
    memory : int, default 10
        How many pairs (s, y) are kept.
    tolerance : float, default 1e-5
        When no component of the gradient is larger, it is done; or when rounding hides all further descent.

    Raises
    ------
    ValueError
        A number is not as described, or the value at the start is NaN or infinite.
    """
    expect_count("L-BFGS", "iterations", iterations)
    expect_count("L-BFGS", "memory", memory)
    tolerance = as_number("L-BFGS expects a tolerance of at least 0", tolerance, least=0)
    expect_floats("L-BFGS", start)
    w, (value, gradient) = start, function(start)
    expect(bool(np.isfinite(value)), f"L-BFGS expects a start with a finite value, received one with {value}")
    values, pairs = [float(value)], deque[Pair](maxlen=memory)
    for _ in range(iterations):
        if np.abs(gradient).max() <= tolerance:
            break
        found = search_line(function, w, value, gradient, -inverse_hessian_product(pairs, gradient))
        if found is None and not pairs:
            break
        if found is None:
            pairs.clear()  # next comes the steepest descent
            continue
        s, y = found[0] - w, found[2] - gradient
        w, value, gradient = found
        values.append(float(value))
        if s @ y > 0:  # else rounding has eaten it
            pairs.append((s, y))
    return w, values


def inverse_hessian_product(pairs: Sequence[Pair], gradient: FloatArray) -> FloatArray:
    """Return H g, shape (K,), for the H that BFGS makes of (s·y / y·y) times the identity; without pairs return g / ‖g‖."""
    product: FloatArray = gradient.copy()
    shares = []
    for s, y in reversed(pairs):
        shares.append(s @ product / (s @ y))
        product -= shares[-1] * y
    product *= pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1 / np.linalg.norm(gradient)
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        product += (share - y @ product / (s @ y)) * s
    return product


def search_line(
    function: Function, w: FloatArray, value: float, gradient: FloatArray, direction: FloatArray
) -> tuple[FloatArray, float, FloatArray] | None:
    """Return a point w + t d with its value and gradient, t = 1 if possible; None if there is none.

    Wolfe's conditions hold there. The value is lower by at least c₁ t |g·d|; otherwise t is too long. The slope along d is at least
    c₂ g·d; otherwise t is too short. The second condition makes s·y > 0. The next t is the middle of the two, or the double.
    """
    slope = float(gradient @ direction)
    short, long, t = 0.0, math.inf, 1.0
    for _ in range(TRIALS):
        point = w + gradient.dtype.type(t) * direction
        new_value, new_gradient = function(point)
        if not new_value <= value + DECREASE * t * slope:  # or NaN
            long = t
        elif not new_gradient @ direction >= CURVATURE * slope:
            short = t
        else:
            return point, new_value, new_gradient
        t = (short + long) / 2 if long < math.inf else 2 * t
    return None
