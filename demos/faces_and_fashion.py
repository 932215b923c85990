"""Train an autoencoder on any images of one size, grey or in colours, and compare it with PCA with codes of the same size.

    image → Flatten → Rescale → hidden layers → Dense(32) → code → hidden layers → Dense(pixels, sigmoid) → Reshape → image

Hidden layers are Dense and SiLU; the start weights are He's, and the last bias makes the untrained decoder draw the mean image.

PCA is the best linear autoencoder: no other linear code of 32 numbers gives a smaller mean squared error on the training images.
Its directions come from an eigenvalue problem and need no training; for faces they are called eigenfaces (M. Turk, A. Pentland,
"Eigenfaces for recognition", Journal of Cognitive Neuroscience 3, 1991). An autoencoder must beat PCA on unseen images. With tens
of thousands of training images it does. With a few hundred it is better than PCA on the training images, and a little worse on
others.

So a small set (below 5,000 training images) is trained with mirrored copies, dropout and noise, in more and smaller steps. PCA gets
the mirrored copies, too.

data: by default Fashion-MNIST in /usr/share/datasets/fashion-mnist
(Debian and Ubuntu: apt install dataset-fashion-mnist). --data DIR is

  a folder of IDX files in MNIST's layout, such as those of https://github.com/zalandoresearch/fashion-mnist
  or a folder of PGM, PPM or PNG images of one size, or a folder of such folders, one for each person or kind

files written to --out:
  reconstructions.png  test images, their reconstructions by autoencoder and PCA, and the autoencoder's error
  components.png       the first directions of PCA, and the effect of each number of the autoencoder's code
  morph.png            from one test image to another: codes between theirs, and pixels between theirs
  samples.png          the mean image, and images drawn at random: from normal distributions fitted to the codes
  history.png          loss by epoch on training and test images
  model.safetensors    the weights
  metrics.json         all numbers

examples:
  python -m demos.faces_and_fashion
  python -m demos.faces_and_fashion --data faces --out out/faces
  python -m demos.faces_and_fashion --data faces --hold-out folders --latent 64 --dropout 0.3
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from demos.deep import train
from demos.shared import command
from demos.shared.examples import between, samples
from demos.shared.pca import PCA, fit_pca
from nnlite import Autoencoder, Dense, Dropout, Flatten, GaussianNoise, RandomFlip, Rescale, Reshape, Sigmoid, SiLU
from nnlite.datasets import Dataset, first_of_each, load_idx_folder
from nnlite.initializers import he_normal
from nnlite.layers import Layer
from nnlite.metrics import mse, psnr
from nnlite.pictures import hold_out, load_image_folder
from programs.arguments import number_between

FASHION = Path("/usr/share/datasets/fashion-mnist")
SMALL_SET = 5000  # training images
MEASURED = 5000  # training images for the comparison
SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    say, data = command.start(parser, options, lambda: load_pictures(options, rng))
    fill_in(options, len(data.train_images))

    images = data.train_images
    pca = fit_pca(np.concatenate([images, images[:, :, ::-1]]) if options.flip else images, options.latent)
    model = make_model(images, options, rng)
    if not options.quiet:
        model.summary()
    with command.training(parser, options, model) as times:
        history = train(model, data, options, rng, RandomFlip() if options.flip else None, warm_up=0.1)

    errors = distortions(model, pca, data)
    say(report(errors, options.latent))
    draw(options.out, data, model, pca, history, rng)
    metrics = {
        "train_images": len(data.train_images),
        "test_images": len(data.test_images),
        "image_shape": data.train_images.shape[1:],
        **{f"{part}_mse_{name}": error for (name, part), error in errors.items()},
        **{f"{part}_psnr_{name}": psnr(error) for (name, part), error in errors.items()},
        **history,
    }
    command.finish(options, metrics | times, "pictures, model")
    return 0


def load_pictures(options: argparse.Namespace, rng: np.random.Generator) -> Dataset:
    """Return the images of --data or Fashion-MNIST, folders as labels; ValueError if they cannot be read."""
    folder = options.data or FASHION
    if not options.data and not folder.is_dir():
        way_out = "apt install dataset-fashion-mnist, or load the files from https://github.com/zalandoresearch/fashion-mnist"
        raise ValueError(f"expected Fashion-MNIST in {folder}, received no such folder: {way_out} and give --data DIR")
    if any((folder / f"train-images-idx3-ubyte{ending}").is_file() for ending in ("", ".gz")):
        return load_idx_folder(folder)
    images, groups, _ = load_image_folder(folder)
    test = hold_out(groups, options.test_share, rng, whole_groups=options.hold_out == "folders")
    return Dataset(images[~test], groups[~test], images[test], groups[test])


def fill_in(options: argparse.Namespace, images: int) -> None:
    """Choose the options that the user left open, by the number of training images."""
    small = {"epochs": 100, "batch_size": 32, "learning_rate": 0.001, "hidden": [256], "dropout": 0.2, "noise": 0.1, "flip": True}
    large = {"epochs": 10, "batch_size": 128, "learning_rate": 0.002, "hidden": [512], "dropout": 0.0, "noise": 0.0, "flip": False}
    for name, value in (small if images < SMALL_SET else large).items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def make_model(images: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> Autoencoder:
    """Return the autoencoder for images like these, uint8."""
    mean = images.reshape(len(images), -1).mean(axis=0) / 255
    widths = [mean.size, *options.hidden]
    encoder: list[Layer] = [Flatten(), Rescale(mean, 255 / max(images.std(), 1))]
    decoder: list[Layer] = []
    if options.noise:
        encoder.append(GaussianNoise(options.noise, rng=rng))
    for width, next_width in pairwise(widths):
        encoder += [Dense(width, next_width, rng=rng, initializer=he_normal), SiLU()]
        if options.dropout:
            encoder.append(Dropout(options.dropout, rng=rng))
    encoder.append(Dense(widths[-1], options.latent, rng=rng))
    for width, next_width in pairwise([options.latent, *widths[:0:-1]]):
        decoder += [Dense(width, next_width, rng=rng, initializer=he_normal), SiLU()]
    last = Dense(widths[-1] if options.hidden else options.latent, mean.size, rng=rng)
    likely = np.clip(mean, 0.01, 0.99)
    last.bias.value[:] = np.log(likely / (1 - likely))  # its sigmoid is the mean image
    return Autoencoder(encoder, [*decoder, last, Sigmoid(), Reshape(images.shape[1:])], input_shape=images.shape[1:])


def distortions(model: Autoencoder, pca: PCA, data: Dataset) -> dict[tuple[str, str], float]:
    """Return the mean squared errors of autoencoder, PCA and the mean image, on at most 5,000 training and on all test images."""
    errors = {}
    for part, images in (("train", data.train_images[:MEASURED]), ("test", data.test_images)):
        shape = images.shape[1:]
        decoded = {
            "autoencoder": model.predict(images),
            "pca": pca_images(pca, pca.encode(images), shape),
            "mean_image": np.broadcast_to(pca.mean.reshape(shape), images.shape),
        }
        errors |= {(name, part): mse(guess, images / np.float32(255), peak=1) for name, guess in decoded.items()}
    return errors


def pca_images(pca: PCA, codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return images decoded from PCA's codes, clipped to [0, 1]."""
    return np.clip(pca.decode(codes, shape), 0, 1)


