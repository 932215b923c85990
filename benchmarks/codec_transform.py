"""Transform coding without a network: an orthogonal transform, then nnlite's quantiser step, range coder and container.

The transform is either the principal components of the training images (PCA, the Karhunen-Loève transform) or the discrete cosine
transform of blocks. A coefficient c becomes the symbol round(c / Δ); one Δ for all is best for the squared error. Each coefficient
has a frequency table of its own, counted on the training images. If its symbol is 0 in all of them, it is not coded.
"""

import hashlib

import numpy as np

from benchmarks.codec_rates import Setting
from nnlite.codec import container
from nnlite.codec import range_coder as entropy
from nnlite.codec.digits.class_prior import ClassPrior
from nnlite.codec.digits.decoding import to_bytes
from nnlite.codec.frequency_tables import FrequencyTables

STEPS = (500, 350, 250, 180, 130, 90, 64, 45, 32)  # Δ, in grey levels
BLOCK = 4  # of the DCT: 4, 7, 14 and 28 divide 28 pixels, and 4 takes the fewest bytes on digits
CLASS_COMPONENTS = 256  # of the PCA with a class prior: the remaining components hold less than 1 % of the variance


class TransformCodec:
    """Codes images with a given transform, step and tables.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    mean : float32 array, shape (D,)
        Mean of the training images' pixels, to subtract.
    basis : float32 array, shape (D, K)
        Orthonormal columns.
    step : float
        Δ.
    prior : object
        Has the methods ``encode(coefficients, symbols) -> bytes`` and ``decode(data, count) -> symbols``.
    """

    def __init__(self, shape, mean, basis, step, prior):
        self.shape, self.mean, self.basis, self.step, self.prior = shape, mean, basis, step, prior
        self.hash = hashlib.sha256(basis.tobytes() + np.float64(step).tobytes()).digest()

    def encode(self, images: np.ndarray) -> bytes:
        """Return the file of images, uint8 (N, height, width)."""
        coefficients = (images.reshape(len(images), -1) - self.mean) @ self.basis  # (N, K)
        payload = self.prior.encode(coefficients, quantize(coefficients, self.step))
        height, width = self.shape
        return container.pack(payload, model_hash=self.hash, quality=0, count=len(images), height=height, width=width)

    def decode(self, data: bytes) -> np.ndarray:
        """Return the images of a file."""
        header, payload = container.parse(data, self.hash)
        symbols = self.prior.decode(payload, header.count)
        pixels = (symbols * np.float32(self.step)) @ self.basis.T + self.mean
        return to_bytes(pixels / 255).reshape(-1, *self.shape)


class IndependentPrior:
    """A table of frequencies for each coefficient, from the symbols (N, K) of training images."""

    def __init__(self, symbols: np.ndarray):
        counts = [np.bincount(column - column.min()) for column in symbols.T]
        self.tables = FrequencyTables.from_weights(symbols.min(axis=0), [np.append(count, 1) for count in counts])

    def _indices(self, count):
        return np.tile(np.arange(len(self.tables)), count)

    def encode(self, coefficients, symbols):
        """Return the range coder's bytes."""
        return entropy.encode(symbols.reshape(-1), self._indices(len(symbols)), self.tables)

    def decode(self, data, count):
        """Return the symbols (count, K)."""
        return entropy.decode(data, self._indices(count), self.tables).reshape(count, -1)


class ConditionalPrior:
    """The prior of nnlite's own codec, at one of its qualities."""

    def __init__(self, prior: ClassPrior, quality: int):
        self.prior, self.quality = prior, quality

    def encode(self, coefficients, symbols):
        """Return a byte for the class of each image, and the range coder's bytes."""
        return self.prior.encode(symbols, self.prior.choose(coefficients), self.quality)

    def decode(self, data, count):
        """Return the symbols (count, K)."""
        return self.prior.decode(data, count, self.quality)


def settings(training: np.ndarray, steps=STEPS, class_components=CLASS_COMPONENTS) -> list[Setting]:
    """Return the settings of PCA, PCA with a class prior, and block DCT, fitted to training images."""
    shape = training.shape[1:]
    pixels = training.reshape(len(training), -1)
    mean = pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = pixels - mean
    found = []
    for name, basis in (("PCA", principal_components(centred)), (f"DCT {BLOCK} × {BLOCK}", cosines(shape, BLOCK))):
        coefficients = centred @ basis  # (N, D)
        for step in steps:
            symbols = quantize(coefficients, step)
            used = symbols.any(axis=0)
            codec = TransformCodec(shape, mean, basis[:, used], step, IndependentPrior(symbols[:, used]))
            found.append(_setting(name, codec))
        if name == "PCA":
            found += _conditional(shape, mean, basis[:, :class_components], coefficients[:, :class_components], steps)
    return found


def _conditional(shape, mean, basis, coefficients, steps) -> list[Setting]:
    prior = ClassPrior.fit(coefficients, [quantize(coefficients, step) for step in steps], np.random.default_rng(0))
    codecs = [TransformCodec(shape, mean, basis, step, ConditionalPrior(prior, number)) for number, step in enumerate(steps)]
    return [_setting("PCA, class prior", codec) for codec in codecs]


def _setting(name: str, codec: TransformCodec) -> Setting:
    return Setting(name, f"step {codec.step:g}", codec.encode, codec.decode)


def quantize(coefficients: np.ndarray, step: float) -> np.ndarray:
    """Return round(c / Δ) as int32."""
    return np.rint(coefficients / np.float32(step)).astype(np.int32)


def principal_components(centred: np.ndarray) -> np.ndarray:
    """Return the eigenvectors of the covariance of pixels (N, D) as columns (D, D), the largest variance first, float32."""
    covariance = (centred.T @ centred).astype(np.float64)
    return np.ascontiguousarray(np.linalg.eigh(covariance)[1][:, ::-1], np.float32)


def cosines(shape: tuple[int, int], block: int) -> np.ndarray:
    """Return the two-dimensional DCT-II of blocks of an image as columns (D, D), float32; the block must divide the image."""
    rows, columns = (np.kron(np.eye(size // block), _cosines(block)) for size in shape)
    return np.kron(rows, columns).astype(np.float32)


def _cosines(size: int) -> np.ndarray:
    """Return the orthonormal DCT-II of one dimension as columns: √(2 / n) cos(π (x + ½) k / n), the first times √½."""
    x = np.arange(size)
    basis = np.sqrt(2 / size) * np.cos(np.pi * np.outer(x + 0.5, x) / size)
    basis[:, 0] *= np.sqrt(0.5)
    return basis
