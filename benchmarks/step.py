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
from benchmarks.command import Parser, picture, positive, run, write_json
from benchmarks.data import load_images, start_weights
from benchmarks.job import JOBS, Job
from nnlite.training.batches import Batches
from nnlite.training.compiled import CompiledStep, default_threads

ACTIVATIONS = {"relu": [nnlite.ReLU], "sigmoid": [nnlite.Sigmoid], "linear": []}


def network(job: Job, optimizer: nnlite.Optimizer, weights: list) -> nnlite.Sequential:
    """Return the job's network with its start weights."""
    rng, layers = np.random.default_rng(0), []
    for inputs, outputs, activation in job.layers:
        layers += [nnlite.Dense(inputs, outputs, rng=rng), *(make() for make in ACTIVATIONS[activation])]
    model = nnlite.Sequential(layers)
    model.set_weights(weights)
    model.compile(optimizer, "mse")
    return model


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
    model = network(job, nnlite.Adam(), weights)
    yield "layers", lambda indices: by_layers(model, digits, indices)
    noise = Batches(np.random.default_rng(0).integers(1, 256, images.shape, np.uint8))
    for kind, batches in {"": digits, " of noise": noise}.items():
        for name, optimizer in (("and backward, SGD", nnlite.SGD(1e-6)), ("the step with Adam", nnlite.Adam())):
            trained = network(job, optimizer, weights)
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
    print(conditions.describe(facts), f"\n\n{'one step, µs':26}  {'fastest':>8}  {'median':>8}  / products")
    for name, figure in figures.items():
        share = figure["fastest_us"] / figures["products, BLAS"]["fastest_us"]
        print(f"{name:26}  {figure['fastest_us']:8.0f}  {figure['median_us']:8.0f}  {share:10.2f}")
    write_json(arguments.json, {**facts, "job": job.describe(), "steps": figures})
    if arguments.plot:
        from benchmarks import plots

        columns = {"fastest": "fastest_us", "median": "median_us"}
        series = {label: [figure[key] for figure in figures.values()] for label, key in columns.items()}
        plots.grouped_bars("microseconds a step", list(figures), series, arguments.plot)
    return 0


if __name__ == "__main__":
    run(main)
