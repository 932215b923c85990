"""Train sparse autoencoders: only few units are active for an image, and each draws a stroke of the pen.

    image (28, 28) → Flatten → Dense(256, activation) → [penalty] → code → Dense(784) → Reshape → image (28, 28)

The decoder is linear, so an image is exactly a sum: the bias, and for each unit its activity times its picture, the atom. The demo
trains three kinds of model, the sparse ones with several strengths each:

    plain   ReLU units; the decoder's weights are the encoder's (tied)
    L1      the same, with λ Σ |code| added to the loss. The weights must be tied: otherwise the code could shrink and the decoder
            grow
    KL      sigmoid units, with β Σ KL(ρ ‖ mean activity) added: each unit should be active in a share ρ of the images. The decoder
            has its own weights, and all weights have a small penalty (A. Ng, "Sparse autoencoder", CS294A lecture notes, 2011)

A ReLU unit counts as active in an image if it is not zero, a sigmoid unit if it is above 0.1. Hoyer's sparsity of a
code h of K numbers is (√K − Σ|h| / √Σh²) / (√K − 1): 0 if all are equal, 1 if one alone is not zero (P. Hoyer, "Non-negative
matrix factorization with sparseness constraints", JMLR 5, 2004, section 3.1).

Sparsity costs decibels: the penalty pulls every activity down, even useful ones, and a sparse code has only few units for an image.
It gains units that mean something, and images that a few numbers describe almost completely. See kept.png: there only the strongest
units keep their activity, and all others get their mean over the training images.

files written to --out:
  filters.png   the pictures of the most used units, without and with a penalty
  active.png    how many units are active in an image
  strokes.png   digits as sums of strokes
  tradeoff.png  PSNR against the number of active units, a point for each strength
  kept.png      PSNR of images drawn with the strongest units alone
  metrics.json  all numbers

examples:
  python -m demos.sparse
  python -m demos.sparse --l1 0.0003 --kl 0.001 --units 784 --epochs 10
  python -m demos.sparse --data /usr/share/datasets/fashion-mnist --out out/sparse-fashion
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos.shared import command
from demos.shared.examples import one_two_four
from nnlite import Autoencoder, LearningRateSchedule, cosine, dead_units
from nnlite.datasets import Dataset, first_of_each
from nnlite.layers import ActivityPenalty, Dense, Flatten, ReLU, Reshape, Sigmoid, SparsityPenalty, TiedDense, WeightPenalty
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam
from programs.arguments import number_between

WEIGHT_PENALTY = 1e-5  # λ₂ where the decoder has weights of its own
SHOWN_UNITS = 42
STROKES = 6


class Trained(NamedTuple):
    """A model, its kind and strength, and its numbers on the test images."""

    kind: str
    label: str
    model: Autoencoder
    codes: np.ndarray  # of the test images, (N, K)
    rest: np.ndarray  # (K,), mean activities on the training images
    numbers: dict[str, object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    jobs = [("plain", 0.0), *(("L1", strength) for strength in options.l1), *(("KL", strength) for strength in options.kl)]
    say(f"{len(jobs)} models, {options.epochs} epochs each")
    say(f"{'model':<13}{'active units':>16}{'Hoyer':>8}{'PSNR':>10}{'dead units':>12}{'seconds':>9}")
    results = []
    for kind, strength in jobs:
        with command.training(parser, options, of=f"{kind}, strength {strength:g}"):
            results.append(train(data, kind, strength, options))
        numbers = results[-1].numbers
        say(
            f"{results[-1].label:<13}{numbers['active_units']:>9.1f} of {options.units:<4}{numbers['hoyer_sparsity']:>7.2f}"
            f"{numbers['test_psnr']:>7.2f} dB{numbers['dead_units']:>12.1%}{numbers['seconds']:>9.1f}"
        )
    say(verdict(results))
    draw(options.out, data, results, options.epochs)
    command.finish(options, {"models": [result.numbers for result in results]}, "pictures")
    return 0


def train(data: Dataset, kind: str, strength: float, options: argparse.Namespace) -> Trained:
    """Return one model and its numbers; all models see the images in the same order."""
    start = time.perf_counter()
    model = make_model(data.train_images.shape[1:], kind, strength, options, np.random.default_rng(options.seed))
    model.compile(Adam(options.learning_rate), "mse")
    schedule, rng = LearningRateSchedule(cosine(warm_up=0.1)), np.random.default_rng(options.seed + 1)
    model.fit(data.train_images, epochs=options.epochs, batch_size=128, rng=rng, callbacks=[schedule], verbose=False)
    codes = model.encode(data.test_images)
    rest = model.encode(data.train_images).mean(axis=0)
    error = distortion(model, codes, data.test_images)
    active = active_units(codes, kind)
    kept = {str(n): psnr(error_kept(model, codes, rest, n, data.test_images)) for n in one_two_four(options.units)}
    numbers = {
        "kind": kind,
        "strength": strength,
        "active_units": float(active.sum(axis=1).mean()),
        "active_share": float(active.mean()),
        "hoyer_sparsity": float(hoyer(codes).mean()),
        "mean_activity": float(codes.mean()),
        "dead_units": next(iter(dead_units(model, data.test_images).values())),
        "test_mse": error,
        "test_psnr": psnr(error),
        "kept": kept,
        "seconds": time.perf_counter() - start,
    }
    return Trained(kind, f"{kind} {strength:g}" if strength else kind, model, codes, rest, numbers)


def make_model(
    image_shape: tuple[int, ...], kind: str, strength: float, options: argparse.Namespace, rng: np.random.Generator
) -> Autoencoder:
    """Return the autoencoder of one kind: "plain", "L1" or "KL"."""
    pixels = int(np.prod(image_shape))
    dense = Dense(pixels, options.units, rng=rng)
    encoder = [Flatten(), dense, Sigmoid() if kind == "KL" else ReLU()]
    if kind == "L1":
        encoder.append(ActivityPenalty(strength))
    if kind == "KL":
        encoder.append(SparsityPenalty(options.target, strength))
    if kind == "KL" or options.untied:
        decoder = Dense(options.units, pixels, rng=rng)
        if kind != "plain":
            encoder.append(WeightPenalty([dense, decoder], l2=WEIGHT_PENALTY))
    else:
        decoder = TiedDense(dense)
    return Autoencoder(encoder, [decoder, Reshape(image_shape)], input_shape=image_shape)


def atoms(model: Autoencoder) -> np.ndarray:
    """Return the picture of each unit at activity 1, shape (K, height, width)."""
    decoder = model.decoder.layers[0]
    weight = decoder.weight.value
    return (weight.T if isinstance(decoder, TiedDense) else weight).reshape(-1, *model.input_shape)


def active_units(codes: np.ndarray, kind: str) -> np.ndarray:
    """Tell for each image and unit, (N, K), whether the unit is active: not zero, or for sigmoid units ("KL") above 0.1."""
    return codes > (0.1 if kind == "KL" else 0)


def hoyer(codes: np.ndarray) -> np.ndarray:
    """Return (√K − Σ|h| / √Σh²) / (√K − 1) for each code h of K > 1 numbers; 0 for a code of zeros."""
    root = np.sqrt(codes.shape[1])
    lengths = np.linalg.norm(codes, axis=1)
    ratio = np.divide(np.abs(codes).sum(axis=1), lengths, out=np.full(len(codes), root), where=lengths > 0)
    return (root - ratio) / (root - 1)


def strongest(model: Autoencoder, activity: np.ndarray) -> np.ndarray:
    """Return for each image its units (N, K), the strongest first: by |activity| times the length of the atom."""
    lengths = np.linalg.norm(atoms(model).reshape(activity.shape[1], -1), axis=1)
    return np.argsort(-np.abs(activity) * lengths, axis=1, kind="stable")


def most_used(model: Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Return the units (K,), the strongest on the mean over all images first."""
    return strongest(model, codes.mean(axis=0, keepdims=True))[0]


