"""Reading a file that may be anything; writing one so that it is afterwards the old one or the new one, whole."""

import contextlib
import errno
import glob
import os
import stat
import tempfile
from pathlib import Path

MAX_BYTES = 2**30  # 1 GiB, twice the largest file of MNIST's family


def read_file(path: str | os.PathLike[str], limit: int = MAX_BYTES) -> bytes:
    """Return what a file holds, of at most `limit` bytes; no memory is taken for more than the file has.

    Raises
    ------
    OSError
        The file cannot be read, is larger, or is a pipe or a device, which might never end.
    """

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # or else a named pipe waits for its writer

    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        _check_kind(status.st_mode, path)
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, more than {limit}", os.fspath(path))
        return file.read(status.st_size)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files beside `path` that writes which were killed have left; not while another process writes there."""
    path = Path(os.path.realpath(path))
    for leftover in path.parent.glob(f"{glob.escape(_temporary_prefix(path))}*.tmp"):
        leftover.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it to the disk and rename it.

    Whatever happens on the way (a full disk, a kill), `path` holds its old content or all of the new; after an exception the
    temporary file is removed. Only a kill can leave it behind, as ".NAME.….tmp". A symbolic link stays one, and its target is
    replaced. The new file has the permissions of the old one, or those of any new file.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written, the disk is full, or `path` is a folder, a pipe or a device.
    """
    path = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
        _check_kind(mode, path)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    handle, temporary = tempfile.mkstemp(prefix=_temporary_prefix(path), suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode & 0o777)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _temporary_prefix(path: Path) -> str:
    """Return how the names of the temporary files for `path` begin: no longer than a folder can hold, whatever its encoding."""
    return f".{path.name[:50]}."


def _check_kind(mode: int, path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a file's mode is that of a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, no file", os.fspath(path))
