"""The compiled step: one training step as one compiled function, the translation of the layers for stacks of dense layers.

The layers are the text. They take a step in some thirty calls, each a loop or a product over the whole batch, and three things
keep them from being faster: at every product the BLAS's threads start and wait for each other; every loop waits for memory, since a
batch does not fit in the first cache; and beside another program on the machine, threads that wait for each other wait for it, too.
The translation, in `nnlite.training.compiled_loops`, has three ideas against that:

1. **Products by hand** (`nnlite.products`), which a thread can call for its part of the work.
2. **Threads meet twice a step.** Each carries its share of the batch's rows through all layers, forward and backward, and needs no
   other thread for it. Then all gradients of the rows are there: the first meeting. Each changes its share of the weights, and at
   the second meeting the next step may begin. A thread that waits looks at a counter for some 0.15 ms, then sleeps between looks.
3. **Gradients that are never an array.** Some rows of ∂L/∂W at a time go into the optimizer's formula, while they are in a near
   cache. The parameters' `gradient` stays zero.

Rows are summed in one order, whoever holds them, so that any number of threads gives the same bits. The functions of activations,
losses and optimizers, in `nnlite.training.row_functions`, are handed over as addresses: the loops are compiled once for all models.

What cannot be translated (a layer, loss or optimizer of your own, dropout, ...) is left to the layers, see `NotCompilable`. So is
a batch whose loss is not finite: it has changed no weight, and the layers find the place.
"""

import math
import os
import threading
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from nnlite.arrays import Array, FloatArray
from nnlite.jit import compiled_for_address
from nnlite.layers import Stack
from nnlite.losses import Loss, SoftmaxCrossEntropyWithLogits
from nnlite.optimizers.optimizer import Optimizer
from nnlite.products.matrix_product import padded, scratch_size
from nnlite.training.batches import Batches
from nnlite.training.compiled_loops import FUNCTION, GROUP, JOB, STAGE, work
from nnlite.training.row_functions import FUNCTIONS, rule
from nnlite.training.translation import NotCompilable, translate

PREDICTION_ROWS = 256  # of a batch that is only predicted: its memory is soon made, and each panel is used by many tiles
NOTHING = np.zeros(0, np.int64)  # the samples of a job that tells the threads to stop
WORTH_A_THREAD = 500_000  # products: with fewer, a meeting takes longer than what is saved


