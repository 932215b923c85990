"""Train the codec of photographs again, from a folder of photographs: colours, transform, mixers, network.

    colours     the principal axes of red, green and blue
    transform   the lapped transform with the largest coding gain: its coefficients differ most in size; by L-BFGS
    mixers      learn while they code the photographs at many qualities, and are stored
    network     99 differences and the quality → Dense, ReLU, … → 3 corrections, by Adam, on pixels of coded photographs

Use photographs without traces of another codec: scans, or large photographs scaled down, in PNG files.

file written: --out, the model

examples:
  python -m demos.train_photographs --data photographs/
  python -m demos.train_photographs --data photographs/ --samples 8000000 --epochs 80     made nnlite's own model

exit codes: 0 done, 1 training failed, 2 bad argument, 130 interrupted
"""

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from demos.shared import command
from demos.shared.lapped_transform import learn_transform
from nnlite import Dense, LearningRateSchedule, ReLU, Sequential, TrainingError
from nnlite.codec.mixing import Mixer
from nnlite.codec.packed_mixers import pack_mixer
from nnlite.codec.photographs import PhotographCodec
from nnlite.codec.photographs.contexts import untrained_mixer
from nnlite.codec.photographs.model import COLOUR_BITS, PACKING, Model
from nnlite.codec.photographs.photograph_codec import step_of
from nnlite.codec.photographs.pixel_network import FINENESS, INPUTS, LARGEST_INPUT, MARGIN, UNIT, IntegerLayer, check_layers, gather
from nnlite.codec.photographs.transform import SYNTHESIS_BITS, strips
from nnlite.files.errors import FileError
from nnlite.metrics import bits_per_pixel
from nnlite.optimizers import Adam
from nnlite.pictures.picture_files import read_picture

PASSES = (14, 28, 45, 62, 80, 20, 36, 53, 24, 40)  # qualities for the mixers, in turn; each photograph takes some
CROP = (384, 512)  # of a photograph, for the network's samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the model; return the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    command.output_folder(parser, options.out)
    say = command.printer(options)
    start = time.perf_counter()
    try:
        photographs = [read_colours(path) for path in sorted(options.data.glob("*.png"))]
    except FileError as error:
        parser.error(f"argument --data: {error}")
    if not photographs:
        parser.error(f"argument --data: expected a folder with PNG files, received {str(options.data)!r} without any")
    if any(min(photograph.shape[:2]) < 16 or np.ptp(photograph) == 0 for photograph in photographs):
        parser.error("argument --data: expected photographs of 16 × 16 pixels or more, received a smaller or a plain one")
    rng = np.random.default_rng(options.seed)
    say(f"{len(photographs)} photographs, {sum(p.size for p in photographs) / 3e6:.1f} megapixels")
    with command.training(parser, options):
        train(photographs, options, rng, say).save(options.out)
    say(f"{time.perf_counter() - start:.0f} s in all; {options.out} has {options.out.stat().st_size:,} bytes")
    return 0


def read_colours(path: Path) -> np.ndarray:
    """Return a photograph as (height, width, 3), a grey one with three equal planes."""
    picture = read_picture(path)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def train(photographs: list[np.ndarray], options: argparse.Namespace, rng: np.random.Generator, say: command.Say) -> Model:
    """Return a model of photographs like these."""
    analysis, synthesis = learn_transform(photographs, say)
    arrays = {
        "colours": np.rint(np.linalg.inv(principal_colours(photographs)) * 2**COLOUR_BITS).astype(np.int32),
        "analysis": analysis,
        "synthesis": np.rint(synthesis * 2**SYNTHESIS_BITS).astype(np.int32),
        "network.0.weight": np.zeros((3, INPUTS), np.int16),  # does nothing
        "network.0.bias": np.zeros(3, np.int32),
        "network.0.shift": np.array(0, np.int32),
        "mixer": pack_mixer(untrained_mixer(), *PACKING),
    }
    mixer = learn_mixer(photographs, Model(arrays), options.passes, say)
    arrays["mixer"] = pack_mixer(mixer, *PACKING)
    inputs, targets = samples(photographs, PhotographCodec(Model(arrays)), options.samples, rng)
    say(f"network: {len(inputs):,} samples, mean squared error without it {np.mean(targets**2):.5f} steps²")
    weights, biases = learn_network(inputs, targets, options, rng)
    layers = round_layers(weights, biases, inputs[:100_000])
    try:
        check_layers(layers)
    except ValueError as error:
        raise TrainingError(f"no integers stand for the trained network: {error}: try a smaller --learning-rate") from error
    for k, layer in enumerate(layers):
        arrays[f"network.{k}.weight"] = layer.weight.astype(np.int16)
        arrays[f"network.{k}.bias"] = layer.bias.astype(np.int32)
        arrays[f"network.{k}.shift"] = np.array(layer.shift, np.int32)
    return Model(arrays)


def principal_colours(photographs: list[np.ndarray]) -> np.ndarray:
    """Return the matrix (3, 3) from colours to planes: orthogonal rows of one length, the first, light, sums to 1."""
    covariance = np.mean([np.cov(photograph.reshape(-1, 3).T) for photograph in photographs], axis=0)
    axes = np.linalg.eigh(covariance)[1].T[::-1]  # the largest variance first
    axes *= np.where(axes.sum(axis=1, keepdims=True) < 0, -1, 1)
    return axes / axes[0].sum()


