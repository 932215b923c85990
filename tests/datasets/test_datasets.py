"""MNIST as it comes with the package, and IDX files of others."""

import gzip
import hashlib
import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import nnlite
from nnlite.datasets import DatasetError, first_of_each, load_idx, load_idx_folder, load_mnist, one_hot, parse_idx

MNIST = Path(nnlite.__file__).parent / "datasets" / "data"
SHA256 = {  # of the uncompressed files, as published
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # of the labels 0 to 9
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


def idx(array):
    """Return the bytes of an IDX file."""
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small_set(rng):
    """Return the four arrays of a data set of 3 training and 2 test images of 4 x 5."""
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (3, 4, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.array([7, 0, 9], np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (2, 4, 5), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.array([1, 2], np.uint8),
    }


def write_set(folder, arrays, zipped=()):
    for name, array in arrays.items():
        if name in zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


# --- MNIST


def test_mnist_has_the_known_shapes(mnist):
    assert [array.shape for array in mnist] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]


def test_mnist_is_writable_bytes_of_its_own(mnist):
    for array in mnist:
        assert array.dtype == np.uint8
        assert array.flags.writeable
        assert array.flags.owndata or array.base.flags.owndata
        assert array.flags.c_contiguous


@pytest.mark.parametrize(("field", "counts"), [("train_labels", TRAIN_COUNTS), ("test_labels", TEST_COUNTS)])
def test_mnist_has_the_known_number_of_each_digit(mnist, field, counts):
    assert np.bincount(getattr(mnist, field)).tolist() == counts


@pytest.mark.parametrize("name", SHA256)
def test_the_packed_files_are_the_published_ones(name):
    assert hashlib.sha256(gzip.decompress((MNIST / f"{name}.gz").read_bytes())).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", SHA256)
def test_the_notice_states_the_hashes(name):
    assert f"| {name} | {SHA256[name]} |" in (MNIST / "NOTICE.md").read_text()


# --- folders


@pytest.mark.parametrize("zipped", [[], list(SHA256), list(SHA256)[1:3]], ids=["plain", "gzipped", "mixed"])
def test_a_folder_may_hold_plain_and_gzipped_files(tmp_path, rng, zipped):
    arrays = small_set(rng)
    write_set(tmp_path, arrays, zipped)
    for path in (tmp_path, str(tmp_path)):
        for received, expected in zip(load_idx_folder(path), arrays.values(), strict=True):
            assert np.array_equal(received, expected)
            assert received.dtype == np.uint8
            assert received.flags.writeable


@pytest.mark.parametrize("name", SHA256)
def test_a_missing_file_is_named(tmp_path, rng, name):
    write_set(tmp_path, small_set(rng))
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match=rf"{re.escape(str(tmp_path))}: expected a file {name} or {name}\.gz"):
        load_idx_folder(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / "nowhere"))):
        load_idx_folder(tmp_path / "nowhere")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, rng):
    write_set(tmp_path, small_set(rng))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "train-labels-idx1-ubyte").mkdir()
    with pytest.raises(DatasetError, match="train-labels-idx1-ubyte"):
        load_idx_folder(tmp_path)


@pytest.mark.parametrize("split", ["train", "t10k"])
def test_images_and_labels_of_different_number_are_refused(tmp_path, rng, split):
    arrays = small_set(rng)
    arrays[f"{split}-labels-idx1-ubyte"] = np.zeros(5, np.uint8)
    write_set(tmp_path, arrays)
    with pytest.raises(DatasetError, match=rf"received [23] in {split}-images-idx3-ubyte and 5 in {split}-labels-idx1-ubyte"):
        load_idx_folder(tmp_path)


def test_training_and_test_images_of_different_size_are_refused(tmp_path, rng):
    write_set(tmp_path, {**small_set(rng), "t10k-images-idx3-ubyte": np.zeros((2, 5, 4), np.uint8)})
    with pytest.raises(DatasetError, match=r"images of one size, received \(4, 5\) and \(5, 4\)"):
        load_idx_folder(tmp_path)


