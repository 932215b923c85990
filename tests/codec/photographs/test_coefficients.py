"""Planes of coefficients: whatever is coded is decoded, means exactly, and the choice of integers obeys its price."""

import numpy as np
import pytest
from compiler import compiled

from nnlite import jit
from nnlite.codec.mixing import copy_mixer, decoder, encoder, finish
from nnlite.codec.photographs import contexts
from nnlite.codec.photographs.coefficients import DIAGONAL, MAX_VALUE, SCAN
from nnlite.codec.photographs.contexts import MORE, untrained_mixer
from nnlite.codec.photographs.photograph_codec import code_planes

MIXER = untrained_mixer()


def code(coder, coefficients):
    """Code three planes (3, rows, columns, 64) with a fresh mixer, return what they became."""
    blocks = np.zeros_like(coefficients) if coder.decoding else coefficients.copy()
    code_planes(coder, blocks, copy_mixer(MIXER))
    return blocks


def laplace(scale, rows=3, columns=4, seed=0):
    rng = np.random.default_rng(seed)
    decay = scale / (1 + np.arange(64) // 8 + np.arange(64) % 8)
    return (rng.laplace(size=(3, rows, columns, 64)) * decay).astype(np.float32)


@pytest.mark.parametrize("scale", [0, 3, *(pytest.param(scale, marks=compiled) for scale in (0.5, 30, 2000, 100_000))])
def test_what_is_coded_is_decoded(scale):
    coefficients = laplace(scale)
    coder = encoder(200_000)
    coded = code(coder, coefficients)
    assert (coded == np.rint(coded)).all()
    assert (code(decoder(finish(coder)), coefficients) == coded).all()


def test_a_mean_becomes_the_nearest_integer():
    coefficients = laplace(20)
    assert (code(encoder(100_000), coefficients)[..., 0] == np.floor(coefficients[..., 0] + 0.5)).all()


def test_a_coefficient_becomes_the_nearest_integer_or_the_one_before():
    coefficients = laplace(6)
    sizes, coded = np.abs(coefficients[..., 1:]), np.abs(code(encoder(10_000), coefficients)[..., 1:])
    nearest = np.floor(sizes + 0.5)
    assert ((coded == nearest) | (coded == nearest - 1)).all()
    for number in (1, 2, 3):
        assert (coded[nearest == number] == number).any()
    assert (coded[(nearest == 1) & (sizes > 0.98)] == 1).any() and (coded[sizes < 0.5 + 1e-6] == 0).all()
    assert (coded[(nearest > 1) & (sizes < nearest - 0.45)] == nearest[(nearest > 1) & (sizes < nearest - 0.45)] - 1).all()
    assert (coded[(nearest > 1) & (sizes > nearest - 0.4)] == nearest[(nearest > 1) & (sizes > nearest - 0.4)]).all()


def test_where_a_one_is_rare_it_has_to_be_larger():
    coefficients = np.full((3, 6, 6, 64), 0.7, np.float32)
    often = code(encoder(10_000), coefficients)
    coefficients[np.random.default_rng(0).random(coefficients.shape) < 0.98] = 0
    rare = code(encoder(10_000), coefficients)
    assert (often[..., 1:] == 1).mean() > 0.5 > (rare[coefficients > 0] == 1).mean()


def test_huge_coefficients_are_cut_off_where_16_bits_end():
    coefficients = np.full((3, 1, 2, 64), -1e5, np.float32)
    coefficients[:, :, 1] = 60_000
    coder = encoder(100_000)
    coded = code(coder, np.clip(coefficients, -MAX_VALUE, MAX_VALUE))
    assert (coded[:, :, 0] == -MAX_VALUE).all() and (coded[:, :, 1, 1:] == MAX_VALUE).all()
    assert (code(decoder(finish(coder)), coefficients) == coded).all()


@compiled
@pytest.mark.parametrize("seed", range(20))
def test_any_stream_decodes_to_something_inside_16_bits(seed):
    stream = np.random.default_rng(seed).integers(0, 256, 60, dtype=np.uint8).tobytes()
    planes = code(decoder(stream), np.zeros((3, 5, 5, 64), np.float32))
    assert np.abs(planes.astype(int)).max() <= MAX_VALUE


def test_the_scan_visits_each_position_once_diagonal_by_diagonal_and_asks_for_more_behind_the_mean():
    assert SCAN[1] == MORE and sorted(SCAN) == list(range(65))
    scan, diagonal = np.delete(SCAN, 1), np.delete(DIAGONAL, 1)
    assert (diagonal == scan // 8 + scan % 8).all() and (np.diff(diagonal) >= 0).all()
    assert (np.diff(scan // 8)[np.diff(diagonal) == 0] == 1).all() and DIAGONAL[1] == 15


def test_who_changes_the_contexts_gets_new_machine_code():
    assert contexts.__file__ in jit._sources  # whose times are part of the stamp of what is compiled
