"""Programs to run and to look at. Run one by ``python -m demos.NAME``; ``python -m demos.NAME --help`` is its manual."""

import programs as programs  # sets the BLAS's kernels and threads before any demo imports NumPy
