"""NumPy's files: whatever header NumPy itself reads, and nothing that is no array of numbers."""

import io
import warnings

import numpy as np
import pytest

from nnlite import PictureError
from nnlite.pictures.npy import parse_npy

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def npy(header, version=1):
    text = header.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + IMAGES.tobytes()


def numpy_reads(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers by Python 2
        return np.load(io.BytesIO(data), allow_pickle=False)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize(
    "array", [IMAGES, np.asfortranarray(IMAGES / 3), IMAGES[0, 0], np.array(1.5), np.zeros((0, 3)), IMAGES > 5]
)
def test_all_versions_of_the_format_are_read(version, array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    read = parse_npy(buffer.getvalue())
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


HEADERS = [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }\n",
    "{'shape': (2, 3, 4), 'fortran_order': False, 'descr': '|u1'}",
    "{'fortran_order': False, 'shape': (2, 3, 4,), 'descr': '|u1', }      \n",
    "{'fortran_order':False,'descr':'u1','shape':(2,3,4)}\n",
    '{"descr": "<u1", "shape": (2, 3, 4), "fortran_order": False}\n',
    "{ 'descr' : '=u1' ,\n 'fortran_order' : True ,\n 'shape' : ( 2 , 3 , 4 ) }\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L, 4L), }\n",
    "{'descr': 'uint8', 'fortran_order': False, 'shape': (24,)}\n",
    "{'descr': '>i2', 'fortran_order': False, 'shape': (3, 4)}\n",
    "{'descr': 'float32', 'fortran_order': False, 'shape': (6,)}\n",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("version", [1, 2])
def test_any_spelling_of_the_header_is_read_as_numpy_reads_it(header, version):
    data = npy(header, version=version)
    read, expected = parse_npy(data), numpy_reads(data)
    assert read.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, expected)


OTHERS = [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24)}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': [24]}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (-24,)}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24.0,)}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (,)}\n",
    "{'descr': '|u1', 'fortran_order': 0, 'shape': (24,)}\n",
    "{'descr': '|u1', 'fortran_order': False}\n",
    "{'descr': '|u1', 'fortran_order': False, 'fortran_order': False}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24,), 'x': 1}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24,),,}\n",
    "{'descr': '|u1\", 'fortran_order': False, 'shape': (24,)}\n",
    "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}\n",
    "{'descr': '|V24', 'fortran_order': False, 'shape': (1,)}\n",
    "{'descr': '<U6', 'fortran_order': False, 'shape': (1,)}\n",
    "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (24,)}\n",
    "{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}\n",
    "{'descr': '<u3', 'fortran_order': False, 'shape': (8,)}\n",
    "{'descr': 'int7', 'fortran_order': False, 'shape': (8,)}\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24,)} # a comment\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (24,)}" + 10_000 * " ",
]


@pytest.mark.parametrize("header", OTHERS)
def test_what_is_no_array_of_numbers_is_refused(header):
    with pytest.raises(PictureError, match="expected a NumPy file of numbers"):
        parse_npy(npy(header, version=2))


@pytest.mark.parametrize("version", [0, 4, 255])
def test_other_versions_are_refused(version):
    with pytest.raises(PictureError, match="expected a NumPy file of numbers"):
        parse_npy(npy(HEADERS[0], version=version))


@pytest.mark.parametrize("start", [b"\x93NUMPX", b"\x92NUMPY", b"\0" * 6])
def test_other_first_bytes_are_refused(start):
    with pytest.raises(PictureError, match="expected a NumPy file of numbers"):
        parse_npy(start + npy(HEADERS[0])[6:])


def test_a_file_cut_short_or_too_long_is_refused():
    data = npy(HEADERS[1], version=3)
    for length in range(len(data)):
        with pytest.raises(PictureError, match="expected a NumPy file of numbers"):
            parse_npy(data[:length])
    with pytest.raises(PictureError, match=r"uint8 of shape \(2, 3, 4\) after the header, received 25 bytes"):
        parse_npy(data + b"\0")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("length", [255, 256, 10_000])
def test_a_header_of_any_length_up_to_the_longest_is_read(version, length):
    np.testing.assert_array_equal(parse_npy(npy(HEADERS[1].ljust(length - 1) + "\n", version)), IMAGES)


def test_a_longer_header_is_refused_as_numpy_does():
    data = npy(HEADERS[1].ljust(10_000) + "\n", version=2)
    with pytest.raises(PictureError, match="expected a NumPy file of numbers"):
        parse_npy(data)
    with pytest.raises(ValueError, match="Header info length"):
        numpy_reads(data)
