"""Slow, then fast: time one loop in eight ways and the matrix product in six; check each result first.

The loop is the step of Adam, in nanoseconds for each weight: in Python, in NumPy, then compiled, with one more hint to the compiler
each time. The product is x W of 128 digits and 128 units, in billions of operations a second: from three nested loops to tiles in
registers. All run in float32 on one thread; for NumPy's product give --threads 1.

files written to --out:
  loops.png     both as bars
  metrics.json  the numbers

examples:
  python -m demos.loops
  python -m demos.loops --quick --threads 1
"""

import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from demos.shared import command
from nnlite import kernels
from nnlite.jit import FASTMATH
from nnlite.products import product

# --- Adam's step, w ← w − η m / (√v + ε), without its corrections


def adam_loop(w, g, m, v):
    """The plain loop. To the compiler 0.9 and the other constants are float64, and so is all arithmetic with them."""
    for i in range(len(w)):
        m[i] = 0.9 * m[i] + 0.1 * g[i]
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i]
        w[i] -= 0.001 * m[i] / (np.sqrt(v[i]) + 1e-8)


def adam_numpy(w, g, m, v):
    """One pass over memory for each operation, and a new array for most."""
    m[:] = 0.9 * m + 0.1 * g
    v[:] = 0.999 * v + 0.001 * g * g
    w -= 0.001 * m / (np.sqrt(v) + 1e-8)


def adam_in_place(w, g, m, v):
    """The same, into two existing arrays: as many passes, but no new memory."""
    a, b = ROOM[0, : len(w)], ROOM[1, : len(w)]
    np.multiply(g, 0.1, out=a)
    np.multiply(m, 0.9, out=m)
    np.add(m, a, out=m)
    np.multiply(g, g, out=a)
    np.multiply(a, 0.001, out=a)
    np.multiply(v, 0.999, out=v)
    np.add(v, a, out=v)
    np.sqrt(v, out=a)
    np.add(a, 1e-8, out=a)
    np.divide(m, a, out=b)
    np.multiply(b, 0.001, out=b)
    np.subtract(w, b, out=w)


def adam_typed(w, g, m, v):
    """The loop again, with every constant in the arrays' own type."""
    real = w.dtype.type
    b1, c1, b2, c2, rate, eps = real(0.9), real(0.1), real(0.999), real(0.001), real(0.001), real(1e-8)
    for i in range(len(w)):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + eps)


def adam_nnlite(w, g, m, v):
    """Adam's kernel: the last of these loops, but it counts negligible numbers as 0."""
    kernels.adam(w, g, m, v, 0.9, 0.999, 0.001, 1e-8, 1.0)


WEIGHTS = 100_000
ROOM = np.empty((2, WEIGHTS), np.float32)
ADAM: dict[str, Callable[..., None]] = {
    "Python's loop": adam_loop,
    "NumPy's expression": adam_numpy,
    "NumPy in place": adam_in_place,
    "the loop, compiled": numba.njit(adam_loop),
    "float32 constants": numba.njit(adam_typed),
    "NumPy's division by 0": numba.njit(error_model="numpy")(adam_typed),
    "sums in any order": numba.njit(error_model="numpy", fastmath=FASTMATH)(adam_typed),
    "nnlite's kernel": adam_nnlite,
}

# --- The matrix product, c[i, j] = Σ_k a[i, k] b[k, j]; c begins at 0


