"""Compress a photograph; compare it with JPEG and WebP of the same size, and see where its bytes go.

Without an argument the demo takes matplotlib's portrait of Grace Hopper (in the public domain), at half its size, because it comes
from a JPEG file.

files written to --out:
  comparison.png   original, JPEG, WebP and nnlite at the same bytes, and a part of each enlarged
  bits.png         where the bytes go
  transform.png    the 64 patterns of the transform: each block is a sum of them
  network.png      a part before and after the network, and its corrections
  rates.png        bits a pixel against PSNR
  metrics.json     the numbers

examples:
  python -m demos.photograph
  python -m demos.photograph holiday.jpg --quality 30

exit codes: 0 done, 2 bad argument, 130 interrupted
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image, UnidentifiedImageError

from demos.shared import command, plots
from nnlite.codec.photographs import PhotographCodec
from nnlite.codec.photographs.transform import SYNTHESIS_BITS
from nnlite.files.errors import CodecError
from nnlite.metrics import bits_per_pixel, mse, psnr

QUALITIES = (8, 16, 24, 32, 40, 48, 56, 64, 72, 80)
RIVALS = {
    "JPEG": {"format": "JPEG", "optimize": True, "progressive": True},
    "WebP": {"format": "WEBP", "method": 6},
}
LONGEST = 16383  # rows or columns that WebP takes
TALLEST = 30  # inches of a figure, also of a strip's


def main(arguments: Sequence[str] | None = None) -> int:
    """Compress, draw, print the numbers, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.quality > 100:
        parser.error(f"argument --quality: expected a whole number from 0 to 100, received {options.quality}")
    command.output_folder(parser, options.out)
    say = command.printer(options)
    codec = PhotographCodec()
    try:
        picture = read(options.picture)
        planes = codec.planes(picture)
    except (OSError, CodecError, Image.DecompressionBombError) as error:
        what = "expected a picture" if isinstance(error, UnidentifiedImageError) else getattr(error, "strerror", None) or error
        parser.error(f"argument PICTURE: {options.picture}: {what}")
    file = codec.compress(picture, options.quality)
    decoded = {"nnlite": (len(file), codec.decompress(file))}
    for name in RIVALS:
        decoded[name] = at_most(len(file), name, picture)
    say(f"{picture.shape[0]} × {picture.shape[1]} pixels, quality {options.quality}, {len(file):,} bytes")
    sizes = {name: {"bytes": size, "psnr": decibels(pixels, picture)} for name, (size, pixels) in decoded.items()}
    for name, reached in sizes.items():
        say(f"  {name:<8}{reached['bytes']:>9,} bytes{reached['psnr']:>8.2f} dB")
    _, positions, _ = codec.encode(codec.blocks(planes, options.quality))
    rows, columns = window(positions)
    draw_comparison(options.out / "comparison.png", picture, decoded, (rows, columns))
    draw_bits(options.out / "bits.png", picture, positions)
    draw_transform(options.out / "transform.png", codec)
    draw_network(options.out / "network.png", picture, codec.decompress(file, mend=False), decoded["nnlite"][1], (rows, columns))
    rates = measure(codec, picture)
    draw_rates(options.out / "rates.png", rates)
    command.finish(options, {"same_bytes": sizes, "rates": rates}, "five pictures")
    return 0


def read(path: Path | None) -> np.ndarray:
    """Return the picture of a file, or matplotlib's portrait at half its size; OSError if it cannot be read."""
    if path is not None:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")) or image.convert("RGBA").getextrema()[3][0] < 255:  # of alpha
                received = f"received one of the mode {image.mode}: convert it"
                raise CodecError(f"expected an opaque picture of 8 bits a sample, {received}")
            if max(image.size) > LONGEST:
                received = f"received {image.height} × {image.width}"
                raise CodecError(f"expected at most {LONGEST} rows and columns, as WebP takes, {received}")
            return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    with get_sample_data("grace_hopper.jpg") as stream, Image.open(stream) as image:
        pixels = np.asarray(image.convert("RGB"), np.float64)
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    return np.rint(pixels[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))).astype(np.uint8)


def encode(name: str, picture: np.ndarray, quality: int) -> bytes:
    """Return the file of one of the rivals."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, quality=quality, **RIVALS[name])
    return buffer.getvalue()


def decode(file: bytes, picture: np.ndarray) -> np.ndarray:
    """Return the pixels of a rival's file, in colours if the picture is."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB" if picture.ndim == 3 else "L"))


def at_most(size: int, name: str, picture: np.ndarray) -> tuple[int, np.ndarray]:
    """Return bytes and pixels of a rival's best file of at most this size, or of its smallest file."""
    low, high = 0, 100
    while low < high:
        middle = (low + high + 1) // 2
        if len(encode(name, picture, middle)) <= size:
            low = middle
        else:
            high = middle - 1
    file = encode(name, picture, low)
    return len(file), decode(file, picture)


def decibels(pixels: np.ndarray, picture: np.ndarray) -> float:
    """Return the PSNR of a decoded picture."""
    return psnr(mse(pixels, picture, peak=255))


