"""The same layers, losses and optimizers in PyTorch give the same numbers; skipped where PyTorch is not installed."""

import numpy as np
import pytest
from activation_twins import TWINS

from nnlite import BatchNormalization, Dense, Flatten, LeakyReLU, ReLU, Reshape, Sequential, Sigmoid, Softmax, Tanh, TiedDense
from nnlite.layers import ACTIVATIONS
from nnlite.losses import LOSSES, MeanSquaredError
from nnlite.optimizers import SGD, Adam, AdamW, RMSProp

torch = pytest.importorskip("torch")

TORCH_LOSSES = {
    "mse": torch.nn.functional.mse_loss,
    "mae": torch.nn.functional.l1_loss,
    "huber": torch.nn.functional.huber_loss,
    "bce": torch.nn.functional.binary_cross_entropy,
    "bce_logits": torch.nn.functional.binary_cross_entropy_with_logits,
    "softmax_cross_entropy": torch.nn.functional.cross_entropy,
}
OPTIMIZERS = {
    "sgd": (lambda: SGD(0.5), lambda p: torch.optim.SGD(p, 0.5)),
    "momentum": (lambda: SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "nesterov": (lambda: SGD(0.1, momentum=0.9, nesterov=True), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
    "adam": (lambda: Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "amsgrad": (lambda: Adam(0.01, amsgrad=True), lambda p: torch.optim.Adam(p, 0.01, amsgrad=True)),
    "adamw": (lambda: AdamW(0.01, 0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
    "rmsprop": (lambda: RMSProp(0.01), lambda p: torch.optim.RMSprop(p, 0.01)),
    "adam with settings": (
        lambda: Adam(0.01, beta1=0.8, beta2=0.99, epsilon=1e-4),
        lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.99), eps=1e-4),
    ),
}


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected.detach().numpy(), rtol=1e-10, atol=1e-10)


def leaf(array):
    """Return a copy of an array as a tensor whose gradient PyTorch computes."""
    return torch.tensor(array, requires_grad=True)


def test_everything_that_has_a_name_is_compared():
    assert set(TORCH_LOSSES) == set(LOSSES)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_gives_what_torch_gives(name, rng):
    layer, x, dy = ACTIVATIONS[name](), 3 * rng.standard_normal((7, 5)), rng.standard_normal((7, 5))
    tensor = leaf(x)
    y = TWINS[name].torch(torch, tensor)
    y.backward(torch.tensor(dy))
    assert_close(layer.forward(x, training=True), y)
    assert_close(layer.backward(dy), tensor.grad)


def test_dense_gives_what_torch_gives(rng):
    layer, x, dy = Dense(6, 4, rng=rng, dtype=np.float64), rng.standard_normal((7, 6)), rng.standard_normal((7, 4))
    layer.bias.value[...] = rng.standard_normal(4)
    tensor, weight, bias = leaf(x), leaf(layer.weight.value.T), leaf(layer.bias.value)
    y = torch.nn.functional.linear(tensor, weight, bias)
    y.backward(torch.tensor(dy))
    assert_close(layer.forward(x, training=True), y)
    assert_close(layer.backward(dy), tensor.grad)
    assert_close(layer.weight.gradient.T, weight.grad)
    assert_close(layer.bias.gradient, bias.grad)


def test_batch_normalization_gives_what_torch_gives(rng):
    layer, twin = BatchNormalization(5, dtype=np.float64), torch.nn.BatchNorm1d(5, dtype=torch.float64)
    for parameter, tensor in ((layer.scale, twin.weight), (layer.shift, twin.bias)):
        parameter.value[...] = rng.standard_normal(5)
        tensor.data[...] = torch.tensor(parameter.value)
    for _ in range(3):
        x, dy = 2 + 3 * rng.standard_normal((7, 5)), rng.standard_normal((7, 5))
        tensor = leaf(x)
        twin.zero_grad()
        layer.zero_gradients()
        y = twin(tensor)
        y.backward(torch.tensor(dy))
        assert_close(layer.forward(x, training=True), y)
        assert_close(layer.backward(dy), tensor.grad)
        assert_close(layer.scale.gradient, twin.weight.grad)
        assert_close(layer.shift.gradient, twin.bias.grad)
    twin.eval()
    assert_close(layer.forward(x), twin(torch.tensor(x)))
    assert_close(layer.running_variance.value, twin.running_var)


def test_gradients_of_a_tied_autoencoder_are_those_of_torch(rng):
    first = Dense(6, 4, rng=rng, dtype=np.float64)
    model = Sequential([first, Tanh(), TiedDense(first), Sigmoid()])
    x = rng.random((7, 6))
    weight, b, c = tensors = [leaf(value) for value in model.get_weights()]
    y = torch.sigmoid(torch.tanh(torch.tensor(x) @ weight + b) @ weight.T + c)
    torch.nn.functional.mse_loss(y, torch.tensor(x)).backward()
    _, gradient = MeanSquaredError().value_and_gradient(model.forward(x, training=True), x)
    model.zero_gradients()
    model.backward(gradient, need_dx=False)
    for parameter, tensor in zip(model.parameters, tensors, strict=True):
        assert_close(parameter.gradient, tensor.grad)


@pytest.mark.parametrize(
    ("layer", "twin", "shape"),
    [(Flatten(), torch.nn.Flatten(), (7, 3, 4)), (Reshape((4, 3)), torch.nn.Unflatten(1, (4, 3)), (7, 12))],
    ids=["flatten", "reshape"],
)
def test_change_of_shape_gives_what_torch_gives(layer, twin, shape, rng):
    x = rng.standard_normal(shape)
    tensor = leaf(x)
    y = twin(tensor)
    dy = rng.standard_normal(y.shape)
    y.backward(torch.tensor(dy))
    assert_close(layer.forward(x, training=True), y)
    assert_close(layer.backward(dy), tensor.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_gives_what_torch_gives(name, rng):
    prediction, target = rng.uniform(0.05, 0.95, (7, 5)), rng.dirichlet(np.ones(5), 7)
    tensor = leaf(prediction)
    expected = TORCH_LOSSES[name](tensor, torch.tensor(target))
    expected.backward()
    value, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    assert_close(value, expected)
    assert_close(gradient, tensor.grad)


@pytest.mark.parametrize("name", ["bce_logits", "softmax_cross_entropy"])
def test_loss_of_large_logits_gives_what_torch_gives(name, rng):
    logits, target = 100 * rng.standard_normal((7, 5)), rng.dirichlet(np.ones(5), 7)
    tensor = leaf(logits)
    expected = TORCH_LOSSES[name](tensor, torch.tensor(target))
    expected.backward()
    value, gradient = LOSSES[name]().value_and_gradient(logits, target)
    assert_close(value, expected)
    assert_close(gradient, tensor.grad)


@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name != "softmax"])
def test_gradients_of_a_model_are_those_of_torch(hidden, rng):
    first, second = Dense(6, 5, rng=rng, dtype=np.float64), Dense(5, 4, rng=rng, dtype=np.float64)
    model = Sequential([first, ACTIVATIONS[hidden](), second, Softmax()])
    x, target = rng.standard_normal((7, 6)), rng.dirichlet(np.ones(4), 7)
    tensors = [leaf(weight) for weight in model.get_weights()]
    w1, b1, w2, b2 = tensors
    y = torch.softmax(TWINS[hidden].torch(torch, torch.tensor(x) @ w1 + b1) @ w2 + b2, 1)
    torch.nn.functional.mse_loss(y, torch.tensor(target)).backward()
    _, gradient = MeanSquaredError().value_and_gradient(model.forward(x, training=True), target)
    model.zero_gradients()
    model.backward(gradient, need_dx=False)
    for parameter, tensor in zip(model.parameters, tensors, strict=True):
        assert_close(parameter.gradient, tensor.grad)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_of_training_end_where_torch_ends(name, rng):
    make, make_twin = OPTIMIZERS[name]
    model = Sequential([Dense(6, 5, rng=rng, dtype=np.float64), ReLU(), Dense(5, 6, rng=rng, dtype=np.float64), Sigmoid()])
    model.compile(make(), "mse")
    start = model.get_weights()
    tensors = [leaf(weight) for weight in start]
    w1, b1, w2, b2 = tensors
    twin = make_twin(tensors)
    x = rng.uniform(0, 1, (40, 6))
    history = model.fit(x, epochs=25, batch_size=10, shuffle=False, verbose=False)  # 4 steps an epoch
    for step in range(100):
        batch = torch.tensor(x[10 * (step % 4) :][:10])
        twin.zero_grad()
        torch.nn.functional.mse_loss(torch.sigmoid(torch.relu(batch @ w1 + b1) @ w2 + b2), batch).backward()
        twin.step()
    for weight, tensor, before in zip(model.get_weights(), tensors, start, strict=True):
        assert_close(weight, tensor)
        assert np.abs(weight - before).max() > 0.01  # there was something to learn
    losses = history.history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("layer", "twin"), [(LeakyReLU(0.2), torch.nn.LeakyReLU(0.2)), (Tanh(), torch.nn.Tanh())], ids=["leaky", "tanh"]
)
def test_module_gives_what_torch_gives_at_the_edges(layer, twin):
    x = np.array([[-np.inf, -1e30, -0.0, 0.0, 1e-300, 1e30, np.inf, np.nan]])
    assert_close(layer.forward(x), twin(torch.tensor(x)))
