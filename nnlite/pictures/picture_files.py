"""Images in files of several kinds, as uint8 arrays (N, height, width): PNG, PGM, a folder of PNGs, .npy, IDX; and "-", a pipe.

With `colours`, PNG and PPM give (height, width, 3), and a folder of them (N, height, width, 3).

Readers know a file's kind by its first bytes, and take the files of a folder in natural order, 2.png before 10.png. Writers take
the kind from the name: ``.png``, ``.pgm`` or ``.ppm``, ``.npy``, IDX if the name contains "idx" or "ubyte" (gzipped if it also ends
in ``.gz``), and a folder if it has no ending. A pipe carries ``.npy``.

Pictures have at most 8 bits a sample and are opaque: the readers refuse all others.

A file may come from a stranger. So read at most 1 GiB of it, and compare its sizes with its bytes before you allocate memory. Only
a PNG may have more pixels than bytes: 2^24, or 4 for each byte. In a folder, all together have at most 2^30 bytes at three bytes a
pixel.
"""

import contextlib
import gzip
import io
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import Array, as_array
from nnlite.datasets.idx import parse_idx
from nnlite.files.errors import DatasetError, PictureError, reported_as
from nnlite.files.whole_files import MAX_BYTES, read_file, visible, with_ending, write_atomically
from nnlite.pictures.netpbm import BEGINNINGS as NETPBM
from nnlite.pictures.netpbm import parse_netpbm
from nnlite.pictures.npy import NPY, parse_npy
from nnlite.pictures.png import PNG, parse_png, png

PIPE = Path("-")
PICTURES = (".png", ".pgm", ".ppm", ".pnm")  # endings
MAX_FOLDER = 2**30  # bytes, 1 GiB


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, or those of standard input if the path is "-"; PictureError if it cannot be read."""
    with reported_as(PictureError, f"{path}: expected a readable file", OSError):
        if path != PIPE:
            return read_file(path, MAX_BYTES)
        data = bytearray()
        while len(data) <= MAX_BYTES and (piece := _standard(sys.stdin).read(2**20)):  # read(n) allocates n bytes at once
            data += piece
    if len(data) > MAX_BYTES:
        raise PictureError(f"{path}: expected at most {MAX_BYTES} bytes from a pipe, received more")
    return bytes(data)


def _standard(stream: Any) -> Any:
    """Return standard input or output, of bytes; PictureError if there is none, as in a program without a terminal."""
    if stream is None:
        raise PictureError(f"{PIPE}: expected standard input and output, received none: name a file")
    return stream.buffer


def write_bytes(path: Path, data: bytes, force: bool) -> None:
    """Write a file, whole or not at all, or to standard output if the path is "-"."""
    if path == PIPE:
        _standard(sys.stdout).write(data)
        _standard(sys.stdout).flush()
        return
    check_target(path, force)
    with reported_as(PictureError, f"{path}: expected a place that can be written to", OSError):
        write_atomically(path, data)


def check_target(path: Path, force: bool) -> None:
    """Raise PictureError if something is there already, unless forced."""
    if path != PIPE and os.path.exists(path) and not force:
        raise PictureError(f"{path} is already there: choose another name, or give --force (in Python force=True) to replace it")


def read_images(path: str | os.PathLike[str], colours: bool = False) -> Array:
    """Return the images of a file or folder, uint8 or float, (N, height, width) or (height, width).

    Parameters
    ----------
    path : path
        The file, folder or pipe.
    colours : bool
        Whether pictures may have colours, and a last dimension of 3. Otherwise a picture in colours is an error.

    Raises
    ------
    PictureError
        The file cannot be read, is of no known kind, or is damaged; the message names it.
    """
    path = Path(path)
    return _read_folder(path, colours) if path != PIPE and os.path.isdir(path) else _parsed(path, parse_images, colours)


def is_set(folder: Path, size: tuple[int, ...] | None = None) -> bool:
    """Tell whether a folder's pictures are PNG files of one size, or of this; all grey or all in colours; true for no pictures."""
    files = []
    with contextlib.suppress(OSError):  # the reader will raise it again
        files = [file for file in visible(folder) if file.suffix.lower() in PICTURES]
    shapes = {read_picture(file).shape for file in files}
    return all(file.suffix.lower() == ".png" for file in files) and (shapes <= {size} if size else len(shapes) <= 1)


