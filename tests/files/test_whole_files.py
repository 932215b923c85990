"""Reading no more than a file, and writing it whole or not at all."""

import contextlib
import os
import stat
import zlib
from pathlib import Path

import pytest

from nnlite.files.whole_files import read_file, remove_leftovers, with_ending, write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="about the files of POSIX")


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


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o000])
def test_the_file_has_the_permissions_that_open_would_give(tmp_path, umask, mask):
    umask(mask)
    write_atomically(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_the_umask_which_all_threads_share_is_never_touched(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "umask")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("function", ["fsync", "chmod", "replace"])
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


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_all_of_the_data_are_in_the_file_that_is_flushed(tmp_path, monkeypatch, size):
    sizes = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (sizes.append(os.fstat(number).st_size), real(number)))
    write_atomically(tmp_path / "file", bytes(size))
    assert sizes == [size]


@posix
def test_what_replaces_a_file_is_private_until_it_is_complete(tmp_path, monkeypatch, umask):
    umask(0)
    modes = []
    monkeypatch.setattr(os, "fsync", lambda number: modes.append(stat.S_IMODE(os.fstat(number).st_mode)))
    (tmp_path / "file").write_bytes(b"old")
    write_atomically(tmp_path / "file", b"new")
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666


def test_the_temporary_file_has_the_name_of_the_file_if_that_is_no_longer_than_fifty_characters(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr(os, "replace", lambda temporary, target: names.append(temporary.name))
    for length in (1, 49, 50, 51):
        write_atomically(tmp_path / (length * "x"), b"new")
    beginnings = [name.removesuffix(".tmp")[:-8] for name in names]
    assert beginnings == [f".{length * 'x'}." for length in (1, 49, 50)] + [f".{50 * 'x'}~{zlib.crc32(51 * b'x'):08x}."]


def test_a_missing_folder_is_an_os_error_that_names_the_file_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "folder" / "file", b"new")
    assert caught.value.filename == str(tmp_path / "folder" / "file")


def test_a_bare_name_is_a_file_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_what_killed_writes_have_left_is_removed_and_nothing_else(tmp_path):
    left = [".file[1].0123abcd.tmp", ".file[1].99999999.tmp"]
    others = [
        "file[1]", ".file[1].abc.tmp", ".file1.0123abcd.tmp", ".file[1]0123abcd.tmp", "other.tmp",
        ".file[1].best.0123abcd.tmp", ".file[1].0123abcd.tmp.0123abcd.tmp", ".file[1].01234567x.tmp",
    ]  # fmt: skip
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"")
    remove_leftovers(tmp_path / "file[1]")
    assert {path.name for path in tmp_path.iterdir()} == set(others)


@posix
def test_what_killed_writes_through_a_link_have_left_is_removed_beside_its_target(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(Path("folder") / "there")
    left = tmp_path / "folder" / ".there.0123abcd.tmp"
    left.write_bytes(b"")
    remove_leftovers(str(tmp_path / "link"))
    assert not left.exists()


def test_leftovers_that_another_process_has_removed_do_not_matter(tmp_path, monkeypatch):
    gone = tmp_path / ".file.0123abcd.tmp"
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [gone])
    remove_leftovers(tmp_path / "file")


@pytest.mark.parametrize("name", ["file", 49 * "é", 50 * "é", 51 * "é", 200 * "x"])
def test_what_a_killed_write_really_leaves_is_removed_and_not_that_of_a_name_with_the_same_beginning(tmp_path, monkeypatch, name):
    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", dies)
    monkeypatch.setattr(os, "unlink", lambda _: None)  # as after a kill, the temporary file stays
    for path in (tmp_path / name, tmp_path / f"{name}z"):
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"half")
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path / name)
    (other,) = tmp_path.iterdir()
    remove_leftovers(tmp_path / f"{name}z")
    assert not other.exists()


# --- what a path may be


@posix
@pytest.mark.parametrize("target", ["there", "missing"])
def test_a_symbolic_link_stays_one_and_its_target_is_written(tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(Path("folder") / target)
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / target).read_bytes() == b"new"
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"there", target}


@posix
def test_a_ring_of_links_is_an_os_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError):
        write_atomically(tmp_path / "a", b"new")
    with pytest.raises(OSError):
        read_file(tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755])
def test_the_new_file_is_as_private_as_the_old_one(tmp_path, umask, mode):
    umask(0o022)
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(mode)
    write_atomically(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_the_longest_name_that_the_file_system_takes_is_written(tmp_path):
    write_atomically(tmp_path / ("x" * 255), b"new")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"new"


@posix
def test_a_pipe_is_neither_waited_for_nor_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe or a device, no file"):
        read_file(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe or a device, no file"):
        write_atomically(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_neither_read_nor_replaced(device):
    with pytest.raises(OSError, match="it is a pipe or a device, no file"):
        read_file(device)
    with pytest.raises(OSError, match="it is a pipe or a device, no file"):
        write_atomically(device, b"new")
    assert Path(device).is_char_device()


@posix
@pytest.mark.parametrize("name", ["file", "missing"])
def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path, name):
    folder = tmp_path
    if os.geteuid() == 0:  # for whom no folder is closed but those of the kernel
        folder = Path("/proc/self/fd")
    else:
        (folder / "file").write_bytes(b"old")
        folder.chmod(0o555)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OSError) as caught:
        write_atomically(folder / name, b"new")
    assert caught.value.strerror
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@contextlib.contextmanager
def full_disk():
    """Let no file become longer than 4,096 bytes in the block, as on a full disk; pytest's own output stays outside."""
    import resource  # POSIX alone has it

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # Python ignores the signal that comes with it
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
def test_a_full_disk_is_an_os_error_that_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with full_disk(), pytest.raises(OSError, match="File too large"):
        write_atomically(path, bytes(10_000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# --- reading


@pytest.mark.parametrize("data", [b"", b"content", bytes(100_000)])
def test_a_file_is_read_whole(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    for path in (tmp_path / "file", str(tmp_path / "file")):
        assert read_file(path, limit=100_000) == data


def test_a_file_beyond_the_limit_is_an_os_error_before_it_is_read(tmp_path):
    with open(tmp_path / "file", "wb") as file:
        file.truncate(2**40)  # a hole, which takes no place on the disk
    with pytest.raises(OSError, match="it has 1099511627776 bytes, more than 1073741824"):
        read_file(tmp_path / "file")


def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_file(tmp_path / "file", limit=5) == b"12345"
    with pytest.raises(OSError, match="it has 5 bytes, more than 4"):
        read_file(tmp_path / "file", limit=4)


def test_a_missing_file_and_a_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "file")
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)


def test_a_single_file_that_is_left_out_is_named_alone():
    with pytest.warns(UserWarning, match=r"^notes\.txt left out: expected files that end in \.png$"):
        assert with_ending([Path("a.PNG"), Path("notes.txt"), Path("b.png")], [".png"]) == [Path("a.PNG"), Path("b.png")]
