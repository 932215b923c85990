"""An autoencoder for any set of images of one size, grey or in colours, beside PCA with codes of the same size.

    image → Flatten → Rescale → hidden layers → Dense(32) → code → hidden layers → Dense(pixels, sigmoid) → Reshape → image

Hidden layers are Dense and SiLU; the start weights are He's, and the last bias makes the untrained decoder draw the mean image.

PCA is the best linear autoencoder: no other linear code of 32 numbers gives a smaller mean squared error on the training images.
Its directions, for faces called eigenfaces (M. Turk, A. Pentland, "Eigenfaces for recognition", Journal of Cognitive Neuroscience
3, 1991), come from an eigenvalue problem and need no training. An autoencoder must beat it on images that neither has seen. With
tens of thousands of images it does; with a few hundred it knows its training images better than PCA, and others a little worse.

So a small set (below 5,000 training images) is trained with mirrored copies, dropout and noise, in more and smaller steps. PCA is
fitted to the mirrored copies, too.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

import demos
from demos import command, machine
from demos.pca import MAX_IMAGES, PCA, fit_pca
from nnlite import (
    Autoencoder,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LearningRateSchedule,
    RandomFlip,
    Rescale,
    Reshape,
    Sigmoid,
    SiLU,
    TrainingError,
    cosine,
    save_weights,
)
from nnlite.datasets import DatasetError, load_idx_folder
from nnlite.imagefolder import hold_out, load_image_folder
from nnlite.initializers import he_normal
from nnlite.layers import Layer
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam

FASHION = Path("/usr/share/datasets/fashion-mnist")
SMALL_SET = 5000  # training images
SHOWN = 10

EPILOG = f"""\
data: by default Fashion-MNIST in {FASHION}
(Debian and Ubuntu: apt install dataset-fashion-mnist). --data DIR is

  a folder of IDX files in MNIST's layout, such as those of https://github.com/zalandoresearch/fashion-mnist
  or a folder of PGM, PPM or PNG images of one size, or of folders of such, one for each person or kind

files written to --out:
  reconstructions.png  test images, what autoencoder and PCA make of their codes, and the autoencoder's error
  components.png       the first directions of PCA, and what each number of the autoencoder's code changes
  morph.png            from one test image to another: codes between theirs, and pixels between theirs
  samples.png          the mean image, and images drawn at random: from normal distributions fitted to the codes
  history.png          loss by epoch on training and test images
  model.safetensors    the weights
  metrics.json         all numbers

examples:
  python -m demos.faces_and_fashion
  python -m demos.faces_and_fashion --data faces --out out/faces
  python -m demos.faces_and_fashion --data faces --hold-out folders --latent 64 --dropout 0.3

