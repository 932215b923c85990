"""The network on pixels: its integers are those of a plain loop, sums stay exact, rounding a float network changes little."""

import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.photographs.model import Model
from nnlite.codec.photographs.pixel_network import (
    INPUTS,
    MARGIN,
    IntegerLayer,
    check_layers,
    correct,
    gather,
)

NETWORK = Model.load().network


def correct_plainly(planes, quality, layers):
    """One pixel at a time, in Python's integers."""
    height, width = planes.shape[1] - 2 * MARGIN, planes.shape[2] - 2 * MARGIN
    result = np.empty((3, height, width), np.int64)
    for y in range(height):
        for x in range(width):
            values = []
            for plane, radius in zip(planes, (3, 2, 2), strict=True):
                window = plane[y + 3 - radius : y + 4 + radius, x + 3 - radius : x + 4 + radius].astype(int)
                values += [max(-127, min(127, (v - int(plane[y + 3, x + 3]) + 8) // 16)) for v in window.ravel().tolist()]
            values.append(math.floor(16 * 0.07 * (100 - quality) - 80 + 1e-9))
            for layer in layers:
                sums = layer.weight.astype(np.int64) @ np.array(values) + layer.bias.astype(np.int64)
                values = [int(s) >> layer.shift for s in sums]
                if layer is not layers[-1]:
                    values = [max(0, min(255, v)) for v in values]
            result[:, y, x] = values
    return result


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (7, 5)])
def test_corrections_are_those_of_a_plain_loop(rng, shape):
    planes = rng.integers(-3000, 3000, (3, shape[0] + 6, shape[1] + 6)).astype(np.int32)
    assert (correct(planes, 30, NETWORK) == correct_plainly(planes, 30, NETWORK)).all()


@compiled
def test_corrections_do_not_depend_on_how_the_picture_is_cut(rng):
    planes = rng.integers(-2000, 2000, (3, 40, 1500)).astype(np.int32)
    whole = correct(planes, 7, NETWORK)
    assert (correct(np.ascontiguousarray(planes[:, 10:25]), 7, NETWORK) == whole[:, 10:19]).all()
    assert (correct(np.ascontiguousarray(planes[:, :, 700:]), 7, NETWORK) == whole[:, :, 700:]).all()


def test_the_largest_possible_sums_of_the_built_in_network_are_exact():
    rng = np.random.default_rng(0)
    for k, layer in enumerate(NETWORK):
        extreme = np.where(layer.weight > 0, 127 if k == 0 else 255, -127 if k == 0 else 0).astype(np.float32)
        values = np.concatenate([extreme.T, rng.integers(0, 128, (layer.weight.shape[1], 200)).astype(np.float32)], axis=1)
        exact = layer.weight.astype(np.int64) @ values.astype(np.int64)
        assert (layer.weight @ values == exact).all()
        assert np.abs(exact + layer.bias.astype(np.int64)[:, None]).max() < 2**24


def test_a_network_that_could_round_is_refused():
    weight = np.full((3, INPUTS), 1320, np.float32)
    check_layers([IntegerLayer(weight, np.zeros(3, np.float32), 5)])
    with pytest.raises(ValueError, match="sums stay below 2"):
        check_layers([IntegerLayer(weight, np.full(3, 1e5, np.float32), 5)])
    with pytest.raises(ValueError, match="expects weights of"):
        check_layers([IntegerLayer(weight[:, 1:], np.zeros(3, np.float32), 5)])


@pytest.mark.parametrize(("shift", "largest", "fits"), [(0, 1, True), (-1, 1, False), (23, 1, True), (24, 1, False),
                                                      (5, 2**24 - 1, True), (5, 2**24, False), (5, -(2**24), False)])  # fmt: skip
def test_a_shift_from_0_to_23_and_sums_below_2_to_the_24_are_taken_and_none_beside_them(shift, largest, fits):
    layer = IntegerLayer(np.zeros((3, INPUTS), np.float32), np.array([0, largest, 0], np.float32), shift)
    if fits:
        check_layers([layer])
    else:
        with pytest.raises(ValueError, match=r"the network expects (shifts from 0 to 23|weights)"):
            check_layers([layer])


def test_the_last_input_falls_by_16_when_the_step_halves():
    levels = []
    for quality in range(101):
        inputs = np.empty((INPUTS, 1, 1), np.float32)
        gather(np.zeros((3, 7, 7), np.int32), 0, quality, inputs)
        levels.append(inputs[-1, 0, 0])
    assert levels[0] == 32 and levels[100] == -80
    assert all(before >= after for before, after in pairwise(levels))


@pytest.mark.parametrize(("bias", "fits"), [(0, True), (1, False)])
def test_hidden_values_are_counted_as_large_as_they_can_be(bias, fits):
    first = IntegerLayer(np.zeros((1, INPUTS), np.float32), np.zeros(1, np.float32), 0)
    last = IntegerLayer(np.full((3, 1), 65793, np.float32), np.full(3, bias, np.float32), 0)  # 255 · 65793 = 2^24 − 1
    with contextlib.nullcontext() if fits else pytest.raises(ValueError, match=r"stay below 2\^24"):
        check_layers([first, last])
