"""Ten small faults for demos.findbug: everybody sees the first, only a gradient check sees the last."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One fault in one file of nnlite.

    Attributes
    ----------
    symptom : str
        The first thing to notice.
    file, before, after : str
        The file in nnlite/, and a text that occurs there once, without and with the fault.
    model, training : str
        A training that shows the fault: the layers, and the arguments of `compile`.
    notice : str
        This line raises an error because of the fault.
    hints : tuple of str
        From general to specific; none names the line.
    answer : str
        The fault, and the reason of its symptom.
    """

    symptom: str
    file: str
    before: str
    after: str
    model: str
    training: str
    notice: str
    hints: tuple[str, ...]
    answer: str


AUTOENCODER = "Dense(49, 16, rng=rng), ReLU(), Dense(16, 49, rng=rng), Sigmoid()"
CLASSIFIER = "Dense(49, 24, rng=rng), {}, Dense(24, 10, rng=rng)"
ADAM, CROSS_ENTROPY = "Adam(0.01), MeanSquaredError()", "SGD(0.1, momentum=0.9), SoftmaxCrossEntropyWithLogits()"
LAYER = "gradcheck({}, rng.standard_normal((6, 5)), rng=rng)"

FAULTS = [
    Fault(
        "the loss rises with every epoch",
        "kernels.py",
        "difference = prediction[n, d] - target[n, d]\n",
        "difference = target[n, d] - prediction[n, d]\n",
        AUTOENCODER,
        ADAM,
        "gradcheck_loss(MeanSquaredError(), rng.random((4, 3)), rng.random((4, 3)), rng=rng)",
        (
            "The steps go uphill, so a sign is wrong, and for all weights alike.",
            "Check what comes first on the way back: the loss.",
        ),
        "∂L/∂p is 2 (p − t) / (N D). The square hides the sign from the loss's value, but the gradient points uphill.",
    ),
    Fault(
        "the loss falls more slowly than it did",
        "kernels.py",
        "dx[i] = dy[i] * (one - y[i] * y[i])\n",
        "dx[i] = dy[i] * (one - y[i])\n",
        CLASSIFIER.format("Tanh()"),
        CROSS_ENTROPY,
        LAYER.format("Tanh()"),
        ("Check the layers of the model one by one.", "The slope of one activation is wrong. What must it be where y is −1?"),
        "The slope of tanh is 1 − y², 0 at both ends. Without the square it is 2 at the lower end, where nothing should pass.",
    ),
    Fault(
        "the loss rises with every epoch, and this time all gradients are right",
        "optimizers/optimizer.py",
        "correction1 = 1 - self.beta1**t\n",
        "correction1 = 1 - self.beta1 * t\n",
        AUTOENCODER,
        ADAM,
        "weight = Parameter('w', np.ones(1)); adam = Adam(); adam.bind([weight]); adam.step_count = 9; "
        "weight.gradient[...] = 1; adam.step(); assert weight.value[0] < 1",
        (
            "All gradients are right: gradcheck is silent for each layer and for the loss.",
            "The first step is right, the second is not.",
        ),
        "m is too small by the factor 1 − β₁ᵗ. With β₁ t it is negative from the second step on, and Adam walks uphill.",
    ),
    Fault(
        "training is a little worse, and nobody would have noticed",
        "kernels.py",
        "dx[i] = dy[i] if y[i] > zero else zero\n",
        "dx[i] = dy[i] if y[i] >= zero else zero\n",
        AUTOENCODER,
        ADAM,
        LAYER.format("ReLU()"),
        ("Check the layers one by one.", "Which units should not learn from a sample?"),
        "A ReLU that is off has the output 0, and passes no gradient. With ≥ it passes every gradient, as if it had no bend.",
    ),
    Fault(
        "with dropout the loss falls much more slowly than it did, and gradcheck finds nothing",
        "layers/noise.py",
        "        mask /= 1 - self.rate\n",
        "        mask *= 1 - self.rate\n",
        CLASSIFIER.format("ReLU(), Dropout(0.5, rng=rng)"),
        CROSS_ENTROPY,
        "assert abs(Dropout(0.5, rng=rng).forward(np.ones((99, 99)), training=True).mean() - 1) < 0.1",
        (
            "Forward and backward agree with each other, so a gradient check cannot see it.",
            "One layer does one thing in training and another later.",
        ),
        "What is kept must grow by 1 / (1 − rate), so that the mean stays. Here it shrinks: the sums behind it are a quarter.",
    ),
    Fault(
        "the momentum seems to have no effect",
        "kernels.py",
        "        value[i] -= rate * velocity[i]\n",
        "        value[i] -= rate * gradient[i]\n",
        CLASSIFIER.format("Tanh()"),
        "SGD(0.01, momentum=0.9), SoftmaxCrossEntropyWithLogits()",
        "weight = Parameter('w', np.ones(1)); sgd = SGD(0.1, momentum=0.9); sgd.bind([weight]); weight.gradient[...] = 1; "
        "sgd.step(); sgd.step(); assert abs(weight.value[0] - 0.71) < 1e-6",
        ("The gradients are right. What happens to them?", "Do two steps of the optimizer by hand, with the gradient 1."),
        "u is computed and kept, but the step uses g. In two steps with g = 1, w must move by η (1 + 1.9), and moves by 2 η.",
    ),
    Fault(
        "with batch normalisation the loss hardly falls, and jumps on new images",
        "layers/normalization.py",
        "        dx -= d_shift / len(dy)\n",
        "        dx -= d_shift\n",
        CLASSIFIER.format("BatchNormalization(24), ReLU()"),
        CROSS_ENTROPY,
        LAYER.format("BatchNormalization(5)"),
        (
            "Scale and shift get the right gradients; what lies before them does not.",
            "dx has three terms. Two are means over the batch.",
        ),
        "Moving all samples alike must change nothing, so dx has the mean 0: the mean of dy is taken out, and here it is the sum.",
    ),
    Fault(
        "training looks well, but the loss on new images is absurd, and gradcheck finds nothing",
        "layers/normalization.py",
        "running.value += self.momentum * (batch - running.value)\n",
        "running.value += self.momentum * (batch + running.value)\n",
        CLASSIFIER.format("BatchNormalization(24), ReLU()"),
        CROSS_ENTROPY,
        "layer = BatchNormalization(2); x = np.ones((8, 2), np.float32); "
        "[layer.forward(x, training=True) for _ in range(99)]; assert abs(layer.running_mean.value[0] - 1) < 0.1",
        (
            "A gradient check looks at training; look at what is used after it.",
            "Which numbers does a layer collect while it trains?",
        ),
        "A running mean moves a tenth of the way to each batch's. With the sum in place of the difference it grows without end.",
    ),
    Fault(
        "an autoencoder with tied weights learns worse than it did",
        "layers/layer.py",
        "            self._gradient += np.dot(a, b)\n",
        "            self._gradient[...] = np.dot(a, b)\n",
        "encoder := Dense(49, 16, rng=rng), ReLU(), TiedDense(encoder), Sigmoid()",
        ADAM,
        "dense = Dense(5, 3, rng=rng); " + LAYER.format("Sequential([dense, Tanh(), TiedDense(dense)])"),
        ("Each layer alone passes its check. Check the model.", "Only the gradient of the weight that two layers share is wrong."),
        "The gradient of a shared weight is the sum over its uses. Here the second contribution overwrites the first.",
    ),
    Fault(
        "nobody has noticed anything; a gradient is wrong all the same",
        "layers/rectifiers.py",
        "(1 + 3 * GELU_CUBE * x * x)",
        "(1 + GELU_CUBE * x * x)",
        CLASSIFIER.format("GELU()"),
        CROSS_ENTROPY,
        LAYER.format("GELU()"),
        ("Training goes as before, within chance. Check the layers one by one.", "Differentiate a cube."),
        "The derivative of 0.044715 x³ is 3 · 0.044715 x². The factor matters little where x is small, and so training hides it.",
    ),
]
