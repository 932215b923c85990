"""``python -m benchmarks.scaling``: how nnlite's time and memory grow.

Train the MNIST autoencoder in nnlite and vary one thing: the batch size, the width of the hidden layer,
the number of hidden layers, the number of training images, the number of threads. Each point is a
process of its own; all processes of a series train an epoch each, in turn.

The report shows the time for each sample, and the memory of the training beyond that of a process with
the images in it. A slope belongs to a straight line through the upper half of the points on logarithmic
axes: 1 means proportional, 0 constant.

A deep network beside the frameworks, and the loops one by one:

  python -m benchmarks.frameworks --job deep
  python -m benchmarks.kernels
"""

import argparse
import dataclasses
import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import conditions, results
from benchmarks.adapters import NNLITE
from benchmarks.command import Parser, aligned, folder, positive, run, say, write_json
from benchmarks.job import Job
from benchmarks.measure import Samples, measure
from benchmarks.process import default_threads, environment

LABELS = {
    "batch_size": "batch size",
    "width": "width of the hidden layer",
    "depth": "hidden layers of 128 units",
    "images": "training images",
    "threads": "threads",
}


def series(threads: int, quick: bool) -> dict[str, list[tuple[int, Job, int]]]:
    """Return the points of each series by name: the varied value, the job, the number of threads."""
    base = Job(images=2048 if quick else 8192, epochs=1)
    step = 2 if quick else 1

    def points(values: Sequence[int], field: str, value_of) -> list[tuple[int, Job, int]]:
        return [(value, dataclasses.replace(base, **{field: value_of(value)}), threads) for value in values[::step]]

    powers = [2**exponent for exponent in range(13)]  # 1 ... 4096
    return {
        "batch_size": points([power for power in powers[::2] if power <= base.images], "batch_size", int),
        "width": points(powers[4:], "hidden", lambda width: (width,)),
        "depth": points(powers[:6], "hidden", lambda depth: (128,) * depth),
        "images": points([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000], "images", int),
        "threads": [(number, base, number) for number in sorted({*(p for p in powers if p < threads), threads})],
    }


def slope(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return the slope of log y over log x for the upper half of the points, at least two; None with fewer points."""
    pairs = [(math.log(a), math.log(b)) for a, b in zip(x, y, strict=True) if b > 0]
    if len(pairs) < 2:
        return None
    return statistics.linear_regression(*zip(*results.upper_half(pairs), strict=True)).slope


def measure_series(points: list[tuple[int, Job, int]], rounds: int, caches: Path) -> dict:
    """Return the figures of one series, with their slopes."""
    tasks = [Samples(NNLITE._replace(keeps_compiled=False), job, environment(threads, caches)) for _, job, threads in points]
    tasks[0].entry = NNLITE  # only the first fills the compiler's cache
    measure(tasks, 1, rounds, lambda text: None)
    figures, failed = [], []
    for (value, job, _), samples in zip(points, tasks, strict=True):
        if samples.failed:
            failed.append(f"{value}: {samples.failed}")
            continue
        times = results.spread([seconds / job.images for seconds in samples.epoch_seconds])
        memory = samples.answers[0]["training_rss_mb"]
        figures.append({"value": value, "seconds_per_sample": times, "training_rss_mb": memory})
    values = [figure["value"] for figure in figures]
    slopes = {
        "seconds_slope": slope(values, [figure["seconds_per_sample"]["median"] for figure in figures]),
        "memory_slope": slope(values, [figure["training_rss_mb"] or 0 for figure in figures]),
    }
    return {"points": figures, "failed": failed, **slopes}


def table(name: str, measured: dict) -> str:
    """Return one series as text."""
    lines = [[LABELS[name], "µs a sample", "training, MB"]]
    for point in measured["points"]:
        memory = "–" if point["training_rss_mb"] is None else f"{point['training_rss_mb']:.0f}"
        lines.append([f"{point['value']:>6,}", f"{point['seconds_per_sample']['median'] * 1e6:.2f}", memory])
    slopes = (measured["seconds_slope"], measured["memory_slope"])
    lines.append(["slope", *("–" if slope is None else f"{slope:.2f}" for slope in slopes)])
    return "\n".join([aligned(lines), *(f"failed at {text}" for text in measured["failed"])])


def draw(name: str, measured: dict, path: Path) -> None:
    """Draw one series, each quantity at its known points; nothing without any."""
    from benchmarks import plots

    times = [(point["value"], point["seconds_per_sample"]["median"] * 1e6) for point in measured["points"]]
    memory = [(point["value"], point["training_rss_mb"]) for point in measured["points"] if point["training_rss_mb"]]
    panels = {"µs a sample": (times, measured["seconds_slope"]), "memory of the training, MB": (memory, measured["memory_slope"])}
    drawn = {label: (*zip(*points, strict=True), slope) for label, (points, slope) in panels.items() if points}
    if drawn:
        plots.growth(f"nnlite: {LABELS[name]}", LABELS[name], drawn, path)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("scaling", __doc__)
    made.add_common("fewer points, 2,048 images, one epoch a point", folder, "a chart of each series, PNG")
    made.add_argument("--threads", type=positive, metavar="N", help="the most; default: the physical cores, at most 8")
    made.add_argument("--only", choices=LABELS, help="one series alone")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if a point of it failed."""
    arguments = parser().parse_args(argv)
    threads = arguments.threads or default_threads()
    report = {**conditions.conditions(threads), "series": {}}
    print(conditions.describe(report), flush=True)
    with tempfile.TemporaryDirectory(prefix="nnlite-benchmark-") as caches:
        for name, points in series(threads, arguments.quick).items():
            if arguments.only in (None, name):
                say(f"measuring: {LABELS[name]}")
                measured = report["series"][name] = measure_series(points, 1 if arguments.quick else 5, Path(caches))
                print(f"\n{table(name, measured)}", flush=True)
    write_json(arguments.json, report)
    if arguments.plot:
        for name, measured in report["series"].items():
            draw(name, measured, arguments.plot / f"{name}.png")
    return int(any(measured["failed"] for measured in report["series"].values()))


if __name__ == "__main__":
    run(main)
