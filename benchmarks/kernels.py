"""``python -m benchmarks.kernels``: nnlite's loops, one by one, beside NumPy's expression and the memory's limit.

Time nnlite's compiled loops in nanoseconds an element of a float32 array, on arrays of two sizes: a
batch of 128 images, small enough for the processor's caches as in training, and arrays far larger than
the caches. Beside each stands the same formula as NumPy's expression, and the time of a plain copy of
as many bytes as the loop reads and writes, in the same run and on arrays of the same size. The copy is
the memory's limit. Only loops that work in place can be faster: they touch one array, a copy two.
Then time the products of a step of the autoencoder, by nnlite's own loops and by NumPy's BLAS, in turn;
beside them stands the limit of one core: a tile on numbers in the first cache. All run on one thread;
for the BLAS set OPENBLAS_NUM_THREADS=1.
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from benchmarks import conditions
from benchmarks.command import Parser, aligned, picture, run, write_json
from nnlite import kernels
from nnlite.products.matrix_product import prepared

BATCH, LARGE, HIDDEN = (128, 784), (8192, 784), 128
LEAST_SECONDS = 0.02  # of a measurement: as many calls as this takes
REPEATS = 5  # the fastest counts: disturbances only make it slower


class Case(NamedTuple):
    """One loop with its NumPy expression.

    Attributes
    ----------
    name : str
        In `nnlite.kernels`.
    moved : int
        Bytes read and written for each element.
    takes : str
        The loop's arrays, from `make_arrays`; it writes into `out` or, without it, changes `y`.
    expression : callable
        Takes the namespace of all arrays, and returns the result.
    numbers : tuple of float
        The loop's other arguments.
    """

    name: str
    moved: int
    takes: str
    expression: Callable
    numbers: tuple[float, ...] = ()

    def kernel(self, arrays: SimpleNamespace) -> None:
        """Run the loop."""
        getattr(kernels, self.name)(*(getattr(arrays, name) for name in self.takes.split()), *self.numbers)


def _mean_squared_error(a):
    difference = a.x - a.g
    np.mean(difference * difference)
    return (2 / difference.size) * difference


def _adam(a):
    m = 0.9 * a.m + 0.1 * a.g
    v = 0.999 * a.v + 0.001 * a.g * a.g
    return a.y - 1e-3 * m / (np.sqrt(v) + 1e-8)


CASES = [
    Case("gather_images", 5, "images order out", lambda a: a.images[a.order] * np.float32(1 / 255)),
    Case("add_bias", 8, "y row", lambda a: a.y + a.row),
    Case("relu", 8, "flat_x flat_out", lambda a: np.maximum(a.x, 0)),
    Case("relu_backward", 12, "flat_x flat_g flat_out", lambda a: a.g * (a.x > 0)),
    Case("half_of_one_plus", 8, "flat_y", lambda a: 0.5 + 0.5 * a.y),
    Case("sigmoid_backward", 12, "flat_x flat_g flat_out", lambda a: a.g * a.x * (1 - a.x)),
    Case("mean_squared_error", 12, "x g out", _mean_squared_error),
    Case("adam", 28, "flat_y flat_g flat_m flat_v", _adam, (0.9, 0.999, 1e-3, 1e-8, 1.0)),
]


def make_arrays(shape):
    """Return arrays (N, D) for all cases, of values in [0, 1) or normally distributed."""
    rng = np.random.default_rng(0)
    n, d = shape
    arrays = {name: rng.standard_normal(shape, np.float32) for name in ("x", "y", "g", "m")}
    arrays |= {"v": rng.random(shape, np.float32), "out": np.empty(shape, np.float32)}
    arrays |= {f"flat_{name}": arrays[name].reshape(-1) for name in ("x", "y", "g", "m", "v", "out")}  # the same memory
    arrays |= {"images": rng.integers(0, 256, shape, np.uint8), "row": rng.standard_normal(d, np.float32)}
    return SimpleNamespace(**arrays, order=rng.permutation(n))


def seconds_a_call(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the seconds of one call, the fastest of several measurements. The first call may compile, so it does not count."""
    call()
    calls, best = 1, float("inf")
    for _ in range(repeats):
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
        # Start from zeros: other numbers could shrink to denormal ones in many calls, and these take ten times as long.
        arrays.y[...] = 0
        own = seconds_a_call(lambda case=case: case.kernel(arrays)) / elements * 1e9
        numpy = seconds_a_call(lambda case=case: case.expression(arrays)) / elements * 1e9
        times = {"nnlite_ns": own, "numpy_ns": numpy, "copy_ns": case.moved / copied * 1e9}
        rows.append({"name": case.name, "bytes": case.moved, **times})
    return {"elements": elements, "copy_bytes_per_second": copied, "rows": rows}