def read_picture(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Return the image of a PNG, PGM or PPM file: grey as (height, width), colours as (height, width, 3).

    Raises
    ------
    PictureError
        The file cannot be read, is of another kind, damaged, or transparent; the message names it.
    """
    return _parsed(Path(path), _parse_picture)


def read_pictures(files: Sequence[Path]) -> npt.NDArray[np.uint8]:
    """Return the images of files as `read_picture` does, in one array; if some have colours, grey ones get three equal channels.

    PictureError, too, if they differ in size, or take more than 1 GiB at three bytes a pixel, even if they are grey.
    """
    images: list[npt.NDArray[np.uint8]] = []
    for file in files:
        images.append(read_picture(file))
        size, received = (f"{width} × {height}" for height, width in (images[0].shape[:2], images[-1].shape[:2]))
        if 3 * math.prod(images[0].shape[:2]) * len(files) > MAX_FOLDER:
            many = f"received {len(files)} of {size} pixels"
            raise PictureError(f"{file.parent}: expected images that take at most {MAX_FOLDER} bytes as colours, {many}")
        if size != received:
            sizes = f"{size} pixels like {files[0]}, received {received}"
            raise PictureError(f"{file}: expected an image of {sizes}: bring all images to one size")
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2) for image in images]
    return np.stack(images)


def write_images(path: str | os.PathLike[str], images: npt.NDArray[np.uint8], force: bool = False) -> None:
    """Write images (N, height, width) or (N, height, width, 3); the name tells the kind. PictureError if that is not possible.

    With `force` it replaces what is there already, otherwise that is an error.
    """
    images = as_array("images", images)
    path = Path(path)
    name = path.name.lower()
    if images.dtype != np.uint8 or images.size == 0 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
        expected = f"{path}: expected images of uint8 (N, height, width) or (N, height, width, 3)"
        raise PictureError(f"{expected}, received {images.dtype} of shape {images.shape}")
    if path == PIPE or name.endswith(".npy"):
        buffer = io.BytesIO()
        np.save(buffer, images, allow_pickle=False)
        write_bytes(path, buffer.getvalue(), force)
    elif name.endswith(".png"):
        if len(images) != 1:
            raise PictureError(f"{path}: expected one image for a PNG, received {len(images)}: give a folder, .npy or IDX file")
        write_bytes(path, png(images[0]), force)
    elif name.endswith((".pgm", ".ppm")):
        if len(images) != 1 or (images.ndim == 4) != name.endswith(".ppm"):
            received = f"received {images.shape}: give a .npy file"
            raise PictureError(f"{path}: expected one grey image for a PGM, one in colours for a PPM, {received}")
        _, height, width = images.shape[:3]
        write_bytes(path, b"P%d\n%d %d\n255\n" % (images.ndim + 2, width, height) + images.tobytes(), force)
    elif "idx" in name or "ubyte" in name:
        data = bytes([0, 0, 8, images.ndim]) + b"".join(size.to_bytes(4, "big") for size in images.shape) + images.tobytes()
        write_bytes(path, gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data, force)
    elif path.suffix == "":
        _write_folder(path, images, force)
    else:
        endings = ".png, .npy, .pgm, .ppm or -ubyte(.gz)"
        raise PictureError(f"{path}: expected a name that ends in {endings}, or a folder without an ending")


def _parsed(path: Path, parse: Callable[..., Array], *options: bool) -> Array:
    data = read_bytes(path)
    with reported_as(PictureError, str(path), PictureError, DatasetError):
        return parse(data, *options)


def parse_images(data: bytes, colours: bool = False) -> Array:
    """Return the images of a file's bytes, as `read_images` does for a file; FileError if it cannot."""
    if data.startswith((PNG[:4], *NETPBM)):
        image = _parse_picture(data)
        if image.ndim == 3 and not colours:
            raise PictureError("expected a grey image, received one with colours")
        return image
    if data.startswith(NPY):
        return parse_npy(data)
    if data.startswith((b"\x1f\x8b", b"\0\0")):
        return parse_idx(data)
    kinds, received = "a PNG, PGM, PPM, .npy or IDX file, or a folder of PNGs", data[:4].hex(" ")
    raise PictureError(f"expected {kinds}, received bytes {received!r}: convert it to PNG")


def _read_folder(path: Path, colours: bool) -> Array:
    with reported_as(PictureError, f"{path}: expected a readable folder", OSError):
        files = with_ending(visible(path), [".png"])
    if not files:
        raise PictureError(f"{path}: expected a folder of PNG files, received one without any")
    images = read_pictures(files)
    if images.ndim == 4 and not colours:
        raise PictureError(f"{path}: expected grey images, received some with colours")
    return images


def _write_folder(path: Path, images: npt.NDArray[np.uint8], force: bool) -> None:
    """Write a folder under a temporary name and rename it; replace an old one only if it holds nothing but numbered PNGs."""
    check_target(path, force)
    digits = len(str(len(images) - 1))
    path = Path(os.path.realpath(path))
    with (
        reported_as(PictureError, f"{path}: expected a place that can be written to", OSError),
        tempfile.TemporaryDirectory(prefix=".nnlite.", dir=path.parent) as temporary,
    ):
        new = Path(temporary) / "new"
        new.mkdir()
        for number, image in enumerate(images):
            (new / f"{number:0{digits}d}.png").write_bytes(png(image))
        if path.exists():
            _check_numbered(path)
            _replace_folder(path, new)
        else:
            os.rename(new, path)


def _replace_folder(path: Path, new: Path) -> None:
    """Replace the folder `path` by the folder `new`. An exception, Ctrl-C included, brings the old one back.

    No call renames both at once. A kill between the two renames leaves nothing at `path`, and the whole old folder beside it as
    ".NAME.old.…". A kill after them may leave a part of the old folder there.
    """
    old = path.with_name(f".{path.name[:50]}.old.{os.urandom(4).hex()}")
    try:
        os.rename(path, old)
        os.rename(new, path)
    finally:
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            with reported_as(PictureError, f"{path}: the folder could not be replaced and is now {old}", OSError):
                os.rename(old, path)


def _check_numbered(path: Path) -> None:
    """Raise PictureError if a folder holds anything but numbered PNG files."""
    foreign = sorted(file.name for file in path.iterdir() if not re.fullmatch(r"[0-9]+\.png", file.name) or not file.is_file())
    if foreign:
        received = f"received one with {foreign[0]!r}: choose another name"
        raise PictureError(f"{path}: expected a folder of numbered PNG files to replace, {received}")


def _parse_picture(data: bytes) -> npt.NDArray[np.uint8]:
    """Return the image of a PNG's, PGM's or PPM's bytes. If all its colours are greys, return it as a grey image."""
    if data.startswith(PNG[:4]):
        image = parse_png(data)
    elif data.startswith(NETPBM):
        image = parse_netpbm(data)
    else:
        raise PictureError(f"expected a PNG, PGM or PPM file, received bytes {data[:4].hex(' ')!r}")
    grey = image.ndim == 3 and not (image != image[..., :1]).any()
    return image[..., 0] if grey else image
