"""Compress pictures, and get them back: photographs with loss, drawings and text without, sets of digits to a few bytes each.

Pictures are PNG, PGM, PPM, .npy and IDX files (gzipped or not), and folders of PNG files; "-" is a pipe, of .npy where it carries
pictures. A folder of digits becomes one file, and so does one of pictures of one size with --lossless; a folder of others becomes
a folder of files.

codecs (the pictures choose one unless --codec names it):
  digits      sets of 28 × 28 grey pixels, light on black; --quality 0 to 15 (default 8)
  photograph  one picture, grey or in colours; --quality 0 to 100 (default 50)
  lossless    any pictures; taken if they are a batch, or where it is smaller than the photograph

examples:
  nnlite compress photo.png photo.nnl
  nnlite compress photo.png photo.nnl --target-psnr 38
  nnlite compress screenshot.png screenshot.nnl --lossless
  nnlite compress holidays/*.png compressed/
  nnlite info photo.nnl --images photo.png
  nnlite decompress photo.nnl again.png
  nnlite compress digits/ digits.nnl --target-psnr 25
  nnlite decompress digits.nnl first.png --index 0

exit codes: 0 done, 1 the data are not as expected, 2 bad argument, 130 interrupted
"""

# This file checks arguments, names the files, and prints results; `nnlite.pictures` reads and writes pictures, all else is done by
# `nnlite.codec.any_codec`. An expected mistake is one line on stderr and an exit code, never a traceback.

import argparse
import contextlib
import io
import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nnlite.codec import any_codec, frame
from nnlite.codec.any_codec import CODECS, DIGIT, Wishes
from nnlite.codec.digits.decoding import as_bytes
from nnlite.codec.manual import Parser, positive_number
from nnlite.files.errors import CodecError, FileError, PictureError, reported_as
from nnlite.files.whole_files import files_in
from nnlite.metrics import mse, psnr
from nnlite.pictures import picture_files as imagefiles

