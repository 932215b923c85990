"""Which of the three codecs compresses what, and all of them behind one function each way.

- *digits*: sets of 28 × 28 grey digits, light on black, with loss, 16 qualities; with another model, what that was trained for.
- *photograph*: one picture, grey or in colours, with loss, qualities from 0 to 100.
- *lossless*: one picture or a batch.

Unless a codec is named, the pictures decide. Grey squares of 28 × 28 are digits, but lossless if they come back as something else,
such as dark digits on white paper. One picture is a photograph, or lossless where that takes no more bytes, or no more than asked
for. Any other batch is lossless.
"""

import contextlib
import warnings
from bisect import bisect_left, bisect_right
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from nnlite.codec import container, frame
from nnlite.codec.digits.decoding import Images, as_bytes
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.photographs import PhotographCodec
from nnlite.files.errors import CodecError, reported_as
from nnlite.metrics import bits_per_pixel, mse, psnr

CODECS = ("digits", "photograph", "lossless")
DIGIT = (28, 28, 1)
lossless = cache(LosslessCodec)  # made when they are needed
photographs = cache(PhotographCodec)


class Wishes(NamedTuple):
    """What is asked of a compressed file; of quality, bytes and PSNR at most one. A lossless file has every PSNR.

    Attributes
    ----------
    codec : str or None
        One of CODECS; None for the one that suits.
    quality : int or None
        From 0 to 15 for digits, to 100 for photographs.
    target_bytes : float or None
        So many for each picture.
    target_psnr : float or None
        In decibels, over all images.
    """

    codec: str | None = None
    quality: int | None = None
    target_bytes: float | None = None
    target_psnr: float | None = None


def compress(pictures: npt.NDArray[Any], wishes: Wishes, digits: ImageCodec | None = None) -> bytes:
    """Return the file of pictures.

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
    if wishes.codec not in (None, *CODECS):
        raise CodecError(f"expected a codec of {', '.join(CODECS)}, received {wishes.codec!r}")
    if wishes[1:].count(None) < 2:
        raise CodecError(f"expected at most one of quality, bytes and PSNR, received {wishes}: leave out the others")
    images = frame.as_batch(as_bytes(pictures))
    codec = wishes.codec or ("digits" if digits or images.shape[1:] == DIGIT else "photograph" if len(images) == 1 else "lossless")
    limit = wishes.target_bytes and wishes.target_bytes * len(images)
    if codec == "lossless":
        if wishes.quality is not None or (wishes.codec and wishes.target_psnr is not None):
            raise CodecError("expected no quality or PSNR of a lossless file, received one: leave it out, or name another codec")
        return lossless().compress(images, limit=limit)
    try:
        file = _with_loss(images, codec, wishes, digits)
    except CodecError as error:
        if not (wishes.codec or digits or wishes.quality is not None):
            with contextlib.suppress(CodecError):
                file = lossless().compress(images, limit=limit)
                warnings.warn(f"compressed without loss, for with loss it is: {error}", stacklevel=2)
                return file
        raise
    if codec == "photograph" and not wishes.codec:
        with contextlib.suppress(CodecError):  # a longer file, or of pictures too long for a lossless one
            return lossless().compress(images, limit=limit or len(file))
    return file


def _with_loss(images: Images, name: str, wishes: Wishes, digits: ImageCodec | None) -> bytes:
    """Return the file of the quality that is asked for, or that meets the target; the middle one if there is neither.

    Sizes and PSNR are taken to rise with the quality, as they nearly always do.
    """
    codec: ImageCodec | PhotographCodec = photographs() if name == "photograph" else digits or load_digits()
    if isinstance(codec, ImageCodec):
        images = codec.check_images(images[..., 0] if images.shape[3] == 1 else images)
    qualities = range(codec.qualities)
    write = cache(partial(codec.compress, images))  # the search ends at a file that it has written before
    quality = len(qualities) // 2 if wishes.quality is None else wishes.quality
    if (target := wishes.target_bytes) is not None:
        quality = bisect_right(qualities, target, key=lambda quality: len(write(quality)) / len(images)) - 1
        if quality < 0:
            least = len(write(0)) / len(images)
            raise CodecError(f"expected a target of at least {least:.2f} bytes for each picture, received {target:g}")
    if (target := wishes.target_psnr) is not None:
        reached = cache(lambda quality: psnr(mse(codec.decompress(write(quality)).reshape(images.shape), images, peak=255)))
        quality = bisect_left(qualities, target, key=reached)
        if quality == len(qualities):
            raise CodecError(f"expected a target of at most {reached(quality - 1):.2f} dB for these pictures, received {target:g}")
    if isinstance(codec, ImageCodec):
        codec.check_known(images, write(quality))
    return write(quality)


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
    if frame.format_of(data) == frame.PHOTOGRAPH:
        if index not in (None, 0):
            raise CodecError(f"expected the index 0 of a photograph, received {index}")
        return photographs().decompress(data)[None]
    codec = lossless() if frame.format_of(data) == frame.LOSSLESS else digits or load_digits()
    return codec.decompress(data, None if index is None else [index])


def describe(data: bytes) -> dict[str, Any]:
    """Return what a file says of itself, by name; CodecError if it is none of ours."""
    readers = {frame.PHOTOGRAPH: ("photograph", PhotographCodec.header), frame.LOSSLESS: ("lossless", LosslessCodec.header)}
    codec, read_header = readers.get(frame.format_of(data) or frame.DIGITS, ("digits", container.read_header))
    header = vars(read_header(data))
    shape = header.get("count", 1), header["height"], header["width"]
    sizes = {"bytes": len(data), "bytes_per_image": len(data) / shape[0], "bits_per_pixel": bits_per_pixel(len(data), shape)}
    return {"codec": codec, **header, **sizes}


def load_digits(path: Path | None = None) -> ImageCodec:
    """Return the digits' codec of a file, or the built-in one; CodecError if it cannot be read."""
    with reported_as(CodecError, f"{path or 'built-in codec'}: expected a codec file that can be read", OSError):
        return ImageCodec.load(path) if path else ImageCodec.load()
