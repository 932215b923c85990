"""The photograph codec: any size comes back, better quality costs more, damage is found out, old files stay readable."""

from pathlib import Path

import numpy as np
import pytest
from compiler import compiled
from scenes import scene

from nnlite.codec import frame
from nnlite.codec.photographs import PhotographCodec, photograph_codec, transform
from nnlite.codec.photographs.photograph_codec import Header
from nnlite.files.errors import CodecError
from nnlite.metrics import mse, psnr

CODEC = PhotographCodec()
GOLDEN = Path(__file__).parent / "golden"
SCENE = scene(72, 104)


@pytest.fixture(scope="module")
def file():
    """The file of the scene."""
    return CODEC.compress(SCENE, 40)


@compiled
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (7, 5), (8, 8), (9, 17), (64, 16), (150, 9)])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_a_picture_of_any_size_comes_back_in_its_size_and_close(shape, colour):
    picture = scene(*shape) if colour else scene(*shape)[..., 1]
    file = CODEC.compress(picture, 85)
    decoded = CODEC.decompress(file)
    assert decoded.shape == picture.shape and decoded.dtype == np.uint8
    assert psnr(mse(decoded, picture)) > 40
    assert CODEC.header(file) == Header(*shape, colour, 85)


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_a_small_picture_comes_back_close(colour):
    picture = scene(8, 11) if colour else scene(8, 11)[..., 1]
    assert psnr(mse(CODEC.decompress(CODEC.compress(picture, 85)), picture)) > 40


@compiled
def test_quality_100_is_nearly_without_loss():
    decoded = CODEC.decompress(CODEC.compress(SCENE, 100))
    assert np.abs(decoded.astype(int) - SCENE).max() <= 4


@compiled
def test_better_quality_takes_more_bytes_and_leaves_less_error():
    files = [CODEC.compress(SCENE, quality) for quality in (0, 20, 40, 60, 80, 100)]
    sizes = [len(file) for file in files]
    errors = [mse(CODEC.decompress(file), SCENE) for file in files]
    assert sizes == sorted(sizes) and len(set(sizes)) == 6
    assert errors == sorted(errors, reverse=True)


@compiled
@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((20, 30), np.uint8),
        np.full((20, 30, 3), 255, np.uint8),
        np.indices((32, 24)).sum(axis=0).astype(np.uint8) % 2 * 255,
        np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8),
        np.where(np.random.default_rng(1).random((40, 40, 3)) < 0.5, 0, 255).astype(np.uint8),
    ],
    ids=["black", "white", "checkerboard", "noise", "saturated noise"],
)
@pytest.mark.parametrize("quality", [0, 50, 100])
def test_pictures_that_are_no_photographs_come_back_as_close_as_the_step_says(picture, quality):
    decoded = CODEC.decompress(CODEC.compress(picture, quality))
    step = 2 ** (7 * (100 - quality) / 100)
    assert np.sqrt(mse(decoded, picture)) * 255 < max(step, 2)


def test_a_flat_picture_takes_few_bytes():
    assert len(CODEC.compress(np.full((64, 64, 3), 77, np.uint8), 50)) <= 40
    assert len(CODEC.compress(np.full((1, 1), 77, np.uint8), 50)) <= 14


@compiled
def test_the_header_of_a_small_picture_takes_at_most_12_bytes():
    _, start = frame.read_numbers(CODEC.compress(scene(100, 120)[..., 0], 100), frame.PHOTOGRAPH, 3)
    assert start <= 12


@compiled
def test_the_network_mends_pixels(file):
    assert mse(CODEC.decompress(file), SCENE) < mse(CODEC.decompress(file, mend=False), SCENE)


@pytest.mark.parametrize(
    "picture, message",
    [
        (np.zeros((4, 4), np.float32), "expected pictures of uint8, received float32"),
        (np.full((4, 4), np.nan), "expected pictures of uint8, received float64"),
        (np.zeros((4, 4), np.int16), "expected pictures of uint8, received int16"),
        ([[1, 2]], "expected pictures of uint8, received int64"),
        (np.zeros((4, 5, 6), np.uint8), "a count of 1, received 4 of 5 × 6: compress each picture, or part of one"),
        (np.zeros((1, 4, 4, 4), np.uint8), r"received \(1, 4, 4, 4\)"),
        (np.zeros(4, np.uint8), r"received \(4,\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "received 2 of 4 × 4"),
        (np.zeros((0, 4), np.uint8), r"received \(0, 4\)"),
        (np.broadcast_to(np.uint8(0), (8193, 8193)), "expected at most 67108864 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(picture, message):
    with pytest.raises(CodecError, match=message):
        CODEC.compress(picture)


@pytest.mark.parametrize("quality", [-1, 101, 50.0, "50", None])
def test_what_is_no_quality_is_refused_in_a_sentence(quality):
    with pytest.raises(CodecError, match="expected a quality from 0 to 100"):
        CODEC.compress(SCENE, quality)


@compiled
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1, ::-1], lambda a: np.repeat(a, 2, axis=1)[:, ::2]])
def test_the_layout_of_the_array_does_not_matter(layout):
    picture = layout(SCENE)
    assert CODEC.compress(picture, 30) == CODEC.compress(np.ascontiguousarray(picture), 30)


@compiled
def test_a_codec_forgets_a_picture_before_the_next(file):
    CODEC.compress(scene(40, 40, 3), 60)
    assert CODEC.compress(SCENE, 40) == file


@compiled
def test_strips_do_not_change_the_pixels(monkeypatch):
    file = CODEC.compress(scene(150, 40), 40)
    expected = CODEC.decompress(file)
    for rows in (1, 2, 5, 100):
        monkeypatch.setattr(transform, "STRIP", rows)
        assert (CODEC.decompress(file) == expected).all()


@compiled
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (24, 40)])
def test_the_worst_pictures_take_less_than_half_of_the_encoders_room(rng, size):
    y, x = np.indices(size)
    for picture in (
        rng.integers(0, 256, (*size, 3)),
        rng.choice([0, 255], (*size, 3)),
        255 * ((x + y)[..., None] % 2 == [0, 1, 0]),
    ):
        blocks = CODEC.blocks(CODEC.planes(picture.astype(np.uint8)), 100)
        assert len(CODEC.encode(blocks)[0]) < photograph_codec.ROOM * blocks.size / 2


