"""How far a picture is from its original: numbers for people, not for gradients.

Arrays are images with values from 0 to `peak` (255 for bytes, 1 for floats). "Accuracy" is missing on purpose: the share of pixels
that are met exactly says nothing about an image.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def mse(image: Array, reference: Array, peak: float = 255) -> float:
    """Mean squared error Σ (a − b)² / n on the scale [0, 1], pooled over everything the arrays hold.

    Parameters
    ----------
    image, reference : array
        Of equal shape, any numeric dtype, values from 0 to `peak`. Differences are taken and added up in float64.
    peak : float
        The value of white.

    Raises
    ------
    ValueError
        The shapes differ (nothing is broadcast), or the arrays are empty.
    """
    if image.shape != reference.shape:
        raise ValueError(f"mse compares arrays of equal shape, received {image.shape} and {reference.shape}")
    if image.size == 0:
        raise ValueError(f"mse needs at least one element, received shape {image.shape}")
    difference = (image.astype(np.float64) - reference) / peak
    return float(np.mean(difference * difference))


def psnr(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio −10 log₁₀(MSE) in dB, of an error on the scale [0, 1]; infinite for equal images."""
    return float(-10 * np.log10(mean_squared_error)) if mean_squared_error > 0 else float("inf")
