"""A model's end and its loss: what would train, but not well, is said at compile."""

import warnings

import numpy as np
import pytest

from nnlite import (
    GELU,
    ActivityPenalty,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    Layer,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TiedDense,
)
from nnlite.layers import Stack

LOGITS = {"softmax_cross_entropy": "SoftmaxCrossEntropyWithLogits", "bce_logits": "BinaryCrossEntropyWithLogits"}


def dense():
    return Dense(4, 4, rng=np.random.default_rng(0))


WRAPPED = {
    "alone": lambda end: [dense(), end],
    "nested": lambda end: [dense(), Stack([dense(), Sequential([end])])],
    "before a reshape": lambda end: [dense(), end, Reshape((4, 1)), Flatten()],
    "before what passes in inference": lambda end: [dense(), end, Dropout(0.1, rng=np.random.default_rng(0)), ActivityPenalty(0.1)],
    "nested, before an empty stack": lambda end: [dense(), Stack([end, Reshape((4,))]), Stack([])],
}


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("end", [Sigmoid, Softmax])
@pytest.mark.parametrize("loss", LOGITS)
def test_probabilities_before_a_loss_of_logits_are_said_at_compile(loss, end, wrap):
    model = Sequential(WRAPPED[wrap](end()))
    message = f"{LOGITS[loss]} expects logits, received a model that ends with {end.__name__}: leave the {end.__name__} out"
    with pytest.warns(UserWarning, match=message):
        model.compile(loss=loss)


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize(
    "end",
    [dense, lambda: TiedDense(dense()), ReLU, Tanh, GELU, lambda: BatchNormalization(4)],
    ids=["Dense", "Tied", "ReLU", "Tanh", "GELU", "BN"],
)
def test_no_probabilities_before_a_loss_that_needs_them_are_said_at_compile(end, wrap):
    model = Sequential(WRAPPED[wrap](end()))
    name = type(end()).__name__
    with pytest.warns(
        UserWarning, match=f"BinaryCrossEntropy expects probabilities, .* ends with {name}: end it with Sigmoid, or use"
    ):
        model.compile(loss="bce")


@pytest.mark.parametrize(("end", "loss"), [(Sigmoid, "bce_logits"), (ReLU, "bce")])
def test_the_warning_names_the_line_that_compiles(end, loss):
    with pytest.warns(UserWarning, match="received a model that ends with") as record:
        Sequential([dense(), end()]).compile(loss=loss)
    assert record[0].filename == __file__


class Unknown(Layer):
    def forward(self, x, training=False):
        return x


@pytest.mark.parametrize(
    ("end", "losses"),
    [
        (Sigmoid, ["bce", "mse", "mae", "huber"]),
        (Softmax, ["bce", "mse"]),
        (dense, ["bce_logits", "softmax_cross_entropy", "mse"]),
        (ReLU, ["mse", "softmax_cross_entropy"]),
        (Unknown, ["bce", "bce_logits", "softmax_cross_entropy", "mse"]),
    ],
    ids=["Sigmoid", "Softmax", "Dense", "ReLU", "unknown"],
)
def test_pairs_that_fit_are_compiled_without_a_word(end, losses):
    for loss in losses:
        for wrap in WRAPPED.values():
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                Sequential(wrap(end())).compile(loss=loss)


def test_a_model_without_layers_is_compiled_without_a_word():
    for loss in ("bce", "bce_logits"):
        Sequential([]).compile(loss=loss)
