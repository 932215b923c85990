"""The charts of `benchmarks.codecs`: PSNR over bytes an image, a line for each codec."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.codec_rates import curve
from benchmarks.codec_tables import OWN, protocol_name
from benchmarks.plots import LIMIT, OTHER, RESOLUTION
from benchmarks.plots import OWN as OWN_COLOUR

COLOURS = ("#1b6ca8", "#2a9d8f", "#7a5195", "#e09f3e", "#8d6e63", "#577590", "#5c8001", "#bc5090", "#3d405b")
RANGE = (3.0, 250.0)  # bytes an image


def rate_distortion(dataset: str, points: list[dict], path: Path) -> None:
    """Draw each codec with all images in one file, batch or mosaic; draw nnlite also with one image a file."""
    lossy = [point for point in points if not point["lossless"]]
    largest = max(point["group"] for point in lossy)
    shown = [p for p in lossy if p["group"] == largest or (p["codec"] == OWN and p["protocol"] == "single")]
    lines: dict[str, list[dict]] = {}
    for point in shown:
        fewer = f" ({point['images']:,} images)" if point["protocol"] == "single" else ""
        lines.setdefault(f"{point['codec']}, {protocol_name(point)}{fewer}", []).append(point)
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    axes = figure.subplots()
    colours = iter(COLOURS)
    for label, of_line in lines.items():
        decibels, logarithm = curve(of_line)
        own = of_line[0]["codec"] == OWN
        style = {"color": OWN_COLOUR, "linewidth": 2.6, "zorder": 3} if own else {"color": next(colours, OTHER), "linewidth": 1.4}
        if of_line[0]["protocol"] != "mosaic":
            style["marker"] = "o" if own else "s"
        line = "--" if of_line[0]["protocol"] == "single" else "-"
        axes.plot(np.exp(logarithm), decibels, line, label=label, markersize=4, **style)
    axes.set_xscale("log")
    axes.set_xlim(*RANGE)
    axes.set_ylim(14, 34)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("bytes an image, headers included")
    axes.set_ylabel("PSNR of all images, dB")
    axes.set_title(f"{dataset}: rate and distortion on {largest:,} test images", color=LIMIT)
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    figure.savefig(path, dpi=RESOLUTION)
