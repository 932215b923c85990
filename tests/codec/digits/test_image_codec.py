"""The image codec: images to bytes and back at every quality, and no bytes that could pass for others."""

import hashlib
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from pages import ROOT
from tiny_codec import LATENTS, SIDE, blobs, tiny_codec

from nnlite import Dense, Flatten, Reshape, Sequential
from nnlite.codec import container
from nnlite.codec.digits.class_prior import CLASSES, ClassPrior
from nnlite.codec.digits.decoding import to_bytes
from nnlite.codec.digits.image_codec import BUILT_IN, ImageCodec
from nnlite.codec.frequency_tables import FrequencyTables
from nnlite.datasets import load_mnist
from nnlite.files import safetensors
from nnlite.files.errors import CodecError
from nnlite.metrics import mse, psnr

QUALITIES = range(3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The file of the tiny codec."""
    path = tmp_path_factory.mktemp("codec") / "tiny.safetensors"
    tiny_codec().save(path)
    return path


@pytest.fixture
def codec(saved):
    """The tiny codec as its file has it, an object of this test's own."""
    return ImageCodec.load(saved)


@pytest.fixture(scope="module")
def images():
    return blobs(200, seed=9)


def changed(saved, path, **arrays):
    """Return the codec of a file in which some arrays are others, or missing if None."""
    stored, metadata = safetensors.read(saved)
    stored.update(arrays)
    safetensors.write(path, {name: array for name, array in stored.items() if array is not None}, metadata)
    return ImageCodec.load(path)


def forged(codec, payload=b"", **header):
    """Return a file with a valid checksum but whatever header and payload."""
    return container.pack(payload, model_hash=codec.hash, **{"quality": 0, "count": 1, "height": SIDE, "width": SIDE, **header})


# --- there and back


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("count", [1, 2, 200])
def test_as_many_images_come_back_as_bytes_of_the_same_size(codec, images, quality, count):
    decoded = codec.decompress(codec.compress(images[:count], quality))
    assert decoded.dtype == np.uint8
    assert decoded.shape == (count, SIDE, SIDE)


@pytest.mark.parametrize("quality", QUALITIES)
def test_what_comes_back_resembles_what_was_compressed(codec, images, quality):
    decoded = codec.decompress(codec.compress(images, quality))
    mean = np.broadcast_to(np.rint(images.mean(axis=0)).astype(np.uint8), images.shape)
    assert psnr(mse(decoded, images)) > psnr(mse(mean, images)) + 3


def test_a_higher_quality_takes_more_bytes_and_errs_less(codec, images):
    files = [codec.compress(images, quality) for quality in QUALITIES]
    assert sorted(files, key=len) == files and len({len(file) for file in files}) == 3
    errors = [mse(codec.decompress(file), images) for file in files]
    assert sorted(errors, reverse=True) == errors


def test_few_bytes_do(codec, images):
    assert len(codec.compress(images, 2)) < 0.1 * images.nbytes


def test_decoding_is_the_decoder_applied_to_the_quantised_latents(codec, images):
    latents = np.rint(codec.encoder.predict(images) * codec.gain[1]) / codec.gain[1]
    expected = 255 * codec.decoder.predict(latents)  # by a BLAS, which may round otherwise
    assert np.abs(codec.decompress(codec.compress(images, 1)) - expected).max() < 0.501


def test_one_image_may_come_without_its_batch_axis(codec, images):
    assert codec.compress(images[0], 1) == codec.compress(images[:1], 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_give_the_bytes_of_the_integers_they_stand_for(codec, images, dtype):
    assert codec.compress((images / 255).astype(dtype), 1) == codec.compress(images, 1)


def test_floats_of_black_and_white_are_taken_and_those_just_beyond_are_not(codec):
    pixels = np.zeros((1, SIDE, SIDE), np.float32)
    pixels[0, 0] = 1
    assert codec.compress(pixels, 1) == codec.compress((255 * pixels).astype(np.uint8), 1)
    for beyond in (np.nextafter(np.float32(1), np.float32(2)), np.nextafter(np.float32(0), np.float32(-1))):
        pixels[0, 0, 0] = beyond
        with pytest.raises(CodecError, match="values outside"):
            codec.compress(pixels, 1)


def test_images_need_not_be_contiguous(codec, images):
    turned = images.swapaxes(1, 2)[::2]
    assert codec.compress(turned, 1) == codec.compress(np.ascontiguousarray(turned), 1)


def test_the_images_are_not_changed(codec, images):
    before = images.copy()
    codec.compress(images, 1)
    np.testing.assert_array_equal(images, before)


def test_latents_known_already_give_the_same_file(codec, images):
    assert codec.compress_latents(codec.encoder.predict(images), 2) == codec.compress(images, 2)


def test_pixels_are_rounded_and_not_cut_off():
    levels = np.arange(256)
    floats = np.concatenate([(levels - 0.49) / 255, (levels + 0.49) / 255, [-3, 3]])
    expected = np.concatenate([levels, levels, [0, 255]])
    pixels = to_bytes(floats)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


# --- one image of many


@pytest.mark.parametrize("indices", [[0], [199], [7, 3, 3, 150], list(range(200)), []])
def test_chosen_images_are_those_of_the_whole_batch_in_the_order_asked_for(codec, images, indices):
    data = codec.compress(images, 2)
    chosen = codec.decompress(data, indices)
    assert chosen.shape == (len(indices), SIDE, SIDE)
    np.testing.assert_array_equal(chosen, codec.decompress(data)[indices])


def test_the_pixels_of_images_not_chosen_are_not_computed(codec, images, monkeypatch):
    data = codec.compress(images, 2)
    decoded = []
    monkeypatch.setattr("nnlite.codec.digits.decoding.to_bytes", lambda pixels: (decoded.append(len(pixels)), to_bytes(pixels))[1])
    codec.decompress(data, [17, 4])
    assert decoded == [2]


@pytest.mark.parametrize("quality", [0, 8, 15])
def test_an_image_alone_has_the_bytes_that_it_has_among_others(mnist_codec, digits, quality):
    data = mnist_codec.compress(digits[:300], quality)
    every = mnist_codec.decompress(data)
    for indices in ([0], [299], [5, 7], list(range(63)), list(range(64)), list(range(65)), list(range(299, -1, -1))):
        np.testing.assert_array_equal(mnist_codec.decompress(data, indices), every[indices])
    np.testing.assert_array_equal(np.concatenate([mnist_codec.decompress(data, [index]) for index in range(100)]), every[:100])


DECODE = """
import hashlib, sys
from nnlite.codec.digits.image_codec import ImageCodec
print(hashlib.sha256(ImageCodec.load().decompress(sys.stdin.buffer.read())).hexdigest())
"""


def test_another_number_of_threads_gives_the_same_bytes(mnist_codec, digits):
    data = mnist_codec.compress(digits[:130], 0)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", DECODE]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}, input=data, capture_output=True, check=True)
    assert done.stdout.decode().strip() == hashlib.sha256(mnist_codec.decompress(data)).hexdigest()


@pytest.mark.parametrize("index", [-1, 200, 10**12, True, 1.0])
def test_an_index_outside_the_batch_is_refused(codec, images, index):
    with pytest.raises(CodecError, match=f"expected an index from 0 to 199, received {index}"):
        codec.decompress(codec.compress(images, 0), [3, index])


# --- overhead


@pytest.mark.parametrize(("count", "overhead"), [(1, 12), (200, 24), (5000, 24)])
def test_the_header_is_all_there_is_beside_the_coded_symbols(codec, count, overhead):
    images = blobs(count, seed=4)
    latents = codec.encoder.predict(images)
    symbols = np.rint(latents * codec.gain[1]).astype(np.int32)
    payload = codec.prior.encode(symbols, codec.prior.choose(latents), 1)
    assert len(codec.compress(images, 1)) - len(payload) <= overhead


def test_the_file_is_within_a_thousandth_of_the_cross_entropy(codec, images):
    latents = codec.encoder.predict(images)
    symbols = np.rint(latents * codec.gain[2]).astype(np.int32)
    bits = codec.prior.cross_entropy(symbols, codec.prior.choose(latents), 2)
    assert 8 * len(codec.compress(images, 2)) <= 1.001 * bits + 8 * (24 + 2)


# --- what cannot be compressed


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((2, 28, 28), np.uint8), "trained for grey images of 8 × 8 pixels, received 28 × 28 pixels"),
        (np.zeros((10, 12, 3), np.uint8), r"trained for grey images of 8 × 8 pixels, received an array of shape \(10, 12, 3\)"),
        (np.zeros((2, 8, 7), np.uint8), "received 8 × 7 pixels"),
        (np.zeros((8, 7), np.uint8), "received 8 × 7 pixels"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"grey images of 8 × 8 pixels, received an array of shape \(2, 8, 8, 3\)"),
        (np.zeros(64, np.uint8), r"received an array of shape \(64,\)"),
        (np.zeros((), np.uint8), r"received an array of shape \(\)"),
        (np.zeros((0, 8, 8), np.uint8), "expected at least one image, received an empty batch"),
        (np.zeros((1, 8, 8), np.int64), r"expected uint8 images, or floats in \[0, 1\], received int64"),
        (np.zeros((1, 8, 8), bool), "received bool"),
        (np.zeros((1, 8, 8), complex), "received complex128"),
        (np.zeros((1, 8, 8), "U3"), "received <U3"),
        (np.full((1, 8, 8), np.nan), "received NaN or values outside: divide by the value of white"),
        (np.full((1, 8, 8), np.inf), "received NaN or values outside"),
        (np.full((1, 8, 8), 255.0), "received NaN or values outside"),
        (np.full((1, 8, 8), -0.01), "received NaN or values outside"),
    ],
)
def test_arrays_that_are_no_such_images_are_refused(codec, bad, message):
    with pytest.raises(CodecError, match=message):
        codec.compress(bad, 0)


