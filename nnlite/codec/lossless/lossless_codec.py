"""The lossless codec: a picture, or a batch of pictures of one size, to few bytes and back, equal to the last bit.

The file is a `nnlite.codec.frame` of format 4. Its numbers are count, height, width, and 8 · method + 4 (a batch) + 2 (random
access) + 1 (three planes: green, red, blue). The methods:

=================  ==============================================================================================
0 raw              the payload is the samples, picture by picture, plane by plane
1 continuous tone  residuals of predictions, see `continuous_tone`
2 drawing          colours that are near, see `drawings`
3 digit            28 × 28 grey pixels by a model that has been trained, see `digits`
=================  ==============================================================================================

The payload of the others is streams of `nnlite.codec.mixing`: the lengths of all but the last, written as the frame's numbers are,
then they themselves. There is one stream for all pictures, and each is coded with what the ones before have taught. With random
access there is one for each picture, the digits' model stays as it is, and all others start anew.

A decision costs at least log2(65536 / 65528) bits. So a payload has a byte for every 2^15 samples, with zeros at its end if need
be, and no few bytes can ask for hours. Decoding takes 2 bytes of memory for each sample of the batch, 12 for each of a picture, and
150 MB.
"""

import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nnlite.codec import frame
from nnlite.codec.lossless.continuous_tone import code_tones
from nnlite.codec.lossless.digits import SIDE, code_digits, load_digits
from nnlite.codec.lossless.drawings import code_drawings
from nnlite.codec.lossless.methods import CONTINUOUS_TONE, DIGIT, METHODS, RAW, part_of, suitable_methods
from nnlite.codec.lossless.planes import Images, check_pictures, check_size, to_pictures
from nnlite.codec.mixing import Coder, Mixer, copy_mixer, decoder, encoder, finish
from nnlite.files.errors import CodecError

