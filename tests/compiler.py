"""Tests that take more than seconds as plain Python, with ``NUMBA_DISABLE_JIT=1``, and need the compiler."""

import pytest

from nnlite.jit import COMPILED

compiled = pytest.mark.skipif(not COMPILED, reason="takes long as plain Python")
