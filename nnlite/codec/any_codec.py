"""Which of the three codecs compresses what, and all of them behind one function each way.

- *digits*: sets of 28 × 28 grey digits, light on black, with loss, 16 qualities; with another model, what that was trained for.
- *photograph*: one picture, grey or in colours, with loss, qualities from 0 to 100.
- *lossless*: one picture or a batch.

Unless a codec is named, the pictures decide. Grey squares of 28 × 28 are digits, but lossless if they come back as something else,
such as dark digits on white paper. One picture is a photograph, or lossless where that takes no more bytes, or no more than asked
for. Any other batch is lossless.
"""

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.codec import container, frame
from nnlite.codec.digits.decoding import Images, to_bytes
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.lossless.lossless_codec import read_header as read_lossless_header
from nnlite.codec.lossless.methods import METHODS
from nnlite.codec.photographs import PhotographCodec
from nnlite.codec.photographs.model import QUALITIES
from nnlite.files.errors import CodecError
from nnlite.metrics import bits_per_pixel, mse, psnr

CODECS = ("digits", "photograph", "lossless")
DIGIT = (28, 28)
Pictures = npt.NDArray[Any]


class UnknownImages(CodecError):
    """Images that come back from the digits' codec as something else."""


@dataclass(frozen=True)
class Wishes:
    """What is asked of a compressed file; of quality, bytes and PSNR at most one.

    Attributes
    ----------
    codec : str or None
        One of CODECS; None for the one that suits.
    quality : int or None
        From 0 to 15 for digits, to 100 for photographs.
    target_bytes : float or None
        So many for each image of a set of digits, or for the picture.
    target_psnr : float or None
        In decibels, over all images.
    """

    codec: str | None = None
    quality: int | None = None
    target_bytes: float | None = None
    target_psnr: float | None = None


def compress(pictures: Pictures, wishes: Wishes, digits: ImageCodec | None = None) -> tuple[bytes, str]:
    """Return the file of pictures, and a remark on the choice or nothing.

    Parameters
    ----------
    pictures : array
        (height, width), (height, width, 3), (N, height, width) or (N, height, width, 3); uint8, or floats in [0, 1].
    wishes : Wishes
        What is asked of it.
    digits : ImageCodec, optional
        A codec instead of the built-in one for digits; then no other is thought of.

    Raises
    ------
    CodecError
        The pictures are not for the codec, or its wishes cannot be met.
    """
    alone = pictures.ndim in (3, 4) and len(pictures) == 1 and (pictures.ndim == 4 or pictures.shape[2] != 3)
    pictures = pictures[0] if alone else pictures  # a batch of one
    codec = wishes.codec or ("digits" if digits else choose(pictures))
    if codec == "digits":
        try:
            return _compress_digits(digits or load_digits(), pictures, wishes), ""
        except UnknownImages:
            if digits or wishes != Wishes():
                raise
            return load_lossless().compress(
                as_bytes(pictures)
            ), "the digits' codec does not know such images: compressed without loss"
    pictures = as_bytes(pictures)
    if codec == "lossless":
        if (wishes.quality, wishes.target_psnr) != (None, None) and wishes.codec:
            raise CodecError("expected no quality or PSNR of a lossless file, received one: leave it out, or name another codec")
        return _within(load_lossless().compress(pictures), wishes), ""
    if wishes.codec:
        return _compress_photograph(pictures, wishes), ""
    try:
        file = _compress_photograph(pictures, wishes)
    except CodecError:
        if (wishes.target_bytes, wishes.target_psnr) == (None, None):
            raise
        return _within(load_lossless().compress(pictures), wishes), "no photograph reaches the target: compressed without loss"
    with contextlib.suppress(CodecError):  # of pictures too long for a lossless file
        file = load_lossless().compress_within(pictures, int(wishes.target_bytes or len(file))) or file
    return file, ""


def choose(pictures: Pictures) -> str:
    """Return the codec that suits pictures of this shape."""
    if pictures.ndim in (2, 3) and pictures.shape[-2:] == DIGIT:
        return "digits"
    single = pictures.ndim == 2 or (pictures.ndim == 3 and pictures.shape[2] == 3)
    return "photograph" if single else "lossless"


def as_bytes(pictures: Pictures) -> Images:
    """Return pictures as uint8; CodecError if they are neither that nor floats in [0, 1]."""
    if np.issubdtype(pictures.dtype, np.floating):
        if not (pictures.size and np.isfinite(pictures).all() and pictures.min() >= 0 and pictures.max() <= 1):
            raise CodecError("expected floats in [0, 1], received NaN or values outside: divide by the value of white")
        return to_bytes(pictures)
    if pictures.dtype != np.uint8:
        raise CodecError(f"expected pictures of uint8, or of floats in [0, 1], received {pictures.dtype}: scale them to 0 … 255")
    return pictures


