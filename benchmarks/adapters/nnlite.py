"""nnlite through `Sequential.fit`, called as in any program."""

import time

import numpy as np

import nnlite
from benchmarks.adapters.base import Adapter
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE, Job

ACTIVATIONS = {"relu": [nnlite.ReLU], "sigmoid": [nnlite.Sigmoid], "linear": []}


def network(job: Job, weights) -> nnlite.Sequential:
    """Return the job's network with these start weights."""
    rng, layers = np.random.default_rng(0), []  # its weights are replaced below
    for inputs, outputs, activation in job.layers:
        layers += [nnlite.Dense(inputs, outputs, rng=rng), *(make() for make in ACTIVATIONS[activation])]
    model = nnlite.Sequential(layers)
    model.set_weights(weights)
    return model


class FirstStep(nnlite.Callback):
    """Reads the clock when the first step is done."""

    seconds = None

    def on_train_begin(self, model, epochs, steps):
        """Start the clock."""
        self.start = time.perf_counter()

    def on_step_end(self, model, step, loss):
        """Read it, once."""
        if self.seconds is None:
            self.seconds = time.perf_counter() - self.start


class NnliteAdapter(Adapter):
    """`fit` receives the uint8 images, and draws every epoch's order itself."""

    compiled: bool | None = None

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        self.model = network(job, weights)
        self.model.compile(nnlite.optimizers.Adam(LEARNING_RATE, BETA1, BETA2, EPSILON), loss="mse", compiled=self.compiled)

    def train(self, order):
        """Train on some of the images, in this order."""
        self.model.fit(self.images[order], batch_size=self.job.batch_size, shuffle=False, verbose=False)

    def train_epoch(self, rng, callbacks=()):
        """Fit one epoch."""
        self.model.fit(self.images, batch_size=self.job.batch_size, rng=rng, callbacks=callbacks, verbose=False)

    def first_epoch(self, rng):
        """Fit one epoch, and let a callback read the clock."""
        first_step = FirstStep()
        self.train_epoch(rng, [first_step])
        return first_step.seconds

    def predict(self, images):
        """Predict the uint8 images as they are."""
        return self.model.predict(images)


class LayersAdapter(NnliteAdapter):
    """The same, layer by layer."""

    compiled = False
