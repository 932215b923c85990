"""How probable is each symbol? It depends on the kind of image: each class of images has a frequency table for every symbol.

The latents of an image depend on each other: a one has other latents than an eight. A prior that ignores this pays for it in bits.
So sort the images into 256 classes by their latents, write the class as one byte, and give each class tables of its own. `fit`
finds the classes without labels, as the diagonal Gaussians of a mixture (hard assignments, Lloyd's iteration). The byte saves more
than eight bits, because each class is much narrower than the whole.

There would be C · K · Q tables. The codec stores none of them: it chooses each from a bank of discretised logistic distributions, a
grid of scales times a few fractions of a step for their centres. A class's table for a latent is a number in the bank, and an
integer shift of the symbols. `fit` picks both to minimise the bits of the training images' symbols. All are integers, so every
machine decodes alike.

Symbols are of shape (N, K): N images, K latents; C classes, Q qualities, B tables in the bank.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnlite.arrays import FloatArray, expect
from nnlite.codec import range_coder as entropy
from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.files.errors import CodecError

Symbols = npt.NDArray[np.int32]

CLASSES = 256
OFFSETS = (-0.375, -0.125, 0.125, 0.375)  # of a table's centre from zero, in steps
SCALES = 0.04 * 1.17 ** np.arange(44)  # of the logistic distributions, in steps: 0.04 to 34
ESCAPE = 1e-5  # the probability of symbols beyond a table
ITERATIONS = 30


@dataclass(frozen=True)
class ClassPrior:
    """The bank of tables, and the choice of each class.

    Attributes
    ----------
    tables : FrequencyTables
        The bank.
    table : uint8 array, shape (Q, C, K)
        The table of latent k in class c at quality q, as its number in the bank.
    shift : int16 array, shape (Q, C, K)
        Subtract it from the symbol, then use the table.
    centre, precision : float32 arrays, shape (C, K)
        Mean and inverse variance of each class's latents. The encoder chooses classes by them; the decoder does not need them.
    """

    tables: FrequencyTables
    table: npt.NDArray[np.uint8]
    shift: npt.NDArray[np.int16]
    centre: npt.NDArray[np.float32]
    precision: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Raise ValueError unless the arrays fit together."""
        shape = self.table.shape  # (Q, C, K)
        if len(shape) != 3 or shape[1] != CLASSES or self.table.dtype != np.uint8 or self.table.max() >= len(self.tables):
            expected = f"expected table to be uint8 below {len(self.tables)} of shape (Q, {CLASSES}, K)"
            raise ValueError(f"{expected}, received {self.table.dtype} {shape}")
        if self.shift.shape != shape or self.shift.dtype != np.int16:
            raise ValueError(f"expected shift to be int16 of shape {shape}, received {self.shift.dtype} {self.shift.shape}")
        for name, array in (("class_centre", self.centre), ("class_precision", self.precision)):
            if array.shape != shape[1:] or array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"expected {name} to be finite float32 of shape {shape[1:]}, received {array.dtype} {array.shape}")
        expect(self.precision.min() > 0, f"expected class_precision to be positive, received {self.precision.min()}")

    @classmethod
    def fit(cls, latents: FloatArray, symbols: list[Symbols], rng: np.random.Generator) -> "ClassPrior":
        """Find the classes of training images, and their tables at each quality.

        Parameters
        ----------
        latents : float array, shape (N, K)
            N ≥ 256.
        symbols : list of Q int32 arrays, shape (N, K)
            The latents quantised at each quality.
        rng : np.random.Generator
            Draws the start.

        Raises
        ------
        ValueError
            There are fewer than 256 images.
        """
        classes, centre, precision = _cluster(latents.astype(np.float64), rng)
        tables, bits, width = _bank()
        chosen = [_choose_tables(each, classes, bits, width) for each in symbols]
        table, shift = (np.stack(arrays) for arrays in zip(*chosen, strict=True))
        return cls(tables, table, shift, centre.astype(np.float32), precision.astype(np.float32))

    def choose(self, latents: FloatArray) -> npt.NDArray[np.uint8]:
        """Return the class of each image, shape (N,): the Gaussian that makes its latents (N, K) most probable."""
        return _nearest(latents, self.centre, self.precision).astype(np.uint8)

    def encode(self, symbols: Symbols, classes: npt.NDArray[np.uint8], quality: int) -> bytes:
        """Return N bytes of classes, then the range coder's bytes of the symbols (N, K)."""
        shifted = symbols - self.shift[quality, classes]  # (N, K)
        return classes.tobytes() + entropy.encode(shifted.reshape(-1), self.table[quality, classes].reshape(-1), self.tables)

    def decode(self, data: bytes, count: int, quality: int) -> Symbols:
        """Return the symbols (N, K) of `count` images; CodecError if the bytes cannot be theirs."""
        if len(data) < count:
            expected = f"expected a byte for the class of each of {count} images"
            raise CodecError(f"{expected}, received {len(data)}: the file is cut short")
        classes = np.frombuffer(data[:count], np.uint8)
        table = self.table[quality, classes]  # (N, K)
        symbols: Symbols = entropy.decode(data[count:], table.reshape(-1), self.tables).reshape(table.shape)
        symbols += self.shift[quality, classes]  # a damaged stream gives any int32, so this may overflow: integers do so silently
        return symbols

    def cross_entropy(self, symbols: Symbols, classes: npt.NDArray[np.uint8], quality: int) -> float:
        """Return the least bits that `encode` needs: eight for each class, and the tables' cross-entropy of the symbols."""
        shifted = symbols - self.shift[quality, classes]
        return 8 * len(classes) + self.tables.cross_entropy(shifted.reshape(-1), self.table[quality, classes].reshape(-1))


