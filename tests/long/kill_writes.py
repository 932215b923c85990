"""``kill -9`` in the middle of writing: ``python -m tests.long.kill_writes --kills 200``.

A process writes weights, a codec and a compressed stream over older ones, again and again, until it is killed at a random moment.
Each file must then be one of the two that were written, whole.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np

from nnlite import Dense, Sequential
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.files import save_weights
from nnlite.pictures import picture_files as imagefiles
from tests.long.readers import small_codec

LONGEST = 0.02  # seconds until the kill


def writers() -> dict[str, list[Callable[[Path], None]]]:
    """Return for each name two functions that write different files to a path."""
    rng = np.random.default_rng(1)
    models = [Sequential([Dense(64, width, rng=rng)]) for width in (64, 900)]
    codecs = [small_codec(), ImageCodec.load()]
    streams = [
        codec.compress(np.zeros((count, *codec.image_shape), np.uint8), 0) for codec, count in zip(codecs, (9, 2000), strict=True)
    ]
    return {
        "weights": [lambda path, model=model: save_weights(model, path) for model in models],
        "codec": [codec.save for codec in codecs],
        "stream": [lambda path, data=data: imagefiles.write_bytes(path, data, force=True) for data in streams],
    }


def write_for_ever(functions: dict[str, list[Callable[[Path], None]]], folder: Path) -> NoReturn:
    """Write the files, again and again; after an exception end at once: what the parent would clean up is not ours."""
    try:
        while True:
            for version in (0, 1):
                for name, both in functions.items():
                    both[version](folder / name)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def kill_writes(kills: int, seed: int, folder: Path) -> tuple[int, int]:
    """Kill so many writers; return how many left a file that is not whole, and how many were killed in the middle of a write."""
    rng = random.Random(seed)
    functions = writers()
    wholes: dict[str, set[bytes]] = {}
    for name, both in functions.items():
        wholes[name] = set()
        for write in both:
            write(folder / name)
            wholes[name].add((folder / name).read_bytes())
        assert len(wholes[name]) == 2
    broken = middle = 0
    for _ in range(kills):
        process = os.fork()
        if process == 0:
            write_for_ever(functions, folder)
        time.sleep(rng.uniform(0, LONGEST))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            raise RuntimeError("expected a writer that writes until it is killed, received one that failed: see above")
        broken += any((folder / name).read_bytes() not in whole for name, whole in wholes.items())
        left = [path for path in folder.iterdir() if path.name not in functions]
        middle += bool(left)
        for path in left:
            assert path.name.startswith(".") and path.name.endswith(".tmp"), path
            path.unlink()
    return broken, middle


def main() -> int:
    """Kill, and say what became of the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how many kills (default 200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of their moments (default 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a disk: the folder for temporary files may be in memory
        broken, middle = kill_writes(options.kills, options.seed, Path(folder))
    print(
        f"{options.kills} kills, {middle} of them in the middle of a write: {broken} files that are neither the old nor the new one"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
