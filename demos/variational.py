"""Train a variational autoencoder, and draw digits that nobody has written.

    image, 0 or 1 each pixel → Dense, SiLU, ... → means and variances → a sample z → Dense, SiLU, ... → probability of each pixel

The code of an image is a distribution. The loss has two parts: the cross-entropy of the pixels, and the divergence of the code's
distribution from the prior, see nnlite/layers/sampling.py. The negative loss is the ELBO, a lower bound on the image's
log-likelihood, in nats. After training, the decoder turns codes drawn from the prior into new digits. The prior is a mixture of
normal distributions and is learned, too. With --components 0 it is the standard normal distribution, as in the textbooks; that
costs about two nats.

Pixels are probabilities here: each grey value is the chance that its pixel is 1. The test images are drawn once, with a seed of
their own, so that all models are measured on the same images.

files written to --out:
  samples.png          digits decoded from random numbers
  interpolation.png    from one test image to another in ten equal steps of the code
  reconstructions.png  test images of 0 and 1, and their reconstructions
  history.png          negative ELBO by epoch, on training and test images
  model.safetensors    the weights
  metrics.json         all numbers

examples:
  python -m demos.variational
  python -m demos.variational --latent 2 --epochs 20
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command
from nnlite import Autoencoder, Callback, Flatten, LearningRateSchedule, Reshape, cosine
from nnlite.datasets import first_of_each
from nnlite.layers import GaussianSample, MixtureSample
from nnlite.models import dense_network
from nnlite.optimizers import Adam

TEST_SEED = 2024  # of the one draw of the test images


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.hidden, options.latent, options.components, rng)
    if not options.quiet:
        model.summary()
    model.compile(Adam(options.learning_rate), "bce_logits")
    test_images = draw_pixels(data.test_images / np.float32(255), np.random.default_rng(TEST_SEED))
    bound = Bound(test_images, np.random.default_rng(TEST_SEED + 1))
    with command.training(parser, options, model):
        settings = {"callbacks": [LearningRateSchedule(cosine(warm_up=0.05)), bound], **command.fit_settings(options)}
        history = model.fit(data.train_images, rng=rng, augment=draw_pixels, **settings).history
    metrics = measure(model, test_images, options.samples, bound.rng)
    metrics["training_negative_elbo"] = [test_images[0].size * loss for loss in history["loss"]]
    metrics["test_elbo_by_epoch"] = history["test_elbo"]
    say(
        f"test images, {options.samples} samples of each code: ELBO {metrics['test_elbo']:.2f} nats = "
        f"{metrics['test_log_likelihood_of_pixels']:.2f} of the pixels − {metrics['test_kl']:.2f} of the code"
    )
    say(f"the code uses {metrics['active_numbers']} of its {options.latent} numbers: their means differ between images")
    curves = {"training images": metrics["training_negative_elbo"], "test images": [-elbo for elbo in history["test_elbo"]]}
    draw(options.out, model, test_images, data.test_labels, curves, options.latent, np.random.default_rng(options.seed))
    command.finish(options, metrics, "pictures, model")
    return 0


def make_model(shape: tuple[int, ...], hidden: Sequence[int], code: int, components: int, rng: np.random.Generator) -> Autoencoder:
    """Return the model: images → 2K numbers → a sample of K → logits in the images' shape; without components a standard prior."""
    pixels = int(np.prod(shape))
    price = 1 / pixels  # the cross-entropy is a mean over the pixels
    sampled = MixtureSample(code, components, price, rng=rng) if components else GaussianSample(price, rng=rng)
    encoder = [Flatten(), *dense_network([pixels, *hidden, 2 * code], rng), sampled]
    decoder = [*dense_network([code, *hidden[::-1], pixels], rng), Reshape(shape)]
    return Autoencoder(encoder, decoder, input_shape=shape)


