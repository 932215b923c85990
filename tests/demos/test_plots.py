"""The pieces of the pictures: which numbers a bar holds, and what an interpolation shows."""

import numpy as np
import pytest

from demos.shared import comparisons


@pytest.mark.parametrize("largest", [0, 1, 63, 64, 100, 127, 128, 784])
def test_every_bar_of_a_histogram_holds_as_many_whole_numbers(largest):
    edges = comparisons.bars(largest)
    width = round(edges[1] - edges[0])
    held, _ = np.histogram(np.arange(largest + width), edges)
    assert edges[0] == -0.5 and edges[-1] > largest and len(held) <= 64
    assert set(held[:-1]) <= {width} and 0 < held[-1] <= width


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (2, 10), (3, 20), (6, 50), (9, 50)])
def test_an_interpolation_goes_from_each_of_six_codes_to_the_next_and_shows_one_code_alone(
    tmp_path, monkeypatch, rng, count, shown
):
    drawn = {}
    monkeypatch.setattr(comparisons, "sheet", lambda path, title, images, columns: drawn.update(images=images))
    codes = rng.random((count, 3), np.float32)
    comparisons.interpolation(tmp_path / "x.png", codes, lambda codes: 2 * codes)
    assert len(drawn["images"]) == shown
    np.testing.assert_array_equal(drawn["images"][[0, -1]], 2 * codes[[0, min(count, 6) - 1]])
