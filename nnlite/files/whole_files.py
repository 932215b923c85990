"""Read a file that may be anything, sort a folder, and write a file that is always whole: the old one or the new one."""

import contextlib
import errno
import glob
import os
import re
import stat
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 2**30  # 1 GiB, twice the largest file of MNIST's family


def read_file(path: str | os.PathLike[str], limit: int = MAX_BYTES) -> bytes:
    """Return a file's bytes, at most `limit`; allocate no more than the file has.

    Raises
    ------
    OSError
        The file cannot be read, is larger, or is a pipe or a device: these might never end.
    """

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # otherwise a named pipe waits for its writer

    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        _check_kind(status.st_mode, path)
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, more than {limit}", os.fspath(path))
        return file.read(status.st_size)


def natural_order(path: Path) -> tuple[list[str | tuple[int, str]], str]:
    """Return a key to sort files as people count: 2.png before 10.png, because longer numbers are larger."""
    parts = re.split(r"0*([0-9]+)", path.name)  # every second part is a number, of any length
    return [(len(part), part) if position % 2 else part for position, part in enumerate(parts)], path.name


def visible(folder: Path) -> list[Path]:
    """Return what a folder holds, in natural order; nothing whose name begins with a dot."""
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=natural_order)


def with_ending(entries: list[Path], endings: Sequence[str]) -> list[Path]:
    """Return the entries with one of these endings, in any case; warn of others beside them."""
    chosen = [entry for entry in entries if entry.suffix.lower() in endings]
    others = [entry for entry in entries if entry.suffix.lower() not in endings]
    if chosen and others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        warnings.warn(f"{others[0]}{more} left out: expected files that end in {', '.join(endings)}", stacklevel=3)
    return chosen


def files_in(path: Path, endings: Sequence[str]) -> list[Path]:
    """Return a folder's files with these endings as `with_ending` does; none of what is no folder, or one that cannot be listed."""
    with contextlib.suppress(OSError):
        return with_ending(visible(path), endings)
    return []


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Delete what killed writes left beside `path`. Not safe while another process writes it."""
    path = Path(os.path.realpath(path))
    for leftover in path.parent.glob(f"{glob.escape(_temporary_prefix(path))}{8 * '[0-9a-f]'}.tmp"):
        leftover.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it to the disk and rename it.

    Whatever happens on the way (a full disk, a kill), `path` holds its whole old content or its whole new content. An exception
    removes the temporary file; only a kill can leave it behind, as ".NAME.….tmp". A symbolic link stays a link, and its target is
    replaced. The new file gets the permissions of the old one, or those of any new file.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written, the disk is full, or `path` is a folder, a pipe or a device.
    """
    target = Path(os.path.realpath(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode
        _check_kind(mode, path)
    temporary = target.with_name(f"{_temporary_prefix(target)}{os.urandom(4).hex()}.tmp")

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else 0o600)  # minus the umask; private until it is complete

    try:
        file = open(temporary, "xb", opener=create)  # noqa: SIM115 (closed below)
    except OSError as error:  # it names the temporary file: name `path` instead
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode & 0o777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _temporary_prefix(path: Path) -> str:
    """Return the first part of the names of `path`'s temporary files: unique for `path`, and short enough in any encoding."""
    name = path.name
    return f".{name}." if len(name) <= 50 else f".{name[:50]}~{zlib.crc32(os.fsencode(name)):08x}."


def _check_kind(mode: int, path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a file's mode is that of a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, no file", os.fspath(path))
