"""The codecs that `benchmarks.pictures` compares: nnlite's, those of Pillow, and JPEG XL."""

import importlib.util
import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.photographs import PhotographCodec

OWN = "nnlite"
NO_NETWORK = "nnlite without its network"
QUALITIES = (5, 12, 20, 28, 36, 44, 52, 60)


class Codec(NamedTuple):
    """A codec at several settings: a picture (height, width) or (height, width, 3) of bytes to a file, and back."""

    name: str
    settings: tuple[float, ...]
    encode: Callable[[np.ndarray, float], bytes]
    decode: Callable[[bytes], np.ndarray]
    lossless: bool = False


def own_codecs() -> list[Codec]:
    """Return nnlite's: with and without the network on the pixels, and without loss."""
    codec, lossless = PhotographCodec(), LosslessCodec()
    return [
        Codec(OWN, QUALITIES, codec.compress, codec.decompress),
        Codec(NO_NETWORK, QUALITIES, codec.compress, lambda file: codec.decompress(file, mend=False)),
        Codec(
            "nnlite lossless",
            (0,),
            lambda pixels, _: lossless.compress(pixels),
            lambda file: lossless.decompress(file)[0],
            lossless=True,
        ),
    ]


def rivals(quick: bool) -> tuple[list[Codec], dict[str, str]]:
    """Return the installed codecs, and by name a hint for each missing one."""
    from PIL import features

    every = slice(None, None, 2) if quick else slice(None)
    jpeg = {"format": "JPEG", "optimize": True, "progressive": True}
    found = [
        pillow("JPEG", (5, 10, 20, 30, 45, 60, 75, 85, 92)[every], "quality", **jpeg),
        pillow("WebP", (0, 5, 15, 30, 50, 65, 78, 86, 92)[every], "quality", format="WEBP", method=6),
        pillow("JPEG 2000", (200, 120, 80, 55, 40, 28, 20, 14, 10)[every], "rate", format="JPEG2000", irreversible=True),
        pillow("PNG", (9,), "compress_level", lossless=True, format="PNG", optimize=True),
        pillow("WebP lossless", (100,), "quality", lossless=True, format="WEBP", method=6, lossless_=True),
    ]
    missing = {}
    if features.check("avif"):
        avif = {"format": "AVIF", "speed": 6, "max_threads": 1}
        qualities = (10, 20, 30, 40, 50, 60, 70, 78, 85)[every]
        found.append(pillow("AVIF 4:2:0", qualities, "quality", subsampling="4:2:0", **avif))
        if not quick:
            found.append(pillow("AVIF 4:4:4, PSNR", qualities, "quality", subsampling="4:4:4", advanced={"tune": "psnr"}, **avif))
    else:
        missing["AVIF"] = "not in this Pillow: pip install --upgrade Pillow"
    if importlib.util.find_spec("imagecodecs"):
        import imagecodecs

        def jpeg_xl(name: str, settings: tuple[float, ...], lossless: bool) -> Codec:
            def encode(pixels: np.ndarray, distance: float) -> bytes:
                chosen = {"lossless": True} if lossless else {"distance": distance}
                return imagecodecs.jpegxl_encode(pixels, effort=7, numthreads=1, **chosen)

            return Codec(name, settings, encode, lambda file: imagecodecs.jpegxl_decode(file, numthreads=1), lossless)

        found += [jpeg_xl("JPEG XL", (15, 11, 8, 5.5, 4, 3, 2, 1.4, 1)[every], False), jpeg_xl("JPEG XL lossless", (0,), True)]
    else:
        missing["JPEG XL"] = "not installed: pip install imagecodecs"
    return found, missing


def pillow(name: str, settings: tuple[float, ...], key: str, lossless: bool = False, **options: object) -> Codec:
    """Return a codec of Pillow with the option `key` as its setting. Drop an underscore behind an option's name."""
    from PIL import Image

    fixed = {option.rstrip("_"): value for option, value in options.items()}

    def encode(pixels: np.ndarray, setting: float) -> bytes:
        buffer = io.BytesIO()
        chosen = {"quality_mode": "rates", "quality_layers": [setting]} if key == "rate" else {key: int(setting)}
        Image.fromarray(pixels).save(buffer, **fixed, **chosen)
        return buffer.getvalue()

    def decode(file: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(file)))

    return Codec(name, settings, encode, decode, lossless)
