"""The lossless codec: a picture, or a batch of pictures of one size, to few bytes and back, equal to the last bit.

The file is a `nnlite.codec.frame` of format 8. Its numbers are count, height, width, and 4 (the digits' model, see `digits`; else
that for any `pictures`) + 2 (random access) + 1 (colour). The payload is streams of `nnlite.codec.mixing`, before each its length,
written as the frame's numbers are. There is one stream for all pictures, and each is coded with what the ones before have taught.
With random access there is one for each picture, the digits' model stays as it is, and the other starts anew. A stream as long as
its samples is the samples themselves.

A decision costs at least log2(65536 / 65528) bits. So a stream has a byte for every 2^15 samples, with zeros at its end if need be,
and no few bytes can ask for hours. Decoding takes 4 bytes of memory for each sample of the batch, 12 for each of a picture, and
150 MB.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.codec import frame
from nnlite.codec.lossless.digits import SIDE, code_digits, load_digits
from nnlite.codec.lossless.pictures import code_pictures
from nnlite.codec.mixing import Coder, Mixer, copy_mixer, decoder, encoder, finish
from nnlite.files.errors import CodecError

# Pixels, pictures, rows and columns in a file; in colours a third of the pixels
LIMITS = (1 << 28, 1 << 20, (1 << 16) - 1), ((1 << 28) // 3, 1 << 20, (1 << 16) - 1)
SAMPLES_A_BYTE = 15  # 2^15
RATE, LIMIT = 6, 1000  # at which the digits' model goes on learning in a batch
TRIAL = 100  # so many pictures of 28 × 28 tell whether they are like digits

Images = npt.NDArray[np.uint8]  # (N, height, width, planes)


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `digits` tells whether it is coded by their model."""

    count: int
    height: int
    width: int
    digits: bool
    random_access: bool
    colour: bool


class LosslessCodec:
    """Compresses 8-bit pictures, grey or in colours, alone or in batches, without loss.

    Parameters
    ----------
    digits : Mixer, optional
        What was learned from digits; by default what comes with nnlite. Nothing changes it.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlite.codec.lossless import LosslessCodec
    >>> y, x = np.mgrid[:64, :64]
    >>> picture = (255 * ((x // 8 + y // 8) % 2)).astype(np.uint8)
    >>> codec = LosslessCodec()
    >>> file = codec.compress(picture)
    >>> len(file) < 64
    True
    >>> bool((codec.decompress(file)[0] == picture).all())
    True
    """

    def __init__(self, digits: Mixer | None = None):
        if digits is not None:
            self.digits = digits

    @cached_property
    def digits(self) -> Mixer:
        """What was learned from digits; the built-in is read when it is first needed."""
        return load_digits()

    @cached_property
    def digits_hash(self) -> bytes:
        """SHA-256 of it."""
        return hashlib.sha256(b"".join(array.tobytes() for array in self.digits[:3])).digest()

    def compress(self, pictures: npt.NDArray[Any], *, random_access: bool = False, limit: float | None = None) -> bytes:
        """Return the file of a picture or of a batch of pictures.

        Parameters
        ----------
        pictures : uint8 array
            A picture (height, width) or (height, width, 3), or a batch (N, height, width), (N, height, width, 1) or
            (N, height, width, 3). Three dimensions of which the last is 3 are a picture in colours.
        random_access : bool
            Whether each picture of a batch can be decoded without the others, at the price of some bytes.
        limit : float, optional
            So many bytes are enough: where more are written, the attempt ends.

        Raises
        ------
        CodecError
            The pictures are no such array, or too many, or take more bytes than the limit.
        """
        images = frame.as_batch(pictures)
        count, height, width, planes = images.shape
        frame.check_size((count, height, width), *LIMITS[planes == 3], "divide them among several files")
        digits = False
        if (height, width, planes) == (SIDE, SIDE, 1):
            sizes = [len(self._encode(images[:TRIAL], choice, False, None)) for choice in (False, True)]
            digits = sizes[1] < sizes[0]
        groups = np.split(images, count if random_access else 1)
        streams = [self._encode(group, digits, random_access, limit) for group in groups]
        payload = b"".join(frame.write_varint(len(stream)) + stream for stream in streams)
        numbers = (count, height, width, 4 * digits + 2 * random_access + (planes == 3))
        file = frame.pack(frame.LOSSLESS, numbers, payload, self.digits_hash if digits else b"")
        if limit is not None and len(file) > limit:
            raise CodecError(f"expected pictures of at most {limit:g} bytes without loss, received larger ones: allow for more")
        return file

    def decompress(self, data: bytes, indices: Sequence[int] | None = None) -> Images:
        """Return the pictures of a file as a batch, (N, height, width) or (N, height, width, 3).

        Parameters
        ----------
        data : bytes
            The file.
        indices : sequence of int, optional
            Which pictures; by default all.

        Raises
        ------
        CodecError
            The file is no such file, damaged, cut short, or made with another model; or it has no picture of an index.
        """
        header = self.header(data)
        _, payload = frame.parse(data, frame.LOSSLESS, 4, self.digits_hash if header.digits else b"")
        chosen = range(header.count) if indices is None else indices
        if not all(0 <= index < header.count for index in chosen):
            raise CodecError(f"expected pictures from 0 to {header.count - 1}, received {chosen}")
        images = np.zeros((header.count, header.height, header.width, 3 if header.colour else 1), np.uint8)
        end = 0
        for number, group in enumerate(np.split(images, header.count if header.random_access else 1)):
            length, start = frame.read_varint(payload, end)
            end = start + length
            if not group.size >> SAMPLES_A_BYTE <= length <= len(payload) - start:
                raise CodecError(f"expected a whole stream for {group.size} samples, received {length} bytes: the file is damaged")
            if length == group.size:
                group[...] = np.frombuffer(payload[start:end], np.uint8).reshape(group.shape)
            elif not header.random_access or number in chosen:
                self._code(decoder(payload[start:end]), group, header.digits, header.random_access)
        images = images[list(chosen)]
        return images if header.colour else images[..., 0]

    @staticmethod
    def header(data: bytes) -> Header:
        """Return what a file says of itself, without a look at its checksum; CodecError if it is none or says what cannot be."""
        (count, height, width, kind), _ = frame.read_numbers(data, frame.LOSSLESS, 4)
        header = Header(count, height, width, bool(kind & 4), bool(kind & 2), bool(kind & 1))
        if kind > 7 or (header.digits and (height, width, header.colour) != (SIDE, SIDE, False)):
            raise CodecError(f"expected a kind that suits pictures of {height} × {width}, received {kind}: the file is damaged")
        frame.check_size((count, height, width), *LIMITS[header.colour])
        return header

    def _encode(self, images: Images, digits: bool, random_access: bool, limit: float | None) -> bytes:
        """Return a stream, or the samples themselves if it takes as many bytes as they, or more than the limit."""
        coder = encoder(max(0, int(min(images.size - 1, limit or images.size))))
        self._code(coder, images.copy(), digits, random_access)
        stream = finish(coder)
        if stream is None or len(stream) >= images.size:
            return images.tobytes()
        return stream.ljust(images.size >> SAMPLES_A_BYTE, b"\0")

    def _code(self, coder: Coder, images: Images, digits: bool, random_access: bool) -> None:
        """Write pictures as one stream, or read them from it."""
        if digits:
            model = self.digits if random_access else copy_mixer(self.digits)
            code_digits(coder, model._replace(rate=0 if random_access else RATE, limit=LIMIT), images[..., 0])
        else:
            code_pictures(coder, images)
