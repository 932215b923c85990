"""Train an autoencoder to remove noise from images, and compare it with filters that need no network.

    image + noise (28, 28) → Flatten → Dense(512, silu) → Dense(128, silu) → Dense(512, silu) → Dense(784, sigmoid) → image (28, 28)

A denoising autoencoder receives the corrupted image, and its target is the clean one. Copying does not help: the network must learn
how digits look. Each training image gets new noise in each epoch, of a strength between 0 and --strength. The demo compares four
others: no filter, the median of each pixel's 3 × 3 neighbours, the best linear filter (a matrix for all pixels, by least squares on
the training images, one for each strength), and the same network trained without noise. All results are clipped to [0, 1] before
the comparison with the clean image. Against weak noise the linear filter wins, because a code of 128 numbers loses more of an image
than the noise does.

The noise of strength s: "gaussian" adds a normal number of deviation s to each pixel, not limited to [0, 1]; "masking" makes a
share s of the pixels black; "salt_and_pepper" makes a share s of the pixels black or white.

P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.

files written to --out:
  denoised.png       test images: clean, with the strongest noise, and after each filter
  psnr.png           PSNR of the filters against the strength of the noise
  ssim.png           the same for structural similarity
  history.png        loss by epoch, trained with noise and without
  filters.png        weights of the first layer, trained with noise
  filters_plain.png  the same, trained without noise
  metrics.json       all numbers; PSNR of all test images, SSIM of the first 1,000

examples:
  python -m demos.denoise
  python -m demos.denoise --noise salt_and_pepper --strength 0.3
  python -m demos.denoise --data /usr/share/datasets/fashion-mnist --out out/denoise-fashion
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.mnist import make_model
from demos.shared import command
from nnlite import Autoencoder, LearningRateSchedule, cosine
from nnlite.datasets import Dataset, first_of_each
from nnlite.metrics import mse, psnr, ssim
from nnlite.models.sequential import Augmentation
from nnlite.optimizers import Adam

STRENGTHS = {"gaussian": 0.5, "masking": 0.75, "salt_and_pepper": 0.5}  # the largest of each noise
LEVELS = 5  # measured strengths, the largest last
SSIM_IMAGES = 1000  # SSIM takes much longer than PSNR

FILTERS = ["noisy image", "3 × 3 median", "best linear filter", "autoencoder", "denoising autoencoder"]
NOTHING, MEDIAN, LINEAR, PLAIN, DENOISING = FILTERS


def noise_up_to(largest: float, kind: str) -> Augmentation:
    """Return the `augment` of `fit` that draws a strength for each image, evenly from 0 to the largest."""
    return lambda images, rng: corrupt(images, kind, rng.uniform(0, largest, (len(images), 1, 1)).astype(images.dtype), rng)


def corrupt(images: np.ndarray, kind: str, strength: np.ndarray | float, rng: np.random.Generator) -> np.ndarray:
    """Return float images (N, height, width) with noise of this strength, a number or one for each image, (N, 1, 1)."""
    if kind == "gaussian":
        return images + strength * rng.standard_normal(images.shape, dtype=images.dtype.type)
    hit = rng.random(images.shape, dtype=images.dtype.type) < strength
    colour = 0 if kind == "masking" else rng.integers(0, 2, images.shape, dtype=np.uint8)
    return np.where(hit, colour, images).astype(images.dtype, copy=False)


def median(images: np.ndarray) -> np.ndarray:
    """Return images (N, height, width) with the median of 3 × 3 pixels at each pixel; outside an image all is black."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    neighbours = [padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return np.median(neighbours, axis=0)


