"""The process of one framework: ``python -m benchmarks.worker ADAPTER JOB``. `benchmarks.process` starts it, not you.

It reads one command a line and answers each with a line of JSON. It measures the seconds itself, so they contain no communication:

    job      as a script: import the framework, load the images, train all epochs, predict the test images
    epoch    train one more epoch
    predict  predict the test images again

It imports nothing heavy before the clock of the import runs.
"""

import importlib
import json
import os
import signal
import sys
import time

from benchmarks.job import Job
from benchmarks.process import THREADS, pin


class Session:
    """A framework from its import to its last epoch.

    Parameters
    ----------
    adapter : str
        Module and class within `benchmarks.adapters`.
    job : Job
        The job to train.
    """

    def __init__(self, adapter: str, job: Job):
        self.module, _, self.class_name = adapter.partition(".")
        self.job_to_do = job

    def job(self):
        """Do the whole job; return its times and results."""
        start = time.perf_counter()
        adapter_class = getattr(importlib.import_module(f"benchmarks.adapters.{self.module}"), self.class_name)
        import_seconds = time.perf_counter() - start

        import numpy as np

        from benchmarks import data

        images, self.test_images = data.load_images(self.job_to_do)
        idle = peak_megabytes()
        self.adapter = adapter_class(self.job_to_do, data.start_weights(self.job_to_do), images)
        self.rng = np.random.default_rng(self.job_to_do.order_seed)
        first_step_seconds = self.adapter.first_epoch(self.rng)
        for _ in range(self.job_to_do.epochs - 1):
            self.adapter.train_epoch(self.rng)
        trained = peak_megabytes()
        prediction = self.adapter.predict(self.test_images)
        return {
            "import_seconds": import_seconds,
            "first_step_seconds": first_step_seconds,
            "test_mse": None if prediction is None else data.mean_squared_error(prediction, self.test_images),
            "peak_rss_mb": peak_megabytes(),
            "training_rss_mb": None if idle is None else trained - idle,  # beyond a process with the images in memory
            "versions": {name: module.__version__ for name, module in sys.modules.items() if module and name in REPORTED},
            "blas_kernel": blas_kernel(),
        }

    def epoch(self):
        """Train one more epoch."""
        start = time.perf_counter()
        self.adapter.train_epoch(self.rng)
        return {"seconds": time.perf_counter() - start}

    def predict(self):
        """Predict the test images."""
        start = time.perf_counter()
        done = self.adapter.predict(self.test_images) is not None
        return {"seconds": time.perf_counter() - start if done else None}


REPORTED = {"nnlite", "numpy", "numba", "torch", "tensorflow", "keras", "jax", "sklearn"}


def peak_megabytes():
    """Return this process's peak memory in megabytes (10⁶ bytes); None if the system does not count it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024) / 1e6


def blas_kernel():
    """Return the kernels of NumPy's OpenBLAS; None without threadpoolctl or with another BLAS."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return next((library["architecture"] for library in threadpool_info() if library["internal_api"] == "openblas"), None)


def main(adapter: str, job: str) -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent ends this one
    pin(int(os.environ[THREADS]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep a framework's own output out of the answers
    session = Session(adapter, Job.from_json(job))
    commands = {"job": session.job, "epoch": session.epoch, "predict": session.predict}
    for line in sys.stdin:
        print(json.dumps(commands[line.strip()]()), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
