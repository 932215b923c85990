"""Folders of pictures: what is read in which order, what is refused with the name of the file, and what is held out."""

import numpy as np
import pytest

from nnlite.datasets import DatasetError
from nnlite.pictures import hold_out, load_image_folder
from nnlite.pictures.png import png


def pgm(*values, width=None):
    return b"P5 %d %d 255\n" % (width or len(values), len(values) // (width or len(values))) + bytes(values)


def ppm(*values):
    return b"P6 %d 1 255\n" % (len(values) // 3) + bytes(values)


def write(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_pictures_of_several_kinds_are_read_in_the_order_of_their_names(tmp_path):
    files = {"b.PNG": png(np.array([[3, 4]], np.uint8)), "a.pgm": pgm(1, 2), "c.pnm": ppm(5, 5, 5, 6, 6, 6)}
    images, groups, names = load_image_folder(write(tmp_path, files))
    np.testing.assert_array_equal(images, [[[1, 2]], [[3, 4]], [[5, 6]]])
    assert images.dtype == np.uint8 and groups.tolist() == [0, 0, 0] and names == ["."]


def test_numbers_in_the_names_of_pictures_and_groups_compare_as_numbers(tmp_path):
    write(tmp_path, {f"s{group}/{number}.pgm": pgm(group, number) for group in (10, 2, 1) for number in (11, 9, 100)})
    folder = load_image_folder(tmp_path)
    assert folder.names == ["s1", "s2", "s10"]
    assert folder.images.reshape(9, 2).tolist() == [[group, number] for group in (1, 2, 10) for number in (9, 11, 100)]


def test_each_folder_in_the_folder_is_a_group(tmp_path):
    files = {
        "s2/1.pgm": pgm(3),
        "s1/2.pgm": pgm(2),
        "s1/1.pgm": pgm(1),
        "top.pgm": pgm(0),
        "empty/notes.txt": b"",
        "s1/deep/1.pgm": pgm(9),
    }
    with pytest.warns(UserWarning, match=r"empty/notes\.txt and 1 more left out: expected files that end in \.png, \.pgm,"):
        images, groups, names = load_image_folder(write(tmp_path, files))
    assert images.ravel().tolist() == [0, 1, 2, 3]
    assert groups.tolist() == [0, 1, 1, 2] and names == [".", "s1", "s2"]


def test_hidden_files_are_left_out_without_a_word(tmp_path):
    files = {"._1.pgm": b"junk", ".hidden/1.pgm": b"junk", "1.pgm": pgm(7), "s1/.DS_Store": b"junk"}
    assert load_image_folder(write(tmp_path, files)).images.ravel().tolist() == [7]


def test_other_files_are_left_out_with_one_warning_that_names_the_first_and_their_number(tmp_path):
    files = {"README.md": b"text", "1.pgm": pgm(7), "a.jpg": b"", "s1/2.PGM": pgm(8), "s1/b.JPEG": b"", "folder.pgm/notes": b""}
    with pytest.warns(UserWarning) as warned:
        assert load_image_folder(write(tmp_path, files)).images.ravel().tolist() == [7, 8]
    expected = f"{tmp_path / 'README.md'} and 3 more left out: expected files that end in .png, .pgm, .ppm, .pnm"
    assert [str(each.message) for each in warned] == [expected]


def test_links_are_followed(tmp_path):
    write(tmp_path, {"elsewhere/1.pgm": pgm(7), "data/2.pgm": pgm(8)})
    (tmp_path / "data" / "1.pgm").symlink_to(tmp_path / "elsewhere" / "1.pgm")
    (tmp_path / "data" / "s1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "self").symlink_to(tmp_path / "data")
    with pytest.warns(UserWarning, match="self/s1 and 1 more left out"):  # folders two levels down
        images, _, names = load_image_folder(tmp_path / "data")
    assert images.ravel().tolist() == [7, 8, 7, 7, 8] and names == [".", "s1", "self"]


def test_with_one_colour_picture_all_have_three_channels(tmp_path):
    images = load_image_folder(write(tmp_path, {"1.pgm": pgm(7), "2.ppm": ppm(1, 2, 3)})).images
    np.testing.assert_array_equal(images, [[[[7, 7, 7]]], [[[1, 2, 3]]]])


def broken_link(folder):
    (folder / "c.pgm").symlink_to(folder / "nothing")


@pytest.mark.parametrize(
    ("change", "named", "message"),
    [
        (lambda folder: write(folder, {"c.pgm": pgm(1, 2, 3)}), "c.pgm", "expected an image of 2 × 1 pixels like"),
        (lambda folder: write(folder, {"c.pgm": pgm(1, 2, width=1)}), "c.pgm", "received 1 × 2: bring all images to one size"),
        (lambda folder: write(folder, {"s/c.pgm": pgm(1)}), "s/c.pgm", "received 1 × 1"),
        (lambda folder: write(folder, {"c.pgm": pgm(1, 2)[:-1]}), "c.pgm", "the file is cut short"),
        (lambda folder: write(folder, {"c.png": b"no image"}), "c.png", "expected a PNG, PGM or PPM file"),
        (broken_link, "c.pgm", "expected a readable file: No such file or directory"),
    ],
    ids=["wide", "turned", "in-a-folder", "cut", "other-kind", "broken-link"],
)
def test_the_first_file_that_differs_is_named(tmp_path, change, named, message):
    write(tmp_path, {"a.pgm": pgm(1, 2), "b.pgm": pgm(1, 2), "d.pgm": pgm(1, 2), "z.pgm": pgm(1)})
    change(tmp_path)
    if "/" in named:
        (tmp_path / "z.pgm").unlink()
    with pytest.raises(DatasetError) as caught:
        load_image_folder(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / named}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected PGM, PPM or PNG images in this folder or in folders in it, received none"):
        load_image_folder(tmp_path)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatasetError, match=f"{name}: expected a readable folder of images: "):
        load_image_folder(tmp_path / name)


def test_a_folder_as_large_as_allowed_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_FOLDER", 3 * 2 * 2)
    write(tmp_path, {"1.pgm": pgm(1, 2), "2.pgm": pgm(1, 2)})
    assert load_image_folder(tmp_path).images.shape == (2, 1, 2)


def test_a_folder_larger_than_memory_is_refused_at_its_first_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.pictures.picture_files.MAX_FOLDER", 10)
    write(tmp_path, {"1.pgm": pgm(1, 2), "2.pgm": b"never read"})
    with pytest.raises(DatasetError, match="expected images that take at most 10 bytes as colours, received 2 of 2 × 1 pixels"):
        load_image_folder(tmp_path)


# --- what is held out


@pytest.mark.parametrize(("share", "count"), [(0.2, 2), (0.25, 2), (0.01, 1), (0.99, 9)])
def test_the_share_is_held_out_of_every_group(rng, share, count):
    groups = np.repeat([0, 1, 2], 10)
    mask = hold_out(groups, share, rng)
    assert [mask[groups == group].sum() for group in range(3)] == [count] * 3


def test_a_group_of_one_image_is_for_training(rng):
    assert not hold_out(np.array([0, 1, 1, 1]), 0.9, rng)[0]


def test_whole_groups_are_held_out_if_asked_for(rng):
    groups = np.repeat(np.arange(10), 4)
    mask = hold_out(groups, 0.3, rng, whole_groups=True).reshape(10, 4)
    assert (mask.all(axis=1) | ~mask.any(axis=1)).all() and mask.any(axis=1).sum() == 3


def test_one_seed_gives_one_choice():
    groups = np.repeat([0, 1], 20)
    first, again, other = (hold_out(groups, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("groups", "share", "whole", "message"),
    [
        ([0, 1], 0.5, False, "at least a group of two images"),
        ([0, 0], 0.5, True, "at least two groups, received one"),
        ([0, 0], 0.0, False, "a share in"),
        ([0, 0], 1.0, False, "a share in"),
    ],
)
def test_when_nothing_can_be_held_out_a_sentence_says_so(rng, groups, share, whole, message):
    with pytest.raises(ValueError, match=f"hold_out expects {message}"):
        hold_out(np.array(groups), share, rng, whole_groups=whole)