def report(errors: dict[tuple[str, str], float], latent: int) -> str:
    """Return the table of PSNRs, and the winner."""
    labels = {"mean_image": "mean image", "pca": f"PCA, {latent} numbers", "autoencoder": f"autoencoder, {latent} numbers"}
    lines = [f"{'PSNR':<26}{'training images':>16}{'test images':>14}"]
    for name, label in labels.items():
        lines.append(f"{label:<26}{psnr(errors[name, 'train']):>13.2f} dB{psnr(errors[name, 'test']):>11.2f} dB")
    lead = psnr(errors["autoencoder", "test"]) - psnr(errors["pca", "test"])
    lines.append(f"on test images the autoencoder is {abs(lead):.2f} dB {'better' if lead > 0 else 'worse'} than PCA")
    return "\n".join(lines)


def draw(
    folder: Path, data: Dataset, model: Autoencoder, pca: PCA, history: dict[str, list[float]], rng: np.random.Generator
) -> None:
    """Write the five pictures."""
    from demos.shared import plots  # its import takes longer than all the rest

    shape = data.test_images.shape[1:]
    first = first_of_each(data.test_labels)
    first = first[np.linspace(0, len(first) - 1, min(len(first), SHOWN)).astype(int)]  # one image for each of some groups
    chosen = data.test_images[first if len(first) > 1 else slice(SHOWN)]
    originals = chosen / 255
    decoded = model.predict(chosen)
    numbers = f"{len(pca.directions)} numbers"
    rows = {"original": originals, f"autoencoder,\n{numbers}": decoded}
    rows[f"PCA,\n{numbers}"] = pca_images(pca, pca.encode(chosen), shape)
    error = (decoded - originals).reshape(*originals.shape[:3], -1).mean(axis=3)
    plots.image_rows(folder / "reconstructions.png", "Test images", rows, {"error of the\nautoencoder": error})

    codes = model.encode(data.train_images)
    panels = {"directions of PCA": grey(pca.directions[:24], shape)}
    panels["autoencoder, about its mean code"] = grey(effects(model, codes)[:24], shape)
    plots.filters(folder / "components.png", "The effect of each number of a code on the image", panels, columns=6)
    title = "From one test image to another, through codes and through pixels"
    plots.image_rows(folder / "morph.png", title, morphs(model, chosen))

    rows = {"mean image": pca.mean.reshape(1, *shape), "autoencoder": model.decode(samples(codes, SHOWN, rng))}
    rows["PCA"] = pca_images(pca, samples(pca.encode(data.train_images[:MEASURED]), SHOWN, rng), shape)
    plots.image_rows(folder / "samples.png", "Codes drawn from a normal distribution fitted to those of the training images", rows)
    curves = {"training images": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "history.png", "Loss by epoch", curves, "mean squared error")


