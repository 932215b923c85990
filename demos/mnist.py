"""Train an autoencoder on MNIST, compress the test images with it, and say honestly what that costs.

    image (28, 28) → Flatten → Dense(latent, relu) → code → Dense(784, sigmoid) → Reshape → image (28, 28)

The code of an image is 128 floats, 512 bytes, where the raw image has 784. So each number of the code is quantised to one byte,
the bytes are counted beside those of gzip and PNG, and the pictures are decoded from the bytes. Last comes what a codec trained for
few bits does with the same images (`nnlite.codec`, trained by demos.codec).
"""

import argparse
import gzip
import shutil
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

import demos
from demos import command, machine
from demos.blocks import block_characters
from nnlite import Autoencoder, CheckpointError, Dense, Flatten, Reshape, Sigmoid, TrainingError, save_weights
from nnlite.activations import ACTIVATIONS
from nnlite.codec.image import ImageCodec
from nnlite.codec.quantizer import UniformQuantizer
from nnlite.datasets import Dataset
from nnlite.imagefiles import png
from nnlite.layers import Layer
from nnlite.metrics import mse, psnr
from nnlite.optimizers import OPTIMIZERS
from nnlite.safetensors import FormatError

EPILOG = """\
files written to --out:
  reconstructions.png  test images, what is decoded from their bytes, and the error
  history.png          loss by epoch on training and test images
  filters.png          the weights of the first layer's units, as images
  codes.png            the test images' codes in two dimensions, coloured by digit
  model.safetensors    the weights
  metrics.json         all numbers

examples:
  python -m demos.mnist
  python -m demos.mnist --latent 32 --hidden 512 --epochs 20
  python -m demos.mnist --epochs 50 --checkpoint out/training.safetensors
  python -m demos.mnist --data /usr/share/datasets/fashion-mnist --out out/fashion

exit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted (the weights so far are kept)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with these command line arguments, and return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    folder = command.output_folder(parser, options.out)
    data = command.load_data(parser, options.data)
    say = (lambda *_: None) if options.quiet else print
    say(f"{len(data.train_images):,} training and {len(data.test_images):,} test images of {_size(data)}; {machine.describe()}")

    rng = np.random.default_rng(options.seed)
    model = make_model(data.train_images.shape[1:], options, rng)
    if not options.quiet:
        model.summary()
    optimizer = OPTIMIZERS[options.optimizer]
    model.compile(optimizer(options.learning_rate) if options.learning_rate else optimizer(), options.loss)
    start = time.perf_counter()
    try:
        history = model.fit(
            data.train_images,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation_data=data.test_images,
            rng=rng,
            checkpoint=options.checkpoint,
            verbose=not options.quiet,
        ).history
    except TrainingError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except (CheckpointError, FormatError, OSError) as error:
        parser.error(f"argument --checkpoint: {error}")
    except KeyboardInterrupt:
        save_weights(model, folder / "model.safetensors")
        way_on = ", and the same command goes on after the last whole epoch" if options.checkpoint else ""
        print(f"\n{parser.prog}: interrupted; the weights so far are in {folder / 'model.safetensors'}{way_on}", file=sys.stderr)
        return 130
    seconds_training = time.perf_counter() - start

    quantizer = UniformQuantizer.from_codes(model.encode(data.train_images))
    symbols = quantizer.quantize(model.encode(data.test_images))  # (N, K) bytes: the compressed images
    decoded = model.decode(quantizer.dequantize(symbols))
    before = mse(model.predict(data.test_images), data.test_images / 255, peak=1)
    after = mse(np.rint(decoded * 255), data.test_images)
    learned = [] if options.data else learned_codec(data.test_images)
    rows = [
        ("raw pixels", data.test_images[0].size, None),
        ("PNG, one file an image", sum(len(png(image)) for image in data.test_images) / len(data.test_images), None),
        ("gzip -7, all in one file", _gzip_size(data.test_images), None),
        ("8-bit codes", symbols.shape[1], psnr(after)),
        ("gzip -7 of these codes", _gzip_size(symbols), psnr(after)),
        *((f"learned codec, quality {quality}", size, psnr(mse(images, data.test_images))) for quality, size, images in learned),
    ]
    say(report(rows, before, after, sum(p.value.nbytes for p in model.decoder.parameters)))

    save_weights(model, folder / "model.safetensors")
    pictures = {f"{symbols.shape[1]} bytes": decoded}
    pictures |= {f"codec,\n{size:.1f} bytes": images / 255 for _, size, images in reversed(learned)}
    draw(folder, data, model, symbols, pictures, history, options.loss)
    shown = min(5, (shutil.get_terminal_size().columns + 2) // (data.test_images.shape[2] // 2 + 2))  # digits side by side
    if sys.stdout.isatty() and not options.quiet and shown:
        print("test images, and the same decoded from their bytes:")
        print(block_characters(data.test_images[:shown] / 255))
        print(block_characters(decoded[:shown]))
    seconds_total = time.perf_counter() - demos.START
    command.write_metrics(
        folder / "metrics.json",
        {
            "test_mse": before,
            "test_psnr": psnr(before),
            "test_mse_quantized": after,
            "test_psnr_quantized": psnr(after),
            "bytes_per_image": symbols.shape[1],
            "sizes": [{"method": name, "bytes_per_image": size, "psnr": decibels} for name, size, decibels in rows],
            **history,
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "latent": options.latent,
            "hidden": options.hidden,
            "activation": options.activation,
            "loss_name": options.loss,
            "optimizer": options.optimizer,
            "learning_rate": model.optimizer.learning_rate,
            "seed": options.seed,
            "seconds_training": seconds_training,
            "seconds_total": seconds_total,
        },
    )
    say(f"trained in {seconds_training:.1f} s, {seconds_total:.1f} s in all; pictures, model and metrics.json are in {folder}/")
    return 0


def make_parser() -> command.Parser:
    """Return the parser of the demo's arguments."""
    parser = command.Parser(prog="python -m demos.mnist", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--epochs", type=command.whole_number(1), default=5, metavar="N", help="times through the training images (default 5)")
    add("--batch-size", type=command.whole_number(1), default=128, metavar="N", help="images a step (default 128)")
    add("--latent", type=command.whole_number(1), default=128, metavar="K", help="numbers in a code (default 128)")
    add(
        "--hidden", type=command.whole_numbers, default=[], metavar="H,H,...",
        help="widths of further layers between the image and the code, mirrored in the decoder (default none)",
    )  # fmt: skip
    hidden_activations = sorted(set(ACTIVATIONS) - {"softmax"})
    add("--activation", choices=hidden_activations, default="relu", help="of the code and the hidden layers (default relu)")
    add("--loss", choices=["mse", "bce"], default="mse", help="mean squared error or binary cross-entropy (default mse)")
    add("--optimizer", choices=sorted(OPTIMIZERS), default="adam", help="(default adam)")
    add(
        "--learning-rate", type=command.positive_number, metavar="RATE",
        help="step size (default the optimizer's: adam 0.001, sgd 0.01)",
    )  # fmt: skip
    add("--seed", type=command.whole_number(0), default=0, metavar="N", help="of start weights and order (default 0)")
    add(
        "--data", type=Path, metavar="DIR",
        help="a folder of IDX files in MNIST's layout, gzipped or not, such as Fashion-MNIST (default the built-in MNIST)",
    )  # fmt: skip
    command.add_checkpoint(parser)
    add("--out", type=Path, default=Path("out/mnist"), metavar="DIR", help="where to write (default out/mnist)")
    add(
        "--threads", type=command.whole_number(1), metavar="N",
        help="threads of the matrix products (default one for each physical core, at most 8)",
    )  # fmt: skip
    add("--quiet", action="store_true", help="print nothing but errors")
    return parser


def make_model(image_shape: tuple[int, ...], options: argparse.Namespace, rng: np.random.Generator) -> Autoencoder:
    """Return the autoencoder: pixels → hidden layers → code, and the same back with a sigmoid at the end."""
    activation = ACTIVATIONS[options.activation]
    widths = [int(np.prod(image_shape)), *options.hidden, options.latent]
    encoder: list[Layer] = [Flatten()]
    for width, next_width in pairwise(widths):
        encoder += [Dense(width, next_width, rng=rng), activation()]
    decoder: list[Layer] = []
    for width, next_width in pairwise(widths[::-1]):
        decoder += [Dense(width, next_width, rng=rng), activation()]
    decoder[-1:] = [Sigmoid(), Reshape(image_shape)]
    return Autoencoder(encoder, decoder, input_shape=image_shape)


def learned_codec(images: np.ndarray) -> list[tuple[int, float, np.ndarray]]:
    """Return quality, bytes an image and decoded images of the built-in codec at three rates: a low, a middle and a high one."""
    codec = ImageCodec.load()
    latents = codec.encoder.predict(images)
    files = {quality: codec.compress_latents(latents, quality) for quality in (0, codec.qualities // 3, codec.qualities // 2)}
    return [(quality, len(file) / len(images), codec.decompress(file)) for quality, file in files.items()]


def report(rows: list[tuple[str, float, float | None]], before: float, after: float, decoder_bytes: int) -> str:
    """Return the table of sizes and PSNRs, and what quantising costs."""
    raw = rows[0][1]
    lines = [f"{'test images':<26}{'bytes each':>11}{'of raw':>9}{'PSNR':>12}"]
    for name, size, decibels in rows:
        lines.append(f"{name:<26}{size:>11.1f}{size / raw:>9.1%}{'lossless' if decibels is None else f'{decibels:.2f} dB':>12}")
    lines += [
        f"quantising the codes to 8 bits costs {psnr(before) - psnr(after):.3f} dB: "
        f"MSE {before:.5f} ({psnr(before):.2f} dB) before, {after:.5f} after",
        f"decoding the 8-bit codes needs the decoder too, {decoder_bytes:,} bytes of weights, once",
    ]
    return "\n".join(lines)


def draw(
    folder: Path,
    data: Dataset,
    model: Autoencoder,
    symbols: np.ndarray,
    pictures: dict[str, np.ndarray],
    history: dict[str, list[float]],
    loss: str,
) -> None:
    """Write the four pictures."""
    from demos import plots  # matplotlib takes longer to import than all the rest

    first = [int(np.argmax(data.test_labels == label)) for label in np.unique(data.test_labels)]  # one image of each class
    originals = data.test_images[first] / 255
    shown = {"original": originals, **{label: images[first] for label, images in pictures.items()}}
    label, decoded = next(iter(pictures.items()))
    plots.reconstructions(
        folder / "reconstructions.png",
        "Test images, and what is decoded from so many bytes each",
        shown,
        f"error at\n{label}",
        decoded[first] - originals,
    )
    names = {"mse": "mean squared error", "bce": "binary cross-entropy (nats per pixel)"}
    curves = {"training images": history["loss"], "test images": history["val_loss"]}
    plots.history(folder / "history.png", "Loss by epoch", curves, names[loss])
    weights = model.encoder.parameters[0].value.T.reshape(-1, *data.test_images.shape[1:])  # one image for each unit
    shown = min(len(weights), 60)
    title = f"What {shown} of {len(weights)} units of the first layer look at"
    plots.filters(folder / "filters.png", title, weights[:shown])
    points, share = principal_components(symbols.astype(np.float64), 2)
    plots.codes(folder / "codes.png", "Codes of the test images", points, data.test_labels, share)


def principal_components(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x (N, K) in the directions of greatest variance, shape (N, count), and each one's share of the variance."""
    centred = x - x.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    points = np.zeros((len(x), count))
    share = np.zeros(count)
    available = min(count, x.shape[1])
    points[:, :available] = centred @ directions[:, ::-1][:, :available]
    share[:available] = variances[::-1][:available] / max(variances.sum(), 1e-300)
    return points, share


def _gzip_size(array: np.ndarray) -> float:
    """Return the bytes an image that gzip takes for the whole array (N, ...): level 9 saves 1 %, in ten times the time."""
    return len(gzip.compress(array.tobytes(), 7, mtime=0)) / len(array)


def _size(data: Dataset) -> str:
    return " × ".join(map(str, data.test_images.shape[1:]))


if __name__ == "__main__":
    command.run(main)