def learn_mixer(photographs: list[np.ndarray], model: Model, passes: int, say: command.Say) -> Mixer:
    """Return the mixer after it has coded each photograph at some qualities."""
    codec = PhotographCodec(model)
    for number, photograph in enumerate(photographs):
        planes = codec.planes(photograph)
        for turn in range(passes):
            quality = PASSES[(passes * number + turn) % len(PASSES)]
            stream, _, model.mixer = codec.encode(codec.blocks(planes, quality))
        rate = bits_per_pixel(len(stream), photograph.shape[:2])
        say(f"mixer: photograph {number + 1}, {rate:.3f} bits a pixel at {quality}")
    return model.mixer


def samples(
    photographs: list[np.ndarray], codec: PhotographCodec, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (about `count`, INPUTS) and targets of the network (about `count`, 3), in steps, from all photographs."""
    rounds = 16
    share = max(1, count // (rounds * len(photographs)))
    parts = [sample(photograph, codec, share, rng) for photograph in photographs for _ in range(rounds)]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def sample(photograph: np.ndarray, codec: PhotographCodec, share: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return about `share` pixels of a random part of a photograph, mirrored at random and coded at a random quality."""
    top, left = (rng.integers(0, max(1, size - part)) // 2 for size, part in zip(photograph.shape, CROP, strict=False))
    part = photograph[2 * top :, 2 * left :][: CROP[0], : CROP[1]]
    part = part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    originals = codec.planes(np.ascontiguousarray(part.transpose(1, 0, 2) if rng.random() < 0.5 else part))
    quality = int(rng.integers(5, 80) if rng.random() < 0.85 else rng.integers(80, 100))
    blocks = codec.blocks(originals, quality)
    codec.encode(blocks)
    originals *= np.float32(UNIT * 2**16 / step_of(quality))
    inputs, targets, top = [], [], 0
    for planes in strips(blocks, codec.model.synthesis, UNIT, MARGIN):
        _, rows, columns = (size - 2 * MARGIN for size in planes.shape)
        errors = originals[:, top : top + rows] - planes[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        top += rows
        chosen = rng.choice(rows * columns, min(rows * columns, max(1, share * rows // originals.shape[1])), replace=False)
        everything = np.empty((INPUTS, rows, columns), np.float32)
        gather(planes, 0, quality, everything)
        inputs.append(everything.reshape(INPUTS, -1)[:, chosen].T / np.float32(FINENESS))
        targets.append((errors.reshape(3, -1)[:, chosen].T / UNIT).astype(np.float32))
    return np.concatenate(inputs), np.concatenate(targets)


def learn_network(
    inputs: np.ndarray, targets: np.ndarray, options: argparse.Namespace, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the weights and biases of a trained network."""
    widths = [INPUTS, *options.hidden, 3]
    dense = [Dense(before, after, rng=rng) for before, after in pairwise(widths)]
    dense[-1].weight.value *= 0.1  # start with almost no correction
    layers = [layer for each in dense for layer in (each, ReLU())][:-1]
    model = Sequential(layers, (INPUTS,))
    model.compile(Adam(options.learning_rate), "mse")
    schedule = LearningRateSchedule(lambda progress: max(1 - progress, 0.005))
    model.fit(
        inputs,
        targets,
        epochs=options.epochs,
        batch_size=options.batch_size,
        rng=rng,
        callbacks=[schedule],
        verbose=not options.quiet,
    )
    return [layer.weight.value for layer in dense], [layer.bias.value for layer in dense]


def round_layers(weights: list[np.ndarray], biases: list[np.ndarray], inputs: np.ndarray) -> list[IntegerLayer]:
    """Return a trained network, float weights (inputs, outputs) on inputs in steps, as integers.

    Give hidden values the finest unit that hardly ever makes them exceed 255 on `inputs` (n, INPUTS). Give weights the finest unit
    that keeps sums below 2^24.
    """
    layers = []
    fineness, largest = FINENESS, LARGEST_INPUT
    values = inputs
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        last = k == len(weights) - 1
        values = values @ weight + bias
        if not last:
            values = np.maximum(values, 0)
        finer = UNIT if last else 2 ** int(np.floor(np.log2(255 / np.quantile(values, 0.9999))))
        for bits in range(16, -1, -1):
            integers = IntegerLayer(
                np.rint(weight.T * 2.0**bits).astype(np.float32),
                np.rint(bias * fineness * 2.0**bits + fineness * 2.0**bits / finer / 2).astype(np.float32),  # half a unit: rounding
                int(np.log2(fineness)) + bits - int(np.log2(finer)),
            )
            sums = np.abs(integers.weight).sum(axis=1) * largest + np.abs(integers.bias)
            if sums.max() < 2**24 and np.abs(integers.weight).max() < 2**15:
                break
        layers.append(integers)
        fineness, largest = finer, 255
    return layers


def make_parser() -> command.Parser:
    """Return the parser of the arguments."""
    parser = command.Parser("train_photographs", __doc__)
    number = command.whole_number(1)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder of photographs, PNG files")
    parser.option("--passes", number, 4, "N", "qualities at which each photograph teaches the mixers")
    text = "pixels that teach the network; each takes 412 bytes of memory"
    parser.option("--samples", command.whole_number(1000), 1_500_000, "N", text)
    parser.option("--hidden", command.whole_numbers, [64, 64, 32], "H,H,...", "widths of the network's hidden layers")
    parser.add_options(epochs=40, batch_size=2048, learning_rate=0.003)
    parser.add_options(seed=0, out=Path("out/train_photographs/photographs.safetensors"), threads=None)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return parser


if __name__ == "__main__":
    command.run(main)
