"""More training images than there are: small changes after which an image is still one of its kind.

A digit that stands a pixel further left is the same digit, yet another row of numbers; a model that sees it here and there must
learn what the two have in common. The changes are drawn anew for every batch, in training only; `nnlite.Sequential.fit` calls
for them.
"""

import numpy as np

from nnlite import kernels
from nnlite.arrays import FloatArray, Workspace, expect_count


class RandomShift:
    """Moves each image of a batch by a random whole number of pixels, up to `pixels` each way; what moves in is black.

    Parameters
    ----------
    pixels : int
        The largest shift, at least 1. All shifts from −pixels to pixels are equally probable, down and right independently.
    """

    def __init__(self, pixels: int = 1):
        expect_count("RandomShift", "pixels", pixels)
        self.pixels = pixels
        self._workspace = Workspace()

    def __call__(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the shifted images (N, height, width); valid until the next call."""
        if np.ndim(images) != 3:
            raise ValueError(f"RandomShift expects images (N, height, width), received {np.shape(images)}")
        down, right = rng.integers(-self.pixels, self.pixels + 1, (2, len(images)))
        shifted = self._workspace.array("shifted", images.shape, images.dtype)
        kernels.shift_images(images, down, right, shifted)
        return shifted


class RandomFlip:
    """Mirrors each image of a batch with probability ½: left becomes right, as suits faces and scenes, but not digits."""

    def __init__(self) -> None:
        self._workspace = Workspace()

    def __call__(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the images, shape (N, height, width) or (N, height, width, C), some mirrored; valid until the next call."""
        if np.ndim(images) not in (3, 4):
            raise ValueError(f"RandomFlip expects images (N, height, width) or (N, height, width, C), received {np.shape(images)}")
        mirrored = rng.random(len(images)) < 0.5
        flipped = self._workspace.array("flipped", images.shape, images.dtype)
        flipped[...] = images
        flipped[mirrored] = images[mirrored, :, ::-1]
        return flipped
