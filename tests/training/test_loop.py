"""How the training loop, `evaluate` and `predict` use a compiled step, told by one that only writes down what it is asked for."""

import math

import numpy as np
import pytest

from nnlite import SGD, Dense, Sequential, Tanh
from nnlite.training.translation import NotCompilable

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)


class FakeStep:
    """Gives these losses for the steps, then NaN, and this answer to `evaluate` and `predict`."""

    def __init__(self, losses=(), answer=None):
        self.losses, self.answer, self.log = list(losses), answer, []
        self.x = self.y = self.t = X[:4]

    def __enter__(self):
        self.log.append("begin")
        return self

    def __exit__(self, *exception):
        self.log.append("end")

    def train(self, batches, indices):
        self.log.append(len(indices))
        return self.losses.pop(0) if self.losses else math.nan

    def evaluate(self, batches):
        if self.answer is None:
            raise NotCompilable("for a test")
        return self.answer

    predict = evaluate


def model_of(step=None):
    rng = np.random.default_rng(0)
    model = Sequential([Dense(3, 4, rng=rng), Tanh(), Dense(4, 3, rng=rng)])
    model.compile(SGD(0.1), "mse", compiled=False)
    if step is not None:
        model.compiled_step = lambda rows, predicts=False: step
    return model


def fit(model, **options):
    return model.fit(X, batch_size=4, shuffle=False, verbose=False, **options).history


def test_the_compiled_step_begins_and_ends_with_the_training():
    step = FakeStep([1.0, 2.0, 3.0, 5.0])
    assert fit(model_of(step), epochs=2)["loss"] == [1.5, 4.0]
    assert step.log == ["begin", 4, 4, 4, 4, "end"]


def test_the_compiled_step_ends_after_an_error_too():
    step = FakeStep()
    with pytest.raises(ValueError, match="augment is expected"):
        fit(model_of(step), augment=lambda x, rng: x[1:], rng=np.random.default_rng(0))
    assert step.log == ["begin", "end"]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_step_whose_compiled_loss_is_not_finite_is_taken_by_the_layers_and_no_other(loss):
    step, by_layers = FakeStep([7.0, loss]), model_of()
    by_both = model_of(step)
    by_layers.fit(X[4:], batch_size=4, shuffle=False, verbose=False)
    fit(by_both)
    for weight, expected in zip(by_both.get_weights(), by_layers.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(("answer", "is_taken"), [(7.0, True), (math.nan, False), (math.inf, False), (None, False)])
def test_the_layers_evaluate_where_the_compiled_step_has_no_finite_answer(answer, is_taken):
    step = FakeStep([1.0, 1.0], answer)
    assert model_of(step).evaluate(X) == (answer if is_taken else model_of().evaluate(X))
    assert fit(model_of(step), validation_data=X)["val_loss"] == [answer if is_taken else model_of().evaluate(X)]


@pytest.mark.parametrize("answer", [X + 1, None])
def test_the_layers_predict_where_the_compiled_step_cannot(answer):
    expected = model_of().predict(X) if answer is None else answer
    np.testing.assert_array_equal(model_of(FakeStep([], answer)).predict(X), expected)


def test_no_samples_are_predicted_by_the_layers():
    assert model_of(FakeStep([], X)).predict(X[:0]).shape == (0, 3)