def decompress(data: bytes, index: int | None = None, digits: ImageCodec | None = None) -> Images:
    """Return the pictures of a file, (N, height, width) or (N, height, width, 3); CodecError if it is damaged.

    Parameters
    ----------
    data : bytes
        The file.
    index : int, optional
        Only this picture of them.
    digits : ImageCodec, optional
        A codec instead of the built-in one for digits.
    """
    if frame.format_of(data) == frame.LOSSLESS:
        header = read_lossless_header(data)
        pictures = load_lossless().decompress(data, None if index is None else [index])
        return pictures if header.batch else pictures[None]
    if frame.format_of(data) == frame.PHOTOGRAPH:
        if index not in (None, 0):
            raise CodecError(f"expected the index 0 of a photograph, received {index}")
        return load_photographs().decompress(data)[None]
    return (digits or load_digits()).decompress(data, None if index is None else [index])


def describe(data: bytes) -> dict[str, Any]:
    """Return what a file says of itself, by name; CodecError if it is none of ours."""
    if frame.format_of(data) == frame.LOSSLESS:
        lossless = read_lossless_header(data)
        access = {"random_access": "yes" if lossless.random_access else "no"} if lossless.batch else {}
        facts: dict[str, Any] = {"codec": "lossless", "method": METHODS[lossless.method], **access}
        count, height, width, planes = lossless.count, lossless.height, lossless.width, lossless.planes
    elif frame.format_of(data) == frame.PHOTOGRAPH:
        photograph = PhotographCodec.header(data)
        facts = {"codec": "photograph", "quality": photograph.quality}
        count, height, width, planes = 1, photograph.height, photograph.width, 3 if photograph.colour else 1
    else:
        header = container.read_header(data)
        facts = {"codec": "digits", "quality": header.quality, "model": f"{header.model:03x}"}
        count, height, width, planes = header.count, header.height, header.width, 1
    return {
        **facts,
        "images": count,
        "height": height,
        "width": width,
        "colours": "yes" if planes == 3 else "no",
        "bytes": len(data),
        "bytes_per_image": len(data) / count,
        "bits_per_pixel": bits_per_pixel(len(data), (count, height, width)),
    }


@cache
def load_lossless() -> LosslessCodec:
    """Return the lossless codec."""
    return LosslessCodec()


@cache
def load_photographs() -> PhotographCodec:
    """Return the photograph codec."""
    return PhotographCodec()


def load_digits(path: Path | None = None) -> ImageCodec:
    """Return the digits' codec of a file, or the built-in one; CodecError if it cannot be read."""
    try:
        return ImageCodec.load() if path is None else ImageCodec.load(path)
    except OSError as error:
        raise CodecError(f"{error.filename}: expected a codec file that can be read: {error.strerror}") from error


def _within(file: bytes, wishes: Wishes) -> bytes:
    """Return a lossless file; CodecError if it takes more than the target."""
    if wishes.target_bytes is not None and len(file) > wishes.target_bytes:
        raise CodecError(
            f"expected a target of at least {len(file)} bytes, the size without loss, received {wishes.target_bytes:g}"
        )
    return file


def _compress_photograph(picture: Images, wishes: Wishes) -> bytes:
    codec = load_photographs()
    return _meet(wishes, QUALITIES, partial(codec.write, codec.analyse(picture)), codec.decompress, picture, 1)


def _compress_digits(codec: ImageCodec, images: Pictures, wishes: Wishes) -> bytes:
    images = codec.check_images(images)
    write = partial(codec.compress_latents, codec.encoder.predict(images))
    file = _meet(wishes, codec.qualities, write, codec.decompress, images, len(images))
    try:
        codec.check_known(images, file)
    except CodecError as error:
        raise UnknownImages(str(error)) from error
    return file


def _meet(
    wishes: Wishes, qualities: int, write: Callable[[int], bytes], read: Callable[[bytes], Images], pictures: Images, count: int
) -> bytes:
    """Return the file of the quality that is asked for, or that meets the target; the middle one if there is neither.

    Sizes and PSNR are taken to rise with the quality, as they nearly always do.
    """
    write = cache(write)  # the search ends at a file that it has written before
    if wishes.target_bytes is not None:
        limit = wishes.target_bytes * count
        quality = bisect_right(range(qualities), limit, key=lambda quality: len(write(quality))) - 1
        if quality < 0:
            least = len(write(0)) / count
            raise CodecError(f"expected a target of at least {least:.2f} bytes for each picture, received {wishes.target_bytes:g}")
        return write(quality)
    if wishes.target_psnr is not None:

        def reached(quality: int) -> float:
            return psnr(mse(read(write(quality)), pictures, peak=255))

        quality = bisect_left(range(qualities), wishes.target_psnr, key=reached)
        if quality == qualities:
            most = reached(qualities - 1)
            raise CodecError(f"expected a target of at most {most:.2f} dB for these pictures, received {wishes.target_psnr:g}")
        return write(quality)
    return write(qualities // 2 if wishes.quality is None else wishes.quality)
