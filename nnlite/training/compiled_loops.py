"""The loops of the compiled step: what each of its threads does, from the bytes of the images to the changed weights.

What there is to do is written in records, one for the job and one for each Dense, as numbers: sizes, and addresses of arrays that
`nnlite.training.compiled` keeps. So all models of one dtype share this machine code. A matrix is its address and, as in `x_row`,
the bytes from each of its rows to the next.

One job, of thread 0 and those that help it:

    forward   images → x; y = f(x W + b), Dense by Dense, and f'(z) is left where ∂L/∂z will be; the loss of each row
    backward  ∂L/∂z = ∂L/∂y f'(z);  ∂L/∂x = ∂L/∂z Wᵀ is the ∂L/∂y of the Dense before
    (meet)    now all rows are done: nobody needs the old weights any more, and everybody can add up the loss
    update    ∂L/∂W = xᵀ ∂L/∂z, six or eight rows of W at a time, into the optimizer's formula
    (meet)    the next job may begin

In the first two a thread has some rows of the batch, in the third some rows of the weights. The bias is one more row of W, the
weights of an input that is always 1: each x has that 1 as its last column, and no loop is about biases.

Four fifths of the numbers of a digit are zeros. For the first Dense, `marks` says which: forward leaves out the pixels that are
zero in all rows of a tile, and update the samples in which all pixels of a tile are zero.
"""

from typing import Any

import numpy as np

from nnlite.arrays import LINE
from nnlite.jit import jit, part
from nnlite.products.matrix_product import multiply, nonzero_in_columns, nonzero_in_rows, pack
from nnlite.products.processor import ROWS, WIDTH, add_to, array_at, call_at, itemsize, look_at, meet, tile, wait_until

STOP, PREDICT, EVALUATE, TRAIN = range(4)
BLOCK = 1024  # bytes of a row of W that are changed at once: long enough for a loop, and a few rows fit in the first cache
NEGLIGIBLE = 1e-30  # smaller gradients count as 0, see `nnlite.kernels`


