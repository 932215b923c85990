"""Numbers for results: the distance of a picture from its original, the share of right labels, the least binary cross-entropy.

They are for people, not for gradients; training minimises the losses of `nnlite.losses`.

The mean squared error is an average over pixels, PSNR = −10 log₁₀(MSE) is the same on a scale of decibels, and SSIM compares
patterns, not pixels.

Both images must have one dtype, and values from 0 to `peak`. For bytes it is 255; for floats give it, because the numbers do not
tell. `accuracy` is for labels alone: the share of exactly equal pixels says nothing about an image.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import Array, as_array, as_number, expect, is_number, is_whole, warn_if_dark


def mse(image: Array, reference: Array, peak: float | None = None) -> float:
    """Mean squared error Σ (a − b)² / n on the scale [0, 1], pooled over all numbers of the arrays.

    Parameters
    ----------
    image, reference : array
        Of equal shape and dtype, values from 0 to `peak`. Differences are taken and added up in float64.
    peak : float, optional
        The value of white, such as 1 for a model's output; by default 255 for uint8, and needed for every other dtype.

    Raises
    ------
    ValueError
        Shapes or dtypes differ (nothing is broadcast or converted), the arrays are empty, or `peak` is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.metrics import mse
    >>> round(mse(np.array([[0, 255]], np.uint8), np.array([[51, 255]], np.uint8)), 6)
    0.02
    """
    a, b, peak = _pair("mse", image, reference, peak)
    expect(a.size > 0, f"mse needs at least one element, received shape {a.shape}")
    difference = (a - b) / peak
    return float(np.mean(difference * difference))


def psnr(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio −10 log₁₀(MSE) in dB, of an error on the scale [0, 1]; infinite for equal images.

    Raises
    ------
    ValueError
        The error is negative, or no number. (That of NaN is NaN.)

    Examples
    --------
    Ten times less error is ten decibels more:

    >>> from nnlite.metrics import psnr
    >>> [round(psnr(error), 2) for error in (0.01, 0.001)]
    [20.0, 30.0]
    """
    number = is_number(mean_squared_error) or isinstance(mean_squared_error, float | np.floating)  # NaN and infinity, too
    if not number or mean_squared_error < 0:
        raise ValueError(f"psnr expects an error of at least 0, such as mse gives it, received {mean_squared_error!r}")
    return float("inf") if mean_squared_error == 0 else float(-10 * np.log10(mean_squared_error))


def ssim(image: Array, reference: Array, peak: float | None = None) -> float:
    """Structural similarity, 1 for equal images: how alike brightness, contrast and pattern are around each pixel, on the mean.

    With means μ, variances σ² and the covariance σ_ab of both images under a window around the pixel,

        SSIM = (2 μ_a μ_b + c₁) (2 σ_ab + c₂) / ((μ_a² + μ_b² + c₁) (σ_a² + σ_b² + c₂))

    with c₁ = 0.01² and c₂ = 0.03² for values on the scale [0, 1].

    The window is the paper's, 11 × 11, Gaussian with deviation 1.5; only pixels around which it fits are counted.

    Parameters
    ----------
    image, reference : array, shape (..., height, width)
        Of equal shape and dtype, at least 11 by 11, values from 0 to `peak`. Computed in float64.
    peak : float, optional
        As for `mse`.

    Raises
    ------
    ValueError
        Shapes or dtypes differ, the images are smaller than the window, or `peak` is missing.

    References
    ----------
    Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13, 2004.
    """
    a, b, peak = _pair("ssim", image, reference, peak)
    size = SSIM_WINDOW.size
    if a.ndim < 2 or min(a.shape[-2:]) < size or a.size == 0:
        raise ValueError(f"ssim needs images (..., height, width) of at least {size} by {size}, received shape {a.shape}")
    a, b = a / peak, b / peak
    mean_a, mean_b = _blur(a), _blur(b)
    variances = _blur(a * a + b * b) - mean_a * mean_a - mean_b * mean_b  # σ_a² + σ_b²
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (variances + c2)))


SSIM_WINDOW = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
SSIM_WINDOW /= SSIM_WINDOW.sum()