def test_latents_of_no_image_are_refused(codec, images):
    with pytest.raises(CodecError, match="expected one picture or more of one pixel or more, received 0 of 8 × 8"):
        codec.compress_latents(codec.encoder.predict(images)[:0], 0)


def test_one_bad_pixel_is_enough(codec, images):
    floats = images / 255
    floats[150, 7, 7] = np.nan
    with pytest.raises(CodecError, match="NaN"):
        codec.compress(floats, 0)


def test_images_may_be_lists_and_what_is_none_gets_its_sentence(codec, images):
    assert codec.compress((images[:2] / 255).tolist(), 0) == codec.compress(images[:2], 0)
    with pytest.raises(CodecError, match=r"expected uint8 images, .* received object"):
        codec.compress(None, 0)


@pytest.mark.parametrize("quality", [-1, 3, 100, True, 1.0])
def test_a_quality_that_the_codec_does_not_have_is_refused(codec, images, quality):
    with pytest.raises(CodecError, match=f"expected a quality from 0 to 2, a whole number, received {quality}"):
        codec.compress(images, quality)


def test_an_encoder_of_something_else_than_images_makes_no_codec(codec):
    with pytest.raises(ValueError, match=r"ImageCodec expects an encoder of images \(height, width\), received one of \(64,\)"):
        ImageCodec(Sequential(codec.encoder.layers[1:]), codec.decoder, codec.gain, codec.prior)


