"""Train an autoencoder on MNIST, compress the test images with it, and count the bytes honestly.

    image (28, 28) → Flatten → Dense(latent, relu) → code → Dense(784, sigmoid) → Reshape → image

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
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from demos.shared import command
from nnlite import ACTIVATIONS, OPTIMIZERS, Autoencoder, Flatten, Reshape, Sigmoid, block_characters, dead_units
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset, first_of_each
from nnlite.initializers import glorot_uniform
from nnlite.metrics import binary_entropy, mse, psnr
from nnlite.models import dense_network
from nnlite.pictures.png import png

Ways = dict[str, tuple[int, np.ndarray]]  # to store the test images: the bytes for all of them, and the images that come back
ACTIVATIONS_OF_CODES = sorted(set(ACTIVATIONS) - {"softmax"})
LOSSES = {"mse": "mean squared error", "bce": "binary cross-entropy (nats a pixel)"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    say, data = command.start(parser, options)
    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options.latent, options.hidden, options.activation, rng)
    if not options.quiet:
        model.summary()
    optimizer = OPTIMIZERS[options.optimizer]
    model.compile(optimizer(options.learning_rate) if options.learning_rate else optimizer(), options.loss)
    with command.training(parser, options, model) as times:
        history = model.fit(data.train_images, validation_data=data.test_images, rng=rng, **command.fit_settings(options)).history
    step = model.compiled_step(options.batch_size)
    say(f"each step was one compiled function; threads: {step.threads}" if step else "each step went layer by layer")

    symbols, decoded = through_bytes(model, data)
    ways = ways_to_store(data.test_images, symbols, decoded, learned=not options.data)
    metrics = history | measure(model, data.test_images, ways)
    metrics |= {"bytes_per_image": options.latent, "loss_name": options.loss, "learning_rate": model.optimizer.learning_rate}
    say(report(metrics))
    draw(options.out, data, model, symbols, ways, metrics)
    if sys.stdout and sys.stdout.isatty():
        rows = [block_characters(images[:5]) for images in (data.test_images, decoded)]
        say("test images, and the same images decoded from their bytes:", *rows, sep="\n")
    command.finish(options, metrics | times, "pictures, model")
    return 0


def make_model(
    shape: tuple[int, ...], latent: int, hidden: Sequence[int], activation: str, rng: np.random.Generator
) -> Autoencoder:
    """Return the autoencoder: pixels → hidden layers → code, and the same back with a sigmoid at the end."""
    widths, bend = [int(np.prod(shape)), *hidden, latent], ACTIVATIONS[activation]
    encoder = [Flatten(), *dense_network(widths, rng, bend, glorot_uniform), bend()]
    decoder = [*dense_network(widths[::-1], rng, bend, glorot_uniform), Sigmoid(), Reshape(shape)]
    return Autoencoder(encoder, decoder, input_shape=shape)


def through_bytes(model: Autoencoder, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of the test images, (N, K) bytes, and the images decoded from these bytes, uint8."""
    quantizer = UniformQuantizer.from_codes(model.encode(data.train_images))
    symbols = quantizer.quantize(model.encode(data.test_images))
    return symbols, np.rint(model.decode(quantizer.dequantize(symbols)) * 255).astype(np.uint8)


