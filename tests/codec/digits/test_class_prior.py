"""The prior of classes: symbols come back, cost what the tables say, and cost less because images are of kinds."""

import dataclasses

import numpy as np
import pytest

from nnlite.codec.digits.class_prior import CLASSES, ClassPrior, _bank, _choose_tables
from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.files.errors import CodecError

FEATURES = 5
GAINS = (1.0, 6.0)
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def clusters(count, seed):
    """Return latents (count, K) in twelve heaps."""
    rng = np.random.default_rng(seed)
    centre = 4 * np.random.default_rng(0).standard_normal((12, FEATURES))
    return (centre[rng.integers(0, 12, count)] + 0.3 * rng.standard_normal((count, FEATURES))).astype(np.float32)


def quantized(latents, quality=1):
    return np.rint(latents * GAINS[quality]).astype(np.int32)


def fitted(seed=0):
    latents = clusters(600, 1)
    return ClassPrior.fit(latents, [quantized(latents, quality) for quality in range(len(GAINS))], np.random.default_rng(seed))


@pytest.fixture(scope="module")
def prior():
    return fitted()


@pytest.fixture(scope="module")
def message(prior):
    """Symbols of images the prior was not fitted to, and their classes."""
    latents = clusters(300, 2)
    return quantized(latents), prior.choose(latents)


# --- coding


@pytest.mark.parametrize("quality", range(len(GAINS)))
def test_symbols_come_back(prior, quality):
    latents = clusters(100, 3)
    symbols = quantized(latents, quality)
    data = prior.encode(symbols, prior.choose(latents), quality)
    decoded = prior.decode(data, 100, quality)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, symbols)


@pytest.mark.parametrize("values", [[INT32_MIN, INT32_MAX], [-(2**20), 2**20], [-40_000, 0], [-1, 0, 1]])
def test_any_int32_comes_back_in_every_class(prior, rng, values):
    symbols = rng.choice(np.array(values, np.int32), (CLASSES, FEATURES))
    classes = np.arange(CLASSES, dtype=np.uint8)
    np.testing.assert_array_equal(prior.decode(prior.encode(symbols, classes, 0), CLASSES, 0), symbols)


def test_no_images_are_no_bytes(prior):
    data = prior.encode(np.zeros((0, FEATURES), np.int32), np.zeros(0, np.uint8), 0)
    assert data == b""
    assert prior.decode(data, 0, 0).shape == (0, FEATURES)


def test_the_bytes_are_the_cross_entropy_and_no_more(prior, message):
    bits = prior.cross_entropy(*message, 1)
    assert bits - 8 <= 8 * len(prior.encode(*message, 1)) <= 1.001 * bits + 16


def test_the_cross_entropy_counts_a_byte_for_each_class_and_the_tables_bits_for_each_symbol(prior, message):
    symbols, classes = message
    bits = 8.0 * len(symbols)
    for row, c in zip(symbols, classes, strict=True):
        for k, symbol in enumerate(row):
            t = prior.table[1, c, k]
            entry = symbol - prior.shift[1, c, k] - prior.tables.minimum[t]
            assert 0 <= entry < prior.tables.sizes[t] - 1, "the data of this test are meant to stay within the tables"
            bits += 16 - np.log2(float(prior.tables.frequencies[t, entry]))
    assert prior.cross_entropy(symbols, classes, 1) == pytest.approx(bits, rel=1e-12)


def test_a_golden_payload_is_written_and_read_for_ever():
    tables = FrequencyTables(np.array([-1, 0], np.int32), np.array([[20000, 30000, 15000, 536], [65000, 535, 1, 0]], np.uint16))
    table, shift = np.zeros((1, CLASSES, 2), np.uint8), np.zeros((1, CLASSES, 2), np.int16)
    table[0, 7], shift[0, 7] = (0, 1), (5, -300)
    prior = ClassPrior(tables, table, shift, np.zeros((CLASSES, 2), np.float32), np.ones((CLASSES, 2), np.float32))
    symbols, classes = np.array([[4, -300], [0, 1], [1000, -299]], np.int32), np.array([7, 0, 7], np.uint8)
    payload = bytes.fromhex("0700073ac2be7173")
    assert prior.encode(symbols, classes, 0) == payload
    np.testing.assert_array_equal(prior.decode(payload, 3, 0), symbols)


# --- what does not fit together


