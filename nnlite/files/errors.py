"""Exceptions for bad files: one family, so that a program can catch them all as `FileError`."""

import contextlib
from collections.abc import Iterator


class FileError(ValueError):
    """A bad file; the message names the file or what is wrong in it."""


class FormatError(FileError):
    """The file is no safetensors file, or it is damaged."""


class CheckpointError(FileError):
    """The file does not fit the model or its training; the message names the first difference."""


class DatasetError(FileError):
    """A data file or folder is not in the expected form."""


class PictureError(FileError):
    """A file or folder of pictures cannot be read or written."""


class CodecError(FileError):
    """The codec does not take these pictures or this compressed data."""


@contextlib.contextmanager
def reported_as(error: type[Exception], expected: str, *causes: type[Exception]) -> Iterator[None]:
    """In place of exceptions of these kinds raise an `error` that begins with what was expected, or with the file's name.

    Leave one that is an `error` already, unless that is among the kinds.
    """
    try:
        yield
    except causes as cause:
        if isinstance(cause, error) and error not in causes:
            raise
        raise error(f"{expected}: {getattr(cause, 'strerror', None) or cause}") from cause
