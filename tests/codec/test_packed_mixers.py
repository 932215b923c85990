"""Mixers in few bytes: nearly what they were, and nothing else is taken for one."""

import zlib

import numpy as np
import pytest

from nnlite.codec.mixing import CONFIDENCE, SQUASH, STRETCH, UNSEEN, fresh_mixer
from nnlite.codec.packed_mixers import pack_mixer as pack
from nnlite.codec.packed_mixers import unpack_mixer as unpack

PACKING = LEVELS, COUNTS = 40, (0, 3, 8, 24, 100)


def pack_mixer(mixer):
    return pack(mixer, *PACKING).tobytes()


def unpack_mixer(data, fresh):
    return unpack(np.frombuffer(data, np.uint8), fresh, *PACKING)


def fresh():
    return fresh_mixer(500, 6, weight=0.1, rate=20, limit=300)


def learned(seed=0):
    rng = np.random.default_rng(seed)
    mixer = fresh()
    mixer.states[:] = rng.integers(1 << 16, (1 << 22) - (1 << 16), 500) << 10 | rng.integers(0, 1024, 500)
    mixer.weights[:] = rng.integers(-(1 << 22), 1 << 22, mixer.weights.shape)
    mixer.curves[:] = rng.integers(8, 65528, mixer.curves.shape)
    return mixer


def test_what_comes_back_is_nearly_what_was_packed():
    mixer = learned()
    again = unpack_mixer(pack_mixer(mixer), fresh())
    known = (mixer.states & 1023) > 2
    before, after = (STRETCH[each.states[known] >> 16].astype(int) for each in (mixer, again))
    inside = np.abs(before) < 8 * 256
    assert np.abs(before - after)[inside].max() <= 52  # half a level, 1/5, in 1/256
    assert abs((before - after)[inside].mean()) < 3
    confidences = [CONFIDENCE[each.states[known] & 1023].astype(int) for each in (mixer, again)]
    assert np.abs(confidences[0] - confidences[1]).max() < 60
    assert np.abs(mixer.weights - again.weights).max() < 256
    np.testing.assert_array_equal(mixer.curves, again.curves)
    assert (again.states[~known] == UNSEEN).all()


def test_weights_from_minus_2_to_the_23_are_kept_and_those_beyond_are_the_nearest_of_these():
    mixer, limit = fresh(), 1 << 23
    mixer.weights.flat[:6] = [-limit - 1, -limit, -limit + 256, limit - 256, limit - 1, limit]
    weights = unpack_mixer(pack_mixer(mixer), fresh()).weights.flat[:6]
    assert weights.tolist() == [-limit, -limit, -limit + 256, limit - 256, limit - 256, limit - 256]


def test_what_has_been_packed_once_stays_the_same():
    once = unpack_mixer(pack_mixer(learned()), fresh())
    twice = unpack_mixer(pack_mixer(once), fresh())
    for first, second in zip(once, twice, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_state_far_out_stays_inside():
    mixer = fresh()
    mixer.states[:2] = np.array([1, (1 << 22) - 1], np.uint32) << 10 | 100
    states = unpack_mixer(pack_mixer(mixer), fresh()).states >> 16
    assert SQUASH[0] < states[0] < 50 and 65536 - 50 < states[1] < 65536


@pytest.mark.parametrize(
    "damaged",
    [
        b"", b"no zlib", pack_mixer(learned())[:-5], pack_mixer(learned()) + b"x", zlib.compress(bytes(10)),
        zlib.compress(bytes(10**6)),        zlib.compress(b"\xff" * (500 + 2 * (144 + 6 * 49))),
    ],
)  # fmt: skip
def test_what_is_no_mixer_of_these_sizes_is_refused(damaged):
    with pytest.raises((ValueError, zlib.error), match=r"Error -3|expected (a mixer of|at most 40 levels)"):
        unpack_mixer(damaged, fresh())


def test_counts_are_kept_as_the_least_of_their_class():
    mixer, counts = fresh(), [0, 2, 3, 7, 8, 23, 24, 99, 100, 1023]
    mixer.states[: len(counts)] = 1 << 31 | np.array(counts, np.uint32)
    states = unpack_mixer(pack_mixer(mixer), fresh()).states[: len(counts)]
    assert (states & 1023).tolist() == [0, 0, 3, 3, 8, 8, 24, 24, 100, 100]
    assert states[:2].tolist() == [UNSEEN, UNSEEN]


def test_what_is_forgotten_takes_no_bytes():
    one, other = learned(), learned()
    forgotten = (one.states & 1023) < 3
    other.states[forgotten] = UNSEEN
    assert forgotten.any()
    assert pack_mixer(one) == pack_mixer(other)


def test_the_largest_number_of_a_state_is_read_and_one_above_it_is_refused():
    content = bytearray(zlib.decompress(pack_mixer(fresh())))
    content[0] = LEVELS * len(COUNTS) - 1
    unpack_mixer(zlib.compress(content), fresh())
    content[0] += 1
    with pytest.raises(ValueError, match="at most 40 levels"):
        unpack_mixer(zlib.compress(content), fresh())