def _pair(name: str, image: Array, reference: Array, peak: float | None) -> tuple[Array, Array, float]:
    """Return both images in float64 and the value of white, after all checks."""
    a, b = as_array("image", image), as_array("reference", reference)
    expect(a.shape == b.shape, f"{name} compares arrays of equal shape, received {a.shape} and {b.shape}")
    if a.dtype != b.dtype:
        raise ValueError(f"{name} compares real numbers of one dtype, received {a.dtype} and {b.dtype}: bring both to one scale")
    if peak is None:
        if a.dtype != np.uint8:
            raise ValueError(f"{name} cannot tell the scale of {a.dtype}: give peak=1 for images in [0, 1], peak=255 for [0, 255]")
        peak = 255
        warn_if_dark("image", np.maximum(a, b), "give peak=1 or peak=255")
    return a.astype(np.float64), b.astype(np.float64), as_number(f"{name} expects a positive peak", peak, above=0)


def _blur(images: Array) -> Array:
    """Weigh the surroundings of each pixel by the window, along columns, then along rows: (..., H, W) → (..., H − 10, W − 10)."""
    height, width = (size - SSIM_WINDOW.size + 1 for size in images.shape[-2:])
    rows = sum(weight * images[..., k : k + height, :] for k, weight in enumerate(SSIM_WINDOW))
    return np.asarray(sum(weight * rows[..., k : k + width] for k, weight in enumerate(SSIM_WINDOW)))


def bits_per_pixel(byte_count: int, shape: tuple[int, ...]) -> float:
    """8 · bytes over the number of pixels of images of `shape` (..., height, width): what a file or stream of them costs.

    Examples
    --------
    >>> from nnlite.metrics import bits_per_pixel
    >>> bits_per_pixel(98, (28, 28))
    1.0
    """
    pixels = math.prod(shape) if isinstance(shape, tuple | list) and all(map(is_whole, shape)) else 0
    if pixels < 1 or not is_number(byte_count) or byte_count < 0:
        raise ValueError(f"bits_per_pixel expects a size and at least one pixel, received {byte_count!r} and the shape {shape!r}")
    return 8 * byte_count / pixels


def accuracy(scores: Array, labels: Array) -> float:
    """The share of samples with the largest score at their label, from 0 to 1; of equal scores the first counts as largest.

    Parameters
    ----------
    scores : array, shape (N, C)
        A number for each class: probabilities or logits; both have the same order.
    labels : array, shape (N,)
        Integers from 0 to C − 1.

    Raises
    ------
    ValueError
        The shapes do not fit (one-hot rows are no labels), there are no samples, a label is none of the classes, or a score is NaN.
    """
    scores, labels = as_array("scores", scores), as_array("labels", labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or scores.size == 0:
        raise ValueError(f"accuracy expects scores (N, C) and labels (N,), received shapes {scores.shape} and {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= scores.shape[1]:
        received = f"{labels.dtype} from {labels.min()} to {labels.max()}"
        raise ValueError(f"accuracy expects integer labels from 0 to {scores.shape[1] - 1}, received {received}")
    nan = np.isnan(scores).any(axis=1)
    expect(not nan.any(), f"accuracy expects scores that can be compared, received NaN, first in sample {nan.argmax()}")
    return float(np.mean(scores.argmax(axis=1) == labels))


def binary_entropy(target: npt.NDArray[Any]) -> float:
    """−Σ [t ln t + (1 − t) ln(1 − t)] / n, in nats: the binary cross-entropy of a prediction that is right everywhere.

    Where targets are neither 0 nor 1, such as grey pixels, the loss cannot fall below this.

    Parameters
    ----------
    target : array
        uint8 images, scaled to [0, 1] here, or other numbers in [0, 1].

    Raises
    ------
    ValueError
        The array is empty or leaves [0, 1].
    """
    target = as_array("target", target)
    expect(target.size > 0, f"binary_entropy expects at least one number, received {target.dtype} of shape {target.shape}")
    counts = None
    warn_if_dark("target", target, "give target.astype('float32') for numbers 0 and 1", stacklevel=3)
    if target.dtype == np.uint8:  # at most 256 different numbers
        counts, target = np.bincount(target.reshape(-1), minlength=256), np.arange(256) / 255
    t = target.astype(np.float64)
    if not ((t >= 0) & (t <= 1)).all():
        raise ValueError(f"binary_entropy expects numbers in [0, 1], received {t.min():g} to {t.max():g}: scale them")
    entropy = -sum(p * np.log(np.where(p > 0, p, 1)) for p in (t, 1 - t))  # 0 ln 0 is 0
    return float(np.average(entropy, weights=counts))