@pytest.mark.parametrize(("sizes", "kept"), [((0.79,), False), ((0.81,), True), ((0.7, -0.7), True), ((0.64, 0.64), False)])
def test_a_block_whose_coefficients_bring_too_little_keeps_its_mean_alone(sizes, kept):
    coefficients = np.zeros((3, 3, 64))
    coefficients[1, 1, 0], coefficients[1, 1, 9 : 9 + len(sizes)] = 5, sizes
    planes = np.zeros((3, 24, 24), np.float32)
    planes[0] = transform.synthesise(coefficients * 2**20, CODEC.model.synthesis) / 2**20
    blocks = CODEC.blocks(planes, 100)
    expected = coefficients[1, 1] * (kept | (np.arange(64) == 0))
    np.testing.assert_allclose(blocks[0, 1, 1], expected, rtol=0, atol=0.004)


@compiled
def test_a_file_cut_short_is_refused(file):
    for length in range(0, len(file), 37):
        with pytest.raises(CodecError):
            CODEC.decompress(file[:length])


@compiled
def test_a_file_with_any_byte_changed_is_refused(rng, file):
    for position in range(0, len(file), 11):
        damaged = bytearray(file)
        damaged[position] ^= int(rng.integers(1, 256))
        with pytest.raises(CodecError):
            CODEC.decompress(bytes(damaged))


@compiled
def test_a_file_damaged_behind_a_right_checksum_decodes_to_some_picture(rng, file):
    numbers, payload = frame.parse(file, frame.PHOTOGRAPH, 3, CODEC.model.hash)
    for _ in range(12):
        damaged = bytearray(payload[: rng.integers(len(payload))])
        for position in rng.integers(0, max(1, len(damaged)), min(5, len(damaged))):
            damaged[position] = rng.integers(256)
        picture = CODEC.decompress(frame.pack(frame.PHOTOGRAPH, numbers, bytes(damaged), CODEC.model.hash))
        assert picture.shape == SCENE.shape


@pytest.mark.parametrize("numbers", [(0, 5, 80), (5, 0, 80), (8193, 8193, 80), (5, 5, 202), (2**34, 2**34, 1)])
def test_a_header_that_promises_what_cannot_be_is_refused_before_anything_is_allocated(numbers):
    with pytest.raises(CodecError, match="the file is damaged"):
        CODEC.decompress(frame.pack(frame.PHOTOGRAPH, numbers, b"", CODEC.model.hash))


@pytest.mark.parametrize("numbers", [(1, 1, 0), (1, 5, 201), (5, 1, 200), (8192, 8192, 81)])
def test_a_header_at_the_limits_is_read(numbers):
    height, width, rest = numbers
    header = PhotographCodec.header(frame.pack(frame.PHOTOGRAPH, numbers, b""))
    assert (header.height, header.width, header.colour, header.quality) == (height, width, rest % 2 == 1, rest // 2)


def test_the_largest_picture_is_taken_and_one_pixel_more_refused(monkeypatch):
    monkeypatch.setattr(photograph_codec, "LIMITS", (12, 1, 100))
    assert CODEC.planes(np.zeros((3, 4), np.uint8)).shape[1:] == (8, 8)
    with pytest.raises(CodecError, match=r"expected at most 12 pixels, .* received 1 of 13 × 1: compress each picture, or part"):
        CODEC.planes(np.zeros((13, 1), np.uint8))


@pytest.mark.parametrize(("quality", "step"), [(0, 128), (100, 1)])
def test_a_single_pixel_comes_back_at_the_least_and_the_best_quality(quality, step):
    file = CODEC.compress(np.full((1, 1), 200, np.uint8), quality)
    assert CODEC.header(file).quality == quality
    assert abs(int(CODEC.decompress(file)[0, 0]) - 200) <= step


@pytest.mark.parametrize("name", ["colour", "grey"])
def test_a_file_from_another_machine_decodes_to_the_same_pixels(name):
    picture = CODEC.decompress((GOLDEN / f"{name}.nnl").read_bytes())
    assert (picture == np.load(GOLDEN / f"{name}.npy")).all()
