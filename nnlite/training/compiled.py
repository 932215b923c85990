"""The compiled step: one training step as one compiled function, the translation of the layers for stacks of dense layers.

The layers are the text. They take a step in some thirty calls, each a loop or a product over the whole batch, and three things
keep them from being faster: at every product the BLAS's threads start and wait for each other; every loop waits for memory, since a
batch does not fit in the first cache; and beside another program on the machine, threads that wait for each other wait for it, too.
The translation, in `nnlite.training.compiled_loops`, has three ideas against that:

1. **Products by hand** (`nnlite.products`), which a thread can call for its part of the work.
2. **Threads meet twice a step.** Each carries its share of the batch's rows through all layers, forward and backward, and needs no
   other thread for it. Then all gradients of the rows are there: the first meeting. Each changes its share of the weights, and at
   the second meeting the next step may begin. Who waits looks at a counter for some 0.15 ms, then sleeps between looks.
3. **Gradients that are never an array.** Six rows of ∂L/∂W at a time go from the registers into the optimizer's formula, while they
   are in the first cache. The parameters' `gradient` stays zero.

Rows are summed in one order, whoever holds them, so that any number of threads gives the same bits. The functions of activations,
losses and optimizers, in `nnlite.training.row_functions`, are handed over as addresses: the loops are compiled once for all models.

What cannot be translated (a layer, loss or optimizer of your own, dropout, ...) is left to the layers, see `NotCompilable`. So is
a batch whose loss is not finite: it has changed no weight, and the layers find the place.
"""

import math
import os
import threading
from typing import Any

import numpy as np

from nnlite.arrays import LINE, Array, FloatArray, aligned
from nnlite.jit import compiled_for_address
from nnlite.layers import Dense, Stack
from nnlite.losses import SoftmaxCrossEntropyWithLogits
from nnlite.losses.cross_entropy import BinaryLoss
from nnlite.losses.loss import Loss
from nnlite.optimizers.optimizer import Optimizer
from nnlite.products.matrix_product import padded
from nnlite.products.processor import ROWS, WIDTH
from nnlite.training.batches import Batches
from nnlite.training.compiled_loops import BLOCK, EVALUATE, FUNCTION, JOB, PREDICT, STAGE, STOP, TRAIN, work
from nnlite.training.translation import LOSSES, NotCompilable, rule, settings, stages

