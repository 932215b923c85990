"""What holds for every array: whatever its layout in memory, byte order and size, and there and back through every file."""

import io
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from tiny_codec import SIDE, blobs, tiny_codec

from nnlite import Autoencoder, Dense, Flatten, ReLU, Reshape, Sequential, Sigmoid, load_weights, save_weights
from nnlite.files import safetensors
from nnlite.losses import LOSSES
from nnlite.metrics import mse, ssim
from nnlite.pictures import write_images
from nnlite.pictures.picture_files import parse_images

properties = settings(derandomize=True, deadline=None, max_examples=40)

LAYOUTS = {
    "c": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "inside": lambda a: np.pad(a, [(1, 1)] * a.ndim)[(slice(1, -1),) * a.ndim],
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),  # and read-only
}
layouts = pytest.mark.parametrize("layout", LAYOUTS)


def autoencoder(dtype=np.float32, seed=3):
    rng = np.random.default_rng(seed)
    encoder = [Flatten(), Dense(12, 3, rng=rng, dtype=dtype), ReLU()]
    return Autoencoder(encoder, [Dense(3, 12, rng=rng, dtype=dtype), Sigmoid(), Reshape((3, 4))], (3, 4))


@layouts
@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float32, np.float64])
def test_the_layout_of_the_data_changes_no_bit_of_a_prediction_an_evaluation_or_a_training(rng, layout, kind, dtype):
    x = rng.integers(0, 256, (7, 3, 4)).astype(kind) / (1 if kind == np.uint8 else 256)
    x = x.astype(kind)
    results = []
    for data in (x, LAYOUTS[layout](x)):
        before = data.tobytes()
        model = autoencoder(dtype)
        predicted, codes = model.predict(data), model.encode(data)
        model.compile("adam", "mse")
        evaluated = model.evaluate(data)
        model.fit(data, epochs=2, batch_size=3, rng=np.random.default_rng(4), verbose=False)
        assert predicted.dtype == codes.dtype == dtype
        results.append([predicted.tobytes(), codes.tobytes(), evaluated, *(weight.tobytes() for weight in model.get_weights())])
        assert data.tobytes() == before  # what is read is not written
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_no_samples_at_all_have_no_predictions_and_one_sample_has_its_own(rng, kind):
    model, x = autoencoder(), rng.integers(0, 2, (5, 3, 4)).astype(kind)
    assert model.predict(x[:0]).shape == (0, 3, 4) and model.encode(x[:0]).shape == (0, 3)
    for i in range(5):
        np.testing.assert_allclose(model.predict(x[i : i + 1]), model.predict(x)[i : i + 1], rtol=1e-5)


@layouts
@pytest.mark.parametrize("name", LOSSES)
def test_the_layout_of_prediction_and_target_changes_a_loss_by_no_more_than_rounding(rng, name, layout, dtype):
    if layout == "byte-swapped":
        return  # the data's byte order ends where it becomes a batch
    prediction, target = (rng.uniform(0.1, 0.9, (6, 5)).astype(dtype) for _ in range(2))
    expected, gradient = LOSSES[name]().value_and_gradient(prediction, target)
    value, other = LOSSES[name]().value_and_gradient(LAYOUTS[layout](prediction), LAYOUTS[layout](target))
    assert value == pytest.approx(expected, rel=8 * float(np.finfo(dtype).eps))
    np.testing.assert_allclose(other, gradient, rtol=8 * float(np.finfo(dtype).eps))


@layouts
def test_the_layout_of_images_changes_no_metric(rng, layout):
    a, b = (rng.integers(0, 256, (3, 16, 16), dtype=np.uint8) for _ in range(2))
    assert mse(LAYOUTS[layout](a), LAYOUTS[layout](b)) == mse(a, b)
    assert np.mean(ssim(LAYOUTS[layout](a), LAYOUTS[layout](b))) == pytest.approx(np.mean(ssim(a, b)), rel=1e-12)


@layouts
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_layout_of_images_changes_no_byte_of_the_compressed_file(layout, kind):
    images = blobs(5, seed=3)
    data = images if kind == np.uint8 else (images / 255).astype(kind)
    assert tiny_codec().compress(LAYOUTS[layout](data), 1) == tiny_codec().compress(images, 1)


# --- there and back

DTYPES = st.sampled_from([np.dtype(dtype).newbyteorder(order) for dtype in safetensors.DTYPES.values() for order in "<>"])
any_array = DTYPES.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))


@properties
@given(
    st.dictionaries(st.text().filter(lambda name: name != "__metadata__"), any_array, max_size=4), st.sampled_from(list(LAYOUTS))
)
def test_arrays_of_any_name_dtype_shape_and_layout_come_back_bit_for_bit(stored, layout):
    loaded, _ = safetensors.loads(
        safetensors.dumps({name: LAYOUTS[layout](a) if a.ndim and a.size else a for name, a in stored.items()})
    )
    assert list(loaded) == list(stored)
    for name, array in stored.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert loaded[name].dtype == native.dtype and loaded[name].shape == native.shape
        assert loaded[name].tobytes() == native.tobytes()


@properties
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 2**32), st.sampled_from([np.float32, np.float64]))
def test_weights_of_any_network_come_back_bit_for_bit(tmp_path_factory, widths, seed, dtype):
    path = tmp_path_factory.mktemp("weights") / "weights"

    def network(seed):
        rng = np.random.default_rng(seed)
        return Sequential([Dense(a, b, rng=rng, dtype=dtype) for a, b in pairwise(widths)])

    saved, loaded = network(seed), network(seed + 1)
    save_weights(saved, path)
    load_weights(loaded, path)
    for a, b in zip(saved.get_weights(), loaded.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@properties
@given(arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(SIDE), st.just(SIDE))), st.integers(0, 2), st.data())
def test_any_images_come_back_from_the_codec_in_their_number_and_as_bytes(images, quality, data):
    codec = tiny_codec()
    compressed = codec.compress(images, quality)
    restored = codec.decompress(compressed)
    assert (restored.dtype, restored.shape) == (np.uint8, images.shape)
    index = data.draw(st.integers(0, len(images) - 1))
    np.testing.assert_array_equal(codec.decompress(compressed, [index]), restored[[index]])
    assert codec.compress(images, quality) == compressed


@properties
@given(
    arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)),
    st.sampled_from(["a.npy", "a-ubyte", "a-ubyte.gz"]),
)
def test_any_images_come_back_from_a_file_of_each_kind(tmp_path_factory, images, name):
    path = tmp_path_factory.mktemp("images") / name
    write_images(path, images, force=False)
    np.testing.assert_array_equal(parse_images(path.read_bytes()), images)


@properties
@given(any_array)
def test_any_array_of_numbers_comes_back_from_a_npy_file(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    loaded = parse_images(buffer.getvalue())
    assert loaded.dtype == array.dtype.newbyteorder("=") and loaded.shape == array.shape
    assert loaded.tobytes() == array.astype(loaded.dtype).tobytes()