def grey(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return one image (height, width) for each row of weights, colours added up."""
    return weights.reshape(len(weights), *shape[:2], -1).sum(axis=3)


def morphs(model: Autoencoder, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the images between the first images, by the codes and by the pixels."""
    codes, rows = model.encode(images), {}
    for number, (start, end) in enumerate(pairwise(range(min(len(images), 4))), 1):
        rows[f"{number}: codes"] = model.decode(between(codes[start], codes[end], SHOWN))
        rows[f"{number}: pixels"] = between(images[start] / 255, images[end] / 255, SHOWN)
    return rows


def effects(model: Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Return how the decoded mean code changes with each number, from −1 to +1 deviation, (K, ...), the largest first."""
    steps = np.diag(codes.std(axis=0))
    changes = model.decode(codes.mean(axis=0) + steps) - model.decode(codes.mean(axis=0) - steps)
    return changes[np.argsort(-np.linalg.norm(changes.reshape(len(changes), -1), axis=1))]


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("faces_and_fashion", __doc__)
    add, option, count, part = parser.add_argument, parser.option, command.whole_number(1), number_between(0, 1, included=True)
    parser.add_options(latent=32)
    widths = "widths of the layers between image and code, mirrored in the decoder (default 512; small set: 256)"
    option("--hidden", command.whole_numbers, None, "H,H,...", widths)
    option("--epochs", count, None, "N", "how often to see the images (default 10; small set: 100)")
    option("--batch-size", count, None, "N", "images a step (default 128; small set: 32)")
    option("--learning-rate", command.positive_number, None, "RATE", "its largest value (default 0.002; small set: 0.001)")
    option("--dropout", part, None, "P", "share of hidden units dropped (default 0; small set: 0.2)")
    option("--noise", part, None, "σ", "noise on training images, 1 their deviation (default 0; small set: 0.1)")
    add("--flip", action=argparse.BooleanOptionalAction, help="train with mirrored images, too (default no; small set: yes)")
    option("--test-share", number_between(0, 1), 0.2, "P", "held out if there are no test images")
    kinds = "some images of every folder, or all images of some folders: unknown people (default images)"
    add("--hold-out", choices=["images", "folders"], default="images", help=kinds)
    images = "a folder of images, see below (default Fashion-MNIST)"
    parser.add_common(images, checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