def dots(a, b, c):
    """Each number of c by itself: two loads for each multiplication, and b is read along its columns."""
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            total = c.dtype.type(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total


def rows(a, b, c):
    """The two inner loops exchanged: b and c are read along their rows, several numbers an instruction."""
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def four_terms(a, b, c):
    """Four terms at once: each number of c is loaded and stored a quarter as often; K a multiple of 4."""
    for i in range(c.shape[0]):
        for k in range(0, a.shape[1], 4):
            a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            for j in range(c.shape[1]):
                c[i, j] += a0 * b[k, j] + a1 * b[k + 1, j] + a2 * b[k + 2, j] + a3 * b[k + 3, j]


def tiles(a, b, c):
    """nnlite's product: tiles of c stay in registers while k runs through all terms."""
    c[...] = product(a, b)


def blas(a, b, c):
    """NumPy's own, from a BLAS library."""
    np.dot(a, b, out=c)


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop as nnlite does."""
    return numba.njit(error_model="numpy", fastmath=FASTMATH)(function)


PRODUCTS: dict[str, Callable[..., None]] = {
    "Python's loops": dots,
    "the loops, compiled": compiled(dots),
    "along the rows": compiled(rows),
    "four terms at once": compiled(four_terms),
    "tiles in registers": tiles,
    "NumPy's @, a BLAS": blas,
}
SHAPE = (128, 784, 128)  # N, K, H
QUICK = (128, 80, 128)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    command.output_folder(parser, options.out)
    adam = time_adam(WEIGHTS // 10 if options.quick else WEIGHTS)
    products = time_products(QUICK if options.quick else SHAPE)
    say = command.printer(options)
    say(table("Adam's step", adam, "ns a weight"))
    say(table("\nthe matrix product", products, "GFLOP/s"))
    draw(options.out / "loops.png", adam, products)
    command.finish(options, {"adam_ns": adam, "product_gflops": products}, "loops.png")
    return 0


def time_adam(size: int) -> dict[str, float]:
    """Return the nanoseconds a weight of each way; first check that its result equals the first way's."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(size, np.float32) for _ in range(3)] + [rng.random(size, np.float32)]
    first, times = None, {}
    for name, way in ADAM.items():
        work = [array[: 1000 if way is adam_loop else size].copy() for array in arrays]
        way(*work)
        first = first or [array.copy() for array in work]  # because timing changes the arrays
        for expected, received in zip(first, work, strict=True):
            np.testing.assert_allclose(received[: len(expected)], expected, rtol=1e-4, atol=1e-6, err_msg=name)
        times[name] = seconds(lambda way=way, work=work: way(*work)) / len(work[0]) * 1e9
    return times


def time_products(shape: tuple[int, int, int]) -> dict[str, float]:
    """Return the billions of additions and multiplications a second of each way, after the same check."""
    rng = np.random.default_rng(0)
    n, k, h = shape
    a, b = rng.standard_normal((n, k), np.float32), rng.standard_normal((k, h), np.float32)
    first, rates = None, {}
    for name, way in PRODUCTS.items():
        part = (a[:4], b[:, :8]) if way is dots else (a, b)
        c = np.zeros((len(part[0]), part[1].shape[1]), np.float32)
        way(*part, c)
        first = c.copy() if first is None else first
        np.testing.assert_allclose(c[:4, :8], first, rtol=1e-3, atol=1e-3, err_msg=name)
        rates[name] = 2 * c.size * k / seconds(lambda way=way, part=part, c=c: way(*part, c)) / 1e9
    return rates


def seconds(call: Callable[[], Any]) -> float:
    """Return the seconds of a call, the fastest of twenty short measurements: disturbances only make it slower."""
    timer = timeit.Timer(call)
    calls = max(1, timer.autorange()[0] // 10)
    return min(timer.repeat(20, calls)) / calls


def table(title: str, numbers: dict[str, float], unit: str) -> str:
    """Return the numbers as text, and how many times faster each is than the first."""
    first, rising = next(iter(numbers.values())), unit == "GFLOP/s"
    lines = [f"{title:<24}{unit:>12}{'times faster':>14}"]
    for name, number in numbers.items():
        lines.append(f"{name:<24}{shown(number):>12}{number / first if rising else first / number:>14.1f}")
    return "\n".join(lines)


def shown(number: float) -> str:
    """Return three digits of a number."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def draw(path: Path, adam: dict[str, float], products: dict[str, float]) -> None:
    """Draw both as bars, on logarithmic scales."""
    from matplotlib.figure import Figure

    from demos.shared.plots import save

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots(2, 1, height_ratios=(len(adam), len(products)))
    labels = ("nanoseconds a weight: less is better", "billions of operations a second: more is better")
    for axis, numbers, label in zip(axes, (adam, products), labels, strict=True):
        bars = axis.barh(list(numbers), list(numbers.values()), color="tab:blue")
        axis.bar_label(bars, [shown(number) for number in numbers.values()], padding=3, fontsize=9)
        axis.set_xscale("log")
        axis.set_xlim(min(numbers.values()) / 3, max(numbers.values()) * 4)  # room for the last label
        axis.invert_yaxis()
        axis.set_xlabel(label)
    save(figure, path, "Slow, then fast: Adam's step, and the matrix product")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("loops", __doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the numbers")
    parser.option("--threads", command.whole_number(1), None, "N", "of NumPy's matrix product (default one for each core)")
    parser.add_options(out=Path("out/loops"))
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser


if __name__ == "__main__":
    command.run(main)
