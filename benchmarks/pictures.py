"""``python -m benchmarks.pictures``: nnlite's codecs of pictures beside the codecs of browsers, on any folder.

Compress the PNG files of a folder with nnlite and with the codecs of browsers, read every file back,
and compare.

With loss: take the Bjøntegaard difference of each picture (nnlite's mean difference of the logarithm
of the bytes, over the decibels that both curves reach), then the mean over the pictures. Do not
compare mean curves: JPEG 2000 has a constant rate for every picture and the others a constant quality,
and that alone moves them by decibels. PSNR is that of all three colours, bytes are whole files.
Without loss: compare the bytes.

Seconds are a mean over pictures and settings, for a megapixel, in one process, after a first picture
of each codec.

examples:
  python -m benchmarks.pictures --data photographs/ --json pictures.json --plot pictures.png
  python -m benchmarks.pictures --data photographs/ --quick

A picture of a megapixel takes about a minute, most of it AVIF's; --quick takes a third, with fewer
qualities and no AVIF in 4:4:4.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import conditions
from benchmarks.codec_rates import bjontegaard, curve
from benchmarks.command import Parser, picture, run, say, write_json
from benchmarks.picture_codecs import OWN, Codec, own_codecs, rivals
from benchmarks.process import default_threads
from nnlite.files.errors import FileError
from nnlite.metrics import mse, psnr
from nnlite.pictures.picture_files import read_picture


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("pictures", __doc__)
    made.add_common("fewer qualities, to see that it works", picture, "the curves of all pictures")
    made.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder of PNG files")
    return made


def measure(codec: Codec, name: str, pixels: np.ndarray) -> Iterator[dict]:
    """Yield a point for each setting, ready for JSON."""
    for setting in codec.settings:
        start = time.perf_counter()
        file = codec.encode(pixels, setting)
        encoded = time.perf_counter()
        restored = codec.decode(file)
        decoded = time.perf_counter()
        if restored.shape != pixels.shape:  # WebP and AVIF know no grey
            restored = restored[..., 0]
        error = mse(restored, pixels, peak=255)
        if codec.lossless and error > 0:
            raise RuntimeError(f"{codec.name} should lose nothing, but {name} has changed")
        yield {
            "codec": codec.name,
            "picture": name,
            "pixels": pixels.shape[0] * pixels.shape[1],
            "setting": setting,
            "lossless": codec.lossless,
            "bytes_per_image": len(file),
            "psnr": psnr(error) if error > 0 else None,  # JSON knows no infinity
            "encode_seconds": encoded - start,
            "decode_seconds": decoded - encoded,
        }


def of(points: list[dict], **wanted: object) -> list[dict]:
    """Return the points with these values."""
    return [point for point in points if all(point[key] == value for key, value in wanted.items())]


def compare(points: list[dict]) -> list[dict]:
    """Return for each codec nnlite's mean, least and largest difference in bytes, as shares, and the seconds a megapixel."""
    rows = []
    pictures = sorted({point["picture"] for point in points})
    for name in dict.fromkeys(point["codec"] for point in points):
        mine = of(points, codec=name)
        lossless = mine[0]["lossless"]
        differences = {}
        for each in pictures:
            other, own = of(mine, picture=each), of(points, picture=each, codec=OWN)
            found = None if lossless else bjontegaard(curve(other), curve(own))
            if found is not None:
                differences[each] = found["difference"]
        row = {"codec": name, "lossless": lossless, "by_picture": differences}
        if differences and name != OWN:
            values = list(differences.values())
            row |= {"mean": float(np.mean(values)), "least": min(values), "largest": max(values)}
        if lossless:
            row["bytes"] = sum(point["bytes_per_image"] for point in mine)
        megapixels = sum(point["pixels"] for point in mine) / 1e6
        row |= {key: sum(point[key] for point in mine) / megapixels for key in ("encode_seconds", "decode_seconds")}
        rows.append(row)
    return rows


def table(rows: list[dict]) -> str:
    """Return the comparisons as Markdown."""
    lines = [
        "| codec | nnlite's bytes, mean | least | largest | seconds a megapixel, to bytes | back |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["lossless"]:
            continue
        shares = [f"{row[key]:+.1%}" if key in row else "" for key in ("mean", "least", "largest")]
        seconds = [f"{row[key]:.2f}" for key in ("encode_seconds", "decode_seconds")]
        lines.append(f"| {' | '.join([row['codec'], *shares, *seconds])} |")
    lines += ["", "| without loss | bytes | seconds a megapixel, to bytes | back |", "|---|---|---|---|"]
    for row in rows:
        if row["lossless"]:
            lines.append(f"| {row['codec']} | {row['bytes']:,} | {row['encode_seconds']:.2f} | {row['decode_seconds']:.2f} |")
    return "\n".join(lines)


def draw(points: list[dict], path: Path) -> None:
    """Draw a panel for each picture: bits a pixel against PSNR, a curve for each codec."""
    from matplotlib.figure import Figure

    pictures = sorted({point["picture"] for point in points})
    names = list(dict.fromkeys(point["codec"] for point in points if not point["lossless"]))
    columns = min(3, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(4.6 * columns + 2, 3.6 * rows), layout="constrained")
    for axis, each in zip(figure.subplots(rows, columns, squeeze=False).flat, pictures, strict=False):
        for number, name in enumerate(names):
            decibels, logarithm = curve(of(points, picture=each, codec=name))
            bits = np.exp(logarithm) * 8 / of(points, picture=each)[0]["pixels"]
            style = {"linewidth": 2.6, "color": "black", "zorder": 3} if name == OWN else {"linewidth": 1.3, "color": f"C{number}"}
            axis.plot(bits, decibels, label=name, **style)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(each)
        axis.set_xlabel("bits a pixel")
        axis.set_ylabel("PSNR, dB")
        axis.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0."""
    made = parser()
    arguments = made.parse_args(argv)
    try:
        pictures = {path.stem: read_picture(path) for path in sorted(arguments.data.glob("*.png"))}
    except FileError as error:
        made.error(str(error))
    if not pictures:
        made.error(f"argument --data: expected a folder of PNG files, received {str(arguments.data)!r} without any")
    report = conditions.conditions(default_threads())
    print(conditions.describe(report), flush=True)
    others, missing = rivals(arguments.quick)
    points: list[dict] = []
    for codec in own_codecs() + others:
        say(f"measuring {codec.name}")
        codec.decode(codec.encode(next(iter(pictures.values()))[:64, :64], codec.settings[0]))  # compiled and loaded now
        for name, pixels in pictures.items():
            points += measure(codec, name, pixels)
    rows = compare(points)
    print(f"\n{table(rows)}")
    for name, reason in missing.items():
        print(f"\n{name}: {reason}")
    write_json(arguments.json, report | {"points": points, "comparisons": rows})
    if arguments.plot:
        draw(points, arguments.plot)
    return 0


if __name__ == "__main__":
    run(main)
