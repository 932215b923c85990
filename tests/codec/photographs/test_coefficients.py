"""Planes of coefficients: whatever is coded is decoded, means exactly, and the choice of integers obeys its price."""

import numpy as np
import pytest
from compiler import compiled

from nnlite import jit
from nnlite.codec.mixing import decoder, encoder, finish
from nnlite.codec.photographs import contexts
from nnlite.codec.photographs.coefficients import DIAGONAL, SCAN, code_plane
from nnlite.codec.photographs.contexts import MAGNITUDE, SIZES, fresh_mixers, table
from nnlite.codec.photographs.integers import MAX_VALUE, code_setting

MIXERS = fresh_mixers()


def mixers():
    """Return fresh mixers; their arrays are made once and reset, which is faster."""
    return type(MIXERS)(*(m._replace(states=m.states.copy(), weights=m.weights.copy(), curves=m.curves.copy()) for m in MIXERS))


def code(coder, coefficients, price=0.1):
    """Code two planes (2, rows, columns, 64), return what they became."""
    count, rows, columns, _ = coefficients.shape
    planes = np.zeros((count + 2, rows + 1, columns + 2, 64), np.int16)
    notes = np.zeros((count + 2, rows + 1, columns + 2, 3), np.int32)
    given = np.zeros((count, 1, 1, 64), np.float32) if coder.decoding else coefficients
    for p in range(count):
        code_plane(coder, given[p], planes, notes, p + 2, mixers(), price)
    return planes[2:, 1:, 1:-1]


def laplace(scale, rows=3, columns=4, seed=0):
    rng = np.random.default_rng(seed)
    decay = scale / (1 + np.arange(64) // 8 + np.arange(64) % 8)
    return (rng.laplace(size=(2, rows, columns, 64)) * decay).astype(np.float32)


@pytest.mark.parametrize("scale", [0, 3, *(pytest.param(scale, marks=compiled) for scale in (0.5, 30, 2000, 100_000))])
@pytest.mark.parametrize("price", [0.0, 0.1])
def test_what_is_coded_is_decoded(scale, price):
    coefficients = laplace(scale)
    coder = encoder(200_000)
    coded = code(coder, coefficients, price)
    assert (code(decoder(finish(coder)), coefficients) == coded).all()


@compiled
def test_without_a_price_each_coefficient_becomes_the_nearest_integer():
    coefficients = laplace(20)
    coded = code(encoder(100_000), coefficients, price=0.0)
    assert np.abs(coefficients[..., 1:] - coded[..., 1:]).max() <= 0.5 + 1e-4
    assert (coded[..., 0] == np.floor(coefficients[..., 0] + 0.5)).all()


def test_with_a_price_a_coefficient_becomes_the_nearest_integer_or_the_one_before_or_0():
    coefficients = laplace(3)
    sizes, coded = np.abs(coefficients[..., 1:]), np.abs(code(encoder(10_000), coefficients, price=0.3)[..., 1:])
    nearest = np.floor(sizes + 0.5).astype(int)
    assert ((coded == 0) | (coded == nearest) | (coded == nearest - 1)).all()
    for choice in (nearest == coded, nearest - 1 == coded, (coded == 0) & (nearest > 1)):
        assert (choice & (nearest > 0)).any()
    assert (coded[nearest > 1] == nearest[nearest > 1] - 1).any()


@compiled
def test_a_higher_price_leaves_fewer_bytes_and_a_larger_error():
    coefficients = laplace(4, 6, 6)
    sizes, errors = [], []
    for price in (0.0, 0.1, 0.3):
        coder = encoder(100_000)
        coded = code(coder, coefficients, price)
        sizes.append(len(finish(coder)))
        errors.append(((coefficients - coded) ** 2).sum())
    assert sizes[0] > sizes[1] > sizes[2]
    assert errors[0] < errors[1] < errors[2]


def test_huge_coefficients_are_cut_off_where_16_bits_end():
    coefficients = np.full((2, 1, 2, 64), -1e9, np.float32)
    coefficients[:, :, 1] = 60_000
    coder = encoder(100_000)
    coded = code(coder, np.clip(coefficients, -MAX_VALUE, MAX_VALUE))
    assert (coded[:, :, 0] == -MAX_VALUE).all() and (coded[:, :, 1] == MAX_VALUE).all()
    assert (code(decoder(finish(coder)), coefficients) == coded).all()


@compiled
@pytest.mark.parametrize("seed", range(20))
def test_any_stream_decodes_to_something_inside_16_bits(seed):
    stream = np.random.default_rng(seed).integers(0, 256, 60, dtype=np.uint8).tobytes()
    planes = code(decoder(stream), np.zeros((2, 5, 5, 64), np.float32))
    assert np.abs(planes.astype(int)).max() <= MAX_VALUE


def test_settings_return():
    coder, more = encoder(100), mixers().more
    numbers = [(k * 7 % 16, k % 3) for k in range(40)]
    for number, kind in numbers:
        code_setting(coder, number, more, kind)
    coder, more = decoder(finish(coder)), mixers().more
    assert [code_setting(coder, 0, more, kind) for _, kind in numbers] == [number for number, _ in numbers]


def test_the_scan_visits_each_position_once_diagonal_by_diagonal():
    assert sorted(SCAN) == list(range(64))
    assert (np.diff(DIAGONAL) >= 0).all()
    assert (np.diff(SCAN // 8)[np.diff(DIAGONAL) == 0] == 1).all()


def test_each_context_has_a_state_of_its_own_for_every_combination_of_its_features():
    contexts, names = ("few position", "many", "diagonal many few"), ["few", "position", "many", "diagonal"]
    strides, bases, total = table(*contexts, values=3, questions=2)
    ranges = []
    for c, context in enumerate(contexts):
        slots = np.zeros(1, int) + bases[c]
        for name in context.split():
            slots = (slots[:, None] + strides[names.index(name), c] * np.arange(SIZES.get(name, 3))).ravel()
        assert len(set(slots.tolist())) == len(slots)
        assert (strides[[k for k, name in enumerate(names) if name not in context.split()], c] == 0).all()
        ranges += [slots.min(), slots.max() + 2]
    assert ranges == sorted(ranges) and ranges[-1] <= total
    assert MAGNITUDE.states == 8 * (4 * 12**3 * 15 + 2 * 64 * 12)


def test_who_changes_the_contexts_gets_new_machine_code():
    assert contexts.__file__ in jit._sources  # whose times are part of the stamp of what is compiled