PREDICTION_ROWS = 256  # of a batch that is only predicted: its memory is soon made, and each panel is used by many tiles
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

    x: FloatArray
    y: FloatArray
    t: FloatArray

    def __init__(
        self, model: Stack, loss: Loss | None = None, optimizer: Optimizer | None = None, *, rows: int, threads: int | None = None
    ):
        found = stages(model, loss, optimizer)
        denses = [layer for layer, *_ in found if isinstance(layer, Dense)]
        sizes = [denses[0].weight.value.shape[0], *(dense.bias.value.size for dense in denses)]  # D, H, ..., C
        rows = int(rows)  # NumPy's would overflow
        self._model, self._loss, self._optimizer, self._rows = model, loss, optimizer, rows
        self._dtype = denses[0].weight.value.dtype
        products = rows * sum(dense.weight.value.size for dense in denses)
        self.threads = min(rows, threads or max(1, min(default_threads(), products // WORTH_A_THREAD)))
        # Everything that is handed over by its address stays in self.
        self._y = [padded(rows, size + 1, self._dtype) for size in sizes]  # the last column is 1: the biases are its weights
        self._d = [padded(rows, size, self._dtype) for size in sizes[1:]]  # f'(z), and then ∂L/∂z
        self._t, e = padded(rows, sizes[-1], self._dtype), padded(rows, max(sizes), self._dtype)  # e is ∂L/∂y
        marks = aligned((rows, sizes[0] + LINE), np.uint8)  # which numbers of x are not zero
        self._y[0][:, -1] = marks[:, sizes[0]] = 1
        self._terms = {size: np.arange(-1, size, dtype=np.int32) for size in [rows, *sizes, *(size + 1 for size in sizes)]}
        for size, terms in self._terms.items():
            terms[0] = size
        self._every_sample = self._terms[rows].copy()  # as many as a batch has
        panels, list_size = WIDTH * max(max(sizes) + 1, -(-BLOCK // WIDTH) * rows), 4 * (sizes[0] + 2)
        lists = (rows // ROWS + 1) * list_size + 4 * (rows + 1)
        self._arrays = {"losses": np.zeros(rows), "settings": np.zeros(5), "counters": aligned((2 * LINE // 8,), np.int64)}
        self._arrays |= {"marks": marks, "e": e, "every_sample": self._every_sample}
        self._arrays["scratch"] = aligned((self.threads, -(-(panels + ROWS * BLOCK + lists) // LINE) * LINE), np.uint8)
        self._jobs = np.zeros(1, JOB)
        self._job: Any = self._jobs[0]
        self._set(gradient=panels, lists=panels + ROWS * BLOCK, list_size=list_size)
        for name, array in self._arrays.items():
            self._set(**{name: array.ctypes.data} | ({f"{name}_row": array.strides[0]} if array.ndim == 2 else {}))
        if loss is not None:
            self._set(loss=self._address(LOSSES[type(loss)]))
        self._functions = np.zeros(sum(len(functions) for _, functions in found) + 1, FUNCTION)
        self._stages, self._memories = np.zeros(len(denses), STAGE), [] if optimizer is None else rule(optimizer)[1]
        done, s = 0, -1
        for layer, functions in found:
            for function, setting in functions:
                self._functions[done] = self._address(function), setting
                done += 1
            if isinstance(layer, Dense):
                s += 1
                numbers = {
                    "inputs": sizes[s],
                    "outputs": sizes[s + 1],
                    "first_function": done - len(functions),
                    "end_function": done,
                }
                places = {"x": self._y[s], "y": self._y[s + 1], "d": self._d[s]}
                numbers |= {f"{name}_row": array.strides[0] for name, array in places.items()}
                places |= {"every_input": self._terms[sizes[s] + 1], "every_output": self._terms[sizes[s + 1]]}
                places |= {"weight": layer.weight.value, "bias": layer.bias.value}
                for name, memory in zip(("u", "v", "largest"), self._memories, strict=False):
                    places |= {f"weight_{name}": memory[2 * s], f"bias_{name}": memory[2 * s + 1]}
                numbers |= {name: array.ctypes.data for name, array in places.items()}
                for name, number in numbers.items():
                    self._stages[s][name] = number
            else:
                self._set(leading=done)
        self._batches: Batches | None = None

    def train(self, batches: Batches, indices: Array) -> float:
        """Take one step on the samples with these indices, and return their loss; if it is not finite, nothing has changed.

        It is NaN, too, if the samples do not fit or a parameter is frozen: the layers know what to do then.
        """
        optimizer = self._optimizer
        assert optimizer is not None
        if not all(parameter.trainable for parameter in optimizer.parameters):
            return math.nan
        numbers = settings(optimizer)
        self._arrays["settings"][: len(numbers)] = numbers
        self._set(rule=self._address(rule(optimizer)[0]))
        try:
            loss = self._do(TRAIN, batches, indices)
        except NotCompilable:
            return math.nan
        optimizer.step_count += math.isfinite(loss)
        return loss

    def loss(self, batches: Batches, indices: Array) -> float:
        """Return the loss of the samples with these indices."""
        return self._do(EVALUATE, batches, indices)

    def evaluate(self, batches: Batches) -> float:
        """Return the loss, the mean over all samples."""
        return sum(self.loss(batches, indices) * len(indices) for indices in batches.cut(self._rows)) / len(batches)

    def predict(self, batches: Batches) -> FloatArray:
        """Return the outputs for all samples, (M, ...)."""
        outputs = np.empty((len(batches), self._d[-1].shape[1]), self._dtype)
        for indices in batches.cut(self._rows):
            self._set(output=outputs[indices[0] :].ctypes.data)
            self._do(PREDICT, batches, indices)
        return outputs.reshape(len(batches), *self._model.output_shape(batches.shapes["x"]))

    def __enter__(self) -> "CompiledStep":
        self._process = os.getpid()
        self._arrays["counters"][:] = 0
        if self._optimizer is not None:
            self._optimizer.zero_gradients()  # what a step of the layers has left
        self._helpers = []
        for thread in range(1, self.threads):
            helper = threading.Thread(target=work, args=self._arguments(thread), daemon=True)
            try:
                helper.start()
            except RuntimeError:  # the system gives no more threads
                break
            self._helpers.append(helper)
        self._set(threads=1 + len(self._helpers))
        return self

    def __exit__(self, *exception: object) -> None:
        if os.getpid() == self._process:
            self._set(mode=STOP)
            work(*self._arguments(0))
            for helper in self._helpers:
                helper.join()

    def _arguments(self, thread: int) -> tuple[Any, ...]:
        return thread, self._jobs, self._stages, self._functions, self._dtype.type(0)

    def _do(self, mode: int, batches: Batches, indices: Array) -> float:
        if os.getpid() != self._process:  # the child of a fork: the threads have stayed in the parent
            self.__enter__()
        if batches is not self._batches:
            self._use(batches)
        count, order = len(indices), np.ascontiguousarray(indices, np.int64)
        self.x, self.y, self.t = self._y[0][:count, :-1], self._y[-1][:count, :-1], self._targets[:count]
        self._every_sample[0] = count
        mean_over = count if isinstance(self._loss, SoftmaxCrossEntropyWithLogits) else self.y.size
        self._set(mode=mode, rows=count, order=order.ctypes.data, scale=1 / mean_over)
        return float(work(*self._arguments(0)))

    def _use(self, batches: Batches) -> None:
        """Take samples and targets from here; raise NotCompilable if the layers or the loss would raise an error of theirs."""
        x, shape = batches.rows["x"], batches.shapes["x"]
        t, target_shape = batches.rows.get("y", x), batches.shapes.get("y", shape)
        try:
            outputs = self._model.output_shape(shape)
        except ValueError as error:
            raise NotCompilable(str(error)) from None
        if self._loss is not None and target_shape != outputs:
            raise NotCompilable(f"targets are of shape {target_shape}, outputs of {outputs}")
        if isinstance(self._loss, SoftmaxCrossEntropyWithLogits) and len(outputs) != 1:
            raise NotCompilable(f"the loss expects rows, outputs are of shape {outputs}")
        if isinstance(self._loss, BinaryLoss) and t.dtype != np.uint8 and t.size:
            self._loss.warn_of_targets(t)
        same = "y" not in batches.rows and not self._job["leading"]  # else x is not what it was
        self._batches, self._targets = batches, self._y[0][:, :-1] if same else self._t
        self._set(data=x.ctypes.data, data_bytes=x.dtype == np.uint8, t=self._targets.ctypes.data, t_row=self._targets.strides[0])
        self._set(target=0 if same else t.ctypes.data, target_bytes=t.dtype == np.uint8)

    def _address(self, function: Any) -> int:
        return int(compiled_for_address(function, str(self._dtype)).address)

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            self._job[name] = value


def default_threads() -> int:
    """Return what OPENBLAS_NUM_THREADS or OMP_NUM_THREADS says, as for NumPy's products, or the number of processors."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