exit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted
"""


class Pictures(NamedTuple):
    """Images to train and to test with, uint8 (N, height, width) or (N, height, width, 3), and the group of each test image."""

    train_images: np.ndarray
    test_images: np.ndarray
    test_groups: np.ndarray


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    folder = command.output_folder(parser, options.out)
    rng = np.random.default_rng(options.seed)
    data = load_pictures(parser, options, rng)
    train_images, test_images = data.train_images, data.test_images
    fill_in(options, len(train_images))
    say = (lambda *_, **__: None) if options.quiet else print
    size = " × ".join(map(str, train_images.shape[1:]))
    say(f"{len(train_images):,} training and {len(test_images):,} test images of {size}; {machine.describe()}")

    start = time.perf_counter()
    pca = fit_pca(with_mirrored(train_images) if options.flip else train_images, options.latent, rng)
    seconds_pca = time.perf_counter() - start
    model = make_model(train_images, options, rng)
    if not options.quiet:
        model.summary()
    model.compile(Adam(options.learning_rate), "mse")
    start = time.perf_counter()
    try:
        history = model.fit(
            train_images,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation_data=test_images,
            rng=rng,
            augment=RandomFlip() if options.flip else None,
            callbacks=[LearningRateSchedule(cosine(warm_up=0.1))],
            verbose=not options.quiet,
        ).history
    except TrainingError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    seconds_training = time.perf_counter() - start

    errors = distortions(model, pca, train_images, test_images)
    say(report(errors, options.latent))
    save_weights(model, folder / "model.safetensors")
    draw(folder, data, model, pca, history, rng)
    seconds_total = time.perf_counter() - demos.START
    command.write_metrics(
        folder / "metrics.json",
        {
            "train_images": len(train_images),
            "test_images": len(test_images),
            "image_shape": train_images.shape[1:],
            **{f"{part}_mse_{name}": error for (name, part), error in errors.items()},
            **{f"{part}_psnr_{name}": psnr(error) for (name, part), error in errors.items()},
            **history,
            **{name: value for name, value in vars(options).items() if name not in ("out", "data", "quiet", "threads")},
            "seconds_pca": seconds_pca,
            "seconds_training": seconds_training,
            "seconds_total": seconds_total,
        },
    )
    say(f"trained in {seconds_training:.1f} s, {seconds_total:.1f} s in all; pictures, model and metrics.json are in {folder}/")
    return 0


def load_pictures(parser: command.Parser, options: argparse.Namespace, rng: np.random.Generator) -> Pictures:
    """Return the images of --data or Fashion-MNIST; leave with one line if they cannot be read."""
    folder = options.data or FASHION
    if not options.data and not folder.is_dir():
        parser.error(
            f"argument --data: expected Fashion-MNIST in {folder}, found no such folder: apt install dataset-fashion-mnist, "
            "or load the files from https://github.com/zalandoresearch/fashion-mnist and give --data DIR"
        )
    try:
        if any((folder / f"train-images-idx3-ubyte{ending}").is_file() for ending in ("", ".gz")):
            data = load_idx_folder(folder)
            return Pictures(data.train_images, data.test_images, data.test_labels)
        images, groups, _ = load_image_folder(folder)
        test = hold_out(groups, options.test_share, rng, whole_groups=options.hold_out == "folders")
    except (DatasetError, ValueError) as error:
        parser.error(f"argument --data: {error}")
    return Pictures(images[~test], images[test], groups[test])


def fill_in(options: argparse.Namespace, images: int) -> None:
    """Give the options that the user left open what suits so many training images."""
    small = {"epochs": 100, "batch_size": 32, "learning_rate": 0.001, "hidden": [256], "dropout": 0.2, "noise": 0.1, "flip": True}
    large = {"epochs": 10, "batch_size": 128, "learning_rate": 0.002, "hidden": [512], "dropout": 0.0, "noise": 0.0, "flip": False}
    for name, value in (small if images < SMALL_SET else large).items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def with_mirrored(images: np.ndarray) -> np.ndarray:
    """Return the images and their mirrored copies."""
    return np.concatenate([images, images[:, :, ::-1]])


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
    last.bias.value[:] = np.log(likely / (1 - likely))  # the sigmoid of which is the mean image
    return Autoencoder(encoder, [*decoder, last, Sigmoid(), Reshape(images.shape[1:])], input_shape=images.shape[1:])


def distortions(model: Autoencoder, pca: PCA, train_images: np.ndarray, test_images: np.ndarray) -> dict[tuple[str, str], float]:
    """Return the mean squared errors of autoencoder, PCA and the mean image, on at most 5,000 training and on all test images."""
    errors = {}
    for part, images in (("train", train_images[:MAX_IMAGES]), ("test", test_images)):
        shape = images.shape[1:]
        decoded = {
            "autoencoder": model.predict(images),
            "pca": pca.decode(pca.encode(images), shape),
            "mean_image": np.broadcast_to(pca.mean.reshape(shape), images.shape),
        }
        errors |= {(name, part): mse(guess, images / np.float32(255), peak=1) for name, guess in decoded.items()}
    return errors


def report(errors: dict[tuple[str, str], float], latent: int) -> str:
    """Return the table of PSNRs, and who wins."""
    labels = {"mean_image": "mean image", "pca": f"PCA, {latent} numbers", "autoencoder": f"autoencoder, {latent} numbers"}
    lines = [f"{'PSNR':<26}{'training images':>16}{'test images':>14}"]
    for name, label in labels.items():
        lines.append(f"{label:<26}{psnr(errors[name, 'train']):>13.2f} dB{psnr(errors[name, 'test']):>11.2f} dB")
    lead = psnr(errors["autoencoder", "test"]) - psnr(errors["pca", "test"])
    lines.append(f"on test images the autoencoder is {abs(lead):.2f} dB {'better' if lead > 0 else 'worse'} than PCA")
    return "\n".join(lines)


def draw(
    folder: Path, data: Pictures, model: Autoencoder, pca: PCA, history: dict[str, list[float]], rng: np.random.Generator
) -> None:
    """Write the five pictures."""
    from demos import plots  # matplotlib takes longer to import than all the rest

    images = data.test_images
    shape = images.shape[1:]
    groups = np.unique(data.test_groups)
    groups = groups[np.linspace(0, len(groups) - 1, min(len(groups), SHOWN)).astype(int)]
    first = [int(np.argmax(data.test_groups == group)) for group in groups]  # one image of each of some groups
    chosen = first if len(first) > 1 else list(range(min(len(images), SHOWN)))
    originals = images[chosen] / 255
    decoded = model.predict(images[chosen])
    latent = len(pca.directions)
    rows = {"original": originals, f"autoencoder,\n{latent} numbers": decoded}
    rows[f"PCA,\n{latent} numbers"] = pca.decode(pca.encode(images[chosen]), shape)
    error = (decoded - originals).reshape(*originals.shape[:3], -1).mean(axis=3)
    plots.reconstructions(folder / "reconstructions.png", "Test images", rows, "error of the\nautoencoder", error)

    def grey(weights: np.ndarray) -> np.ndarray:
        """One image (height, width) for each row, colours added up."""
        return weights.reshape(len(weights), *shape[:2], -1).sum(axis=3)

    panels = {"directions of PCA": grey(pca.directions[:24])}
    panels["autoencoder, about its mean code"] = grey(effects(model, model.encode(data.train_images))[:24])
    plots.filter_panels(folder / "components.png", "What each number of a code changes in the image", panels, columns=6)

    ends = model.encode(images[chosen])
    part = np.linspace(0, 1, SHOWN, dtype=np.float32)
    rows = {}
    for number, (start, end) in enumerate(list(pairwise(range(len(chosen))))[:3], 1):
        between = np.outer(1 - part, ends[start]) + np.outer(part, ends[end])
        rows[f"{number}: codes"] = model.decode(between)
        rows[f"{number}: pixels"] = np.multiply.outer(1 - part, originals[start]) + np.multiply.outer(part, originals[end])
    plots.image_rows(folder / "morph.png", "From one test image to another, through codes and through pixels", rows)

    rows = {"mean image": pca.mean.reshape(1, *shape), "autoencoder": model.decode(samples(model.encode(data.train_images), rng))}
    rows["PCA"] = pca.decode(samples(pca.encode(data.train_images[:MAX_IMAGES]), rng), shape)
    plots.image_rows(folder / "samples.png", "Codes drawn from a normal distribution fitted to those of the training images", rows)
    curves = {"training images": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "history.png", "Loss by epoch", curves, "mean squared error")


def effects(model: Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Return how the decoded mean code changes from one deviation less to one more of each number, (K, ...), the largest first."""
    steps = np.diag(codes.std(axis=0))
    changes = model.decode(codes.mean(axis=0) + steps) - model.decode(codes.mean(axis=0) - steps)
    return changes[np.argsort(-np.linalg.norm(changes.reshape(len(changes), -1), axis=1))]


