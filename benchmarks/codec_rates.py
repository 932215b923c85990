"""Measure a codec's rate and distortion, and compare the curves of two codecs.

The Bjøntegaard difference of two codecs is their mean difference of ln(bytes) at equal PSNR, over the decibels that both reach.
Between measured points, cubic pieces interpolate the curve and rise wherever the points rise (PCHIP).

References
----------
G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001.
F. N. Fritsch, J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comp., 1984.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nnlite.metrics import mse, psnr

SAMPLES = 2001  # of the integral over PSNR

Curve = tuple[np.ndarray, np.ndarray]  # PSNR, increasing, and the natural logarithm of the bytes an image


class Setting(NamedTuple):
    """A codec at one quality: images (N, height, width) of bytes to a file, and back."""

    codec: str
    setting: str
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes], np.ndarray]
    mosaic: bool = False  # whether several images form one large picture
    lossless: bool = False


def measure(setting: Setting, images: np.ndarray, group: int) -> list[dict]:
    """Write the images to files of `group` each, read them back, and return the points, ready for JSON.

    Files of single images give two points: whole files, and files without the bytes that all of them share.
    """
    setting.decode(setting.encode(images[:1]))  # the first use compiles and loads: do it before the clock starts
    start = time.perf_counter()
    files = [setting.encode(images[i : i + group]) for i in range(0, len(images), group)]
    encoded = time.perf_counter()
    restored = np.concatenate([setting.decode(file) for file in files])
    decoded = time.perf_counter()
    error = mse(restored, images, peak=255)
    if setting.lossless and error > 0:
        raise RuntimeError(f"{setting.codec} should lose nothing, but the images have changed")
    point = {
        "codec": setting.codec,
        "setting": setting.setting,
        "lossless": setting.lossless,
        "images": len(images),
        "group": group,
        "psnr": psnr(error) if error > 0 else None,  # JSON knows no infinity
        "encode_seconds": encoded - start,
        "decode_seconds": decoded - encoded,
    }
    size = sum(map(len, files)) / len(images)
    if group > 1:
        return [{**point, "protocol": "mosaic" if setting.mosaic else "batch", "bytes_per_image": size}]
    header = shared_bytes(files)
    return [
        {**point, "protocol": "single", "bytes_per_image": size},
        {**point, "protocol": "payload", "bytes_per_image": size - header, "header_bytes": header},
    ]


def shared_bytes(files: Sequence[bytes]) -> int:
    """Return how many bytes all files share: bytes at the same offset from the start, or one run at the end."""
    shortest = min(map(len, files))
    from_start = _equal([file[:shortest] for file in files])
    from_end = _equal([file[len(file) - shortest :] for file in files])
    run = int(np.argmin(np.append(from_end[::-1], False)))
    return run + int(from_start[: shortest - run].sum())


def mosaic(images: np.ndarray) -> np.ndarray:
    """Return a square number of images as one picture, row by row without gaps."""
    count, height, width = images.shape
    side = math.isqrt(count)
    if side * side != count:
        raise ValueError(f"expected a square number of images, received {count}")
    return images.reshape(side, side, height, width).swapaxes(1, 2).reshape(side * height, side * width)


def tiles(picture: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return the images (N, height, width) of a mosaic."""
    height, width = shape
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    return picture.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows * columns, height, width)


def curve(points: Iterable[dict]) -> Curve:
    """Return the points that no other point beats by fewer bytes and a higher PSNR."""
    best = []
    for rate, decibel in sorted((point["bytes_per_image"], point["psnr"]) for point in points if point["psnr"] is not None):
        if rate > 0 and (not best or decibel > best[-1][0]):
            best.append((decibel, math.log(rate)))
    values = np.array(best, float).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def bytes_at(points: Curve, decibel: float) -> float | None:
    """Return the bytes an image at this PSNR; None outside the curve."""
    if len(points[0]) < 2 or not points[0][0] <= decibel <= points[0][-1]:
        return None
    return float(np.exp(interpolate(*points, np.array([decibel]))[0]))


def bjontegaard(reference: Curve, other: Curve, lowest: float = -math.inf, highest: float = math.inf) -> dict | None:
    """Return how many bytes more (> 0) or fewer (< 0) the other takes, as a share of the reference's, and the range of decibels.

    Parameters
    ----------
    reference, other : Curve
        As `curve` returns them.
    lowest, highest : float
        Limits of the PSNR, beside those of the two curves.

    Returns
    -------
    dict or None
        "difference", "lowest", "highest"; None if the curves have no decibels in common within the limits.
    """
    if min(len(reference[0]), len(other[0])) < 2:
        return None
    low, high = max(reference[0][0], other[0][0], lowest), min(reference[0][-1], other[0][-1], highest)
    if low >= high:
        return None
    grid = np.linspace(low, high, SAMPLES)
    difference = interpolate(*other, grid) - interpolate(*reference, grid)
    mean = np.trapezoid(difference, grid) / (high - low)
    return {"difference": float(np.expm1(mean)), "lowest": float(low), "highest": float(high)}


def interpolate(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the piecewise cubic through two or more points (x, y), x increasing; it is monotone wherever they are."""
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    d = np.empty_like(y)  # the derivative at each point
    d[0], d[-1] = (slope[0], slope[-1]) if len(x) == 2 else (_end(h, slope), _end(h[::-1], slope[::-1]))
    before, after = slope[:-1], slope[1:]
    turns = before * after <= 0  # a maximum or minimum stays one
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    d[1:-1] = np.where(turns, 0, (w1 + w2) / (w1 / np.where(turns, 1, before) + w2 / np.where(turns, 1, after)))
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    t = (at - x[i]) / h[i]
    # y = (1 + 2 t)(1 − t)² y₀ + t² (3 − 2 t) y₁ + h t (1 − t)² d₀ − h t² (1 − t) d₁
    values = (1 + 2 * t) * (1 - t) ** 2 * y[i] + t * t * (3 - 2 * t) * y[i + 1]
    return values + h[i] * t * (1 - t) * ((1 - t) * d[i] - t * d[i + 1])


def _end(h: np.ndarray, slope: np.ndarray) -> float:
    """Return the derivative at the first point: that of the parabola through three points, limited against overshooting."""
    d = ((2 * h[0] + h[1]) * slope[0] - h[0] * slope[1]) / (h[0] + h[1])
    if d * slope[0] <= 0:
        return 0.0
    if slope[0] * slope[1] <= 0 and abs(d) > 3 * abs(slope[0]):
        return float(3 * slope[0])
    return float(d)


def _equal(files: list[bytes]) -> np.ndarray:
    """Tell for each offset whether all files, of one length, have the same byte."""
    values = np.frombuffer(b"".join(files), np.uint8).reshape(len(files), len(files[0]))
    return (values == values[0]).all(axis=0)
