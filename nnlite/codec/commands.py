"""The commands: compress images, decompress them, and say what is in a compressed file.

This file checks arguments, searches a quality for a given size or PSNR, and prints results; `nnlite.pictures` reads and writes
images, `nnlite.codec.digits` does all else. An expected mistake is one line on stderr and an exit code, never a traceback.
"""

import argparse
import io
import json
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from nnlite.codec import container
from nnlite.codec.digits.decoding import Images
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.files.errors import CodecError, FileError
from nnlite.metrics import bits_per_pixel, mse, psnr
from nnlite.pictures import picture_files as imagefiles

DESCRIPTION = """\
Compress small grey images with a learned codec to a few bytes each, and get
them back.

Images are PNG files, folders of PNG files, .npy files or IDX files (gzipped or
not), and PGM files, which are only read; "-" is a pipe, of .npy where it
carries images. The codec that comes with nnlite was trained on MNIST: its
images are of 28 × 28 grey pixels, light on black.
"""

EPILOG = """\
examples:
  nnlite compress digits/ digits.nnl --target-psnr 25
  nnlite info digits.nnl
  nnlite decompress digits.nnl restored/
  nnlite decompress digits.nnl first.png --index 0

exit codes: 0 done, 1 the data are not as expected, 2 bad argument, 130 interrupted
"""


MANUAL_WIDTH = 100  # columns: longer lines are hard to read


