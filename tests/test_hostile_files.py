"""Files from strangers, for every reader: cut short, damaged, or made to do harm. A small sample of `tests.long.fuzz`."""

import gzip
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from pages import ROOT

import nnlite
from nnlite.pictures.png import png
from tests.long import fuzz
from tests.long.fuzz import CHANGES, cases, too_long
from tests.long.readers import READERS, codec_file, small_codec


def is_read(name, data, folder, repaired=False):
    """Return whether the reader takes the file and has it right; whatever it does not document is raised."""
    try:
        READERS[name].check(data, folder, repaired)
    except READERS[name].errors as error:
        assert str(error)
        return False
    return True


@pytest.mark.parametrize("name", READERS)
def test_the_good_files_are_read(tmp_path, name):
    assert all(is_read(name, sample, tmp_path) for sample in READERS[name].samples)


@pytest.mark.parametrize("name", [name for name in READERS if name != "codec"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path, name):
    for sample in READERS[name].samples:
        for length in range(len(sample)):
            assert not is_read(name, sample[:length], tmp_path)


def test_a_codec_file_cut_short_is_refused(tmp_path):
    data = codec_file()
    for length in [*range(0, 1500, 7), *range(1500, len(data), 500), len(data) - 1]:
        assert not is_read("codec", data[:length], tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_or_read_right(tmp_path, name):
    results = [is_read(name, data, tmp_path, repaired) for data, repaired in cases(READERS[name], 300, seed=20240607)]
    assert not all(results)


def test_every_change_of_the_fuzzer_changes_something():
    for change in CHANGES:
        data = bytearray(range(200))
        change(data, random.Random(2), bytes(range(100, 150)))
        assert data != bytes(range(200))


class SlowReader:
    """Takes a while, and hides whatever is raised meanwhile behind its own exception, as readers may."""

    samples, errors = [b"good"], (ValueError,)

    def __init__(self, seconds):
        self.seconds = seconds

    repair = None

    def check(self, data, folder, repaired):
        end = time.process_time() + self.seconds * (data not in self.samples)
        try:
            while time.process_time() < end:
                pass
        except Exception as error:
            raise ValueError("damaged") from error


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory and time are limited as on Linux")
@pytest.mark.parametrize(
    ("handler", "seconds", "message"),
    [(too_long, 2, "ended in HangError: no end after 0.01 s"), (signal.SIG_IGN, 0.05, "expected at most 10 ms")],
)
def test_a_reader_that_takes_too_long_fails_even_if_it_hides_it(tmp_path, monkeypatch, capsys, handler, seconds, message):
    monkeypatch.setitem(READERS, "slow", SlowReader(seconds))
    monkeypatch.setattr(fuzz, "SECONDS", 0.01)
    monkeypatch.setattr(fuzz.resource, "setrlimit", lambda *_: None)
    before = signal.signal(signal.SIGVTALRM, handler)
    try:
        assert not fuzz.fuzz("slow", 3, 1, tmp_path)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert message in capsys.readouterr().out


# --- made to do harm, each in a process that may take 256 MB more than it has


def tensors(header, buffer=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + buffer


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def npy_promising(shape, dtype="<f8"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(64)


def png_promising(height, width, comment=0):
    data = png(np.zeros((4, 4), np.uint8))
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    text = b"zTXta\0\0" + zlib.compress(bytes(comment))
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    chunks += struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return data[:8] + chunks + data[33:]


def gzip_bomb(start):
    """Return a megabyte of gzip that becomes these bytes and a gigabyte of zeros."""
    packer = zlib.compressobj(9, wbits=-15)
    start = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands alone, so that it can be repeated
    return b"\x1f\x8b\x08" + bytes(7) + start + 1024 * zeros + packer.flush() + bytes(8)


def idx_promising(*sizes):
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def codec_with(**changes):
    arrays, metadata = nnlite.files.safetensors.loads(codec_file())
    return nnlite.files.safetensors.dumps(
        {**arrays, **{name.replace("__", "."): array for name, array in changes.items()}}, metadata
    )


def stream_promising(count):
    codec = small_codec()
    return nnlite.codec.container.pack(b"", model_hash=codec.hash, quality=0, count=count, height=4, width=5)


HARM = {
    "an IDX file that promises 2^128 bytes": ("idx", lambda: idx_promising(*[2**32 - 1] * 4)),
    "an IDX file that promises a gigabyte": ("idx", lambda: idx_promising(2**30)),
    "a gzip of a gigabyte that promises six bytes": ("idx", lambda: gzip_bomb(idx_promising(6))),
    "a gzip of a gigabyte in a gzip": ("idx", lambda: gzip.compress(gzip_bomb(idx_promising(6)))),
    "a .npy file that promises 2^63 numbers": ("npy", lambda: npy_promising((2**63,))),
    "a .npy file that promises 8 gigabytes": ("npy", lambda: npy_promising((2**30,))),
    "a .npy file of negative sizes": ("npy", lambda: npy_promising((-2, -4))),
    "a .npy file of objects": ("npy", lambda: npy_promising((8,), "|O")),
    "a .npy file with a tower of brackets": ("npy", lambda: npy_promising("(" * 60_000)),
    "a .npz file": ("npy", lambda: b"PK\3\4" + bytes(100)),
    "a PNG that promises 2^62 pixels": ("png", lambda: png_promising(2**31 - 1, 2**31 - 1)),
    "a PNG that promises 2^27 pixels": ("png", lambda: png_promising(2**14, 2**13)),
    "a PNG with a comment of 16 megabytes": ("png", lambda: png_promising(4, 4, 2**24)),
    "a plain PGM of 2^23 numbers that promises one": ("netpbm", lambda: b"P2 1 1 99\n" + 2**23 * b"10 "),
    "a plain PGM of 2^23 numbers": ("netpbm", lambda: b"P2 4096 2048 99\n" + 2**23 * b"10 "),
    "a PPM that promises 2^64 pixels": ("netpbm", lambda: b"P6 4294967296 4294967296 255\n" + bytes(100)),
    "safetensors with a header of 2^63 bytes": ("safetensors", lambda: (2**63).to_bytes(8, "little") + b"{}"),
    "safetensors with a tower of brackets": ("safetensors", lambda: tensors(b'{"a":' * 300_000)),
    "safetensors with a number of a million digits": ("safetensors", lambda: tensors(b'{"a":' + b"9" * 10**6 + b"}")),
    "safetensors with an array of 2^62 elements": ("safetensors", lambda: tensors({"a": entry([2**62], 0, 2**62, "U8")})),
    "safetensors with a product beyond 2^64": ("safetensors", lambda: tensors({"a": entry([2**33, 2**31, 4], 0, 16)}, bytes(16))),
    "safetensors with arrays in one place": (
        "safetensors",
        lambda: tensors({str(number): entry([4], 0, 16) for number in range(1000)}, bytes(16)),
    ),
    "safetensors with negative offsets": ("safetensors", lambda: tensors({"a": entry([4], -16, 0)}, bytes(16))),
    "safetensors with a name twice": (
        "safetensors",
        lambda: tensors(
            b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        ),
    ),
    "safetensors with a million empty lists": ("safetensors", lambda: tensors(b'{"a":[' + b"[]," * 10**6 + b"[]]}")),
    "weights of another dtype": ("weights", lambda: READERS["weights"].samples[0].replace(b"F32", b"U32")),
    "weights with a name that leaves the folder": ("weights", lambda: READERS["weights"].samples[0].replace(b"0.bias", b"../../")),
    "a stream of 13 million images in no bytes": ("stream", lambda: stream_promising(2**28 // 20)),
    "a codec of weights that hold nothing": (
        "codec",
        lambda: codec_with(
            decoder__0__weight=np.zeros((2, 2**15), np.float16), decoder__2__weight=np.zeros((0, 2**15), np.float16)
        ),
    ),
    "a codec of 100,000 tables": (
        "codec",
        lambda: codec_with(prior__minimum=np.zeros(10**5, np.int32), prior__frequencies=np.full((10**5, 2), 2**15, np.uint16)),
    ),
    "a codec of images of 2^62 pixels": ("codec", lambda: codec_with(image_shape=np.full(2, 2**31 - 1, np.int32))),
}


READ_ALL = """
import json, resource, signal, sys
from pathlib import Path
from tests.long import fuzz
from tests.long.readers import READERS
kinds, folder = json.load(sys.stdin), Path(sys.argv[1])
for reader in READERS.values():  # what it imports and compiles
    reader.read(reader.samples[0], folder)
files = {name: (folder / name).read_bytes() for name in kinds}
signal.signal(signal.SIGVTALRM, fuzz.too_long)
resource.setrlimit(resource.RLIMIT_AS, (fuzz.address_space() + 2**28, resource.RLIM_INFINITY))
results = {}
for name, kind in kinds.items():
    signal.setitimer(signal.ITIMER_VIRTUAL, fuzz.SECONDS)
    try:
        READERS[kind].read(files[name], folder)
        results[name] = "read"
    except READERS[kind].errors:
        results[name] = "refused"
    except (Exception, fuzz.HangError) as error:
        results[name] = repr(error)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def harm(tmp_path_factory):
    """What became of each harmful file."""
    folder = tmp_path_factory.mktemp("harm")
    for name, (_, make) in HARM.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ_ALL, str(folder)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
        input=json.dumps({name: kind for name, (kind, _) in HARM.items()}),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory and time are limited as on Linux")
@pytest.mark.parametrize("name", HARM)
def test_a_harmful_file_is_refused_in_a_second_and_a_quarter_of_a_gigabyte(harm, name):
    assert harm[name] == ("read" if "comment" in name else "refused")