def measure(codec: PhotographCodec, picture: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    """Return (bits a pixel, decibels) at some qualities of each codec."""
    files = [codec.compress(picture, quality) for quality in QUALITIES]

    def point(file: bytes, pixels: np.ndarray) -> tuple[float, float]:
        return bits_per_pixel(len(file), picture.shape[:2]), decibels(pixels, picture)

    rates = {
        "nnlite": [point(file, codec.decompress(file)) for file in files],
        "without the network": [point(file, codec.decompress(file, mend=False)) for file in files],
    }
    for name in RIVALS:
        of_rival = [encode(name, picture, quality) for quality in (1, 4, 10, 20, 35, 50, 65, 80, 90, 95)]
        rates[name] = [point(file, decode(file, picture)) for file in of_rival]
    return rates


def bytes_of_blocks(positions: np.ndarray) -> np.ndarray:
    """Return the bytes of each block (rows, columns), all planes together, from the coder's positions behind each."""
    return np.diff(positions.reshape(-1), prepend=0).reshape(positions.shape).sum(axis=0)


def window(positions: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of the part of the picture with most bytes, a third as wide and high."""
    total = np.pad(bytes_of_blocks(positions).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    height, width = (max(1, size // 3) for size in positions.shape[1:])
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return slice(8 * row, 8 * (row + height)), slice(8 * column, 8 * (column + width))


def draw_comparison(path: Path, picture: np.ndarray, decoded: dict, part: tuple[slice, slice]) -> None:
    """Draw the original and each decoded picture, and below them a part of each."""
    shown = {"original": picture} | {name: decoded[name][1] for name in ("JPEG", "WebP", "nnlite")}
    figure = Figure(figsize=(14, min(6.6 * picture.shape[0] / picture.shape[1] + 1, TALLEST)), layout="constrained")
    for column, (name, pixels) in enumerate(shown.items()):
        label = f"{picture.size:,} bytes"
        if name in decoded:
            label = f"{decoded[name][0]:,} bytes, {decibels(pixels, picture):.2f} dB"
        axis = figure.add_subplot(2, 4, column + 1)
        show(axis, pixels, f"{name}\n{label}")
        (top, bottom), (left, right) = ((s.start, s.stop) for s in part)
        axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, color="white", linewidth=0.8))
        show(figure.add_subplot(2, 4, 5 + column), pixels[part], "")
    plots.save(figure, path, "The same photograph in the same number of bytes")


def draw_bits(path: Path, picture: np.ndarray, positions: np.ndarray) -> None:
    """Draw the bits a pixel of each 16 × 16 pixels over the picture."""
    counts = bytes_of_blocks(positions).astype(float)
    rows, columns = (size // 2 * 2 or size for size in counts.shape)
    blocks = counts[:rows, :columns].reshape(-(-rows // 2), -1, -(-columns // 2), min(2, columns)).mean(axis=(1, 3)) * 8 / 64
    figure = Figure(figsize=(11, min(4.9 * picture.shape[0] / picture.shape[1] + 0.8, TALLEST)), layout="constrained")
    left, right = figure.subplots(1, 2)
    show(left, picture, "original")
    drawn = right.imshow(blocks, cmap="inferno", interpolation="nearest")
    right.set_axis_off()
    right.set_title("bits a pixel")
    figure.colorbar(drawn, ax=right, shrink=0.8)
    plots.save(figure, path, "Where the bytes go: to edges and texture")


def draw_transform(path: Path, codec: PhotographCodec) -> None:
    """Draw the products of the synthesis functions along both axes, 16 × 16 pixels each."""
    functions = codec.model.synthesis / 2**SYNTHESIS_BITS
    patterns = np.einsum("ui,vj->uvij", functions, functions).reshape(64, 16, 16)
    title = "64 patterns of 16 × 16 pixels: they overlap, and fade out at their edges"
    plots.filters(path, title, {"": patterns}, columns=8)


def draw_network(path: Path, picture: np.ndarray, before: np.ndarray, after: np.ndarray, part: tuple[slice, slice]) -> None:
    """Draw a part before and after the network, and how the error changes."""
    figure = Figure(figsize=(14, min(3.1 * picture.shape[0] / picture.shape[1] + 1, TALLEST)), layout="constrained")
    axes = figure.subplots(1, 4)
    show(axes[0], picture[part], "original")
    show(axes[1], before[part], f"decoded\n{decibels(before, picture):.2f} dB")
    show(axes[2], after[part], f"mended by the network\n{decibels(after, picture):.2f} dB")
    correction = (after.astype(float) - before).reshape(*picture.shape[:2], -1).mean(axis=2)
    largest = max(1.0, np.quantile(np.abs(correction), 0.999))
    drawn = axes[3].imshow(correction[part], cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
    axes[3].set_axis_off()
    axes[3].set_title("its corrections, in grey levels")
    figure.colorbar(drawn, ax=axes[3], shrink=0.8)
    plots.save(figure, path, "The network mends the decoded picture")


def draw_rates(path: Path, rates: dict[str, list[tuple[float, float]]]) -> None:
    """Draw the curve of each codec, bits a pixel on a logarithmic scale."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axis = figure.subplots()
    for label, points in rates.items():
        axis.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set(xlabel="bits a pixel", ylabel="PSNR, dB")
    axis.grid(alpha=0.3)
    axis.legend()
    plots.save(figure, path, "Rate against distortion")


def show(axis: Axes, pixels: np.ndarray, title: str) -> None:
    """Draw a picture, grey or in colours, without axes."""
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_axis_off()
    axis.set_title(title)


def make_parser() -> command.Parser:
    """Return the parser of the arguments."""
    parser = command.Parser("photograph", __doc__)
    text = "a photograph in any format that Pillow reads (default the portrait)"
    parser.add_argument("picture", nargs="?", type=Path, metavar="PICTURE", help=text)
    text = "of nnlite's file, from 0 to 100; the others get as many bytes (default %(default)s)"
    parser.add_argument("--quality", type=command.whole_number(0), default=30, metavar="Q", help=text)
    parser.add_options(out=Path("out/photograph"))
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser


if __name__ == "__main__":
    command.run(main)
