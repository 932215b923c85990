"""Train a deep autoencoder with a code of 30 numbers, and compare it with 30 principal components.

    image (28, 28) → 784 → 1000 → 500 → 250 → 30 → 250 → 500 → 1000 → 784 → image (28, 28)

These are the layers of Hinton and Salakhutdinov. In 2006 they had to train them one by one first. Today plain backpropagation
trains all at once, with SiLU instead of logistic units, He's start weights, Adam, and a learning rate that rises and falls again.
The demo shifts training images by up to one pixel each way: without shifts, the error on test images soon stops falling.

The error is that of their paper, the squared error summed over an image's pixels and averaged over the test images (784 × MSE):

    principal components, 30 of them                                13.87
    Hinton and Salakhutdinov, Science 313, 2006                      3.00
    Martens, Hessian-free optimization, ICML 2010 (L2 penalty)       2.28

files written to --out:
  reconstructions.png  test images, and the same images from principal components and from the code
  interpolation.png    from one test image to another in ten equal steps of the code
  codes.png            the test images' codes in two dimensions, coloured by digit
  history.png          squared error by epoch
  model.safetensors    the weights of the last model
  metrics.json         all numbers

examples:
  python -m demos.deep
  python -m demos.deep --epochs 120           the long run: 2.02
  python -m demos.deep --latent 64 --runs 3     a mean over three models
  python -m demos.deep --latent 2 --epochs 30   a map of the digits
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.shared import command
from demos.shared.pca import PCA, fit_pca
from nnlite import Autoencoder, Flatten, LearningRateSchedule, RandomShift, Reshape, Sigmoid, cosine
from nnlite.datasets import Dataset, first_of_each
from nnlite.metrics import mse, psnr
from nnlite.models import dense_network
from nnlite.models.sequential import Augmentation
from nnlite.optimizers import Adam


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    check(parser, options)
    say, data = command.start(parser, options)
    shape = data.train_images.shape[1:]
    pixels = int(np.prod(shape))
    pca = fit_pca(data.train_images, min(options.latent, pixels))
    principal = error_of(pca.decode(pca.encode(data.test_images), shape), data)
    say(f"{len(pca.directions)} principal components: test squared error {pixels * principal:.2f}, {psnr(principal):.2f} dB")

    errors = {}
    for seed in range(options.seed, options.seed + options.runs):
        model = make_model(shape, options.hidden, options.latent, np.random.default_rng(seed))
        if seed == options.seed and not options.quiet:
            model.summary()
        with command.training(parser, options, model):
            shift = RandomShift(options.shift) if options.shift else None
            history = train(model, data, options, np.random.default_rng(seed + 1000), shift, warm_up=0.05)
        errors[str(seed)] = error_of(model.predict(data.test_images), data)
        say(f"seed {seed}: {report(errors[str(seed)], pixels)}")
    mean = float(np.mean([*errors.values()]))
    if options.runs > 1:
        say(f"mean of {options.runs} models: {report(mean, pixels)}")

    draw(options.out, data, model, pca, {name: pixels * np.array(values) for name, values in history.items()})
    metrics = {
        "test_squared_error": pixels * mean,
        "test_mse": mean,
        "test_psnr": psnr(mean),
        "test_mse_by_seed": errors,
        "principal_components_squared_error": pixels * principal,
        **history,
    }
    command.finish(options, metrics, "pictures, model")
    return 0


def check(parser: command.Parser, options: argparse.Namespace) -> None:
    """Leave with one line if several models would share a checkpoint."""
    if options.checkpoint and options.runs > 1:
        parser.error(f"argument --checkpoint: expected --runs 1, because a file holds one training, received --runs {options.runs}")


def make_model(shape: tuple[int, ...], hidden: Sequence[int], code: int, rng: np.random.Generator) -> Autoencoder:
    """Return the autoencoder: pixels → hidden layers → code, linear, and the same back with a sigmoid at the end."""
    widths = [int(np.prod(shape)), *hidden, code]
    encoder = [Flatten(), *dense_network(widths, rng)]
    decoder = [*dense_network(widths[::-1], rng), Sigmoid(), Reshape(shape)]
    return Autoencoder(encoder, decoder, input_shape=shape)


def train(
    model: Autoencoder, data: Dataset, options: argparse.Namespace, rng: np.random.Generator, augment: Augmentation | None,
    warm_up: float,
) -> dict[str, list[float]]:  # fmt: skip
    """Train the model as the options say, and return the mean squared errors by epoch."""
    model.compile(Adam(options.learning_rate), "mse")
    settings = {"callbacks": [LearningRateSchedule(cosine(warm_up))], **command.fit_settings(options)}
    return model.fit(data.train_images, validation_data=data.test_images, rng=rng, augment=augment, **settings).history


def error_of(images: np.ndarray, data: Dataset) -> float:
    """Return the mean squared error of these images, as floats, as reconstructions of the test images."""
    return mse(images, data.test_images / np.float32(255), peak=1)


def report(error: float, pixels: int) -> str:
    """Return a mean squared error in words, summed over an image's pixels first."""
    return f"test squared error {pixels * error:.3f}, MSE {error:.6f}, {psnr(error):.2f} dB"


def draw(folder: Path, data: Dataset, model: Autoencoder, pca: PCA, curves: dict[str, np.ndarray]) -> None:
    """Write the four pictures."""
    from demos.shared import comparisons, plots  # their import takes longer than all the rest

    first = first_of_each(data.test_labels)
    originals = data.test_images[first] / 255
    linear = pca.decode(pca.encode(data.test_images[first]), originals.shape[1:])
    codes = model.encode(data.test_images)
    decoded = model.decode(codes[first])
    rows = {"original": originals, "principal\ncomponents": np.clip(linear, 0, 1), "deep\nautoencoder": decoded}
    title = f"Test images from {codes.shape[1]} numbers each"
    plots.image_rows(folder / "reconstructions.png", title, rows, {"error of the\nautoencoder": decoded - originals})
    comparisons.interpolation(folder / "interpolation.png", codes[first], model.decode)
    losses = {"training images, shifted": curves["loss"], "test images": curves["val_loss"]}
    title = "Squared error of an image by epoch"
    plots.history(folder / "history.png", title, losses, "squared error, summed over the pixels")
    plots.codes(folder / "codes.png", "Codes of the test images", codes, data.test_labels)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("deep", __doc__)
    parser.add_options(latent=30, hidden=[1000, 500, 250], epochs=20, batch_size=128, learning_rate=0.004, shift=1)
    parser.option("--runs", command.whole_number(1), 1, "N", "models to train, each with a seed of its own")
    parser.add_common(checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
