"""The model of photographs: it comes back from its file, mixers nearly so, and what does not fit together is refused."""

import numpy as np
import pytest

from nnlite.codec.mixing import REACH, STRETCH
from nnlite.codec.packed_mixers import pack_mixer, unpack_mixer
from nnlite.codec.photographs.contexts import untrained_mixer
from nnlite.codec.photographs.model import BUILT_IN, FORMAT, PACKING, Model
from nnlite.files import safetensors
from nnlite.files.errors import CodecError

MODEL = Model.load()


def test_the_built_in_model_takes_less_than_a_megabyte():
    assert BUILT_IN.stat().st_size < 10**6


def test_a_model_comes_back_from_its_file(tmp_path):
    MODEL.save(tmp_path / "model.safetensors")
    assert Model.load(tmp_path / "model.safetensors").hash == MODEL.hash


def test_from_colours_to_planes_is_the_inverse_of_from_planes_to_colours():
    model = Model.load()
    np.testing.assert_allclose(model.planes @ model.colours / 2**16, np.eye(3), rtol=0, atol=1e-5)


def test_a_packed_mixer_comes_back_nearly_and_then_exactly():
    rng = np.random.default_rng(0)
    mixer = untrained_mixer()
    mixer.states[:] = rng.integers(0, 2**22, mixer.states.size) << 10 | rng.integers(0, 1023, mixer.states.size)
    mixer.weights[:] = rng.integers(-(2**24), 2**24, mixer.weights.shape)
    first = unpack_mixer(pack_mixer(mixer, *PACKING), mixer, *PACKING)
    second = unpack_mixer(pack_mixer(first, *PACKING), mixer, *PACKING)
    known = (mixer.states & 1023) > 1
    before, after = (np.clip(STRETCH[s[known] >> 16].astype(int), -2048, 2048) for s in (mixer.states, first.states))
    assert np.abs(before - after).max() <= 48
    assert (np.abs(np.clip(mixer.weights, -(2**23), 2**23 - 256) - first.weights) < 256).all()
    for name in ("states", "weights", "curves"):
        assert (getattr(first, name) == getattr(second, name)).all()
    assert REACH > 2048


def test_a_fresh_mixer_stays_fresh():
    fresh = untrained_mixer()
    unpacked = unpack_mixer(pack_mixer(fresh, *PACKING), fresh, *PACKING)
    assert (fresh.states == unpacked.states).all() and (fresh.curves == unpacked.curves).all()


@pytest.mark.parametrize(
    "name, array, message",
    [
        ("colours", np.zeros((3, 2)), "colours of shape"),
        ("colours", np.ones((3, 3), np.int32), "Singular"),
        ("colours", MODEL.arrays["colours"].astype(np.float64), "colours of shape .* int32"),
        ("analysis", np.full((8, 16), np.nan), "analysis of shape"),
        ("synthesis", MODEL.arrays["synthesis"].astype(np.int64), "synthesis of shape .* int32"),
        ("network.0.weight", np.zeros((5, 5), np.int16), "weights of"),
        ("network.0.weight", MODEL.arrays["network.0.weight"] + np.float32(0.5), "network.0 of whole numbers"),
        ("network.1.bias", np.zeros((), np.int32), "network.1 of whole numbers"),
        ("network.1.shift", np.zeros(1, np.int32), "network.1 of whole numbers"),
        ("mixer", np.zeros(10, np.uint8), "expected a model"),
        ("mixer", None, "expected a model"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_sentence(tmp_path, name, array, message):
    arrays = {key: value for key, value in MODEL.arrays.items() if key != name or array is not None}
    if array is not None:
        arrays[name] = array
    safetensors.write(tmp_path / "model.safetensors", arrays, {"format": FORMAT})
    with pytest.raises(CodecError, match=message):
        Model.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["synthesis", "colours"])
def test_numbers_up_to_the_largest_are_taken_and_those_beyond_are_not(name, largest=2**18):
    for sign in (1, -1):
        array = MODEL.arrays[name].copy()
        array[0, 1] = sign * largest
        Model({**MODEL.arrays, name: array})
        array[0, 1] += sign
        with pytest.raises(ValueError, match="without large numbers"):
            Model({**MODEL.arrays, name: array})


def test_a_file_of_another_kind_is_refused(tmp_path):
    safetensors.write(tmp_path / "other.safetensors", {}, {"format": "other"})
    with pytest.raises(CodecError, match="expected the format"):
        Model.load(tmp_path / "other.safetensors")
