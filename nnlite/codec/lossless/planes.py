"""Pictures as arrays of planes: what the lossless codec does with them before and after coding."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import CodecError

MAX_SAMPLES, MAX_SIDE, MAX_COUNT = 1 << 28, (1 << 16) - 1, 1 << 20

Images = npt.NDArray[np.uint8]  # (N, planes, height, width)


def check_pictures(pictures: npt.NDArray[Any]) -> tuple[Images, bool]:
    """Return pictures as (N, planes, height, width), a copy, and whether they are a batch; CodecError if they are none."""
    if pictures.dtype != np.uint8:
        raise CodecError(f"expected pictures of uint8, received {pictures.dtype}: multiply floats in [0, 1] by 255 and round them")
    batch = pictures.ndim == 4 or (pictures.ndim == 3 and pictures.shape[2] != 3)
    if pictures.ndim not in (2, 3, 4) or (pictures.ndim == 4 and pictures.shape[3] not in (1, 3)):
        raise CodecError(
            f"expected a picture (height, width) or (height, width, 3), or a batch (N, height, width) or (N, height, width, 3), "
            f"received {pictures.shape}"
        )
    images = pictures if batch else pictures[None]
    images = np.moveaxis(images, -1, 1) if images.ndim == 4 else images[:, None]
    count, planes, height, width = images.shape
    check_size(count, planes, height, width)
    return np.array(images[:, [1, 0, 2]] if planes == 3 else images, order="C"), batch


def to_pictures(images: Images, batch: bool) -> npt.NDArray[np.uint8]:
    """Return what `check_pictures` was given."""
    pictures = np.moveaxis(images[:, [1, 0, 2]], 1, -1) if images.shape[1] == 3 else images[:, 0]
    return np.ascontiguousarray(pictures if batch else pictures[0])


def check_size(count: int, planes: int, height: int, width: int) -> None:
    """Raise CodecError if a file cannot hold so many pictures of this size."""
    if min(count, height, width) < 1:
        raise CodecError(f"expected one picture or more of one pixel or more, received {count} of {height} × {width}")
    if max(height, width) > MAX_SIDE or count > MAX_COUNT or count * planes * height * width > MAX_SAMPLES:
        raise CodecError(
            f"expected at most {MAX_SAMPLES} samples, {MAX_COUNT} pictures, and {MAX_SIDE} rows and columns in a file, received "
            f"{count} of {height} × {width}: divide them among several files"
        )