def error_kept(model: Autoencoder, codes: np.ndarray, rest: np.ndarray, count: int, images: np.ndarray) -> float:
    """Return the mean squared error of images drawn with `count` activities each, and the mean activity of all other units."""
    kept = strongest(model, codes - rest)[:, :count]
    reduced = np.tile(rest, (len(codes), 1))
    np.put_along_axis(reduced, kept, np.take_along_axis(codes, kept, axis=1), axis=1)
    return distortion(model, reduced, images)


def distortion(model: Autoencoder, codes: np.ndarray, images: np.ndarray) -> float:
    """Return the mean squared error of the images drawn from codes, clipped to [0, 1]."""
    return mse(np.clip(model.decode(codes), 0, 1), images / np.float32(255), peak=1)


def verdict(results: list[Trained]) -> str:
    """Return the cost of the sparse models in words."""
    plain = results[0].numbers
    lines = []
    for result in results[1:]:
        share = result.numbers["active_units"] / max(plain["active_units"], 1e-9)
        loss = plain["test_psnr"] - result.numbers["test_psnr"]
        lines.append(f"{result.label}: {share:.0%} of the plain model's active units, {loss:.1f} dB less")
    return "\n".join(lines)


def draw(folder: Path, data: Dataset, results: list[Trained], epochs: int) -> None:
    """Write the five pictures. Each kind with a penalty is shown by its model with the middle strength."""
    from demos.shared import comparisons, plots  # their import takes longer than all the rest

    kinds = {kind: [result for result in results if result.kind == kind] for kind in dict.fromkeys(r.kind for r in results)}
    middle = [of_kind[len(of_kind) // 2] for of_kind in kinds.values()]
    units = results[0].codes.shape[1]
    used = {result.label: atoms(result.model)[most_used(result.model, result.codes)[:SHOWN_UNITS]] for result in middle}
    plots.filters(folder / "filters.png", f"Pictures of the {min(SHOWN_UNITS, units)} most used of {units} units", used, columns=6)
    active = {result.label: active_units(result.codes, result.kind).sum(axis=1) for result in results}
    comparisons.histograms(folder / "active.png", f"Active units among {units}", active, "active units", "test images")
    curve = {kind: sorted((r.numbers["active_units"], r.numbers["test_psnr"]) for r in of_kind) for kind, of_kind in kinds.items()}
    title = f"Test images drawn from sparse codes, after {epochs} epochs"
    comparisons.curves(folder / "tradeoff.png", title, {f"active units an image, of {units}": curve}, "PSNR (dB)")
    kept = {result.label: [(int(count), decibels) for count, decibels in result.numbers["kept"].items()] for result in results}
    comparisons.curves(folder / "kept.png", "Test images drawn with few units", {"units kept an image": kept}, "PSNR (dB)")
    first = first_of_each(data.test_labels)[:8]
    sparse = next((result for result in middle if result.kind != "plain"), middle[0])
    columns, signed = strokes(sparse.model, sparse.codes[first], data.test_images[first] / 255)
    comparisons.columns(folder / "strokes.png", f"Test images as sums of the units' pictures ({sparse.label})", columns, signed)


def strokes(model: Autoencoder, codes: np.ndarray, images: np.ndarray) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return columns of pictures for some images, and the names of the signed columns: image = bias + Σ activity · atom."""
    count = min(STROKES, codes.shape[1])
    order = strongest(model, codes)[:, :count]
    pictures = atoms(model)[order] * np.take_along_axis(codes, order, axis=1)[:, :, None, None]  # (N, count, height, width)
    bias = model.decode(np.zeros((1, codes.shape[1]), np.float32))
    columns = {"image": images, **{f"stroke {number + 1}": pictures[:, number] for number in range(count)}}
    columns[f"these {count}\nand the bias"] = np.clip(bias + pictures.sum(axis=1), 0, 1)
    columns["all units"] = np.clip(model.decode(codes), 0, 1)
    return columns, list(columns)[1 : 1 + count]


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("sparse", __doc__)
    parser.option("--units", command.whole_number(2), 256, "K", "numbers in a code")
    parser.option("--l1", strengths, [0.0001, 0.0003, 0.001], "λ,λ,...", "strengths of the L1 penalty")
    parser.option("--kl", strengths, [0.0001, 0.0003, 0.001], "β,β,...", "strengths of the KL penalty")
    parser.option("--target", number_between(0, 1), 0.05, "ρ", "mean activity, the aim of the KL penalty")
    parser.add_argument(
        "--untied", action="store_true", help="give every decoder weights of its own, and the L1 models a penalty on weights"
    )
    parser.add_options(epochs=5, learning_rate=0.003)
    parser.add_common()
    return parser


def strengths(text: str) -> list[float]:
    """Return an argument such as "0.001,0.01" as a list, smallest first; an empty text is an empty list."""
    return sorted(command.positive_number(part) for part in text.split(",")) if text else []


if __name__ == "__main__":
    command.run(main)
