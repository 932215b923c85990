"""The timed training jobs: plain numbers, so that another process can receive a job as JSON.

Hidden layers have ReLU, the output the sigmoid; the loss is the mean squared error over all pixels of a batch, the optimizer Adam.
Nothing here imports NumPy, so that the process that starts the others stays small.
"""

import dataclasses
import json
from typing import NamedTuple

PIXELS = 784
TEST_IMAGES = 10_000
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


class Layer(NamedTuple):
    """One dense layer of a job; the activation is "relu", "linear" or "sigmoid"."""

    inputs: int
    outputs: int
    activation: str


@dataclasses.dataclass(frozen=True)
class Job:
    """An autoencoder, and how it is trained.

    Attributes
    ----------
    hidden : tuple of int
        The widths of the hidden layers, first to last.
    code : int or None
        The position in `hidden` of a layer without activation, or None.
    images, batch_size, epochs : int
        The number of training images (the first of MNIST's 60,000), of images a batch (the last may be smaller) and of epochs.
    weight_seed, order_seed : int
        One set of start weights and one order of the images for every framework.
    """

    hidden: tuple[int, ...] = (128,)
    code: int | None = None
    images: int = 60_000
    batch_size: int = 128
    epochs: int = 5
    weight_seed: int = 1
    order_seed: int = 2

    @property
    def layers(self) -> list[Layer]:
        """The dense layers, first to last."""
        widths = [PIXELS, *self.hidden, PIXELS]
        activations = ["linear" if position == self.code else "relu" for position in range(len(self.hidden))] + ["sigmoid"]
        return [Layer(*layer) for layer in zip(widths[:-1], widths[1:], activations, strict=True)]

    @property
    def operations(self) -> int:
        """Floating-point operations of an epoch's matrix products."""
        products = 3 * sum(inputs * outputs for inputs, outputs, _ in self.layers) - PIXELS * self.layers[0].outputs
        return 2 * self.images * products

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Return the job from `to_json`'s text."""
        fields = json.loads(text)
        return cls(**{**fields, "hidden": tuple(fields["hidden"])})

    def describe(self) -> str:
        """Return the job in a line."""
        widths = " → ".join(str(width) for width in (PIXELS, *self.hidden, PIXELS))
        return f"{widths}, {self.images:,} images, batches of {self.batch_size}, {self.epochs} epochs"


JOBS = {"mnist": Job(), "deep": Job(hidden=(1000, 500, 250, 30, 250, 500, 1000), code=3, epochs=2)}
