"""The pictures of demos.lesson. Images are (N, height, width)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator

from demos.shared import plots
from demos.shared.lesson_numbers import BitCount, Surface
from demos.shared.plots import ZERO_TO_ONE, label_decades, row, save, tile
from demos.shared.plots import image_rows as image_rows

WIDTH = 7.0  # inches, of every picture
SIGNED = {**plots.SIGNED, "cmap": colormaps["RdBu_r"].resampled(31)}  # few colours make small files


def loss_surface(path: Path, title: str, surface: Surface, labels: Mapping[int, str]) -> None:
    """Draw the loss as contours and the training's path on them; `labels` name some of its points by their number."""
    height, width = np.ptp(surface.across), np.ptp(surface.along)
    figure = Figure(figsize=(WIDTH, 5.1 * height / width + 1.1), layout="constrained")
    axis = figure.subplots()
    levels = np.geomspace(surface.loss.min(), surface.loss.max(), 25)
    norm = LogNorm(levels[0], levels[-1])
    filled = axis.contourf(surface.along, surface.across, surface.loss, levels, cmap="viridis", norm=norm)
    axis.contour(surface.along, surface.across, surface.loss, levels, colors="white", linewidths=0.4, alpha=0.5)
    axis.plot(*surface.path.T, color="white", marker="o", markersize=3, linewidth=1.5)
    for number, label in labels.items():
        axis.plot(*surface.path[number], color="tab:red", marker="o", markersize=6, markeredgecolor="white")
        near_the_edge = surface.along[-1] - surface.path[number, 0] < width / 4
        offset, align = ((0, -15), "center") if near_the_edge else ((7, 3), "left")
        axis.annotate(
            f"{label}: {surface.path_loss[number]:#.2g}", surface.path[number], offset, textcoords="offset points", ha=align,
            color="white", weight="bold", fontsize=9, path_effects=[withStroke(linewidth=2, foreground="#333333")],
        )  # fmt: skip
    axis.set_xlabel("distance of the weights from the start, along the line to the end")
    axis.set_ylabel("distance across")
    axis.set_aspect("equal", "box")
    bar = figure.colorbar(filled, ax=axis, label="mean squared error")
    label_decades(bar.ax.yaxis, (1, 2, 5))
    save(figure, path, title)


def gradient_error(
    path: Path,
    title: str,
    epsilons: np.ndarray,
    errors: Mapping[str, np.ndarray],
    guides: Mapping[str, tuple[float, float]],
    mark: float,
) -> None:
    """Draw errors against the step on logarithmic scales, the lines factor · ε^power of the guides, and a mark at one step."""
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axis = figure.subplots()
    for label, values in errors.items():
        axis.plot(epsilons, values, marker="o", markersize=3.5, label=label)
    for label, (factor, power) in guides.items():
        x, align = (10**-3.2, "left") if power > 0 else (10**-9.2, "right")
        axis.plot(epsilons, factor * epsilons**power, color="black", linewidth=0.8, linestyle="--", zorder=3)
        offset = (10 if power > 0 else -10, -6)
        axis.annotate(label, (x, factor * x**power), offset, textcoords="offset points", ha=align, va="top", fontsize=9)
    axis.axvline(mark, color="tab:gray", linewidth=6, alpha=0.25)
    axis.annotate("the step of gradcheck", (mark, 3), (8, 0), textcoords="offset points", va="center", fontsize=9)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(1e-12, 10)
    axis.xaxis.set_major_locator(LogLocator(numticks=20))
    axis.yaxis.set_major_locator(LogLocator(numticks=20))
    axis.minorticks_off()
    axis.set_xlabel("step ε of the difference")
    axis.set_ylabel("relative error against backward")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=9, loc="lower left")
    save(figure, path, title)


