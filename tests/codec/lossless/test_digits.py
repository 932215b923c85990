"""Digits by a trained model: boxes, the model's file, what an untrained model does."""

import numpy as np
import pytest
from compiler import compiled

from nnlite.codec.lossless.digits import code_digits, find_box, fresh_digits, load_digits, save_digits
from nnlite.codec.mixing import UNSEEN, decoder, encoder, finish
from nnlite.datasets import load_mnist
from nnlite.files import safetensors
from nnlite.files.errors import CodecError
from nnlite.jit import jit


@jit
def box(digit):
    return find_box(digit)


def size(digits, mixer):
    coder = encoder(10 * digits.size)
    code_digits(coder, mixer, digits.copy())
    return len(finish(coder))


def test_the_box_is_the_smallest_that_holds_all_that_is_not_black():
    rng = np.random.default_rng(0)
    for _ in range(30):
        digit = np.zeros((28, 28), np.uint8)
        top, left = rng.integers(0, 28, 2)
        height, width = rng.integers(1, 29 - top), rng.integers(1, 29 - left)
        inside = digit[top : top + height, left : left + width]
        inside[0, rng.integers(width)] = inside[-1, rng.integers(width)] = 1
        inside[rng.integers(height), 0] = inside[rng.integers(height), -1] = 255
        assert box(digit).tolist() == [top, top + height, left, left + width]
    assert box(np.zeros((28, 28), np.uint8)).tolist() == [0, 0, 0, 0]


@compiled
def test_what_has_learned_nothing_learns_while_it_codes():
    digits = load_mnist().test_images[:40]
    file = encoder(digits.size)
    code_digits(file, fresh_digits(60, 250), digits.copy())
    stream = finish(file)
    decoded = np.zeros_like(digits)
    code_digits(decoder(stream), fresh_digits(60, 250), decoded)
    np.testing.assert_array_equal(decoded, digits)
    assert len(stream) < 0.8 * size(digits, fresh_digits(0, 250))


@compiled
def test_the_trained_model_codes_digits_in_less_than_one_that_has_to_learn_first():
    digits = load_mnist().test_images[:40]
    assert size(digits, load_digits()) < 0.9 * size(digits, fresh_digits(60, 250))


def test_a_model_comes_back_from_its_file(tmp_path):
    mixer = fresh_digits(0, 0)
    mixer.states[::99_999] = 1 << 30 | 100
    save_digits(tmp_path / "once", mixer)
    once = load_digits(tmp_path / "once")
    assert (once.states != UNSEEN).sum() == len(mixer.states[::99_999])
    save_digits(tmp_path / "twice", once)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()


@pytest.mark.parametrize(
    ("arrays", "metadata"),
    [
        ({}, {"format": "nnlite lossless digits 1"}),
        ({"mixer": np.zeros(9, np.uint8)}, {"format": "nnlite lossless digits 1"}),
        ({"mixer": np.zeros(9, np.uint8)}, {}),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path, arrays, metadata):
    safetensors.write(tmp_path / "file", arrays, metadata)
    with pytest.raises(CodecError, match="expected a model of digits"):
        load_digits(tmp_path / "file")
