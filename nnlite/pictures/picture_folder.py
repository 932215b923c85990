"""A folder of pictures as a data set: PGM, PPM and PNG files of one size, in the folder itself or in its sub-folders.

A sub-folder is a group, such as the pictures of one person. `hold_out` keeps some pictures of each group for testing, or whole
groups.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.arrays import expect, expect_rng, is_number
from nnlite.files.errors import DatasetError, PictureError, reported_as
from nnlite.files.whole_files import MAX_BYTES, natural_order
from nnlite.pictures.picture_files import PICTURES, read_picture

Groups = npt.NDArray[np.int64]


class ImageFolder(NamedTuple):
    """Images uint8, (N, height, width) grey or (N, height, width, 3) in colours; group (N,) of each, an index of `names`."""

    images: npt.NDArray[np.uint8]
    groups: Groups
    names: list[str]


def load_image_folder(path: str | os.PathLike[str]) -> ImageFolder:
    """Return the pictures of a folder and of the folders in it, in the natural order of their names: s2 before s10.

    Parameters
    ----------
    path : path
        Reads files that end in .pgm, .ppm, .pnm or .png, in any case. Skips other files and names that begin with a dot. Follows
        links. The pictures of each sub-folder are one group, those of the folder itself another.

    Returns
    -------
    ImageFolder
        Grey if all pictures are grey. If some have colours, the grey ones get three equal channels.

    Raises
    ------
    DatasetError
        The folder does not exist or is empty, a file is damaged or differs in size from the first, or all together would take more
        than 1 GiB at three bytes a pixel, even if they are grey; the message names the folder or file.
    """
    folder = Path(path)
    with reported_as(DatasetError, f"{folder}: expected a readable folder of images", OSError):
        members = {".": folder, **{child.name: child for child in _visible(folder) if child.is_dir()}}
        files = {name: [file for file in _visible(member) if _is_picture(file)] for name, member in members.items()}
    names = [name for name in files if files[name]]
    if not names:
        raise DatasetError(f"{folder}: expected PGM, PPM or PNG images in this folder or in folders in it, received none")
    paths = [file for name in names for file in files[name]]
    pictures: list[npt.NDArray[np.uint8]] = []
    for file in paths:
        try:
            pictures.append(read_picture(file))
        except PictureError as error:
            raise DatasetError(str(error)) from error
        if len(pictures) == 1 and 3 * math.prod(pictures[0].shape[:2]) * len(paths) > MAX_BYTES:
            received = f"received {len(paths)} of {_size(pictures[0])} pixels"
            raise DatasetError(f"{folder}: expected images that take at most {MAX_BYTES} bytes as colours, {received}")
        if pictures[-1].shape[:2] != pictures[0].shape[:2]:
            sizes = f"{_size(pictures[0])} pixels like {paths[0]}, received {_size(pictures[-1])}"
            raise DatasetError(f"{file}: expected an image of {sizes}: bring all images to one size")
    if any(picture.ndim == 3 for picture in pictures):
        pictures = [picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2) for picture in pictures]
    return ImageFolder(np.stack(pictures), np.repeat(np.arange(len(names)), [len(files[name]) for name in names]), names)


def hold_out(groups: Groups, share: float, rng: np.random.Generator, *, whole_groups: bool = False) -> npt.NDArray[np.bool_]:
    """Return a mask (N,) of the images to test with.

    Parameters
    ----------
    groups : array of int, shape (N,)
        The group of each image.
    share : float
        The part to hold out, in (0, 1), of the images of each group or of the groups: rounded to the nearest whole number, at least
        one and never all. A group of one image keeps it for training.
    rng : np.random.Generator
        Draws the images or groups.
    whole_groups : bool
        Whether to hold out groups as a whole, such as all images of some people.

    Raises
    ------
    ValueError
        The share is not in (0, 1), or there is nothing to hold out: no group has two images, or there is only one group.
    """
    expect(is_number(share) and 0 < share < 1, f"hold_out expects a share in (0, 1), received {share!r}")
    expect_rng("hold_out", rng)
    if whole_groups:
        mask = np.isin(groups, _draw(np.unique(groups), share, rng))
    else:
        mask = np.zeros(len(groups), np.bool_)
        for group in np.unique(groups):
            mask[_draw(np.flatnonzero(groups == group), share, rng)] = True
    few = "two groups, received one" if whole_groups else "a group of two images, received none"
    expect(bool(mask.any()), f"hold_out expects at least {few}: nothing is left to test with")
    return mask


def _draw(items: npt.NDArray[np.int64], share: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return about a share of the items, at least one and never all."""
    count = min(max(round(share * len(items)), 1), len(items) - 1)
    return rng.choice(items, count, replace=False)


def _visible(folder: Path) -> list[Path]:
    return sorted((child for child in folder.iterdir() if not child.name.startswith(".")), key=natural_order)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in PICTURES and not file.is_dir()


def _size(picture: npt.NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} × {picture.shape[0]}"
