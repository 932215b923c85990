"""The whole lesson on one page: the autoencoder of demos.mnist, 784-128-784, in plain NumPy.

Read it from top to bottom; run it with python demos/minimal.py, and with 6000 behind it on the first 6000 images only. Its losses
are those of nnlite, which is the same, but checked, faster and with more layers. Shapes: N images a batch, D inputs (784 pixels at
first), H outputs. dy stands for dL/dy, the gradient of the loss.
"""

import gzip
import sys
from pathlib import Path

import numpy as np


def read_images(split):
    path = Path(__file__).parents[1] / f"nnlite/datasets/data/{split}-images-idx3-ubyte.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 784)  # 16 bytes are a header


# --- Layers: forward keeps what backward needs; backward turns dy into dx, and keeps the gradients of the layer's own numbers.
class Dense:
    def __init__(self, inputs, outputs, rng):
        limit = np.sqrt(6 / (inputs + outputs))  # Glorot's: numbers keep their size from layer to layer
        self.W = rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):  # (N, D) → (N, H)
        self.x = x
        return x @ self.W + self.b  # y[n,h] = Σ_d x[n,d] W[d,h] + b[h]

    def backward(self, dy):  # (N, H) → (N, D)
        self.dW = self.x.T @ dy  # ∂L/∂W[d,h] = Σ_n x[n,d] dy[n,h]
        self.db = dy.sum(axis=0)  # ∂L/∂b[h] = Σ_n dy[n,h]
        return dy @ self.W.T  # ∂L/∂x[n,d] = Σ_h dy[n,h] W[d,h]


class ReLU:
    def forward(self, x):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy):
        return dy * (self.y > 0)  # the slope is 1 above zero and 0 below


class Sigmoid:
    def forward(self, x):
        self.y = 0.5 + 0.5 * np.tanh(0.5 * x)  # 1 / (1 + exp(−x)), but nothing overflows
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)  # the slope is y (1 − y)


# --- The loss, and its gradient: how wrong, and in which direction it becomes less wrong.
def mean_squared_error(y, t):
    difference = y - t
    return np.mean(difference**2), 2 * difference / difference.size


# --- The optimizer: a step for each number, in units of its gradient's usual size.
class Adam:
    def __init__(self, layers, rate=0.001):
        self.rate, self.t = rate, 0
        self.places = [(layer, name) for layer in layers if isinstance(layer, Dense) for name in ("W", "b")]
        self.m = [np.zeros_like(getattr(*place)) for place in self.places]
        self.v = [np.zeros_like(getattr(*place)) for place in self.places]

    def step(self):
        self.t += 1
        for (layer, name), m, v in zip(self.places, self.m, self.v, strict=True):
            w, g = getattr(layer, name), getattr(layer, "d" + name)
            m += 0.1 * (g - m)  # m ← 0.9 m + 0.1 g, a running mean
            v += 0.001 * (g * g - v)  # v ← 0.999 v + 0.001 g²
            m_hat, v_hat = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)  # both began at zero, too small by these factors
            w -= self.rate * m_hat / (np.sqrt(v_hat) + 1e-8)


# --- Training: forward, loss, backward, step, for one batch after the other.
def predict(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train_epoch(layers, adam, images, order, batch_size=128):
    total = 0.0
    for start in range(0, len(order), batch_size):
        x = images[order[start : start + batch_size]] / np.float32(255)
        loss, dy = mean_squared_error(predict(layers, x), x)  # an autoencoder: the target is the input
        for layer in reversed(layers):
            dy = layer.backward(dy)
        adam.step()
        total += loss * len(x)
    return total / len(order)


def main(count=60_000, epochs=5):
    rng = np.random.default_rng(0)
    images, unseen = read_images("train")[:count], read_images("t10k") / np.float32(255)
    layers = [Dense(784, 128, rng), ReLU(), Dense(128, 784, rng), Sigmoid()]
    adam = Adam(layers)
    for epoch in range(1, epochs + 1):
        loss = train_epoch(layers, adam, images, rng.permutation(len(images)))
        val_loss, _ = mean_squared_error(predict(layers, unseen), unseen)
        print(f"epoch {epoch}/{epochs}  loss {loss:.5f}  val_loss {val_loss:.5f}")


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*map(int, sys.argv[1:]))
