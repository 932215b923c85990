"""Drawings: any colours come back, and what repeats costs little."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.drawings import code_drawings
from nnlite.codec.mixing import decoder, encoder, finish

RNG = np.random.default_rng(4)


def coded(*pictures):
    """Return the bytes of pictures (planes, height, width), one after the other, and check that they come back."""
    images, coder = np.stack(pictures), encoder(100_000)
    code_drawings(coder, images.copy())
    stream = finish(coder)
    decoded = np.zeros_like(images)
    code_drawings(decoder(stream), decoded)
    np.testing.assert_array_equal(decoded, images)
    return len(stream)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3, 4), *(pytest.param(size, marks=compiled) for size in ((1, 40), (40, 1), (17, 23)))])
def test_noise_comes_back(planes, size):
    coded(RNG.integers(0, 256, (planes, *size), dtype=np.uint8))
    coded(RNG.integers(0, 2, (planes, *size), dtype=np.uint8) * 255)


@compiled
def test_an_encoder_without_room_gives_up_at_the_end_of_a_row():
    coder = encoder(100)
    picture = RNG.integers(0, 256, (1, 50, 40), dtype=np.uint8)
    code_drawings(coder, picture[None])
    assert finish(coder) is None and coder.registers[3] < 100 + 2 * 40


@compiled
def test_a_checkerboard_costs_next_to_nothing():
    y, x = np.mgrid[:100, :100]
    assert coded(((x + y) % 2).astype(np.uint8)[None]) < 40


@compiled
def test_a_picture_that_has_been_seen_costs_little():
    letters = RNG.integers(0, 3, (1, 30, 50), dtype=np.uint8)
    assert coded(letters, letters) < 1.7 * coded(letters)


@compiled
def test_planes_that_tell_each_other_cost_little_more_than_one():
    plane = RNG.integers(0, 4, (1, 40, 50), dtype=np.uint8) * 60
    assert coded(np.concatenate([plane, 255 - plane, plane // 2])) < 1.5 * coded(plane)
