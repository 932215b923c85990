"""Train an autoencoder on MNIST, compress the test images with it, and count the bytes honestly.

    image (28, 28) → Flatten → Dense(latent, relu) → code → Dense(784, sigmoid) → Reshape → image (28, 28)

The code of an image is 128 floats, 512 bytes; the raw image has 784 bytes. So the demo quantises each number of the code to one
byte, decodes the pictures from these bytes, and counts them beside those of gzip and PNG. The last rows show the same images in a
codec that was trained for few bits (`nnlite.codec`, trained by demos.codec).

files written to --out:
  reconstructions.png  test images, the same decoded from their bytes, and the error
  history.png          loss by epoch on training and test images
  filters.png          the weights of the first layer's units, as images
  codes.png            the test images' codes in two dimensions, coloured by digit
  model.safetensors    the weights
  metrics.json         all numbers

examples:
  python -m demos.mnist
  python -m demos.mnist --latent 32 --hidden 512 --epochs 20
  python -m demos.mnist --epochs 50 --checkpoint out/training.safetensors
  python -m demos.mnist --data /usr/share/datasets/fashion-mnist --out out/mnist-fashion
"""

import gzip
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command
from nnlite import Autoencoder, Flatten, Reshape, Sigmoid, dead_units, save_weights
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset
from nnlite.initializers import glorot_uniform
from nnlite.layers import ACTIVATIONS
from nnlite.metrics import binary_entropy, mse, psnr
from nnlite.models import dense_network
from nnlite.optimizers import OPTIMIZERS
from nnlite.pictures.png import png