SUFFIX = ".nnl"  # of compressed files in a folder
PATIENCE = 1.0  # seconds until the terminal shows that something is going on


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a question mark for what a terminal's encoding does not have, such as × in ASCII
    options = make_parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"nnlite: {message}", file=sys.stderr)
            options.digits = any_codec.load_digits(options.model) if options.model else None
            options.command(options)
        print(end="", flush=True)
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
    parser = Parser("nnlite", __doc__)
    # No import of the version, since the package stands above this room.
    parser.add_argument("--version", action="version", version=f"nnlite {sys.modules['nnlite'].__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(run: Callable[[argparse.Namespace], None], text: str, source: str, output: str = "") -> Parser:
        command: Parser = commands.add_parser(run.__name__, help=text)
        command.set_defaults(command=run)
        command.add_argument("input", type=Path, metavar="IN" if output else "FILE", help=source, nargs="+" if output else None)
        if output:
            command.add_argument("output", type=Path, metavar="OUT", help=f"{output} for several IN")
            command.add_argument("--force", action="store_true", help="replace OUT if it is there")
        return command

    command = add(compress, "pictures to a compressed file", "pictures", "compressed file, or a folder of them")
    command.add_argument("--codec", choices=CODECS, help="digits, photograph or lossless (default what suits the pictures)")
    command.add_argument("--lossless", dest="codec", action="store_const", const="lossless", help="the same as --codec lossless")
    target = command.add_mutually_exclusive_group()
    target.add_argument("--quality", type=int, metavar="Q", help="from 0, the fewest bytes, to the codec's best pictures")
    text = "the best quality with at most N bytes a picture, all included"
    target.add_argument("--target-bytes", type=positive_number, metavar="N", help=text)
    text = "the fewest bytes with a PSNR of at least DB over all pictures"
    target.add_argument("--target-psnr", type=positive_number, metavar="DB", help=text)
    command = add(
        decompress, "compressed files to pictures", "compressed files, or a folder of them", "pictures, or a folder of them"
    )
    command.add_argument("--index", type=int, metavar="I", help="only picture I, counted from 0")
    command = add(info, "what is in a compressed file", "compressed file")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument("--images", type=Path, metavar="IN", help="what was compressed: tell the PSNR reached, too")
    for command in commands.choices.values():
        command.add_argument("--model", type=Path, metavar="FILE", help="another codec for digits, as demos.codec writes it")
    return parser


def compress(options: argparse.Namespace) -> None:
    """Pictures to a compressed file, or each to one of its own in a folder."""
    wishes = Wishes(options.codec, options.quality, options.target_bytes, options.target_psnr)
    size = None if options.codec in ("digits", "lossless") or options.model else DIGIT[:2]
    kinds = [() if imagefiles.is_set(source, size) else imagefiles.PICTURES for source in options.input]
    for source, target in _pairs(options, kinds, SUFFIX):
        with _at_work("compressing", source):
            data = any_codec.compress(imagefiles.read_images(source, colours=True), wishes, options.digits)
        imagefiles.write_bytes(target, data, options.force)


def decompress(options: argparse.Namespace) -> None:
    """A compressed file to pictures, or each of several to a file in a folder."""
    for source, target in _pairs(options, [(SUFFIX,)] * len(options.input), ".png"):
        with _at_work("decompressing", source):
            pictures = any_codec.decompress(imagefiles.read_bytes(source), options.index, options.digits)
        if target != options.output and len(pictures) > 1:
            target = target.with_suffix(".npy")
        imagefiles.write_images(target, pictures, options.force)


def info(options: argparse.Namespace) -> None:
    """Print what is in a compressed file."""
    with _at_work("reading", options.input):
        data = imagefiles.read_bytes(options.input)
        facts = any_codec.describe(data)
        restored = any_codec.decompress(data, digits=options.digits) if options.images else None
    if restored is not None:
        images = frame.as_batch(as_bytes(imagefiles.read_images(options.images, colours=True)))
        if (restored := frame.as_batch(restored)).shape != images.shape:
            raise CodecError(f"{options.images}: expected the images in the file, {restored.shape}, received {images.shape}")
        facts["psnr"] = psnr(mse(restored, images, peak=255))
    rows = (f"{name.replace('_', ' '):<16}{f'{fact:.3f}' if isinstance(fact, float) else fact}" for name, fact in facts.items())
    print(json.dumps(facts).replace("Infinity", "null") if options.json else "\n".join(rows))  # JSON knows no infinity


def _pairs(options: argparse.Namespace, kinds: Sequence[Sequence[str]], suffix: str) -> Iterator[tuple[Path, Path]]:
    """Return each input with its output, after a look at all outputs; several go into a folder, which is made.

    Each folder stands for the files of its kinds in it, if there are any. A compressed file goes into a folder that is there.
    """
    inputs = zip(options.input, kinds, strict=True)
    sources = [file for source, endings in inputs for file in files_in(source, endings) or [source]]
    targets = [options.output]
    if sources != options.input or len(sources) > 1 or (suffix == SUFFIX and os.path.isdir(options.output)):
        targets = [options.output / f"{source.stem}{suffix}" for source in sources]
        if len(set(targets)) < len(targets):
            raise PictureError("expected files of different names, received two of one: name different folders for them")
        with reported_as(PictureError, f"{options.output}: expected a folder, or a place for one", OSError):
            options.output.mkdir(exist_ok=True)
    for target in targets:
        imagefiles.check_target(target, options.force)
    return zip(sources, targets, strict=True)


@contextlib.contextmanager
def _at_work(doing: str, source: Path) -> Iterator[None]:
    """Say on a terminal what takes more than a second; name the source in errors."""
    notice = threading.Timer(PATIENCE, print, [f"{doing} {source} …"], {"file": sys.stderr})
    if sys.stderr and sys.stderr.isatty():
        notice.start()
    try:
        with reported_as(CodecError, str(source), CodecError):
            yield
    finally:
        notice.cancel()
