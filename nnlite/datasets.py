"""Where the images come from: MNIST, which comes with the package, and any folder of files in the same IDX format.

An IDX file is a header and the elements, nothing else. All integers are big-endian:

    offset  size    content
    0       2       zero
    2       1       type of the elements, 0x08 for unsigned bytes (the only one read here)
    3       1       number of dimensions n
    4       4 n     the sizes
    4+4n    product of the sizes, one byte each, last dimension fastest

Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.files import MAX_BYTES, read_file

Bytes = npt.NDArray[np.uint8]

UNSIGNED_BYTE = 0x08
MAX_DIMENSIONS = 4
PIECE = 2**20  # so many bytes are unzipped at a time


class DatasetError(ValueError):
    """A data file or folder that is not what it should be; the message names it."""


class Dataset(NamedTuple):
    """Images (N, 28, 28) or of another size, and labels (N,), for training and for testing; writable uint8 arrays."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def load_mnist() -> Dataset:
    """Return MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 × 28, 0 black to 255 white."""
    return load_idx_folder(Path(__file__).parent / "data" / "mnist")


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
        A file is missing or malformed, images and labels differ in number, or training and test images in size.
    """
    folder = Path(path)
    arrays = Dataset(
        *(
            load_idx(_find(folder, f"{split}-{kind}-idx{dimensions}-ubyte"), dimensions)
            for split in ("train", "t10k")
            for kind, dimensions in (("images", 3), ("labels", 1))
        )
    )
    for split, images, labels in (
        ("train", arrays.train_images, arrays.train_labels),
        ("t10k", arrays.test_images, arrays.test_labels),
    ):
        if len(images) != len(labels):
            raise DatasetError(
                f"{folder}: expected as many labels as images, received {len(images)} in {split}-images-idx3-ubyte and "
                f"{len(labels)} in {split}-labels-idx1-ubyte"
            )
    if arrays.train_images.shape[1:] != arrays.test_images.shape[1:]:
        raise DatasetError(
            f"{folder}: expected training and test images of one size, received {arrays.train_images.shape[1:]} and "
            f"{arrays.test_images.shape[1:]}"
        )
    return arrays


def load_idx(path: str | os.PathLike[str], dimensions: int | None = None) -> Bytes:
    """Return the array of one IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : path
        Gzip is recognised by its first two bytes, not by the name.
    dimensions : int, optional
        What the file must have: 3 for images, 1 for labels.

    Raises
    ------
    DatasetError
        The file cannot be read, is no IDX file of bytes, has other dimensions, or more or fewer bytes than these promise.
    """
    try:
        return parse_idx(read_file(path), dimensions)
    except OSError as error:
        raise DatasetError(f"{path}: expected a readable IDX file: {error.strerror}") from error
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error


def parse_idx(data: bytes, dimensions: int | None = None) -> Bytes:
    """Return the array of an IDX file's bytes, as `load_idx` does for a file.

    Unzipping ends with the bytes that the header promises, 1 GiB at most, however much more a small gzip could become.
    """
    try:
        with gzip.open(io.BytesIO(data)) if data.startswith(b"\x1f\x8b") else io.BytesIO(data) as file:
            return _read_idx(file, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"expected a readable IDX file, gzipped or not: {error}") from error


def _read_idx(file: io.BufferedIOBase, dimensions: int | None) -> Bytes:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DatasetError(f"expected an IDX file, which begins with two zero bytes, received {start.hex(' ')!r}")
    if start[2] != UNSIGNED_BYTE:
        raise DatasetError(f"expected elements of type 0x08 (unsigned bytes), received type 0x{start[2]:02x}")
    n = start[3]
    if n != (dimensions or n) or not 1 <= n <= MAX_DIMENSIONS:
        raise DatasetError(f"expected {dimensions or f'1 to {MAX_DIMENSIONS}'} dimension(s), received {n}")
    sizes = file.read(4 * n)
    if len(sizes) < 4 * n:
        raise DatasetError(f"expected a header of {4 + 4 * n} bytes, received a file of {4 + len(sizes)}")
    shape = tuple(int.from_bytes(sizes[4 * i : 4 * i + 4], "big") for i in range(n))
    promised = f"expected {' × '.join(map(str, shape))} = {math.prod(shape)} bytes after the header"
    if math.prod(shape) > MAX_BYTES:
        raise DatasetError(f"{promised}, received sizes beyond the {MAX_BYTES} bytes that are read at most")
    elements = bytearray()
    while len(elements) <= math.prod(shape) and (piece := file.read(PIECE)):
        elements += piece
    if len(elements) < math.prod(shape):
        raise DatasetError(f"{promised}, received {len(elements)}: the file is cut short")
    if len(elements) > math.prod(shape):
        raise DatasetError(f"{promised}, received more: the file is too long, or its sizes are wrong")
    try:
        return np.array(np.frombuffer(elements, np.uint8).reshape(shape))  # a copy, which owns its memory
    except ValueError as error:  # no elements, but sizes whose product NumPy cannot count
        raise DatasetError(f"{promised}, received sizes that no array can have: {error}") from error


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
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"one_hot expects integer labels of shape (N,), received {labels.dtype} of shape {labels.shape}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"one_hot expects labels from 0 to {classes - 1}, received {labels.min()} to {labels.max()}")
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DatasetError(f"{folder}: expected a file {name} or {name}.gz in this folder, found neither")
