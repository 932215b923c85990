"""``python -m benchmarks.scaling``: how nnlite's time and memory grow.

Train the MNIST autoencoder in nnlite and vary one thing: the batch size, the width of the hidden layer,
the number of hidden layers, the number of training images, the number of threads. Each point is a
process of its own; all processes of a series train an epoch each, in turn. Then train the deep
autoencoder 784-1000-500-250-30 and back beside PyTorch and JAX, and time nnlite's loops one by one
(also: python -m benchmarks.frameworks --job deep, python -m benchmarks.kernels).

The report shows the time for each sample, and the memory of the training beyond that of a process with
the images in it. A slope belongs to a straight line through the upper half of the points on logarithmic
axes: 1 means proportional, 0 constant.
"""

import argparse
import dataclasses
import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import conditions, results
from benchmarks.adapters import NNLITE, choose
from benchmarks.command import Parser, folder, positive, run, say, write_json
from benchmarks.frameworks import compare
from benchmarks.job import JOBS, Job
from benchmarks.measure import Samples, measure
from benchmarks.process import default_threads, environment

LABELS = {
    "batch_size": "batch size",
    "width": "width of the hidden layer",
    "depth": "hidden layers of 128 units",
    "images": "training images",
    "threads": "threads",
}
DEEP = ["nnlite", "jax-epoch", "torch-eager"]


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
    measure(tasks, 1, rounds, lambda text: None, predictions=False)
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
    lines = [f"{LABELS[name]:>26}  {'µs a sample':>12}  {'training, MB':>12}"]
    for point in measured["points"]:
        memory = point["training_rss_mb"]
        shown = "–" if memory is None else f"{memory:.0f}"
        lines.append(f"{point['value']:>26,}  {point['seconds_per_sample']['median'] * 1e6:12.2f}  {shown:>12}")
    slopes = (measured["seconds_slope"], measured["memory_slope"])
    lines.append(f"{'slope':>26}  {'  '.join('–'.rjust(12) if value is None else f'{value:12.2f}' for value in slopes)}")
    return "\n".join(lines + [f"failed at {text}" for text in measured["failed"]])


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
    made.add_common("fewer points, 2,048 images, one epoch a point", folder, "a chart of each part, PNG")
    made.add_argument("--threads", type=positive, metavar="N", help="the most; default: the physical cores, at most 8")
    made.add_argument("--only", choices=[*LABELS, "deep", "kernels"], help="one part alone")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if a part of it failed."""
    arguments = parser().parse_args(argv)
    threads = arguments.threads or default_threads()
    parts = [arguments.only] if arguments.only else [*LABELS, "deep", "kernels"]
    report = conditions.conditions(threads)
    print(conditions.describe(report), flush=True)
    failed = False
    report["series"] = {}
    with tempfile.TemporaryDirectory(prefix="nnlite-benchmark-") as caches:
        for name, points in series(threads, arguments.quick).items():
            if name in parts:
                say(f"measuring: {LABELS[name]}")
                measured = report["series"][name] = measure_series(points, 1 if arguments.quick else 5, Path(caches))
                failed |= bool(measured["failed"])
                print(f"\n{table(name, measured)}", flush=True)
    if "deep" in parts:
        job = dataclasses.replace(JOBS["deep"], images=2048 if arguments.quick else 60_000)
        rows = measure_deep(job, threads, rounds=2 if arguments.quick else 5)
        report["deep"] = results.report(rows, job)
        failed |= results.any_failed(rows)
        print(f"\n{job.describe()}\n{results.table(rows)}", flush=True)
    if "kernels" in parts:  # last: the import makes this process large, and every process starts as its copy
        from benchmarks import kernels

        report["kernels"] = kernels.measure(kernels.BATCH)
        print(f"\n{kernels.table(report['kernels'])}")
    write_json(arguments.json, report)
    if arguments.plot:
        draw_all(report, arguments.plot)
    return int(failed)


def measure_deep(job: Job, threads: int, rounds: int) -> list[dict]:
    """Return the rows of the deep autoencoder, in the form of `benchmarks.frameworks`."""
    entries = choose(DEEP)
    rows = compare(job, [entry for entry in entries if entry.installed], threads, processes=1, rounds=rounds)
    return rows + [results.missing_row(entry) for entry in entries if not entry.installed]


def draw_all(report: dict, path: Path) -> None:
    """Draw all parts of the report."""
    for name, measured in report["series"].items():
        draw(name, measured, path / f"{name}.png")
    if "deep" in report:
        from benchmarks import plots

        plots.bars({**report, **report["deep"]}, path / "deep.png")
    if "kernels" in report:
        from benchmarks import kernels

        kernels.draw(report["kernels"], path / "kernels.png")


if __name__ == "__main__":
    run(main)
