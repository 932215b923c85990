"""Kill a training at random moments, go on from its checkpoint, and compare every byte with a training that nobody killed.

    python -m tests.long.kill_training --kills 200

The trained program is this module, too, called with ``--train FOLDER``: a tiny model with all that remembers or draws anything.
It is killed by SIGKILL, which no program can notice, inside epochs, between them and while the checkpoint is being written.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnlite import (
    AdamW,
    BatchNormalization,
    Callback,
    CSVLogger,
    Dense,
    Dropout,
    EarlyStopping,
    Flatten,
    GaussianNoise,
    LearningRateSchedule,
    ModelCheckpoint,
    RandomShift,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    cosine,
    save_weights,
)

ROOT = Path(__file__).parents[2]
EPOCHS = 30
RESULTS = ("weights.safetensors", "best.safetensors", "log.csv")


class Announce(Callback):
    """Says when the first epoch begins, so that kills do not fall into the imports."""

    def on_epoch_begin(self, model, epoch):
        print(epoch, flush=True)


def train(folder):
    """Train with a checkpoint in the folder, from the beginning or from where it was killed, and write RESULTS."""
    rng = np.random.default_rng(1)
    images = np.random.default_rng(2).integers(0, 256, (300, 5, 5), dtype=np.uint8)
    noise = GaussianNoise(0.05, rng=np.random.Generator(np.random.MT19937(3)))
    layers = [Flatten(), noise, Dense(25, 16, rng=rng), BatchNormalization(16), ReLU(), Dropout(0.1, rng=rng)]
    model = Sequential([*layers, Dense(16, 25, rng=rng), Sigmoid(), Reshape((5, 5))], input_shape=(5, 5))
    model.compile(AdamW(0.01), "mse")
    callbacks = [LearningRateSchedule(cosine()), EarlyStopping(patience=EPOCHS), CSVLogger(folder / "log.csv")]
    model.fit(
        images, epochs=EPOCHS, batch_size=16, validation_data=images[:100], rng=rng, augment=RandomShift(1), verbose=False,
        callbacks=[*callbacks, ModelCheckpoint(folder / "best.safetensors"), Announce()],
        checkpoint=folder / "training.safetensors",
    )  # fmt: skip
    save_weights(model, folder / "weights.safetensors")


@dataclass
class Counts:
    """What has happened so far."""

    kills: int = 0
    while_writing: int = 0
    trainings: int = 0


def start(folder):
    """Start a training in the folder in a process of its own, and return it when the first epoch has begun."""
    command = [sys.executable, "-m", "tests.long.kill_training", "--train", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def train_undisturbed(folder):
    """Train in a new folder without a kill, and return the seconds from the first epoch's beginning on."""
    folder.mkdir()
    with start(folder) as process:
        begun = time.monotonic()
        process.communicate()
    assert process.returncode == 0, f"the training left with {process.returncode}"
    return time.monotonic() - begun


def results(folder):
    """Return what a training has written, as bytes by name."""
    return {name: (folder / name).read_bytes() for name in RESULTS}


def kill_and_resume(folder, expected, kills, longest, rng, counts):
    """Train in a new folder until the training is complete, killed up to so many times; raise unless its results are as expected.

    A kill comes up to `longest` seconds after the first epoch has begun.
    """
    folder.mkdir()
    for left in range(kills, -1, -1):
        with start(folder) as process:
            try:
                process.communicate(timeout=rng.uniform(0, longest) if left else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode < 0, f"the training left with {process.returncode}"
        counts.kills += 1
        counts.while_writing += any(folder.glob(".training*.tmp"))
    counts.trainings += 1
    different = [name for name, data in results(folder).items() if data != expected[name]]
    assert not different, f"after {kills - left} kills these are not as without: {different} in {folder}"


def main():
    """Kill as often as asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.long.kill_training", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how many kills (default 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of their moments (default 0)")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train)
        return
    rng, counts, begun = np.random.default_rng(options.seed), Counts(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference"
        train_undisturbed(Path(folder) / "warm-up")  # compiles the kernels, so that the next one is as fast as those that follow
        longest = train_undisturbed(reference)
        while counts.kills < options.kills:
            name, left = str(counts.trainings), options.kills - counts.kills
            kill_and_resume(Path(folder) / name, results(reference), left, longest, rng, counts)
            print(f"{counts.kills} kills, {counts.trainings} trainings", file=sys.stderr, flush=True)
    print(
        f"{counts.kills} kills, {counts.while_writing} of them while the checkpoint was being written; all {counts.trainings} "
        f"trainings ended with the bytes of one that nobody killed; {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    main()
