"""The common codecs, each at its best settings: the fewest bytes for a PSNR on these images.

All take grey pictures, except WebP and AVIF: their writers make red, green and blue. AVIF is told to drop the colours again; in
WebP equal colours cost almost nothing.
"""

import bz2
import gzip
import importlib.util
import io
import lzma
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmarks.codec_rates import Setting, mosaic, tiles

JPEG_QUALITIES = (1, 3, 5, 8, 12, 16, 20, 30, 50)
# Huffman tables for the picture give smaller files. The standard tables are equal in all files, and so count as header.
JPEG_TABLES = {"optimised": {"optimize": True, "progressive": True}, "standard tables": {}}
JPEG_STEPS = (255, 190, 140, 105, 80, 60, 45, 32, 20)  # one quantiser step for all frequencies: best for the squared error
WEBP_QUALITIES = (0, 1, 3, 6, 10, 20, 35, 50, 70)
JPEG2000_RATIOS = (60, 40, 30, 24, 20, 18, 16, 13, 10, 8, 6, 5, 4.5, 4, 3.5, 3)  # the last ones for files of one image
# Without a wavelet it codes the bit planes of the pixels themselves. That suits digits; at the lowest rates the 9/7 is better.
JPEG2000_KINDS = {"9/7": {"irreversible": True, "num_resolutions": 3}, "no wavelet": {"irreversible": False, "num_resolutions": 1}}
JPEG_XL_DISTANCES = (25, 20, 16, 12, 10, 8, 6, 4, 2)
AVIF_QUALITIES = (0, 2, 4, 7, 11, 16, 25, 40)
PICTURES = {"JPEG": "jpg", "WebP": "webp", "JPEG 2000": "jpg_2000", "AVIF": "avif"}  # Pillow's name of the library, by codec


def settings(shape: Sequence[int], threads: int, quick: bool, avif_speed: int) -> tuple[list[Setting], dict[str, str]]:
    """Return the settings of the installed codecs, and by name a hint for each missing one.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    threads : int
        For codecs that can use several.
    quick : bool
        Whether to take every second setting, and less effort.
    avif_speed : int
        From 0, the slowest, to 10.
    """
    found: list[Setting] = []
    missing = {}
    every = slice(None, None, 2) if quick else slice(None)
    if importlib.util.find_spec("PIL"):
        from PIL import features

        candidates = _pillow(shape, threads, every, 8 if quick else avif_speed) + _pillow_lossless(shape, quick)
        absent = {name for name, library in PICTURES.items() if not features.check(library)}
        found += [setting for setting in candidates if not setting.codec.startswith(tuple(absent))]
        missing = dict.fromkeys(sorted(absent), "not in this Pillow: pip install --upgrade Pillow")
    else:
        missing = dict.fromkeys([*PICTURES, "PNG"], "not installed: pip install Pillow")
    if importlib.util.find_spec("imagecodecs"):
        found += _jpeg_xl(shape, threads, every, 5 if quick else 9)
    else:
        missing["JPEG XL"] = "not installed: pip install imagecodecs"
    return found + _general(shape), missing


def _pillow(shape, threads, every, avif_speed) -> list[Setting]:
    jpeg = partial(_picture, shape, "JPEG")
    jpeg2000 = partial(_picture, shape, "JPEG2000", quality_mode="rates", no_jp2=True, mct=0)
    avif = partial(_picture, shape, "AVIF", subsampling="4:0:0", max_threads=threads, speed=avif_speed, advanced={"tune": "psnr"})
    return [
        *(
            jpeg("JPEG", f"quality {q}, {name}", quality=q, **tables)
            for name, tables in JPEG_TABLES.items()
            for q in JPEG_QUALITIES[every]
        ),
        *(
            jpeg("JPEG, flat quantiser", f"step {step}, {name}", qtables=[[step] * 64], **tables)
            for name, tables in JPEG_TABLES.items()
            for step in JPEG_STEPS[every]
        ),
        *(_picture(shape, "WEBP", "WebP", f"quality {q}", quality=q, method=6) for q in WEBP_QUALITIES[every]),
        *(
            jpeg2000(f"JPEG 2000, {name}", f"ratio {ratio}", quality_layers=[ratio], **kind)
            for name, kind in JPEG2000_KINDS.items()
            for ratio in JPEG2000_RATIOS[every]
        ),
        *(avif("AVIF", f"quality {q}, speed {avif_speed}", quality=q) for q in AVIF_QUALITIES[every]),
    ]


def _pillow_lossless(shape, quick) -> list[Setting]:
    effort = {"method": 4, "quality": 50} if quick else {"method": 6, "quality": 100}
    return [
        _picture(shape, "PNG", "PNG", "level 9", lossless=True, optimize=True),
        _picture(shape, "WEBP", "WebP", f"method {effort['method']}", lossless=True, exact=True, **effort),
    ]


def _picture(shape, file_format, codec, setting, lossless=False, **options) -> Setting:
    """Return a setting of Pillow; the options are those of its writer."""
    from PIL import Image

    if lossless and file_format == "WEBP":
        options["lossless"] = True

    def write(picture: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, file_format, **options)
        return buffer.getvalue()

    def read(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)).convert("L"))

    return _of_pictures(codec, setting, write, read, shape, lossless)


def _jpeg_xl(shape, threads, every, effort) -> list[Setting]:
    import imagecodecs

    read = partial(imagecodecs.jpegxl_decode, numthreads=threads)
    found = []
    for distance in (*JPEG_XL_DISTANCES[every], 0):
        write = partial(imagecodecs.jpegxl_encode, distance=distance, lossless=distance == 0, effort=effort, numthreads=threads)
        found.append(_of_pictures("JPEG XL", f"distance {distance}, effort {effort}", write, read, shape, lossless=distance == 0))
    return found


def _of_pictures(codec, setting, write: Callable, read: Callable, shape, lossless) -> Setting:
    return Setting(
        codec, setting, lambda images: write(mosaic(images)), lambda data: tiles(read(data), shape), mosaic=True, lossless=lossless
    )


def _general(shape) -> list[Setting]:
    """Return the standard library's compressors; they take the raw pixels of all images as one stream."""
    compressors = {
        "gzip": (partial(gzip.compress, compresslevel=9, mtime=0), gzip.decompress, "level 9"),
        "bz2": (bz2.compress, bz2.decompress, "level 9"),
        "xz": (_xz, lzma.decompress, "preset 9e, lc 4, pb 0"),
    }

    def setting(name, compress, decompress, text):
        def decode(data):
            return np.frombuffer(decompress(data), np.uint8).reshape(-1, *shape)

        return Setting(name, text, lambda images: compress(images.tobytes()), decode, lossless=True)

    return [setting(name, *rest) for name, rest in compressors.items()]


def _xz(data: bytes) -> bytes:
    """Return an xz stream; keep its dictionary as small as the data, because allocating it takes time."""
    bytewise = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0, "dict_size": max(4096, len(data))}
    return lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=[bytewise])