@pytest.mark.parametrize("name", SHA256)
def test_an_error_inside_a_file_names_the_file(tmp_path, rng, name):
    write_set(tmp_path, small_set(rng))
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / name))):
        load_idx_folder(tmp_path)


# --- single files

GOOD = b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef"
BAD_FILES = {
    "empty": (b"", "with two zero bytes first"),
    "three bytes": (b"\0\0\x08", "with two zero bytes first"),
    "wrong magic": (b"\x89PNG\r\n\x1a\n", "with two zero bytes first, received '89 50 4e 47'"),
    "type of floats": (GOOD[:2] + b"\x0d" + GOOD[3:], r"type 0x08 \(unsigned bytes\), received type 0x0d"),
    "no dimensions": (b"\0\0\x08\0a", r"1 to 4 dimension\(s\), received 0"),
    "five dimensions": (b"\0\0\x08\x05" + 5 * b"\0\0\0\x01" + b"a", r"1 to 4 dimension\(s\), received 5"),
    "255 dimensions": (b"\0\0\x08\xff" + GOOD[4:], r"1 to 4 dimension\(s\), received 255"),
    "no sizes": (GOOD[:4], "header of 12 bytes, received a file of 4"),
    "half a size": (GOOD[:10], "header of 12 bytes, received a file of 10"),
    "no elements": (GOOD[:12], "2 × 3 = 6 bytes after the header, received 0: the file is cut short"),
    "one element missing": (GOOD[:-1], "2 × 3 = 6 bytes after the header, received 5: the file is cut short"),
    "one byte more": (GOOD + b"g", "2 × 3 = 6 bytes after the header, received more: the file is too long"),
    "sizes of zero": (GOOD[:4] + bytes(8) + GOOD[12:], "0 × 0 = 0 bytes after the header, received more"),
    "huge sizes and zero": (
        b"\0\0\x08\x03" + 8 * b"\xff" + bytes(4),
        "= 0 bytes after the header, received sizes that no array can",
    ),
    "huge sizes": (b"\0\0\x08\x04" + 16 * b"\xff" + b"a", "bytes after the header, received sizes above the limit of 1073741824"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_its_name(tmp_path, data, message, zipped):
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(DatasetError, match=rf"{re.escape(str(path))}: expected .*{message}"):
        load_idx(path)


@pytest.mark.parametrize("dimensions", [None, 2])
def test_a_good_file_is_read(tmp_path, dimensions):
    (tmp_path / "file").write_bytes(GOOD)
    assert load_idx(tmp_path / "file", dimensions).tolist() == [list(b"abc"), list(b"def")]


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (1,), (2, 3, 4, 5)])
def test_every_shape_of_up_to_four_dimensions_is_read(tmp_path, rng, shape):
    array = rng.integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "file").write_bytes(idx(array))
    received = load_idx(tmp_path / "file")
    assert received.shape == shape
    assert np.array_equal(received, array)


def test_another_number_of_dimensions_than_asked_for_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(GOOD)
    with pytest.raises(DatasetError, match=r"file: expected 3 dimension\(s\), received 2"):
        load_idx(tmp_path / "file", 3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_huge_sizes_allocate_nothing(tmp_path, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(BAD_FILES["huge sizes"][0]))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=" × ".join(["4294967295"] * 4)):
            load_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**24


def test_gzip_is_recognised_by_its_content_and_not_by_its_name(tmp_path):
    (tmp_path / "zipped").write_bytes(gzip.compress(GOOD))
    (tmp_path / "plain.gz").write_bytes(GOOD)
    assert np.array_equal(load_idx(tmp_path / "zipped"), load_idx(tmp_path / "plain.gz"))


