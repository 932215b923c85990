"""``python -m benchmarks.frameworks``: one training job in nnlite and in the frameworks, timed side by side.

Train one autoencoder on MNIST in nnlite, PyTorch, Keras, JAX, scikit-learn and plain NumPy, and time it.

All start from the same weights and see the same images in the same order, with the same batch size,
settings of Adam and number of threads. Each framework has a process of its own. First each does the
whole job several times in fresh processes, and the test errors are compared: a mark shows a row with an
error more than 3 % from the others. Then the processes train an epoch each, in turn, so that a slower
machine is slower for all. The last row is the time of the matrix products alone in NumPy's BLAS: no
training with this BLAS can beat it. On recent AMD processors programs/machine.py chooses OpenBLAS's
kernels, for all users of this BLAS; then another row shows nnlite's layers with OpenBLAS's own choice.

columns: medians, below them lowest–highest
  import      of the framework, in a fresh process
  first step  of 128 images, with all compilation (nnlite, torch.compile: loading from the disk)
  epoch       in a process that has already trained
  inference   of 10,000 images, likewise
  process     from its start to its predictions: import, images, all epochs, inference
  memory      the process's peak

examples:
  python -m benchmarks.frameworks --quick
  python -m benchmarks.frameworks --json run.json --plot run.png
  python -m benchmarks.frameworks --only nnlite,torch-eager --job deep
  python -m benchmarks.frameworks --only nnlite,jax,torch-eager --busy 2

The full run takes about ten minutes on two cores and 8 GB of memory; other programs should be quiet.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from benchmarks import conditions, results
from benchmarks.adapters import LAYERS, NAMES, choose
from benchmarks.command import Parser, picture, positive, run, say, write_json
from benchmarks.job import JOBS, Job
from benchmarks.measure import Samples, measure
from benchmarks.process import busy, default_threads, environment, own_choice_of_kernel
from programs.arguments import names_among


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = Parser("frameworks", __doc__)
    quick = "a minute: 12,800 images, 2 epochs, without rows that compile long"
    made.add_common(quick, picture, "a bar chart of the epochs, as PNG, SVG or PDF")
    made.add_argument("--job", choices=JOBS, default="mnist", help="the autoencoder of the tutorials, or a deep one")
    only = f"rows or frameworks, separated by commas: {', '.join(NAMES)}"
    made.add_argument("--only", type=names_among(NAMES), default=NAMES, metavar="NAMES", help=only)
    made.add_argument("--threads", type=positive, metavar="N", help="for everyone; default: the physical cores, at most 8")
    made.add_argument("--processes", type=positive, metavar="N", help="fresh processes for each (default 3; quick: 1)")
    made.add_argument(
        "--busy", type=positive, metavar="N", default=0, help="other processes that compute all the while (default 0)"
    )
    made.add_argument("--rounds", type=positive, metavar="N", help="epochs in turn (default 9; quick: 5)")
    return made


def prepare(arguments: argparse.Namespace) -> tuple[Job, list, list]:
    """Return the job, the entries to measure, and rows for all others."""
    job = JOBS[arguments.job]
    if arguments.quick:
        job = dataclasses.replace(job, images=12_800, epochs=2)
    entries, skipped = [], []
    for entry in choose(arguments.only):
        if not entry.installed:
            skipped.append(results.skipped_row(entry, f"not installed: pip install {entry.install}"))
        elif not entry.hidden_layers and len(job.hidden) > 1:
            skipped.append(results.skipped_row(entry, "cannot express this job"))
        elif arguments.quick and not entry.in_quick:
            skipped.append(results.skipped_row(entry, "left out by --quick"))
        else:
            entries.append(entry)
    return job, entries, skipped


def compare(job: Job, entries: list, threads: int, processes: int, rounds: int) -> list[dict]:
    """Return the rows of the entries, and one more for nnlite if `programs.machine` chooses OpenBLAS's kernels."""
    with tempfile.TemporaryDirectory(prefix="nnlite-benchmark-") as caches:
        common = environment(threads, Path(caches))
        tasks = [Samples(entry, job, common) for entry in entries]
        own_choice = own_choice_of_kernel(common)
        if own_choice and LAYERS in entries:
            title = f"{LAYERS.title}, OpenBLAS's own kernels"
            plain = LAYERS._replace(name="nnlite-auto", title=title, keeps_compiled=False)
            tasks.insert(entries.index(LAYERS) + 1, Samples(plain, job, own_choice))
        measure(tasks, processes, rounds, say)
    return [results.row(samples) for samples in tasks]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if a framework failed or its result differs from the others."""
    arguments = parser().parse_args(argv)
    threads = arguments.threads or default_threads()
    facts = conditions.conditions(threads)
    job, entries, skipped = prepare(arguments)
    processes = arguments.processes or (1 if arguments.quick else 3)
    rounds = arguments.rounds or (5 if arguments.quick else 9)
    with busy(arguments.busy):
        rows = compare(job, entries, threads, processes, rounds) + skipped
    report = {**facts, "processes": processes, "rounds": rounds, "busy": arguments.busy, **results.report(rows, job)}
    print(f"{job.describe()}\n{conditions.describe(facts)}\n\n{results.table(rows)}")
    write_json(arguments.json, report)
    if arguments.plot:
        from benchmarks import plots  # only now: every process starts with this one's memory

        plots.bars(report, arguments.plot)
    return int(results.any_failed(rows))


if __name__ == "__main__":
    run(main)
