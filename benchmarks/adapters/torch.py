"""PyTorch: eager with the fused Adam, and the same with the model and the loss through `torch.compile`.

The images stay in memory as uint8; `index_select` gathers each batch, then it becomes float. We measured: this is not slower than
float images, with `index_select` or brackets, and takes a quarter of the memory.
"""

import torch

from benchmarks.adapters.base import Adapter, threads
from benchmarks.job import BETA1, BETA2, EPSILON, LEARNING_RATE

ACTIVATIONS = {"relu": [torch.nn.ReLU], "sigmoid": [torch.nn.Sigmoid], "linear": []}


class EagerAdapter(Adapter):
    """One call after the other."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        torch.set_num_threads(threads())
        layers = []
        for position, (inputs, outputs, activation) in enumerate(job.layers):
            linear = torch.nn.Linear(inputs, outputs)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weights[2 * position].T))  # PyTorch has W as (outputs, inputs)
                linear.bias.copy_(torch.from_numpy(weights[2 * position + 1]))
            layers += [linear, *(make() for make in ACTIVATIONS[activation])]
        self.model = torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)
        self.bytes = torch.from_numpy(images)

    def loss(self, x):
        """Return the loss of a batch, ready for backward."""
        return torch.nn.functional.mse_loss(self.model(x), x)

    def train(self, order):
        """Step after step."""
        for indices in torch.from_numpy(order).split(self.job.batch_size):
            x = self.bytes.index_select(0, indices).float().mul_(1 / 255)
            self.optimizer.zero_grad()
            self.loss(x).backward()
            self.optimizer.step()

    def predict(self, images):
        """Predict all images at once."""
        with torch.inference_mode():
            return self.model(torch.from_numpy(images).float().div_(255)).numpy()


class CompiledAdapter(EagerAdapter):
    """Model and loss compiled as one function, for each of the two batch sizes."""

    def __init__(self, job, weights, images):
        super().__init__(job, weights, images)
        self.loss = torch.compile(super().loss, dynamic=False)