def _record(integers: str, numbers: str = "") -> np.dtype[Any]:
    return np.dtype([(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in numbers.split()])


# A matrix is its address and the bytes from each row to the next. A Dense and what is behind it:
STAGE = _record(
    "inputs outputs weight bias x x_row y y_row d d_row every_input every_output first_function end_function "
    "weight_u weight_v weight_largest bias_u bias_v bias_largest"
)
FUNCTION = _record("address", "setting")
JOB = _record(
    "mode rows threads counters before order data data_bytes leading marks marks_row target target_bytes t t_row e e_row "
    "every_sample output losses loss rule settings scratch scratch_row gradient lists list_size",
    "scale",
)


@jit
def work(thread: int, jobs: Any, stages: Any, functions: Any, like: Any) -> float:
    """Do a thread's share of each job: thread 0 begins the job and returns at its end, the others wait for the next."""
    job, jobs_done = jobs[0], 0
    while True:
        if thread == 0:
            job.before = look_at(job.counters + LINE)
            add_to(job.counters, 1)
        else:
            jobs_done += 1
            wait_until(job.counters, jobs_done)
        if job.mode == STOP:
            return 0.0
        first, end = job.rows * thread // job.threads, job.rows * (thread + 1) // job.threads
        scratch = job.scratch + thread * job.scratch_row
        forward(job, stages, functions, first, end, scratch, like)
        if job.mode == TRAIN:
            backward(job, stages, first, end, scratch, like)
        meet(job.counters + LINE, job.before + job.threads)
        losses, loss = array_at(job.losses, job.rows, 0.0), 0.0
        for n in range(job.rows):
            loss += losses[n]
        if job.mode == TRAIN and np.isfinite(loss):
            for stage in range(stages.size):
                update(job, stages[stage], stage == 0, thread, scratch, like)
        meet(job.counters + LINE, job.before + 2 * job.threads)
        if thread == 0:
            return loss


@part
def gather(data: int, is_bytes: int, width: int, index: int, to: int, like: Any) -> None:
    """to[d] = data[index, d], of bytes data[index, d] / 255."""
    row = array_at(to, width, like)
    if is_bytes:
        image, scale = array_at(data + index * width, width, np.uint8(0)), row.dtype.type(1 / 255)
        for d in range(width):
            row[d] = image[d] * scale
    else:
        source = array_at(data + index * width * itemsize(like), width, like)
        for d in range(width):
            row[d] = source[d]


@part
def activate(functions: Any, first: int, end: int, size: int, z: int, slope: int, like: Any) -> None:
    """z ← f(z) and slope ← f'(z), for all functions from `first` on as one f."""
    slopes = array_at(slope, size, like)
    for h in range(size):
        slopes[h] = 1
    for f in range(first, end):
        call_at(functions[f].address, (size, functions[f].setting, z, slope, np.int64(0), like))


@part
def forward(job: Any, stages: Any, functions: Any, first: int, end: int, scratch: int, like: Any) -> None:
    """Carry the rows `first` to `end` of the batch through all stages; leave f'(z) where ∂L/∂z will be, and ∂L/∂y of the last."""
    size, order = itemsize(like), array_at(job.order, job.rows, np.int64(0))
    head, tail = stages[0], stages[stages.size - 1]
    for n in range(first, end):
        x = head.x + n * head.x_row
        gather(job.data, job.data_bytes, head.inputs, order[n], x, like)
        activate(functions, np.int64(0), job.leading, head.inputs, x, job.e + n * job.e_row, like)
        row, marks = array_at(x, head.inputs, like), array_at(job.marks + n * job.marks_row, head.inputs, np.uint8(0))
        for d in range(head.inputs):
            marks[d] = row[d] != 0
    lists = scratch + job.lists
    for n in range(first, end, ROWS):
        terms = lists + (n - first) // ROWS * job.list_size
        nonzero_in_rows(job.marks + n * job.marks_row, job.marks_row, end - n, head.inputs + 1, scratch, terms)
    for s in range(stages.size):
        stage = stages[s]
        x, w = (stage.x + first * stage.x_row, stage.x_row, size), (stage.weight, stage.outputs * size, size)
        shape, y = (end - first, stage.inputs, stage.outputs), (stage.y + first * stage.y_row, stage.y_row)
        multiply(x, w, stage.bias, y, shape, scratch, (stage.every_input, np.int64(0)) if s else (lists, job.list_size), like)
        for n in range(first, end):
            z, slope = stage.y + n * stage.y_row, stage.d + n * stage.d_row
            activate(functions, stage.first_function, stage.end_function, stage.outputs, z, slope, like)
            array_at(z + stage.outputs * size, np.int64(1), like)[0] = 1  # whose weights are the next biases
    for n in range(first, end):
        y, t = tail.y + n * tail.y_row, job.t + n * job.t_row
        if job.mode == PREDICT:
            gather(y, np.int64(0), tail.outputs, np.int64(0), job.output + n * tail.outputs * size, like)
        else:
            if job.target:
                gather(job.target, job.target_bytes, tail.outputs, order[n], t, like)
            value = call_at(job.loss, (tail.outputs, job.scale, y, t, job.e + n * job.e_row, like))
            array_at(job.losses, job.rows, 0.0)[n] = value * job.scale


@part
def backward(job: Any, stages: Any, first: int, end: int, scratch: int, like: Any) -> None:
    """Carry ∂L/∂y of the rows back: ∂L/∂z = ∂L/∂y f'(z), and ∂L/∂x = ∂L/∂z Wᵀ is the ∂L/∂y of the stage before."""
    size = itemsize(like)
    for s in range(stages.size - 1, -1, -1):
        stage = stages[s]
        for n in range(first, end):
            dz, dy = array_at(stage.d + n * stage.d_row, stage.outputs, like), array_at(job.e + n * job.e_row, stage.outputs, like)
            zero, negligible = dz.dtype.type(0), dz.dtype.type(NEGLIGIBLE)
            for h in range(stage.outputs):
                gradient = dz[h] * dy[h]
                dz[h] = zero if abs(gradient) < negligible else gradient
        if s:
            d, w = (stage.d + first * stage.d_row, stage.d_row, size), (stage.weight, size, stage.outputs * size)
            shape, e = (end - first, stage.outputs, stage.inputs), (job.e + first * job.e_row, job.e_row)
            multiply(d, w, np.int64(0), e, shape, scratch, (stage.every_output, np.int64(0)), like)


@part
def update(job: Any, stage: Any, is_first: bool, thread: int, scratch: int, like: Any) -> None:
    """Compute ∂L/∂W = xᵀ ∂L/∂z a few rows at a time, and change the weights by them: this thread's share of the rows.

    The bias is one more row of W: that of the input that is always 1.
    """
    size = itemsize(like)
    lanes, block, stripes = WIDTH // size, BLOCK // size, stage.inputs // ROWS + 1
    for c in range(0, stage.outputs, block):
        width = min(block, stage.outputs - c)
        for p in range(0, width, lanes):
            pack(stage.d + (c + p) * size, stage.d_row, size, job.rows, lanes, scratch + p // lanes * job.rows * WIDTH, like)
        for stripe in range(stripes * thread // job.threads, stripes * (thread + 1) // job.threads):
            i, terms = stripe * ROWS, job.every_sample
            if is_first:
                terms = scratch + job.lists
                nonzero_in_columns(job.marks + i, job.marks_row, job.rows, terms)
            for p in range(0, width, lanes):
                panel, gradient = scratch + p // lanes * job.rows * WIDTH, scratch + job.gradient + p * size
                tile(stage.x + i * size, size, stage.x_row, stage.inputs + 1 - i, terms, panel, gradient, BLOCK, like)
            for r in range(min(ROWS, stage.inputs + 1 - i)):
                gradient, at = scratch + job.gradient + r * BLOCK, ((i + r) * stage.outputs + c) * size
                w, u, v, largest = stage.weight, stage.weight_u, stage.weight_v, stage.weight_largest
                if i + r == stage.inputs:
                    w, u, v, largest, at = stage.bias, stage.bias_u, stage.bias_v, stage.bias_largest, c * size
                call_at(job.rule, (width, job.settings, w + at, gradient, u + at, v + at, largest + at, like))
