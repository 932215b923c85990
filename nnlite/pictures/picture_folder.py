"""A folder of pictures as a data set: PGM, PPM and PNG files of one size, in the folder itself or in its sub-folders.

A sub-folder is a group, such as the pictures of one person. `hold_out` keeps some pictures of each group for testing, or whole
groups.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.arrays import as_number, expect, expect_rng
from nnlite.files.errors import DatasetError, PictureError, reported_as
from nnlite.files.whole_files import visible, with_ending
from nnlite.pictures.picture_files import PICTURES, read_pictures

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
        Reads files that end in .pgm, .ppm, .pnm or .png, in any case. Leaves out names that begin with a dot, and other files with
        a warning. Follows links. The pictures of each sub-folder are one group, those of the folder itself another.

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
        entries = sorted(visible(folder), key=Path.is_dir)  # the folder's own files first
        paths = with_ending([file for entry in entries for file in (visible(entry) if entry.is_dir() else [entry])], PICTURES)
    if not paths:
        raise DatasetError(f"{folder}: expected PGM, PPM or PNG images in this folder or in folders in it, received none")
    members = ["." if file.parent == folder else file.parent.name for file in paths]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(members))}
    try:
        return ImageFolder(read_pictures(paths), np.array([numbers[member] for member in members]), list(numbers))
    except PictureError as error:
        raise DatasetError(str(error)) from error


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
    share = as_number("hold_out expects a share in (0, 1)", share, above=0, below=1)
    expect_rng("hold_out", rng)
    names = np.unique(groups)
    # Draw groups, or images of each group: about the share, at least one and never all.
    pools = [names] if whole_groups else [np.flatnonzero(groups == name) for name in names]
    drawn: list[int] = []
    for pool in pools:
        count = min(max(round(share * len(pool)), 1), len(pool) - 1)
        drawn += rng.choice(pool, count, replace=False).tolist()
    mask = np.isin(groups if whole_groups else np.arange(len(groups)), drawn)
    few = "two groups, received one" if whole_groups else "a group of two images, received none"
    expect(bool(mask.any()), f"hold_out expects at least {few}: nothing is left to test with")
    return mask
