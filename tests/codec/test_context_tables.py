"""Contexts as lines of names: what a line sees, its hash, and the states and weights of a decision."""

import numpy as np
import pytest

from nnlite.codec.context_tables import STEPS, combine, decide, find, hashed, select, table
from nnlite.codec.mixing import decoder, desk, encoder, finish, fresh_mixer
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
def go_to(mixer, seen, eight, node, step):
    here = desk(2, 2)
    here.seen[:] = seen
    find(mixer, here, eight)
    select(here, node, step)
    return here.slots, here.sets


def mixer(states=1 << 12, groups=3):
    return fresh_mixer(states, groups * STEPS, weight=0.2, rate=20, limit=250)


def test_eight_nodes_lie_side_by_side_each_in_a_place_of_its_own():
    seen = np.array([7, 7, 0, 2])
    places = np.array([go_to(mixer(), seen, 5, node, 0)[0] for node in range(8)], np.int64)
    for column in places.T:
        assert len(set(column.tolist())) == 8 and len(set((column // 8).tolist())) == 1


def test_a_place_is_that_of_the_hash_of_context_what_it_has_seen_and_node():
    def twin(number):
        number = number % 2**31 * 0x5851F42D + number // 2**31 * 0x6F4D2C95
        return (number ^ number // 2**31) % 2**31 * 0x4F1BBCDD // 2**22

    seen = np.array([2**31 - 1, 12345, 0, 2])
    slots, sets = go_to(mixer(), seen, 1023, 6, 11)
    expected = [(twin((k * 2**31 + int(seen[k])) * 1024 + 1023) % 4096) ^ 6 for k in range(2)]
    assert slots.tolist() == expected
    assert sets.tolist() == [11, 2 * STEPS + 11]


def test_contexts_that_have_seen_the_same_go_to_different_states():
    slots, _ = go_to(mixer(), np.array([7, 7, 0, 1]), 0, 0, 0)
    assert slots[0] != slots[1]


@jit
def decide_all(coder, bits, mixer):
    here = desk(2, 2)
    here.seen[:] = np.array([3, 4, 0, 1])
    for k in range(len(bits)):
        bits[k] = decide(coder, bits[k], mixer, here, 8 * k, k % STEPS)


def test_decisions_of_every_node_come_back():
    bits = np.random.default_rng(0).integers(0, 2, 1024)
    coder = encoder(1000)
    decide_all(coder, bits.copy(), mixer())
    decoded = np.zeros_like(bits)
    decide_all(decoder(finish(coder)), decoded, mixer())
    np.testing.assert_array_equal(decoded, bits)
