"""Penalties: values by hand, gradients through the checker, and what they do to a training."""

import numpy as np
import pytest

from nnlite import ActivityPenalty, Dense, Sequential, Sigmoid, SparsityPenalty, Tanh, TiedDense, WeightPenalty, gradcheck
from nnlite.losses import MeanSquaredError
from nnlite.optimizers import SGD

LAYERS = {
    "l1": lambda dense: WeightPenalty([dense], l1=0.3),
    "l2": lambda dense: WeightPenalty([dense], l2=0.3),
    "both": lambda dense: WeightPenalty([dense], l1=0.1, l2=0.2),
    "activity": lambda dense: ActivityPenalty(0.3),
    "sparsity": lambda dense: SparsityPenalty(0.1, 0.5),
}
every_penalty = pytest.mark.parametrize("name", LAYERS)


@every_penalty
@pytest.mark.parametrize("directions", [None, 5], ids=["every entry", "directions"])
@pytest.mark.parametrize("place", ["last", "after the activation", "first"])
def test_the_gradient_is_that_of_loss_and_penalty(name, directions, place, rng):
    dense = Dense(6, 4, rng=rng)
    layers = [dense, Sigmoid(), TiedDense(dense), Sigmoid()]
    layers.insert({"first": 0, "after the activation": 2, "last": 4}[place], LAYERS[name](dense))
    x = rng.uniform(0.1, 0.9, (5, 6))
    model = Sequential(layers, input_shape=(6,))
    report = gradcheck(model, x, rng=rng, loss=MeanSquaredError(), target=x, directions=directions)
    assert max(report.errors.values()) < 1e-7
    assert sum(name.endswith("weight") for name in model.named_parameters()) == 1


def test_penalties_by_hand(rng, dtype):
    dense = Dense(2, 2, rng=rng, dtype=dtype)
    dense.weight.value[...] = [[1, -2], [3, 0]]
    x = np.array([[1, -2], [0, 3]], dtype)
    for layer, value in ((WeightPenalty([dense, dense], l1=1), 12), (WeightPenalty([dense], l2=1), 7), (ActivityPenalty(0.5), 1.5)):
        assert layer.forward(x, training=True) is x
        assert layer.penalty == value
        assert layer.backward(np.zeros_like(x)).dtype == dtype
    activity = np.array([[0.25], [0.75]], dtype)  # mean one half
    layer = SparsityPenalty(0.25, 2)
    layer.forward(activity, training=True)
    assert layer.penalty == pytest.approx(2 * (0.25 * np.log(0.5) + 0.75 * np.log(1.5)), rel=1e-6)
    np.testing.assert_allclose(layer.backward(np.zeros_like(activity)), [[1], [1]], rtol=1e-6)  # 2 / 2 · (1.5 − 0.5)


@pytest.mark.parametrize("rows", [0, 1])
def test_the_price_of_activity_is_a_mean_over_any_number_of_samples(rows, dtype):
    layer, x = ActivityPenalty(0.5), np.full((rows, 2), -3, dtype)
    layer.forward(x, training=True)
    assert layer.penalty == 3 * rows
    assert layer.backward(np.ones_like(x)).tolist() == [[0.5, 0.5]] * rows


@pytest.mark.parametrize("make", [lambda: ActivityPenalty(0), lambda: SparsityPenalty(0.5, 0)], ids=["activity", "sparsity"])
def test_what_is_free_costs_nothing(make, dtype):
    layer = make()
    x = np.full((2, 3), 0.25, dtype)
    layer.forward(x, training=True)
    assert layer.penalty == 0
    assert layer.backward(x).tolist() == x.tolist()


def test_a_step_pays_for_the_weights_of_this_step_alone(rng):
    dense, x = Dense(2, 3, rng=rng, initializer=lambda shape, rng, dtype: np.full(shape, 2, dtype)), np.ones((1, 2), np.float32)
    layer = WeightPenalty([dense], l2=1)
    for _ in range(2):
        layer.zero_gradients()
        layer.forward(x, training=True)
        layer.backward(x)
        assert layer.penalty == 12
        assert dense.weight.gradient.tolist() == [[2] * 3] * 2


