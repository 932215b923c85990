"""One parameter with two uses: listed once, changed once, and its gradient the sum of both."""

import re

import numpy as np
import pytest

from nnlite import Autoencoder, Dense, Sequential, Sigmoid, Tanh, TiedDense, gradcheck, load_weights, save_weights
from nnlite.losses import MeanSquaredError
from nnlite.optimizers import Adam


def autoencoder(rng, dtype=np.float64):
    first, second = Dense(6, 5, rng=rng, dtype=dtype), Dense(5, 3, rng=rng, dtype=dtype)
    return Autoencoder([first, Tanh(), second], [TiedDense(second), Tanh(), TiedDense(first), Sigmoid()])


MODELS = {
    "as a decoder": lambda rng, dense: Sequential([dense, Tanh(), TiedDense(dense)]),
    "before its owner": lambda rng, dense: Sequential([TiedDense(dense), Tanh(), dense], input_shape=(4,)),
    "in a part of the model": lambda rng, dense: Sequential([Sequential([dense, Tanh()]), Sequential([TiedDense(dense)], (4,))]),
    "twice": lambda rng, dense: Sequential(
        [dense, Tanh(), TiedDense(dense), Dense(6, 4, rng=rng, dtype=dense.weight.value.dtype), TiedDense(dense)]
    ),
    "without its owner": lambda rng, dense: Sequential([TiedDense(dense), Tanh()], input_shape=(4,)),
}
every_model = pytest.mark.parametrize("name", MODELS)


def test_the_bias_starts_at_zero(rng):
    assert TiedDense(Dense(6, 4, rng=rng)).bias.value.tolist() == [0] * 6


@every_model
def test_the_gradient_is_the_sum_of_all_uses(name, rng):
    model = MODELS[name](rng, Dense(6, 4, rng=rng))
    x = rng.standard_normal((5, *model.input_shape))
    for directions in (None, 5):
        assert max(gradcheck(model, x, rng=rng, directions=directions).errors.values()) < 1e-7


@every_model
def test_the_gradient_of_a_step_holds_nothing_of_the_step_before(name, rng):
    model = MODELS[name](rng, Dense(6, 4, rng=rng, dtype=np.float64))
    x = rng.standard_normal((5, *model.input_shape)).astype(model.dtype)
    gradients = []
    for _ in range(2):
        model.zero_gradients()
        model.backward(np.ones_like(model.forward(x, training=True)), need_dx=False)
        gradients.append([parameter.gradient.copy() for parameter in model.parameters])
    for once, again in zip(*gradients, strict=True):
        np.testing.assert_array_equal(once, again)


def test_an_abandoned_step_leaves_nothing(rng):
    model, x = autoencoder(rng), rng.random((5, 6))
    dy = rng.standard_normal((5, 6))
    model.forward(x, training=True)
    model.backward(dy.copy())
    expected = [parameter.gradient.copy() for parameter in model.parameters]
    model.forward(x, training=True)  # whose backward never comes
    model.decoder.forward(model.encode(x), training=True)
    model.decoder.backward(dy.copy())  # nor that of the encoder
    model.zero_gradients()
    model.forward(x, training=True)
    model.backward(dy.copy())
    for parameter, gradient in zip(model.parameters, expected, strict=True):
        np.testing.assert_array_equal(parameter.gradient, gradient)


def test_the_model_lists_the_weights_once(rng):
    model = autoencoder(rng)
    assert list(model.named_parameters()) == ["0.weight", "0.bias", "2.weight", "2.bias", "3.bias", "5.bias"]
    assert model.parameters[0] is model.layers[5].weight
    assert list(model.decoder.named_parameters()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_the_optimizer_changes_the_weights_once_by_the_summed_gradient(rng):
    model, x = autoencoder(rng), rng.random((7, 6))
    weight = model.layers[0].weight
    model.compile(Adam(0.01, epsilon=1e-15), "mse")
    before = weight.value.copy()
    model.fit(x, shuffle=False, verbose=False)
    np.testing.assert_allclose(weight.value - before, -0.01 * np.sign(weight.gradient), rtol=1e-3)  # as Adam's first step is
    assert model.optimizer.step_count == 1


def test_tied_weights_stay_tied_and_learn(rng, tmp_path):
    x = rng.random((40, 6)).astype(np.float32)
    model = autoencoder(rng, np.float32)
    model.compile("adam", "mse")
    losses = model.fit(x, epochs=30, batch_size=10, rng=rng, verbose=False).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert model.layers[5].weight is model.layers[0].weight
    save_weights(model, tmp_path / "weights")
    other = autoencoder(rng, np.float32)
    load_weights(other, tmp_path / "weights")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_directional_check_of_a_deep_tied_autoencoder(rng):
    model, x = autoencoder(rng), rng.random((5, 6))
    assert max(gradcheck(model, x, rng=rng, loss=MeanSquaredError(), target=x).errors.values()) < 1e-7


def test_the_summary_counts_shared_weights_once(rng, capsys):
    autoencoder(rng).summary()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:-1]] == ["35", "0", "18", "5", "0", "6", "0"]
    assert lines[-1] == "64 parameters, float64"


def test_other_shapes_and_dtypes_are_refused(rng):
    layer = TiedDense(Dense(6, 4, rng=rng))
    with pytest.raises(ValueError, match=re.escape("TiedDense expects samples of shape (4,), received (6,)")):
        layer.forward(np.zeros((2, 6), np.float32))
    with pytest.raises(ValueError, match=r"^TiedDense with float32 parameters expects x of that dtype, received float64"):
        layer.forward(np.zeros((2, 4)))
