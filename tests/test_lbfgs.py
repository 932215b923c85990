"""L-BFGS against the matrix it never forms, against Wolfe's conditions, and against known minima."""

from itertools import pairwise

import numpy as np
import pytest

from nnlite import Autoencoder, BatchNormalization, Dense, Flatten, Sequential, Tanh, WeightPenalty, lbfgs
from nnlite.optimizers import SGD


def rosenbrock(w):
    """A bent valley with its bottom at (1, 1)."""
    a, b = w
    return (1 - a) ** 2 + 100 * (b - a**2) ** 2, np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


def bowl(rng, size=8):
    """A quadratic function with curvatures from 1 to 100, and its minimum."""
    directions = np.linalg.qr(rng.standard_normal((size, size)))[0]
    hessian = directions @ np.diag(np.geomspace(1, 100, size)) @ directions.T
    minimum = rng.standard_normal(size)
    return lambda w: ((w - minimum) @ hessian @ (w - minimum) / 2, hessian @ (w - minimum)), minimum


def matrix(pairs, size):
    """H, written out: BFGS's update of (s·y / y·y) I by each pair (Nocedal and Wright, equation 7.16)."""
    s, y = pairs[-1]
    inverse = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        v = np.eye(size) - np.outer(y, s) / (s @ y)
        inverse = v.T @ inverse @ v + np.outer(s, s) / (s @ y)
    return inverse


def reference(function, w, iterations, memory):
    """Return all points of L-BFGS with matrices."""
    points, pairs = [w], []
    for _ in range(iterations):
        value, gradient = function(w)
        direction = -matrix(pairs[-memory:], len(w)) @ gradient if pairs else -gradient / np.sqrt(gradient @ gradient)
        slope, t, low, high = gradient @ direction, 1.0, 0.0, None
        while True:
            new_value, new_gradient = function(w + t * direction)
            if new_value > value + 1e-4 * t * slope:
                high = t
            elif new_gradient @ direction < 0.9 * slope:
                low = t
            else:
                break
            t = 2 * t if high is None else (low + high) / 2
        pairs.append((t * direction, new_gradient - gradient))
        w = w + t * direction
        points.append(w)
    return points


