"""Batches: rows of a data set as floats."""

import numpy as np
import pytest

from nnlite.training.batches import Batches


def test_bytes_are_divided_by_255(dtype):
    images = np.arange(256, dtype=np.uint8).reshape(64, 2, 2)
    batch = Batches(images, dtype=dtype).take(np.arange(64))[0]
    assert batch.dtype == dtype
    np.testing.assert_allclose(batch, np.arange(256).reshape(64, 2, 2) / 255, rtol=2 * np.finfo(dtype).eps)
    assert batch.min() == 0
    assert batch.max() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_sample_that_is_not_finite_is_named(rng, bad):
    x, y = rng.random((6, 2, 2)), rng.random((6, 3))
    assert Batches(x, y).where_not_finite() is None
    y[4, 2] = y[5, 0] = bad
    assert Batches(x, y).where_not_finite() == "NaN or infinity, first in sample 4 of y: leave it out or replace it"
    x[5, 1, 0] = bad
    assert Batches(x, y).where_not_finite() == "NaN or infinity, first in sample 5 of x: leave it out or replace it"


@pytest.mark.parametrize("source_dtype", [np.float16, np.float32, np.float64])
def test_floats_keep_their_values(rng, dtype, source_dtype):
    data = rng.standard_normal((6, 3)).astype(source_dtype)
    batch = Batches(data, dtype=dtype).take(np.array([4, 0]))[0]
    assert batch.dtype == dtype
    assert np.array_equal(batch, data[[4, 0]].astype(dtype))


def test_lists_of_numbers_are_arrays_too(dtype):
    x, y = Batches([[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]], dtype).take(np.array([1]))
    assert (x.dtype, x.tolist(), y.dtype, y.tolist()) == (dtype, [[3, 4]], dtype, [[6]])


@pytest.mark.parametrize("data", [np.arange(24, dtype=np.uint8), np.arange(24.0)], ids=["bytes", "floats"])
@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 2, 2), (6, 2, 1, 2)])
def test_batches_have_the_shape_of_the_samples(data, shape):
    samples = data[: np.prod(shape)].reshape(shape)
    source = Batches(samples, dtype=np.float32)
    assert len(source) == 6
    assert source.take(np.array([1, 5, 5]))[0].shape == (3, *shape[1:])
    assert source.take(np.array([], np.int64))[0].shape == (0, *shape[1:])


@pytest.mark.parametrize("dtype_in", [np.uint8, np.float32])
def test_indices_may_come_in_any_order_and_repeat(rng, dtype_in):
    data = rng.integers(0, 100, (9, 4)).astype(dtype_in)
    source, scale = Batches(data, dtype=np.float64), 255 if dtype_in == np.uint8 else 1
    for indices in ([8, 0, 3], [1, 1], list(range(9)), [5]):
        np.testing.assert_allclose(source.take(np.array(indices))[0], data[indices] / scale, rtol=1e-15)


@pytest.mark.parametrize("dtype_in", [np.uint8, np.float32])
def test_batches_are_written_over_the_one_before(dtype_in):
    source = Batches(np.arange(8, dtype=dtype_in).reshape(4, 2), dtype=np.float32)
    first = source.take(np.array([0, 1]))[0]
    second = source.take(np.array([3]))[0]
    assert np.shares_memory(first, second)
    assert np.array_equal(first[0], second[0])


@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a[::-1][::-1]])
@pytest.mark.parametrize("dtype_in", [np.uint8, np.float32])
def test_the_memory_layout_does_not_matter(rng, arrange, dtype_in):
    data = rng.integers(0, 100, (5, 2, 3)).astype(dtype_in)
    batch = Batches(arrange(data), dtype=np.float32).take(np.arange(5))[0].copy()
    assert np.array_equal(batch, Batches(data, dtype=np.float32).take(np.arange(5))[0])


@pytest.mark.parametrize("dtype_in", [np.uint8, np.float32])
@pytest.mark.parametrize("take", [lambda rows: rows[0][None], lambda rows: rows[::2][:1], lambda rows: rows[::2, :1][:1]])
def test_the_row_of_a_single_sample_has_the_stride_of_its_numbers(take, dtype_in):
    rows = Batches(take(np.zeros((3, 5), dtype_in))).rows["x"]
    assert rows.strides == (rows.shape[1] * rows.itemsize, rows.itemsize)


@pytest.mark.parametrize("dtype_in", [np.uint8, np.float32])
def test_the_data_are_not_changed_and_may_be_read_only(dtype_in):
    data = np.arange(8, dtype=dtype_in).reshape(4, 2)
    data.flags.writeable = False
    batch = Batches(data, dtype=np.float32).take(np.array([2]))[0]
    batch[:] = 7
    assert np.array_equal(data, np.arange(8).reshape(4, 2))


@pytest.mark.parametrize("data", [np.zeros((2, 3), np.int64), np.zeros((2, 3), bool), np.float32(1)])
def test_other_data_are_refused_by_name(data):
    with pytest.raises(ValueError, match=rf"^y is expected .* received {data.dtype} .*y\.astype\('float32'\)"):
        Batches(np.zeros((2, 3)), data)


def test_complex_numbers_are_refused_without_the_advice_to_drop_a_half():
    with pytest.raises(ValueError, match=r"^y is expected to be an array of numbers, received an array of complex128$"):
        Batches(np.zeros((2, 3)), np.zeros((2, 3), complex))


def test_without_targets_the_samples_are_their_own():
    x, t = Batches(np.arange(6.0).reshape(3, 2)).take(np.array([2, 0]))
    assert x is t


def test_samples_given_as_targets_too_are_gathered_on_their_own():
    data = np.arange(6.0).reshape(3, 2)
    x, t = Batches(data, data).take(np.array([2, 0]))
    assert np.array_equal(x, t)
    assert not np.shares_memory(x, t)


def test_as_many_targets_as_samples_are_needed():
    with pytest.raises(ValueError, match="as many targets as inputs, received x of 3 and y of 2"):
        Batches(np.zeros((3, 1)), np.zeros((2, 1)))


@pytest.mark.parametrize(("count", "sizes"), [(7, [3, 3, 1]), (6, [3, 3]), (2, [2]), (0, [0])])
def test_every_sample_is_in_one_batch(rng, count, sizes):
    batches = Batches(np.zeros((count, 1)))
    for order in (None, rng):
        cut = list(batches.cut(3, order))
        assert [len(indices) for indices in cut] == sizes
        assert sorted(np.concatenate(cut)) == list(range(count))


def test_batches_are_cut_in_the_order_of_the_samples_or_of_the_generator():
    batches = Batches(np.zeros((100, 1)))
    assert np.array_equal(np.concatenate(list(batches.cut(7))), np.arange(100))
    shuffled = np.concatenate(list(batches.cut(7, np.random.default_rng(1))))
    assert np.array_equal(shuffled, np.random.default_rng(1).permutation(100))


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ValueError, match="batch_size of at least 1, received 0"):
        next(Batches(np.zeros((3, 1))).cut(0))
