"""Fixtures that several files of tests share."""

import numba
import numpy as np
import pytest
from tiny_codec import blobs
from tiny_data import write_data

# What trains for a while: minutes without the compiler.
NEED_THE_COMPILER = [
    "benchmarks",
    "demos",
    "test_mutations.py",
    "test_notebook.py",
    "test_questions.py",
]
collect_ignore = NEED_THE_COMPILER if numba.config.DISABLE_JIT else []


@pytest.fixture
def rng():
    """A generator that draws the same numbers in every test."""
    return np.random.default_rng(20240607)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Both number formats that the library computes in."""
    return request.param


@pytest.fixture(scope="session")
def blob_data(tmp_path_factory):
    """A folder of 300 training and 100 test images of 8 × 8 pixels, in MNIST's layout."""
    return write_data(tmp_path_factory.mktemp("blobs"), blobs(300, seed=1), blobs(100, seed=2))
