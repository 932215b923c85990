"""Speed without a clock: the kernels' machine code is vectorised float32, and a step of training neither compiles nor allocates."""

import functools
import platform
import re
import tracemalloc

import numba
import numpy as np
import pytest
import reference

from nnlite import Callback, Dense, ReLU, Sequential, Sigmoid, kernels
from nnlite.jit import FASTMATH, compiled_for_address
from nnlite.training.compiled_loops import work

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="numba does not compile here")
x86_only = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "i686", "i386"), reason="knows the instructions of x86 only"
)

PACKED = re.compile(r"^\s+v?(add|sub|mul|div|sqrt|max|min|cmp\w+|fn?m(?:add|sub)\d+)ps\s", re.MULTILINE)
PACKED_DOUBLE = re.compile(
    r"^\s+v?(?:(?:add|sub|mul|div|sqrt|max|min|cmp\w+|fn?m(?:add|sub)\d+)pd|cvtps2pd|cvtdq2pd)\s", re.MULTILINE
)
TO_DOUBLE = re.compile(r"^\s+v?cvtss2sd\s", re.MULTILINE)

# The work that must be done on several numbers at once. Sums end in float64, one conversion for each row.
EXPECTED = {
    "gather_images": {"mul"},
    "shift_images": set(),  # which only moves numbers
    "add_bias": {"add"},
    "add_rows": {"add"},
    "relu": {"max"},
    "relu_backward": {"cmp"},
    "leaky_relu": {"max", "mul"},
    "leaky_relu_backward": {"cmp", "mul"},
    "half_of_one_plus": {"add"},
    "sigmoid_backward": {"mul", "sub"},
    "silu": {"mul", "add"},
    "silu_backward": {"mul", "add", "sub"},
    "tanh_backward": {"mul", "sub"},
    "softmax_backward": {"mul", "add", "sub"},
    "mean_squared_error": {"mul", "add", "sub"},
    "binary_cross_entropy": {"mul", "sub", "div"},
    "binary_cross_entropy_with_logits": {"mul", "add", "sub", "div", "cmp"},
    "sgd": {"sub"},
    "sgd_momentum": {"add", "sub"},
    "sgd_nesterov": {"add", "sub"},
    "adam": {"mul", "add", "sub", "div", "sqrt"},
    "amsgrad": {"mul", "add", "sub", "div", "sqrt"},
}
SUMS = {"mean_squared_error", "binary_cross_entropy", "binary_cross_entropy_with_logits"}


def machine_code(function, arguments, **options):
    """Compile a Python function for arguments of these types as nnlite does, and return its assembly."""
    options = {"error_model": "numpy", "fastmath": FASTMATH, **options}
    compiled = numba.njit(tuple(map(numba.typeof, arguments)), **options)(function)  # code from the cache could not be shown
    return compiled.inspect_asm(compiled.signatures[0])


def packed_operations(assembly):
    """Return the kinds of arithmetic that are done on several float32 at once; a fused instruction counts as both its parts."""
    operations = set()
    for name in PACKED.findall(assembly):
        kind = re.match(r"fn?m(add|sub)|cmp|\w+", name)
        operations |= {"mul", "add", "sub"} if kind[1] else {kind[0]}  # −(a b) + c is a subtraction
    return operations


def test_every_kernel_has_expectations():
    assert EXPECTED.keys() == reference.KERNEL_TWINS.keys()


@functools.cache
def kernel_code(name):
    """Return the assembly of a kernel for float32."""
    return machine_code(
        getattr(kernels, name).py_func, reference.kernel_arguments(name, (3, 5), np.float32, np.random.default_rng(0))
    )


@x86_only
@pytest.mark.parametrize("name", [name for name, operations in EXPECTED.items() if operations])
def test_kernel_works_on_several_float32_at_once(name):
    assert packed_operations(kernel_code(name)) >= EXPECTED[name]


@x86_only
@pytest.mark.parametrize("name", EXPECTED)
def test_kernel_converts_no_float32_data_to_float64(name):
    assert not PACKED_DOUBLE.findall(kernel_code(name))
    assert len(TO_DOUBLE.findall(kernel_code(name))) <= (1 if name in SUMS else 0)


