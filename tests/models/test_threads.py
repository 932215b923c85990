"""One model or codec, many threads and processes: what one alone would give."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pages import ROOT
from tiny_codec import LATENTS, blobs, tiny_codec

from nnlite.codec import container

THREADS = 8

MODEL = """
import numpy as np
from nnlite import Autoencoder, Dense, Flatten, Reshape, SiLU, Sigmoid
rng = np.random.default_rng(5)
decoder = [Dense(4, 36, rng=rng), Sigmoid(), Reshape((6, 6))]
model = Autoencoder([Flatten(), Dense(36, 4, rng=rng), SiLU()], decoder, input_shape=(6, 6))
x = rng.integers(0, 256, (50, 6, 6), dtype=np.uint8)
"""


def in_threads(function, arguments):
    """Return the results of a function called from eight threads, several times with each argument."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, arguments * 5))


@pytest.mark.parametrize("method", ["predict", "encode"])
def test_eight_threads_on_one_model_get_what_one_gets(method):
    scope = {}
    exec(MODEL, scope)
    batches = [np.roll(scope["x"], i, axis=0)[: 50 - 5 * i] for i in range(8)]
    function = getattr(scope["model"], method)
    expected = [function(batch) for batch in batches] * 5
    for received, alone in zip(in_threads(function, batches), expected, strict=True):
        np.testing.assert_array_equal(received, alone)


def test_eight_threads_on_one_codec_get_what_one_gets():
    codec = tiny_codec()
    batches = [blobs(10 + i, seed=i) for i in range(8)]
    files = [codec.compress(batch, 1) for batch in batches]
    assert in_threads(lambda batch: codec.compress(batch, 1), batches) == files * 5
    for received, alone in zip(in_threads(codec.decompress, files), [codec.decompress(file) for file in files] * 5, strict=True):
        np.testing.assert_array_equal(received, alone)


def test_a_damaged_file_in_one_thread_harms_no_other():
    codec = tiny_codec()
    good = codec.compress(blobs(20, seed=1), 1)
    expected = codec.decompress(good)
    forged = container.pack(b"\xff" * LATENTS, model_hash=codec.hash, quality=1, count=5, height=8, width=8)

    def restored(file):
        try:
            return codec.decompress(file)
        except ValueError:
            return None

    results = in_threads(restored, [good, forged, good[:-1], good])
    assert sum(result is None for result in results) >= 5
    for result in results[::4] + results[3::4]:
        np.testing.assert_array_equal(result, expected)


CHILD = f"""{MODEL}
import multiprocessing
def child(queue):
    queue.put((model.predict(x), [float(np.sum(w)) for w in model.get_weights()]))
if __name__ == "__main__":
    expected = model.predict(x)
    context = multiprocessing.get_context("METHOD")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    received, _ = queue.get(timeout=200)
    process.join()
    np.testing.assert_array_equal(received, expected)
    print(process.exitcode)
"""


@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
def test_a_child_process_gets_what_its_parent_gets(tmp_path, method):
    (tmp_path / "program.py").write_text(CHILD.replace("METHOD", method))
    process = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=300
    )
    assert (process.returncode, process.stdout) == (0, b"0\n"), process.stderr
