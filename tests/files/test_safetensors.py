"""The safetensors format: its bytes, and what a reader of strangers' files has to refuse."""

import json
import re

import numpy as np
import pytest

from nnlite.files import FormatError, safetensors
from nnlite.files.safetensors import DTYPES, dumps, loads

# The length of the header, 64, so many bytes of JSON with spaces at their end, and the numbers 1 and -2 as float32.
GOLDEN_ARRAYS = {"ab": np.array([[1], [-2]], np.float32)}
GOLDEN = bytes.fromhex(
    "40000000 00000000 7b226162 223a7b22 64747970 65223a22"
    "46333222 2c227368 61706522 3a5b322c 315d2c22 64617461"
    "5f6f6666 73657473 223a5b30 2c385d7d 7d202020 20202020"
    "0000803f 000000c0"
)  # fmt: skip


def file_of(header, buffer=b""):
    """Return a file with this header, an object for JSON or the bytes themselves."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + buffer


def entry(dtype="U8", shape=(2,), data_offsets=(0, 2), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets, **more}


def assert_equal(received, expected):
    assert list(received) == list(expected)
    for name, array in expected.items():
        assert received[name].dtype == array.dtype.newbyteorder("=")
        assert received[name].shape == array.shape
        assert received[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def sample(dtype):
    """Six elements with the extremes of the dtype."""
    if dtype == np.bool_:
        return np.array([[True, False, True], [False, False, True]])
    if np.issubdtype(dtype, np.floating):
        info = np.finfo(dtype)
        return np.array([[0, -0.0, 1.5], [info.max, info.smallest_subnormal, -np.inf]], dtype)
    info = np.iinfo(dtype)
    return np.array([[0, 1, 2], [info.max, info.min, info.max - 1]], dtype)


# --- what is written


def test_the_bytes_of_a_small_file_are_pinned():
    assert dumps(GOLDEN_ARRAYS) == GOLDEN


def test_the_pinned_bytes_are_read():
    arrays, metadata = loads(GOLDEN)
    assert_equal(arrays, GOLDEN_ARRAYS)
    assert metadata == {}


@pytest.mark.parametrize("name", ["a", "ab", "abc", "abcdefgh"])
def test_the_header_is_padded_with_spaces_so_that_the_buffer_is_aligned(name):
    data = dumps({name: np.zeros(3, np.uint8)})
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    assert data[8:9] == b"{"
    assert re.fullmatch(rb".*\} {0,7}", data[8 : 8 + length])
    assert len(data) == 8 + length + 3


# --- round trips


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_every_dtype_comes_back_bit_for_bit(dtype):
    arrays = {"x": sample(dtype)}
    assert_equal(loads(dumps(arrays))[0], arrays)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">u8", ">f2"])
def test_big_endian_arrays_come_back_as_native_ones(dtype):
    arrays = {"x": sample(np.dtype(dtype).newbyteorder("=")).astype(dtype)}
    assert_equal(loads(dumps(arrays))[0], arrays)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (2, 1, 3), (1,) * 32])
def test_every_shape_comes_back(rng, shape):
    arrays = {"x": np.asarray(rng.standard_normal(shape), np.float32)}
    assert_equal(loads(dumps(arrays))[0], arrays)


@pytest.mark.parametrize(
    "arrange",
    [np.asfortranarray, np.transpose, lambda a: a[::2, ::-1], lambda a: np.broadcast_to(a[0], (3, 6))],
    ids=["fortran", "transposed", "strided", "broadcast"],
)
def test_the_memory_layout_does_not_matter(rng, arrange):
    arrays = {"x": arrange(rng.standard_normal((4, 6)))}
    assert_equal(loads(dumps(arrays))[0], arrays)


@pytest.mark.parametrize("names", [["b", "a", "c"], [""], ["größe", "重み", "🙂"], ['"quoted"\n\\'], ["0.weight", "0.bias"]])
def test_names_come_back_in_their_order(names):
    arrays = {name: np.full(position + 1, position, np.uint8) for position, name in enumerate(names)}
    assert_equal(loads(dumps(arrays))[0], arrays)


@pytest.mark.parametrize("metadata", [{}, {"format": "np"}, {"größe": "🙂", "": ""}])
def test_metadata_come_back(metadata):
    assert loads(dumps({"x": np.zeros(2)}, metadata))[1] == metadata


def test_no_arrays_at_all_come_back():
    assert loads(dumps({})) == ({}, {})


def test_arrays_of_different_sizes_of_element_come_back():
    arrays = {"a": np.arange(3, dtype=np.uint8), "b": np.arange(5.0), "c": np.zeros((0, 4), np.int16), "d": np.arange(2)}
    assert_equal(loads(dumps(arrays))[0], arrays)


def test_arrays_read_are_writable_and_their_own():
    data = dumps({"a": np.zeros(2), "b": np.zeros(2)})
    arrays, _ = loads(data)
    arrays["a"][:] = 7
    assert not arrays["b"].any()
    assert not loads(data)[0]["a"].any()


def test_files_come_back(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3)}
    safetensors.write(tmp_path / "file", arrays, {"key": "value"})
    received, metadata = safetensors.read(tmp_path / "file")
    assert_equal(received, arrays)
    assert metadata == {"key": "value"}


def test_reading_names_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"no")
    with pytest.raises(FormatError, match=r"file: expected .* received 2 bytes"):
        safetensors.read(tmp_path / "file")


def test_reading_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        safetensors.read(tmp_path / "file")


# --- what is not written


@pytest.mark.parametrize("array", [np.zeros(2, complex), np.array(["a"]), np.array([None]), np.zeros(2, "M8[s]")])
def test_other_dtypes_are_refused(array):
    with pytest.raises(ValueError, match=r"safetensors expects a dtype of .*F32.*, received .* for 'x'"):
        dumps({"x": array})


def test_an_array_cannot_take_the_place_of_the_metadata():
    with pytest.raises(ValueError, match="__metadata__"):
        dumps({"__metadata__": np.zeros(2)})


def test_metadata_other_than_strings_are_refused():
    with pytest.raises(ValueError, match="metadata"):
        dumps({"x": np.zeros(2)}, {"epoch": 3})


def test_a_header_that_could_not_be_read_again_is_not_written(monkeypatch):
    arrays = {"x": np.zeros(2)}
    length = int.from_bytes(dumps(arrays, {"key": "value"})[:8], "little")
    monkeypatch.setattr("nnlite.files.safetensors.MAX_HEADER", length)
    assert loads(dumps(arrays, {"key": "value"}))[1] == {"key": "value"}
    with pytest.raises(ValueError, match=rf"at most {length} bytes, received .* of {length + 8}: write several files"):
        dumps(arrays, {"key": "value and more"})


# --- what is not read

BAD_FILES = {
    "empty": (b"", "begins with 8 bytes of length, received 0"),
    "shorter than the length": (b"\x02\0\0\0\0\0\0", "received 7 bytes"),
    "header longer than the file": ((9).to_bytes(8, "little") + b'{"a":1}', "at most 7 bytes, received length 9"),
    "length 2^63": ((2**63).to_bytes(8, "little") + b"{}", "received length 9223372036854775808"),
    "length 2^64 - 1": (b"\xff" * 8 + b"{}", "received length 18446744073709551615"),
    "empty header": (file_of(b""), "header from '{' on"),
    "header begins with a space": (file_of(b" {}"), "header from '{' on"),
    "header is a list": (file_of(b"[]"), "header from '{' on"),
    "header cut short": (file_of(b'{"a":'), "header in JSON"),
    "two objects": (file_of(b"{}{}"), "header in JSON"),
    "padded with zero bytes": (file_of(b"{}\0\0"), "header in JSON"),
    "not UTF-8": (file_of(b'{"\xff":1}'), "header in JSON"),
    "a name twice": (file_of(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'), "duplicate"),
    "a field twice": (file_of(b'{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "duplicate"),
    "nested deeply": (file_of(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "header in JSON"),
    "a number of 5,000 digits": (file_of(b'{"a":' + b"9" * 5000 + b"}"), "header in JSON"),
    "a shape of 5,000 digits": (
        file_of(b'{"a":{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,0]}}'),
        "header in JSON",
    ),
    "entry is a number": (file_of({"a": 1}), "'a': expected dtype, shape and data_offsets"),
    "entry is a list": (file_of({"a": ["U8", [2], [0, 2]]}, b"ab"), "'a': expected dtype, shape and data_offsets"),
    "entry without shape": (file_of({"a": {"dtype": "U8", "data_offsets": [0, 2]}}, b"ab"), "'a': expected dtype, shape"),
    "entry with more": (file_of({"a": entry(stride=[1])}, b"ab"), "'a': expected dtype, shape"),
    "unknown dtype": (file_of({"a": entry("C64")}, b"ab"), "'a': expected a dtype of"),
    "dtype in small letters": (file_of({"a": entry("u8")}, b"ab"), "'a': expected a dtype of"),
    "dtype is a number": (file_of({"a": entry(8)}, b"ab"), "'a': expected a dtype of"),
    "dtype is a list": (file_of({"a": entry(["U8"])}, b"ab"), "'a': expected a dtype of"),
    "negative size": (file_of({"a": entry(shape=[-1, -2])}, b"ab"), "'a': expected shape and data_offsets as lists of sizes"),
    "two sizes of -1": (file_of({"a": entry(shape=[-1, -1], data_offsets=[0, 1])}, b"a"), "'a': expected shape and data_offsets"),
    "float size": (file_of({"a": entry(shape=[2.0])}, b"ab"), "'a': expected shape and data_offsets as lists of sizes"),
    "size is NaN": (file_of({"a": entry(shape=[float("nan")])}, b"ab"), "'a': expected shape and data_offsets"),
    "size is true": (file_of({"a": entry(shape=[True], data_offsets=[0, 1])}, b"a"), "'a': expected shape and data_offsets"),
    "size is a string": (file_of({"a": entry(shape=["2"])}, b"ab"), "'a': expected shape and data_offsets"),
    "shape is a number": (file_of({"a": entry(shape=2)}, b"ab"), "'a': expected shape and data_offsets"),
    "shape is null": (file_of({"a": entry(shape=None)}, b"ab"), "'a': expected shape and data_offsets"),
    "33 dimensions": (file_of({"a": entry(shape=[1] * 32 + [2])}, b"ab"), "'a': expected shape and data_offsets"),
    "one offset": (file_of({"a": entry(data_offsets=[2])}, b"ab"), "'a': expected shape and data_offsets"),
    "three offsets": (file_of({"a": entry(data_offsets=[0, 2, 2])}, b"ab"), "'a': expected shape and data_offsets"),
    "negative offset": (file_of({"a": entry(data_offsets=[-2, 0])}, b"ab"), "'a': expected shape and data_offsets"),
    "float offsets": (file_of({"a": entry(data_offsets=[0.0, 2.0])}, b"ab"), "'a': expected shape and data_offsets"),
    "offsets are true": (file_of({"a": entry(shape=[1], data_offsets=[False, True])}, b"a"), "'a': expected shape and"),
    "offsets backwards": (file_of({"a": entry(data_offsets=[2, 0])}, b"ab"), r"inside a buffer of 2, received offsets \[2, 0\]"),
    "offsets beyond the buffer": (file_of({"a": entry(data_offsets=[1, 3])}, b"ab"), r"buffer of 2, received offsets \[1, 3\]"),
    "size too large for its bytes": (file_of({"a": entry(shape=[3])}, b"ab"), "expected 3 elements of 1 bytes"),
    "size too small for its bytes": (file_of({"a": entry(shape=[1])}, b"ab"), "expected 1 elements of 1 bytes"),
    "element too large for its bytes": (file_of({"a": entry("F32")}, b"ab"), "expected 2 elements of 4 bytes"),
    "enormous size": (file_of({"a": entry(shape=[2**62, 2**62])}, b"ab"), "'a': expected .* elements of 1 bytes"),
    "size 2^63": (file_of({"a": entry(shape=[2**63])}, b"ab"), "'a': expected shape and data_offsets"),
    "enormous size times zero": (
        file_of({"a": entry(shape=[0, 2**62, 2**62], data_offsets=[0, 0])}),
        "a shape that an array can have",
    ),
    "overlap": (
        file_of({"a": entry(data_offsets=[0, 2]), "b": entry(data_offsets=[1, 3])}, b"abc"),
        "received one at 1, the last ended at 2",
    ),
    "the same bytes twice": (file_of({"a": entry(), "b": entry()}, b"ab"), "received one at 0, the last ended at 2"),
    "gap": (
        file_of({"a": entry(data_offsets=[0, 2]), "b": entry(data_offsets=[3, 5])}, b"abcde"),
        "received one at 3, the last ended at 2",
    ),
    "gap at the start": (file_of({"a": entry(data_offsets=[1, 3])}, b"abc"), "received one at 1, the last ended at 0"),
    "trailing bytes": (file_of({"a": entry()}, b"abc"), "expected a buffer of 2 bytes, received 3"),
    "trailing bytes without arrays": (file_of({}, b"a"), "expected a buffer of 0 bytes, received 1"),
    "metadata is a string": (file_of({"__metadata__": "x"}), "__metadata__ to map strings to strings"),
    "metadata is null": (file_of({"__metadata__": None}), "__metadata__ to map strings to strings"),
    "metadata is a list": (file_of({"__metadata__": ["x"]}), "__metadata__ to map strings to strings"),
    "metadata holds a number": (file_of({"__metadata__": {"x": 1}}), "__metadata__ to map strings to strings"),
    "metadata holds an object": (file_of({"__metadata__": {"x": {}}}), "__metadata__ to map strings to strings"),
    "bool that is neither 0 nor 1": (file_of({"a": entry("BOOL")}, b"\x01\x02"), "'a': "),
}


@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused(data, message):
    with pytest.raises(FormatError, match=message):
        loads(data)


def small_file():
    arrays = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "flag": np.array([True, False]), "n": np.array(7)}
    return dumps(arrays, {"key": "value"})


def test_every_truncation_is_refused():
    data = small_file()
    loads(data)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            loads(data[:length])


def test_a_flipped_bit_gives_an_error_or_valid_arrays():
    """2,000 files with one to three wrong bits; some are still valid, with other numbers or names."""
    rng, good = np.random.default_rng(7), small_file()
    refused = 0
    for _ in range(2000):
        data = bytearray(good)
        for bit in rng.integers(0, 8 * len(data), rng.integers(1, 4)):
            data[bit // 8] ^= 1 << (bit % 8)
        try:
            arrays, metadata = loads(bytes(data))
        except FormatError:
            refused += 1
            continue
        assert all(type(value) is str for pair in metadata.items() for value in pair)
        length = int.from_bytes(data[:8], "little")
        assert sum(array.nbytes for array in arrays.values()) == len(data) - 8 - length
        for array in arrays.values():
            assert array.dtype.type in DTYPES.values()
            assert array.dtype != np.bool_ or array.view(np.uint8).max(initial=0) <= 1
    assert 0 < refused < 2000


# --- the reference implementation


@pytest.fixture
def reference():
    """The functions of the safetensors package, which need not be installed."""
    return pytest.importorskip("safetensors.numpy")


def every_kind():
    arrays = {name: sample(dtype) for name, dtype in DTYPES.items()}
    return {**arrays, "empty": np.zeros((0, 3), np.float32), "scalar": np.array(1.5), "größe": np.arange(3)}


def test_the_package_reads_what_is_written_here(reference):
    arrays = every_kind()
    received = reference.load(dumps(arrays))
    assert_equal({name: received[name] for name in arrays}, arrays)
    assert len(received) == len(arrays)


def test_what_the_package_writes_is_read_here(reference):
    arrays = every_kind()
    received, metadata = loads(reference.save(arrays, metadata={"format": "np"}))
    assert_equal({name: received[name] for name in arrays}, arrays)
    assert len(received) == len(arrays)
    assert metadata == {"format": "np"}


def test_the_package_reads_the_metadata_written_here(reference, tmp_path):
    safe_open = pytest.importorskip("safetensors").safe_open
    safetensors.write(tmp_path / "file", {"x": np.zeros(2)}, {"größe": "🙂"})
    with safe_open(tmp_path / "file", "np") as file:
        assert file.metadata() == {"größe": "🙂"}
