"""The pictures of the demos; they import matplotlib here and in lesson_plots only.

Images are (N, height, width), or (N, height, width, 3) in colours, values in [0, 1]. First come the pictures, then their pieces.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter

from demos.shared.examples import between
from demos.shared.pca import fit_pca

DPI = 120
ZERO_TO_ONE = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
SIGNED = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "interpolation": "nearest"}


def reconstructions(path: Path, title: str, rows: Mapping[str, np.ndarray], difference: str, error: np.ndarray) -> None:
    """Draw rows of images one below the other, each with its label, and below them a signed error in red and blue."""
    tall = error.shape[1] / error.shape[2]
    width = max(0.9 * len(error) + 1.8, 6.0)  # of few images, too, the title is seen
    figure = Figure(figsize=(width, 0.95 * tall * (len(rows) + 1) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows) + 1, 1)
    for axis, (label, images) in zip(axes, rows.items(), strict=False):
        row(axis, images, label, ZERO_TO_ONE)
    drawn = row(axes[-1], error, difference, SIGNED)
    figure.colorbar(drawn, ax=axes[-1], label="error", ticks=[-1, 0, 1])
    save(figure, path, title)


def history(path: Path, title: str, curves: Mapping[str, Sequence[float]], ylabel: str) -> None:
    """Draw one number for each epoch, a curve for each name, on a logarithmic scale."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    for label, values in curves.items():
        axis.plot(range(1, len(values) + 1), values, marker="o", markersize=4, label=label)
    if any(max(values) > 0 for values in curves.values()):  # nothing but zeros has no logarithms
        axis.set_yscale("log")
        label_decades(axis.yaxis, (1, 2, 3, 5))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("epoch")
    axis.set_ylabel(ylabel)
    axis.set_title(title)
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    save(figure, path)


