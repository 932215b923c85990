"""Images in files of several kinds, as uint8 arrays (N, height, width): PNG, a folder of PNGs, .npy, IDX; and "-", a pipe.

On reading, a file's kind is known by its first bytes; on writing, by its name: ``.png``, ``.npy``, IDX where the name contains
"idx" or "ubyte" (gzipped if it also ends in ``.gz``), and a folder where it has no ending. A pipe carries ``.npy``.
"""

import gzip
import io
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.codec.errors import CodecError
from nnlite.datasets import DatasetError, parse_idx
from nnlite.files import write_atomically

Array = npt.NDArray[Any]

PIPE = Path("-")
MAX_BYTES = 2**31


def read_bytes(path: Path) -> bytes:
    """Return what a file holds, or what comes through standard input if the path is "-"; CodecError if it cannot be read."""
    try:
        if path != PIPE:
            return path.read_bytes()
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < MAX_BYTES and (piece := sys.stdin.buffer.read(2**24)):  # read(n) allocates n bytes at once
            pieces.append(piece)
        return b"".join(pieces)
    except OSError as error:
        raise CodecError(f"{path}: expected a readable file: {error.strerror}") from error


def write_bytes(path: Path, data: bytes, force: bool) -> None:
    """Write a file, whole or not at all, or to standard output if the path is "-"."""
    if path == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    check_target(path, force)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise CodecError(f"{path}: expected a place that can be written to: {error.strerror}") from error


def check_target(path: Path, force: bool) -> None:
    """Raise CodecError if something is there already, unless forced."""
    if path != PIPE and os.path.exists(path) and not force:
        raise CodecError(f"{path} is already there: choose another name, or give --force to replace it")


def read_images(path: Path) -> Array:
    """Return the images of a file or folder, uint8 or float, (N, height, width) or (height, width).

    Raises
    ------
    CodecError
        It cannot be read, is of no known kind, or is damaged; the message names it.
    """
    if path != PIPE and os.path.isdir(path):
        return _read_folder(path)
    data = read_bytes(path)
    try:
        if data.startswith(b"\x89PNG"):
            return _read_png(data)
        if data.startswith(b"\x93NUMPY"):
            return _read_npy(data)
        if data.startswith((b"\x1f\x8b", b"\0\0")):
            return parse_idx(data)
    except (CodecError, DatasetError) as error:
        raise CodecError(f"{path}: {error}") from error
    raise CodecError(f"{path}: expected a PNG, a folder of PNGs, a .npy or an IDX file, received bytes {data[:4].hex(' ')!r}")


def write_images(path: Path, images: npt.NDArray[np.uint8], force: bool) -> None:
    """Write images (N, height, width) as the kind of file that the name asks for; CodecError if that is not possible."""
    name = path.name.lower()
    if path == PIPE or name.endswith(".npy"):
        buffer = io.BytesIO()
        np.save(buffer, images, allow_pickle=False)
        write_bytes(path, buffer.getvalue(), force)
    elif name.endswith(".png"):
        if len(images) != 1:
            raise CodecError(f"{path}: a PNG holds one image, received {len(images)}: give a folder, a .npy or an IDX file")
        write_bytes(path, png(images[0]), force)
    elif "idx" in name or "ubyte" in name:
        header = bytes([0, 0, 8, images.ndim]) + b"".join(size.to_bytes(4, "big") for size in images.shape)
        data = header + images.tobytes()
        write_bytes(path, gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data, force)
    elif path.suffix == "":
        _write_folder(path, images, force)
    else:
        raise CodecError(f"{path}: expected a name that ends in .png, .npy or -ubyte(.gz), or a folder without an ending")


def _read_folder(path: Path) -> Array:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".png")
    if not files:
        raise CodecError(f"{path}: expected a folder of PNG files, received one without any")
    images = [read_images(file) for file in files]
    odd = next((file for file, image in zip(files, images, strict=True) if image.shape != images[0].shape), None)
    if odd is not None:
        raise CodecError(f"{odd}: expected an image of the size of {files[0].name}, as all in one folder")
    return np.stack(images)


def _write_folder(path: Path, images: npt.NDArray[np.uint8], force: bool) -> None:
    """Write a folder under a temporary name first; into one that is there already, file by file."""
    check_target(path, force)
    digits = len(str(len(images) - 1))
    files = {f"{number:0{digits}d}.png": png(image) for number, image in enumerate(images)}
    try:
        if path.exists():
            for name, data in files.items():
                write_atomically(path / name, data)
            return
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            whole = Path(temporary) / path.name
            whole.mkdir()
            for name, data in files.items():
                (whole / name).write_bytes(data)
            os.rename(whole, path)
    except OSError as error:
        raise CodecError(f"{path}: expected a place that can be written to: {error.strerror}") from error


def _read_npy(data: bytes) -> Array:
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except Exception as error:  # NumPy raises whatever its parser does, and MemoryError for a header that promises too much
        raise CodecError(f"expected a NumPy file of numbers: {_first_line(error)}") from error


def _read_png(data: bytes) -> Array:
    """Return a PNG's grey values as uint8 (height, width)."""
    import matplotlib.image  # only here: it takes longer to import than a small file to compress

    depth, colour_type = data[24:25], data[25:26]
    if colour_type == b"\0" and depth in (b"\2", b"\4"):  # matplotlib's reader gets these wrong
        raise CodecError(f"expected a PNG of 8 bits a pixel, received one of {depth[0]}")
    try:
        image = matplotlib.image.imread(io.BytesIO(data), format="png")  # floats in [0, 1], (h, w), (h, w, 3) or (h, w, 4)
    except Exception as error:  # likewise
        raise CodecError(f"expected a PNG image: {_first_line(error)}") from error
    if image.ndim == 3:
        colour, opacity = image[..., :3], image[..., 3:]
        if (colour != colour[..., :1]).any() or (opacity != 1).any():
            raise CodecError("expected a grey image, received one with colours or transparency")
        image = colour[..., 0]
    return np.asarray(np.rint(image * 255), np.uint8)


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """Return a grey image (height, width) as a PNG file: matplotlib's writer knows only colours, and takes three times the bytes.

    A PNG is a signature and chunks: length, type, content, CRC-32 of type and content (ISO/IEC 15948).
    """
    height, width = image.shape
    rows = np.zeros((height, 1 + width), np.uint8)  # a row begins with its filter: 0, none, the best for images as small as these
    rows[:, 1:] = image
    header = struct.pack(
        ">IIBBBBB", width, height, 8, 0, 0, 0, 0
    )  # 8 bits, grey, the only compression, filter method, no interlace
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
