"""What is raised for a file that is not what it should be: one family, so that a program can catch them all as `FileError`."""

import contextlib
from collections.abc import Iterator


class FileError(ValueError):
    """A file that is not what it should be; the message names it or what is wrong in it."""


class FormatError(FileError):
    """A file that is no safetensors file, or a damaged one."""


class CheckpointError(FileError):
    """A file that does not fit the model or its training; the message names the first difference."""


class DatasetError(FileError):
    """A data file or folder that is not what it should be."""


class PictureError(FileError):
    """A file or folder of pictures that cannot be read, or cannot be written."""


class CodecError(FileError):
    """Compressed data, or what is to be compressed, that is not what the codec expects."""


@contextlib.contextmanager
def reported_as(error: type[FileError], expected: str, *causes: type[Exception]) -> Iterator[None]:
    """Raise an `error` that says what was expected in place of exceptions of these kinds; one that is an `error` stays itself."""
    try:
        yield
    except causes as cause:
        if isinstance(cause, error):
            raise
        raise error(f"{expected}: {getattr(cause, 'strerror', None) or cause}") from cause
