"""Where the neighbours are, and residuals as decisions."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.context_tables import STEPS
from nnlite.codec.lossless.neighbours import MARGIN, NEIGHBOURS, code_residual, offsets
from nnlite.codec.mixing import decoder, desk, encoder, finish, fresh_mixer
from nnlite.jit import jit


def test_a_name_is_the_way_to_a_neighbour():
    assert offsets(["W", "NNE", "C", "SEE"]).tolist() == [[0, -1], [-2, 1], [0, 0], [1, 2]]


def test_the_neighbours_are_different_decoded_before_and_within_the_margin():
    places = offsets(NEIGHBOURS)
    assert len({tuple(place) for place in places.tolist()}) == len(NEIGHBOURS)
    assert all(down < 0 or (down == 0 and right < 0) for down, right in places.tolist())
    assert np.abs(places).max() == MARGIN


@jit
def code_all(coder, residuals, mixer):
    here = desk(2, 2)
    here.seen[:] = np.array([7, 7, 0, 1])
    for k in range(len(residuals)):
        residuals[k] = code_residual(coder, residuals[k], mixer, here)


def coded(residuals):
    mixer = fresh_mixer(1 << 12, 2 * STEPS, weight=0.2, rate=20, limit=250)
    coder = encoder(10_000)
    code_all(coder, residuals.copy(), mixer)
    return finish(coder)


@pytest.mark.parametrize("residuals", [np.arange(-255, 256), np.arange(255, -256, -1), np.zeros(300, np.int64)])
def test_every_residual_comes_back(residuals):
    decoded = np.zeros(len(residuals), np.int64)
    mixer = fresh_mixer(1 << 12, 2 * STEPS, weight=0.2, rate=20, limit=250)
    code_all(decoder(coded(residuals)), decoded, mixer)
    np.testing.assert_array_equal(decoded, residuals)


@compiled
def test_residuals_near_zero_cost_less_than_far_ones():
    rng = np.random.default_rng(0)
    near, far = (np.rint(rng.laplace(0, scale, 4000)).clip(-255, 255).astype(np.int64) for scale in (1, 10))
    assert len(coded(near)) < 1.1 * 4000 * 2.5 / 8 < len(coded(far))
