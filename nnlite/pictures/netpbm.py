"""Images in the Netpbm formats PGM (grey) and PPM (colour): a header in letters and digits, then the samples row by row.

    P5  width  height  maxval  samples         P5 PGM, P6 PPM, and P2 and P3 the same with samples in decimal digits

White space separates the four parts of the header, and one white-space character ends it. In this white space a "#" begins a
comment to the end of the line. Samples run from 0, black, to maxval; the three samples of a colour are red, green and blue. P5
and P6 have one byte a sample if maxval < 256. Else they have two: this reader refuses such pictures, for it gives bytes.

Programs differ in how they write a comment behind maxval: its line's end is the white-space character, or one stands before or
behind it. The manual allows the last, Netpbm reads the first. This reader takes the way that leaves the right number of samples. A
plain file may have comments between its samples, too, as in Netpbm.

Format: the manual pages pgm(5) and ppm(5) of Netpbm, https://netpbm.sourceforge.net/doc/pgm.html.
"""

import re

import numpy as np
import numpy.typing as npt

from nnlite.files.errors import PictureError

COMMENT = rb"#[^\n\r]*[\n\r]"
HEADER = re.compile((rb"P([2356])" + 3 * rb"(?:\s|@)+(\d{1,10})" + rb"(?=\s|(?:@)+(?!#))").replace(b"@", COMMENT))
ENDS = [re.compile(rb"\s"), re.compile(rb"\s?(?:%b)+(?!#)\s?" % COMMENT)]  # of a header; not in the middle of its comments
BEGINNINGS = (b"P2", b"P3", b"P5", b"P6")
# Samples in a plain file: each is a Python object of some 60 bytes while reading, 120 MB in all. Photographs are binary files.
MAX_PLAIN = 2**21


def parse_netpbm(data: bytes) -> npt.NDArray[np.uint8]:
    """Return a PGM file's image (height, width) or a PPM file's (height, width, 3), as uint8, 255 where the file has maxval.

    If maxval is not 255, each value v becomes v · 255 / maxval, rounded to the nearest.

    Raises
    ------
    PictureError
        The header is not of this format, a size or maxval is impossible, maxval exceeds 255, the file has more or fewer samples
        than its sizes promise, a sample is larger than maxval, or a plain file, P2 or P3, has more than 2^21 of them. The reader
        allocates at most a few times the file's size, or 120 MB for a plain file.
    """
    header = HEADER.match(data)
    if header is None:
        received = f"received bytes {data[:8].hex(' ')!r}"
        raise PictureError(f"expected a PGM or PPM header (P2, P3, P5 or P6, width, height, maxval), {received}")
    kind, width, height, maxval = map(int, header.groups())
    if width == 0 or height == 0 or not 1 <= maxval <= 65535:
        raise PictureError(f"expected sizes of at least 1 and a maxval from 1 to 65535, received {width} × {height}, {maxval}")
    if maxval > 255:
        raise PictureError(f"expected a PGM or PPM of 8 bits a sample, a maxval of at most 255, received {maxval}: convert it to 8")
    channels = 3 if kind in (3, 6) else 1
    read = _plain_samples if kind in (2, 3) else _binary_samples
    samples = read(data[header.end() :], width * height * channels)
    if samples.max() > maxval:
        raise PictureError(f"expected samples of at most maxval {maxval}, received {samples.max()}")
    if maxval != 255:
        samples = (samples.astype(np.uint32) * 255 + maxval // 2) // maxval
    return samples.astype(np.uint8).reshape((height, width, 3) if channels == 3 else (height, width))


def _binary_samples(rest: bytes, count: int) -> npt.NDArray[np.unsignedinteger]:
    starts = [end.end() for end in (pattern.match(rest) for pattern in ENDS) if end]
    start = next((start for start in starts if len(rest) - start == count), starts[0])
    _check_count("bytes", len(rest) - start, count)
    return np.frombuffer(rest, np.uint8, offset=start)


def _plain_samples(rest: bytes, count: int) -> npt.NDArray[np.unsignedinteger]:
    if count > MAX_PLAIN:
        raise PictureError(f"expected at most {MAX_PLAIN} samples in a plain file, received {count}: write it as P5 or P6")
    words = re.sub(rb"#[^\n\r]*", b"", rest).split(None, count)  # at most one more, the rest
    _check_count("numbers", len(words), count)
    bad = next((word for word in words if not (word.isdigit() and len(word) <= 5)), None)
    if bad is not None:
        raise PictureError(f"expected samples of at most 5 decimal digits, received {bad[:12].decode('ascii', 'replace')!r}")
    return np.fromiter(map(int, words), np.uint32, count)


def _check_count(unit: str, received: int, expected: int) -> None:
    if received != expected:
        too_long = "more: the file is too long, its sizes are wrong, or it holds several images"
        found = f"{received}: the file is cut short" if received < expected else too_long
        raise PictureError(f"expected {expected} {unit} of samples, received {found}")
