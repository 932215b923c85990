"""``python -m benchmarks.step``: where the time of one training step goes, by the layers and by the compiled step.

Repeat one step of 128 digits, and do a little more of it each time: the products alone, forward,
forward with the loss, forward and backward with the simplest optimizer, and the whole step with Adam.
The differences are the parts. Every figure is the fastest of many steps, because other programs disturb
it least; the median beside it shows how much they did.

rows:
  products, BLAS   the products of the layers' step alone, by NumPy
  layers           the whole step, layer by layer
  compiled         the whole step as one function, and its parts
  ... of noise     the same for images without zeros: no pixel can be left out
"""

import functools
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

import nnlite
from benchmarks import conditions
from benchmarks.adapters.blas import BlasAdapter
from benchmarks.adapters.nnlite import network
from benchmarks.command import Parser, aligned, picture, positive, run, write_json
from benchmarks.data import load_images, start_weights
from benchmarks.job import JOBS, Job
from nnlite.training.batches import Batches
from nnlite.training.compiled import CompiledStep, default_threads


def by_layers(model: nnlite.Sequential, batches: Batches, indices) -> None:
    """Take a step as `nnlite.training.loop` does."""
    x, t = batches.take(indices)
    _, dy = model.loss.value_and_gradient(model.forward(x, training=True), t)
    model.optimizer.zero_gradients()
    model.backward(dy, need_dx=False)
    model.optimizer.step()


def calls(job: Job, threads: int) -> Iterator[tuple[str, Callable]]:
    """Yield the timed calls: a name, and a function of the indices of a batch."""
    weights = start_weights(job)
    images, _ = load_images(job)
    yield "products, BLAS", BlasAdapter(job, weights, images).train
    digits = Batches(images)
    model = network(job, weights)
    model.compile(nnlite.Adam(), "mse")
    yield "layers", lambda indices: by_layers(model, digits, indices)
    noise = Batches(np.random.default_rng(0).integers(1, 256, images.shape, np.uint8))
    for kind, batches in {"": digits, " of noise": noise}.items():
        for name, optimizer in (("and backward, SGD", nnlite.SGD(1e-6)), ("the step with Adam", nnlite.Adam())):
            trained = network(job, weights)
            trained.compile(optimizer, "mse")
            with CompiledStep(trained, trained.loss, optimizer, rows=job.batch_size, threads=threads) as step:
                if isinstance(optimizer, nnlite.SGD):
                    yield f"compiled: forward{kind}", functools.partial(step.loss, batches)
                yield f"{name}{kind}", functools.partial(step.train, batches)


def timed(call: Callable, order, batch_size: int) -> dict:
    """Return the fastest and the median step, in microseconds."""
    seconds = []
    for start in range(0, len(order) - batch_size, batch_size):
        begin = time.perf_counter()
        call(order[start : start + batch_size])
        seconds.append(time.perf_counter() - begin)
    return {"fastest_us": min(seconds) * 1e6, "median_us": statistics.median(seconds) * 1e6}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    made = Parser("step", __doc__)
    made.add_common("one epoch of each in place of seven", picture, "a bar chart, as PNG, SVG or PDF")
    made.add_argument("--job", choices=JOBS, default="mnist", help="the autoencoder of the tutorials, or a deep one")
    made.add_argument("--threads", type=positive, metavar="N", help="of the compiled step; default: as the BLAS's")
    arguments = made.parse_args(argv)
    threads, job = arguments.threads or default_threads(), JOBS[arguments.job]
    facts, figures = conditions.conditions(threads), {}
    rng = np.random.default_rng(job.order_seed)
    for name, call in calls(job, threads):
        order = np.concatenate([rng.permutation(job.images) for _ in range(1 if arguments.quick else 7)])
        call(order[: job.batch_size])  # which may compile
        figures[name] = timed(call, order, job.batch_size)
    lines = [["one step, µs", "fastest", "median", "/ products"]]
    for name, figure in figures.items():
        share = figure["fastest_us"] / figures["products, BLAS"]["fastest_us"]
        lines.append([name, f"{figure['fastest_us']:.0f}", f"{figure['median_us']:.0f}", f"{share:.2f}"])
    print(f"{conditions.describe(facts)}\n\n{aligned(lines)}")
    write_json(arguments.json, {**facts, "job": job.describe(), "steps": figures})
    if arguments.plot:
        from benchmarks import plots

        plots.grouped_bars("microseconds a step", figures, {"median": "median_us", "fastest": "fastest_us"}, arguments.plot)
    return 0


if __name__ == "__main__":
    run(main)
