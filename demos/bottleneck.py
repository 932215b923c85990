"""How small can the code be? Train the autoencoder of demos.mnist with codes of several sizes, and draw distortion against size.

    image (28, 28) → Flatten → Dense(latent, activation) → code → Dense(784, sigmoid) → Reshape → image (28, 28)

One model for each latent size and activation. Each number of a code is quantised to one byte, and the test images are decoded from
the bytes; the codes of all test images are also compressed with gzip, in one stream, to see how much of those bytes is needed.

Small codes of sigmoid or tanh units show what saturation is. Most pixels are black, so the first steps push every output down, and
with them every unit of the code to one end of its range, for all images alike. There its derivative is almost 0 and it stays: the
decoder draws the mean image (11.7 dB), and gzip finds next to nothing in the codes.
"""

import argparse
import gzip
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import demos
from demos import command, machine
from demos.mnist import make_model
from nnlite import TrainingError
from nnlite.activations import ACTIVATIONS
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam

NAMES = sorted(set(ACTIVATIONS) - {"softmax"})

EPILOG = f"""\
files written to --out:
  bottleneck.png  PSNR against bytes an image, a curve for each activation
  metrics.json    all numbers

activations: {", ".join(NAMES)}

examples:
  python -m demos.bottleneck
  python -m demos.bottleneck --latents 2,30 --activations tanh --epochs 20

exit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    folder = command.output_folder(parser, options.out)
    data = command.load_data(parser, options.data)
    say = (lambda *_, **__: None) if options.quiet else print
    count = len(options.latents) * len(options.activations)
    say(f"{count} models, {options.epochs} epochs each on {len(data.train_images):,} images; {machine.describe()}")
    say(f"{'activation':<12}{'bytes':>6}{'gzip':>8}{'PSNR':>10}{'seconds':>9}")
    points = []
    for activation in options.activations:
        for latent in options.latents:
            try:
                point = train(data, latent, activation, options.epochs, options.seed)
            except TrainingError as error:
                print(f"{parser.prog}: {activation}, {latent} numbers: {error}", file=sys.stderr)
                return 1
            points.append(point)
            figures = f"{point['gzip_bytes_per_image']:>8.1f}{point['test_psnr']:>7.2f} dB{point['seconds']:>9.1f}"
            say(f"{activation:<12}{latent:>6}{figures}", flush=True)
    draw(folder / "bottleneck.png", points, options.epochs)
    seconds = time.perf_counter() - demos.START
    metrics = {"points": points, "epochs": options.epochs, "seed": options.seed, "seconds_total": seconds}
    command.write_metrics(folder / "metrics.json", metrics)
    say(f"{seconds:.1f} s in all; bottleneck.png and metrics.json are in {folder}/")
    return 0


def train(data: Dataset, latent: int, activation: str, epochs: int, seed: int) -> dict[str, object]:
    """Return size and distortion of the test images with one model; all models see the images in the same order."""
    start = time.perf_counter()
    shape = argparse.Namespace(latent=latent, activation=activation, hidden=[])
    model = make_model(data.train_images.shape[1:], shape, np.random.default_rng(seed))
    model.compile(Adam(), "mse")
    model.fit(data.train_images, epochs=epochs, batch_size=128, rng=np.random.default_rng(seed + 1), verbose=False)
    quantizer = UniformQuantizer.from_codes(model.encode(data.train_images))
    symbols = quantizer.quantize(model.encode(data.test_images))  # (N, K) bytes: the compressed images
    error = mse(np.rint(model.decode(quantizer.dequantize(symbols)) * 255), data.test_images)
    return {
        "latent": latent,
        "activation": activation,
        "bytes_per_image": latent,
        "gzip_bytes_per_image": len(gzip.compress(symbols.tobytes(), 9, mtime=0)) / len(symbols),
        "test_mse": error,
        "test_psnr": psnr(error),
        "seconds": time.perf_counter() - start,
    }


def draw(path: Path, points: list[dict[str, object]], epochs: int) -> None:
    """Write the picture."""
    from demos import plots  # matplotlib takes longer to import than all the rest

    panels = {"bytes_per_image": "bytes an image: 8-bit codes", "gzip_bytes_per_image": "bytes an image: gzip of the 8-bit codes"}
    curves = {
        label: {
            activation: sorted((point[key], point["test_psnr"]) for point in points if point["activation"] == activation)
            for activation in dict.fromkeys(point["activation"] for point in points)
        }
        for key, label in panels.items()
    }
    plots.curves(path, f"Test images decoded from their codes, after {epochs} epochs", curves, "PSNR (dB)")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser(prog="python -m demos.bottleneck", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add(
        "--latents", type=latents, default=[4, 8, 16, 32, 64, 128], metavar="K,K,...",
        help="how many numbers a code has (default 4,8,16,32,64,128)",
    )  # fmt: skip
    add(
        "--activations", type=activations, default=["relu", "leaky_relu", "sigmoid", "tanh", "silu"], metavar="NAME,...",
        help="of the code (default relu,leaky_relu,sigmoid,tanh,silu)",
    )  # fmt: skip
    add("--epochs", type=command.whole_number(1), default=5, metavar="N", help="of each model (default 5)")
    add("--seed", type=command.whole_number(0), default=0, metavar="N", help="of start weights and order (default 0)")
    add("--data", type=Path, metavar="DIR", help="a folder of IDX files in MNIST's layout (default the built-in MNIST)")
    add("--out", type=Path, default=Path("out/bottleneck"), metavar="DIR", help="where to write (default out/bottleneck)")
    add("--threads", type=command.whole_number(1), metavar="N", help="threads of the matrix products")
    add("--quiet", action="store_true", help="print nothing but errors")
    return parser


def latents(text: str) -> list[int]:
    """Return an argument such as "4,8,16" as a list of at least one number."""
    return [command.whole_number(1)(part) for part in text.split(",")]


def activations(text: str) -> list[str]:
    """Return an argument such as "relu,tanh" as a list of names."""
    names = text.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected names among {', '.join(NAMES)}, received {unknown[0]!r}")
    return names


if __name__ == "__main__":
    command.run(main)
