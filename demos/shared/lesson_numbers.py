"""The numbers behind the pictures of demos.lesson: a recorded training, and measurements of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demos.mnist import make_model
from demos.shared.examples import one_two_four
from nnlite import Autoencoder, Callback, Dense, Sequential, Sigmoid, Tanh
from nnlite.codec.digits.class_prior import ClassPrior
from nnlite.codec.digits.decoding import to_bytes
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import UniformQuantizer, dequantize, quantize
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam

# --- a training run, recorded


@dataclass(frozen=True)
class Training:
    """A trained model, and its weights during the training.

    Attributes
    ----------
    model : Autoencoder
        With the weights of the end.
    steps_per_epoch : int
    weights : dict of lists of arrays
        ``model.get_weights()`` by the number of steps; the first after 0 steps, the last at the end.
    """

    model: Autoencoder
    steps_per_epoch: int
    weights: dict[int, list[np.ndarray]]

    @property
    def last_step(self) -> int:
        """How many steps the training took."""
        return max(self.weights)

    def epochs(self) -> list[int]:
        """Return the steps at which 1, 2, 5, 10, 20, 50 ... epochs were done, and the last."""
        return [step for step in one_two_five(self.last_step, self.steps_per_epoch) if step in self.weights]

    def name(self, step: int) -> str:
        """Return a name for the moment after this step, such as "2 epochs"."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        if rest or step == 0:
            return f"step {step}" if step else "start"
        return f"{epochs} epoch{'s' if epochs > 1 else ''}"

    def at(self, step: int) -> Autoencoder:
        """Return the model with its weights after this step: always the same object."""
        self.model.set_weights(self.weights[step])
        return self.model


class Recorder(Callback):
    """Copies the weights after each of these steps, counted from the start of the training."""

    def __init__(self, steps: set[int]):
        self.steps = steps
        self.weights: dict[int, list[np.ndarray]] = {}
        self.done = 0

    def on_train_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Copy the start weights."""
        self.weights[0] = model.get_weights()

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """Copy the weights, if this is one of the steps."""
        self.done += 1
        if self.done in self.steps:
            self.weights[self.done] = model.get_weights()


def train(images: np.ndarray, latent: int, epochs: int, batch_size: int, seed: int, verbose: bool) -> Training:
    """Train the autoencoder of demos.mnist and record it: often at first, when much happens, then seldom."""
    rng = np.random.default_rng(seed)
    model = make_model(images.shape[1:], latent, [], "relu", rng)
    model.compile(Adam(), "mse")
    steps_per_epoch = -(-len(images) // batch_size)
    last = epochs * steps_per_epoch
    often = {int(step) for step in np.rint(np.geomspace(1, last, 40))}
    recorder = Recorder(often | {10, 30, 100, 300} | set(one_two_five(last, steps_per_epoch)))
    model.fit(images, epochs=epochs, batch_size=batch_size, rng=rng, callbacks=[recorder], verbose=verbose)
    return Training(model, steps_per_epoch, recorder.weights)


def one_two_five(last: int, unit: int) -> list[int]:
    """Return 1, 2, 5, 10, 20, 50 ... units as long as they are less than `last`, then `last`."""
    series = [digit * 10**power * unit for power in range(len(str(last))) for digit in (1, 2, 5)]
    return [*(number for number in series if number < last), last]


# --- the loss around the path


@dataclass(frozen=True)
class Surface:
    """The loss on a part of the plane through three points of a training's path.

    Attributes
    ----------
    path : array, shape (T, 2)
        The recorded weights in the plane's coordinates: along the line from start to end, and across it.
    off_plane : array, shape (T,)
        How far the weights are from the plane: 0 for start, end and the point farthest from the line between them.
    path_loss : array, shape (T,)
        The loss of the recorded weights themselves, not of their projections.
    along, across : arrays, shapes (A,) and (B,)
        The grid.
    loss : array, shape (B, A)
    """

    path: np.ndarray
    off_plane: np.ndarray
    path_loss: np.ndarray
    along: np.ndarray
    across: np.ndarray
    loss: np.ndarray


def loss_surface(training: Training, images: np.ndarray, columns: int = 30, rows: int = 20) -> Surface:
    """Return the loss on images in the plane of the training's path; a random plane would not show the path."""
    flat = np.stack([np.concatenate([array.ravel() for array in weights]) for weights in training.weights.values()])  # (T, P)
    relative = flat - flat[0]
    first = relative[-1] / np.linalg.norm(relative[-1])
    beside = relative - np.outer(relative @ first, first)  # Gram-Schmidt
    farthest = beside[np.argmax(np.linalg.norm(beside, axis=1))]
    second = farthest / max(np.linalg.norm(farthest), 1e-12)  # a path of one step has no bend
    plane = np.stack([first, second])  # (2, P)
    path = relative @ plane.T  # (T, 2)
    low, high = path.min(axis=0), path.max(axis=0)
    margin = 0.25 * np.max(high - low)
    along = np.linspace(low[0] - margin, high[0] + margin, columns)
    across = np.linspace(low[1] - margin, high[1] + margin, rows)

    sizes = [array.size for array in training.weights[0]]
    shapes = [array.shape for array in training.weights[0]]

    def loss_at(vector: np.ndarray) -> float:
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        training.model.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
        return training.model.evaluate(images)

    loss = np.array([[loss_at(flat[0] + np.float32(a) * first + np.float32(b) * second) for a in along] for b in across])
    path_loss = np.array([loss_at(point) for point in flat])  # the last point is the end: the model is as it was
    return Surface(path, np.linalg.norm(relative - path @ plane, axis=1), path_loss, along, across, loss)