@pytest.mark.parametrize("memory", [1, 3, 20])
def test_every_point_is_that_of_the_matrices(memory, rng):
    function, _ = bowl(rng)
    start = rng.standard_normal(8)
    points = reference(function, start, 12, memory)
    for count, point in enumerate(points[1:], 1):
        w, values = lbfgs.minimize(function, start, iterations=count, memory=memory, tolerance=0)
        np.testing.assert_allclose(w, point, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(values[-1], function(point)[0], rtol=1e-8, atol=1e-12)


def test_the_two_loops_are_a_product_with_the_matrix(rng):
    pairs = [(s, s + 0.2 * rng.standard_normal(6)) for s in rng.standard_normal((4, 6))]
    gradient = rng.standard_normal(6)
    np.testing.assert_allclose(lbfgs.inverse_hessian_product(pairs, gradient), matrix(pairs, 6) @ gradient, rtol=1e-12)


def test_the_last_pair_is_fitted_exactly(rng):
    pairs = [(s, s + 0.2 * rng.standard_normal(6)) for s in rng.standard_normal((4, 6))]
    s, y = pairs[-1]
    np.testing.assert_allclose(lbfgs.inverse_hessian_product(pairs, y), s, rtol=1e-12, atol=1e-12)


def test_every_step_fulfils_the_conditions_of_wolfe():
    points = [np.array([-1.2, 1.0])]
    points += [lbfgs.minimize(rosenbrock, points[0], iterations=count)[0] for count in range(1, 31)]
    for old, new in pairwise(points):
        (old_value, old_gradient), (new_value, new_gradient), s = rosenbrock(old), rosenbrock(new), new - old
        assert new_value <= old_value + 1e-4 * old_gradient @ s < old_value
        assert new_gradient @ s >= 0.9 * old_gradient @ s


def test_a_bowl_is_descended_to_its_bottom_in_few_iterations(rng):
    function, minimum = bowl(rng)
    w, values = lbfgs.minimize(function, np.zeros(8), tolerance=1e-9)
    np.testing.assert_allclose(w, minimum, atol=1e-8)
    assert len(values) <= 41


def test_a_bent_valley_is_followed_to_its_end():
    w, values = lbfgs.minimize(rosenbrock, np.array([-1.2, 1.0]), tolerance=1e-8)
    np.testing.assert_allclose(w, [1, 1], atol=1e-7)
    assert len(values) <= 51


def test_a_step_into_infinity_is_taken_back():
    """x − ln x is not defined for x ≤ 0, where the first step from 0.5 would lead."""

    def function(w):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(100 * w[0] - np.log(w[0])), 100 - 1 / w

    w, _ = lbfgs.minimize(function, np.array([0.5]))
    np.testing.assert_allclose(w, [0.01], rtol=1e-6)


def test_it_ends_where_no_descent_can_be_told(rng):
    function, _ = bowl(rng)
    calls = []

    def upside_down(w):
        calls.append(w)
        value, gradient = function(w)
        return value, -gradient

    w, values = lbfgs.minimize(upside_down, np.zeros(8))
    assert len(values) == 1 and len(calls) == 1 + lbfgs.TRIALS
    np.testing.assert_array_equal(w, 0)


def test_float32_stays_float32_and_gets_as_far_as_it_can(rng):
    function, minimum = bowl(rng)

    def rounded(w):
        assert w.dtype == np.float32
        value, gradient = function(w)
        return float(np.float32(value)), gradient.astype(np.float32)

    w, values = lbfgs.minimize(rounded, np.zeros(8, np.float32), tolerance=0)
    assert w.dtype == np.float32
    np.testing.assert_allclose(w, minimum, atol=1e-4)
    assert values == sorted(values, reverse=True)


# --- the line search


def search(verdicts):
    """Search a line on which each trial is "long", "short" or "right"; return the lengths that were tried, and whether one was."""
    tried = []
    answers = {"long": (0.0, [0.0]), "short": (-1.0, [1.0]), "right": (-1.0, [0.0])}

    def function(w):
        value, gradient = answers[verdicts[len(tried)]]
        tried.append(-w[0])
        return value, np.array(gradient)

    return tried, lbfgs.search_line(function, np.zeros(1), 0.0, np.ones(1), -np.ones(1)) is not None


@pytest.mark.parametrize(
    ("verdicts", "lengths"),
    [
        ("right", [1]),
        ("short short right", [1, 2, 4]),
        ("long long right", [1, 0.5, 0.25]),
        ("short long right", [1, 2, 1.5]),
        ("short long short right", [1, 2, 1.5, 1.75]),
        ("short short long long right", [1, 2, 4, 3, 2.5]),
        ("long short right", [1, 0.5, 0.75]),
        ("long short long right", [1, 0.5, 0.75, 0.625]),
    ],
)
def test_a_length_between_one_too_short_and_one_too_long_is_their_middle_else_half_or_double(verdicts, lengths):
    assert search(verdicts.split()) == (lengths, True)


def test_forty_lengths_are_tried_and_no_more():
    tried, found = search(["long"] * 39 + ["right"])
    assert len(tried) == 40 and found
    tried, found = search(["long"] * 40 + ["right"])
    assert len(tried) == 40 and not found


@pytest.mark.parametrize(
    ("value", "slope", "tried"),
    [(-1e-4, 0.0, [1]), (-0.99e-4, 0.0, [1, 0.5]), (-1.0, -0.9, [1]), (-1.0, -0.91, [1, 2])],
    ids=["just low enough", "just too high", "just flat enough", "just too steep"],
)
def test_a_point_that_just_fulfils_the_conditions_is_taken_and_one_beside_it_is_not(value, slope, tried):
    lengths = []

    def function(w):
        lengths.append(-w[0])
        return (value, np.array([-slope])) if len(lengths) == 1 else (-10.0, np.zeros(1))

    lbfgs.search_line(function, np.zeros(1), 0.0, np.ones(1), -np.ones(1))
    assert lengths == tried


def scripted(monkeypatch, *found):
    """Let the line searches return these steps, None for one that fails; return the list of directions that they are given."""
    directions, steps = [], iter(found)

    def search_line(function, w, value, gradient, direction):
        directions.append(direction)
        step = next(steps)
        return None if step is None else (w + step[0], value - 1, gradient + step[1])

    monkeypatch.setattr(lbfgs, "search_line", search_line)
    return directions


def test_after_a_failed_search_the_steepest_descent_is_tried_and_then_it_ends(monkeypatch):
    s, y = np.array([1.0, 0.0]), np.array([2.0, 1.0])
    directions = scripted(monkeypatch, (s, y), None, None)
    w, values = lbfgs.minimize(lambda w: (0.0, np.array([3.0, -4.0])), np.zeros(2))
    gradient = np.array([3.0, -4.0]) + y
    np.testing.assert_allclose(directions[0], [-0.6, 0.8])
    np.testing.assert_allclose(directions[1], -lbfgs.inverse_hessian_product([(s, y)], gradient))
    np.testing.assert_allclose(directions[2], -gradient / np.linalg.norm(gradient))
    assert len(directions) == 3
    assert w.tolist() == [1, 0] and values == [0, -1]


def test_what_was_learned_before_a_failed_search_is_forgotten(monkeypatch):
    old, new = (np.array([1.0, 0.0]), np.array([2.0, 1.0])), (np.array([0.0, 1.0]), np.array([0.5, 1.0]))
    directions = scripted(monkeypatch, old, None, new, None, None)
    lbfgs.minimize(lambda w: (0.0, np.array([3.0, -4.0])), np.zeros(2))
    gradient = np.array([3.0, -4.0]) + old[1] + new[1]
    np.testing.assert_allclose(directions[3], -lbfgs.inverse_hessian_product([new], gradient))


def test_a_step_that_shows_no_curvature_is_not_learned_from(monkeypatch):
    directions = scripted(monkeypatch, (np.array([1.0, 0.0]), np.array([0.0, 5.0])), None)
    lbfgs.minimize(lambda w: (0.0, np.array([3.0, -5.0])), np.zeros(2))
    np.testing.assert_allclose(directions[1], [-1, 0])


def test_a_start_whose_gradient_is_no_larger_than_the_tolerance_is_the_end():
    function, calls = rosenbrock, []

    def counted(w):
        calls.append(w)
        return function(w)

    start = np.array([0.0, 0.0])  # where the gradient is (−2, 0)
    assert len(lbfgs.minimize(counted, start, tolerance=2)[1]) == len(calls) == 1
    assert len(lbfgs.minimize(counted, start, tolerance=1.99)[1]) > 1
    assert lbfgs.minimize(rosenbrock, np.ones(2), tolerance=0)[1] == [0]


def test_a_hundred_iterations_and_ten_pairs_unless_other_numbers_are_given(monkeypatch):
    """No step of this script is the last, and each pair differs from the others."""
    remembered = []
    product = lbfgs.inverse_hessian_product
    monkeypatch.setattr(lbfgs, "inverse_hessian_product", lambda pairs, g: (remembered.append(len(pairs)), product(pairs, g))[1])
    scripted(monkeypatch, *((np.array([1.0, k]), np.array([1.0, k])) for k in range(200)))
    _, values = lbfgs.minimize(lambda w: (0.0, np.ones(2)), np.zeros(2))
    assert len(values) == 101
    assert remembered == [*range(10), *90 * [10]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations of at least 1, received 0"),
        ({"memory": 0}, "memory of at least 1, received 0"),
        ({"tolerance": -1}, "a tolerance of at least 0, received -1"),
        ({"tolerance": np.nan}, "a tolerance of at least 0, received nan"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=f"L-BFGS expects {message}"):
        lbfgs.minimize(rosenbrock, np.zeros(2), **options)


def test_a_model_that_cannot_learn_is_refused():
    model = Sequential([Flatten()])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="L-BFGS expects a model with trainable parameters, received one without"):
        lbfgs.fit(model, np.ones((2, 3), np.float32))


def wall(position, steepness):
    """A straight descent along w with a wall at a position, as a function that notes where it was asked."""
    asked = []

    def function(w):
        asked.append(float(w[0]))
        beyond = max(0.0, float(w[0]) - position)
        return -float(w[0]) + steepness * beyond**2, np.array([-1 + 2 * steepness * beyond])

    return function, asked


@pytest.mark.parametrize(
    ("position", "steepness", "steps"),
    [
        (1.4, 10, [1, 2, 1.5]),
        (1.2, 1000, [1, 2, 1.5, 1.25, 1.125, 1.1875, 1.21875]),
        (0.4, 10, [1, 0.5]),
        (6.0, 10, [1, 2, 4, 8, 6, 7, 6.5]),
    ],
)
def test_a_step_that_is_too_short_and_then_too_long_is_halved_between_the_two(position, steepness, steps):
    function, asked = wall(position, steepness)
    point, value, gradient = lbfgs.search_line(function, np.zeros(1), 0.0, np.array([-1.0]), np.array([1.0]))
    assert asked == steps
    assert (point[0], value, gradient[0]) == (steps[-1], *function(point)[:1], function(point)[1][0])


def test_a_search_that_finds_nothing_ends_after_its_trials():
    function, asked = wall(0, 1e300)
    assert lbfgs.search_line(function, np.zeros(1), 0.0, np.array([-1.0]), np.array([1.0])) is None
    assert asked == [0.5**k for k in range(lbfgs.TRIALS)]


def test_a_failed_search_empties_the_memory_and_goes_on_by_the_steepest_descent(rng, monkeypatch):
    function, minimum = bowl(rng)
    search, directions = lbfgs.search_line, []

    def fails_once(function, w, value, gradient, direction):
        directions.append((gradient, direction))
        return None if len(directions) == 4 else search(function, w, value, gradient, direction)

    monkeypatch.setattr(lbfgs, "search_line", fails_once)
    w, values = lbfgs.minimize(function, np.zeros(8), iterations=60, tolerance=1e-9)
    for number, (gradient, direction) in enumerate(directions[:6], 1):
        steepest = np.allclose(direction, -gradient / np.linalg.norm(gradient), rtol=1e-12)
        assert steepest == (number in (1, 5))
    np.testing.assert_array_equal(directions[3][0], directions[4][0])  # from where it stood
    np.testing.assert_allclose(w, minimum, atol=1e-8)
    assert len(values) == len(directions)  # the start, and one for each but the failed one


# --- models


def autoencoder(dtype, *further):
    rng = np.random.default_rng(3)
    encoder = [Dense(12, 5, rng=rng, dtype=dtype), Tanh(), Dense(5, 3, rng=rng, dtype=dtype)]
    decoder = [Dense(3, 5, rng=rng, dtype=dtype), Tanh(), Dense(5, 12, rng=rng, dtype=dtype)]
    model = Autoencoder(encoder, [*decoder, *further])
    model.compile(SGD(0.1), "mse")
    return model


@pytest.fixture
def samples(rng, dtype):
    """Points near a curved surface of 3 dimensions in 12."""
    return np.tanh(rng.uniform(-2, 2, (60, 3)) @ rng.standard_normal((3, 12))).astype(dtype)


def test_an_autoencoder_learns_more_than_by_gradient_descent_in_as_many_passes(samples, dtype):
    model, passes = autoencoder(dtype), 0
    forward = model.forward

    def counted(x, training=False):
        nonlocal passes
        passes += 1
        return forward(x, training)

    model.forward = counted
    values = lbfgs.fit(model, samples, iterations=60)
    assert 60 < passes < 80
    assert values[-1] == pytest.approx(model.evaluate(samples), rel=1e-5)
    losses = []
    for rate in (0.1, 0.3, 1.0, 3.0):
        model = autoencoder(dtype)
        model.compile(SGD(rate), "mse")
        model.fit(samples, epochs=80, batch_size=len(samples), shuffle=False, verbose=False)
        losses.append(model.evaluate(samples))
    assert values[-1] < 0.8 * min(losses)


def test_the_model_ends_with_the_weights_that_were_found_and_not_with_those_tried_last(samples, dtype, monkeypatch):
    def minimize(function, start):
        function(start + 1)
        return start + 2, [0.0]

    model = autoencoder(dtype)
    before = model.get_weights()
    monkeypatch.setattr(lbfgs, "minimize", minimize)
    lbfgs.fit(model, samples)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected + 2)


def test_penalties_belong_to_what_is_minimised(rng):
    """With mse over D outputs and an l2 penalty a linear layer is ridge regression."""
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    dense = Dense(4, 2, rng=rng, dtype=np.float64)
    model = Sequential([dense, WeightPenalty([dense], l2=0.1)])
    model.compile(loss="mse")
    lbfgs.fit(model, x, y, tolerance=1e-10)
    centred = x - x.mean(axis=0)
    expected = np.linalg.solve(2 / 60 * centred.T @ centred + 0.1 * np.eye(4), 2 / 60 * centred.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(dense.weight.value, expected, atol=1e-8)


def test_images_are_scaled_and_running_statistics_left_to_their_layer(rng):
    images = rng.integers(0, 256, (20, 4), dtype=np.uint8)
    results = []
    for x in (images, images.astype(np.float32) / 255):
        layers = [Dense(4, 3, rng=np.random.default_rng(1)), BatchNormalization(3), Dense(3, 4, rng=np.random.default_rng(2))]
        model = Sequential(layers)
        model.compile(loss="mse")
        results.append(lbfgs.fit(model, x, x, iterations=5))
        assert model.layers[1].running_mean.value.any()
    np.testing.assert_allclose(*results, rtol=1e-4)
