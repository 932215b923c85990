"""The photograph codec: a picture to few bytes, with loss, at any quality; the model bound to transform, coder and network.

    compress:    pixels → colour → lapped transform → quantiser, mixing and coder, which choose together → frame
    decompress:  frame → coder → lapped synthesis → network on the pixels → colour → pixels

The file is a `nnlite.codec.frame` of format 2. Its numbers are height, width, and 2 · quality + 1 for colour, + 0 for grey. The
payload is one stream of `nnlite.codec.mixing`: first the planes (see `coefficients`), three or one; then for each plane three
settings of 4 bits: where coefficients quantised to ± 1 lie, where the others do, and the network's strength in eighths.

All of decompressing is integers, or products that floats hold exactly: every machine returns the same pixels. A decoder takes about
15 bytes of memory for each pixel that the frame promises, which is a gigabyte for the largest picture, and an encoder 55.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnlite.codec import frame
from nnlite.codec.mixing import Coder, decoder, encoder, finish
from nnlite.codec.photographs.coefficients import code_plane
from nnlite.codec.photographs.contexts import SETTING_BITS
from nnlite.codec.photographs.integers import code_setting
from nnlite.codec.photographs.model import COLOUR_BITS, QUALITIES, STEP_BITS, Model
from nnlite.codec.photographs.pixel_network import MARGIN, UNIT, correct, level_input
from nnlite.codec.photographs.pixels import NEUTRAL, OFFSET, Pixels, Quantised, Settings, paint, restore
from nnlite.codec.photographs.transform import BLOCK, analyse
from nnlite.files.errors import CodecError

MAX_PIXELS = 1 << 26  # 8192 × 8192
PRICE = 0.1  # λ: what a bit costs, in squared steps; measured
SAMPLED = 3  # the network's strength is measured on every third strip
STRENGTH_BITS = 3
Floats = npt.NDArray[np.float32]


class Header(NamedTuple):
    """What a file says of itself."""

    height: int
    width: int
    colour: bool
    quality: int


class Coded(NamedTuple):
    """A picture that has become bits: what the stream holds, and for each block (P, rows, columns) the bytes up to its end."""

    quantised: Quantised
    settings: Settings
    positions: npt.NDArray[np.int32]


class PhotographCodec:
    """Compresses photographs, grey or in colours, of any size.

    Parameters
    ----------
    model : Model, optional
        What was learned; by default the model that comes with nnlite.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.codec.photographs import PhotographCodec
    >>> y, x = np.mgrid[:64, :64]
    >>> picture = np.stack([2 * x + y, 128 + 60 * np.sin(x / 9), 3 * y], axis=-1).astype(np.uint8)
    >>> codec = PhotographCodec()
    >>> file = codec.compress(picture, quality=50)
    >>> len(file) < picture.size / 40
    True
    >>> codec.decompress(file).shape
    (64, 64, 3)
    """

    qualities = QUALITIES

    def __init__(self, model: Model | None = None):
        self.model = Model.load() if model is None else model

    def compress(self, pixels: Pixels, quality: int = 50) -> bytes:
        """Return the file of a picture.

        Parameters
        ----------
        pixels : uint8 array, shape (height, width) or (height, width, 3)
            Grey, or red, green and blue.
        quality : int
            From 0, a quantiser step of 128 grey levels, to 100, a step of 1. Every 14 halve the step.

        Raises
        ------
        CodecError
            The pixels are no such array, or too many, or there is no such quality.
        """
        if not (isinstance(quality, int | np.integer) and 0 <= quality < QUALITIES):
            raise CodecError(f"expected a quality from 0 to {QUALITIES - 1}, a whole number, received {quality!r}")
        stream, _ = self.code(self.planes(pixels), int(quality))
        numbers = [*pixels.shape[:2], 2 * int(quality) + (pixels.ndim == 3)]
        return frame.pack(frame.PHOTOGRAPH, numbers, stream, self.model.hash)

    def decompress(self, data: bytes, mend: bool = True) -> Pixels:
        """Return the picture of a file, uint8 of shape (height, width) or (height, width, 3).

        Parameters
        ----------
        data : bytes
            What `compress` returned.
        mend : bool
            Whether the network corrects the pixels; without it one sees what it does.

        Raises
        ------
        CodecError
            The file is no such file, damaged, or of another model.
        """
        header = self.header(data)
        _, payload = frame.parse(data, frame.PHOTOGRAPH, 3, self.model.hash)
        rows, columns, count = -(-header.height // BLOCK), -(-header.width // BLOCK), 3 if header.colour else 1
        nothing = np.zeros((count, 1, 1, BLOCK * BLOCK), np.float32)
        coded = self._code(decoder(payload), nothing, rows, columns, lambda _: np.zeros((count, 3), np.int64))
        strengths = coded.settings[:, 2, None, None]
        inverse = self.model.colour_inverse if header.colour else np.eye(1, 3, dtype=np.int64) << COLOUR_BITS
        pixels = np.empty((rows * BLOCK, columns * BLOCK, count), np.uint8)
        for top, planes in restore(coded.quantised, coded.settings, self.model.synthesis):
            z = planes[:, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.int64)
            if mend and strengths.any():
                corrections = correct(planes, level_input(header.quality), self.model.network)
                z[:count] += corrections[:count] * strengths >> STRENGTH_BITS
            paint(z, self.model.steps[header.quality], inverse, pixels[top : top + z.shape[1]])
        pixels = pixels[: header.height, : header.width]
        return np.ascontiguousarray(pixels if header.colour else pixels[..., 0])

    @staticmethod
    def header(data: bytes) -> Header:
        """Return what a file says of itself; CodecError if it is not of this format or promises too many pixels."""
        (height, width, rest), _ = frame.read_numbers(data, frame.PHOTOGRAPH, 3)
        if not (height > 0 and width > 0 and height * width <= MAX_PIXELS and rest < 2 * QUALITIES):
            raise CodecError(
                f"expected 1 to {MAX_PIXELS} pixels at a quality from 0 to {QUALITIES - 1}, received {height} × {width} at "
                f"{rest // 2}: the file is damaged"
            )
        return Header(height, width, bool(rest & 1), rest >> 1)

    def planes(self, pixels: Pixels) -> Floats:
        """Return the planes (P, 8 rows, 8 columns) of a picture; CodecError if it is none that can be compressed."""
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            received = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise CodecError(f"expected uint8 pixels, received {received}: scale them to 0 … 255 and round them")
        if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or pixels.size == 0:
            raise CodecError(f"expected pixels of shape (height, width) or (height, width, 3), received {pixels.shape}")
        height, width = pixels.shape[:2]
        if height * width > MAX_PIXELS:
            raise CodecError(f"expected at most {MAX_PIXELS} pixels, received {height} × {width}: cut the picture into parts")
        margins = ((0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
        padded = np.pad(pixels.reshape(height, width, -1), margins, mode="edge").astype(np.float32)
        if pixels.ndim == 3:
            padded = padded @ self.model.colour.astype(np.float32).T
        planes = np.ascontiguousarray(np.moveaxis(padded, 2, 0))
        planes[0] -= 128
        return planes

    def code(self, planes: Floats, quality: int) -> tuple[bytes, Coded]:
        """Return planes as a stream of bits, and what it holds."""
        analysis = self.model.analysis.astype(np.float32)
        step = np.float32(self.model.steps[quality] / 2**STEP_BITS)
        coefficients = np.stack([analyse(plane, analysis) for plane in planes]) / step
        settings = partial(self._settings, coefficients, planes / step, quality)
        rows, columns = coefficients.shape[1:3]
        room = 2 * planes.size + 1000
        while True:
            coder = encoder(room)
            coded = self._code(coder, coefficients, rows, columns, settings)
            stream = finish(coder)
            if stream is not None:
                return stream, coded
            room *= 2

    def _code(self, coder: Coder, coefficients: Floats, rows: int, columns: int, choose: Callable[[Quantised], Settings]) -> Coded:
        """Write or read the whole stream; an encoder has coefficients in steps, and chooses settings."""
        count = len(coefficients)
        planes = np.zeros((count + 2, rows + 1, columns + 2, BLOCK * BLOCK), np.int16)
        notes = np.zeros((count + 2, rows + 1, columns + 2, 3), np.int32)
        mixers = [self.model.mixers(p) for p in range(count)]
        for p in range(count):
            code_plane(coder, coefficients[p], planes, notes, p + 2, mixers[p], PRICE)
        quantised = planes[2:, 1:, 1:-1]
        settings = choose(quantised)
        for p, kind in np.ndindex(settings.shape):
            settings[p, kind] = code_setting(coder, settings[p, kind], mixers[p].more, kind)
        return Coded(quantised, settings, notes[2:, 1:, 1:-1, -1])

    def _settings(self, coefficients: Floats, originals: Floats, quality: int, quantised: Quantised) -> Settings:
        """Return the settings with the least squared error."""
        largest = (1 << SETTING_BITS) - 1
        settings = np.full((len(quantised), 3), NEUTRAL)
        for p, plane in enumerate(quantised):
            size = np.abs(plane[..., 1:])
            excess = np.abs(coefficients[p, ..., 1:]) - size
            for kind, chosen in enumerate((size == 1, size > 1)):
                if chosen.any():
                    settings[p, kind] = np.clip(NEUTRAL + np.rint(excess[chosen].mean() * UNIT / OFFSET), 0, largest)
        products = np.zeros((2, len(quantised)))  # ⟨error, correction⟩ and ⟨correction, correction⟩ of each plane
        for top, planes in itertools.islice(restore(quantised, settings, self.model.synthesis), 0, None, SAMPLED):
            corrections = correct(planes, level_input(quality), self.model.network)[: len(quantised)].astype(np.float64)
            restored = planes[: len(quantised), MARGIN:-MARGIN, MARGIN:-MARGIN]
            errors = UNIT * originals[:, top : top + restored.shape[1]] - restored
            products += [(errors * corrections).sum(axis=(1, 2)), (corrections**2).sum(axis=(1, 2))]
        strengths = products[0] / np.maximum(products[1], 1)
        settings[:, 2] = np.clip(np.rint(strengths * 2**STRENGTH_BITS), 0, largest)
        return settings
