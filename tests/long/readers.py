"""Every reader of files from strangers: small good files, the function that reads them, and the exceptions that it documents.

A reader's function returns the content when the data were right, and raises one of its `errors` when they were refused. It raises
an AssertionError when data were accepted that a second way of reading them, or of writing them again, has otherwise. In a format
with checksums, damage that does not make them right again must be refused, or leave the content of one of the good files.
"""

import functools
import gzip
import io
import json
import re
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image  # which matplotlib needs

from nnlite import Dense, Dropout, EarlyStopping, Flatten, ReLU, Reshape, Sequential, Sigmoid
from nnlite.codec import container, frame
from nnlite.codec.digits.class_prior import ClassPrior
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.photographs import PhotographCodec
from nnlite.datasets import load_mnist, parse_idx
from nnlite.files import FileError, load_weights, safetensors
from nnlite.files.weights import checksum
from nnlite.jit import COMPILED
from nnlite.pictures import netpbm, npy
from nnlite.pictures import picture_files as imagefiles
from nnlite.pictures.png import parse_png, png
from nnlite.training.batches import Batches
from nnlite.training.resume import SavedTraining
from nnlite.training.watch import Watch

IMAGES = np.random.default_rng(5).integers(0, 256, (3, 4, 5), dtype=np.uint8)


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes
    ----------
    samples : list of bytes
        Small files that it reads.
    read : callable
        Takes a file's bytes and a folder that it may write to; returns the content, as bytes.
    errors : tuple of exceptions
        What it may raise.
    repair : callable
        Makes the checksums of changed bytes right again, so that what is behind them is reached; None without checksums.
    """

    samples: list[bytes]
    read: Callable[[bytes, Path], bytes]
    errors: tuple[type[Exception], ...]
    repair: Callable[[bytes], bytes] | None = None

    @functools.cached_property
    def contents(self) -> list[bytes]:
        """What is in the good files."""
        with tempfile.TemporaryDirectory() as folder:
            return [self.read(sample, Path(folder)) for sample in self.samples]

    def check(self, data: bytes, folder: Path, repaired: bool = True) -> None:
        """Read the data, whose checksums may have been repaired: nothing, an error of `errors`, or an AssertionError."""
        content = self.read(data, folder)
        if self.repair and not repaired:
            assert content in self.contents, "damaged data were read as another content"


def as_bytes(*arrays):
    """Return arrays with their shapes and types as bytes."""
    return b"".join(f"{array.dtype} {array.shape} ".encode() + array.tobytes() for array in arrays)


# --- IDX


def idx_bytes(array):
    """Return an array as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def read_idx(data, _):
    """Accept only what would be written like this."""
    array = parse_idx(data)
    assert idx_bytes(array) == (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
    return as_bytes(array)


# --- PNG, PGM and PPM, .npy


def npy_bytes(array):
    """Return an array as a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_by_hand():
    """Return a .npy file of version 2.0 with the entries of its header in another order."""
    header = b"{\"shape\": (3, 4,5,),\"fortran_order\":False, 'descr' : '|u1'}\n"
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(header)) + header + IMAGES.tobytes()


def netpbm_samples():
    """Return small PGM and PPM files, binary and plain; a plain one ends in a digit without which there is one sample less."""
    words = " ".join(map(str, [*IMAGES[0].ravel()[:-1], 7]))
    return [
        b"P5\n5 4\n255\n" + IMAGES[0].tobytes(),
        b"P5 # from 0\n5 4 # to the largest\n%d\n" % IMAGES[0].max() + IMAGES[0].tobytes(),
        b"P5\n5 4\n255# behind maxval\n" + IMAGES[0].tobytes(),
        b"P6 5 1 255 " + IMAGES[0, :3].tobytes(),
        f"P2\n5 4\n255\n{words}".encode(),
        f"P3\n# in digits\n5 1\n255\n{' '.join(words.split()[-15:])}".encode(),
    ]


def read_netpbm(data, _):
    """Accept only the image of the size in the header whose samples are the last of the file."""
    image = netpbm.parse_netpbm(data)
    words = re.sub(rb"#[^\n\r]*", b" ", data).split()
    width, height, maxval = map(int, words[1:4])
    assert image.dtype == np.uint8 and image.shape == ((height, width, 3) if data[:2] in (b"P3", b"P6") else (height, width))
    if data[:2] in (b"P2", b"P3"):
        samples = np.array(words[-image.size :], float)
        assert len(words) == 4 + image.size
    else:
        samples = np.frombuffer(data, np.uint8, image.size, len(data) - image.size)
    np.testing.assert_allclose(image.ravel(), samples * (255 / maxval), rtol=0, atol=0.5 + 1e-9)
    return as_bytes(image)


def read_npy(data, _):
    """Accept only what NumPy reads alike."""
    array = npy.parse_npy(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a header as Python 2 wrote it
        np.testing.assert_array_equal(array, np.load(io.BytesIO(data), allow_pickle=False))
    return as_bytes(array)


def read_png(data, _):
    """Accept only what Pillow reads alike."""
    image = parse_png(data)
    with PIL.Image.open(io.BytesIO(essential(data))) as other:
        colours = np.asarray(other.convert("RGBA"))
    assert (colours[..., 3] == 255).all()
    np.testing.assert_array_equal(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), colours[..., :3])
    return as_bytes(image)


def read_folder(data, folder):
    """Read the file as one of a folder of two."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / "0.png").write_bytes(png(IMAGES[0]))
    (pictures / "1.png").write_bytes(data)
    images = imagefiles.read_images(pictures)
    np.testing.assert_array_equal(images, [IMAGES[0], imagefiles.parse_images(data)])
    return as_bytes(images)


def chunks(data):
    """Return where the chunks of a PNG begin and end."""
    position = 8
    while position + 12 <= len(data):
        begin, position = position, position + 12 + int.from_bytes(data[position : position + 4], "big")
        yield begin, position


def essential(data):
    """Return a PNG with the chunks alone that make its pixels: Pillow reads others, too, and may find them wrong."""
    kinds = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
    return data[:8] + b"".join(data[begin:end] for begin, end in chunks(data) if data[begin + 4 : begin + 8] in kinds)


def repair_png(data):
    """Return a PNG with the checksums of all its chunks made right."""
    parts = [data[:8]]
    for begin, end in chunks(data):
        content = data[begin + 4 : end - 4]
        parts += [data[begin : begin + 4], content, struct.pack(">I", zlib.crc32(content))]
    return b"".join(parts)


def png_of(header, *contents):
    """Return a PNG of this header, width to interlacing, and these chunks."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", *header)), *contents, (b"IEND", b""))
    return repair_png(
        b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(content)) + kind + content + bytes(4) for kind, content in chunks)
    )


def rgba_png():
    """Return a PNG of colours that are grey, with two filters and its data in two chunks."""
    image = np.repeat(IMAGES[0][..., None], 4, axis=2)
    image[..., 3] = 255
    rows = image.reshape(4, 20)
    up = np.diff(rows, axis=0)  # modulo 256
    stream = zlib.compress(b"\0" + rows[0].tobytes() + b"".join(b"\2" + row.tobytes() for row in up))
    return png_of((5, 4, 8, 6, 0, 0, 0), (b"tEXt", b"a\0b"), (b"IDAT", stream[:9]), (b"IDAT", stream[9:]))


def palette_png():
    """Return an interlaced PNG of 5 × 4 pixels of eight greys in a palette of colours of four bits, with opacities."""
    palette = np.repeat(IMAGES[0].ravel()[:8, None], 3, axis=1).tobytes()
    rows = [b"\0\x10", b"\1\x20", b"\2\x30", b"\3\x40\x30", b"\0\x12", b"\2\0", b"\0\x01\x23\x40", b"\4\0\0\0"]  # of six parts
    stream = zlib.compress(b"".join(rows))
    return png_of((5, 4, 4, 3, 0, 0, 1), (b"PLTE", palette), (b"tRNS", 3 * b"\xff"), (b"IDAT", stream))


# --- safetensors, weights


def tensors():
    """Return a safetensors file of several kinds of arrays."""
    arrays = {"a": np.arange(3.0), "b": np.array([[True, False]]), "c": np.zeros((0, 4), np.int16), "d": np.float16(2)}
    return safetensors.dumps({name: np.asarray(array) for name, array in arrays.items()}, {"key": "value"})


def read_safetensors(data, _):
    """Accept only what is the same after having been written and read again."""
    arrays, metadata = safetensors.loads(data)
    again, metadata_again = safetensors.loads(safetensors.dumps(arrays, metadata))
    assert metadata == metadata_again and list(arrays) == list(again)
    for name, array in arrays.items():
        assert (array.dtype, array.shape, array.tobytes()) == (again[name].dtype, again[name].shape, again[name].tobytes())
    return as_bytes(*arrays.values())


@functools.cache
def small_model():
    """Return a model of 3 → 2 → 3."""
    rng = np.random.default_rng(6)
    return Sequential([Dense(3, 2, rng=rng), ReLU(), Dense(2, 3, rng=rng)])


def weights():
    """Return the file of that model."""
    parameters = small_model().named_parameters().items()
    return safetensors.dumps({name: parameter.value for name, parameter in parameters})


def read_weights(data, folder):
    """Load into the model; a file that is refused must not have changed it."""
    (folder / "weights").write_bytes(data)
    model = small_model()
    before = [value.tobytes() for value in model.get_weights()]
    try:
        load_weights(model, folder / "weights")
    except Exception:
        assert [value.tobytes() for value in model.get_weights()] == before
        raise
    stored = safetensors.loads(data)[0]
    for name, parameter in model.named_parameters().items():
        assert parameter.value.tobytes() == stored[name].tobytes()
    return as_bytes(*model.get_weights())


# --- checkpoints of a training


def small_training(path):
    """Return a training of two samples and what it is saved as: a file that is there is read."""
    rng = np.random.default_rng(8)
    model = Sequential([Dense(3, 2, rng=rng), Dropout(0.5, rng=np.random.Generator(np.random.MT19937(8)))])
    model.compile("adam", "mse")
    data = [Batches(np.ones((2, 3)))]
    watch, job = Watch(model, data[0]), {"batch_size": 2}
    return SavedTraining(path, model, [EarlyStopping()], watch, rng, None, data, job)


@functools.cache
def checkpoint():
    """Return the file of that training."""
    with tempfile.TemporaryDirectory() as folder:
        small_training(Path(folder) / "checkpoint").on_train_begin(None, 2, 1)
        return (Path(folder) / "checkpoint").read_bytes()


def read_checkpoint(data, folder):
    """Put the state into the training; written again, it must be what the file says."""
    path = folder / "checkpoint"
    path.write_bytes(data)
    training = small_training(path)
    training.on_train_begin(None, 2, 1)
    training.on_epoch_logged(None, training.epoch, {})
    (arrays, metadata), (again, metadata_again) = safetensors.loads(data), safetensors.read(path)
    for name, array in again.items():
        assert as_bytes(arrays[name]) == as_bytes(array)
    state = json.loads(metadata["state"])
    for name, value in json.loads(metadata_again["state"]).items():
        assert json.dumps(state[name]) == json.dumps(value)
    return path.read_bytes()


def repair_checkpoint(data):
    """Return a checkpoint with its checksum made right."""
    try:
        arrays, metadata = safetensors.loads(data)
    except safetensors.FormatError:
        return data
    metadata.pop("crc32", None)
    return safetensors.dumps(arrays, {**metadata, "crc32": checksum(arrays, metadata)})


# --- the codec


@functools.cache
def small_codec():
    """Return a codec for images of 4 × 5 with as little in it as there can be."""
    rng = np.random.default_rng(7)
    tables = FrequencyTables.from_weights(np.array([-2, 0], np.int32), [[1, 2, 3, 2, 1, 1], [5, 1, 1]])
    table, shift = rng.integers(0, 2, (2, 256, 2), dtype=np.uint8), rng.integers(-2, 3, (2, 256, 2), dtype=np.int16)
    prior = ClassPrior(tables, table, shift, rng.random((256, 2), np.float32), rng.random((256, 2), np.float32) + 1)
    encoder = Sequential([Flatten(), Dense(20, 2, rng=rng)], (4, 5))
    decoder = Sequential([Dense(2, 20, rng=rng), Sigmoid(), Reshape((4, 5))], (2,))
    return ImageCodec(encoder, decoder, np.array([[1, 2], [3, 4]], np.float32), prior)


def codec_file():
    """Return the file of that codec."""
    return safetensors.dumps(small_codec()._arrays(), {"format": "nnlite image codec 1"})


def read_stream(data, _):
    """Decompress as many images as the header states; one of them alone is the same."""
    images = small_codec().decompress(data)
    header = container.read_header(data)
    assert images.dtype == np.uint8 and images.shape == (header.count, header.height, header.width) == (header.count, 4, 5)
    np.testing.assert_array_equal(small_codec().decompress(data, [header.count - 1]), images[-1:])
    return as_bytes(images)


def repair_stream(data):
    """Return a compressed file with its checksum made right."""
    if len(data) < 8:
        return data
    crc = zlib.crc32(data[8:], zlib.crc32(data[:4], zlib.crc32(small_codec().hash)))
    return data[:4] + struct.pack(">I", crc) + data[8:]


def read_codec(data, folder):
    """Load a codec; one that is accepted has the numbers of the file, and must code images, or refuse to with a sentence."""
    (folder / "codec").write_bytes(data)
    codec = ImageCodec.load(folder / "codec")
    stored = safetensors.loads(data)[0]
    for name, array in codec._arrays().items():
        assert as_bytes(array) == as_bytes(stored[name]), name
    images = np.zeros((2, *codec.image_shape), np.uint8)
    assert codec.decompress(codec.compress(images, codec.qualities - 1)).shape == images.shape
    return as_bytes(*codec._arrays().values())


photographs = functools.cache(PhotographCodec)


def photograph(height, width, colours):
    """Return the file of a small picture with an edge, beside which the network has something to mend."""
    y, x, c = np.mgrid[:height, :width, :colours]
    pixels = (60 + 90 * (x + 2 * y > width) + 3 * y + 10 * c).astype(np.uint8)
    file = photographs().compress(pixels if colours == 3 else pixels[..., 0], 30)
    assert (photographs().decompress(file) != photographs().decompress(file, mend=False)).any()
    return file


def read_photograph(data, _):
    """Return the pixels, if decoding takes no longer than a moment: its time is that of the size that the header states."""
    header = photographs().header(data)
    if header.height * header.width > 2**14:
        frame.parse(data, frame.PHOTOGRAPH, 3, photographs().model.hash)
        return b""
    picture = photographs().decompress(data)
    assert picture.shape == (header.height, header.width) + (3,) * header.colour
    return picture.tobytes()


def repair_frame(data, model_hash):
    """Return a picture's file with its checksum made right."""
    checksum = zlib.crc32(data[6:], zlib.crc32(data[:2], zlib.crc32(model_hash)))
    return data[:2] + checksum.to_bytes(4, "big") + data[6:] if frame.format_of(data) else data


def repair_photograph(data):
    """Return a photograph's file with its checksum made right."""
    return repair_frame(data, photographs().model.hash)


lossless = functools.cache(LosslessCodec)


def lossless_samples():
    """Return files of both models and of stored samples: pictures in grey and colours, batches, some of them with random access."""
    y, x, c = np.mgrid[:10, :12, :3]
    smooth = (60 + 9 * y + 90 * (x > y) + 20 * c + x * y % 3).astype(np.uint8)
    digits = load_mnist().test_images[:2]
    files = [lossless().compress(pictures) for pictures in (smooth[:2, :2], smooth, smooth[:, :6] // 64 * 64, digits)]
    files += [lossless().compress(pictures, random_access=True) for pictures in (digits, smooth.reshape(2, 5, 12, 3))]
    assert [LosslessCodec.header(file).digits for file in files] == [False, False, False, True, True, False]
    return files


def lossless_model_hash(header):
    """Return the hash of the model that a file of this header needs."""
    return lossless().digits_hash if header.digits else b""


def read_lossless(data, _):
    """Decompress, in a moment as above, pictures of which the last one alone is the same."""
    header = LosslessCodec.header(data)
    shape = (header.count, header.height, header.width) + (3,) * header.colour
    if np.prod(shape) > 2**13:
        frame.parse(data, frame.LOSSLESS, 4, lossless_model_hash(header))
        return b""
    pictures = lossless().decompress(data)
    assert pictures.dtype == np.uint8 and pictures.shape == shape
    np.testing.assert_array_equal(lossless().decompress(data, [header.count - 1]), pictures[-1:])
    return as_bytes(pictures)


def repair_lossless(data):
    """Return a lossless file with its checksum made right."""
    try:
        return repair_frame(data, lossless_model_hash(LosslessCodec.header(data)))
    except FileError:
        return data


READERS = {
    "idx": Reader([idx_bytes(IMAGES), idx_bytes(IMAGES[0, 0]), gzip.compress(idx_bytes(IMAGES), mtime=0)], read_idx, (FileError,)),
    "npy": Reader(
        [npy_bytes(IMAGES), npy_bytes(np.asfortranarray(IMAGES / 255)), npy_by_hand()],
        read_npy,
        (FileError,),
    ),
    "png": Reader([png(IMAGES[0]), rgba_png(), palette_png()], read_png, (FileError,), repair_png),
    "folder": Reader([png(IMAGES[0]), rgba_png(), palette_png()], read_folder, (FileError,), repair_png),
    "netpbm": Reader(netpbm_samples(), read_netpbm, (FileError,)),
    "safetensors": Reader([tensors()], read_safetensors, (FileError,)),
    "weights": Reader([weights()], read_weights, (FileError,)),
    "checkpoint": Reader([checkpoint()], read_checkpoint, (FileError,), repair_checkpoint),
    "stream": Reader(
        [small_codec().compress(IMAGES, 1), small_codec().compress(IMAGES[:1], 0)], read_stream, (FileError,), repair_stream
    ),
    "codec": Reader([codec_file()], read_codec, (FileError,)),
}
if COMPILED:  # else small pictures take minutes
    PHOTOGRAPHS = [photograph(12, 20, 3), photograph(12, 16, 1)]
    READERS["photograph"] = Reader(PHOTOGRAPHS, read_photograph, (FileError,), repair_photograph)
    READERS["lossless"] = Reader(lossless_samples(), read_lossless, (FileError,), repair_lossless)
