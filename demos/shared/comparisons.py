"""Pictures that compare: many images, curves of several models, counts. Images are those of `plots`."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from demos.shared.examples import between
from demos.shared.plots import SIGNED, ZERO_TO_ONE, save, tile


def sheet(path: Path, title: str, images: np.ndarray, columns: int) -> None:
    """Draw images in rows of `columns`."""
    figure = Figure(figsize=(0.7 * columns + 0.3, 0.7 * -(-len(images) // columns) + 0.5), layout="constrained")
    axis = figure.subplots()
    axis.imshow(tile(images, columns), **ZERO_TO_ONE)
    axis.set_axis_off()
    save(figure, path, title)


def interpolation(path: Path, codes: np.ndarray, decode: Callable[[np.ndarray], np.ndarray]) -> None:
    """Draw ten decoded steps from each of the first six codes (N, K) to the next, a row for each. Draw a single code as it is."""
    ways = [between(start, end) for start, end in pairwise(codes[:6])] or [codes]
    sheet(path, "From one test image to the next, in equal steps of the code", decode(np.concatenate(ways)), columns=10)


def captioned(path: Path, title: str, images: np.ndarray, captions: Sequence[str], columns: int = 10) -> None:
    """Draw images (N, height, width) in rows, each below its own caption."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.1 * columns, 1.45 * rows + 0.5), layout="constrained")
    for axis in figure.subplots(rows, columns, squeeze=False).flat:
        axis.set_axis_off()
    for axis, image, caption in zip(figure.axes, images, captions, strict=False):
        axis.imshow(image, **ZERO_TO_ONE)
        axis.set_title(caption, fontsize=8)
    save(figure, path, title)


def columns(path: Path, title: str, columns: Mapping[str, np.ndarray], signed: Sequence[str] = ()) -> None:
    """Draw images side by side, a column for each label; those of the `signed` labels in red and blue, all on one scale."""
    count, height, width = next(iter(columns.values())).shape
    largest = max((np.abs(columns[label]).max() for label in signed), default=0) or 1
    figure = Figure(figsize=(0.95 * len(columns) + 1.2, 0.9 * count * height / width + 0.9), layout="constrained")
    axes = figure.subplots(1, len(columns), squeeze=False)[0]
    for axis, (label, images) in zip(axes, columns.items(), strict=True):
        look = {**SIGNED, "vmin": -largest, "vmax": largest} if label in signed else ZERO_TO_ONE
        drawn = axis.imshow(tile(images, 1), **look)
        axis.set_title(label, fontsize=9)
        axis.set_axis_off()
        if label in signed:
            bar = drawn
    if signed:
        figure.colorbar(bar, ax=list(axes), shrink=0.6, label="added to the pixel")
    save(figure, path, title)


def curves(
    path: Path, title: str, panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], ylabel: str, logarithmic: bool = True
) -> None:
    """Draw points (x, y), a panel for each x label and in it a curve for each name; y is common to the panels."""
    figure = Figure(figsize=(4.8 * len(panels) + 1.2, 4.4), layout="constrained")
    for axis, (xlabel, by_name) in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels.items(), strict=True):
        for number, (label, points) in enumerate(by_name.items()):
            width = 1.2 + 2.4 * (1 - number / len(by_name))  # so that all curves are visible where they coincide
            axis.plot(*zip(*points, strict=True), marker="o", markersize=2.5 * width, linewidth=width, label=label)
        if logarithmic:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(base=2))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.minorticks_off()
        axis.set_xlabel(xlabel)
        axis.grid(alpha=0.3)
        axis.label_outer()
    figure.axes[0].set_ylabel(ylabel)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    save(figure, path, title)


def confusion(path: Path, title: str, counts: np.ndarray) -> None:
    """Draw counts (C, C) as numbers, rows the true and columns the predicted class; colour marks counts off the diagonal."""
    classes, diagonal = len(counts), np.eye(len(counts), dtype=bool)
    wrong = np.where(diagonal, 0, counts)
    largest = max(wrong.max(), 1)
    figure = Figure(figsize=(0.5 * classes + 1.9, 0.5 * classes + 1.2), layout="constrained")
    axis = figure.subplots()
    drawn = axis.imshow(np.where(diagonal, np.nan, counts), cmap="Reds", vmin=0, vmax=largest)
    for row, column in np.argwhere(counts):
        colour = "w" if wrong[row, column] > largest / 2 else "k"
        weight = "bold" if row == column else "normal"
        axis.text(column, row, counts[row, column], ha="center", va="center", fontsize=9, weight=weight, color=colour)
    axis.set(xticks=range(classes), yticks=range(classes), xlabel="predicted label", ylabel="true label")
    figure.colorbar(drawn, ax=axis, label="images classified wrongly", shrink=0.8)
    save(figure, path, title)


def histograms(path: Path, title: str, values: Mapping[str, np.ndarray], xlabel: str, ylabel: str) -> None:
    """Draw how often whole numbers occur: for each label a panel, one below the other, with a common x axis."""
    figure = Figure(figsize=(6.4, 1.0 * len(values) + 1.0), layout="constrained")
    axes = figure.subplots(len(values), 1, squeeze=False, sharex=True)[:, 0]
    edges = bars(max(int(each.max()) for each in values.values()))
    for number, (axis, (label, each)) in enumerate(zip(axes, values.items(), strict=True)):
        axis.hist(each, edges, color=f"C{number % 10}")
        axis.axvline(each.mean(), color="black", linewidth=1)
        axis.set_title(f"{label}: {each.mean():.1f} on the mean", fontsize=9, loc="right", pad=2)
        axis.tick_params(labelsize=8)
    axes[-1].set_xlabel(xlabel)
    figure.supylabel(ylabel)
    save(figure, path, title)


def bars(largest: int) -> np.ndarray:
    """Return the edges of at most 64 bars for the whole numbers 0 to `largest`; each bar covers equally many numbers."""
    width = largest // 64 + 1
    return np.arange(0, largest + width + 1, width) - 0.5
