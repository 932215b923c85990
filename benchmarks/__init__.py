"""Measurements anyone can repeat: nnlite beside the frameworks, and how its cost grows. ``python -m benchmarks`` lists them."""

import programs as programs  # settles the BLAS's kernels and threads, before anything here imports NumPy
