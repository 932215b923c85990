"""The mixing engine: its integers are those of a plain twin, its neuron learns by the gradient of the code's length."""

import math

import mixing_twin
import numpy as np
import pytest

from nnlite.codec import mixing
from nnlite.codec.mixing import (
    REACH,
    SQUASH,
    STRETCH,
    Coder,
    code_bit,
    decoder,
    desk,
    encoder,
    finish,
    fresh_mixer,
    is_full,
    mixed_bit,
)
from nnlite.jit import jit
from nnlite.layers import Dense
from nnlite.losses import BinaryCrossEntropyWithLogits


@jit
def code_all(coder, bits, mixer, slots, own, sets):
    """Code all decisions of a test; row k of each array belongs to bit k."""
    here = desk(slots.shape[1], sets.shape[1])
    for k in range(len(bits)):
        here.slots[:], here.sets[:] = slots[k], sets[k]
        here.inputs[slots.shape[1] : slots.shape[1] + own.shape[1]] = own[k]
        bits[k] = mixed_bit(coder, bits[k], mixer, here)


@jit
def code_plainly(coder, bits, probabilities):
    for k in range(len(bits)):
        bits[k] = code_bit(coder, bits[k], probabilities[k])


def decisions(count, seed=0, states=40, sets=5):
    """Random decisions of 4 contexts and 2 inputs of their own; the states tell something about the bits."""
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, states, (count, 4)).astype(np.uint32)
    own = rng.integers(-REACH, REACH + 1, (count, 2)).astype(np.int32)
    pairs = np.array([rng.choice(sets, 2, replace=False) for _ in range(count)], np.uint32)
    bits = (rng.random(count) < 1 / (1 + np.exp(-(slots.sum(1) - 2.0 * states) / 10))).astype(np.int64)
    return bits, slots, own, pairs


def mixer(rate=32):
    return fresh_mixer(40, 5, weight=0.15, rate=rate, limit=60)


def test_squash_is_the_logistic_function_rounded_down_on_its_upper_half_and_odd_about_one_half():
    exact = [min(int(mixing_twin.sigma(x) * 65536), 65528) for x in range(REACH + 1)]
    assert SQUASH[REACH:].tolist() == exact
    assert (SQUASH + SQUASH[::-1] == 65536).sum() == 2 * REACH + 1


def test_stretch_is_the_inverse_of_squash():
    p = np.arange(1, 1 << 16)
    x = STRETCH[p].astype(np.int64)
    inside = (x > -REACH) & (x < REACH)
    assert (SQUASH[x + REACH] >= p)[inside].all()
    assert (SQUASH[x + REACH - 1] < p)[inside].all()
    assert STRETCH[0] == -REACH and STRETCH[-1] == REACH


@pytest.mark.parametrize("rate", [0, 32, 128])
def test_bytes_and_everything_learned_are_those_of_the_plain_twin(rate):
    bits, slots, own, sets = decisions(3000)
    coder, ours = encoder(4000), mixer(rate)
    code_all(coder, bits.copy(), ours, slots, own, sets)
    twin_coder = mixing_twin.Coder()
    twin = mixing_twin.Mixer(40, 5, 0.15, rate, 60, SQUASH.tolist(), STRETCH.tolist())
    for k, bit in enumerate(bits.tolist()):
        twin.bit(twin_coder, bit, slots[k].tolist(), own[k].tolist(), sets[k].tolist())
    assert finish(coder) == twin_coder.finish()
    assert [divmod(int(state), 1024) for state in ours.states] == [tuple(state) for state in twin.states]
    assert ours.weights[:, :6].tolist() == [weights[:6] for weights in twin.weights]
    assert ours.curves.tolist() == twin.curves


