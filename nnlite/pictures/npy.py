r"""Arrays in NumPy's files, .npy: a header in letters, then the numbers.

    "\x93NUMPY"  version  length of the header  header  numbers

The version is 1.0, with a length of two bytes, or 2.0 or 3.0, with four. The header is a Python dictionary:

    {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }

NumPy's own reader parses it as Python source. This reader uses one regular expression, for arrays of numbers only. The three
entries may come in any order, with any white space and either quotes, as NumPy allows.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

import math
import re

import numpy as np

from nnlite.arrays import Array
from nnlite.files.errors import PictureError, reported_as

NPY = b"\x93NUMPY"
MAX_HEADER = 10_000  # bytes, as in NumPy

TYPE = r"[<>|=]?(?:\?|[biuf][0-9]{1,2}|bool|(?:u?int|float)[0-9]{1,2})"  # of Booleans, integers or floats
SIZE = r"(?:0|[1-9][0-9]{0,18})L?"  # Python 2 wrote an L
SIZES = rf"(?:{SIZE}\s*,\s*)+(?:{SIZE}\s*)?"  # (3) is a number, (3,) a shape
ENTRIES = [
    rf"""(?:'descr'|"descr")\s*:\s*(?:'{TYPE}'|"{TYPE}")""",
    r"""(?:'fortran_order'|"fortran_order")\s*:\s*(?:True|False)""",
    rf"""(?:'shape'|"shape")\s*:\s*\(\s*(?:{SIZES}|)\)""",
]
ENTRY = rf"\s*(?:{'|'.join(ENTRIES)})\s*"
HEADER = re.compile(rf"\{{{ENTRY},{ENTRY},{ENTRY}(?:,\s*)?\}} *\n?", re.ASCII)
VALUE = re.compile(r"""(descr|fortran_order|shape)['"]\s*:\s*(True|False|['"(][^'")]*)""")


def parse_npy(data: bytes) -> Array:
    """Return a .npy file's array of Booleans, integers or floats, in this machine's byte order.

    Raises
    ------
    PictureError
        The header is not of this format, or the file has more or fewer bytes than it promises.
    """
    size = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}.get(data[6:8], 0)  # of the header's length
    start = 8 + size + int.from_bytes(data[8 : 8 + size], "little")
    header = data[8 + size : start].decode("latin-1") if start <= 8 + size + MAX_HEADER else ""
    values = dict(VALUE.findall(header))  # three, unless a key stands there twice
    if not (data.startswith(NPY) and HEADER.fullmatch(header) and len(values) == 3):
        raise PictureError("expected a NumPy file of numbers, with a header as numpy.save writes it, received another")
    with reported_as(PictureError, "expected a NumPy file of numbers", TypeError, ValueError):  # no such type or shape
        dtype = np.dtype(values["descr"][1:])
        shape = tuple(map(int, re.findall("[0-9]+", values["shape"])))
        if math.prod(shape) * dtype.itemsize != len(data) - start:
            raise ValueError(f"{dtype} of shape {shape} after the header, received {len(data) - start} bytes")
        elements = np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if values["fortran_order"] == "True" else "C")
        return elements.astype(dtype.newbyteorder("="))