ACTIVATIONS_OF_CODES = sorted(set(ACTIVATIONS) - {"softmax"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options, say, data = command.start(parser, arguments)
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.latent, options.hidden, options.activation, rng)
    if not options.quiet:
        model.summary()
    optimizer = OPTIMIZERS[options.optimizer]
    model.compile(optimizer(options.learning_rate) if options.learning_rate else optimizer(), options.loss)
    start = time.perf_counter()
    with command.training(parser, options, model):
        history = model.fit(data.train_images, validation_data=data.test_images, rng=rng, **command.fit_settings(options)).history
    seconds_training = time.perf_counter() - start
    step = model.compiled_step(options.batch_size)
    say(f"each step was one compiled function; threads: {step.threads}" if step else "each step went layer by layer")

    quantizer = UniformQuantizer.from_codes(model.encode(data.train_images))
    symbols = quantizer.quantize(model.encode(data.test_images))  # (N, K) bytes: the compressed images
    decoded = model.decode(quantizer.dequantize(symbols))
    learned = [] if options.data else learned_codec(data.test_images)
    metrics = measure(model, data.test_images, symbols, decoded, learned)
    metrics["dead_units"] = dead_units(model[:-2], data.test_images)  # without the output: some pixels are always black
    say(report(metrics, sum(p.value.nbytes for p in model.decoder.parameters)))
    if options.loss == "bce":
        metrics["binary_entropy"] = binary_entropy(data.test_images)
        say(f"binary cross-entropy {history['val_loss'][-1]:.4f} nats a pixel; it cannot fall below the")
        say(f"grey pixels' own entropy, {metrics['binary_entropy']:.4f}")
    save_weights(model, options.out / "model.safetensors")
    pictures = {f"{symbols.shape[1]} bytes": decoded}
    pictures |= {f"codec,\n{size:.1f} bytes": images / 255 for _, size, images in reversed(learned)}
    draw(options.out, data, model, symbols, pictures, history, options.loss)
    if sys.stdout.isatty() and not options.quiet:
        show(data.test_images / 255, decoded)
    metrics |= {**history, "loss_name": options.loss, "learning_rate": model.optimizer.learning_rate}
    command.finish(options, metrics, "pictures, model", seconds_training)
    return 0


def make_model(
    shape: tuple[int, ...], latent: int, hidden: Sequence[int], activation: str, rng: np.random.Generator
) -> Autoencoder:
    """Return the autoencoder: pixels → hidden layers → code, and the same back with a sigmoid at the end."""
    widths, bend = [int(np.prod(shape)), *hidden, latent], ACTIVATIONS[activation]
    encoder = [Flatten(), *dense_network(widths, rng, bend, glorot_uniform), bend()]
    decoder = [*dense_network(widths[::-1], rng, bend, glorot_uniform), Sigmoid(), Reshape(shape)]
    return Autoencoder(encoder, decoder, input_shape=shape)


def learned_codec(images: np.ndarray) -> list[tuple]:
    """Return quality, bytes an image and decoded images of the built-in codec at a low, a middle and a high rate."""
    codec = ImageCodec.load()
    latents = codec.encoder.predict(images)
    files = {quality: codec.compress_latents(latents, quality) for quality in (0, codec.qualities // 3, codec.qualities // 2)}
    return [(quality, len(file) / len(images), codec.decompress(file)) for quality, file in files.items()]


def measure(
    model: Autoencoder, images: np.ndarray, symbols: np.ndarray, decoded: np.ndarray, learned: list[tuple]
) -> dict[str, Any]:
    """Return the distortion before and after quantising, and the bytes an image for several ways to store these test images."""
    before = mse(model.predict(images), images / np.float32(255), peak=1)
    after = mse(np.rint(decoded * 255), images.astype(np.float32), peak=255)
    rows = [
        ("raw pixels", images[0].size, None),
        ("PNG, one file an image", sum(len(png(image)) for image in images) / len(images), None),
        ("gzip -7, all in one file", _gzip_size(images), None),
        ("8-bit codes", symbols.shape[1], psnr(after)),
        ("gzip -7 of these codes", _gzip_size(symbols), psnr(after)),
        *((f"learned codec, quality {quality}", size, psnr(mse(result, images))) for quality, size, result in learned),
    ]
    sizes = [{"method": name, "bytes_per_image": size, "psnr": decibels} for name, size, decibels in rows]
    errors = {"test_mse": before, "test_psnr": psnr(before), "test_mse_quantized": after, "test_psnr_quantized": psnr(after)}
    return {**errors, "bytes_per_image": symbols.shape[1], "sizes": sizes}


def report(metrics: dict[str, Any], decoder_bytes: int) -> str:
    """Return the table of sizes and PSNRs, and the cost of quantising."""
    before, after = metrics["test_psnr"], metrics["test_psnr_quantized"]
    raw = metrics["sizes"][0]["bytes_per_image"]
    lines = [f"{'test images':<26}{'bytes each':>11}{'of raw':>9}{'PSNR':>12}"]
    for row in metrics["sizes"]:
        size, decibels = row["bytes_per_image"], "lossless" if row["psnr"] is None else f"{row['psnr']:.2f} dB"
        lines.append(f"{row['method']:<26}{size:>11.1f}{size / raw:>9.1%}{decibels:>12}")
    errors = f"MSE {metrics['test_mse']:.5f} ({before:.2f} dB) before, {metrics['test_mse_quantized']:.5f} after"
    lines.append(f"quantising the codes to 8 bits costs {before - after:.3f} dB: {errors}")
    lines.append(f"decoding the 8-bit codes needs the decoder too, {decoder_bytes:,} bytes of weights, once")
    dead = [f"{share:.0%} of layer {position}" for position, share in metrics["dead_units"].items() if share]
    if dead:
        lines.append(f"dead units, equal for all test images; they learn nothing: {', '.join(dead)}")
    return "\n".join(lines)


def show(images: np.ndarray, decoded: np.ndarray) -> None:
    """Print images and decoded images as text, side by side, at most five or as many as the terminal is wide."""
    count = min(5, (shutil.get_terminal_size().columns + 2) // (images.shape[2] // 2 + 2))
    if count:
        rows = map(block_characters, (images[:count], decoded[:count]))
        print("test images, and the same images decoded from their bytes:", *rows, sep="\n")


def block_characters(images: np.ndarray, threshold: float = 0.35) -> str:
    """Return images (N, height, width) in [0, 1] as text, side by side, at half their size: one character shows two pixels."""
    count, height, width = images.shape
    height, width = height // 4 * 4, width // 2 * 2
    halved = images[:, :height, :width].reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    bright = (halved > threshold).astype(int)
    both = (bright[:, ::2] + 2 * bright[:, 1::2]).swapaxes(0, 1)  # (rows, N, width): 1 the upper is bright, 2 the lower, 3 both
    return "\n".join("  ".join("".join(" ▀▄█"[pixel] for pixel in image) for image in row).rstrip() for row in both)


def draw(
    folder: Path, data: Dataset, model: Autoencoder, symbols: np.ndarray, pictures: dict[str, np.ndarray],
    history: dict[str, list[float]], loss: str,
) -> None:  # fmt: skip
    """Write the four pictures."""
    from demos.shared import plots  # its import takes longer than all the rest

    first, label = plots.first_of_each(data.test_labels), next(iter(pictures))
    rows = {"original": data.test_images[first] / 255, **{label: images[first] for label, images in pictures.items()}}
    title, error = "Test images, and the same images decoded from a few bytes each", rows[label] - rows["original"]
    plots.image_rows(folder / "reconstructions.png", title, rows, f"error at\n{label}", error)
    names = {"mse": "mean squared error", "bce": "binary cross-entropy (nats per pixel)"}
    curves = {"training images": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "history.png", "Loss by epoch", curves, names[loss])
    plots.first_layer(folder / "filters.png", model.encoder.parameters[0].value, data.test_images.shape[1:])
    plots.codes(folder / "codes.png", "Codes of the test images", symbols, data.test_labels)


def _gzip_size(array: np.ndarray) -> float:
    """Return gzip's bytes an image for the whole array (N, ...); level 9 saves only 1 %, but takes ten times as long."""
    return len(gzip.compress(array.tobytes(), 7, mtime=0)) / len(array)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("mnist", __doc__)
    add = parser.add_argument
    command.add_code(parser, "--latent", 128, hidden=[])
    text = "of the code and the hidden layers, %(choices)s (default relu)"
    add("--activation", choices=ACTIVATIONS_OF_CODES, default="relu", metavar="NAME", help=text)
    add("--loss", choices=["mse", "bce"], default="mse", help="mean squared error or binary cross-entropy (default mse)")
    add("--optimizer", choices=sorted(OPTIMIZERS), default="adam", help="how to change the weights (default adam)")
    command.add_training(parser, epochs=5, batch_size=128)
    own = "the optimizer's own: sgd 0.01, the others 0.001"
    parser.option("--learning-rate", command.positive_number, None, "RATE", "step size", own)
    command.add_common(parser, checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