@pytest.mark.parametrize("seed", range(5))
def test_a_decoder_returns_the_bits_and_learns_the_same(seed):
    bits, slots, own, sets = decisions(2000, seed)
    coder, theirs, ours = encoder(4000), mixer(), mixer()
    code_all(coder, bits.copy(), theirs, slots, own, sets)
    decoded = np.zeros_like(bits)
    code_all(decoder(finish(coder)), decoded, ours, slots, own, sets)
    assert (decoded == bits).all()
    for learned, expected in zip(ours[:3], theirs[:3], strict=True):
        assert (learned == expected).all()


def test_bits_of_any_probability_return_from_no_more_bytes_than_they_cost():
    rng = np.random.default_rng(1)
    probabilities = np.concatenate([rng.integers(1, 65536, 3000), rng.choice([1, 65535], 3000), np.full(1000, 65535)])
    bits = (rng.random(7000) < probabilities / 65536).astype(np.int64)
    coder = encoder(4000)
    code_plainly(coder, bits.copy(), probabilities)
    data = finish(coder)
    cost = -np.log2(np.where(bits, probabilities, 65536 - probabilities) / 65536).sum() / 8
    assert len(data) <= 1.001 * cost + 2
    decoded = np.zeros_like(bits)
    code_plainly(decoder(data), decoded, probabilities)
    assert (decoded == bits).all()


def test_an_encoder_with_too_little_room_says_so_and_writes_nothing_outside():
    bits, slots, own, sets = decisions(2000)
    memory = np.full(200, 77, np.uint8)
    coder = encoder(100)._replace(stream=memory[:100])
    code_all(coder, bits, mixer(), slots, own, sets)
    assert finish(coder) is None
    assert (memory[100:] == 77).all()


def test_an_encoder_whose_room_is_just_enough_says_what_one_with_more_room_says():
    bits, slots, own, sets = decisions(300)
    roomy = encoder(4000)
    code_all(roomy, bits.copy(), mixer(), slots, own, sets)
    written = int(roomy.registers[3])
    for room, expected in ((written, finish(roomy)), (written - 1, None)):
        coder = encoder(room)
        code_all(coder, bits.copy(), mixer(), slots, own, sets)
        assert finish(coder) == expected


def test_a_decoder_reads_zeros_behind_any_stream():
    bits, slots, own, sets = decisions(500)
    results = []
    for tail in (b"", b"\0", bytes(1000)):
        decoded = bits.copy()
        code_all(decoder(b"\x12\x34" + tail), decoded, mixer(), slots, own, sets)
        results.append(decoded.tolist())
    assert results[0] == results[1] == results[2]


def test_fresh_curves_change_the_length_by_less_than_a_hundredth():
    bits, slots, own, sets = decisions(3000)
    coder = encoder(4000)
    code_all(coder, bits.copy(), mixer(0), slots, own, sets)
    twin = mixing_twin.Mixer(40, 5, 0.15, 0, 60, SQUASH.tolist(), STRETCH.tolist())
    ideal = 0.0
    for k, bit in enumerate(bits.tolist()):
        probability = twin.mixed(slots[k].tolist(), own[k].tolist(), sets[k].tolist())[1] / 65536
        ideal -= math.log2(probability if bit else 1 - probability) / 8
    assert abs(len(finish(coder)) - ideal) < ideal / 100


def length(weights, inputs, bit):
    """−log P(bit) in nats: the loss."""
    p = 1 / (1 + math.exp(-float(weights @ inputs)))
    return -math.log(p if bit else 1 - p)


@pytest.mark.parametrize("bit", [0, 1])
def test_the_gradient_in_the_docstring_is_the_derivative_of_the_code_length(bit):
    rng = np.random.default_rng(4)
    weights, inputs = rng.normal(size=6), rng.normal(size=6)
    gradient = (1 / (1 + math.exp(-float(weights @ inputs))) - bit) * inputs
    for i in range(6):
        h = np.eye(6)[i] * 1e-6
        numeric = (length(weights + h, inputs, bit) - length(weights - h, inputs, bit)) / 2e-6
        assert gradient[i] == pytest.approx(numeric, rel=1e-7, abs=1e-9)


