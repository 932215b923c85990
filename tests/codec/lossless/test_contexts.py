"""Contexts as lines of names: where neighbours are, what a line sees, and its hash; residuals as decisions."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.contexts import MARGIN, NEIGHBOURS, code_residual, combine, fresh_model, hashed, offsets, table
from nnlite.codec.mixing import decoder, desk, encoder, finish
from nnlite.jit import jit


@jit
def hash_all(numbers):
    for k in range(len(numbers)):
        numbers[k] = hashed(numbers[k])


@jit
def combine_all(seen, features, contexts):
    combine(seen, features, contexts)


def combined(features, contexts):
    seen = np.zeros(len(contexts), np.int64)
    combine_all(seen, np.array(features), contexts)
    return seen.tolist()


def test_a_name_is_the_way_to_a_neighbour():
    assert offsets(["W", "NNE", "C", "SEE"]).tolist() == [[0, -1], [-2, 1], [0, 0], [1, 2]]


def test_the_neighbours_are_different_decoded_before_and_within_the_margin():
    places = offsets(NEIGHBOURS)
    assert len({tuple(place) for place in places.tolist()}) == len(NEIGHBOURS)
    assert all(down < 0 or (down == 0 and right < 0) for down, right in places.tolist())
    assert np.abs(places).max() == MARGIN


def test_a_context_depends_on_the_features_that_it_names_and_on_their_order():
    contexts = table(("a", "b", "c"), ("", "a", "a c", "c a"))
    one, other = combined([1, 2, 3], contexts), combined([1, 9, 4], contexts)
    assert [first == second for first, second in zip(one, other, strict=True)] == [True, True, False, False]
    assert len(set(one)) == 4 and all(0 <= number < 2**31 for number in one)


def test_the_largest_features_do_not_overflow():
    names = [f"f{k}" for k in range(20)]
    largest = 2**31
    expected = 0
    for _ in names:
        expected = (expected * 0x2F0B4C47 + largest + 1) % 2**31
    assert combined([largest] * 20, table(names, [" ".join(names)])) == [expected]


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="not in"):
        table(("a", "b"), ("a d",))


def test_the_hash_is_that_of_unbounded_integers():
    def twin(number):
        number = number % 2**31 * 0x5851F42D + number // 2**31 * 0x6F4D2C95
        assert number < 2**63
        return (number ^ number // 2**31) % 2**31 * 0x4F1BBCDD // 2**22

    numbers = np.array([0, 1, 255, 2**31, 2**39 + 12345, 2**62 - 1])
    results = numbers.copy()
    hash_all(results)
    assert results.tolist() == [twin(number) for number in numbers.tolist()]


@jit
def code_all(coder, residuals, mixer):
    here = desk(2, 2)
    here.seen[:] = np.array([7, 7, 0, 1])
    for k in range(len(residuals)):
        residuals[k] = code_residual(coder, residuals[k], mixer, here)


def coded(residuals):
    mixer = fresh_model(2, 12, 2, weight=0.2, rate=20, limit=250)
    coder = encoder(10_000)
    code_all(coder, residuals.copy(), mixer)
    return finish(coder)


@pytest.mark.parametrize("residuals", [np.arange(-255, 256), np.arange(255, -256, -1), np.zeros(300, np.int64)])
def test_every_residual_comes_back(residuals):
    decoded = np.zeros(len(residuals), np.int64)
    mixer = fresh_model(2, 12, 2, weight=0.2, rate=20, limit=250)
    code_all(decoder(coded(residuals)), decoded, mixer)
    np.testing.assert_array_equal(decoded, residuals)


@compiled
def test_residuals_near_zero_cost_less_than_far_ones():
    rng = np.random.default_rng(0)
    near, far = (np.rint(rng.laplace(0, scale, 4000)).clip(-255, 255).astype(np.int64) for scale in (1, 10))
    assert len(coded(near)) < 1.1 * 4000 * 2.5 / 8 < len(coded(far))


def test_each_context_learns_in_a_table_of_its_own():
    mixer = fresh_model(2, 12, 2, weight=0.2, rate=20, limit=250)
    code_all(encoder(100), np.arange(-40, 40), mixer)
    first, second = mixer.states.reshape(2, 4096)
    np.testing.assert_array_equal(first, second)  # the contexts have seen the same
    assert (first != first[0]).sum() > 40