def test_a_decoder_to_anything_else_than_the_encoders_images_makes_no_codec(codec):
    flat = Sequential(codec.decoder.layers[:-1])
    weights = [weight.copy() for weight in codec.encoder.get_weights()]
    with pytest.raises(ValueError, match=r"expected a decoder to images of 8 × 8 pixels, received one to \(64,\)"):
        ImageCodec(codec.encoder, flat, codec.gain, codec.prior)
    with pytest.raises(ValueError, match=r"Dense expects \(N, 64\), received \(N, 6\)"):
        ImageCodec(codec.encoder, codec.encoder, codec.gain, codec.prior)
    assert all(map(np.array_equal, codec.encoder.get_weights(), weights))


def test_images_that_come_back_as_something_else_are_refused_and_the_first_is_named(codec, images):
    codec.check_known(images, codec.compress(images, 2))
    strange = images.copy()
    strange[[5, 9]] = 255 - strange[[5, 9]]
    error = psnr(mse(codec.decompress(codec.compress(strange, 2), [5]), strange[[5]]))
    with pytest.raises(CodecError, match=f"2 of 200 that come back .*, the first is image 5 with {error:.1f} dB: if they .*invert"):
        codec.check_known(strange, codec.compress(strange, 2))


# --- damage


@pytest.fixture
def small_file(codec, images):
    return codec.compress(images[:3], 2)


