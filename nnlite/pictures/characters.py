"""Grey pictures in characters, for a terminal: a look at digits where no window opens."""

import shutil

import numpy as np

from nnlite.arrays import Array, expect

BRIGHT = 89  # the mean of a character's pixels above which it is drawn


def block_characters(images: Array, columns: int | None = None) -> str:
    """Return pictures as text at half their size, side by side, as many as `columns` have room for.

    Parameters
    ----------
    images : uint8 array, shape (N, height, width)
    columns : int, optional
        Characters in a line; by default the terminal's.

    Raises
    ------
    ValueError
        The images are no such array.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.pictures import block_characters
    >>> arrow = np.zeros((1, 8, 8), np.uint8)
    >>> arrow[0, 2:6, :4] = arrow[0, :, 4:6] = 255
    >>> print(block_characters(arrow))
    ▄▄█
    ▀▀█
    """
    images = np.asarray(images)
    received = f"{images.dtype} of shape {images.shape}"
    expect(images.dtype == np.uint8 and images.ndim == 3, f"block_characters expects uint8 (N, height, width), received {received}")
    height, width = (size // step * step for size, step in zip(images.shape[1:], (4, 2), strict=True))
    columns = shutil.get_terminal_size().columns if columns is None else columns
    count = min(len(images), (columns + 2) // (width // 2 + 2))
    halved = images[:count, :height, :width].reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    bright = (halved > BRIGHT).astype(int)
    both = (bright[:, ::2] + 2 * bright[:, 1::2]).swapaxes(0, 1)  # (rows, N, width): 1 the upper is bright, 2 the lower, 3 both
    return "\n".join("  ".join("".join(" ▀▄█"[pixel] for pixel in image) for image in row).rstrip() for row in both)