def test_a_step_of_the_mixer_is_a_step_of_gradient_descent_on_a_dense_layer_and_binary_cross_entropy():
    rng = np.random.default_rng(5)
    own = rng.integers(-800, 800, (1, 10)).astype(np.int32)
    for bit in (0, 1):
        ours = fresh_mixer(1, 1, weight=0.3, rate=64, limit=60)
        before = ours.weights[0, :10] / 2**20
        layer = Dense(10, 1, rng=rng)
        layer.weight.value[:, 0], layer.bias.value[:] = before, 0
        prediction = layer.forward((own / 256).astype(np.float32), training=True)
        layer.backward(BinaryCrossEntropyWithLogits().value_and_gradient(prediction, np.full_like(prediction, bit))[1])
        nothing = np.zeros((1, 0), np.uint32)
        code_all(encoder(10), np.array([bit]), ours, nothing, own, np.zeros((1, 1), np.uint32))
        step = ours.weights[0, :10] / 2**20 - before
        assert step == pytest.approx(-64 / 2**14 * layer.weight.gradient[:, 0], abs=2e-5)


@pytest.mark.parametrize("bit", [0, 1])
def test_weights_stay_inside_their_limit(bit):
    limit = mixing.LARGEST_WEIGHT if bit else -mixing.LARGEST_WEIGHT
    bits, own = np.full(3000, bit), np.full((3000, 1), 100, np.int32)
    ours = fresh_mixer(1, 1, weight=0.0, rate=128, limit=60)
    ours.weights[0, 0] = limit // 1000 * 999
    code_all(encoder(9000), bits, ours, np.zeros((3000, 0), np.uint32), own, np.zeros((3000, 1), np.uint32))
    assert ours.weights[0, 0] == limit


# --- ends of intervals and ranges


def test_a_coder_starts_with_the_whole_interval():
    assert encoder(9).registers.tolist() == [0, 2**32 - 1, 0, 0]
    assert decoder(b"\1\2\3\4\5").registers.tolist() == [0, 2**32 - 1, 0x01020304, 4]


@pytest.mark.parametrize(
    ("low", "high", "stream"),
    [
        (0x01000001, 0x02000000, b"\2"),  # the end itself belongs to the interval
        (0x01000000, 0x02FFFFFF, b"\1"),
        (0, 0x01FFFFFF, b""),
        (1, 0xFFFFFFFF, b"\1"),
    ],
)
def test_the_shortest_number_of_the_last_interval_is_kept(low, high, stream):
    assert finish(Coder(False, np.array([low, high, 0, 0]), np.empty(0, np.uint8))) == stream


@pytest.mark.parametrize(("decoding", "position", "full"), [(False, 3, False), (False, 4, True), (True, 4, False)])
def test_an_encoder_is_full_from_the_first_byte_that_has_no_room(decoding, position, full):
    assert is_full(Coder(decoding, np.array([0, 2**32 - 1, 0, position]), np.empty(3, np.uint8))) == full


@pytest.mark.parametrize(("code", "bit"), [(2**31 - 1, 1), (2**31, 0)])
def test_a_yes_keeps_the_lower_part_with_its_last_number(code, bit):
    assert code_bit(decoder(code.to_bytes(4, "big")), 0, 1 << 15) == bit


@pytest.mark.parametrize(("opinion", "bit", "end"), [(REACH, 1, 65528), (-REACH, 0, 8)])
def test_behind_a_curve_nothing_is_more_certain_than_8_in_65536(opinion, bit, end):
    coder, here = encoder(9), desk(0, 1)
    here.inputs[0] = opinion
    mixer = fresh_mixer(1, 1, weight=1, rate=0, limit=1)
    mixer.curves[:] = 65535 * bit
    mixed_bit(coder, bit, mixer, here)
    middle = (2**32 - 1) * end >> 16
    assert coder.registers[:2].tolist() == ([0, middle] if bit else [middle + 1, 2**32 - 1])