def refused(codec, data):
    with pytest.raises(CodecError) as caught:
        codec.decompress(data)
    assert str(caught.value) and "\n" not in str(caught.value)


def test_a_file_cut_short_anywhere_is_refused(codec, small_file):
    for length in range(len(small_file)):
        refused(codec, small_file[:length])


def test_a_file_with_any_bit_flipped_is_refused(codec, small_file):
    for bit in range(8 * len(small_file)):
        flipped = bytearray(small_file)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(codec, bytes(flipped))


@pytest.mark.parametrize("extra", [b"\0", b"\0" * 1000, b"more"])
def test_a_file_with_bytes_behind_it_is_refused(codec, small_file, extra):
    refused(codec, small_file + extra)


@pytest.mark.parametrize(
    "header", [{"height": 7}, {"width": 9}, {"height": 4, "width": 16}, {"height": 2**14, "width": 2**14}, {"quality": 3}]
)
def test_a_file_of_other_images_or_qualities_is_refused_although_its_checksum_is_right(codec, header):
    with pytest.raises(CodecError, match="expected images of 8 × 8 at quality 0 to 2, received"):
        codec.decompress(forged(codec, bytes(100), **header))


def test_a_file_that_promises_millions_of_images_is_refused(codec):
    refused(codec, forged(codec, bytes(1000), count=container.MAX_PIXELS // SIDE**2))


@pytest.mark.parametrize("payload", [b"\xff" * 7, b"\xff" * 40, b"\x00" * 40, bytes(range(200))])
def test_a_payload_of_anything_gives_images_or_a_codec_error(codec, payload):
    for quality in QUALITIES:
        try:
            decoded = codec.decompress(forged(codec, payload, count=5, quality=quality))
        except CodecError:
            continue
        assert decoded.dtype == np.uint8 and decoded.shape == (5, SIDE, SIDE)


# --- the codec as a file


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_codec_that_was_saved_gives_the_bytes_and_the_pixels_of_the_one_in_memory(codec, quality):
    trained, images = tiny_codec(), blobs(1000, seed=12)
    assert codec.hash == trained.hash
    data = trained.compress(images, quality)
    assert codec.compress(images, quality) == data
    np.testing.assert_array_equal(codec.decompress(data), trained.decompress(data))


def test_saving_a_loaded_codec_gives_the_same_file(codec, saved, tmp_path):
    codec.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_a_codec_knows_its_size(codec):
    assert (codec.image_shape, codec.qualities, codec.gain.shape) == ((SIDE, SIDE), 3, (3, LATENTS))


def other(codec, name):
    """Return an array of the codec's file with one element changed a little."""
    array = codec._arrays()[name].copy()
    array.reshape(-1)[0] += 1 if array.dtype.kind in "iu" else np.spacing(array.reshape(-1)[0])
    return array


@pytest.mark.parametrize("name", ["decoder.0.weight", "decoder.2.bias", "gain", "prior.table", "prior.shift", "prior.minimum"])
def test_a_codec_that_decodes_otherwise_refuses_the_file(codec, saved, small_file, tmp_path, name):
    with np.errstate(over="ignore"):
        another = changed(saved, tmp_path / "other", **{name: other(codec, name)})
    assert another.hash != codec.hash
    with pytest.raises(CodecError, match="model"):
        another.decompress(small_file)


@pytest.mark.parametrize("name", ["encoder.1.weight", "encoder.3.bias", "prior.class_centre", "prior.class_precision"])
def test_a_codec_that_only_encodes_otherwise_reads_the_file(codec, saved, small_file, tmp_path, name):
    another = changed(saved, tmp_path / "other", **{name: other(codec, name)})
    np.testing.assert_array_equal(another.decompress(small_file), codec.decompress(small_file))


DAMAGES = {  # what is wrong with an array of the file, by name and damage
    "missing": lambda array: None,
    "scalar": lambda array: array.reshape(-1)[0],
    "short": lambda array: array[1:],
    "empty": lambda array: array[:0],
    "infinite": lambda array: np.full(array.shape, np.inf, array.dtype if array.dtype.kind == "f" else np.float32),
}
ARRAYS = ["encoder.1.weight", "encoder.3.weight", "encoder.3.bias", "decoder.0.weight", "decoder.2.weight", "decoder.2.bias"]
ARRAYS += ["image_shape", "gain", *(f"prior.{name}" for name in ("minimum", "frequencies", "table", "shift"))]
ARRAYS += ["prior.class_centre", "prior.class_precision"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_codec_whose_arrays_do_not_fit_together_is_refused(codec, saved, tmp_path, name, damage):
    with pytest.raises(CodecError, match="expected a codec file: ") as caught:
        changed(saved, tmp_path / "damaged", **{name: DAMAGES[damage](codec._arrays()[name])})
    assert str(caught.value).startswith(str(tmp_path / "damaged")) and "\n" not in str(caught.value)


def test_weights_that_hold_nothing_cannot_ask_for_gigabytes(codec, saved, tmp_path):
    wide = {"decoder.0.weight": np.zeros((LATENTS, 2**17), np.float16), "decoder.2.weight": np.zeros((0, 2**40), np.float16)}
    with pytest.raises(CodecError, match="expected decoder weights that follow one another, received"):
        changed(saved, tmp_path / "damaged", **wide)


def test_more_tables_than_a_byte_can_name_are_refused_before_they_are_built(codec, saved, tmp_path):
    tables = {"prior.minimum": np.zeros(257, np.int32), "prior.frequencies": np.full((257, 2), 2**15, np.uint16)}
    with pytest.raises(CodecError, match="at most 256 tables, received 257"):
        changed(saved, tmp_path / "damaged", **tables)


def test_as_many_tables_as_a_byte_can_name_are_taken(codec, saved, tmp_path):
    rows = np.resize(np.arange(len(codec.prior.tables)), 256)
    tables = {"prior.minimum": codec.prior.tables.minimum[rows], "prior.frequencies": codec.prior.tables.frequencies[rows]}
    assert len(changed(saved, tmp_path / "many", **tables).prior.tables) == 256


@pytest.mark.parametrize("latents", [3, 4, 5])
def test_as_many_latents_as_pixels_are_taken_and_one_more_is_not(latents):
    prior = ClassPrior(
        FrequencyTables(np.array([0], np.int32), np.array([[2**15, 2**15]], np.uint16)),
        np.zeros((1, CLASSES, latents), np.uint8),
        np.zeros((1, CLASSES, latents), np.int16),
        np.zeros((CLASSES, latents), np.float32),
        np.ones((CLASSES, latents), np.float32),
    )
    rng = np.random.default_rng(1)
    encoder = Sequential([Flatten(), Dense(4, latents, rng=rng)], (2, 2))
    decoder = Sequential([Dense(latents, 4, rng=rng), Reshape((2, 2))], (latents,))
    gain = np.ones((1, latents), np.float32)
    if latents <= 4:
        assert ImageCodec(encoder, decoder, gain, prior).gain.shape == (1, latents)
    else:
        with pytest.raises(ValueError, match="expected an encoder to 5 latents, no more than pixels"):
            ImageCodec(encoder, decoder, gain, prior)


def test_numbers_that_overflow_in_the_decoder_are_a_codec_error(saved, tmp_path, codec, images):
    gain = np.full((3, LATENTS), 1e-40, np.float32)
    weight = np.where(codec._arrays()["decoder.0.weight"] > 0, np.float16(60000), np.float16(-60000))
    strange = changed(saved, tmp_path / "strange", **{"gain": gain, "decoder.0.weight": weight})
    payload = strange.prior.encode(np.full((1, LATENTS), 1000, np.int32), np.zeros(1, np.uint8), 0)
    with pytest.raises(CodecError, match="expected finite pixels, received NaN: the codec's numbers make no sense"):
        strange.decompress(container.pack(payload, model_hash=strange.hash, quality=0, count=1, height=SIDE, width=SIDE))


def test_latents_that_no_integer_can_hold_are_a_codec_error(saved, tmp_path, images):
    strange = changed(saved, tmp_path / "strange", gain=np.full((3, LATENTS), 1e38, np.float32))
    with pytest.raises(CodecError, match="expected latents that are finite and not huge"):
        strange.compress(images, 0)


def test_latents_up_to_the_largest_int32_come_back_and_those_beyond_are_refused(saved, tmp_path):
    codec = changed(saved, tmp_path / "fine", gain=np.full((3, LATENTS), 2, np.float32))
    latents = np.zeros((1, LATENTS), np.float32)
    for sign in (-1, 1):
        latents[0, 3] = sign * np.nextafter(np.float32(2**30), np.float32(0))
        payload = container.parse(codec.compress_latents(latents, 0), codec.hash)[1]
        assert codec.prior.decode(payload, 1, 0)[0, 3] == sign * (2**31 - 128)
    for beyond in (2**30, -(2**30), np.inf, np.nan):
        latents[0, 3] = beyond
        with pytest.raises(CodecError, match="expected latents that are finite and not huge"):
            codec.compress_latents(latents, 0)


def test_many_images_are_those_decoded_one_block_after_the_other(codec, images, monkeypatch):
    data = codec.compress(images, 1)
    expected = codec.decompress(data)
    monkeypatch.setattr("nnlite.codec.digits.decoding.BLOCK", 16)
    np.testing.assert_array_equal(codec.decompress(data), expected)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("gain", np.zeros((3, LATENTS), np.float32)),
        ("gain", np.full((3, LATENTS), -1, np.float32)),
        ("gain", np.ones((3, LATENTS), np.uint8)),
        ("prior.table", np.full((3, 256, LATENTS), 255, np.uint8)),
        ("prior.table", np.zeros((3, 256, LATENTS), np.float64)),
        ("prior.shift", np.zeros((3, 256, LATENTS), np.float64)),
        ("prior.class_precision", np.zeros((256, LATENTS), np.float32)),
        ("decoder.2.bias", np.zeros(SIDE * SIDE, np.float32)),  # more digits than the codec's hash would know of
        ("image_shape", np.array([-SIDE, -SIDE], np.int32)),
        ("image_shape", np.array([1, SIDE * SIDE, 1], np.int32)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype}-{value.flat[0]:g}",
)
def test_a_codec_whose_values_make_no_sense_is_refused(saved, tmp_path, name, array):
    with pytest.raises(CodecError, match="expected a codec file: "):
        changed(saved, tmp_path / "damaged", **{name: array})


def test_a_codec_file_cut_short_anywhere_is_refused(saved, tmp_path):
    data = saved.read_bytes()
    for length in [*range(0, 64), *range(64, len(data), len(data) // 50), len(data) - 1]:
        (tmp_path / "short").write_bytes(data[:length])
        with pytest.raises(CodecError, match="short: "):
            ImageCodec.load(tmp_path / "short")


def test_a_file_of_other_arrays_is_no_codec(tmp_path):
    safetensors.write(tmp_path / "model", {"0.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(CodecError, match="model: expected a codec file: expected the format 'nnlite image codec 1', received None"):
        ImageCodec.load(tmp_path / "model")


def test_a_codec_of_a_later_format_is_refused(saved, tmp_path):
    safetensors.write(tmp_path / "later", safetensors.read(saved)[0], {"format": "nnlite image codec 2"})
    with pytest.raises(CodecError, match="received 'nnlite image codec 2'"):
        ImageCodec.load(tmp_path / "later")


def test_a_codec_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        ImageCodec.load(tmp_path / "nothing")


# --- the codec that comes with the package

MNIST_CODEC = BUILT_IN / "mnist.safetensors"
built_in = pytest.mark.skipif(not MNIST_CODEC.exists(), reason="the codec for MNIST has not been trained yet")
GOLDEN_HASH = "4eeec80ecaf94916f7a64cbf14f64b3d307964a875969a4aecf7c4dfea30a096"  # SHA-256 of what decoding with it needs
GOLDEN_FILE = "ce614ee001093daa031c1cbee0c8ae9946594b9bc0a7"  # the first three test images at quality 0
GOLDEN_SYMBOLS = 3434131999  # CRC-32 of their symbols as little-endian int32


@pytest.fixture(scope="module")
def mnist_codec():
    if os.environ.get("NUMBA_DISABLE_JIT"):
        pytest.skip("hundreds of images take minutes without the compiler")
    return ImageCodec.load()


@pytest.fixture(scope="module")
def digits():
    return load_mnist().test_images


@built_in
def test_the_built_in_codec_is_one_of_mnist(mnist_codec):
    assert mnist_codec.image_shape == (28, 28)
    assert 6 <= mnist_codec.qualities <= container.QUALITIES
    assert MNIST_CODEC.stat().st_size < 8_000_000


@built_in
def test_the_built_in_codec_gives_digits_back_at_every_quality(mnist_codec, digits):
    files = [mnist_codec.compress(digits[:300], quality) for quality in range(mnist_codec.qualities)]
    errors = [mse(mnist_codec.decompress(file), digits[:300]) for file in files]
    assert np.all(np.diff([len(file) for file in files]) > 0)
    assert np.all(np.diff(errors) < 0)
    assert psnr(errors[0]) > 17


@built_in
@pytest.mark.parametrize(("limit", "decibels"), [(18.0, 24.8), (11.0, 22.8)])
def test_the_built_in_codec_is_as_good_as_promised_on_the_test_images(mnist_codec, digits, limit, decibels):
    latents = mnist_codec.encoder.predict(digits)
    files = [mnist_codec.compress_latents(latents, quality) for quality in range(mnist_codec.qualities)]
    best = max((file for file in files if len(file) <= limit * len(digits)), key=len)
    assert psnr(mse(mnist_codec.decompress(best), digits)) >= decibels


@built_in
def test_the_built_in_codec_is_the_one_that_made_its_files(mnist_codec):
    assert mnist_codec.hash.hex() == GOLDEN_HASH


@built_in
def test_a_golden_file_of_the_built_in_codec_is_read_for_ever(mnist_codec, digits):
    data = bytes.fromhex(GOLDEN_FILE)
    header, payload = container.parse(data, mnist_codec.hash)
    symbols = mnist_codec.prior.decode(payload, header.count, header.quality)
    assert zlib.crc32(symbols.astype("<i4").tobytes()) == GOLDEN_SYMBOLS
    assert psnr(mse(mnist_codec.decompress(data), digits[:3])) > 15
