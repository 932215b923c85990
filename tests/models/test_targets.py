"""Only x, and a y that is x, are images: labels and codes are numbers, through whichever door they come in."""

import numpy as np
import pytest

from nnlite import Autoencoder, Dense, Flatten, Reshape, Sequential, Sigmoid, gradcheck, lbfgs
from nnlite.datasets import one_hot
from nnlite.gradcheck import gradcheck_loss
from nnlite.losses import MeanSquaredError, SoftmaxCrossEntropyWithLogits
from nnlite.optimizers import SGD, Adam
from nnlite.training import checks
from nnlite.training.batches import Batches


def classifier(loss="softmax_cross_entropy"):
    model = Sequential([Flatten(), Dense(16, 4, rng=np.random.default_rng(5))], input_shape=(4, 4))
    model.compile(Adam(0.01), loss)
    return model


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (64, 4, 4), dtype=np.uint8)


@pytest.fixture
def labels(images):
    """Which quarter of an image is the brightest."""
    quarters = images.reshape(64, 2, 2, 2, 2).mean(axis=(2, 4)).reshape(64, 4)
    return quarters.argmax(axis=1)


def encoded(labels, dtype):
    return one_hot(labels, 4).astype(dtype)


def trained(x, y, **options):
    model = classifier()
    options = {"epochs": 3, "batch_size": 8, "rng": np.random.default_rng(1), "verbose": False, **options}
    history = model.fit(x, y, **options).history
    return [weight.tobytes() for weight in model.get_weights()], history


def test_one_hot_labels_of_bytes_train_as_those_of_floats(images, labels):
    validation = [(images, encoded(labels, dtype)) for dtype in (np.uint8, np.float32)]
    of_bytes = trained(images, encoded(labels, np.uint8), validation_data=validation[0])
    of_floats = trained(images, encoded(labels, np.float32), validation_data=validation[1])
    assert of_bytes == of_floats
    assert of_bytes[1]["loss"][0] > 1  # 0.005 if the targets were divided by 255


def test_labels_of_bytes_are_learnt(images, labels):
    model = classifier()
    model.fit(images, encoded(labels, np.uint8), epochs=200, batch_size=8, rng=np.random.default_rng(1), verbose=False)
    assert np.mean(model.predict(images).argmax(axis=1) == labels) > 0.95


def test_the_targets_of_an_evaluation_are_numbers(images, labels):
    model = classifier()
    assert model.evaluate(images, encoded(labels, np.uint8)) == model.evaluate(images, encoded(labels, np.float32)) > 1


def test_class_numbers_of_bytes_are_numbers(images, labels):
    """A y (N, 1) of MNIST's own dtype means 0 … 3, not 0 … 3/255."""
    losses = []
    for dtype in (np.uint8, np.float32):
        model = Sequential([Flatten(), Dense(16, 1, rng=np.random.default_rng(5))])
        model.compile(SGD(0.1), "mse")
        y = labels[:, None].astype(dtype)
        losses.append((model.evaluate(images, y), model.fit(images, y, shuffle=False, verbose=False).history))
    assert losses[0] == losses[1]


def test_lbfgs_takes_the_same_targets_as_fit(images, labels):
    results = [lbfgs.fit(classifier(), images, encoded(labels, dtype), iterations=3) for dtype in (np.uint8, np.float32)]
    assert results[0] == results[1]
    model = classifier()
    assert results[0][0] == pytest.approx(model.evaluate(images, encoded(labels, np.uint8)), rel=1e-6)


