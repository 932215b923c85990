"""Train a deep autoencoder, with a code of 30 numbers, and see it beside principal components with as many.

    image (28, 28) → 784 → 1000 → 500 → 250 → 30 → 250 → 500 → 1000 → 784 → image (28, 28)

These are the layers of Hinton and Salakhutdinov, who in 2006 had to train them one by one first. With SiLU for their logistic
units, He's initialisation, Adam and a learning rate that rises and falls again, plain backpropagation trains all at once. Training
images are shifted by up to one pixel each way: without that, the error on test images stops falling long before that on training
images does.

The error is that of their paper, the squared error summed over an image's pixels and averaged over the test images (784 × MSE):

    principal components, 30 of them                                13.87
    Hinton and Salakhutdinov, Science 313, 2006                      3.00
    Martens, "Deep learning via Hessian-free optimization", 2010     2.28  (with an L2 penalty)
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

import demos
from demos import command, machine
from demos.mnist import principal_components
from nnlite import (
    Autoencoder,
    CheckpointError,
    Flatten,
    LearningRateSchedule,
    RandomShift,
    Reshape,
    Sigmoid,
    TrainingError,
    cosine,
    save_weights,
)
from nnlite.autoencoder import dense_network
from nnlite.datasets import Dataset
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam
from nnlite.safetensors import FormatError

EPILOG = """\
files written to --out:
  reconstructions.png  test images, beside what is left of them in so many principal components and in the code
  interpolation.png    from one test image to another in ten equal steps of the code
  codes.png            the test images' codes in two dimensions, coloured by digit
  history.png          squared error by epoch
  model.safetensors    the weights of the last model
  metrics.json         all numbers

examples:
  python -m demos.deep
  python -m demos.deep --epochs 120                                       the long run: 2.80 and less
  python -m demos.deep --code 64 --runs 3                                 a mean over three models
  python -m demos.deep --code 2 --epochs 30                               a map of the digits

exit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    folder = command.output_folder(parser, options.out)
    data = command.load_data(parser, options.data)
    say = (lambda *_, **__: None) if options.quiet else print
    if options.checkpoint and options.runs > 1:
        parser.error(f"argument --checkpoint: expected --runs 1, since a file holds one training, received --runs {options.runs}")
    shape = data.train_images.shape[1:]
    pixels = int(np.prod(shape))
    components = PrincipalComponents(data.train_images, min(options.code, pixels))
    principal = mse(components.reconstruct(data.test_images), data.test_images / 255, peak=1)
    say(f"{len(data.train_images):,} training and {len(data.test_images):,} test images; {machine.describe()}")
    say(f"{components.count} principal components: test squared error {pixels * principal:.2f}, {psnr(principal):.2f} dB")

    errors = []
    for seed in range(options.seed, options.seed + options.runs):
        model = make_model(shape, options.hidden, options.code, np.random.default_rng(seed))
        if seed == options.seed and not options.quiet:
            model.summary()
        try:
            history = train(model, data, options, np.random.default_rng(seed + 1000))
        except TrainingError as error:
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 1
        except (CheckpointError, FormatError, OSError) as error:
            parser.error(f"argument --checkpoint: {error}")
        errors.append(mse(model.predict(data.test_images), data.test_images / 255, peak=1))
        say(
            f"seed {seed}: test squared error {pixels * errors[-1]:.3f}, MSE {errors[-1]:.6f}, {psnr(errors[-1]):.2f} dB",
            flush=True,
        )
    mean = float(np.mean(errors))
    if options.runs > 1:
        say(f"mean of {options.runs} models: test squared error {pixels * mean:.3f}, MSE {mean:.6f}, {psnr(mean):.2f} dB")

    save_weights(model, folder / "model.safetensors")
    draw(folder, data, model, components, {name: pixels * np.array(values) for name, values in history.items()})
    seconds = time.perf_counter() - demos.START
    command.write_metrics(
        folder / "metrics.json",
        {
            "test_squared_error": pixels * mean,
            "test_mse": mean,
            "test_psnr": psnr(mean),
            "test_mse_by_seed": dict(zip(map(str, range(options.seed, options.seed + options.runs)), errors, strict=True)),
            "principal_components_squared_error": pixels * principal,
            **history,
            "code": options.code,
            "hidden": options.hidden,
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "learning_rate": options.learning_rate,
            "shift": options.shift,
            "seconds_total": seconds,
        },
    )
    say(f"{seconds:.0f} s in all; pictures, model and metrics.json are in {folder}/")
    return 0