def draw_pixels(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images of 0 and 1; a pixel is 1 with the probability in `images`."""
    return (rng.random(images.shape, images.dtype.type) < images).astype(images.dtype)


def evidence(model: Autoencoder, images: np.ndarray, samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return E[ln p(x | z)], a mean over samples of z, and KL, both (N,) in nats; their difference is the ELBO."""
    sampled = model.encoder.layers[-1]
    encoded = model.encoder[:-1].predict(images)  # means and log variances, (N, 2K)
    mean, log_variance = np.split(encoded, 2, axis=1)
    log_likelihood = np.zeros(len(images))
    divergence = np.zeros(len(images))
    for _ in range(samples):
        z, noise = sampled.sample(mean, log_variance, rng)
        divergence += sampled.divergence(mean, log_variance, noise, z) / samples
        logits = model.decode(z)
        nats = np.maximum(logits, 0) - logits * images + np.log1p(np.exp(-np.abs(logits)))  # of each pixel
        log_likelihood -= nats.reshape(len(images), -1).sum(axis=1, dtype=np.float64) / samples
    return log_likelihood, divergence


def measure(model: Autoencoder, images: np.ndarray, samples: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the ELBO of test images with its two parts, in nats, and how many numbers of the code differ between images."""
    reconstruction, divergence = evidence(model, images, samples, rng)
    return {
        "test_elbo": float(np.mean(reconstruction - divergence)),
        "test_log_likelihood_of_pixels": float(np.mean(reconstruction)),
        "test_kl": float(np.mean(divergence)),
        "active_numbers": int(np.sum(model.encode(images).std(axis=0) > 0.1)),
    }


class Bound(Callback):
    """Adds the ELBO of images, in nats, from one sample of each code, to the numbers of each epoch.

    Parameters
    ----------
    images : array, shape (N, ...)
    rng : np.random.Generator
    """

    def __init__(self, images: np.ndarray, rng: np.random.Generator):
        self.images, self.rng = images, rng

    def rngs(self) -> list[np.random.Generator]:
        """Return the generator of the samples."""
        return [self.rng]

    def on_epoch_end(self, model: Any, epoch: int, logs: dict[str, float]) -> None:
        """Add the current bound."""
        reconstruction, divergence = evidence(model, self.images, 1, self.rng)
        logs["test_elbo"] = float(np.mean(reconstruction - divergence))


def draw(
    folder: Path, model: Autoencoder, images: np.ndarray, labels: np.ndarray, curves: dict[str, list[float]], code: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Write the pictures."""
    from demos.shared import comparisons, plots  # their import takes longer than all the rest

    def probabilities(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-model.decode(z.astype(np.float32))))

    first = first_of_each(labels)
    codes = model.encode(images[first])
    if code == 2:
        side = np.linspace(-2, 2, 12)
        z = np.stack(np.meshgrid(side, -side), axis=-1).reshape(-1, 2)
        title = "Decoded from a grid over the code's plane, −2 to 2 each way"
    else:
        z = model.encoder.layers[-1].draw(120, code, rng)
        title = "Decoded from codes drawn from the prior: the probability of each pixel"
    comparisons.sheet(folder / "samples.png", title, probabilities(z), columns=12)
    comparisons.interpolation(folder / "interpolation.png", codes, probabilities)
    rows = {"drawn": images[first], "decoded": probabilities(codes)}
    title = f"Test images from the means of {code} numbers each"
    plots.image_rows(folder / "reconstructions.png", title, rows, {"difference": rows["decoded"] - images[first]})
    plots.history(folder / "history.png", "Negative ELBO by epoch", curves, "nats an image")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("variational", __doc__)
    parser.add_options(latent=40, hidden=[1000, 500], epochs=60, batch_size=200, learning_rate=0.003)
    prior = "of the prior, a mixture; 0 gives the standard normal distribution"
    parser.option("--components", command.whole_number(0), 200, "J", prior)
    parser.option("--samples", command.whole_number(1), 10, "N", "of each code for the final ELBO")
    parser.add_common(checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
