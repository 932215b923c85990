"""The loops of the compiled step: what each of its threads does, from the bytes of the images to the changed weights.

What there is to do is written in records, one for the job and one for each Dense, as numbers: sizes, and addresses of arrays that
`nnlite.training.compiled` keeps. So all models of one dtype share this machine code.

One job, of thread 0 and those that help it:

    (meet)    thread 0 has written what is to do
    forward   images → x; y = f(x W + b), Dense by Dense, and f'(z) is left where ∂L/∂z will be; the loss of each row
    backward  ∂L/∂z = ∂L/∂y f'(z);  ∂L/∂x = ∂L/∂z Wᵀ is the ∂L/∂y of the Dense before
    (meet)    now all rows are done: nobody needs the old weights any more, and everybody can add up the loss
    update    ∂L/∂W = xᵀ ∂L/∂z, some rows of W at a time, into the optimizer's formula
    (meet)    the next job may begin

In the first two a thread has some rows of the batch, in the third some rows of the weights.

Four fifths of the numbers of a digit are zeros: forward leaves out the pixels that are zero in all rows of a tile, and update, with
a tile of xᵀ, the samples in which all its pixels are zero.
"""

from typing import Any

import numpy as np

from nnlite.jit import jit, part
from nnlite.products.matrix_product import multiply, turn
from nnlite.products.processor import ROWS, array_at, call_at, itemsize, meet

GROUP = 4 * ROWS  # of W, whose gradient is computed at once: their tiles share the panels of ∂L/∂z
NEGLIGIBLE = 1e-30  # smaller gradients count as 0, see `nnlite.kernels`


MATRIX = np.dtype([(name, np.int64) for name in ("at", "row", "columns")])  # an address, bytes from row to row, numbers in each
FUNCTION = np.dtype([("address", np.int64), ("setting", np.float64)])
# The first stage is the input, each other a Dense. Its functions end at `end`, and begin where those of the stage before end; y is
# what they return. `weights` are the addresses of W, of the optimizer's memories of it, and the same of the bias. In d is f'(z) and
# then ∂L/∂z, but in that of the input, for which nobody needs them, is ∂L/∂y of the stage at hand.
STAGE = np.dtype([("end", np.int64), ("y", MATRIX), ("d", MATRIX), ("weights", np.int64, (2, 4))])
JOB = np.dtype(
    [(name, np.int64) for name in ("counter", "rows", "threads", "order", "losses", "loss", "rule")]
    + [(name, MATRIX) for name in ("data", "target", "t", "scratch", "transposed", "gradient")]
    + [("scale", np.float64), ("settings", np.float64, 5)]
)


# A bare 0 in a call would be a type of its own, and the function compiled once more for it.


@jit
def work(thread: int, jobs: Any, stages: Any, functions: Any, like: Any, order: Any, scale: float, rule: int) -> float:
    """Do a thread's share of each job: thread 0 returns at the end of the first, the others when a job has no rows.

    Thread 0 writes down for all what the last three are in this job: the indices of the samples, the factor of the losses, and the
    address of the optimizer's rule, or 0 to change nothing.
    """
    job = jobs[0]
    if thread == 0:
        job.rows, job.order, job.scale, job.rule = order.size, order.ctypes.data, scale, rule
    while True:
        meet(jobs.ctypes.data, job.threads)
        if job.rows == 0:
            return 0.0
        first, end = job.rows * thread // job.threads, job.rows * (thread + 1) // job.threads
        scratch = job.scratch.at + thread * job.scratch.row
        forward(job, stages, functions, first, end, scratch, like)
        if job.rule:
            backward(stages, first, end, scratch, like)
        meet(jobs.ctypes.data, job.threads)
        loss = float(array_at(job.losses, job.rows, 0.0).sum())
        if job.rule and np.isfinite(loss):
            for s in range(1, stages.size):
                update(job, stages, s, thread, scratch, like)
        meet(jobs.ctypes.data, job.threads)
        if thread == 0:
            return loss


@part
def gather(data: Any, index: int, to: int, like: Any) -> None:
    """to[d] = data[index, d], of bytes data[index, d] / 255."""
    row, place = array_at(to, data.columns, like), data.at + index * data.row
    if data.row == data.columns:  # bytes
        np.multiply(array_at(place, data.columns, np.uint8(0)), row.dtype.type(1 / 255), row)
    else:
        np.positive(array_at(place, data.columns, like), row)


