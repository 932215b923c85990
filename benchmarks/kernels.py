"""``python -m benchmarks.kernels``: nnlite's loops, one by one, beside NumPy's expression and the memory's limit."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks import conditions
from benchmarks.command import Parser, picture, run, target, write_json
from nnlite import kernels

DESCRIPTION = """\
Time nnlite's compiled loops in nanoseconds an element of a float32 array, on arrays of two sizes:
a batch of 128 images, which stays in the processor's caches as it does in training, and arrays far
larger than the caches. Beside each: the same formula as NumPy's expression, and the time in which a
plain copy, in the same run and on arrays of the same size, reads and writes as many bytes as the loop
must. That is the memory's limit, but for loops that work in place: they touch one array where a copy
touches two, and can be faster. One thread."""

BATCH, LARGE = (128, 784), (8192, 784)
LEAST_SECONDS = 0.02  # of a measurement, made of as many calls as that takes
REPEATS = 5  # the fastest counts: whatever disturbs makes it slower


@dataclasses.dataclass(frozen=True)
class Case:
    """One loop with its NumPy expression.

    Attributes
    ----------
    name : str
        In `nnlite.kernels`.
    moved : int
        Bytes read and written for each element.
    kernel, expression : callable
        Both take the arrays of `make_arrays`; the kernel writes into `out`, the expression gives its result.
    in_place : bool
        Whether the kernel changes its input, `a.y`, instead.
    """

    name: str
    moved: int
    kernel: Callable
    expression: Callable
    in_place: bool = False


def _mean_squared_error(a):
    difference = a.x - a.g
    np.mean(difference * difference)
    return (2 / difference.size) * difference


def _adam(a):
    m = 0.9 * a.m + 0.1 * a.g
    v = 0.999 * a.v + 0.001 * a.g * a.g
    return a.y - 1e-3 * m / (np.sqrt(v) + 1e-8)


CASES = [
    Case(
        "gather_images",
        5,
        lambda a: kernels.gather_images(a.images, a.order, a.out),
        lambda a: a.images[a.order] * np.float32(1 / 255),
    ),
    Case("add_bias", 8, lambda a: kernels.add_bias(a.y, a.row), lambda a: a.y + a.row, in_place=True),
    Case("relu", 8, lambda a: kernels.relu(a.y, a.row), lambda a: np.maximum(a.y + a.row, 0), in_place=True),
    Case("relu_backward", 12, lambda a: kernels.relu_backward(a.x, a.y, a.sums), lambda a: a.y * (a.x > 0), in_place=True),
    Case("half_sum", 8, lambda a: kernels.half_sum(a.y, a.row), lambda a: 0.5 * (a.y + a.row), in_place=True),
    Case("half_of_one_plus", 8, lambda a: kernels.half_of_one_plus(flat(a.y)), lambda a: 0.5 + 0.5 * a.y, in_place=True),
    Case(
        "sigmoid_backward",
        12,
        lambda a: kernels.sigmoid_backward(a.x, a.y, a.sums),
        lambda a: a.y * a.x * (1 - a.x),
        in_place=True,
    ),
    Case("mean_squared_error", 12, lambda a: kernels.mean_squared_error(a.x, a.g, a.out), _mean_squared_error),
    Case(
        "adam",
        28,
        lambda a: kernels.adam(flat(a.y), flat(a.g), flat(a.m), flat(a.v), 0.9, 0.999, 1e-3, 1e-8),
        _adam,
        in_place=True,
    ),
]


def flat(array):
    """Return the array as one row, the same memory."""
    return array.reshape(-1)


def make_arrays(shape):
    """Return arrays (N, D) for all cases, of values in [0, 1) or normally distributed."""
    rng = np.random.default_rng(0)
    n, d = shape
    arrays = {name: rng.standard_normal(shape, np.float32) for name in ("x", "y", "g", "m")}
    v, out = rng.random(shape, np.float32), np.empty(shape, np.float32)
    images = rng.integers(0, 256, shape, np.uint8)
    row, sums = rng.standard_normal(d, np.float32), np.empty(d, np.float32)
    return SimpleNamespace(**arrays, v=v, out=out, images=images, order=rng.permutation(n), row=row, sums=sums)


def seconds_a_call(call: Callable[[], object]) -> float:
    """Return the seconds of one call, the fastest of several measurements; the first call, which may compile, is not in them."""
    call()
    calls, best = 1, float("inf")
    for _ in range(REPEATS):
        while True:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            elapsed = time.perf_counter() - start
            if elapsed >= LEAST_SECONDS:
                break
            calls *= 2
        best = min(best, elapsed / calls)
    return best


def measure(shape) -> dict:
    """Return nanoseconds an element for all cases, and the copy's bytes a second."""
    arrays = make_arrays(shape)
    elements = arrays.x.size
    copied = 2 * arrays.x.nbytes / seconds_a_call(lambda: np.copyto(arrays.out, arrays.x))
    rows = []
    for case in CASES:
        # Called again and again in place, other numbers could shrink to denormal ones, which take ten times as long.
        arrays.y[...] = 0
        own = seconds_a_call(lambda case=case: case.kernel(arrays)) / elements * 1e9
        numpy = seconds_a_call(lambda case=case: case.expression(arrays)) / elements * 1e9
        rows.append(
            {"name": case.name, "bytes": case.moved, "nnlite_ns": own, "numpy_ns": numpy, "copy_ns": case.moved / copied * 1e9}
        )
    return {"elements": elements, "copy_bytes_per_second": copied, "rows": rows}


def table(measured: dict) -> str:
    """Return the figures as text."""
    lines = [
        f"{measured['elements']:,} elements; copy: {measured['copy_bytes_per_second'] / 1e9:.1f} GB/s",
        f"{'ns an element':20}  {'nnlite':>8}  {'NumPy':>8}  {'copy':>8}  {'NumPy / nnlite':>14}",
    ]
    for row in measured["rows"]:
        times = "  ".join(f"{row[key]:8.3f}" for key in ("nnlite_ns", "numpy_ns", "copy_ns"))
        lines.append(f"{row['name']:20}  {times}  {row['numpy_ns'] / row['nnlite_ns']:14.1f}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    made = Parser(prog="python -m benchmarks.kernels", description=DESCRIPTION)
    made.add_argument("--quick", action="store_true", help="the arrays of a batch only")
    made.add_argument("--json", type=target, metavar="FILE", help="write all figures")
    made.add_argument("--plot", type=picture, metavar="FILE", help="write a bar chart of the arrays of a batch, as PNG, SVG or PDF")
    arguments = made.parse_args(argv)
    facts = conditions.conditions(threads=1)
    sizes = {"batch": measure(BATCH)} if arguments.quick else {"batch": measure(BATCH), "large": measure(LARGE)}
    print(conditions.describe(facts))
    for measured in sizes.values():
        print(f"\n{table(measured)}")
    write_json(arguments.json, {**facts, "sizes": sizes})
    if arguments.plot:
        draw(sizes["batch"], arguments.plot)
    return 0


def draw(measured: dict, path: Path) -> None:
    """Draw the figures of one size."""
    from benchmarks import plots

    columns = {"NumPy's expression": "numpy_ns", "nnlite": "nnlite_ns", "a copy of as many bytes": "copy_ns"}
    series = {label: [row[key] for row in measured["rows"]] for label, key in columns.items()}
    plots.grouped_bars("nanoseconds an element", [row["name"] for row in measured["rows"]], series, path)


if __name__ == "__main__":
    run(main)
