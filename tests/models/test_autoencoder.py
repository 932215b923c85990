"""The autoencoder: two halves of one model."""

import numpy as np
import pytest

from nnlite import Autoencoder, Dense, Flatten, ReLU, Reshape, Sequential, Sigmoid
from nnlite.optimizers import Adam


def dense(inputs, outputs, dtype=np.float32):
    return Dense(inputs, outputs, rng=np.random.default_rng([inputs, outputs]), dtype=dtype)


def image_autoencoder(dtype=np.float32):
    return Autoencoder(
        [Flatten(), dense(64, 9, dtype), ReLU(), dense(9, 3, dtype)],
        [dense(3, 64, dtype), Sigmoid(), Reshape((8, 8))],
        input_shape=(8, 8),
    )


def images(rng, count=7):
    return rng.integers(0, 256, (count, 8, 8), dtype=np.uint8)


def test_decoding_the_codes_is_predicting(rng):
    model, x = image_autoencoder(), images(rng)
    assert np.array_equal(model.decode(model.encode(x)), model.predict(x))


def test_whole_and_halves_are_made_of_the_layers_given():
    encoder, decoder = [Flatten(), dense(64, 3)], [dense(3, 64), Sigmoid(), Reshape((8, 8))]
    model = Autoencoder(encoder, decoder, input_shape=(8, 8))
    for part, layers in ((model, encoder + decoder), (model.encoder, encoder), (model.decoder, decoder)):
        assert [id(layer) for layer in part.layers] == [id(layer) for layer in layers]


def test_the_halves_know_their_input_shapes():
    model = image_autoencoder()
    assert model.encoder.input_shape == (8, 8)
    assert model.decoder.input_shape == (3,)


def test_training_the_whole_trains_both_halves(rng):
    model, x = image_autoencoder(), images(rng)
    before = [*model.encoder.get_weights(), *model.decoder.get_weights()]
    model.compile()
    model.fit(x, rng=rng, verbose=False)
    after = [*model.encoder.get_weights(), *model.decoder.get_weights()]
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert np.array_equal(model.decode(model.encode(x)), model.predict(x))


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_and_reconstructions_have_one_row_an_image(rng, count, dtype):
    model = image_autoencoder(dtype)
    codes = model.encode(images(rng, count))
    assert (codes.shape, codes.dtype) == ((count, 3), dtype)
    reconstructions = model.decode(codes)
    assert (reconstructions.shape, reconstructions.dtype) == ((count, 8, 8), dtype)


def test_bytes_and_their_floats_have_the_same_codes(rng):
    model, x = image_autoencoder(), images(rng)
    np.testing.assert_allclose(model.encode(x), model.encode(x / 255), rtol=1e-5, atol=1e-6)


def test_a_decoder_takes_whole_numbers_for_codes_and_not_for_pixels():
    decoder = image_autoencoder().decoder
    decoder.compile("adam", "mse")
    codes = np.array([[0, 200, 100]], np.float32)
    assert decoder.evaluate(codes, np.zeros((1, 8, 8), np.float32)) > 0  # without a warning, which would be an error here


def test_a_decoder_that_gives_another_shape_is_refused():
    message = r"gives the input's shape \(8, 8\), received one that gives \(64,\): end it with a Reshape"
    with pytest.raises(ValueError, match=message):
        Autoencoder([Flatten(), dense(64, 3)], [dense(3, 64)], input_shape=(8, 8))


def test_a_decoder_that_does_not_take_the_codes_is_refused():
    with pytest.raises(ValueError, match=r"layer 2: Dense expects \(N, 4\), received \(N, 3\)"):
        Autoencoder([Flatten(), dense(64, 3)], [dense(4, 64), Reshape((8, 8))], input_shape=(8, 8))


def test_without_an_input_shape_the_first_dense_tells():
    assert Autoencoder([dense(6, 2)], [dense(2, 6)]).input_shape == (6,)


def test_layers_may_come_from_generators():
    model = Autoencoder((dense(*sizes) for sizes in [(6, 4), (4, 2)]), (layer for layer in [dense(2, 6)]))
    assert (len(model.encoder), len(model.decoder)) == (2, 1)


def test_halves_may_be_models_themselves(rng):
    encoder = Sequential([Flatten(), dense(64, 3)], input_shape=(8, 8))
    decoder = Sequential([dense(3, 64), Reshape((8, 8))])
    model, x = Autoencoder([encoder], [decoder], input_shape=(8, 8)), images(rng)
    codes = encoder.predict(x)
    assert np.array_equal(model.encode(x), codes)
    assert np.array_equal(model.decode(codes), decoder.predict(codes))


def test_images_of_two_parameters_are_learnt_from_two_numbers():
    """6 x 6 images a u + b v with fixed u and v lie in a plane, which two code numbers hold: the error falls a thousandfold."""
    i, j = np.mgrid[:6, :6] / 6
    a, b = np.mgrid[:4, :4].reshape(2, 16, 1, 1) / 4
    x = 0.5 * a * np.sin(3 * i + j) + 0.5 * b * np.cos(2 * j - i)  # (16, 6, 6)
    model = Autoencoder([Flatten(), dense(36, 2)], [dense(2, 36), Reshape((6, 6))], input_shape=(6, 6))
    model.compile(Adam(0.02), "mse")
    start = model.evaluate(x)
    model.fit(x, epochs=300, batch_size=16, shuffle=False, verbose=False)
    assert model.evaluate(x) < start / 1000