@part
def forward(job: Any, stages: Any, functions: Any, first: int, end: int, scratch: int, like: Any) -> None:
    """Carry the rows `first` to `end` of the batch through all stages; leave f'(z) where ∂L/∂z will be, and ∂L/∂y of the last."""
    size, order, losses = itemsize(like), array_at(job.order, job.rows, 0), array_at(job.losses, job.rows, 0.0)
    y, first_function = stages[0].y, np.int64(0)
    for s in range(stages.size):
        x, y, d, weights = y, stages[s].y, stages[s].d, stages[s].weights
        if s:
            a, b, c = (x.at + first * x.row, x.row), (weights[0, 0], y.columns * size, size), (y.at + first * y.row, y.row)
            multiply(a, b, c, (end - first, x.columns, y.columns), scratch, like)
        for n in range(first, end):
            z, slope = y.at + n * y.row, d.at + n * d.row
            if s:
                row = array_at(z, y.columns, like)
                row += array_at(weights[1, 0], y.columns, like)
            else:
                gather(job.data, order[n], z, like)
            array_at(slope, y.columns, like)[:] = 1
            for f in range(first_function, stages[s].end):  # as one f: z ← f(z) and slope ← f'(z)
                call_at(functions[f].address, (y.columns, functions[f].setting, z, slope, 0, like))
        first_function = stages[s].end
    e = stages[0].d
    for n in range(first, end if job.loss else first):
        p, t, dp = y.at + n * y.row, job.t.at + n * job.t.row, e.at + n * e.row
        gather(job.target, order[n], t, like)
        losses[n] = job.scale * call_at(job.loss, (y.columns, job.scale, p, t, dp, like))


@part
def backward(stages: Any, first: int, end: int, scratch: int, like: Any) -> None:
    """Carry ∂L/∂y of the rows back: ∂L/∂z = ∂L/∂y f'(z), and ∂L/∂x = ∂L/∂z Wᵀ is the ∂L/∂y of the stage before."""
    size, e = itemsize(like), stages[0].d
    for s in range(stages.size - 1, 0, -1):
        x, d = stages[s - 1].y, stages[s].d
        for n in range(first, end):
            dz, dy = array_at(d.at + n * d.row, d.columns, like), array_at(e.at + n * e.row, d.columns, like)
            zero, negligible = dz.dtype.type(0), dz.dtype.type(NEGLIGIBLE)
            for h in range(dz.size):
                gradient = dz[h] * dy[h]
                dz[h] = zero if abs(gradient) < negligible else gradient
        if s > 1:
            a, b = (d.at + first * d.row, d.row), (stages[s].weights[0, 0], size, d.columns * size)
            multiply(a, b, (e.at + first * e.row, e.row), (end - first, d.columns, x.columns), scratch, like)


@part
def update(job: Any, stages: Any, s: int, thread: int, scratch: int, like: Any) -> None:
    """Compute ∂L/∂W = xᵀ ∂L/∂z some rows at a time, and change the weights by them: this thread's share of the rows.

    ∂L/∂b is the sum of the rows of ∂L/∂z: this thread's share of their columns.
    """
    x, d, weights, size, xt, dw = stages[s - 1].y, stages[s].d, stages[s].weights, itemsize(like), job.transposed, job.gradient
    first, end = x.columns * thread // job.threads, x.columns * (thread + 1) // job.threads
    a, c = xt.at + thread * GROUP * xt.row, dw.at + thread * GROUP * dw.row
    for i in range(first, end, GROUP):
        count = min(GROUP, end - i)
        turn(x.at + i * size, x.row, job.rows, count, a, xt.row, like)
        multiply((a, xt.row), (d.at, d.row, size), (c, dw.row), (count, job.rows, d.columns), scratch, like)
        for r in range(count):
            change(job, weights[0], (i + r) * d.columns * size, c + r * dw.row, d.columns, like)
    first, end = d.columns * thread // job.threads, d.columns * (thread + 1) // job.threads
    total = array_at(scratch, end - first, like)
    total[:] = 0
    for n in range(job.rows):
        total += array_at(d.at + n * d.row + first * size, total.size, like)
    change(job, weights[1], first * size, scratch, total.size, like)


@part
def change(job: Any, weights: Any, at: int, gradient: int, size: int, like: Any) -> None:
    """Change `size` numbers of W or b, `at` bytes behind their beginning, by their gradient."""
    w, u, v, largest = weights[0] + at, weights[1] + at, weights[2] + at, weights[3] + at
    call_at(job.rule, (size, job.settings.ctypes.data, w, gradient, u, v, largest, like))
