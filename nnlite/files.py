"""Writing a file so that it is afterwards the old one or the new one, whole."""

import contextlib
import glob
import os
import tempfile
from pathlib import Path


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files beside `path` that writes which were killed have left; not while another process writes there."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        leftover.unlink()


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it to the disk and rename it.

    Whatever happens on the way (a full disk, a kill), `path` holds its old content or all of the new; after an exception the
    temporary file is removed.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written, or the disk is full.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
