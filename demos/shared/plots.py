"""Pictures of an autoencoder, and their pieces. Images are (N, height, width), in colours (N, height, width, 3), from 0 to 1."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter

Images = Mapping[str, np.ndarray]  # by their labels
NONE: Images = {}
DPI = 120
ZERO_TO_ONE = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
SIGNED = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "interpolation": "nearest"}


def image_rows(path: Path, title: str, rows: Images, signed: Images = NONE, meaning: str = "error") -> None:
    """Draw rows of images with their labels; those from −1 to 1 below, in red and blue, with a bar that says what they mean."""
    every = {**rows, **signed}
    columns, (height, width) = max(map(len, every.values())), next(iter(every.values())).shape[1:3]
    size = max(0.9 * columns + 1.8, 6.0), 1.05 * height / width * len(every) + 0.6  # room for title and labels
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(every), 1, squeeze=False)[:, 0]
    for axis, (name, images) in zip(axes, every.items(), strict=True):
        drawn = row(axis, images, name, SIGNED if name in signed else ZERO_TO_ONE, columns)
    if signed:
        figure.colorbar(drawn, ax=list(axes[len(rows) :]), label=meaning, ticks=[-1, 0, 1])
    save(figure, path, title)


def history(path: Path, title: str, curves: Mapping[str, Sequence[float]], ylabel: str) -> None:
    """Draw one number for each epoch, a curve for each name, on a logarithmic scale."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    for label, values in curves.items():
        axis.plot(range(1, len(values) + 1), values, marker="o", markersize=4, label=label)
    if any(max(values) > 0 for values in curves.values()):  # zeros have no logarithms
        axis.set_yscale("log")
        label_decades(axis.yaxis, (1, 2, 3, 5))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(xlabel="epoch", ylabel=ylabel)
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    save(figure, path, title)


def filters(path: Path, title: str, panels: Mapping[str, np.ndarray], columns: int = 12) -> None:
    """Draw weights (units, height, width), a panel for each label; red is positive, blue negative."""
    count, height, width = next(iter(panels.values())).shape
    columns = min(count, columns)
    size = 0.75 * columns * len(panels) + 1.4, 0.75 * -(-count // columns) * height / width + 0.5 + 0.3 * any(panels)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (label, weights) in zip(axes, panels.items(), strict=True):
        largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
        drawn = axis.imshow(tile(weights / np.where(largest > 0, largest, 1), columns), **SIGNED)
        axis.set_axis_off()
        axis.set_title(label)
    figure.colorbar(drawn, ax=list(axes), ticks=[-1, 0, 1], shrink=0.8, label="weight / largest of its picture")
    save(figure, path, title)


def first_layer(path: Path, weight: np.ndarray, shape: tuple[int, ...], of: str = "") -> None:
    """Draw the weights (D, H) of the first layer as one image for each of at most 60 units."""
    weights = weight.T.reshape(-1, *shape)
    title = f"Weights of {len(weights[:60])} of {len(weights)} units of the first layer{of}"
    filters(path, title, {"": weights[:60]})


def codes(path: Path, title: str, codes: np.ndarray, labels: np.ndarray) -> None:
    """Draw codes (N, K) in the plane of their first two principal components, coloured by label."""
    centred = np.pad(codes - codes.mean(axis=0, dtype=np.float64), ((0, 0), (0, codes.shape[1] == 1)))  # (N, at least 2)
    variances, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    points, share = centred @ directions[:, :-3:-1], variances[:-3:-1] / max(variances.sum(), 1e-12)
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axis = figure.subplots()
    for label in np.unique(labels):
        chosen = points[labels == label]
        axis.scatter(*chosen.T, s=4, alpha=0.5, linewidths=0, color=f"C{label % 10}")
        box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": f"C{label % 10}", "alpha": 0.85}
        axis.text(*np.median(chosen, axis=0), str(label), weight="bold", ha="center", va="center", bbox=box)
    axis.set_xlabel(f"first principal component ({share[0]:.0%} of the variance)")
    axis.set_ylabel(f"second principal component ({share[1]:.0%})")
    save(figure, path, title)


def tile(images: np.ndarray, columns: int, gap: int = 3) -> np.ndarray:
    """Return images (N, height, width) as one, row by row, with gaps; gaps are NaN, so not drawn, or white among colours."""
    count, height, width, *channels = images.shape
    rows = -(-count // columns)
    padded = np.full((rows * columns, height + gap, width + gap, *channels), 1.0 if channels else np.nan)
    padded[:count, :height, :width] = images
    grid = padded.reshape(rows, columns, height + gap, width + gap, *channels).swapaxes(1, 2)
    return grid.reshape(rows * (height + gap), columns * (width + gap), *channels)[:-gap, :-gap]


def row(axis: Axes, images: np.ndarray, label: str, look: Mapping[str, object], columns: int | None = None) -> AxesImage:
    """Draw images side by side, in room for `columns`, with a label on their left; return the drawn image."""
    drawn = axis.imshow(tile(images, columns or len(images)), **look)
    axis.set_ylabel(label, rotation=0, ha="right", va="center")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return drawn


def label_decades(axis: Axis, digits: Sequence[int]) -> None:
    """Label a logarithmic axis at these digits of each power of ten."""
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path, title: str) -> None:
    """Write the picture, with a title above it."""
    figure.suptitle(title)
    figure.savefig(path, dpi=DPI)
