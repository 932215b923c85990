"""What makes two trainings the same job: settings as text, and states of generators, whose positions end with their buffers."""

import copy
import functools

import numpy as np
import pytest

from nnlite import Dropout, Rescale
from nnlite.training.job import bit_generators, check_generator, description

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
        with pytest.raises(ValueError, match=f"expected a position in a generator of {end} words, received {position}"):
            check_generator(generator, state)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.SFC64, *POSITIONS])
def test_a_state_is_only_looked_at(kind):
    generator, other = kind(1), kind(2)
    before = copy.deepcopy(generator.state)
    check_generator(generator, other.state)
    assert str(generator.state) == str(before)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (np.random.PCG64, lambda state: state["state"].update(state=float(state["state"]["state"]))),
        (np.random.PCG64, lambda state: state["state"].update(state=0.5)),
        (np.random.PCG64, lambda state: state.update(has_uint32=0.0)),
        (np.random.PCG64, lambda state: state["state"].update(inc=state["state"]["inc"] + 2**128)),
        (np.random.MT19937, lambda state: state["state"].update(key=state["state"]["key"] + 0.5)),
        (np.random.MT19937, lambda state: state["state"].update(pos=3.0)),
    ],
)
def test_numbers_that_numpy_would_round_or_cut_are_no_state(kind, change):
    generator = kind(1)
    state = generator.state
    change(state)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        check_generator(generator, state)


def test_a_state_of_another_kind_of_generator_is_refused():
    with pytest.raises((ValueError, KeyError)):
        check_generator(np.random.PCG64(1), np.random.MT19937(1).state)


class Holder:
    """Something that holds generators, and names those that it is told to."""

    def __init__(self, held, named=()):
        self.held, self.named = held, named

    def rngs(self):
        return list(self.named)


def hiding_places(rng):
    return {"an attribute": rng, "a list": [0, rng], "a dict": {"rng": rng}, "a dict in a tuple": ({"rng": [rng]},)}


@pytest.mark.parametrize("place", hiding_places(None))
def test_a_generator_that_is_not_named_is_refused_wherever_it_is(place):
    rng = np.random.default_rng(0)
    held = hiding_places(rng)[place]
    with pytest.raises(
        ValueError, match=r"Holder is expected to name its generators for a checkpoint: return them from Holder\.rngs\(\)"
    ):
        bit_generators([Holder(held)], None)
    assert bit_generators([Holder(held, [rng])], None) == [rng.bit_generator]
    assert bit_generators([Holder(held)], rng) == [rng.bit_generator]  # the training's own


class Thing:
    """Something with these attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"rate": 0.1, "name": "a", "on": True, "count": 3}, "rate=0.1, name='a', on=True, count=3"),
        ({"rate": np.float32(0.5), "count": np.int64(3)}, "rate=0.5, count=3"),
        ({"sizes": [1, 2], "pair": (3, "b"), "deep": [[1], [2]]}, "sizes=[1, 2], pair=[3, 'b'], deep=[[1], [2]]"),
        ({"mixed": [1, np.zeros(2)], "arrays": [np.zeros(2)], "empty": [], "array": np.zeros(2), "nothing": None}, ""),
        ({"_private": 1, "penalty": 2.0, "stop_training": True}, ""),
        ({"inner": Dropout(0.25, rng=np.random.default_rng(1))}, "inner=Dropout(rate=0.25)"),
    ],
    ids=["numbers", "numbers of NumPy", "lists", "no settings", "private or varying", "a layer"],
)
def test_a_description_is_the_class_with_its_settings(attributes, text):
    assert description(Thing(**attributes)) == f"Thing({text})"


def adds_to(y):
    return lambda x: x + y


def test_a_description_tells_functions_apart_by_their_code_and_what_they_are_given():
    texts = [description(function) for function in (lambda x: x + 1, lambda x: x + 2, lambda x: x - 1, lambda x: x.imag)]
    assert len(set(texts)) == 4
    assert description(functools.partial(pow, 2)) != description(functools.partial(pow, 3))
    assert description(functools.partial(int, base=2)) != description(functools.partial(int, base=3))
    adds = [lambda x, y=y: x + y for y in (1, 2)]
    assert description(adds[0]) != description(adds[1])
    assert description(adds_to(1)) != description(adds_to(2))
    nested = [description(lambda: [y + 1 for y in range(3)]), description(lambda: [y + 2 for y in range(3)])]
    assert nested[0] != nested[1]


@pytest.mark.parametrize("numbers", [(0.1, 2), (0.2, 1), (0.1, [1, 1])])
def test_a_description_tells_what_a_rescale_computes_with(numbers):
    assert description(Rescale(0.1, 1)) == description(copy.deepcopy(Rescale(0.1, 1)))
    assert description(Rescale(0.1, 1)) != description(Rescale(*numbers))


def test_a_description_of_a_function_does_not_depend_on_the_order_within_a_set():
    assert repr(frozenset([0, 8])) != repr(frozenset([8, 0]))
    first, second = ({} for _ in range(2))
    exec("def f(x):\n    return x in {0, 8}", first)
    exec("def f(x):\n    return x in {8, 0}", second)
    assert description(first["f"]) == description(second["f"])


def test_a_function_that_calls_itself_has_a_description():
    def augment(x, rng):
        return augment(x, rng)

    assert "augment" in description(augment)


def test_a_description_tells_settings_that_are_functions_apart():
    assert description(Thing(rate=lambda step: 1 / step)) != description(Thing(rate=lambda step: 2 / step))


def test_a_description_of_the_same_lines_elsewhere_is_the_same():
    first, second = ({} for _ in range(2))
    exec("def f(x):\n    return lambda y: x + y", first)
    exec("\n\n\ndef f(x):\n    return lambda y: x + y", second)
    assert description(first["f"]) == description(second["f"])
