"""Writing files whole or not at all."""

import os
import stat

import pytest

from nnlite.files import write_atomically


@pytest.fixture
def umask():
    """A function that sets the umask until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("data", [b"", b"content", bytes(100_000)])
def test_the_file_holds_the_data(tmp_path, data):
    for path in (tmp_path / "file", str(tmp_path / "file")):
        write_atomically(path, data)
        assert (tmp_path / "file").read_bytes() == data
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_longer_old_file_is_replaced_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o000])
def test_the_file_has_the_permissions_that_open_would_give(tmp_path, umask, mask):
    umask(mask)
    write_atomically(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_the_umask_is_left_as_it_was(tmp_path, umask):
    umask(0o027)
    write_atomically(tmp_path / "file", b"new")
    assert umask(0o022) == 0o027


@pytest.mark.parametrize("function", ["fdopen", "fsync", "chmod", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_on_the_way_keeps_the_old_file_and_removes_the_new(tmp_path, monkeypatch, function, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fails(*_):
        raise error("on the way")

    monkeypatch.setattr(os, function, fails)
    with pytest.raises(error, match="on the way"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_data_are_on_the_disk_before_the_file_is_renamed(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (calls.append(name), real(*args)))
    write_atomically(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "folder" / "file", b"new")


def test_a_bare_name_is_a_file_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