def measure_products() -> dict:
    """Return GFLOP/s of the products of a step, and of a tile."""
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal(BATCH, np.float32), rng.standard_normal((BATCH[0], HIDDEN), np.float32)
    w1, w2 = rng.standard_normal((BATCH[1], HIDDEN), np.float32), rng.standard_normal((HIDDEN, BATCH[1]), np.float32)
    small = rng.standard_normal((60, 400), np.float32), rng.standard_normal((400, 16), np.float32)
    pairs = {"x W1": (x, w1), "h W2": (h, w2), "dz W2ᵀ": (x, w2.T), "hᵀ dz": (h.T, x), "xᵀ dh": (x.T, h), "a tile": small}
    rows = []
    for name, (a, b) in pairs.items():
        out, fastest = np.empty((len(a), b.shape[1]), np.float32), [float("inf")] * 2
        for _ in range(REPEATS * 4):
            for position, call in enumerate((prepared(a, b), lambda a=a, b=b, out=out: np.dot(a, b, out=out))):
                fastest[position] = min(fastest[position], seconds_a_call(call, repeats=1))
        operations = 2 * len(a) * b.size
        rows.append({"name": name, **{key: operations / t / 1e9 for key, t in zip(("nnlite", "numpy"), fastest, strict=True)}})
    return {"rows": rows}


def products_table(measured: dict) -> str:
    """Return the figures as text."""
    lines = [["GFLOP/s, one core", "nnlite", "BLAS", "nnlite / BLAS"]]
    lines += [[r["name"], f"{r['nnlite']:.0f}", f"{r['numpy']:.0f}", f"{r['nnlite'] / r['numpy']:.2f}"] for r in measured["rows"]]
    return aligned(lines)


def table(measured: dict) -> str:
    """Return the figures as text."""
    lines = [["ns an element", "nnlite", "NumPy", "copy", "NumPy / nnlite"]]
    for row in measured["rows"]:
        times = (f"{row[key]:.3f}" for key in ("nnlite_ns", "numpy_ns", "copy_ns"))
        lines.append([row["name"], *times, f"{row['numpy_ns'] / row['nnlite_ns']:.1f}"])
    copy = f"copy: {measured['copy_bytes_per_second'] / 1e9:.1f} GB/s"
    return f"{measured['elements']:,} elements; {copy}\n{aligned(lines)}"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    made = Parser("kernels", __doc__)
    made.add_common("the arrays of a batch only", picture, "a bar chart of the arrays of a batch, as PNG, SVG or PDF")
    arguments = made.parse_args(argv)
    facts = conditions.conditions(threads=1)
    shapes = {"batch": BATCH} if arguments.quick else {"batch": BATCH, "large": LARGE}
    sizes = {name: measure(shape) for name, shape in shapes.items()}
    products = measure_products()
    print("\n\n".join([conditions.describe(facts), *map(table, sizes.values()), products_table(products)]))
    write_json(arguments.json, {**facts, "sizes": sizes, "products": products})
    if arguments.plot:
        draw(sizes["batch"], arguments.plot)
    return 0


def draw(measured: dict, path: Path) -> None:
    """Draw the figures of one size."""
    from benchmarks import plots

    columns = {"NumPy's expression": "numpy_ns", "nnlite": "nnlite_ns", "a copy of as many bytes": "copy_ns"}
    plots.grouped_bars("nanoseconds an element", {row["name"]: row for row in measured["rows"]}, columns, path)


if __name__ == "__main__":
    run(main)