def changed(prior, name, value):
    """Return the prior with one number of one array replaced."""
    array = getattr(prior, name).copy()
    array.flat[3] = value
    return dataclasses.replace(prior, **{name: array})


def test_the_last_table_of_the_bank_may_be_named_and_the_one_behind_it_may_not(prior):
    assert changed(prior, "table", len(prior.tables) - 1).table.max() == len(prior.tables) - 1
    with pytest.raises(ValueError, match=f"expected table to be uint8 below {len(prior.tables)} of shape"):
        changed(prior, "table", len(prior.tables))


def test_a_precision_is_positive_however_small(prior):
    smallest = np.finfo(np.float32).smallest_subnormal
    assert changed(prior, "precision", smallest).precision.min() == smallest
    for value in (0, -smallest):
        with pytest.raises(ValueError, match="expected class_precision to be positive, received"):
            changed(prior, "precision", value)


@pytest.mark.parametrize("name", ["centre", "precision"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_centres_and_precisions_are_finite(prior, name, value):
    with pytest.raises(ValueError, match=f"expected class_{name} to be finite float32 of shape"):
        changed(prior, name, value)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("table", np.zeros((CLASSES, FEATURES), np.uint8)),
        ("table", np.zeros((2, CLASSES - 1, FEATURES), np.uint8)),
        ("table", np.zeros((2, CLASSES, FEATURES), np.int64)),
        ("shift", np.zeros((1, CLASSES, FEATURES), np.int16)),
        ("shift", np.zeros((2, CLASSES, FEATURES), np.int32)),
        ("centre", np.zeros((CLASSES, FEATURES - 1), np.float32)),
        ("centre", np.zeros((CLASSES, FEATURES))),
        ("precision", np.ones((CLASSES + 1, FEATURES), np.float32)),
        ("precision", np.ones((CLASSES, FEATURES))),
    ],
)
def test_arrays_of_another_shape_or_dtype_are_refused_by_name(prior, name, array):
    expected = name if name in ("table", "shift") else f"class_{name}"
    with pytest.raises(ValueError, match=f"^expected {expected} to be .*received {array.dtype}"):
        dataclasses.replace(prior, **{name: array})


# --- damage


def decode_anything(prior, data, count, quality):
    """Symbols or a CodecError, nothing else."""
    try:
        symbols = prior.decode(data, count, quality)
    except CodecError:
        return
    assert symbols.dtype == np.int32 and symbols.shape == (count, FEATURES)


@pytest.mark.parametrize("quality", range(len(GAINS)))
def test_a_payload_cut_short_anywhere_gives_symbols_or_a_codec_error(prior, message, quality):
    symbols, classes = message
    data = prior.encode(symbols[:12], classes[:12], 1)
    for length in range(len(data)):
        decode_anything(prior, data[:length], 12, quality)


def test_a_payload_with_any_bit_flipped_gives_symbols_or_a_codec_error(prior, message):
    symbols, classes = message
    data = prior.encode(symbols[:12], classes[:12], 1)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        decode_anything(prior, bytes(flipped), 12, 1)


def test_random_bytes_give_symbols_or_a_codec_error(prior, rng):
    for _ in range(50):
        decode_anything(prior, rng.bytes(60), 20, 0)


def test_fewer_bytes_than_classes_are_refused_before_anything_is_decoded(prior):
    with pytest.raises(CodecError, match="a byte for the class of each of 1000000000 images, received 5: the file is cut short"):
        prior.decode(b"12345", 10**9, 0)


# --- fitting


def test_classes_save_more_than_their_byte(prior, message):
    symbols, classes = message
    training = quantized(clusters(600, 1))
    table, shift = _choose_tables(training, np.zeros(600, np.int64), *_bank()[1:])
    single = dataclasses.replace(prior, table=table[None], shift=shift[None])
    without_classes = single.cross_entropy(symbols, np.zeros_like(classes), 0) - 8 * len(classes)
    assert prior.cross_entropy(symbols, classes, 1) < 0.9 * without_classes


def test_as_many_images_as_classes_are_a_class_each(rng):
    latents = np.arange(CLASSES, dtype=np.float32)[rng.permutation(CLASSES), None] * np.float32([1, -3])
    prior = ClassPrior.fit(latents, [latents.astype(np.int32)], rng)
    assert len(set(prior.choose(latents).tolist())) == CLASSES


