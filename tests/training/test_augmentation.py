"""Random shifts and flips: images move by whole pixels, black moves in, or are mirrored, and the seed decides."""

import numpy as np
import pytest
import reference

from nnlite import Flatten, RandomFlip, RandomShift, Reshape, Sequential
from nnlite.layers import Dense


def shifts_of(image, pixels):
    """Return every shift of an image by up to so many pixels each way, by the textbook twin."""
    down, right = (grid.ravel() for grid in np.mgrid[-pixels : pixels + 1, -pixels : pixels + 1])
    return reference.shift_images(np.repeat(image[None], len(down), axis=0), down, right)


@pytest.mark.parametrize("pixels", [1, 2])
def test_every_shift_within_reach_occurs_equally_often_and_no_other(rng, dtype, pixels):
    image = rng.random((5, 6)).astype(dtype)
    count = 400 * (2 * pixels + 1) ** 2
    shifted = RandomShift(pixels)(np.repeat(image[None], count, axis=0), rng)
    expected = shifts_of(image, pixels)
    which = (shifted[:, None] == expected).all(axis=(2, 3))  # (N, shifts)
    assert shifted.dtype == dtype
    np.testing.assert_array_equal(which.sum(axis=1), 1)
    np.testing.assert_allclose(which.sum(axis=0), 400, atol=100)


def test_images_of_a_batch_move_independently(rng):
    images = np.repeat(rng.random((1, 5, 6)), 100, axis=0)
    assert len(np.unique(RandomShift(1)(images, rng), axis=0)) > 5


def test_a_shift_beyond_the_image_leaves_black(rng):
    shifted = RandomShift(9)(np.ones((500, 2, 2)), rng)
    assert set(np.unique(shifted)) == {0.0, 1.0}
    assert (shifted == 0).all(axis=(1, 2)).any()


def test_one_seed_gives_one_result_and_the_images_stay_as_they_are(rng):
    images = rng.random((20, 5, 6))
    before = images.copy()
    first, again, other = (RandomShift(1)(images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("pixels", [0, -1])
def test_no_shift_at_all_is_refused(pixels):
    with pytest.raises(ValueError, match=f"RandomShift expects pixels of at least 1, received {pixels}"):
        RandomShift(pixels)


@pytest.mark.parametrize("shape", [(4, 25), (4, 5, 5, 1)])
def test_arrays_that_are_no_images_are_refused(rng, shape):
    with pytest.raises(ValueError, match=r"RandomShift expects images \(N, height, width\), received"):
        RandomShift()(np.zeros(shape), rng)


@pytest.mark.parametrize("augment", [RandomShift(), RandomFlip()])
def test_a_second_call_leaves_the_first_images_alone_since_two_trainings_may_share_the_function(augment, rng):
    first = augment(rng.random((20, 5, 5)), np.random.default_rng(1))
    before = first.copy()
    augment(rng.random((20, 5, 5)), np.random.default_rng(2))
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3)], ids=["grey", "colour"])
def test_half_of_the_images_are_mirrored_and_the_others_stay(rng, dtype, shape):
    image = rng.random(shape).astype(dtype)
    images = np.repeat(image[None], 1000, axis=0)
    flipped = RandomFlip()(images, rng)
    axes = tuple(range(1, images.ndim))
    mirrored = (flipped == image[:, ::-1]).all(axis=axes)
    assert flipped.dtype == dtype
    np.testing.assert_array_equal(mirrored, ~(flipped == image).all(axis=axes))
    np.testing.assert_allclose(mirrored.sum(), 500, atol=80)
    np.testing.assert_array_equal(images, np.repeat(image[None], 1000, axis=0))


def test_one_seed_gives_one_choice_of_flips(rng):
    images = rng.random((50, 2, 3))
    first, again, other = (RandomFlip()(images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("shape", [(4, 25), (4, 5, 5, 1, 1)])
def test_arrays_that_are_no_images_are_not_mirrored(rng, shape):
    with pytest.raises(ValueError, match=r"RandomFlip expects images \(N, height, width\) or \(N, height, width, C\), received"):
        RandomFlip()(np.zeros(shape), rng)


# --- in training


def model(rng):
    model = Sequential([Flatten(), Dense(9, 9, rng=rng), Reshape((3, 3))], input_shape=(3, 3))
    model.compile("sgd", "mse")
    return model


def test_an_autoencoder_is_asked_for_the_shifted_image_itself(rng):
    images = rng.integers(0, 256, (8, 3, 3), dtype=np.uint8)
    batches = []

    class Spy(Flatten):
        def forward(self, x, training=False):
            batches.append(x.copy())
            return super().forward(x, training)

    class Echo(Sequential):
        """A model whose loss is 0 if and only if target and input are one."""

        def forward(self, x, training=False):
            super().forward(x, training)
            return x

    echo = Echo([Spy(), Dense(9, 9, rng=rng), Reshape((3, 3))], input_shape=(3, 3))
    echo.compile("sgd", "mse")
    loss = echo.fit(images, epochs=1, batch_size=8, rng=rng, augment=RandomShift(1), verbose=False).history["loss"]
    assert loss == [0.0]
    seen = np.rint(255 * batches[0])
    assert not np.array_equal(np.sort(seen.ravel()), np.sort(images.ravel())), "nothing has been shifted out of the images"


def test_targets_of_their_own_are_not_shifted(rng):
    x = rng.integers(0, 256, (8, 3, 3), dtype=np.uint8)
    seen = []

    class Loss(type(model(rng).loss)):
        def value_and_gradient(self, prediction, target):
            seen.append(target.copy())
            return super().value_and_gradient(prediction, target)

    trained = model(rng)
    trained.compile("sgd", Loss())
    targets = rng.random((8, 3, 3)).astype(np.float32)
    trained.fit(x, targets, epochs=1, batch_size=8, rng=rng, augment=RandomShift(1), verbose=False)
    np.testing.assert_array_equal(np.sort(seen[0].ravel()), np.sort(targets.ravel()))


@pytest.mark.parametrize("convert", [np.float64, np.ndarray.tolist], ids=["float64", "list"])
def test_numbers_of_another_type_are_trained_on_as_those_of_the_model(convert):
    def trained(augment):
        rng = np.random.default_rng(0)
        twin = model(rng)
        twin.fit(np.arange(72, dtype=np.uint8).reshape(8, 3, 3), rng=rng, augment=augment, verbose=False)
        return twin.get_weights()

    for received, expected in zip(trained(lambda x, rng: convert(x)), trained(lambda x, rng: x), strict=True):
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    "augment, message",
    [
        (lambda x, rng: None, "what augment returns is expected to be an array of numbers, received a NoneType"),
        (lambda x, rng: x[:3], r"augment is expected to return 8 samples, received shape \(3, 3, 3\)"),
        (lambda x, rng: x.sum(), r"augment is expected to return 8 samples, received shape \(\)"),
    ],
)
def test_an_augmentation_that_gives_no_batch_back_is_refused(augment, message, rng):
    with pytest.raises(ValueError, match=message):
        model(rng).fit(np.zeros((8, 3, 3), np.float32), rng=rng, augment=augment, verbose=False)


def test_augmentation_needs_a_generator(rng):
    with pytest.raises(ValueError, match=r"fit expects rng=.* for shuffle or augment, received none"):
        model(rng).fit(np.zeros((4, 3, 3), np.uint8), shuffle=False, augment=RandomShift(), verbose=False)