class CompiledStep:
    """The steps of one model, for a ``with`` block, at whose begin its threads start and at whose end they stop.

    Parameters
    ----------
    model : Stack
        Of Flatten, Reshape, Dense and elementwise activations.
    loss : Loss, optional
    optimizer : Optimizer, optional
        Needed to train, and the loss to evaluate.
    rows : int
        The most samples of a batch.
    threads : int, optional
        By default as many as `default_threads` says, or fewer for a small model.

    Attributes
    ----------
    threads : int
        How many compute.
    x, y, t : arrays
        Inputs (N, D), outputs (N, C) and targets (N, C) of the last batch.

    Raises
    ------
    NotCompilable
        The model, loss or optimizer is of another kind.
    """

    def __init__(
        self, model: Stack, loss: Loss | None = None, optimizer: Optimizer | None = None, *, rows: int, threads: int | None = None
    ):
        functions, ends, parameters = translate(model, loss, optimizer)
        sizes, dtype = [len(parameters[0]), *(b.size for b in parameters[1::2])], parameters[0].dtype  # D, H, ..., C
        rows = int(rows)  # NumPy's would overflow
        self._model, self._loss, self._optimizer, self._rows, self._dtype = model, loss, optimizer, rows, dtype
        products = rows * sum(weights.size for weights in parameters[::2])
        self.threads = min(rows, threads or max(1, min(default_threads(), products // WORTH_A_THREAD)))
        self._changed = [*parameters, *chain(*([] if optimizer is None else optimizer.rule(1)[1]))]
        like = [(array.size, array.dtype, array.flags.c_contiguous) for array in self._changed]
        if like != like[: len(parameters)] * (len(like) // len(parameters)):  # a parameter was converted after compile
            raise NotCompilable("the optimizer's memories do not fit the parameters")
        # Everything that is handed over by its address stays in self.
        self._y = [padded(rows, size, dtype) for size in sizes]
        self._d = [padded(rows, size, dtype) for size in (max(sizes), *sizes[1:])]
        self._t, self._losses = padded(rows, sizes[-1], dtype), np.zeros(rows)
        self._xt, self._dw = (padded(self.threads * GROUP, size, dtype) for size in (rows, max(sizes)))
        self._scratch = padded(self.threads, max(scratch_size(rows, max(sizes)), scratch_size(GROUP, rows)), np.uint8)
        self._functions = np.array([(self._address(function), 0) for _, function, _ in functions], FUNCTION)
        self._settable = [(i, layer, setting) for i, (layer, _, setting) in enumerate(functions) if setting]
        addresses = np.zeros((4, len(parameters)), np.int64)  # of the parameters and their memories; 0: no memory
        addresses.flat[: len(self._changed)] = [array.ctypes.data for array in self._changed]
        self._stages = np.zeros(len(sizes), STAGE)
        self._stages["end"], self._stages["weights"][1:] = ends, addresses.T.reshape(-1, 2, 4)
        self._stages["y"], self._stages["d"] = [*map(_place, self._y)], [*map(_place, self._d)]
        self._jobs, self._zero = np.zeros(1, JOB), dtype.type(0)
        self._job: Any = self._jobs[0]
        self._job["losses"], self._job["t"], self._job["scratch"] = self._losses.ctypes.data, _place(self._t), _place(self._scratch)
        self._job["transposed"], self._job["gradient"] = _place(self._xt), _place(self._dw)
        self._job["loss"] = 0 if loss is None else self._address(FUNCTIONS[type(loss)][0])
        self._batches: Batches | None = None

    def train(self, batches: Batches, indices: Array) -> float:
        """Take one step on the samples with these indices, and return their loss; if it is not finite, nothing has changed.

        It is NaN, too, if the samples do not fit, a parameter is frozen, or a callback has given the optimizer another array or
        clip_norm: the layers know what to do then.
        """
        optimizer, loss = self._optimizer, math.nan
        assert optimizer is not None
        kernel, memories, numbers = optimizer.rule(optimizer.step_count + 1)
        changed = [parameter.value for parameter in optimizer.parameters if parameter.trainable] + [*chain(*memories)]
        if optimizer.clip_norm is None and [*map(id, changed)] == [*map(id, self._changed)]:
            self._job["settings"][: len(numbers)] = numbers
            with suppress(NotCompilable):
                loss = self.loss(batches, indices, self._address(rule(kernel)))
        optimizer.step_count += math.isfinite(loss)
        return loss

    def loss(self, batches: Batches, indices: Array, rule: int = 0) -> float:
        """Return the loss of the samples with these indices; `rule` is the address of what changes the weights, if they change."""
        if os.getpid() != self._process:  # the child of a fork: the threads have stayed in the parent
            self.__enter__()
        if batches is not self._batches:
            self._use(batches)
        for i, layer, setting in self._settable:
            self._functions["setting"][i] = getattr(layer, setting)
        count = len(indices)
        self.x, self.y, self.t = self._y[0][:count], self._y[-1][:count], self._t[:count]
        mean_over = count if isinstance(self._loss, SoftmaxCrossEntropyWithLogits) else self.y.size
        return self._work(0, np.ascontiguousarray(indices, np.int64), 1 / mean_over, rule)

    def evaluate(self, batches: Batches) -> float:
        """Return the loss, the mean over all samples."""
        return sum(self.loss(batches, indices) * len(indices) for indices in batches.cut(self._rows)) / len(batches)

    def predict(self, batches: Batches) -> FloatArray:
        """Return the outputs for all samples, (M, ...)."""
        outputs = np.empty((len(batches), self._y[-1].shape[1]), self._dtype)
        for indices in batches.cut(self._rows):
            self.loss(batches, indices)
            outputs[indices] = self.y
        return outputs.reshape(len(batches), *self._model.output_shape(batches.shapes["x"]))

    def __enter__(self) -> "CompiledStep":
        self._process, self._ready, self._helpers = os.getpid(), threading.Event(), []
        self._job["counter"] = 0
        if self._optimizer is not None:
            self._optimizer.zero_gradients()  # what a step of the layers has left
        with suppress(RuntimeError):  # the system gives no more threads
            for thread in range(1, self.threads):
                helper = threading.Thread(target=self._work, args=(thread,), daemon=True)
                helper.start()
                self._helpers.append(helper)
        self._job["threads"] = 1 + len(self._helpers)
        self._ready.set()
        return self

    def __exit__(self, *exception: object) -> None:
        if os.getpid() == self._process:
            self._work(0)
            for helper in self._helpers:
                helper.join()

    def _work(self, thread: int, order: Array = NOTHING, scale: float = 0.0, rule: int = 0) -> float:
        self._ready.wait()  # until the number of threads is known
        return float(work(thread, self._jobs, self._stages, self._functions, self._zero, order, scale, rule))

    def _use(self, batches: Batches) -> None:
        """Take samples and targets from here; raise NotCompilable if the layers or the loss would raise an error of theirs."""
        rows, shapes = [*batches.rows.values()], [*batches.shapes.values()]  # of x, and of y if there is one
        try:
            outputs = self._model.output_shape(shapes[0])
            if self._loss is not None:
                self._loss.value(np.zeros((1, *outputs)), np.zeros((1, *shapes[-1])))
        except ValueError as error:
            raise NotCompilable(str(error)) from None
        self._batches, self._job["data"], self._job["target"] = batches, _place(rows[0]), _place(rows[-1])

    def _address(self, function: Any) -> int:
        return int(compiled_for_address(function, self._dtype).address)


def _place(array: Array) -> tuple[int, int, int]:
    """Return the MATRIX of an array, as it is written in records."""
    return array.ctypes.data, array.strides[0], array.shape[1]


def default_threads() -> int:
    """Return what OPENBLAS_NUM_THREADS or OMP_NUM_THREADS says, as for NumPy's products, or the number of processors."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
