"""The commands: what they write, what they say, and how they end."""

import configparser
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from compiler import compiled
from pages import ROOT
from tiny_codec import SIDE, blobs, tiny_codec, trained

import nnlite
from nnlite.codec import commands as cli
from nnlite.codec import container
from nnlite.codec.digits.image_codec import ImageCodec
from nnlite.datasets import load_mnist
from nnlite.metrics import mse, psnr
from nnlite.pictures import picture_files as imagefiles


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of the tiny codec."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tiny_codec().save(path)
    return path


@pytest.fixture(scope="module")
def codec(model):
    return ImageCodec.load(model)


@pytest.fixture(scope="module")
def images():
    return blobs(30, seed=21)


@pytest.fixture
def folder(tmp_path, monkeypatch, images, codec):
    """The working folder: images as digits.npy, and compressed as digits.nnl."""
    monkeypatch.chdir(tmp_path)
    np.save("digits.npy", images)
    Path("digits.nnl").write_bytes(codec.compress(images, 1))
    return tmp_path


@pytest.fixture
def run(folder, model, capsys):
    """A function that runs a command with the tiny codec, and returns exit code, standard output and standard error."""

    def run(*arguments):
        options = ["--model", str(model)] if arguments[0] in ("compress", "decompress") and "--model" not in arguments else []
        try:
            code = cli.main([*map(str, arguments), *options])
        except SystemExit as leaving:
            code = leaving.code
        return code, *capsys.readouterr()

    return run


def names(folder):
    return {path.name for path in folder.iterdir()}


