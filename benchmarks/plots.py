"""The charts: horizontal bars for the frameworks, lines on logarithmic axes for the growth of cost."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator

from benchmarks.adapters import BLAS, NNLITE
from benchmarks.results import upper_half

OWN, OTHER, LIMIT = "#d1495b", "#8d99ae", "#2b2d42"
RESOLUTION = 150  # dots per inch


def bars(report: dict, path: Path) -> None:
    """Draw the seconds of an epoch, shortest above, and NumPy's products alone as a line."""
    measured = [row for row in report["rows"] if row.get("epoch_seconds")]
    rows = [row for row in measured if row["name"] != BLAS.name]
    rows.sort(key=lambda row: row["epoch_seconds"]["median"], reverse=True)
    times = [row["epoch_seconds"] for row in rows]
    medians = [time["median"] for time in times]
    ranges = [[time["median"] - time["lowest"] for time in times], [time["highest"] - time["median"] for time in times]]
    figure = Figure(figsize=(8, 1.6 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    colours = [OWN if row["name"].startswith(NNLITE.name) else OTHER for row in rows]
    axes.barh([row["title"] for row in rows], medians, color=colours, xerr=ranges, ecolor=LIMIT, error_kw={"linewidth": 1})
    for position, time in enumerate(times):
        axes.annotate(
            f"{time['median']:.2f} s", (time["highest"], position), xytext=(5, 0), textcoords="offset points", va="center"
        )
    for seconds in (row["epoch_seconds"]["median"] for row in measured if row["name"] == BLAS.name):
        axes.axvline(seconds, color=LIMIT, linestyle="--", linewidth=1)
        axes.annotate(
            f"{seconds:.2f} s: NumPy's BLAS, the products alone",
            (seconds, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize="small",
        )
    axes.set_xlim(0, max([time["highest"] for time in times], default=1) * 1.12)
    axes.set_xlabel("seconds an epoch (bars: median; lines: lowest to highest)")
    job = report["job"]["description"].replace(", ", ",\n", 1)  # the widths on a line of their own
    figure.suptitle(f"{job}\n{report['processor']}, threads: {report['threads']}", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=RESOLUTION)


def growth(title: str, x_label: str, panels: dict[str, tuple[Sequence, Sequence, float | None]], path: Path) -> None:
    """Draw one panel for each quantity, on logarithmic axes.

    Parameters
    ----------
    title, x_label : str
        Common to all panels.
    panels : dict
        By the label of the y axis: the values of x, the values of y, and the fitted slope or None.
    path : Path
        Of the image.
    """
    figure = Figure(figsize=(4.6 * len(panels), 3.8), layout="constrained")
    figure.suptitle(title, fontsize="medium")
    for axes, (y_label, (x, y, slope)) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.loglog(x, y, marker="o", color=OWN, label="measured")
        if slope is not None:
            fitted = upper_half(x)
            axes.loglog(
                fitted, [y[-1] * (value / x[-1]) ** slope for value in fitted], "--", color=LIMIT, label=f"slope {slope:.2f}"
            )
        axes.set_ylim(min(y) / 2, max(y) * 2)
        axes.set_xticks(x, [f"{value:g}" for value in x], fontsize="small", rotation=45 if len(x) > 6 else 0)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.minorticks_off()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=RESOLUTION)


def grouped_bars(x_label: str, rows: dict[str, dict], columns: dict[str, str], path: Path) -> None:
    """Draw for each row, by its name, a bar of each of these figures, by their labels."""
    figure = Figure(figsize=(7, 1.4 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(columns)
    for number, ((label, key), colour) in enumerate(zip(columns.items(), (OTHER, OWN, LIMIT), strict=False)):
        places = [position + (number - (len(columns) - 1) / 2) * height for position in range(len(rows))]
        axes.barh(places, [row[key] for row in rows.values()], height, label=label, color=colour)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    figure.savefig(path, dpi=RESOLUTION)
