"""The states that a generator is given: a position at the end of its buffer is one, the one behind it is not."""

import copy

import numpy as np
import pytest

from nnlite.training.job import check_generator

POSITIONS = {  # where a generator's next number is in its buffer: how to set it, and the last of all
    np.random.MT19937: (lambda state, position: state["state"].update(pos=position), 624),
    np.random.Philox: (lambda state, position: state.update(buffer_pos=position), 4),
}


@pytest.mark.parametrize("kind", POSITIONS)
def test_a_generator_may_be_anywhere_in_its_buffer_and_at_its_end(kind):
    generator = kind(1)
    move, end = POSITIONS[kind]
    for position in (0, 1, end - 1, end):
        state = generator.state
        move(state, position)
        check_generator(generator, state)


@pytest.mark.parametrize("kind", POSITIONS)
def test_a_position_outside_of_the_buffer_is_refused(kind):
    generator = kind(1)
    move, end = POSITIONS[kind]
    for position in (-1, end + 1):
        state = generator.state
        move(state, position)
        with pytest.raises(ValueError, match=f"a position {position} in a generator of {end} words"):
            check_generator(generator, state)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.SFC64, *POSITIONS])
def test_a_state_is_only_looked_at(kind):
    generator, other = kind(1), kind(2)
    before = copy.deepcopy(generator.state)
    check_generator(generator, other.state)
    assert str(generator.state) == str(before)


def test_a_state_of_another_kind_of_generator_is_refused():
    with pytest.raises((ValueError, KeyError)):
        check_generator(np.random.PCG64(1), np.random.MT19937(1).state)
