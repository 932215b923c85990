"""Fixtures that several files of tests share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that draws the same numbers in every test."""
    return np.random.default_rng(20240607)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Both number formats that the library computes in."""
    return request.param
