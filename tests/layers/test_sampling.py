"""The sampled code: what is drawn, what it costs, and its derivatives."""

import numpy as np
import pytest

from nnlite import Dense, GaussianSample, MixtureSample, Sequential, gaussian_kl, gradcheck


def layer(rng, kl_price=0.1):
    return GaussianSample(kl_price, rng=rng)


def mixture(rng, components=5, code=3, dtype=np.float64):
    """Return a layer whose prior is anything but the standard normal distribution."""
    sampled = MixtureSample(code, components, 0.3, rng=rng, dtype=dtype)
    for parameter in sampled.parameters:
        parameter.value += 0.5 * rng.standard_normal(parameter.value.shape).astype(dtype)
    return sampled


def log_density(z, layer):
    """Return ln p(z), (N,), of a mixture, term by term."""
    weights = np.exp(layer.logit.value) / np.exp(layer.logit.value).sum()
    density = np.zeros(len(z))
    for weight, location, log_scale in zip(weights, layer.location.value, layer.log_scale.value, strict=True):
        scale = np.exp(log_scale)
        density += weight * np.prod(np.exp(-(((z - location) / scale) ** 2) / 2) / (scale * np.sqrt(2 * np.pi)), axis=1)
    return np.log(density)


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


def test_what_is_free_costs_nothing_and_moves_nothing(rng):
    sampled = layer(rng, 0)
    sampled.forward(rng.standard_normal((5, 6)).astype(np.float32), training=True)
    assert sampled.penalty == 0
    assert sampled.backward(np.zeros((5, 3), np.float32)).tolist() == np.zeros((5, 6)).tolist()


@pytest.mark.parametrize("price", [-1, np.nan, np.inf])
def test_a_senseless_price_is_refused(price, rng):
    with pytest.raises(ValueError, match="kl_price ≥ 0, received"):
        layer(rng, price)


@pytest.mark.parametrize(
    "make", [GaussianSample, lambda price, rng: MixtureSample(3, 2, price, rng=rng)], ids=["normal", "mixture"]
)
def test_a_price_of_any_number_format_leaves_float32_alone(make, rng):
    sampled = make(np.float64(0.1), rng=rng)
    sampled.forward(rng.standard_normal((5, 6)).astype(np.float32), training=True)
    assert sampled.backward(np.ones((5, 3), np.float32)).dtype == np.float32


# The mixture as prior


def test_a_mixture_of_one_standard_normal_has_the_divergence_of_the_formula_on_average(rng):
    sampled = MixtureSample(2, 1, 0.1, rng=rng, dtype=np.float64)
    sampled.location.value[...] = 0
    mean, log_variance = np.tile([[0.5, -1.0]], (50_000, 1)), np.tile([[-0.5, 0.3]], (50_000, 1))
    z, noise = sampled.sample(mean, log_variance, rng)
    estimate = sampled.divergence(mean, log_variance, noise, z)
    assert abs(estimate.mean() - gaussian_kl(mean[:1], log_variance[:1])[0]) < 5 * estimate.std() / np.sqrt(len(estimate))


def test_the_divergence_from_a_mixture_is_the_difference_of_the_log_densities(rng):
    sampled = mixture(rng)
    mean, log_variance = rng.standard_normal((2, 7, 3))
    z, noise = sampled.sample(mean, log_variance, rng)
    deviation = np.exp(log_variance / 2)
    log_q = np.sum(-(((z - mean) / deviation) ** 2) / 2 - np.log(deviation * np.sqrt(2 * np.pi)), axis=1)
    np.testing.assert_allclose(sampled.divergence(mean, log_variance, noise, z), log_q - log_density(z, sampled), rtol=1e-10)


def test_the_gradient_of_a_mixture_is_that_of_sample_and_penalty(rng):
    model = Sequential([Dense(4, 6, rng=rng), mixture(rng), Dense(3, 2, rng=rng)])
    report = gradcheck(model, rng.standard_normal((5, 4)), rng=rng)
    assert {"1.location", "1.log_scale", "1.logit"} < set(report.errors)
    assert max(report.errors.values()) < 1e-7


def test_a_mixture_keeps_dtype_and_gives_the_mean_in_inference(dtype, rng):
    sampled = mixture(rng, dtype=dtype)
    x = rng.standard_normal((5, 6)).astype(dtype)
    np.testing.assert_array_equal(sampled.forward(x), x[:, :3])
    assert sampled.forward(x, training=True).dtype == dtype
    assert sampled.backward(np.ones((5, 3), dtype)).dtype == dtype