def quantising(
    path: Path,
    title: str,
    codes: np.ndarray,
    levels: Mapping[str, np.ndarray],
    rows: Mapping[str, np.ndarray],
    curves: Mapping[str, Sequence[float]],
) -> None:
    """Draw the histogram of one number of the code with the values left to it, PSNR against bits a number, and decoded images."""
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    histogram, quality = left.subplots(2, 1)
    histogram.hist(codes, bins=60, color="tab:gray")
    top = histogram.get_ylim()[1]
    for number, (label, values) in enumerate(levels.items()):
        middle = top * (1.1 + 0.17 * number)
        histogram.vlines(values, middle - 0.06 * top, middle + 0.06 * top, color=f"C{number}")
        histogram.text(1.01, middle, label, transform=histogram.get_yaxis_transform(), va="center", color=f"C{number}", fontsize=9)
    histogram.set_xlabel("one number of the code, and the values left to it")
    histogram.set_ylabel("test images")
    for label, values in curves.items():
        quality.plot(range(1, len(values) + 1), values, marker="o", markersize=4, label=label)
    quality.set_xlabel("bits for each number")
    quality.set_ylabel("PSNR (dB)")
    quality.grid(alpha=0.3)
    quality.set_ylim(0, 1.4 * max(map(max, curves.values())))  # room for the legend
    quality.legend(fontsize=9, loc="upper left")
    for axis, (label, images) in zip(right.subplots(len(rows), 1), rows.items(), strict=True):
        row(axis, images, label, ZERO_TO_ONE)
    save(figure, path, title)


def bits(path: Path, title: str, count: BitCount, original: np.ndarray) -> None:
    """Draw the parts of a file in bytes, the bits of its latents, and the image decoded from the costliest of them."""
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    whole, bars, images = figure.subplots(3, 1, height_ratios=(0.45, 2.2, 1.0))
    left = 0.0
    for label, width, colour in (
        (f"header: {count.header_bytes} bytes", count.header_bytes, "tab:gray"),
        ("class", 1, "tab:orange"),
        (f"{len(count.latents)} latents: {count.payload_bytes - 1} bytes", count.payload_bytes - 1, "tab:blue"),
    ):
        whole.barh(0, width, left=left, color=colour, edgecolor="white")
        rotation = 90 if width == 1 else 0
        whole.text(left + width / 2, 0, label, ha="center", va="center", color="white", fontsize=8, rotation=rotation)
        left += width
    whole.set_yticks([])
    whole.set_xlim(0, left)
    whole.xaxis.get_major_locator().set_params(integer=True)
    whole.set_xlabel("bytes of a file of this image alone")
    whole.spines[["left", "right", "top"]].set_visible(False)
    x = np.arange(1, len(count.latents) + 1)
    bars.bar(x, count.latents[count.order], color="tab:blue", label=f"this image: {count.latents.sum():.0f} bits in all")
    mean = f"mean of the test images: {count.mean_latents.sum():.0f} bits"
    bars.plot(x, count.mean_latents[count.order], color="black", marker=".", linestyle="", markersize=4, label=mean)
    bars.set_xlim(0.2, len(x) + 0.8)
    bars.set_xlabel("latents, the costliest first")
    bars.set_ylabel("bits of a latent")
    bars.legend(fontsize=9)
    spent = 8 + np.cumsum(count.latents[count.order])  # bits up to each latent, the class's among them
    captions = [f"{kept} latent{'s' if kept > 1 else ''}\n{(spent[kept - 1] if kept else 8) / 8:.1f} bytes" for kept in count.kept]
    captions[0] = "the class\n1.0 bytes"
    tiles = np.stack([*count.images / 255, original / 255])
    side = tiles.shape[2] + 3  # a tile and the gap beside it
    images.imshow(tile(tiles, len(tiles)), **ZERO_TO_ONE)
    for number, caption in enumerate([*captions, f"original\n{original.size} bytes"]):
        images.text(number * side + (side - 3) / 2, tiles.shape[1] + 2, caption, ha="center", va="top", fontsize=8)
    images.set_axis_off()
    save(figure, path, title)