SAMPLES_A_BYTE = 15  # 2^15
RATE, LIMIT = 6, 1000  # at which the digits' model goes on learning in a batch
REPETITION = 4  # a whole picture takes at least 1 / so many of the bytes that its part lets expect


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `method` is an index of METHODS."""

    count: int
    height: int
    width: int
    planes: int
    method: int
    batch: bool
    random_access: bool


class LosslessCodec:
    """Compresses 8-bit pictures, grey or in colours, alone or in batches, without loss.

    Parameters
    ----------
    digits : Mixer, optional
        What was learned from digits; by default what comes with nnlite, read when the first digits come.

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
    >>> bool((codec.decompress(file) == picture).all())
    True
    """

    def __init__(self, digits: Mixer | None = None):
        if digits is not None:
            self.digits = digits

    @cached_property
    def digits(self) -> Mixer:
        """The digits' model; nothing changes it."""
        return load_digits()

    @cached_property
    def digits_hash(self) -> bytes:
        """SHA-256 of the digits' model."""
        return hashlib.sha256(b"".join(array.tobytes() for array in self.digits[:3])).digest()

    def compress(self, pictures: npt.NDArray[Any], *, random_access: bool = False, method: str | None = None) -> bytes:
        """Return the file of a picture or of a batch of pictures.

        Parameters
        ----------
        pictures : uint8 array
            A picture (height, width) or (height, width, 3), or a batch (N, height, width), (N, height, width, 1) or
            (N, height, width, 3). Three dimensions of which the last is 3 are a picture in colours.
        random_access : bool
            Whether each picture of a batch can be decoded without the others, at the price of some bytes.
        method : str, optional
            One of METHODS; by default the one that takes the fewest bytes, or does so for a part of very many or large ones.

        Raises
        ------
        CodecError
            The pictures are no such array, or too many, or not for this method.
        """
        images, batch = check_pictures(pictures)
        methods = suitable_methods(images)
        if method is not None:
            if method not in (possible := [METHODS[number] for number in (RAW, *methods)]):
                raise CodecError(f"expected a method that these pictures allow, of {', '.join(possible)}, received {method!r}")
            methods = [METHODS.index(method)]
        return self._file(images, batch, methods, random_access, images.size)

    def compress_within(self, pictures: npt.NDArray[Any], limit: int) -> bytes | None:
        """Return the file of a picture or of a batch if it takes at most `limit` bytes, else None.

        The attempt ends where a part of the picture lets expect many more, or where more are written.
        """
        images, batch = check_pictures(pictures)
        file = self._file(images, batch, suitable_methods(images), False, limit)
        return file if len(file) <= limit else None

    def decompress(self, data: bytes, indices: Sequence[int] | None = None) -> npt.NDArray[np.uint8]:
        """Return the pictures of a file.

        Parameters
        ----------
        data : bytes
            The file.
        indices : sequence of int, optional
            Which pictures of a batch; by default all.

        Returns
        -------
        uint8 array
            A picture (height, width) or (height, width, 3), or a batch (N, height, width) or (N, height, width, 3).

        Raises
        ------
        CodecError
            The file is no such file, damaged, cut short, or made with another model; or it has no picture of an index.
        """
        header = read_header(data)
        _, payload = frame.parse(data, frame.LOSSLESS, 4, self._hash(header.method))
        chosen = list(range(header.count) if indices is None else indices)
        if not all(0 <= index < header.count for index in chosen):
            raise CodecError(f"expected pictures from 0 to {header.count - 1}, received {chosen}")
        return to_pictures(self._decode(payload, header, chosen), header.batch)

    def _hash(self, method: int) -> bytes:
        return self.digits_hash if method == DIGIT else b""

    def _file(self, images: Images, batch: bool, methods: list[int], random_access: bool, room: int) -> bytes:
        """Return the file of the method that takes the fewest bytes, or does so for a part; raw if none is within `room`."""
        part = part_of(images)
        if len(methods) > 1 and part.size < images.size:
            method, payload = self._shortest(part, methods, random_access, part.size)
            methods = [method] if len(payload) * images.size < REPETITION * room * part.size else []
        method, payload = self._shortest(images, methods, random_access, room)
        count, planes, height, width = images.shape
        kind = method * 8 + batch * 4 + random_access * 2 + (planes == 3)
        return frame.pack(frame.LOSSLESS, (count, height, width, kind), payload, self._hash(method))

    def _shortest(self, images: Images, methods: list[int], random_access: bool, room: int) -> tuple[int, bytes]:
        """Return the method that takes the fewest bytes and its payload; raw if all take more than the samples or than `room`."""
        shortest, payload = RAW, images.tobytes()
        for method in methods:
            trial = self._encode(images, method, random_access, min(room, len(payload)))
            if trial is not None and len(trial) < len(payload):
                shortest, payload = method, trial
        return shortest, payload

    def _encode(self, images: Images, method: int, random_access: bool, room: int) -> bytes | None:
        """Return the payload; None if a stream takes more than `room` bytes."""
        if method == RAW:
            return images.tobytes()
        streams = []
        for part in np.split(images, len(images)) if random_access else [images]:
            coder = encoder(room)
            self._code(coder, part, method, random_access)
            stream = finish(coder)
            if stream is None:
                return None
            streams.append(stream)
        lengths = b"".join(frame.write_varint(len(stream)) for stream in streams[:-1])
        return (lengths + b"".join(streams)).ljust(images.size >> SAMPLES_A_BYTE, b"\0")

    def _decode(self, payload: bytes, header: Header, chosen: list[int]) -> Images:
        """Return the chosen pictures; CodecError if the payload cannot be theirs."""
        shape = (header.count, header.planes, header.height, header.width)
        samples = math.prod(shape)
        least = samples >> SAMPLES_A_BYTE if header.method != RAW else samples
        if len(payload) < least or (header.method == RAW and len(payload) > samples):
            raise CodecError(f"expected at least {least} bytes for {samples} samples, received {len(payload)}: the file is damaged")
        if header.method == RAW:
            return np.frombuffer(payload, np.uint8).reshape(shape)[chosen]
        images = np.zeros(shape, np.uint8)
        if header.random_access:
            streams = _split(payload, header.count)
            for index in chosen:
                self._code(decoder(streams[index]), images[index : index + 1], header.method, True)
        else:
            self._code(decoder(payload), images, header.method, False)
        return images[chosen]

    def _code(self, coder: Coder, images: Images, method: int, random_access: bool) -> None:
        """Write pictures as one stream, or read them from it."""
        if method == DIGIT:
            model = self.digits if random_access else copy_mixer(self.digits)
            code_digits(coder, model._replace(rate=0 if random_access else RATE, limit=LIMIT), images[:, 0])
        elif method == CONTINUOUS_TONE:
            code_tones(coder, images)
        else:
            code_drawings(coder, images)


def read_header(data: bytes) -> Header:
    """Return what a file says of itself, without a look at its checksum; CodecError if it is none or says what cannot be."""
    (count, height, width, kind), _ = frame.read_numbers(data, frame.LOSSLESS, 4)
    method, batch, random_access, planes = kind >> 3, bool(kind & 4), bool(kind & 2), 3 if kind & 1 else 1
    if method >= len(METHODS) or (count != 1 and not batch) or (method == DIGIT and (height, width, planes) != (SIDE, SIDE, 1)):
        raise CodecError(f"expected a kind of pictures that there is, received {kind}: the file is damaged, or of a newer nnlite")
    check_size(count, planes, height, width)
    return Header(count, height, width, planes, method, batch, random_access)


def _split(payload: bytes, number: int) -> list[bytes]:
    """Return the streams of a payload; CodecError if it ends before they do."""
    position, ends = 0, [0]
    for _ in range(number - 1):
        length, position = frame.read_varint(payload, position)
        ends.append(ends[-1] + length)
    ends = [position + end for end in ends] + [len(payload)]
    if ends[-2] > ends[-1]:
        raise CodecError(f"expected streams of {ends[-2]} bytes, received {len(payload)}: the file is damaged")
    return [payload[start:end] for start, end in itertools.pairwise(ends)]