def test_precisions_are_those_of_the_members_and_of_five_more_with_three_tenths_of_the_variance_of_all(prior):
    latents = clusters(600, 1).astype(np.float64)
    classes = prior.choose(latents)  # as they were: 600 images in twelve heaps have settled long before the last iteration
    for c in np.unique(classes):
        members = latents[classes == c]
        np.testing.assert_allclose(prior.centre[c], members.mean(axis=0), rtol=1e-5)
        squares = ((members - members.mean(axis=0)) ** 2).sum(axis=0) + 1.5 * latents.var(axis=0)
        np.testing.assert_allclose(prior.precision[c], (len(members) + 5) / squares, rtol=1e-5)


def test_one_seed_gives_one_prior(prior):
    again, other = fitted(), fitted(seed=1)
    for name in ("table", "shift", "centre", "precision"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prior, name))
    assert not np.array_equal(other.centre, prior.centre)


def test_all_that_decoding_needs_is_integers(prior):
    assert prior.table.dtype == np.uint8 and prior.table.shape == (len(GAINS), CLASSES, FEATURES)
    assert prior.shift.dtype == np.int16 and prior.shift.shape == prior.table.shape
    assert prior.tables.frequencies.dtype == np.uint16
    assert prior.table.max() < len(prior.tables) <= 256


def test_an_image_belongs_to_the_gaussian_under_which_it_is_most_probable(prior):
    latents = clusters(200, 4).astype(np.float64)
    deviation = latents[:, None] - prior.centre  # (N, C, K)
    log_density = -0.5 * (deviation**2 * prior.precision - np.log(prior.precision)).sum(axis=2)
    classes = prior.choose(latents)
    assert classes.dtype == np.uint8
    np.testing.assert_allclose(log_density[np.arange(200), classes], log_density.max(axis=1), rtol=1e-4)


def test_the_tables_chosen_are_the_cheapest_of_the_bank(rng):
    tables, bits, width = _bank()
    symbols = np.rint(rng.standard_normal((90, 3)) * [0.4, 2, 9] + [100, -3, 0]).astype(np.int32)
    classes = rng.integers(0, 3, 90)
    table, shift = _choose_tables(symbols, classes, bits, width)
    for c in range(3):
        for k in range(3):
            members = symbols[classes == c, k] - shift[c, k].astype(np.int32)
            cost = [tables.cross_entropy(members, np.full(members.size, t)) for t in range(len(tables))]
            assert cost[table[c, k]] == pytest.approx(min(cost), rel=1e-12)


def test_the_shift_is_the_mean_of_the_class(rng):
    symbols = rng.integers(-200, 200, (90, 3), dtype=np.int32)
    classes = rng.integers(0, 3, 90)
    _, shift = _choose_tables(symbols, classes, *_bank()[1:])
    for c in range(3):
        np.testing.assert_array_equal(shift[c], np.rint(symbols[classes == c].mean(axis=0)))


def test_a_class_without_members_takes_the_tables_of_all_images(rng):
    symbols = rng.integers(-9, 10, (50, 3), dtype=np.int32)
    of_all, empty = (_choose_tables(symbols, np.full(50, c), *_bank()[1:]) for c in (7, 8))
    for chosen, expected in zip(empty, of_all, strict=True):
        np.testing.assert_array_equal(chosen[7], expected[7])


def test_symbols_beyond_the_bank_can_be_fitted_and_coded(rng):
    latents = (1000 * rng.standard_normal((300, 2))).astype(np.float32)
    symbols = np.rint(latents).astype(np.int32)
    prior = ClassPrior.fit(latents, [symbols], rng)
    np.testing.assert_array_equal(prior.decode(prior.encode(symbols, prior.choose(latents), 0), 300, 0), symbols)


def test_latents_that_are_all_equal_can_be_fitted_and_coded(rng):
    latents = np.full((256, 2), 3, np.float32)
    prior = ClassPrior.fit(latents, [latents.astype(np.int32)], rng)
    symbols = np.array([[3, 3]], np.int32)
    np.testing.assert_array_equal(prior.decode(prior.encode(symbols, prior.choose(latents[:1]), 0), 1, 0), symbols)


def test_fewer_images_than_classes_are_refused(rng):
    latents = clusters(CLASSES - 1, 1)
    with pytest.raises(ValueError, match="expected at least 256 images, one for each class of the prior, received 255"):
        ClassPrior.fit(latents, [quantized(latents)], rng)