def filters(path: Path, title: str, weights: np.ndarray) -> None:
    """Draw what units look at: weights (units, height, width), each on its own scale, red positive and blue negative."""
    columns = min(len(weights), 12)
    rows = -(-len(weights) // columns)
    figure = Figure(figsize=(0.75 * columns + 1.4, 0.75 * rows + 0.5), layout="constrained")
    axis = figure.subplots()
    drawn = sheet_of_weights(axis, weights, columns)
    figure.colorbar(drawn, ax=axis, ticks=[-1, 0, 1], shrink=0.8, label="weight / largest weight of the unit")
    save(figure, path, title)


def sheet(path: Path, title: str, images: np.ndarray, columns: int) -> None:
    """Draw images in rows of so many."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(0.7 * columns + 0.3, 0.7 * rows + 0.5), layout="constrained")
    axis = figure.subplots()
    axis.imshow(tile(images, columns), **ZERO_TO_ONE)
    axis.set_axis_off()
    save(figure, path, title)


def interpolation(path: Path, codes: np.ndarray, decode: Callable[[np.ndarray], np.ndarray]) -> None:
    """Draw the way from each of the first six codes (N, K) to the next, a row for each, as `decode` shows it; one code as it is."""
    ways = [between(start, end) for start, end in pairwise(codes[:6])] or [codes]
    sheet(path, "From one test image to the next, in equal steps of the code", decode(np.concatenate(ways)), columns=10)


def codes(path: Path, title: str, codes: np.ndarray, labels: np.ndarray) -> None:
    """Draw codes (N, K) in the plane of their first two principal components, coloured by label."""
    codes = codes.astype(np.float64)
    pca = fit_pca(codes, 2)
    points = pca.encode(codes)
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axis = figure.subplots()
    for label in np.unique(labels):
        chosen = points[labels == label]
        axis.scatter(*chosen.T, s=4, alpha=0.5, linewidths=0, color=f"C{label % 10}", label=str(label))
        axis.text(
            *np.median(chosen, axis=0), str(label), weight="bold", ha="center", va="center",
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": f"C{label % 10}", "alpha": 0.85},
        )  # fmt: skip
    axis.set_xlabel(f"first principal component ({pca.share[0]:.0%} of the variance)")
    axis.set_ylabel(f"second principal component ({pca.share[1]:.0%})")
    axis.set_title(title)
    axis.legend(title="label", markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save(figure, path)


def curves(
    path: Path, title: str, panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], ylabel: str, logarithmic: bool = True
) -> None:
    """Draw points (x, y), a panel for each x label and in it a curve for each name; y is common to the panels."""
    figure = Figure(figsize=(4.8 * len(panels) + 1.2, 4.4), layout="constrained")
    for axis, (xlabel, by_name) in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels.items(), strict=True):
        for number, (label, points) in enumerate(by_name.items()):
            width = 1.2 + 2.4 * (1 - number / len(by_name))  # where curves coincide, all of them are seen
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
    """Draw counts (C, C), rows the true and columns the predicted class, as numbers; colour shows what is off the diagonal."""
    classes = len(counts)
    wrong = np.where(np.eye(classes, dtype=bool), 0, counts)
    largest = max(wrong.max(), 1)
    figure = Figure(figsize=(0.5 * classes + 1.9, 0.5 * classes + 1.2), layout="constrained")
    axis = figure.subplots()
    drawn = axis.imshow(np.where(np.eye(classes, dtype=bool), np.nan, counts), cmap="Reds", vmin=0, vmax=largest)
    for row, column in np.argwhere(counts):
        dark = wrong[row, column] > largest / 2
        weight = "bold" if row == column else "normal"
        axis.text(column, row, counts[row, column], ha="center", va="center", fontsize=9, weight=weight, color="w" if dark else "k")
    axis.set_xticks(range(classes))
    axis.set_yticks(range(classes))
    axis.set_xlabel("predicted label")
    axis.set_ylabel("true label")
    figure.colorbar(drawn, ax=axis, label="images classified wrongly", shrink=0.8)
    save(figure, path, title)


def captioned(path: Path, title: str, images: np.ndarray, captions: Sequence[str], columns: int = 10) -> None:
    """Draw images (N, height, width) in rows, each below its own caption."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.1 * columns, 1.45 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis in axes:
        axis.set_axis_off()
    for axis, image, caption in zip(figure.axes, images, captions, strict=False):
        axis.imshow(image, **ZERO_TO_ONE)
        axis.set_title(caption, fontsize=8)
    save(figure, path, title)


def filter_panels(path: Path, title: str, panels: Mapping[str, np.ndarray], columns: int) -> None:
    """Draw weights (units, height, width) side by side, a panel for each label; colours as in `filters`."""
    count, height, width = next(iter(panels.values())).shape
    rows = -(-count // columns)
    figure = Figure(figsize=(0.62 * columns * len(panels) + 1.4, 0.62 * rows * height / width + 0.9), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (label, weights) in zip(axes, panels.items(), strict=True):
        drawn = sheet_of_weights(axis, weights, columns)
        axis.set_title(label)
    figure.colorbar(drawn, ax=list(axes), ticks=[-1, 0, 1], shrink=0.8, label="value / largest of its picture")
    save(figure, path, title)


def histograms(path: Path, title: str, values: Mapping[str, np.ndarray], xlabel: str, ylabel: str) -> None:
    """Draw how often whole numbers occur, a panel below the other for each label, all with the same x axis."""
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


def image_rows(path: Path, title: str, rows: Mapping[str, np.ndarray]) -> None:
    """Draw rows of images one below the other, each with its label."""
    most = max(map(len, rows.values()))
    _, height, width = next(iter(rows.values())).shape[:3]
    figure = Figure(figsize=(0.9 * most + 1.8, 0.95 * height / width * len(rows) + 0.6), layout="compressed")
    for axis, (label, images) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows.items(), strict=True):
        row(axis, images, label, ZERO_TO_ONE, most)
    save(figure, path, title)


# --- the pieces


def tile(images: np.ndarray, columns: int, gap: int = 3) -> np.ndarray:
    """Return images (N, height, width) as one, row by row, with gaps of NaN, which are drawn as nothing; in colours of white."""
    count, height, width, *channels = images.shape
    rows = -(-count // columns)
    padded = np.full((rows * columns, height + gap, width + gap, *channels), 1.0 if channels else np.nan)
    padded[:count, :height, :width] = images
    grid = padded.reshape(rows, columns, height + gap, width + gap, *channels).swapaxes(1, 2)
    return grid.reshape(rows * (height + gap), columns * (width + gap), *channels)[:-gap, :-gap]


def bars(largest: int) -> np.ndarray:
    """Return the edges of at most 64 bars for the whole numbers 0 to `largest`, all with as many numbers in them."""
    width = largest // 64 + 1
    return np.arange(0, largest + width + 1, width) - 0.5


def row(axis: Axes, images: np.ndarray, label: str, look: Mapping[str, object], columns: int | None = None) -> AxesImage:
    """Draw images side by side, in room for `columns`, with a label to their left; return what was drawn."""
    drawn = axis.imshow(tile(images, columns or len(images)), **look)
    axis.set_ylabel(label, rotation=0, ha="right", va="center")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    return drawn


def sheet_of_weights(axis: Axes, weights: np.ndarray, columns: int) -> AxesImage:
    """Draw weights (units, height, width) in rows of so many, each on its own scale; return what was drawn."""
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    axis.set_axis_off()
    return axis.imshow(tile(weights / np.where(largest > 0, largest, 1), columns), **SIGNED)


def label_decades(axis: Axis, digits: Sequence[int]) -> None:
    """Label a logarithmic axis at these digits of each power of ten."""
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path, title: str | None = None) -> None:
    """Write the picture, with a title above it."""
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=DPI)