# --- the error of finite differences


def difference_errors(epsilons: Sequence[float], dtype: type[np.floating[Any]], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of difference quotients against backward's gradient, ‖n − a‖ / ‖a‖, for each step ε: central and one-sided.

    The model is a small autoencoder of smooth units; the scalar is a fixed random projection of its output, as in
    `nnlite.gradcheck`. Vary every parameter, and compute in `dtype`.
    """
    rng = np.random.default_rng(seed)
    model = Sequential([Dense(8, 3, rng=rng, dtype=dtype), Tanh(), Dense(3, 8, rng=rng, dtype=dtype), Sigmoid()])
    x = rng.random((4, 8)).astype(dtype)
    upstream = rng.standard_normal((4, 8)).astype(dtype)

    def scalar() -> float:
        return float(np.sum(upstream * model.forward(x)))

    model.forward(x, training=True)
    model.backward(upstream.copy())
    gradient = np.concatenate([parameter.gradient.ravel() for parameter in model.parameters])
    centre = scalar()
    central, one_sided = [], []
    for epsilon in epsilons:
        values = []  # s(θ + ε), s(θ − ε) for each parameter
        for parameter in model.parameters:
            entries = parameter.value.reshape(-1)
            for i, start in enumerate(entries.copy()):
                entries[i] = start + epsilon
                right = scalar()
                entries[i] = start - epsilon
                values.append((right, scalar()))
                entries[i] = start
        right, left = np.array(values).T
        central.append(np.linalg.norm((right - left) / (2 * epsilon) - gradient))
        one_sided.append(np.linalg.norm((right - centre) / epsilon - gradient))
    return np.array(central) / np.linalg.norm(gradient), np.array(one_sided) / np.linalg.norm(gradient)


# --- quantising


def coarser(quantizer: UniformQuantizer, bits: int) -> UniformQuantizer:
    """Return the quantiser over the same ranges with 2^bits values instead of 256."""
    return UniformQuantizer(quantizer.minimum, quantizer.step * np.float32(255 / (2**bits - 1)))


def quantize_to(codes: np.ndarray, quantizer: UniformQuantizer, bits: int) -> np.ndarray:
    """Quantise codes (N, K) to `bits` bits a number, and return them as floats again."""
    coarse = coarser(quantizer, bits)
    return coarse.dequantize(np.minimum(coarse.quantize(codes), 2**bits - 1).astype(np.uint8))


# --- the bits of an image


def latent_bits(prior: ClassPrior, symbols: np.ndarray, classes: np.ndarray, quality: int) -> np.ndarray:
    """Return the price of each latent (K,): −log₂(frequency / 2^16) of its symbol, as a mean over the images (N, K)."""
    shifted = symbols - prior.shift[quality, classes]
    table = prior.table[quality, classes]
    columns = zip(shifted.T, table.T, strict=True)
    return np.array([prior.tables.cross_entropy(column, rows) for column, rows in columns]) / len(symbols)


@dataclass(frozen=True)
class BitCount:
    """The bits of one image's file.

    Attributes
    ----------
    header_bytes, payload_bytes : int
        The sizes in a file of this image alone.
    latents : array, shape (K,)
        Bits of each latent, and `mean_latents` their means over all test images.
    order : int array, shape (K,)
        The latents, the costliest first.
    kept : list of int
        From how many of the costliest latents each of the `images` (len(kept), height, width) is decoded; all others have the value
        that the image's class makes likely.
    psnr : list of float
        Of the images, in dB.
    """

    header_bytes: int
    payload_bytes: int
    latents: np.ndarray
    mean_latents: np.ndarray
    order: np.ndarray
    kept: list[int]
    images: np.ndarray
    psnr: list[float]


def count_bits(codec: ImageCodec, images: np.ndarray, index: int, quality: int) -> BitCount:
    """Count the bits of one image, and their means over all images."""
    latents = codec.encoder.predict(images)
    symbols = quantize(latents, codec.gain[quality])
    classes = codec.prior.choose(latents)
    one = slice(index, index + 1)
    bits = latent_bits(codec.prior, symbols[one], classes[one], quality)
    order = np.argsort(-bits, kind="stable")
    kept = [0, *one_two_four(len(bits))]
    expected = codec.prior.shift[quality, classes[index]].astype(np.int32)  # (K,)
    partial = np.tile(expected, (len(kept), 1))
    for row, number in zip(partial, kept, strict=True):
        row[order[:number]] = symbols[index, order[:number]]
    decoded = to_bytes(codec.decoder.predict(dequantize(partial, codec.gain[quality])))
    file = codec.compress_latents(latents[one], quality)
    payload = codec.prior.encode(symbols[one], classes[one], quality)
    return BitCount(
        header_bytes=len(file) - len(payload),
        payload_bytes=len(payload),
        latents=bits,
        mean_latents=latent_bits(codec.prior, symbols, classes, quality),
        order=order,
        kept=kept,
        images=decoded,
        psnr=[psnr(mse(image, images[index])) for image in decoded],
    )