class Manual(argparse.HelpFormatter):
    """Breaks a text anew for the terminal: paragraphs, and indented lines, which go on below their second column.

    Commands stay as they are, to be copied.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = [""]  # paragraphs, rows and empty lines
        for line in text.splitlines():
            above, here = (len(each) - len(each.lstrip()) for each in (blocks[-1], line))  # how far they are indented
            if line.strip() and blocks[-1].strip() and (here > above > 0 or here == above == 0):
                blocks[-1] += f" {line.strip()}"
            else:
                blocks.append(line)
        return "\n".join(self._wrap(block, min(width, MANUAL_WIDTH)) for block in blocks[1:])

    @staticmethod
    def _wrap(block: str, width: int) -> str:
        if re.match(r"\s+(python|nnlite) ", block):
            return block
        first_column = re.match(r"\s+\S.*?\s{2,}(?=\S)", block) or re.match(r"\s*", block)
        hang = " " * len(first_column[0]) if first_column else ""
        return textwrap.fill(block, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """An argument parser whose help is a manual, and that answers a bad value with one line on stderr and exit code 2."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=Manual, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def positive_number(text: str) -> float:
    """Return an argument as a positive, finite float."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a question mark for what a terminal's encoding does not have, such as × in ASCII
    options = make_parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except FileError as error:
        print(f"nnlite: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nnlite: interrupted", file=sys.stderr)
        return 130
    except OSError as error:  # of standard output: whatever happens to a file is a FileError
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        if not isinstance(error, BrokenPipeError):  # for then whoever read our output has had enough
            print(f"nnlite: -: expected an output that can be written to: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(prog="nnlite", description=DESCRIPTION, epilog=EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("compress", help="images to a compressed file")
    command.set_defaults(command=compress)
    command.add_argument("input", type=Path, metavar="IN", help="images")
    command.add_argument("output", type=Path, metavar="OUT", help="compressed file")
    target = command.add_mutually_exclusive_group()
    target.add_argument("--quality", type=int, metavar="Q", help="from 0, the fewest bytes, to 15, the best images (default 8)")
    target.add_argument(
        "--target-bytes", type=positive_number, metavar="N", help="the best quality with at most N bytes an image, all included"
    )
    target.add_argument(
        "--target-psnr", type=positive_number, metavar="DB", help="the fewest bytes with a PSNR of at least DB over all images"
    )
    _common(command)

    command = commands.add_parser("decompress", help="a compressed file to images")
    command.set_defaults(command=decompress)
    command.add_argument("input", type=Path, metavar="IN", help="compressed file")
    command.add_argument("output", type=Path, metavar="OUT", help="images")
    command.add_argument("--index", type=int, metavar="I", help="only image I, counted from 0")
    _common(command)

    command = commands.add_parser("info", help="what is in a compressed file")
    command.set_defaults(command=info)
    command.add_argument("input", type=Path, metavar="FILE", help="compressed file")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument("--images", type=Path, metavar="IN", help="the images that were compressed: tell the quality reached, too")
    command.add_argument("--model", type=Path, metavar="FILE", help="the codec that made the file, if it is not the built-in one")
    return parser


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, metavar="FILE", help="another codec than the built-in one, as demos.codec writes it")
    command.add_argument("--force", action="store_true", help="replace OUT if it is there")


def compress(options: argparse.Namespace) -> None:
    """Images to a compressed file."""
    imagefiles.check_target(options.output, options.force)
    codec = load_codec(options.model)
    images = codec.check_images(imagefiles.read_images(options.input))
    if options.target_bytes is not None:
        data = within_bytes(codec, images, options.target_bytes)
    elif options.target_psnr is not None:
        data = with_psnr(codec, images, options.target_psnr)
    else:
        data = codec.compress(images, codec.qualities // 2 if options.quality is None else options.quality)
    codec.check_known(images, data)
    imagefiles.write_bytes(options.output, data, options.force)


def decompress(options: argparse.Namespace) -> None:
    """A compressed file to images."""
    imagefiles.check_target(options.output, options.force)
    codec = load_codec(options.model)
    indices = None if options.index is None else [options.index]
    images = codec.decompress(imagefiles.read_bytes(options.input), indices)
    imagefiles.write_images(options.output, images, options.force)


def info(options: argparse.Namespace) -> None:
    """Print what is in a compressed file."""
    data = imagefiles.read_bytes(options.input)
    header = container.read_header(data)
    facts = {
        "images": header.count,
        "height": header.height,
        "width": header.width,
        "quality": header.quality,
        "bytes": len(data),
        "bytes_per_image": len(data) / header.count,
        "bits_per_pixel": bits_per_pixel(len(data), (header.count, header.height, header.width)),
        "model": f"{header.model:03x}",
    }
    if options.images:
        codec = load_codec(options.model)
        images, restored = codec.check_images(imagefiles.read_images(options.images)), codec.decompress(data)
        if images.shape != restored.shape:
            raise CodecError(f"{options.images}: expected the {len(restored)} images in the file, received {len(images)}")
        facts["psnr"] = psnr(mse(restored, images))
    if options.json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' '):<16}{value:.3f}" if isinstance(value, float) else f"{name:<16}{value}")


def load_codec(path: Path | None) -> ImageCodec:
    """Return the codec of a file, or the built-in one; CodecError if it cannot be read."""
    try:
        return ImageCodec.load() if path is None else ImageCodec.load(path)
    except OSError as error:
        raise CodecError(f"{error.filename}: expected a codec file that can be read: {error.strerror}") from error


def within_bytes(codec: ImageCodec, images: Images, limit: float) -> bytes:
    """Return the file of the highest quality that takes at most `limit` bytes an image."""
    latents = codec.encoder.predict(images)
    for quality in reversed(range(codec.qualities)):
        data = codec.compress_latents(latents, quality)
        if len(data) <= limit * len(images):
            return data
    raise CodecError(
        f"expected at least {len(data) / len(images):.2f} bytes an image for these images, received a target of {limit:g}"
    )


def with_psnr(codec: ImageCodec, images: Images, target: float) -> bytes:
    """Return the file of the lowest quality at which the images' pooled PSNR is at least `target` dB."""
    latents = codec.encoder.predict(images)
    for quality in range(codec.qualities):
        data = codec.compress_latents(latents, quality)
        reached = psnr(mse(codec.decompress(data), images, peak=255))
        if reached >= target:
            return data
    raise CodecError(f"expected a target of at most {reached:.2f} dB for these images, received {target:g}")
