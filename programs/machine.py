"""Set the BLAS's kernels and its number of threads, before anything imports NumPy.

OpenBLAS is the BLAS in NumPy's wheels. On recent AMD processors with AVX-512 it may still choose its AVX2 kernels; then matrix
products are almost half as fast. The environment variable OPENBLAS_CORETYPE=SkylakeX names the AVX-512 kernels. Demos and
benchmarks set it here, `import nnlite` never does. They set it only if the processor is an AMD, it has every AVX-512 extension of
those kernels, the user has not set the variable, and NNLITE_BLAS_KERNEL is not "auto".

This module uses the standard library alone, because NumPy must not be imported yet.
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
MAX_THREADS = 8  # more threads gain nothing for products of this size


def prepare(arguments: Sequence[str] = ()) -> None:
    """Put the settings into this process's environment, unless NumPy is already imported.

    Parameters
    ----------
    arguments : sequence of str
        The command line; "--threads N" in it sets the number of threads. The user's own environment variables stay.
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
        The variables so far.
    threads : int, optional
        Threads of the BLAS; by default one for each physical core of this process, at most 8.
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
    """Return how many physical cores this process may use; two hardware threads of a core count once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {
        (_field(block, "physical id"), _field(block, "core id"))
        for block in cpuinfo.split("\n\n")
        if _field(block, "core id") and int(_field(block, "processor")) in allowed
    }
    return len(cores) or len(allowed)


def read_cpuinfo() -> str:
    """Return Linux's text about the processors; an empty string elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def describe() -> str:
    """Return one line about the settings, for the user."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get(THREADS_VARIABLE, "as many as the BLAS likes")
    kernel = os.environ.get(KERNEL_VARIABLE)
    if kernel is None:
        return f"BLAS threads: {threads}"
    return f"BLAS threads: {threads}; OpenBLAS kernels: {kernel} ({SWITCH_VARIABLE}=auto leaves the choice to OpenBLAS)"


def _requested_threads(arguments: Sequence[str]) -> int | None:
    """Return N of "--threads N" or "--threads=N", None without one; leave a bad N to the argument parser."""
    threads = None
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--threads":
            value = value or "".join(arguments[position + 1 : position + 2])
            threads = int(value) if value.isdecimal() and int(value) > 0 else None
    return threads


def _field(cpuinfo: str, name: str) -> str:
    """Return the first value of a field; an empty string without one."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
