"""Programs to run and look at, each ``python -m demos.NAME``; ``python -m demos.NAME --help`` is its manual."""

import sys

from demos import machine

machine.prepare(sys.argv)  # before any demo imports NumPy
