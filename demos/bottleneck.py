"""How small can the code be? Train the autoencoder of demos.mnist with codes of several sizes; draw distortion against size.

    image (28, 28) → Flatten → Dense(latent, activation) → code → Dense(784, sigmoid) → Reshape → image (28, 28)

The demo trains one model for each latent size and activation. It quantises each number of a code to one byte and decodes the test
images from the bytes. It also compresses the codes of all test images with gzip, in one stream: that shows how many of the bytes
are needed.

Small codes of sigmoid or tanh units show saturation. Most pixels are black, so the first steps push every output down. They also
push every unit of the code to one end of its range, for all images alike. There its derivative is almost 0, and it stays: the
decoder draws the mean image (11.7 dB), and gzip finds almost nothing in the codes.

files written to --out:
  bottleneck.png  PSNR against bytes an image, a curve for each activation
  metrics.json    all numbers

examples:
  python -m demos.bottleneck
  python -m demos.bottleneck --latents 2,30 --activations tanh --epochs 20
"""

import gzip
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.mnist import ACTIVATIONS_OF_CODES, make_model, through_bytes
from demos.shared import command
from nnlite.datasets import Dataset
from nnlite.metrics import mse, psnr
from nnlite.optimizers import Adam
from programs.arguments import names_among


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    count = len(options.latents) * len(options.activations)
    say(f"{count} models, {options.epochs} epochs each")
    say(f"{'activation':<12}{'bytes':>6}{'gzip':>8}{'PSNR':>10}{'seconds':>9}")
    points = []
    for activation in options.activations:
        for latent in options.latents:
            with command.training(parser, options, of=f"{activation}, {latent} numbers"):
                points.append(train(data, latent, activation, options.epochs, options.seed))
            point = points[-1]
            figures = f"{point['gzip_bytes_per_image']:>8.1f}{point['test_psnr']:>7.2f} dB{point['seconds']:>9.1f}"
            say(f"{activation:<12}{latent:>6}{figures}")
    draw(options.out / "bottleneck.png", points, options.epochs)
    command.finish(options, {"points": points}, "bottleneck.png")
    return 0


def train(data: Dataset, latent: int, activation: str, epochs: int, seed: int) -> dict[str, object]:
    """Return size and distortion of the test images with one model; all models see the images in the same order."""
    start = time.perf_counter()
    model = make_model(data.train_images.shape[1:], latent, [], activation, np.random.default_rng(seed))
    model.compile(Adam(), "mse")
    model.fit(data.train_images, epochs=epochs, batch_size=128, rng=np.random.default_rng(seed + 1), verbose=False)
    symbols, decoded = through_bytes(model, data)
    error = mse(decoded, data.test_images)
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
    from demos.shared import comparisons  # its import takes longer than all the rest

    panels = {"bytes_per_image": "bytes an image: 8-bit codes", "gzip_bytes_per_image": "bytes an image: gzip of the 8-bit codes"}
    curves = {
        label: {
            activation: sorted((point[key], point["test_psnr"]) for point in points if point["activation"] == activation)
            for activation in dict.fromkeys(point["activation"] for point in points)
        }
        for key, label in panels.items()
    }
    comparisons.curves(path, f"Test images decoded from their codes, after {epochs} epochs", curves, "PSNR (dB)")


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("bottleneck", __doc__)
    parser.option("--latents", latents, [4, 8, 16, 32, 64, 128], "K,K,...", "how many numbers a code has")
    names, text = names_among(ACTIVATIONS_OF_CODES), f"of the code, among {', '.join(ACTIVATIONS_OF_CODES)}"
    parser.option("--activations", names, ["relu", "leaky_relu", "sigmoid", "tanh", "silu"], "NAME,...", text)
    parser.add_options(epochs=5)
    parser.add_common()
    return parser


def latents(text: str) -> list[int]:
    """Return an argument such as "4,8,16" as a list of at least one number."""
    return command.whole_numbers(text) or [command.whole_number(1)(text)]


if __name__ == "__main__":
    command.run(main)