def test_a_gradient_check_takes_the_same_images_and_targets_as_fit(images, labels, rng, monkeypatch):
    seen = []

    class Sees(MeanSquaredError):
        def value_and_gradient(self, prediction, target):
            seen.append((prediction.copy(), target.copy()))
            return super().value_and_gradient(prediction, target)

    model = classifier()
    y = encoded(labels, np.uint8)[:3]
    gradcheck(model, images[:3], rng=rng, loss=Sees(), target=y, directions=2)
    np.testing.assert_allclose(seen[0][0], model.predict(images[:3]), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(seen[0][1], y)
    gradcheck_loss(SoftmaxCrossEntropyWithLogits(), rng.standard_normal((3, 4)), y, rng=rng)


@pytest.mark.parametrize(
    "make", [lambda x: x, lambda x: x.view(), lambda x: x.copy(), lambda x: x[:]], ids=["x", "view", "copy", "slice"]
)
def test_a_y_that_is_x_or_equals_it_is_scaled_as_x(images, make):
    x, t = Batches(images, make(images)).take(np.arange(5))
    np.testing.assert_array_equal(x, t)
    assert t.max() <= 1


def test_with_augmentation_a_y_that_is_x_stays_the_clean_image(images):
    def noisy(x, rng):
        return np.zeros_like(x)

    seen = []

    class Sees(MeanSquaredError):
        def value_and_gradient(self, prediction, target):
            seen.append(target.copy())
            return super().value_and_gradient(prediction, target)

    layers = [Flatten(), Dense(16, 16, rng=np.random.default_rng(0)), Reshape((4, 4))]
    model = Sequential(layers)
    loss = Sees()
    model.compile(SGD(0.1), loss)
    model.fit(images, images, augment=noisy, shuffle=False, rng=np.random.default_rng(0), batch_size=64, verbose=False)
    np.testing.assert_allclose(seen[0], images / 255, rtol=1e-6)


@pytest.mark.parametrize("x_dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(64, 4, 4), (64, 16), (64, 8, 8), (64, 4, 4, 3)], ids=str)
def test_bytes_that_may_be_clean_images_are_refused_as_targets(images, shape, x_dtype, rng):
    x = images if x_dtype == np.uint8 else (images / 255).astype(np.float32)
    y = rng.integers(0, 256, shape, dtype=np.uint8)
    message = r"y of uint8 .* may be images or numbers: divide images by 255, or pass x itself; .* y\.astype\('float32'\)"
    with pytest.raises(ValueError, match=message):
        Batches(x, y)
    t = Batches(x, (y / 255).astype(np.float32)).take(np.arange(3))[1]
    np.testing.assert_allclose(t, y[:3] / 255, rtol=1e-6)


def test_masks_of_0_and_1_in_the_shape_of_the_images_are_numbers(images):
    t = Batches(images, (images > 100).astype(np.uint8)).take(np.arange(64))[1]
    np.testing.assert_array_equal(t, images > 100)


def test_codes_of_bytes_are_numbers(rng, images):
    model = Autoencoder([Flatten(), Dense(16, 3, rng=rng)], [Dense(3, 16, rng=rng), Sigmoid(), Reshape((4, 4))], input_shape=(4, 4))
    codes = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    expected = model.decode(codes.astype(np.float32))
    np.testing.assert_array_equal(model.decode(codes), expected)
    np.testing.assert_array_equal(model.decoder.predict(codes), expected)
    np.testing.assert_array_equal(model[2:].predict(codes), expected)
    np.testing.assert_array_equal(model[1:][1:].predict(codes), expected)
    with pytest.raises(
        ValueError, match=r"uint8 \(numbers\) or of floats, received int64 .*: convert it with x\.astype\('float32'\)$"
    ):
        model.decode(codes.astype(np.int64))


def test_images_are_images_to_the_encoder_and_behind_a_flatten(rng, images):
    model = Autoencoder([Flatten(), Dense(16, 3, rng=rng)], [Dense(3, 16, rng=rng), Reshape((4, 4))], input_shape=(4, 4))
    scaled = (images / 255).astype(np.float32)
    for codes in (
        model.encode(images),
        model.encoder.predict(images),
        model[:2].predict(images),
        model[1:2].predict(images.reshape(64, 16)),
    ):
        np.testing.assert_allclose(codes, model.encode(scaled), atol=1e-5)


def test_bytes_of_0_and_1_are_scaled_as_all_bytes_are():
    dark = np.eye(4, dtype=np.uint8).reshape(1, 4, 4).repeat(8, axis=0)
    assert Batches(dark).take(np.arange(8))[0].max() == np.float32(1 / 255)
    assert Batches(dark.astype(np.float32)).take(np.arange(8))[0].max() == 1


@pytest.mark.parametrize("use", ["fit", "evaluate", "validation_data", "lbfgs"])
def test_whoever_trains_or_measures_on_dark_bytes_hears_that_they_are_scaled(use, rng):
    dark, grey = np.ones((8, 4), np.uint8), rng.integers(2, 256, (8, 4), dtype=np.uint8)
    model = Autoencoder([Dense(4, 2, rng=rng)], [Dense(2, 4, rng=rng)])
    model.compile()
    message = r"x of uint8 holds only 0 and 1, .* 1/255: give x\.astype\('float32'\) for numbers 0 and 1"
    model.predict(dark)  # what it was trained on has been said
    model.evaluate(0 * dark)  # black images are black
    with pytest.warns(UserWarning, match=message) as record:
        if use == "lbfgs":
            lbfgs.fit(model, dark, iterations=1)
        elif use == "validation_data":
            model.fit(grey, validation_data=dark, shuffle=False, verbose=False)
        else:
            getattr(model, use)(dark, **({"shuffle": False, "verbose": False} if use == "fit" else {}))
    assert record[0].filename == __file__


@pytest.mark.parametrize("integers", [np.int64, np.int32, np.uint16, np.int16])
def test_the_advice_for_images_of_other_integers_leads_to_scaled_images(images, integers):
    x = images.astype(integers)
    with pytest.raises(ValueError) as refusal:
        Batches(x)
    advice = "(x / 255).astype('float32')"
    assert f"convert images with {advice}, other numbers with x.astype('float32')" in str(refusal.value)
    followed = Batches(eval(advice, {"x": x})).take(np.arange(64))[0]
    np.testing.assert_allclose(followed, Batches(images).take(np.arange(64))[0], rtol=1e-6)


def test_the_advice_for_images_of_16_bits_leads_to_scaled_images(images):
    x = images.astype(np.uint16) * 257
    with pytest.raises(ValueError, match=r"received uint16 .*: convert images with \(x / 65535\)\.astype\('float32'\), other"):
        Batches(x)
    np.testing.assert_allclose((x / 65535).astype("float32"), Batches(images).take(np.arange(64))[0], rtol=1e-6)


@pytest.mark.parametrize("integers", [np.int64, np.int32, np.int8])
def test_labels_of_other_integers_are_told_to_become_rows(integers):
    labels = np.array([2, 0, 1], integers)
    with pytest.raises(ValueError) as refusal:
        Batches(np.ones((3, 2), np.float32), labels)
    message = (
        f"of uint8 (numbers) or of floats, received {labels.dtype} of shape (3,): make rows of labels with one_hot(y, classes)"
    )
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("of other numbers with y[:, None].astype('float32')")
    column = (
        r"shape \(3, 1\): make rows of labels with one_hot\(y\[:, 0\], classes\), of other numbers with y\.astype\('float32'\)$"
    )
    with pytest.raises(ValueError, match=column):
        Batches(np.ones((3, 2), np.float32), labels[:, None])


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_labels_before_a_loss_of_rows_are_told_to_become_rows(shape, rng):
    model = Sequential([Dense(4, 3, rng=rng)])
    model.compile("sgd", "softmax_cross_entropy")
    with pytest.raises(
        ValueError, match=r"received prediction \(6, 3\) and target \(6,.*: make rows of labels with one_hot\(y, cl"
    ):
        model.evaluate(np.ones((6, 4), np.float32), np.zeros(shape, np.uint8))


def test_the_advice_is_as_good_where_a_layer_gives_it(images, rng):
    x = images.reshape(64, 16)
    for layer in (Dense(16, 2, rng=rng), Sigmoid()):
        with pytest.raises(ValueError, match=r"received uint8: convert images with \(x / 255\)\.astype\('float32'\)"):
            layer.forward(x)


def test_numbers_that_are_no_pixels_are_told_to_be_converted():
    for x in (np.array([[0, 1]]), np.array([[-3, 200]]), np.array([[0, 999]]), np.array([[True, False]])):
        with pytest.raises(ValueError, match=r": convert it with x\.astype\('float32'\)$"):
            Batches(x)


@pytest.mark.parametrize("float_dtype", [np.float32, np.float64])
def test_pixels_as_floats_that_nobody_has_scaled_are_noticed(images, float_dtype):
    model = Sequential([Flatten(), Dense(16, 16, rng=np.random.default_rng(0)), Reshape((4, 4))])
    model.compile()
    with pytest.warns(UserWarning, match=r"^x holds whole numbers up to 25\d: divide them by 255 if they are pixels"):
        model.evaluate(images.astype(float_dtype))
    with pytest.warns(UserWarning, match=r"^y holds whole numbers up to 25\d: divide them by 255 if they are pixels"):
        model.fit(images, images.astype(float_dtype), shuffle=False, verbose=False)
    model.evaluate(images.astype(float_dtype) / 255)
    checks.warn_of_scale(images, images[:, 0, :1].astype(float_dtype))  # counts


def test_targets_of_uint8_beside_single_numbers_are_numbers():
    x, y = np.ones((4, 1), np.float32), np.array([[0], [7], [200], [2]], np.uint8)
    assert Batches(x, y).take(np.arange(4))[1].tolist() == [[0], [7], [200], [2]]


def test_codes_of_uint8_are_numbers_to_a_decoder_by_itself(rng):
    model = Autoencoder([Flatten()], [Dense(3, 3, rng=rng)])  # whose code has the numbers of the image
    codes = np.array([[0, 1, 200]], np.uint8)
    np.testing.assert_array_equal(model.decoder.predict(codes), model.decoder.predict(codes.astype(np.float32)))


def one_row(row):
    """Targets of which the third sample's are these, with what is said of them."""
    return np.float32([[0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25], row, row])


@pytest.mark.parametrize("compiled", [None, False])
@pytest.mark.parametrize("door", ["fit", "validation_data", "evaluate", "lbfgs"])
@pytest.mark.parametrize(
    ("row", "received"),
    [
        ([2, 0, 0, 0], "sum to 2, the least 0"),
        ([1, 1, 0, 0], "sum to 2, the least 0"),
        ([-1, 2, 0, 0], "sum to 1, the least -1"),
        ([0, 0, 0, 0], "sum to 0, the least 0"),
        ([0.96, 0, 0, 0], "sum to 0.96, the least 0"),
        ([0.52, 0.52, 0, 0], "sum to 1.04, the least 0"),
    ],
)
def test_targets_of_softmax_cross_entropy_that_are_no_distribution_are_warned_of(door, row, received, compiled, rng):
    model = Sequential([Dense(4, 4, rng=rng)])
    model.compile("adam", "softmax_cross_entropy", compiled=compiled)
    x, good, bad = rng.random((4, 4), np.float32), one_row([0, 0, 0, 1]), one_row(row)
    doors = {
        "fit": lambda: model.fit(x, bad, rng=rng, verbose=False),
        "validation_data": lambda: model.fit(x, good, validation_data=(x, bad), rng=rng, verbose=False),
        "evaluate": lambda: model.evaluate(x, bad),
        "lbfgs": lambda: lbfgs.fit(model, x, bad, iterations=1),
    }
    expected = (
        f"softmax cross-entropy expects targets that are probabilities and sum to 1, received in sample 2 numbers that {received}"
    )
    with pytest.warns(UserWarning, match=expected) as warned:
        doors[door]()
    assert len(warned) == 1
    if door in ("fit", "evaluate"):
        assert warned[0].filename == __file__


@pytest.mark.parametrize("row", [[0.98, 0, 0, 0], [0.34, 0.33, 0.35, 0], [0, 0, 1, 0], [0.1, 0.2, 0.3, 0.4]])
def test_targets_of_softmax_cross_entropy_may_be_rounded_or_spread(row, rng):
    classifier().fit(rng.random((4, 4, 4), np.float32), one_row(row), rng=rng, verbose=False)


def test_targets_of_other_losses_need_not_be_distributions(rng):
    classifier("mse").fit(rng.random((4, 4, 4), np.float32), one_row([-1, 5, 0, 0]), rng=rng, verbose=False)