def make_model(shape: tuple[int, ...], hidden: Sequence[int], code: int, rng: np.random.Generator) -> Autoencoder:
    """Return the autoencoder: pixels → hidden layers → code, linear, and the same back with a sigmoid at the end."""
    widths = [int(np.prod(shape)), *hidden, code]
    encoder = [Flatten(), *dense_network(widths, rng)]
    decoder = [*dense_network(widths[::-1], rng), Sigmoid(), Reshape(shape)]
    return Autoencoder(encoder, decoder, input_shape=shape)


def train(model: Autoencoder, data: Dataset, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, list[float]]:
    """Train the model as the options say, and return the mean squared errors by epoch."""
    model.compile(Adam(options.learning_rate), "mse")
    return model.fit(
        data.train_images,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=data.test_images,
        rng=rng,
        augment=RandomShift(options.shift) if options.shift else None,
        callbacks=[LearningRateSchedule(cosine(warm_up=0.05))],
        checkpoint=options.checkpoint,
        verbose=not options.quiet,
    ).history


class PrincipalComponents:
    """The best linear autoencoder: the directions in which images differ most.

    Parameters
    ----------
    images : uint8 array, shape (N, ...)
    count : int
        How many directions.
    """

    def __init__(self, images: np.ndarray, count: int):
        x = images.reshape(len(images), -1).astype(np.float32) / 255
        self.mean = x.mean(axis=0)
        x -= self.mean
        _, directions = np.linalg.eigh(x.T @ x)  # ascending
        self.directions = directions[:, ::-1][:, :count]  # (D, K)
        self.count = count

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Return what the components hold of uint8 images (N, ...), as floats near [0, 1]."""
        x = images.reshape(len(images), -1).astype(np.float32) / 255 - self.mean
        return (x @ self.directions @ self.directions.T + self.mean).reshape(images.shape)


def draw(folder: Path, data: Dataset, model: Autoencoder, components: PrincipalComponents, curves: dict[str, np.ndarray]) -> None:
    """Write the four pictures."""
    from demos import plots  # matplotlib takes longer to import than all the rest

    first = [int(np.argmax(data.test_labels == label)) for label in np.unique(data.test_labels)]  # one image of each class
    originals = data.test_images[first] / 255
    codes = model.encode(data.test_images)
    decoded = model.decode(codes[first])
    numbers = f"{codes.shape[1]} numbers"
    plots.reconstructions(
        folder / "reconstructions.png",
        f"Test images from {numbers} each",
        {
            "original": originals,
            "principal\ncomponents": np.clip(components.reconstruct(data.test_images[first]), 0, 1),
            "deep\nautoencoder": decoded,
        },
        "error of the\nautoencoder",
        decoded - originals,
    )
    steps = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
    paths = [(1 - steps) * codes[a] + steps * codes[b] for a, b in pairwise(first[:6])]
    plots.sheet(
        folder / "interpolation.png",
        "From one test image to the next, in equal steps of the code",
        np.concatenate([model.decode(path) for path in paths]),
        columns=10,
    )
    plots.history(
        folder / "history.png",
        "Squared error of an image by epoch",
        {"training images, as they are shifted": curves["loss"], "test images": curves["val_loss"]},
        "squared error, summed over the pixels",
    )
    points, share = principal_components(codes.astype(np.float64), 2)
    plots.codes(folder / "codes.png", "Codes of the test images", points, data.test_labels, share)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser(prog="python -m demos.deep", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--code", type=command.whole_number(1), default=30, metavar="K", help="numbers in the code (default 30)")
    add(
        "--hidden", type=command.whole_numbers, default=[1000, 500, 250], metavar="H,H,...",
        help="units of the layers before the code, mirrored behind it (default 1000,500,250)",
    )  # fmt: skip
    add("--epochs", type=command.whole_number(1), default=20, metavar="N", help="times through the training images (default 20)")
    add("--batch-size", type=command.whole_number(1), default=128, metavar="N", help="images a step (default 128)")
    add("--learning-rate", type=command.positive_number, default=0.004, metavar="RATE", help="its largest value (default 0.004)")
    add("--shift", type=command.whole_number(0), default=1, metavar="P", help="training images move by up to P pixels (default 1)")
    add(
        "--runs",
        type=command.whole_number(1),
        default=1,
        metavar="N",
        help="models to train, each with a seed of its own (default 1)",
    )
    add("--seed", type=command.whole_number(0), default=0, metavar="N", help="of the first model (default 0)")
    add("--data", type=Path, metavar="DIR", help="a folder of IDX files in MNIST's layout (default the built-in MNIST)")
    command.add_checkpoint(parser)
    add("--out", type=Path, default=Path("out/deep"), metavar="DIR", help="where to write (default out/deep)")
    add("--threads", type=command.whole_number(1), metavar="N", help="threads of the matrix products")
    add("--quiet", action="store_true", help="print nothing but errors")
    return parser


if __name__ == "__main__":
    command.run(main)
