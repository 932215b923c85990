"""Pictures as planes."""

import numpy as np
import pytest

from nnlite.codec.lossless.planes import check_pictures, check_size, to_pictures
from nnlite.files.errors import CodecError

RNG = np.random.default_rng(0)
MAX_COUNT, MAX_SIDE = 1_048_576, 65_535  # files of these sizes are read for ever


def test_the_planes_are_green_red_and_blue():
    images, batch = check_pictures(np.array([[[1, 2, 3]]], np.uint8))
    assert images.tolist() == [[[[2]], [[1]], [[3]]]] and not batch


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (2, 4, 5), (2, 4, 3), (2, 4, 5, 3), (2, 4, 3, 3), (1, 4, 5)])
def test_pictures_come_back_from_their_planes(shape):
    pictures = RNG.integers(0, 256, shape, dtype=np.uint8)
    images, batch = check_pictures(pictures)
    assert images.flags.c_contiguous and images.flags.writeable and not np.shares_memory(images, pictures)
    np.testing.assert_array_equal(to_pictures(images, batch), pictures)


@pytest.mark.parametrize(
    "size", [(MAX_COUNT, 1, 16, 16), (1, 1, MAX_SIDE, 4096), (1, 1, 4096, MAX_SIDE), (1, 1, 1 << 14, 1 << 14), (1, 3, 9000, 9000)]
)
def test_the_largest_sizes_are_allowed_and_no_larger_ones(size):
    check_size(*size)
    for larger in ((MAX_COUNT + 1, 1, 1, 1), (1, 1, MAX_SIDE + 1, 1), (1, 1, 1, MAX_SIDE + 1), (size[0] * 4, *size[1:])):
        with pytest.raises(CodecError):
            check_size(*larger)
