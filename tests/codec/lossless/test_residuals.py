"""Residuals as decisions, and contexts as rows of states."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.residuals import ROW, STEPS, code_residual, find_rows, mixed_hash, sight
from nnlite.codec.mixing import decoder, encoder, finish, fresh_mixer
from nnlite.jit import jit


@jit
def code_all(coder, residuals, mixer):
    here = sight(2, 2)
    here.groups[1] = 1
    for k in range(len(residuals)):
        here.desk.seen[:] = 7
        residuals[k] = code_residual(coder, residuals[k], mixer, here)


@jit
def hash_all(numbers):
    for k in range(len(numbers)):
        numbers[k] = mixed_hash(numbers[k])


@jit
def find(contexts, size):
    here = sight(len(contexts), 1)
    here.desk.seen[:] = contexts
    find_rows(here, size)
    return here.rows


def coded(residuals):
    mixer = fresh_mixer(2 * 4096, 2 * STEPS, 2 * STEPS, weight=0.2, rate=20, limit=250)
    coder = encoder(10_000)
    code_all(coder, residuals.copy(), mixer)
    return finish(coder)


@pytest.mark.parametrize("residuals", [np.arange(-255, 256), np.arange(255, -256, -1), np.zeros(300, np.int64)])
def test_every_residual_comes_back(residuals):
    decoded = np.zeros(len(residuals), np.int64)
    mixer = fresh_mixer(2 * 4096, 2 * STEPS, 2 * STEPS, weight=0.2, rate=20, limit=250)
    code_all(decoder(coded(residuals)), decoded, mixer)
    np.testing.assert_array_equal(decoded, residuals)


@compiled
def test_residuals_near_zero_cost_less_than_far_ones():
    rng = np.random.default_rng(0)
    near, far = (np.rint(rng.laplace(0, scale, 4000)).clip(-255, 255).astype(np.int64) for scale in (1, 10))
    assert len(coded(near)) < 1.1 * 4000 * 2.5 / 8 < len(coded(far))


def test_the_hash_is_that_of_unbounded_integers():
    def twin(number):
        number = number % 2**31 * 0x5851F42D + number // 2**31 * 0x6F4D2C95
        assert number < 2**63
        return (number ^ number // 2**31) % 2**31 * 0x4F1BBCDD // 2**22

    numbers = np.array([0, 1, 255, 2**31, 2**39 + 12345, 2**62 - 1])
    hashed = numbers.copy()
    hash_all(hashed)
    assert hashed.tolist() == [twin(number) for number in numbers.tolist()]


def test_each_context_has_its_table_and_rows_begin_at_multiples_of_their_length():
    taken = set()
    for number in range(2000):
        rows = find(np.array([number, number, 7]), 1024)
        assert (rows // 1024).tolist() == [0, 1, 2] and (rows % ROW == 0).all()
        taken.add(int(rows[0]))
    assert len(taken) == 1024 // ROW  # all rows are used
