"""Programs to run and look at, each ``python -m demos.NAME``; ``python -m demos.NAME --help`` is its manual."""

import time

import programs as programs  # settles the BLAS's kernels and threads, before any demo imports NumPy

START = time.perf_counter()  # the imports count as part of a demo's time
