"""Programs to run and look at, each ``python -m demos.NAME``; ``python -m demos.NAME --help`` is its manual."""

import sys
import time

from demos.shared import machine

START = time.perf_counter()  # the imports count as part of a demo's time

machine.prepare(sys.argv)  # before any demo imports NumPy
