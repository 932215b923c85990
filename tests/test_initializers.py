"""Start weights: distribution, dtype, reproducibility."""

import numpy as np
import pytest

from nnlite import initializers

SHAPE = (200, 300)
COUNT = 200 * 300
UNIFORM = {"glorot_uniform": np.sqrt(6 / 500), "he_uniform": np.sqrt(6 / 200), "lecun_uniform": np.sqrt(3 / 200)}  # bounds
NORMAL = {  # standard deviations
    "glorot_normal": np.sqrt(2 / 500),
    "he_normal": np.sqrt(2 / 200),
    "lecun_normal": np.sqrt(1 / 200),
}
RANDOM = [*UNIFORM, *NORMAL, "orthogonal", "sparse"]


def draw(name, shape=SHAPE, dtype=np.float64, seed=5):
    return getattr(initializers, name)(shape, np.random.default_rng(seed), dtype)


@pytest.mark.parametrize(("name", "bound"), UNIFORM.items())
def test_uniform_weights_fill_the_stated_interval(name, bound):
    weights = draw(name)
    assert -bound <= weights.min() < -0.999 * bound
    assert 0.999 * bound < weights.max() <= bound


@pytest.mark.parametrize(
    ("name", "variance", "kurtosis"),
    [
        *[(name, bound**2 / 3, 1.8) for name, bound in UNIFORM.items()],
        *[(name, deviation**2, 3.0) for name, deviation in NORMAL.items()],
    ],
)
def test_mean_and_variance_are_those_stated_within_five_standard_errors(name, variance, kurtosis):
    weights = draw(name)
    assert abs(weights.mean()) < 5 * np.sqrt(variance / COUNT)
    assert abs(weights.var() / variance - 1) < 5 * np.sqrt((kurtosis - 1) / COUNT)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_have_normal_tails(name):
    """4.55 % of a normal distribution lie beyond two standard deviations, none of a uniform one."""
    beyond = np.mean(np.abs(draw(name)) > 2 * NORMAL[name])
    assert abs(beyond - 0.0455) < 5 * np.sqrt(0.0455 * 0.9545 / COUNT)


@pytest.mark.parametrize("name", RANDOM)
def test_the_generator_decides_the_weights(name):
    assert np.array_equal(draw(name), draw(name))
    assert not np.array_equal(draw(name), draw(name, seed=6))


@pytest.mark.parametrize("name", RANDOM)
def test_one_generator_gives_two_layers_different_weights(name, rng):
    initializer = getattr(initializers, name)
    assert not np.array_equal(initializer((3, 4), rng), initializer((3, 4), rng))


@pytest.mark.parametrize("name", ["zeros", *RANDOM])
def test_shape_and_dtype_are_those_asked_for(name, dtype):
    weights = draw(name, (3, 4), dtype)
    assert (weights.shape, weights.dtype) == ((3, 4), dtype)


@pytest.mark.parametrize("name", ["zeros", *RANDOM])
def test_the_default_dtype_is_float32(name, rng):
    assert getattr(initializers, name)((3, 4), rng).dtype == np.float32


@pytest.mark.parametrize("name", RANDOM)
def test_both_dtypes_start_from_the_same_weights(name):
    assert np.array_equal(draw(name, dtype=np.float32), draw(name).astype(np.float32))


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (7, 7), (1, 5)], ids=str)
def test_orthogonal_weights_are_orthonormal_along_the_shorter_side(shape):
    weights = draw("orthogonal", shape)
    product = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)
    assert weights.flags.c_contiguous


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)], ids=str)
def test_orthogonal_weights_are_the_q_of_a_normal_matrix_whose_r_has_a_positive_diagonal(shape):
    weights = draw("orthogonal", shape)
    q = weights if shape[0] >= shape[1] else weights.T
    r = q.T @ np.random.default_rng(5).standard_normal(q.shape)
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-14)
    assert (np.diagonal(r) > 0).all()


def test_orthogonal_weights_prefer_no_direction(rng):
    first = np.array([initializers.orthogonal((2, 2), rng, np.float64)[0] for _ in range(4000)])  # points on the circle
    assert np.abs(first.mean(axis=0)).max() < 5 * np.sqrt(0.5 / 4000)
    np.testing.assert_allclose((first**2).mean(axis=0), [0.5, 0.5], atol=5 * np.sqrt(0.125 / 4000))


def test_each_unit_of_sparse_weights_has_fifteen_normal_connections():
    weights = draw("sparse")
    assert ((weights != 0).sum(axis=0) == 15).all()
    values = weights[weights != 0]
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / values.size)
    per_input = (weights != 0).sum(axis=1)  # binomial: 300 units, each with a chance of 15 / 200
    assert abs(per_input - 22.5).max() < 5 * np.sqrt(300 * 0.075 * 0.925)


def test_sparse_weights_of_few_inputs_are_dense(rng):
    assert (initializers.sparse((4, 5), rng) != 0).all()
    assert ((initializers.sparse((9, 5), rng, connections=3) != 0).sum(axis=0) == 3).all()


def test_zeros_are_zeros_and_draw_nothing(rng):
    before = rng.bit_generator.state
    assert not initializers.zeros((3, 4), rng).any()
    assert rng.bit_generator.state == before
