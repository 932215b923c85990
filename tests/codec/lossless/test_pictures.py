"""Any picture: whatever samples come back; what can be predicted, and what was there before, costs little."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.pictures import INPUTS, MEANS, MEMORIES, PREDICTIONS, RULES, WAYS, blend, code_pictures
from nnlite.codec.mixing import decoder, encoder, finish
from nnlite.jit import jit

RNG = np.random.default_rng(5)


@jit
def blended(p, errors, row, j):
    return blend(p, errors, row, j)


def coded(*planes, pictures=1):
    """Return the bytes of pictures of these planes (height, width), and check that they come back."""
    images = np.repeat(np.stack(planes, axis=-1)[None], pictures, axis=0)
    coder = encoder(100_000)
    code_pictures(coder, images.copy())
    stream = finish(coder)
    decoded = np.zeros_like(images)
    code_pictures(decoder(stream), decoded)
    np.testing.assert_array_equal(decoded, images)
    return len(stream)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (3, 4), *(pytest.param(size, marks=compiled) for size in ((1, 40), (40, 1), (17, 70), (40, 9)))]
)
def test_noise_and_extremes_come_back(planes, size):
    coded(*RNG.integers(0, 256, (planes, *size), dtype=np.uint8))
    coded(*RNG.integers(0, 2, (planes, *size), dtype=np.uint8) * 255)
    coded(*np.full((planes, *size), 255, np.uint8))


@compiled
def test_an_encoder_without_room_gives_up_at_the_end_of_a_row():
    coder = encoder(100)
    code_pictures(coder, RNG.integers(0, 256, (1, 50, 40, 3), dtype=np.uint8))
    assert finish(coder) is None and coder.registers[3] < 100 + 2 * 40


@compiled
def test_a_plane_that_the_one_before_tells_costs_little():
    noise = RNG.integers(60, 180, (48, 64), dtype=np.uint8)
    assert coded(noise, noise + 9, 250 - noise) < 1.5 * coded(noise)
    few = RNG.integers(0, 4, (40, 50), dtype=np.uint8) * 60
    assert coded(few, 255 - few, few // 2) < 1.5 * coded(few)


@compiled
def test_neurons_learn_what_no_rule_knows():
    values = np.full((40, 64), 128)
    for i in range(2, 40):
        for j in range(2, 63):
            values[i, j] = 0.9 * values[i - 2, j + 1] + 0.5 * values[i, j - 2] - 0.4 * values[i - 1, j - 1] + RNG.integers(-6, 7)
    assert coded(values.clip(0, 255).astype(np.uint8)) < 40 * 64 * 5.2 / 8


@compiled
def test_a_checkerboard_costs_next_to_nothing():
    y, x = np.mgrid[:100, :100]
    assert coded(((x + y) % 2).astype(np.uint8)) < 40


@compiled
def test_a_picture_that_has_been_seen_costs_little():
    letters = RNG.integers(0, 3, (30, 50), dtype=np.uint8)
    assert coded(letters, pictures=2) < 1.7 * coded(letters)


def test_the_blend_is_the_mean_weighted_by_the_fourth_power_of_the_errors(rng):
    p = rng.integers(-100, 2200, PREDICTIONS)
    errors = rng.integers(0, 100, (PREDICTIONS, 2, 9))
    cut = p.clip(0, 8 * 255)
    off = errors[:, 1, 4] + errors[:, 0, 5] + errors[:, 0, 6] + (errors[:, 1, 3] + errors[:, 0, 4]) / 2
    square = off**2 / 64 + 2
    square[: len(MEMORIES)] /= 2
    weights = 1 / (square**2 / 4 + 1)
    assert abs(blended(p.copy(), errors, 1, 5) - np.average(cut, weights=weights)) < 12


def test_what_is_seen_in_the_own_plane_has_been_decoded_before():
    for name, (back, down, right) in zip(INPUTS, WAYS.tolist(), strict=True):
        assert back == int(name[-1] if name[-1].isdigit() else 0)
        assert back or down < 0 or (down == 0 and right < 0)
    for rule in RULES:
        assert {*rule.replace("-", "+").split("+")} <= {*INPUTS, *MEANS}