def test_a_weight_penalty_lists_the_weights(rng):
    first, second = Dense(2, 3, rng=rng), Dense(3, 2, rng=rng)
    layer = WeightPenalty([first, second])
    assert layer.parameters == [first.weight, second.weight]
    assert layer.named_parameters() == {"0.weight": first.weight, "1.weight": second.weight}


@pytest.mark.parametrize("name", ["activity", "sparsity"])
def test_training_works_in_the_same_array_again(name, rng):
    layer, x = LAYERS[name](None), np.full((2, 3), 0.5)
    layer.forward(x, training=True)
    dx = layer.backward(x)
    layer.forward(x, training=True)
    assert np.shares_memory(layer.backward(x), dx)


def test_the_sparsity_of_units_that_are_always_off_or_on_stays_finite(dtype):
    layer = SparsityPenalty(0.05, 1)
    x = np.array([[0, 1], [0, 1]], dtype)
    layer.forward(x, training=True)
    assert np.isfinite(layer.penalty)
    assert np.isfinite(layer.backward(np.zeros_like(x))).all()


def test_sgd_with_l2_decays_the_weights(rng):
    dense = Dense(3, 2, rng=rng, dtype=np.float64)
    model = Sequential([dense, WeightPenalty([dense], l2=0.5)])
    before = dense.weight.value.copy()
    optimizer = SGD(0.1)
    optimizer.bind(model.parameters)
    model.forward(np.ones((4, 3)), training=True)
    model.backward(np.zeros((4, 2)), need_dx=False)
    optimizer.step()
    np.testing.assert_allclose(dense.weight.value, before * (1 - 0.1 * 0.5), rtol=1e-14)


def test_the_history_holds_the_loss_with_the_penalty_and_the_validation_without(rng):
    dense = Dense(3, 3, rng=rng)
    model, x = Sequential([dense, WeightPenalty([dense], l2=2)]), rng.random((8, 3)).astype(np.float32)
    model.compile(SGD(1e-30), "mse")
    history = model.fit(x, shuffle=False, validation_data=x, verbose=False).history
    expected = history["val_loss"][0] + float(np.sum(dense.weight.value**2))
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_an_activity_penalty_makes_the_code_sparser(rng):
    x, shares = rng.random((60, 6)).astype(np.float32), []
    for weight in (0.0, 5.0):
        draw = np.random.default_rng(1)
        encoder = Sequential([Dense(6, 5, rng=draw), Sigmoid(), SparsityPenalty(0.05, weight)])
        model = Sequential([encoder, Dense(5, 6, rng=draw), Tanh()])
        model.compile("adam", "mse")
        model.fit(x, epochs=60, batch_size=10, rng=draw, verbose=False)
        shares.append(encoder.predict(x).mean())
    assert shares[1] < shares[0] - 0.1


@every_penalty
def test_inference_gives_back_the_input_and_keeps_nothing(name, rng):
    layer, x = LAYERS[name](Dense(6, 4, rng=rng)), np.ones((2, 6), np.float32)
    assert layer.forward(x) is x
    assert layer.penalty == 0
    with pytest.raises(RuntimeError, match="backward needs"):
        layer.backward(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightPenalty([], l1=-1), "WeightPenalty expects l1 of at least 0, received -1"),
        (lambda: WeightPenalty([], l2=-1), "WeightPenalty expects l2 of at least 0, received -1"),
        (lambda: ActivityPenalty(-1), "l1 of at least 0, received -1"),
        (lambda: SparsityPenalty(0, 1), "SparsityPenalty expects a target in .0, 1., received 0"),
        (lambda: SparsityPenalty(1, 1), "a target in .0, 1., received 1"),
        (lambda: SparsityPenalty(0.5, -1), "SparsityPenalty expects a weight of at least 0, received -1"),
    ],
)
def test_settings_without_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
