"""The sampled code: what is drawn, what it costs, and its derivatives."""

import numpy as np
import pytest

from nnlite import Dense, GaussianSample, Sequential, gaussian_kl, gradcheck


def layer(rng, kl_price=0.1):
    return GaussianSample(kl_price, rng=rng)


def test_the_divergence_is_the_integral_it_stands_for():
    mean, log_variance = 0.7, -0.9
    z = np.linspace(-12, 12, 200_001)
    log_q = -0.5 * (np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance))
    log_p = -0.5 * (np.log(2 * np.pi) + z**2)
    integral = np.sum(np.exp(log_q) * (log_q - log_p)) * (z[1] - z[0])
    np.testing.assert_allclose(gaussian_kl(np.array([[mean]]), np.array([[log_variance]])), integral, rtol=1e-10)


def test_the_divergence_is_a_sum_over_the_code_and_zero_for_the_prior_itself(dtype):
    mean, log_variance = np.array([[0, 0], [2, 0], [2, 1]], dtype), np.zeros((3, 2), dtype)
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [0, 2, 2.5], rtol=1e-6)


def test_samples_have_the_stated_mean_and_variance(dtype, rng):
    x = np.tile(np.array([[1.5, np.log(0.25)]], dtype), (100_000, 1))
    z = layer(rng).forward(x, training=True).astype(np.float64)
    assert abs(z.mean() - 1.5) < 5 * 0.5 / np.sqrt(z.size)
    assert abs(z.std() / 0.5 - 1) < 5 / np.sqrt(2 * z.size)


def test_in_inference_the_code_is_the_mean_and_nothing_is_drawn(dtype, rng):
    x = np.arange(12, dtype=dtype).reshape(2, 6)
    before = rng.bit_generator.state
    np.testing.assert_array_equal(layer(rng).forward(x), x[:, :3])
    assert rng.bit_generator.state == before


def test_the_penalty_is_the_mean_divergence_times_its_price(rng):
    x = rng.standard_normal((5, 6))
    sampled = layer(rng, kl_price=0.3)
    sampled.forward(x, training=True)
    assert sampled.penalty == pytest.approx(0.3 * gaussian_kl(x[:, :3], x[:, 3:]).mean(), rel=1e-12)


def test_the_gradient_is_that_of_sample_and_penalty(rng):
    model = Sequential([Dense(4, 6, rng=rng), layer(rng), Dense(3, 2, rng=rng)])
    report = gradcheck(model, rng.standard_normal((5, 4)), rng=rng)
    assert max(report.errors.values()) < 1e-7


def test_dtype_stays(dtype, rng):
    sampled = layer(rng)
    x = rng.standard_normal((5, 6)).astype(dtype)
    assert sampled.forward(x).dtype == sampled.forward(x, training=True).dtype == dtype
    assert sampled.backward(np.ones((5, 3), dtype)).dtype == dtype


@pytest.mark.parametrize("shape", [(2, 5), (2, 0), (2, 4, 4)])
def test_an_input_that_is_not_means_and_variances_is_refused(shape, rng):
    with pytest.raises(ValueError, match=r"expects K means and K log variances.*twice as many units"):
        layer(rng).forward(np.ones(shape, np.float32))


@pytest.mark.parametrize("price", [-1, np.nan, np.inf])
def test_a_senseless_price_is_refused(price, rng):
    with pytest.raises(ValueError, match="kl_price of at least 0, received"):
        layer(rng, price)