def test_codes_far_from_every_component_cost_much_but_not_infinitely_much(dtype, rng):
    sampled = mixture(rng, dtype=dtype)
    far = np.full((2, 3), 1000, dtype)
    divergence = sampled.divergence(far, np.zeros_like(far), np.zeros_like(far), far)
    assert (np.isfinite(divergence) & (divergence > 1e4)).all()


@pytest.mark.parametrize("make", [lambda rng: layer(rng), lambda rng: mixture(rng, code=2)])
def test_drawn_codes_are_distributed_as_the_prior(make, rng):
    sampled = make(rng)
    drawn = sampled.draw(100_000, 2, rng).astype(np.float64)
    if isinstance(sampled, MixtureSample):
        weights = np.exp(sampled.logit.value) / np.exp(sampled.logit.value).sum()
        mean = weights @ sampled.location.value
        variance = weights @ (np.exp(2 * sampled.log_scale.value) + sampled.location.value**2) - mean**2
    else:
        mean, variance = np.zeros(2), np.ones(2)
    assert (np.abs(drawn.mean(axis=0) - mean) < 5 * np.sqrt(variance / len(drawn))).all()
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.05)


def test_drawn_codes_are_float32_whatever_the_layer_computes_in(dtype, rng):
    assert layer(rng).draw(4, 3, rng).dtype == mixture(rng, dtype=dtype).draw(4, 3, rng).dtype == np.float32


@pytest.mark.parametrize("code", [1, 2, 4])
def test_a_mixture_draws_no_codes_of_another_size(code, rng):
    with pytest.raises(ValueError, match=f"MixtureSample draws codes of 3 numbers, received code={code}"):
        mixture(rng).draw(4, code, rng)


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1), (1, 1)])
def test_a_mixture_may_have_one_number_or_one_component(sizes, rng):
    prior = MixtureSample(*sizes, 0.1, rng=rng)
    assert prior.draw(4, sizes[0], rng).shape == (4, sizes[0])


@pytest.mark.parametrize(("sizes", "name"), [((0, 3), "code"), ((3, 0), "components")])
def test_a_mixture_without_code_or_components_is_refused(sizes, name, rng):
    with pytest.raises(ValueError, match=f"MixtureSample expects {name} of at least 1, received 0"):
        MixtureSample(*sizes, 0.1, rng=rng)


def test_a_mixture_refuses_another_code(rng):
    with pytest.raises(ValueError, match="expects 3 means and 3 log variances"):
        mixture(rng).forward(np.ones((2, 8)))


@pytest.mark.parametrize("log_scale", [-1, -3, -5, -8, -10])
@pytest.mark.parametrize("offset", [0, 100, np.linspace(-100, 100, 40)], ids=["none", "one", "of each number"])
def test_narrow_components_lose_nothing_to_float32(log_scale, offset, rng):
    """Against float64 with the same parameters, at codes drawn from the mixture itself."""
    sampled = MixtureSample(40, 30, 0.1, rng=rng)
    sampled.location.value += np.float32(offset)
    sampled.log_scale.value[...] = log_scale
    z = sampled.draw(50, 40, rng)
    mean, log_variance = z, np.zeros_like(z)
    distances = (z[:, None].astype(np.float64) - sampled.location.value) / np.exp(np.float64(log_scale))
    log_p = np.log(np.mean(np.exp(-np.sum(distances**2, axis=2) / 2 + 20), axis=1)) - 20 - 40 * log_scale
    divergence = sampled.divergence(mean, log_variance, np.zeros_like(z), z)
    np.testing.assert_allclose(divergence, -log_p, rtol=0, atol=1e-4)


@pytest.mark.parametrize("log_scale", [-1, -5, -8])
def test_the_gradients_of_narrow_components_lose_nothing_to_float32(log_scale):
    single, double = (MixtureSample(6, 4, 0.1, rng=np.random.default_rng(1), dtype=dtype) for dtype in (np.float32, np.float64))
    z = (single.location.value[[0, 1, 2, 2]] + np.exp(np.float32(log_scale)) * np.float32(0.7)).astype(np.float32)
    for sampled in (single, double):
        sampled.location.value[...] = single.location.value
        sampled.log_scale.value[...] = log_scale
        x = np.concatenate([z, np.full_like(z, -80)], axis=1).astype(sampled.location.value.dtype)  # z = m
        sampled.forward(x, training=True)
        sampled.dx = sampled.backward(np.zeros((4, 6), x.dtype))
    for name in ("location", "log_scale", "logit"):
        received, expected = (getattr(sampled, name).gradient for sampled in (single, double))
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(single.dx, double.dx, rtol=1e-4, atol=1e-5 * np.abs(double.dx).max())