def linear_filter(noisy: np.ndarray, clean: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the filter x → x W + b with the least squared error from noisy to clean images (N, height, width).

    W = (XᵀX)⁺ XᵀY with X and Y centred, and b = mean(y) − mean(x) W. Always black pixels make XᵀX singular, so take its
    pseudoinverse.
    """
    x, y = (images.reshape(len(images), -1) for images in (noisy, clean))  # (N, D)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x = x - mean_x  # now XᵀY is the same with Y centred or not
    weights = np.linalg.pinv((x.T @ x).astype(np.float64), rcond=1e-6, hermitian=True) @ (x.T @ y)  # (D, D)
    bias = mean_y - mean_x @ weights
    return lambda images: (images.reshape(len(images), -1) @ weights + bias).reshape(images.shape)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    check(parser, options)
    say, data = command.start(parser, options)
    if min(data.test_images.shape[1:]) < 11:
        parser.error(f"argument --data: expected images of at least 11 by 11, received {data.test_images.shape[1:]}")
    start = time.perf_counter()
    models, histories = {}, {}
    for name, noise in ((PLAIN, None), (DENOISING, noise_up_to(options.strength, options.noise))):
        say(f"{name}:")
        with command.training(parser, options, of=name):
            models[name], histories[name] = train(data, noise, options)
    seconds_training = time.perf_counter() - start
    rows, pictures = compare(data, models, options)
    say(report(rows, options))
    draw(options.out, data, models, histories, rows, pictures, options)
    metrics = {"points": rows, "ssim_images": min(SSIM_IMAGES, len(data.test_images)), "histories": histories}
    command.finish(options, metrics | {"seconds_training": seconds_training}, "pictures")
    return 0


def check(parser: command.Parser, options: argparse.Namespace) -> None:
    """Fill in the strength, and leave with one line unless it suits the noise."""
    options.strength = options.strength or STRENGTHS[options.noise]
    if options.noise != "gaussian" and options.strength > 1:
        parser.error(f"argument --strength: expected a share of the pixels, at most 1, received {options.strength:g}")


def train(data: Dataset, noise: Augmentation | None, options: argparse.Namespace) -> tuple[Autoencoder, dict[str, list[float]]]:
    """Train an autoencoder with this noise or without; return it and its losses. Both begin with the same weights."""
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.latent, options.hidden, "silu", rng)
    model.compile(Adam(options.learning_rate), "mse")
    test = data.test_images.astype(np.float32) / 255
    noisy = noise(test, np.random.default_rng(options.seed + 1)) if noise else test
    settings = {"epochs": options.epochs, "batch_size": 128, "callbacks": [LearningRateSchedule(cosine())]}
    settings |= {"validation_data": (noisy, test), "augment": noise, "verbose": not options.quiet}
    return model, model.fit(data.train_images, data.train_images, rng=rng, **settings).history


def compare(
    data: Dataset, models: dict[str, Autoencoder], options: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return PSNR and SSIM of each filter at each strength, and the filtered test images at the last strength."""
    train_images, clean = (images.astype(np.float32) / 255 for images in (data.train_images, data.test_images))
    rows, results = [], {}
    for level in range(1, LEVELS + 1):
        rng = np.random.default_rng(options.seed + 1)
        strength = options.strength * level / LEVELS
        noisy = corrupt(clean, options.noise, strength, rng)
        linear = linear_filter(corrupt(train_images, options.noise, strength, rng), train_images)
        filters = [lambda images: images, median, linear, models[PLAIN].predict, models[DENOISING].predict]
        results = {name: np.clip(function(noisy), 0, 1).astype(np.float32) for name, function in zip(FILTERS, filters, strict=True)}
        for name, result in results.items():
            similarity = ssim(result[:SSIM_IMAGES], clean[:SSIM_IMAGES], peak=1)
            error = psnr(mse(result, clean, peak=1))
            rows.append({"strength": strength, "method": name, "psnr": error, "ssim": similarity})
    return rows, results


def report(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """Return a table of PSNR, and of SSIM, a line for each filter and a column for each strength."""
    lines = []
    for name, decimals in (("psnr", 2), ("ssim", 3)):
        title = {"psnr": f"PSNR in dB, {options.noise} noise of", "ssim": "SSIM"}[name]
        by_method = curves(rows, name)
        lines.append(f"{title:<34}" + "".join(f"{strength:>7.2f}" for strength, _ in by_method[NOTHING]))
        lines += [f"  {method:<32}" + "".join(f"{y:>7.{decimals}f}" for _, y in points) for method, points in by_method.items()]
    return "\n".join(lines)


def curves(rows: list[dict[str, Any]], name: str) -> dict[str, list[tuple[float, float]]]:
    """Return the points (strength, number of this name) of each filter."""
    methods = dict.fromkeys(row["method"] for row in rows)
    return {method: [(row["strength"], row[name]) for row in rows if row["method"] == method] for method in methods}


def draw(
    folder: Path, data: Dataset, models: dict[str, Autoencoder], histories: dict[str, dict[str, list[float]]],
    rows: list[dict[str, Any]], results: dict[str, np.ndarray], options: argparse.Namespace,
) -> None:  # fmt: skip
    """Write the pictures."""
    from demos.shared import comparisons, plots  # their import takes longer than all the rest

    first = first_of_each(data.test_labels)
    clean = data.test_images[first] / 255
    noise = f"{options.noise.replace('_', ' ').capitalize()} noise"
    shown = {"clean image": clean, **{name: images[first] for name, images in results.items()}}
    title = f"{noise} of strength {options.strength:g} on test images, and the filtered images"
    plots.image_rows(folder / "denoised.png", title, shown, {f"error of the\n{DENOISING}": results[DENOISING][first] - clean})
    for name, label in (("psnr", "PSNR (dB)"), ("ssim", "SSIM")):
        panels = {"strength of the noise": curves(rows, name)}
        comparisons.curves(folder / f"{name}.png", f"{noise} on test images", panels, label, logarithmic=False)
    parts = {"training": "loss", "test": "val_loss"}
    losses = {f"{name}, {part} images": of[key] for name, of in histories.items() for part, key in parts.items()}
    plots.history(folder / "history.png", "Loss by epoch, each with its own noise", losses, "mean squared error")
    for file, name in (("filters.png", DENOISING), ("filters_plain.png", PLAIN)):
        plots.first_layer(folder / file, models[name].encoder.parameters[0].value, clean.shape[1:], f": {name}")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("denoise", __doc__)
    add = parser.add_argument
    add("--noise", choices=list(STRENGTHS), default="gaussian", help="its kind (default gaussian)")
    defaults = ", ".join(f"{name} {strength}" for name, strength in STRENGTHS.items())
    add("--strength", type=command.positive_number, metavar="S", help=f"the largest trained and tested (default {defaults})")
    parser.add_options(latent=128, hidden=[512], epochs=10, learning_rate=0.002)
    parser.add_common()
    return parser


if __name__ == "__main__":
    command.run(main)
