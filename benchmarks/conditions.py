"""The conditions of a measurement, for the report: without them a time means nothing."""

import os
import platform
import shlex
import sys
import time

from programs import machine

BUSY = 0.5  # mean number of running processes in the minute before


def conditions(threads: int) -> dict:
    """Return the machine, its load, the settings and the command as a dictionary for JSON. Call it before measuring."""
    information = machine.read_cpuinfo()
    models = [line.partition(":")[2].strip() for line in information.splitlines() if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": machine.physical_cores(information),
        "threads": threads,
        "blas_kernel_setting": os.environ.get(machine.KERNEL_VARIABLE),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def describe(facts: dict) -> str:
    """Return the conditions in two lines of text; a third warns if other programs were running."""
    setting = facts["blas_kernel_setting"]
    kernels = f", OpenBLAS kernels set to {setting}" if setting else ""
    busy = (facts["load_average"] or 0) > BUSY
    warning = (
        f"\nother programs were running (load average {facts['load_average']}): threads of OpenBLAS and OpenMP wait "
        "for each other,\nand then take many times as long as others; do not compare these figures"
        if busy
        else ""
    )
    return (
        f"{facts['processor']}, {facts['cores']} cores, threads: {facts['threads']}{kernels}\n"
        f"{facts['system']}, Python {facts['python']}, {facts['date']}{warning}"
    )