def samples(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return codes drawn from the normal distribution with the mean and covariance of these codes (N, K)."""
    covariance = np.atleast_2d(np.cov(codes.astype(np.float64), rowvar=False))
    variances, directions = np.linalg.eigh(covariance)
    normal = rng.standard_normal((SHOWN, codes.shape[1])) * np.sqrt(np.maximum(variances, 0))
    return (codes.mean(axis=0) + normal @ directions.T).astype(np.float32)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser(prog="python -m demos.faces_and_fashion", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--latent", type=command.whole_number(1), default=32, metavar="K", help="numbers in a code (default 32)")
    add("--hidden", type=command.whole_numbers, metavar="H,H,...", help="widths of the hidden layers (default 512; small set: 256)")
    add("--epochs", type=command.whole_number(1), metavar="N", help="times through the images (default 10; small set: 100)")
    add("--batch-size", type=command.whole_number(1), metavar="N", help="images a step (default 128; small set: 32)")
    add(
        "--learning-rate", type=command.positive_number, metavar="RATE",
        help="its largest value (default 0.002; small set: 0.001)",
    )  # fmt: skip
    add(
        "--dropout",
        type=zero_or_share,
        metavar="P",
        help="share of hidden activities dropped in training (default 0; small set: 0.2)",
    )
    add("--noise", type=zero_or_share, metavar="σ", help="noise on training images, 1 their deviation (default 0; small set: 0.1)")
    add(
        "--flip", action=argparse.BooleanOptionalAction,
        help="train with mirrored images, too (default no; small set: yes)",
    )  # fmt: skip
    add(
        "--test-share",
        type=command.share,
        default=0.2,
        metavar="P",
        help="of a folder without test images, what to hold out (default 0.2)",
    )
    add(
        "--hold-out", choices=["images", "folders"], default="images",
        help="of every folder some images, or all of some folders: people never seen (default images)",
    )  # fmt: skip
    add("--seed", type=command.whole_number(0), default=0, metavar="N", help="of start weights, order and split (default 0)")
    add("--data", type=Path, metavar="DIR", help="a folder of images, see below (default Fashion-MNIST)")
    add(
        "--out", type=Path, default=Path("out/faces_and_fashion"), metavar="DIR",
        help="where to write (default out/faces_and_fashion)",
    )  # fmt: skip
    add("--threads", type=command.whole_number(1), metavar="N", help="threads of the matrix products")
    add("--quiet", action="store_true", help="print nothing but errors")
    return parser


def zero_or_share(text: str) -> float:
    """Return an argument as a number of at least 0 and below 1."""
    return 0.0 if text == "0" else command.share(text)


if __name__ == "__main__":
    command.run(main)
