"""The image codec: a trained model, quantiser, range coder and container together.

    compress:    images → encoder → latents → quantiser → symbols → range coder → container
    decompress:  container → range coder → symbols → latents → decoder → images

A codec is one file: the layers' weights as float16, the gains of the qualities, and the integer tables of the prior.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, Shape, expect, is_whole
from nnlite.codec import container, quantizer
from nnlite.codec.digits.class_prior import ClassPrior
from nnlite.codec.digits.decoding import Images, as_bytes, decode
from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.files import safetensors
from nnlite.files.errors import CodecError, reported_as
from nnlite.layers.activations import Sigmoid
from nnlite.layers.dense import Flatten, Reshape
from nnlite.layers.layer import Layer
from nnlite.metrics import psnr
from nnlite.models.dense_network import dense_network
from nnlite.models.sequential import Sequential

BUILT_IN = Path(__file__).parent
FORMAT = "nnlite image codec 1"
MAX_TABLES = 256  # the prior stores a table's number in a byte


class ImageCodec:
    """Compresses images of one size to few bytes, with loss, at several qualities.

    Parameters
    ----------
    encoder : Sequential
        From images (N, height, width) in [0, 1] to latents (N, K).
    decoder : Sequential
        From latents back to images.
    gain : float32 array, shape (Q, K)
        The quantiser's steps are 1 / gain.
    prior : ClassPrior
        The probabilities of the symbols.

    Raises
    ------
    ValueError
        The encoder does not take images, gains and prior differ in shape (Q, K), or the models do not lead from images to K
        latents, at most as many as pixels, and back.

    Notes
    -----
    The constructor rounds the models' weights to float16, in place: a codec must compute with the numbers of its file and its hash.

    Examples
    --------
    The built-in codec needs less than a fortieth of the raw bytes:

    >>> from nnlite import datasets
    >>> from nnlite.codec.digits.image_codec import ImageCodec
    >>> images = datasets.load_mnist().test_images[:10]
    >>> codec = ImageCodec.load()
    >>> file = codec.compress(images, quality=8)
    >>> len(file) < images.size / 40
    True
    >>> codec.decompress(file).shape
    (10, 28, 28)
    """

    def __init__(self, encoder: Sequential, decoder: Sequential, gain: npt.NDArray[np.float32], prior: ClassPrior):
        shape = encoder.input_shape
        if shape is None or len(shape) != 2:
            raise ValueError(f"ImageCodec expects an encoder of images (height, width), received one of {shape}")
        if gain.shape != prior.table.shape[::2] or gain.dtype != np.float32 or not (np.isfinite(gain) & (gain > 0)).all():
            expected = f"expected gain to be finite, positive float32 of shape {prior.table.shape[::2]}"
            raise ValueError(f"{expected}, received {gain.dtype} {gain.shape}")
        latents = encoder.output_shape(shape)
        if latents != gain.shape[1:] or not gain.shape[1] <= math.prod(shape):
            received = f"received one of {_size(shape)} pixels to {latents}"
            raise ValueError(f"expected an encoder to {gain.shape[1]} latents, no more than pixels, {received}")
        restored = decoder.output_shape(latents)
        expect(restored == shape, f"expected a decoder to images of {_size(shape)} pixels, received one to {restored}")
        for parameter in [*encoder.parameters, *decoder.parameters]:
            parameter.value[...] = parameter.value.astype(np.float16)
        self.encoder, self.decoder, self.gain, self.prior, self.image_shape = encoder, decoder, gain, prior, shape

    @property
    def qualities(self) -> int:
        """Q. Quality 0 gives the fewest bytes, Q − 1 the best images."""
        return len(self.gain)

    def compress(self, images: npt.NDArray[Any], quality: int) -> bytes:
        """Return the file of a batch of images.

        Parameters
        ----------
        images : array, shape (N, height, width) or (height, width)
            uint8, or floats in [0, 1].
        quality : int
            From 0 to Q − 1.

        Raises
        ------
        CodecError
            The images have another size, are empty, or hold NaN or values outside [0, 1]; or there is no such quality.
        """
        return self.compress_latents(self.encoder.predict(self.check_images(images)), quality)

    def compress_latents(self, latents: FloatArray, quality: int) -> bytes:
        """Return the file of images with these latents (N, K); for several qualities, run the encoder once and call this."""
        if not (is_whole(quality) and 0 <= quality < self.qualities):
            raise CodecError(f"expected a quality from 0 to {self.qualities - 1}, a whole number, received {quality!r}")
        with np.errstate(over="ignore", invalid="ignore"):  # the next line raises instead
            if not np.abs(latents * self.gain[quality]).max(initial=0) < 2**31:
                raise CodecError("expected latents that are finite and not huge, received others: the codec makes no sense")
            classes = self.prior.choose(latents)
        payload = self.prior.encode(quantizer.quantize(latents, self.gain[quality]), classes, quality)
        height, width = self.image_shape
        return container.pack(payload, model_hash=self.hash, quality=quality, count=len(latents), height=height, width=width)

    def decompress(self, data: bytes, indices: Sequence[int] | None = None) -> Images:
        """Return the images of a file, uint8 of shape (N, height, width).

        Parameters
        ----------
        data : bytes
            The return value of `compress`.
        indices : sequence of int, optional
            Decode only these images, each 0 to N − 1, in this order; their bytes are the same.

        Raises
        ------
        CodecError
            The file is another, damaged, of another model, or has no image with that index.
        """
        header, payload = container.parse(data, self.hash)
        if (header.height, header.width) != self.image_shape or header.quality >= self.qualities:
            received = f"received {_size((header.height, header.width))} at quality {header.quality}"
            raise CodecError(f"expected images of {_size(self.image_shape)} at quality 0 to {self.qualities - 1}, {received}")
        symbols = self.prior.decode(payload, header.count, header.quality)
        if indices is not None:
            wrong = [index for index in indices if not (is_whole(index) and 0 <= index < header.count)]
            if wrong:
                raise CodecError(f"expected an index from 0 to {header.count - 1}, received {wrong[0]}")
            symbols = symbols[list(indices)]
        with np.errstate(over="ignore", invalid="ignore"):  # a codec from a stranger may hold any finite numbers
            return decode(self.decoder, quantizer.dequantize(symbols, self.gain[header.quality]))

    def check_known(self, images: Images, data: bytes) -> None:
        """Raise CodecError if an image's mean squared error, in its file, exceeds its variance (and 0.01, for those almost plain).

        A plain area of its mean is better than that. So the codec does not know such images: they may be dark on white.
        """
        errors = np.mean(np.square((self.decompress(data).astype(np.float32) - images) / 255), axis=(1, 2))  # (N,)
        strange = np.flatnonzero(errors > np.maximum(np.var(images / np.float32(255), axis=(1, 2)), 0.01))
        if strange.size:
            first = f"the first is image {strange[0]} with {psnr(errors[strange[0]]):.1f} dB"
            received = f"received {strange.size} of {len(images)} that come back as something else, {first}"
            way_out = "if they are dark on white, invert them, 255 − x; if they are no digits, name another codec"
            raise CodecError(f"expected images as this codec knows them, {received}: {way_out}")

    def check_images(self, images: npt.NDArray[Any]) -> Images:
        """Return images as uint8, shape (N, height, width), or raise CodecError if this codec cannot take them."""
        images = as_bytes(images)
        images = images[None] if images.ndim == 2 else images
        if images.shape[1:] != self.image_shape:
            are_grey = images.ndim == 3 and images.shape[2] != 3
            received = f"{_size(images.shape[1:])} pixels" if are_grey else f"an array of shape {images.shape}"
            raise CodecError(f"this codec was trained for grey images of {_size(self.image_shape)} pixels, received {received}")
        return images

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of everything that decoding needs."""
        arrays = {name: array for name, array in self._arrays().items() if not name.startswith(("encoder.", "prior.class"))}
        return hashlib.sha256(safetensors.dumps(arrays)).digest()

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        networks = {"encoder": self.encoder, "decoder": self.decoder}.items()
        parameters = {f"{part}.{name}": p for part, network in networks for name, p in network.named_parameters().items()}
        return {
            **{name: parameter.value.astype(np.float16) for name, parameter in parameters.items()},
            "image_shape": np.array(self.image_shape, np.int32),
            "gain": self.gain,
            "prior.minimum": self.prior.tables.minimum,
            "prior.frequencies": self.prior.tables.frequencies,
            "prior.table": self.prior.table,
            "prior.shift": self.prior.shift,
            "prior.class_centre": self.prior.centre,
            "prior.class_precision": self.prior.precision,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the codec to a safetensors file, whole or not at all."""
        safetensors.write(path, self._arrays(), {"format": FORMAT})

    @classmethod
    def load(cls, path: str | os.PathLike[str] = BUILT_IN / "mnist.safetensors") -> "ImageCodec":
        """Read a codec from a file; by default the one for MNIST that comes with the package.

        Raises
        ------
        CodecError
            The file is no codec, or its arrays do not fit together.
        OSError
            The file cannot be read.
        """
        with reported_as(CodecError, f"{path}: expected a codec file", KeyError, ValueError, IndexError):
            arrays = safetensors.read_as(path, FORMAT)
            size, tables_count = arrays["image_shape"], arrays["prior.minimum"].size
            integers = size.shape == (2,) and size.dtype == np.int32
            expect(integers, f"expected image_shape to be int32 of shape (2,), received {size.dtype} {size.shape}")
            height, width = (int(pixels) for pixels in size)
            expect(tables_count <= MAX_TABLES, f"prior.minimum must name at most {MAX_TABLES} tables, received {tables_count}")
            tables = FrequencyTables(arrays["prior.minimum"], arrays["prior.frequencies"])
            names = ("table", "shift", "class_centre", "class_precision")
            prior = ClassPrior(tables, *(arrays[f"prior.{name}"] for name in names))
            encoder = _restore(arrays, "encoder", [Flatten()], [], (height, width))
            decoder = _restore(arrays, "decoder", [], [Sigmoid(), Reshape((height, width))], arrays["gain"].shape[1:])
            return cls(encoder, decoder, arrays["gain"], prior)


def _restore(arrays: dict[str, npt.NDArray[Any]], part: str, before: list[Layer], after: list[Layer], shape: Shape) -> Sequential:
    """Return the encoder or the decoder with its weights from the file."""
    weights = [array for name, array in arrays.items() if name.startswith(f"{part}.") and array.ndim == 2]
    widths = [len(weights[0]), *(weight.shape[1] for weight in weights)]
    # check this, or a small file could ask for gigabytes
    if any(weight.shape[0] != width for weight, width in zip(weights, widths, strict=False)):
        raise ValueError(f"expected {part} weights that follow one another, received {[weight.shape for weight in weights]}")
    model = Sequential([*before, *dense_network(widths, np.random.default_rng()), *after], shape)
    for name, parameter in model.named_parameters().items():
        stored = arrays[f"{part}.{name}"]
        finite = stored.dtype == np.float16 and bool(np.isfinite(stored).all())
        expect(finite, f"expected {part}.{name} as finite float16, received {stored.dtype} or others")
        parameter.value = stored
    return model


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