def _cluster(latents: FloatArray, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray]:
    """Return the class of each image (N,), and the classes' means and inverse variances (C, K)."""
    expect(len(latents) >= CLASSES, f"expected at least {CLASSES} images, one for each class of the prior, received {len(latents)}")
    total = np.maximum(latents.var(axis=0), 1e-12)  # (K,)
    centre = latents[rng.choice(len(latents), CLASSES, replace=False)]
    precision = np.ones_like(centre) / total
    for _ in range(ITERATIONS):
        classes = _nearest(latents, centre, precision)
        for c in np.unique(classes):
            members = latents[classes == c]
            centre[c] = members.mean(axis=0)
            # The variance of a few members is uncertain, so count five more with 0.3 of the whole data set's variance: classes are
            # narrower than the whole.
            precision[c] = (len(members) + 5) / (((members - centre[c]) ** 2).sum(axis=0) + 5 * 0.3 * total)
    return _nearest(latents, centre, precision), centre, precision


def _nearest(latents: FloatArray, centre: FloatArray, precision: FloatArray) -> npt.NDArray[np.int64]:
    """Return argmin_c Σ_k [(u_k − m_ck)² p_ck − ln p_ck], shape (N,): the most probable Gaussian."""
    # Multiply the square out, so that the sums over k become matrix products: u² p − 2 u m p + m² p
    constant = (centre * centre * precision - np.log(precision)).sum(axis=1)
    distance = (latents * latents) @ precision.T - latents @ (2 * centre * precision).T + constant  # (N, C)
    return np.asarray(np.argmin(distance, axis=1), np.int64)


def _bank() -> tuple[FrequencyTables, FloatArray, int]:
    """Return the tables, their bits for each symbol from −width to width, shape (B, 2 width + 1), and width."""
    # Wider than any table, so a clipped symbol counts as an escape everywhere.
    width = int(np.ceil(14 * SCALES[-1]))
    weights, minimum = [], []
    # An escape costs at most 16 + 18 bits (its excess is below 2^9 here); charging more makes the choice avoid it.
    bits = np.full((SCALES.size * len(OFFSETS), 2 * width + 1), 40.0)
    for scale in SCALES:
        for offset in OFFSETS:
            half = int(np.ceil(12 * scale)) + 1  # the probability outside is 2 exp(−12), about ESCAPE
            edges = (np.arange(-half, half + 2) - 0.5 - offset) / scale
            probability = np.diff(0.5 + 0.5 * np.tanh(edges / 2))
            weights.append(np.append(probability, ESCAPE))
            minimum.append(-half)
    tables = FrequencyTables.from_weights(np.array(minimum, np.int32), weights)
    for row, frequencies, size, first in zip(bits, tables.frequencies, tables.sizes, tables.minimum, strict=True):
        row[width + first : width + first + size - 1] = 16 - np.log2(frequencies[: size - 1])
    return tables, bits, width


def _choose_tables(
    symbols: Symbols, classes: npt.NDArray[np.int64], bits: FloatArray, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
    """Return for each class and latent the table and the shift, (C, K) each, with the fewest bits for these symbols."""
    features = symbols.shape[1]
    table = np.zeros((CLASSES, features), np.uint8)
    shift = np.zeros((CLASSES, features), np.int16)
    for c in range(CLASSES):
        members = symbols[classes == c]
        if len(members) == 0:
            members = symbols
        shift[c] = np.rint(members.mean(axis=0))
        entry = np.clip(members - shift[c] + width, 0, 2 * width)  # (members, K)
        for k in range(features):
            values, count = np.unique(entry[:, k], return_counts=True)
            table[c, k] = np.argmin(bits[:, values] @ count)
    return table, shift
