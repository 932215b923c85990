"""The photograph codec: a picture to few bytes, with loss, at any quality; the model bound to transform, coder and network.

    compress:    pixels → colour → lapped transform → quantiser, mixing and coder, which choose together → frame
    decompress:  frame → coder → lapped synthesis → network on the pixels → colour → pixels

The file is a `nnlite.codec.frame` of format 7. Its numbers are height, width, and 2 · quality + 1 for colour, + 0 for grey. The
payload is one stream of `nnlite.codec.mixing`, see `coefficients`. There are always three planes; a grey picture's second and third
are empty, and take a few bytes.

All of decompressing is integers, or products that floats hold exactly: every machine returns the same pixels. A decoder takes at
most 14 bytes of memory for each pixel that the frame promises, 0.7 gigabytes for the largest picture, and an encoder 48.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnlite.codec import frame
from nnlite.codec.mixing import Coder, Mixer, copy_mixer, decoder, encoder, finish
from nnlite.codec.photographs.coefficients import Blocks, Positions, code_plane
from nnlite.codec.photographs.contexts import PLANES
from nnlite.codec.photographs.model import COLOUR_BITS, Model
from nnlite.codec.photographs.pixel_network import MARGIN, UNIT, correct
from nnlite.codec.photographs.transform import BLOCK, Floats, analyse, strips
from nnlite.files.errors import CodecError

QUALITIES = 101
LIMITS = 1 << 26, 1, 1 << 20  # 8192 × 8192 pixels, one picture, rows and columns
ROOM = 4  # bytes for a sample, more than the coder ever takes
WORTH = 0.6  # squared steps that an isolated coefficient of 1 costs, about: the bits of 6

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Header:
    """What a file says of itself."""

    height: int
    width: int
    colour: bool
    quality: int


def step_of(quality: int) -> int:
    """Return the quantiser's step in 2^−16 grey levels: 2^0.07 times as large for each quality less, from integers alone."""
    return int((68794 ** (100 - quality) << 16) >> 16 * (100 - quality))


def code_planes(coder: Coder, blocks: Blocks, mixer: Mixer) -> Positions:
    """Write or read planes of blocks (3, rows, columns, 64); return the coder's position behind each block."""
    nothing = np.zeros_like(blocks[0])
    before = [nothing, nothing, *blocks]
    return np.stack([code_plane(coder, blocks[p], before[p + 1], before[p], p, mixer) for p in range(PLANES)])


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
        stream, _, _ = self.encode(self.blocks(self.planes(pixels), int(quality)))
        _, height, width, colours = frame.as_batch(pixels).shape
        return frame.pack(frame.PHOTOGRAPH, (height, width, 2 * int(quality) + (colours == 3)), stream, self.model.hash)

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
        rows, columns = -(-header.height // BLOCK), -(-header.width // BLOCK)
        blocks = np.zeros((PLANES, rows, columns, BLOCK * BLOCK), np.float32)
        code_planes(decoder(payload), blocks, copy_mixer(self.model.mixer))
        colours = self.model.colours if header.colour else np.eye(1, 3, dtype=np.int64) << COLOUR_BITS
        pixels = np.empty((rows * BLOCK, columns * BLOCK, len(colours)), np.uint8)
        top = 0
        for planes in strips(blocks, self.model.synthesis, UNIT, MARGIN):
            z = planes[:, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.int64)
            if mend:
                z += correct(planes, header.quality, self.model.network)
            z = z * step_of(header.quality) >> 12  # grey levels, 12 bits behind the point
            z[0] += 128 << 12
            strip = (np.moveaxis(z, 0, 2) @ colours.T + (1 << 27)) >> 28
            pixels[top : top + len(strip)] = np.clip(strip, 0, 255)
            top += len(strip)
        pixels = pixels[: header.height, : header.width]
        return np.ascontiguousarray(pixels if header.colour else pixels[..., 0])

    @staticmethod
    def header(data: bytes) -> Header:
        """Return what a file says of itself; CodecError if it is not of this format or promises too many pixels."""
        (height, width, rest), _ = frame.read_numbers(data, frame.PHOTOGRAPH, 3)
        frame.check_size((1, height, width), *LIMITS)
        if rest >= 2 * QUALITIES:
            raise CodecError(f"expected a quality from 0 to {QUALITIES - 1}, received {rest // 2}: the file is damaged")
        return Header(height, width, bool(rest & 1), rest >> 1)

    def planes(self, pixels: Pixels) -> Floats:
        """Return the planes (P, 8 rows, 8 columns) of a picture; CodecError if it is none that can be compressed."""
        images = frame.as_batch(pixels)
        count, height, width, colours = images.shape
        frame.check_size((count, height, width), *LIMITS, "compress each picture, or part of one, to a file of its own")
        margins = ((0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
        padded = np.pad(images[0], margins, mode="edge").astype(np.float32)
        planes = np.zeros((PLANES, *padded.shape[:2]), np.float32)
        if colours == 3:
            planes[:] = np.moveaxis(padded @ self.model.planes.T, 2, 0)
        else:
            planes[0] = padded[..., 0]
        planes[0] -= 128
        return planes

    def blocks(self, planes: Floats, quality: int) -> Blocks:
        """Return coefficients (P, rows, columns, 64) of planes, in quantiser steps; but for the mean 0 where little is lost."""
        analysis = self.model.analysis.astype(np.float32)
        blocks: Blocks = np.stack([analyse(plane, analysis) for plane in planes]) / np.float32(step_of(quality) / 65536)
        gains = np.maximum(2 * np.abs(blocks[..., 1:]) - 1, 0).sum(axis=-1)
        blocks[gains <= WORTH, 1:] = 0
        return blocks

    def encode(self, blocks: Blocks) -> tuple[bytes, Positions, Mixer]:
        """Write blocks, of which the integers remain; return the stream, the bytes up to each block's end, and the mixer then."""
        coder, mixer = encoder(ROOM * blocks.size), copy_mixer(self.model.mixer)
        positions = code_planes(coder, blocks, mixer)
        stream = finish(coder)
        assert stream is not None
        return stream, positions, mixer
