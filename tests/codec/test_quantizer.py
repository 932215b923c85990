"""Rounding with a gain, and one byte a number: what the quantisers keep, and what it costs."""

import dataclasses

import numpy as np
import pytest

from nnlite.codec.quantizer import UniformQuantizer, dequantize, quantize


def codes(rng, dtype=np.float64):
    """Return codes (N, K) whose columns have different ranges."""
    return (rng.uniform(-1, 1, (2000, 4)) * [0.01, 1, 7, 500] + [0, 3, -100, 0]).astype(dtype)


def test_rounding_with_a_gain_by_hand(dtype):
    gain = np.array([2, 0.5], dtype)
    symbols = quantize(np.array([[0.7, -7], [-0.75, 5]], dtype), gain)
    assert symbols.dtype == np.int32
    assert symbols.tolist() == [[1, -4], [-2, 2]]  # 1.4, −3.5, −1.5 and 2.5, halves to even
    latents = dequantize(symbols, gain)
    assert latents.dtype == dtype
    assert latents.tolist() == [[0.5, -8], [-1, 4]]


def test_no_code_moves_by_more_than_half_a_step(rng, dtype):
    x = codes(rng, dtype)
    quantizer = UniformQuantizer.from_codes(x)
    error = np.abs(quantizer.dequantize(quantizer.quantize(x)) - x)
    assert (error <= 0.5 * quantizer.step + 4 * np.finfo(dtype).eps * np.abs(x).max(axis=0)).all()


def test_the_error_is_a_twelfth_of_the_squared_step(rng):
    x = codes(rng)
    quantizer = UniformQuantizer.from_codes(x)
    error = quantizer.dequantize(quantizer.quantize(x)) - x
    np.testing.assert_allclose(np.mean(error**2, axis=0), quantizer.step**2 / 12, rtol=0.1)


def test_each_column_uses_all_of_its_range(rng):
    x = codes(rng)
    symbols = UniformQuantizer.from_codes(x).quantize(x)
    assert symbols.dtype == np.uint8
    np.testing.assert_array_equal(symbols.min(axis=0), 0)
    np.testing.assert_array_equal(symbols.max(axis=0), 255)


def test_the_ends_of_the_range_come_back(rng):
    x = codes(rng)
    quantizer = UniformQuantizer.from_codes(x)
    ends = np.array([[0] * 4, [255] * 4], np.uint8)
    np.testing.assert_allclose(quantizer.dequantize(ends), [x.min(axis=0), x.max(axis=0)])


def test_a_hand_worked_example():
    quantizer = UniformQuantizer(np.array([10.0, -1.0]), np.array([0.5, 2.0]))
    np.testing.assert_array_equal(quantizer.quantize(np.array([[10.7, 4.0], [11.3, 5.2]])), [[1, 2], [3, 3]])  # 2.5 → 2, to even
    np.testing.assert_array_equal(quantizer.dequantize(np.array([[1, 255]], np.uint8)), [[10.5, 509.0]])


def test_every_byte_comes_back_as_itself(rng):
    quantizer = UniformQuantizer.from_codes(codes(rng))
    symbols = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    np.testing.assert_array_equal(quantizer.quantize(quantizer.dequantize(symbols)), symbols)


def test_codes_outside_the_range_become_its_ends():
    quantizer = UniformQuantizer.from_codes(np.array([[0.0], [1.0]]))
    np.testing.assert_array_equal(quantizer.quantize(np.array([[-5.0], [1e9], [-np.inf], [np.inf]])), [[0], [255], [0], [255]])


def test_a_column_of_equal_codes_comes_back_exactly():
    x = np.array([[0.3, 1.0], [0.3, 2.0]], np.float32)
    quantizer = UniformQuantizer.from_codes(x)
    np.testing.assert_array_equal(quantizer.dequantize(quantizer.quantize(x)), x)


def test_one_code_is_enough_to_make_a_quantiser():
    x = np.array([[1.5, -2.0]])
    quantizer = UniformQuantizer.from_codes(x)
    np.testing.assert_array_equal(quantizer.dequantize(quantizer.quantize(x)), x)


def test_the_number_format_is_that_of_the_codes(rng, dtype):
    quantizer = UniformQuantizer.from_codes(codes(rng, dtype))
    assert quantizer.minimum.dtype == quantizer.step.dtype == dtype
    assert quantizer.dequantize(np.zeros((1, 4), np.uint8)).dtype == dtype


@pytest.mark.parametrize("x", [np.zeros(3), np.zeros((0, 3)), np.zeros((1, 2, 3)), np.array([[1, np.nan]]), np.array([[np.inf]])])
def test_codes_that_no_range_holds_are_refused(x):
    with pytest.raises(ValueError, match="UniformQuantizer expects finite codes of shape"):
        UniformQuantizer.from_codes(x)


def test_a_quantiser_cannot_be_changed(rng):
    with pytest.raises(dataclasses.FrozenInstanceError):
        UniformQuantizer.from_codes(codes(rng)).step = np.ones(4)
