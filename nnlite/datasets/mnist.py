"""MNIST, inside the package, and any folder of files in the same layout."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.arrays import as_array, expect_count
from nnlite.datasets.idx import Bytes, load_idx
from nnlite.files.errors import DatasetError


class Dataset(NamedTuple):
    """Images (N, 28, 28) or of another size, and labels (N,), for training and for testing; writable uint8 arrays."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def load_mnist() -> Dataset:
    """Return MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 × 28, 0 black to 255 white."""
    return load_idx_folder(Path(__file__).parent / "data")


def load_idx_folder(path: str | os.PathLike[str]) -> Dataset:
    """Return the data set of a folder in MNIST's layout, such as Fashion-MNIST or KMNIST.

    Parameters
    ----------
    path : path
        A folder with the files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each as it is or with the ending .gz.

    Raises
    ------
    DatasetError
        A file is missing or malformed, images and labels differ in number, or training and test images differ in size.
    """
    folder = Path(path)
    arrays = []
    for split in ("train", "t10k"):
        images = load_idx(_find(folder, f"{split}-images-idx3-ubyte"), 3)
        labels = load_idx(_find(folder, f"{split}-labels-idx1-ubyte"), 1)
        if len(images) != len(labels):
            received = f"{len(images)} in {split}-images-idx3-ubyte and {len(labels)} in {split}-labels-idx1-ubyte"
            raise DatasetError(f"{folder}: expected as many labels as images, received {received}")
        arrays += [images, labels]
    data = Dataset(*arrays)
    size, test_size = data.train_images.shape[1:], data.test_images.shape[1:]
    if size != test_size:
        raise DatasetError(f"{folder}: expected training and test images of one size, received {size} and {test_size}")
    return data


def one_hot(labels: npt.NDArray[np.integer], classes: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[np.floating]:
    """Return the labels (N,) as rows (N, C) that are 1 at the label and 0 elsewhere.

    Raises
    ------
    ValueError
        The labels are no integers of shape (N,), or one is not from 0 to C − 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.datasets import one_hot
    >>> one_hot(np.array([2, 0]), classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = as_array("labels", labels)
    expect_count("one_hot", "classes", classes)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"one_hot expects integer labels of shape (N,), received {labels.dtype} of shape {labels.shape}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"one_hot expects labels from 0 to {classes - 1}, received {labels.min()} to {labels.max()}")
    return np.asarray(labels[:, None] == np.arange(classes), dtype)


def first_of_each(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return the position of each label's first sample, in the order of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.datasets import first_of_each
    >>> first_of_each(np.array([7, 3, 7, 0])).tolist()
    [3, 1, 0]
    """
    return np.unique(as_array("labels", labels), return_index=True)[1]


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DatasetError(f"{folder}: expected a file {name} or {name}.gz in this folder, received neither")
