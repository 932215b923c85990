"""Residuals as decisions."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.residuals import STEPS, code_residual
from nnlite.codec.mixing import decoder, desk, encoder, finish, fresh_mixer
from nnlite.jit import jit


@jit
def code_all(coder, residuals, mixer):
    here = desk(2, 2)
    here.seen[:] = np.array([7, 7, 0, 1])
    for k in range(len(residuals)):
        residuals[k] = code_residual(coder, residuals[k], mixer, here)


def coded(residuals):
    mixer = fresh_mixer(2 * 4096, 2 * STEPS, weight=0.2, rate=20, limit=250)
    coder = encoder(10_000)
    code_all(coder, residuals.copy(), mixer)
    return finish(coder)


@pytest.mark.parametrize("residuals", [np.arange(-255, 256), np.arange(255, -256, -1), np.zeros(300, np.int64)])
def test_every_residual_comes_back(residuals):
    decoded = np.zeros(len(residuals), np.int64)
    mixer = fresh_mixer(2 * 4096, 2 * STEPS, weight=0.2, rate=20, limit=250)
    code_all(decoder(coded(residuals)), decoded, mixer)
    np.testing.assert_array_equal(decoded, residuals)


@compiled
def test_residuals_near_zero_cost_less_than_far_ones():
    rng = np.random.default_rng(0)
    near, far = (np.rint(rng.laplace(0, scale, 4000)).clip(-255, 255).astype(np.int64) for scale in (1, 10))
    assert len(coded(near)) < 1.1 * 4000 * 2.5 / 8 < len(coded(far))


def test_each_context_learns_in_a_table_of_its_own():
    mixer = fresh_mixer(2 * 4096, 2 * STEPS, weight=0.2, rate=20, limit=250)
    code_all(encoder(100), np.arange(-40, 40), mixer)
    first, second = mixer.states.reshape(2, 4096)
    np.testing.assert_array_equal(first, second)  # the contexts have seen the same
    assert (first != first[0]).sum() > 40