def piped(*arguments, data=b"", folder=None, **options):
    """Run ``python -m nnlite`` as a program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nnlite", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, cwd=folder, env=environment, timeout=120, **options)


# --- there and back


def test_compress_and_decompress_say_nothing_and_give_what_the_codec_gives(run, codec, images):
    assert run("compress", "digits.npy", "new.nnl", "--quality", 2) == (0, "", "")
    assert Path("new.nnl").read_bytes() == codec.compress(images, 2)
    assert run("decompress", "new.nnl", "back.npy") == (0, "", "")
    np.testing.assert_array_equal(np.load("back.npy"), codec.decompress(codec.compress(images, 2)))


@pytest.mark.parametrize("name", ["out.npy", "out-idx3-ubyte", "out.idx.gz", "out"])
def test_every_kind_of_images_can_be_the_output_and_again_the_input(run, codec, images, name):
    assert run("decompress", "digits.nnl", name)[0] == 0
    decoded = codec.decompress(codec.compress(images, 1))
    np.testing.assert_array_equal(imagefiles.read_images(Path(name)), decoded)
    assert run("compress", name, "again.nnl", "--quality", 1)[0] == 0
    assert Path("again.nnl").read_bytes() == codec.compress(decoded, 1)


def test_one_image_of_many_can_be_a_png(run, codec, images):
    assert run("decompress", "digits.nnl", "one.png", "--index", 7)[0] == 0
    np.testing.assert_array_equal(imagefiles.read_images(Path("one.png")), codec.decompress(codec.compress(images, 1))[7])


def test_one_image_can_be_the_input(run, codec, images):
    np.save("one.npy", images[0] / 255)
    assert run("compress", "one.npy", "one.nnl", "--quality", 1)[0] == 0
    assert Path("one.nnl").read_bytes() == codec.compress(images[:1], 1)


def test_without_a_quality_the_middle_one_is_taken(run, codec, images):
    assert run("compress", "digits.npy", "new.nnl")[0] == 0
    assert Path("new.nnl").read_bytes() == codec.compress(images, 1)


def test_without_a_quality_the_built_in_codec_takes_the_eighth_of_its_sixteen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mnist.npy", load_mnist().test_images[:3])
    assert cli.main(["compress", "mnist.npy", "mnist.nnl"]) == 0
    assert container.read_header(Path("mnist.nnl").read_bytes()).quality == 8


# --- targets


@pytest.mark.parametrize("quality", range(3))
@pytest.mark.parametrize("spare", [0, 0.02])
def test_target_bytes_gives_the_best_quality_that_fits(run, codec, images, quality, spare):
    limit = len(codec.compress(images, quality)) / len(images) + spare
    assert run("compress", "digits.npy", "new.nnl", "--target-bytes", limit)[0] == 0
    assert Path("new.nnl").read_bytes() == codec.compress(images, quality)


@pytest.mark.parametrize("quality", range(3))
@pytest.mark.parametrize("spare", [0, 0.02])
def test_target_psnr_gives_the_fewest_bytes_that_reach_it(run, codec, images, quality, spare):
    reached = psnr(mse(codec.decompress(codec.compress(images, quality)), images))
    assert run("compress", "digits.npy", "new.nnl", "--target-psnr", reached - spare)[0] == 0
    assert Path("new.nnl").read_bytes() == codec.compress(images, quality)


def test_a_target_that_cannot_be_met_is_refused_with_what_could_be(run, codec, images):
    least = len(codec.compress(images, 0)) / len(images)
    most = psnr(mse(codec.decompress(codec.compress(images, 2)), images))
    _, _, too_small = run("compress", "digits.npy", "new.nnl", "--target-bytes", 0.5)
    assert f"expected a target of at least {least:.2f} bytes for each picture, received 0.5" in too_small
    _, _, too_good = run("compress", "digits.npy", "new.nnl", "--target-psnr", 99)
    assert f"expected a target of at most {most:.2f} dB for these pictures, received 99" in too_good


# --- pictures of any kind


def picture(colours=True, size=40):
    y, x = np.mgrid[:size, :size]
    planes = [2 * x + y, 128 + 60 * np.sin(x / 9), 3 * y]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8) if colours else planes[1].astype(np.uint8)


def command(*arguments):
    return cli.main([*map(str, arguments)])


@compiled
@pytest.mark.parametrize("name", ["in.png", "in.ppm", "in.npy"])
@pytest.mark.parametrize("options", [[], ["--lossless"], ["--codec", "photograph", "--quality", "30"]])
def test_a_picture_of_any_kind_comes_back(folder, capsys, name, options):
    imagefiles.write_images(Path(name), picture()[None], force=False)
    assert command("compress", name, "new.nnl", *options) == 0
    assert command("decompress", "new.nnl", "back.png") == 0
    back = imagefiles.read_images(Path("back.png"), colours=True)
    assert mse(back, picture(), peak=255) < (1e-9 if "--lossless" in options else 0.005)
    assert command("info", "new.nnl", "--images", name, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["codec"] in ("photograph", "lossless") and facts["colour"]
    error = mse(back, picture(), peak=255)
    assert facts["psnr"] == (pytest.approx(psnr(error)) if error else None)  # JSON knows no infinity


@compiled
def test_several_pictures_become_files_in_a_folder_and_pictures_again(folder, capsys):
    imagefiles.write_images(Path("a.png"), picture()[None], force=False)
    imagefiles.write_images(Path("b.pgm"), picture(colours=False)[None], force=False)
    assert command("compress", "a.png", "b.pgm", "digits.npy", "small", "--lossless") == 0
    assert names(Path("small")) == {"a.nnl", "b.nnl", "digits.nnl"}
    assert command("decompress", *(f"small/{name}.nnl" for name in ("a", "b", "digits")), "back") == 0
    assert names(Path("back")) == {"a.png", "b.png", "digits.npy"}
    np.testing.assert_array_equal(imagefiles.read_picture(Path("back/a.png")), picture())
    assert capsys.readouterr() == ("", "")


@compiled
def test_a_folder_of_pictures_of_different_sizes_becomes_a_folder_of_files(folder):
    Path("in").mkdir()
    for size in (9, 12):
        imagefiles.write_images(Path(f"in/{size}.png"), picture(size=size)[None], force=False)
    assert command("compress", "in", "out", "--lossless") == 0
    assert names(Path("out")) == {"9.nnl", "12.nnl"}


@compiled
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("sizes", [(9, 9), (9, 12)])
def test_what_is_left_out_of_a_folder_is_said_in_one_line(folder, capsys, sizes):
    Path("in").mkdir()
    for number, size in enumerate(sizes):
        imagefiles.write_images(Path(f"in/{number}.png"), picture(size=size)[None], force=False)
    for name in ("a.jpg", "b.JPEG", ".hidden"):
        Path(f"in/{name}").write_bytes(b"")
    assert command("compress", "in", "out", "--lossless") == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"nnlite: in{os.sep}a.jpg and 1 more left out: expected files that end in .png")
    assert err.count("\n") == 1
    if len(set(sizes)) == 2:
        Path("out/notes.txt").write_bytes(b"")
        assert command("decompress", "out", "back") == 0
        expected = f"nnlite: out{os.sep}notes.txt left out: expected files that end in .nnl\n"
        assert capsys.readouterr() == ("", expected) and names(Path("back")) == {"0.png", "1.png"}


@compiled
def test_photographs_of_one_size_in_a_folder_are_photographs_and_one_file_without_loss(folder):
    Path("in").mkdir()
    for name, pixels in (("a", picture()), ("b", picture()[::-1])):
        imagefiles.write_images(Path(f"in/{name}.png"), pixels[None], force=False)
    assert command("compress", "in", "out", "--codec", "photograph", "--quality", 20) == 0
    assert names(Path("out")) == {"a.nnl", "b.nnl"}
    assert command("compress", "in", "whole.nnl", "--lossless") == command("decompress", "whole.nnl", "back") == 0
    np.testing.assert_array_equal(imagefiles.read_picture(Path("back/1.png")), picture()[::-1])


@compiled
def test_several_folders_are_as_each_alone(folder, capsys):
    for name in ("one", "two"):
        Path(name).mkdir()
        imagefiles.write_images(Path(name, f"{name}.png"), picture(size=9)[None], force=False)
        imagefiles.write_images(Path(name, f"{name} grey.pgm"), picture(colours=False, size=9)[None], force=False)
    imagefiles.write_images(Path("three.png"), picture(size=9)[None], force=False)
    assert command("compress", "one", "three.png", "two", "out", "--quality", 20) == 0
    assert names(Path("out")) == {f"{name}.nnl" for name in ("one", "one grey", "two", "two grey", "three")}
    assert command("compress", "one", "two", "lossless", "--lossless") == 0
    assert command("decompress", "out", "lossless", "back") == 1
    assert "different names" in capsys.readouterr().err


@compiled
def test_digits_in_a_folder_are_one_file(folder):
    imagefiles.write_images(Path("in"), load_mnist().test_images[:3])
    assert command("compress", "in", "out.nnl") == 0
    assert container.read_header(Path("out.nnl").read_bytes()).count == 3


@compiled
def test_one_picture_goes_into_a_folder_that_is_there(folder, capsys):
    Path("small").mkdir()
    imagefiles.write_images(Path("a.png"), picture()[None], force=False)
    assert command("compress", "a.png", "small", "--lossless") == 0
    assert names(Path("small")) == {"a.nnl"}
    assert command("compress", "a.png", "small") == 1
    assert "a.nnl is already there" in capsys.readouterr().err


@compiled
def test_a_picture_of_black_and_nearly_black_is_one_of_bytes(folder, capsys):
    imagefiles.write_images(Path("mask.png"), (picture(colours=False) > 128).astype(np.uint8)[None], force=False)
    assert command("compress", "mask.png", "mask.nnl", "--codec", "photograph", "--target-psnr", 45) == 0
    assert command("info", "mask.nnl", "--images", "mask.png", "--json") == 0
    out, err = capsys.readouterr()
    assert err == "" and json.loads(out)["psnr"] >= 45


@compiled
def test_a_folder_of_compressed_files_becomes_a_folder_of_pictures(folder):
    Path("in").mkdir()
    for size in (9, 12):
        imagefiles.write_images(Path(f"in/{size}.png"), picture(size=size)[None], force=False)
    assert command("compress", "in", "out", "--lossless") == command("decompress", "out", "back") == 0
    assert names(Path("back")) == {"9.png", "12.png"}
    np.testing.assert_array_equal(imagefiles.read_picture(Path("back/12.png")), picture(size=12))


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(folder, capsys):
    Path("more").mkdir()
    for path in ("a.png", "more/a.png"):
        imagefiles.write_images(Path(path), picture()[None], force=False)
    assert command("compress", "a.png", "more/a.png", "out") == 1
    assert "different names" in capsys.readouterr().err and "out" not in names(folder)


@compiled
@pytest.mark.filterwarnings("default")
def test_dark_digits_on_white_paper_are_not_crushed_and_the_command_says_so(folder, capsys):
    digits = 255 - load_mnist().test_images[:5]
    np.save("paper.npy", digits)
    assert command("compress", "paper.npy", "paper.nnl") == 0
    said = capsys.readouterr().err
    assert said.startswith("nnlite: compressed without loss") and "come back as something else" in said and said.count("\n") == 1
    assert command("decompress", "paper.nnl", "back.npy") == 0
    np.testing.assert_array_equal(np.load("back.npy"), digits)


@compiled
def test_an_original_of_another_size_is_refused(folder, capsys):
    imagefiles.write_images(Path("a.png"), picture()[None], force=False)
    imagefiles.write_images(Path("b.png"), picture(size=41)[None], force=False)
    assert command("compress", "a.png", "a.nnl") == 0
    assert command("info", "a.nnl", "--images", "b.png") == 1
    assert "b.png: expected the images in the file" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_told_what_takes_longer_than_a_second(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with cli._at_work("compressing", Path("a.png")):
        pass
    monkeypatch.setattr(cli, "PATIENCE", 0.01)
    with cli._at_work("compressing", Path("b.png")):
        while "\n" not in sys.stderr.getvalue():
            pass
    assert sys.stderr.getvalue() == "compressing b.png …\n"


# --- info


def test_info_as_json_says_what_is_in_the_file(run, codec):
    code, out, err = run("info", "digits.nnl", "--json")
    size = Path("digits.nnl").stat().st_size
    header = container.read_header(Path("digits.nnl").read_bytes())
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "codec": "digits", "model": codec.hash.hex()[:3], "quality": 1, "count": 30, "height": SIDE, "width": SIDE,
        "bytes": size, "bytes_per_image": size / 30, "bits_per_pixel": 8 * size / (30 * SIDE * SIDE),
    }  # fmt: skip
    assert header.count == 30


def test_info_as_a_table_says_the_same_in_words(run):
    facts = json.loads(run("info", "digits.nnl", "--json")[1])
    code, out, err = run("info", "digits.nnl")
    assert (code, err) == (0, "")
    rows = [line.rsplit(maxsplit=1) for line in out.splitlines()]
    assert [name.strip() for name, _ in rows] == [name.replace("_", " ") for name in facts]
    for (_, value), fact in zip(rows, facts.values(), strict=True):
        assert value == (f"{fact:.3f}" if isinstance(fact, float) else str(fact))
    assert all(line[15] == " " != line[16] for line in out.splitlines())  # one column of values


def test_info_tells_the_quality_reached_if_it_is_given_the_images(run, codec, images, model):
    expected = psnr(mse(codec.decompress(Path("digits.nnl").read_bytes()), images))
    code, out, err = run("info", "digits.nnl", "--json", "--images", "digits.npy", "--model", model)
    assert (code, err) == (0, "")
    assert json.loads(out)["psnr"] == expected
    assert f"psnr            {expected:.3f}\n" in run("info", "digits.nnl", "--images", "digits.npy", "--model", model)[1]


def test_info_does_not_compare_other_images(run, model, images):
    np.save("fewer.npy", images[1:])
    code, out, err = run("info", "digits.nnl", "--images", "fewer.npy", "--model", model)
    assert (code, out, err) == (
        1,
        "",
        "nnlite: fewer.npy: expected the images in the file, (30, 8, 8, 1), received (29, 8, 8, 1)\n",
    )


# --- images that the codec does not know


def test_dark_spots_on_white_are_refused_with_the_way_out(run, folder, images):
    before = names(folder)
    for options in ([], ["--quality", 0], ["--target-bytes", 1000], ["--target-psnr", 0.5]):
        np.save("dark.npy", 255 - images)
        code, out, err = run("compress", "dark.npy", "new.nnl", *options)
        assert (code, out) == (1, "")
        assert (
            "nnlite: dark.npy: expected images as this codec knows them, received 30 of 30 that come back as something else" in err
        )
        assert (
            err.endswith("if they are dark on white, invert them, 255 − x; if they are no digits, name another codec\n")
            and err.count("\n") == 1
        )
    assert names(folder) == before | {"dark.npy"}


def test_one_image_of_another_kind_among_many_is_named(run, images):
    images = images.copy()
    images[17] = 255 - images[17]
    np.save("mixed.npy", images)
    assert "received 1 of 30 that come back as something else, the first is image 17 with " in run("compress", "mixed.npy", "n")[2]


def test_black_images_are_images_that_the_codec_knows(run):
    np.save("black.npy", np.zeros((2, SIDE, SIDE), np.uint8))
    assert run("compress", "black.npy", "new.nnl") == (0, "", "")


# --- whatever goes wrong: one line, an exit code, and nothing written


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


BAD_INPUT = {  # the file's bytes, and what is said of it
    "text": (b"hello\n", "expected a PNG, PGM, PPM, .npy or IDX file, or a folder of PNGs"),
    "empty file": (b"", "expected a PNG, PGM, PPM, .npy or IDX file, or a folder of PNGs"),
    "of another size": (npy(np.zeros((3, 28, 28), np.uint8)), "grey images of 8 × 8 pixels, received 28 × 28 pixels"),
    "in colour": (npy(np.zeros((3, SIDE, SIDE, 3), np.uint8)), "grey images of 8 × 8 pixels"),
    "no images": (npy(np.zeros((0, SIDE, SIDE), np.uint8)), "received an empty batch"),
    "not a number": (npy(np.full((1, SIDE, SIDE), np.nan)), "received NaN or values outside"),
    "too bright": (npy(np.full((1, SIDE, SIDE), 2.0)), "received NaN or values outside"),
    "integers": (npy(np.zeros((1, SIDE, SIDE), np.int32)), "expected uint8 images, or floats in [0, 1], received int32"),
    "cut short": (npy(np.zeros((1, SIDE, SIDE)))[:-1], "expected a NumPy file of numbers"),
    "objects": (b"\x93NUMPY\x01\0\x46\0{'descr': '|O', 'fortran_order': False, 'shape': (1, 8, 8), }", "a NumPy file of numbers"),
    "long header": (npy(np.zeros(1)).replace(b"\x01\0\x76\0", b"\x01\0\x00\x80") + b" " * 40000, "a NumPy file of numbers"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_images_are_one_line_and_exit_code_1(run, folder, name):
    data, message = BAD_INPUT[name]
    Path("bad").write_bytes(data)
    before = names(folder)
    code, out, err = run("compress", "bad", "new.nnl")
    assert (code, out) == (1, "")
    assert err.startswith("nnlite: ") and err.count("\n") == 1 and err.endswith("\n")
    assert message in err
    assert names(folder) == before


BAD_DATA = {  # a command, and what it says
    "no input": ("compress nothing new.nnl", "nothing: expected a readable file: No such file or directory"),
    "no compressed input": ("decompress nothing new.npy", "nothing: expected a readable file: No such file or directory"),
    "info of nothing": ("info nothing", "nothing: expected a readable file: No such file or directory"),
    "info of images": ("info digits.npy", "expected a file that starts with CE6"),
    "info of a folder": ("info .", "expected a readable file: Is a directory"),
    "images decompressed": ("decompress digits.npy new.npy", "expected a file that starts with CE6"),
    "folder without images": ("compress . new.nnl", "expected a folder of PNG files"),
    "no such quality": ("compress digits.npy new.nnl --quality 3", "expected a quality from 0 to 2, a whole number, received 3"),
    "negative quality": ("compress digits.npy new.nnl --quality -1", "expected a quality from 0 to 2, a whole number, received -1"),
    "no such image": ("decompress digits.nnl new.npy --index 30", "expected an index from 0 to 29, received 30"),
    "negative image": ("decompress digits.nnl new.npy --index -1", "expected an index from 0 to 29, received -1"),
    "many in a png": ("decompress digits.nnl new.png", "expected one image for a PNG, received 30"),
    "unknown ending": ("decompress digits.nnl new.jpg", "expected a name that ends in .png, .npy"),
    "no such place": ("compress digits.npy missing/new.nnl", "expected a place that can be written to: No such file or directory"),
    "output is there": ("compress digits.npy digits.nnl", "digits.nnl is already there: choose another name, or give --force"),
    "images are there": ("decompress digits.nnl digits.npy", "digits.npy is already there: choose another name, or give --force"),
    "output is in the folder": ("compress digits.npy .", "digits.nnl is already there: choose another name, or give --force"),
    "forced over a folder": ("decompress digits.nnl . --force", "expected a folder of numbered PNG files to replace, received one"),
    "no such model": ("compress digits.npy new.nnl --model nothing", "nothing: expected a codec file that can be read"),
    "no model": ("compress digits.npy new.nnl --model digits.npy", "digits.npy: expected a codec file"),
    "name too long": (f"compress digits.npy {'x' * 300}", "File name too long"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(run, folder, images, name):
    command, message = BAD_DATA[name]
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, out, err = run(*command.split())
    assert (code, out) == (1, "")
    assert err.startswith("nnlite: ") and err.count("\n") == 1 and err.endswith("\n")
    assert message in err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_of_another_codec_is_refused(run, folder, images):
    trained(np.random.default_rng(77)).save("other.safetensors")
    assert run("compress", "digits.npy", "other.nnl", "--model", "other.safetensors")[0] == 0
    code, _, err = run("decompress", "other.nnl", "new.npy")
    assert code == 1 and "decode it with the model that made it" in err and err.count("\n") == 1
    assert "new.npy" not in names(folder)


def test_a_damaged_file_is_refused_and_nothing_written(run, folder):
    data = Path("digits.nnl").read_bytes()
    for damaged in (data[:5], data[:-1], data + b"\0", data[:20] + bytes([data[20] ^ 4]) + data[21:]):
        Path("damaged.nnl").write_bytes(damaged)
        code, out, err = run("decompress", "damaged.nnl", "new")
        assert (code, out) == (1, "") and err.count("\n") == 1
        assert "new" not in names(folder)


@pytest.mark.parametrize("command", [("info",), ("decompress", "new.png")])
def test_a_file_that_compress_has_not_written_is_named(command, run, folder):
    Path("notes.txt").write_text("no picture")
    code, out, err = run(command[0], "notes.txt", *command[1:])
    assert (code, out) == (1, "")
    assert err == "nnlite: notes.txt: expected a file that starts with CE6, received '6e6f': compress writes such files\n"


BAD_ARGUMENTS = [
    [],
    ["unknown"],
    ["compress"],
    ["compress", "digits.npy"],
    ["compress", "digits.npy", "new.nnl", "--codec", "zip"],
    ["compress", "digits.npy", "new.nnl", "--quality", "high"],
    ["compress", "digits.npy", "new.nnl", "--quality", "1.5"],
    ["compress", "digits.npy", "new.nnl", "--target-bytes", "few"],
    ["compress", "digits.npy", "new.nnl", "--quality", "1", "--target-psnr", "20"],
    ["compress", "digits.npy", "new.nnl", "--target-bytes", "9", "--target-psnr", "20"],
    ["compress", "digits.npy", "new.nnl", "--unknown"],
    ["decompress", "digits.nnl", "new.npy", "--index", "first"],
    ["info"],
]


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS, ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_code_2(folder, capsys, arguments):
    with pytest.raises(SystemExit) as leaving:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert (leaving.value.code, out) == (2, "")
    assert err.startswith("nnlite") and "(see --help)" in err and err.count("\n") == 1
    assert names(folder) == {"digits.npy", "digits.nnl"}


@pytest.mark.parametrize("option", ["--target-bytes", "--target-psnr"])
def test_a_target_that_is_no_number_is_refused(run, folder, option):
    code, out, err = run("compress", "digits.npy", "new.nnl", option, "nan")
    assert code in (1, 2) and out == "" and err.count("\n") == 1
    assert "new.nnl" not in names(folder)


# --- never by accident, never by halves


def test_force_replaces_the_output(run, codec, images):
    assert run("compress", "digits.npy", "digits.nnl", "--quality", 2, "--force")[0] == 0
    assert Path("digits.nnl").read_bytes() == codec.compress(images, 2)
    assert run("decompress", "digits.nnl", "digits.npy", "--force")[0] == 0
    np.testing.assert_array_equal(np.load("digits.npy"), codec.decompress(codec.compress(images, 2)))


def test_a_file_may_replace_its_own_input(run, codec, images):
    assert run("compress", "digits.npy", "digits.npy", "--force")[0] == 0
    assert Path("digits.npy").read_bytes() == codec.compress(images, 1)


@pytest.mark.parametrize(
    ("command", "call"), [("compress digits.npy digits.nnl", "replace"), ("decompress digits.nnl new", "rename")]
)
def test_a_failing_write_leaves_everything_as_it_was(run, folder, monkeypatch, command, call):
    def fails(*_):
        raise OSError(28, "No space left on device")

    before = {path: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(os, call, fails)
    code, _, err = run(*command.split(), "--force")
    assert code == 1 and "No space left on device" in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("place", ["nnlite.pictures.picture_files.read_images", "os.replace"])
def test_ctrl_c_ends_with_130_and_leaves_everything_as_it_was(run, folder, monkeypatch, place):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    assert run("compress", "digits.npy", "new.nnl") == (130, "", "nnlite: interrupted\n")
    assert names(folder) == {"digits.npy", "digits.nnl"}


# --- as a program, with pipes


def test_images_and_files_go_through_pipes(folder, model, codec, images):
    compressed = piped("compress", "-", "-", "--quality", 2, "--model", model, data=npy(images))
    assert (compressed.returncode, compressed.stderr) == (0, b"")
    assert compressed.stdout == codec.compress(images, 2)
    facts = piped("info", "-", "--json", data=compressed.stdout)
    assert json.loads(facts.stdout)["count"] == 30
    back = piped("decompress", "-", "-", "--model", model, data=compressed.stdout)
    assert (back.returncode, back.stderr) == (0, b"")
    np.testing.assert_array_equal(np.load(io.BytesIO(back.stdout)), codec.decompress(compressed.stdout))


def test_an_error_in_a_pipe_is_one_line_and_no_output(model):
    done = piped("decompress", "-", "-", "--model", model, data=b"not compressed")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"nnlite: ") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(), (6,), (0, 28, 28), (2, 0, 3), (1, 1, 1, 1, 1), (2, 5, 5, 4)])
def test_an_array_that_is_no_pictures_is_one_line_with_its_shape(folder, capsys, shape, dtype):
    np.save("array.npy", np.zeros(shape, dtype))
    assert command("compress", "array.npy", "out.nnl") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("nnlite: array.npy: expected ") and str(shape) in err and err.count("\n") == 1
    assert "out.nnl" not in names(folder)


NONE = b"nnlite: -: expected standard input and output, received none: name a file\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("info digits.nnl >&-", (0, b"")),
        ("compress digits.npy out.nnl <&- >&- 2>&-", (0, b"")),
        ("decompress digits.nnl - >&-", (1, NONE)),
        ("compress - out.nnl <&-", (1, NONE)),
    ],
)
def test_without_standard_streams_the_commands_work_and_a_pipe_is_refused(folder, model, arguments, expected):
    """A service or pythonw has none; with ">&-" a shell closes it."""
    command, environment = f"{sys.executable} -m nnlite {arguments} --model {model}", {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == expected
    assert Path("out.nnl").exists() == (expected[0] == 0 and arguments.startswith("compress"))


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["--version"])
    assert (leaving.value.code, capsys.readouterr().out) == (0, f"nnlite {nnlite.__version__}\n")


def test_a_reader_that_has_had_enough_is_no_reason_for_a_traceback(folder):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nnlite", "info", "digits.nnl"]
    with os.fdopen(writer, "wb") as closed:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, cwd=folder, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("command", ["info digits.nnl", "compress digits.npy - --model", "decompress digits.nnl - --model"])
def test_an_output_that_is_full_is_one_line(folder, model, command):
    arguments = [*command.split(), *([model] if command.endswith("--model") else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nnlite", *arguments],
            stdout=full, stderr=subprocess.PIPE, cwd=folder, env=environment, timeout=120,
        )  # fmt: skip
    expected = b"nnlite: -: expected an output that can be written to: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, expected)


# --- help


@pytest.mark.parametrize("command", [[], ["compress"], ["decompress"], ["info"]], ids=lambda command: " ".join(command) or "nnlite")
@pytest.mark.parametrize("columns", [80, 132])
def test_help_is_a_manual_that_fits_the_terminal(monkeypatch, capsys, command, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as leaving:
        cli.main([*command, "--help"])
    out, err = capsys.readouterr()
    assert (leaving.value.code, err) == (0, "")
    assert out.startswith(f"usage: {' '.join(['nnlite', *command])}")
    assert max(map(len, out.splitlines())) <= columns


def test_help_of_the_program_names_commands_examples_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    for word in ("compress", "decompress", "info", "examples:", "exit codes:", "28 × 28", "PNG", ".npy", "IDX", '"-"'):
        assert word in out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("compress", ["IN", "OUT", "--quality", "--target-bytes", "--target-psnr", "--model", "--force"]),
        ("decompress", ["IN", "OUT", "--index", "--model", "--force"]),
        ("info", ["FILE", "--json"]),
    ],
)
def test_help_of_a_command_names_its_arguments(capsys, command, words):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []


def test_the_module_runs_as_a_program():
    done = piped("--help")
    assert done.returncode == 0 and done.stdout.startswith(b"usage: nnlite") and done.stderr == b""


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="the package is installed without its sources")
def test_the_command_is_declared_for_installation():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    name, _, target = settings["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = target.partition(":")
    assert name == "nnlite"
    assert getattr(importlib.import_module(module), function) is cli.main