@pytest.mark.parametrize("name", EXPECTED)
def test_kernels_were_compiled_with_the_settings_examined_here(name):
    options = getattr(kernels, name).targetoptions
    assert (options["error_model"], set(options["fastmath"])) == ("numpy", FASTMATH)
    assert not options.get("parallel", False)


def test_the_compiler_may_not_assume_that_nan_and_infinity_never_occur():
    assert isinstance(FASTMATH, set)
    assert not FASTMATH & {"fast", "nnan", "ninf"}


def nine_tenths(x, y):
    for i in range(x.size):
        y[i] = x[i] - 0.1 * x[i]


def sum_of_squares(x, y):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x[i]
    y[0] = total


@x86_only
def test_a_loop_that_slips_into_float64_would_be_caught(rng):
    arguments = (rng.random(5, np.float32), np.empty(5, np.float32))
    assembly = machine_code(nine_tenths, arguments)
    assert PACKED_DOUBLE.findall(assembly)
    assert TO_DOUBLE.findall(assembly)


@x86_only
def test_a_loop_that_is_not_vectorised_would_be_caught(rng):
    arguments = (rng.random(5, np.float32), np.empty(5, np.float32))
    assert packed_operations(machine_code(sum_of_squares, arguments)) >= {"mul", "add"}
    assert not packed_operations(machine_code(sum_of_squares, arguments, fastmath=False))  # a sum in its order


# A step of training: its measures are taken over the steps after the third, in which all arrays and kernels are there


class Steps(Callback):
    """Takes what tracemalloc and numba have counted from the end of step 3 to the end of step 6."""

    def on_step_end(self, model, step, loss):
        if step == 3:
            self.compiled_before = compiled_so_far()
            tracemalloc.start()
        if step == 6:
            self.peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.compiled_after = compiled_so_far()


def compiled_so_far():
    """Return how often the kernels, the compiled step and its functions were compiled in this process."""
    kernels_done = {name: len(getattr(kernels, name).signatures) for name in EXPECTED}
    return {**kernels_done, "step": len(work.signatures), "functions": compiled_for_address.cache_info().currsize}


@pytest.fixture(params=["adam", "sgd"])
def optimizer(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["layers", "compiled"])
def compiled(request):
    return request.param


@pytest.fixture
def steps(optimizer, compiled, rng):
    """Train the reference model for one epoch of 6 full batches and a smaller one."""
    model = Sequential([Dense(784, 128, rng=rng), ReLU(), Dense(128, 784, rng=rng), Sigmoid()])
    model.compile(optimizer, "mse", compiled=compiled)
    steps = Steps()
    images = rng.integers(0, 256, (6 * 128 + 50, 784), dtype=np.uint8)
    try:
        model.fit(images, batch_size=128, rng=rng, callbacks=[steps], verbose=False)
    finally:
        tracemalloc.stop()
    return steps


def test_a_training_step_compiles_nothing_after_the_first(steps, compiled):
    assert steps.compiled_after == steps.compiled_before
    assert steps.compiled_before["step" if compiled else "mean_squared_error"] > 0


def test_a_training_step_allocates_next_to_nothing(steps):
    assert (
        steps.peak < 14 * 1024
    )  # bytes: views, numbers and two rows of an output, about 7 KiB; one batch of images alone is 392 KiB


def test_an_array_allocated_in_a_step_would_be_seen():
    tracemalloc.start()
    try:
        np.empty((128, 784), np.float32)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak > 392 * 1024


def test_a_second_training_of_another_batch_size_compiles_nothing(rng, compiled):
    counts = []
    for batch_size in (8, 5):
        model = Sequential([Dense(6, 4, rng=rng), ReLU(), Dense(4, 6, rng=rng), Sigmoid()])
        model.compile("adam", "mse", compiled=compiled)
        model.fit(rng.integers(0, 256, (20, 6), dtype=np.uint8), batch_size=batch_size, rng=rng, verbose=False)
        counts.append(compiled_so_far())
    assert counts[0] == counts[1]
