"""demos.train_lossless: the model that it writes codes digits like those that it saw."""

import numpy as np
import pytest
from compiler import compiled
from tiny_data import run_demo, write_data

from demos import train_lossless
from nnlite.codec.lossless import LosslessCodec
from nnlite.codec.lossless.digits import load_digits
from nnlite.datasets import load_mnist


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    digits = load_mnist().train_images
    return write_data(tmp_path_factory.mktemp("data"), digits[:1500], digits[1500:1510])


@compiled
def test_the_model_is_written_and_works(data, tmp_path, capsys):
    assert run_demo(train_lossless, "--data", data, "--out", tmp_path / "digits.safetensors") == 0
    assert "bits a pixel, container included" in capsys.readouterr().out
    codec = LosslessCodec(load_digits(tmp_path / "digits.safetensors"))
    digits = load_mnist().train_images[:100]
    file = codec.compress(digits)
    assert LosslessCodec.header(file).digits and 8 * len(file) < digits.size
    np.testing.assert_array_equal(codec.decompress(file), digits)


def test_images_of_another_size_are_refused_with_one_line(tmp_path, capsys):
    data = write_data(tmp_path / "data", np.zeros((3, 5, 5), np.uint8), np.zeros((2, 5, 5), np.uint8))
    assert run_demo(train_lossless, "--data", data, "--out", tmp_path / "digits.safetensors") == 2
    assert "28 × 28" in capsys.readouterr().err
