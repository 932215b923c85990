"""Make more training images out of few: change each a little, so that it still shows the same thing.

Move a digit by a pixel: it is the same digit, but another row of numbers. A model that sees both must learn what they share.
`nnlite.Sequential.fit` draws new changes for every batch, in training only.
"""

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, expect, expect_count


class RandomShift:
    """Moves each image of a batch by a random whole number of pixels, up to `pixels` each way; new pixels are black.

    Parameters
    ----------
    pixels : int
        The largest shift, at least 1. All shifts from −pixels to pixels are equally probable, down and right independently.
    """

    def __init__(self, pixels: int = 1):
        expect_count("RandomShift", "pixels", pixels)
        self.pixels = pixels

    def __call__(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the shifted images (N, height, width)."""
        expect(np.ndim(images) == 3, f"RandomShift expects images (N, height, width), received {np.shape(images)}")
        down, right = rng.integers(-self.pixels, self.pixels + 1, (2, len(images)))
        shifted = np.empty(images.shape, images.dtype)
        kernels.shift_images(images, down, right, shifted)
        return shifted


class RandomFlip:
    """Mirrors each image of a batch with probability ½, left to right. Good for faces and scenes, wrong for digits."""

    def __call__(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the images (N, height, width) or (N, height, width, C), some mirrored."""
        if np.ndim(images) not in (3, 4):
            raise ValueError(f"RandomFlip expects images (N, height, width) or (N, height, width, C), received {np.shape(images)}")
        mirrored = rng.random(len(images)) < 0.5
        flipped: FloatArray = images.copy()
        flipped[mirrored] = images[mirrored, :, ::-1]
        return flipped
