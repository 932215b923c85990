"""Pictures in characters."""

import numpy as np
import pytest

from nnlite.pictures import block_characters


def white(*shape):
    return np.full(shape, 255, np.uint8)


def test_a_character_shows_two_pixels_of_half_the_size():
    image = np.zeros((4, 8), np.uint8)
    image[:2, 2:4] = image[2:, 4:6] = image[:, 6:8] = 255
    assert block_characters(image[None]) == " ▀▄█"


@pytest.mark.parametrize(("grey", "character"), [(89, ""), (90, "█")])
def test_grey_is_drawn_from_90_on(grey, character):
    assert block_characters(np.full((1, 4, 2), grey, np.uint8)) == character


def test_images_stand_side_by_side():
    images = np.stack([white(8, 4), 0 * white(8, 4), white(8, 4)])
    assert block_characters(images) == "██      ██\n██      ██"


@pytest.mark.parametrize(("side", "lines", "columns"), [(28, 7, 14), (8, 2, 4), (9, 2, 4), (3, 0, 0)])
def test_rows_and_columns_that_fill_no_character_are_left_out(side, lines, columns):
    assert block_characters(white(1, side, side)) == "\n".join(["█" * columns] * lines)


@pytest.mark.parametrize(("columns", "shown"), [(80, 5), (78, 5), (77, 4), (30, 2), (14, 1), (13, 0), (0, 0)])
def test_as_many_images_are_shown_as_a_line_has_room_for(columns, shown):
    assert block_characters(white(5, 28, 28), columns).split("\n")[0].split() == ["█" * 14] * shown


@pytest.mark.parametrize(
    ("images", "received"),
    [(white(28, 28), "uint8 of shape (28, 28)"), (np.ones((2, 8, 8)), "float64 of shape (2, 8, 8)")],
)
def test_other_arrays_are_refused(images, received):
    with pytest.raises(ValueError) as raised:
        block_characters(images)
    assert str(raised.value) == f"block_characters expects uint8 (N, height, width), received {received}"