def ways_to_store(images: np.ndarray, symbols: np.ndarray, decoded: np.ndarray, learned: bool) -> Ways:
    """Store these images without loss, as bytes of a code and, if there is one for them, in the `learned` codec."""
    gzipped = partial(gzip.compress, compresslevel=7, mtime=0)  # level 9 saves only 1 %, but takes ten times as long
    ways = {
        "raw pixels": (images.size, images),
        "PNG, one file an image": (sum(len(png(image)) for image in images), images),
        "gzip -7, all in one file": (len(gzipped(images.tobytes())), images),
        "8-bit codes": (symbols.size, decoded),
        "gzip -7 of these codes": (len(gzipped(symbols.tobytes())), decoded),
    }
    if learned:
        codec = ImageCodec.load()
        latents = codec.encoder.predict(images)
        for quality in (codec.qualities // 2, codec.qualities // 3, 0):
            file = codec.compress_latents(latents, quality)
            ways[f"learned codec, quality {quality}"] = len(file), codec.decompress(file)
    return ways


def measure(model: Autoencoder, images: np.ndarray, ways: Ways) -> dict[str, Any]:
    """Return the errors before and after quantising, and size and PSNR (None if lossless) of each way to store the images."""
    before, after = mse(model.predict(images), images / np.float32(255), peak=1), mse(ways["8-bit codes"][1], images)
    errors = {"test_mse": before, "test_psnr": psnr(before), "test_mse_quantized": after, "test_psnr_quantized": psnr(after)}
    sizes = [
        {"method": name, "bytes_per_image": size / len(images), "psnr": None if result is images else psnr(mse(result, images))}
        for name, (size, result) in ways.items()
    ]
    decoder = sum(p.value.nbytes for p in model.decoder.parameters)
    dead = dead_units(model[:-2], images)  # without the output: some pixels are always black
    return {**errors, "sizes": sizes, "decoder_bytes": decoder, "dead_units": dead, "binary_entropy": binary_entropy(images)}


def report(metrics: dict[str, Any]) -> str:
    """Return the table of sizes and PSNRs, the cost of quantising, and warnings."""
    lines = [f"{'test images':<26}{'bytes each':>11}{'of raw':>9}{'PSNR':>12}"]
    for row in metrics["sizes"]:
        size, decibels = row["bytes_per_image"], "lossless" if row["psnr"] is None else f"{row['psnr']:.2f} dB"
        lines.append(f"{row['method']:<26}{size:>11.1f}{size / metrics['sizes'][0]['bytes_per_image']:>9.1%}{decibels:>12}")
    before, after = metrics["test_psnr"], metrics["test_psnr_quantized"]
    errors = f"MSE {metrics['test_mse']:.5f} ({before:.2f} dB) before, {metrics['test_mse_quantized']:.5f} after"
    lines.append(f"quantising the codes to 8 bits costs {before - after:.3f} dB: {errors}")
    lines.append(f"decoding the 8-bit codes needs the decoder too, {metrics['decoder_bytes']:,} bytes of weights, once")
    dead = [f"{share:.0%} of layer {position}" for position, share in metrics["dead_units"].items() if share]
    if dead:
        lines.append(f"dead units, equal for all test images; they learn nothing: {', '.join(dead)}")
    if metrics["loss_name"] == "bce":
        lines.append(f"binary cross-entropy {metrics['val_loss'][-1]:.4f} nats a pixel; it cannot fall below the")
        lines.append(f"grey pixels' own entropy, {metrics['binary_entropy']:.4f}")
    return "\n".join(lines)


def draw(folder: Path, data: Dataset, model: Autoencoder, symbols: np.ndarray, ways: Ways, metrics: dict[str, Any]) -> None:
    """Write the four pictures."""
    from demos.shared import plots  # its import takes longer than all the rest

    first, images = first_of_each(data.test_labels), data.test_images
    shown = {name: way for name, way in ways.items() if way[1] is not images and "gzip" not in name}
    rows = {"original": images[first] / 255}
    for name, (size, result) in shown.items():
        rows[f"{name}, {size / len(images):.1f} bytes".replace(", ", ",\n")] = result[first] / 255
    title, error = "Test images, and the same images decoded from a few bytes each", [*rows.values()][1] - rows["original"]
    plots.image_rows(folder / "reconstructions.png", title, rows, {"error of\n8-bit codes": error})
    curves = {"training images": metrics["loss"], "test images": metrics["val_loss"]}
    plots.history(folder / "history.png", "Loss by epoch", curves, LOSSES[metrics["loss_name"]])
    plots.first_layer(folder / "filters.png", model.encoder.parameters[0].value, images.shape[1:])
    plots.codes(folder / "codes.png", "Codes of the test images", symbols, data.test_labels)


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser("mnist", __doc__)
    parser.add_options(latent=128, hidden=[], epochs=5, batch_size=128)
    text = "of the code and the hidden layers, %(choices)s (default relu)"
    parser.add_argument("--activation", choices=ACTIVATIONS_OF_CODES, default="relu", metavar="NAME", help=text)
    parser.add_argument("--loss", choices=LOSSES, default="mse", help="mean squared error or binary cross-entropy (default mse)")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adam", help="how to change the weights (default adam)")
    rates = "step size (default the optimizer's own: sgd 0.01, the others 0.001)"
    parser.option("--learning-rate", command.positive_number, None, "RATE", rates)
    parser.add_common(checkpoint=True)
    return parser


if __name__ == "__main__":
    command.run(main)
