"""What must be settled before NumPy is first imported: the BLAS's kernels and its number of threads.

On recent AMD processors OpenBLAS, the BLAS in NumPy's wheels, may choose kernels for AVX2 although the processor has AVX-512, which
makes the matrix products almost half as fast. The environment variable OPENBLAS_CORETYPE=SkylakeX names the AVX-512 kernels. It is
set here, for demos and benchmarks only and never by `import nnlite`, where all of this is so: the processor is an AMD, it has
every AVX-512 extension that those kernels use, the user has not set the variable, and NNLITE_BLAS_KERNEL is not "auto".

The standard library alone is used here, since NumPy must not be imported yet.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

KERNEL_VARIABLE = "OPENBLAS_CORETYPE"
THREADS_VARIABLE = "OMP_NUM_THREADS"  # read by OpenBLAS, MKL and BLIS alike
SWITCH_VARIABLE = "NNLITE_BLAS_KERNEL"
AVX512_KERNEL = "SkylakeX"
AVX512_FLAGS = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
MAX_THREADS = 8  # products of this size gain nothing from more


def prepare(arguments: Sequence[str] = ()) -> None:
    """Put the settings into this process's environment, unless NumPy is already there.

    Parameters
    ----------
    arguments : sequence of str
        The command line: "--threads N" in it decides the number of threads. What the user has set in the environment stays.
    """
    if "numpy" not in sys.modules:
        os.environ.update(settings(read_cpuinfo(), os.environ, _requested_threads(arguments)))


def settings(cpuinfo: str, environment: Mapping[str, str], threads: int | None = None) -> dict[str, str]:
    """Return the variables to set for a machine and an environment; `threads`, if given, wins over the environment.

    Parameters
    ----------
    cpuinfo : str
        The text of Linux's /proc/cpuinfo, empty elsewhere.
    environment : mapping
        What is set already.
    threads : int, optional
        The number of threads of the BLAS; by default one for each physical core that this process may use, at most 8.
    """
    chosen = {}
    if threads is not None:
        chosen[THREADS_VARIABLE] = chosen["OPENBLAS_NUM_THREADS"] = str(threads)  # OpenBLAS asks for its own first
    elif THREADS_VARIABLE not in environment and "OPENBLAS_NUM_THREADS" not in environment:
        chosen[THREADS_VARIABLE] = str(min(physical_cores(cpuinfo), MAX_THREADS))
    amd_with_avx512 = _field(cpuinfo, "vendor_id") == "AuthenticAMD" and set(_field(cpuinfo, "flags").split()) >= AVX512_FLAGS
    if amd_with_avx512 and KERNEL_VARIABLE not in environment and environment.get(SWITCH_VARIABLE) != "auto":
        chosen[KERNEL_VARIABLE] = AVX512_KERNEL
    return chosen


def physical_cores(cpuinfo: str) -> int:
    """Return the number of cores, two hardware threads of one core counted once, that this process may use."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {
        (_field(block, "physical id"), _field(block, "core id"))
        for block in cpuinfo.split("\n\n")
        if _field(block, "core id") and int(_field(block, "processor")) in allowed
    }
    return len(cores) or len(allowed)


def read_cpuinfo() -> str:
    """Return what Linux says of the processors, an empty string elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def describe() -> str:
    """Return one line on the settings, to be shown to the user."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get(THREADS_VARIABLE, "as many as the BLAS likes")
    kernel = os.environ.get(KERNEL_VARIABLE)
    if kernel is None:
        return f"BLAS threads: {threads}"
    return f"BLAS threads: {threads}; OpenBLAS kernels: {kernel} ({SWITCH_VARIABLE}=auto leaves the choice to OpenBLAS)"


def _requested_threads(arguments: Sequence[str]) -> int | None:
    """Return N of "--threads N" or "--threads=N", None where there is none; a bad N is left to the argument parser."""
    threads = None
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--threads":
            value = value or "".join(arguments[position + 1 : position + 2])
            threads = int(value) if value.isdecimal() and int(value) > 0 else None
    return threads


def _field(cpuinfo: str, name: str) -> str:
    """Return the first value of a field, an empty string where there is none."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