ZIPPED = gzip.compress(GOOD, mtime=0)
CORRUPT_GZIP = {
    "header alone": ZIPPED[:2],
    "cut in the header": ZIPPED[:6],
    "cut in the data": ZIPPED[:-12],
    "cut in the checksum": ZIPPED[:-3],
    "unknown method": ZIPPED[:2] + b"\x07" + ZIPPED[3:],
    "bad data": ZIPPED[:10] + b"\xff" * 8 + ZIPPED[18:],
    "bad checksum": ZIPPED[:-8] + bytes([ZIPPED[-8] ^ 1]) + ZIPPED[-7:],
    "bad length": ZIPPED[:-1] + b"\x01",
    "junk behind": ZIPPED + b"junk",
}


@pytest.mark.parametrize("data", CORRUPT_GZIP.values(), ids=CORRUPT_GZIP)
def test_a_corrupt_gzip_is_refused_with_its_name(tmp_path, data):
    (tmp_path / "file.gz").write_bytes(data)
    with pytest.raises(DatasetError, match=r"file\.gz: expected a readable IDX file"):
        load_idx(tmp_path / "file.gz")


def test_a_missing_single_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: expected a readable IDX file"):
        load_idx(tmp_path / "nowhere")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DatasetError, match=re.escape(f"{tmp_path}: expected a readable IDX file")):
        load_idx(tmp_path)


def test_more_bytes_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.datasets.idx.MAX_BYTES", 5)
    (tmp_path / "file.gz").write_bytes(ZIPPED)
    with pytest.raises(DatasetError, match=r"file\.gz: expected 2 × 3 = 6 bytes .*, received sizes above the limit of 5 bytes"):
        load_idx(tmp_path / "file.gz")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_as_many_bytes_as_the_limit_are_read(tmp_path, monkeypatch, pack):
    monkeypatch.setattr("nnlite.datasets.idx.MAX_BYTES", 6)
    (tmp_path / "file").write_bytes(pack(GOOD))
    assert load_idx(tmp_path / "file").tolist() == [list(b"abc"), list(b"def")]


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 6, 7])
def test_the_pieces_in_which_a_file_is_unzipped_do_not_matter(monkeypatch, piece):
    monkeypatch.setattr("nnlite.datasets.idx.PIECE", piece)
    assert parse_idx(gzip.compress(GOOD)).tolist() == [list(b"abc"), list(b"def")]
    with pytest.raises(DatasetError, match="6 bytes after the header, received 5: the file is cut short"):
        parse_idx(gzip.compress(GOOD[:-1]))
    with pytest.raises(DatasetError, match="6 bytes after the header, received more: the file is too long"):
        parse_idx(gzip.compress(GOOD + b"g"))


def test_a_gzip_that_never_ends_is_unzipped_no_further_than_its_header_promises(tmp_path):
    packer = zlib.compressobj(1, wbits=31)
    bomb = [packer.compress(GOOD), *(packer.compress(bytes(2**20)) for _ in range(64)), packer.flush()]
    (tmp_path / "file.gz").write_bytes(b"".join(bomb))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="2 × 3 = 6 bytes after the header, received more"):
            load_idx(tmp_path / "file.gz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**23


# --- one_hot


def test_one_hot_is_one_at_the_label(dtype):
    rows = one_hot(np.array([2, 0, 2], np.uint8), 4, dtype)
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert rows.dtype == dtype


def test_one_hot_is_float32_by_default():
    assert one_hot(np.array([0]), 2).dtype == np.float32


def test_the_first_of_each_label_is_found_in_the_order_of_the_labels():
    assert first_of_each(np.array([7, 3, 7, 0, 3], np.uint8)).tolist() == [3, 1, 0]


def test_one_hot_of_no_labels_has_no_rows():
    assert one_hot(np.array([], np.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "labels from 0 to 2, received 0 to 3"),
        ([-1, 2], "labels from 0 to 2, received -1 to 2"),
        ([0.0, 1.0], r"integer labels of shape \(N,\), received float64"),
        ([[0], [1]], r"integer labels of shape \(N,\), received int64 of shape \(2, 1\)"),
    ],
)
def test_one_hot_refuses_what_are_no_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        one_hot(np.array(labels), 3)
