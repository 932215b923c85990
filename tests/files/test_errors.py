"""The one family of exceptions about files: what was expected stands before what went wrong, and only once."""

import pytest

from nnlite.files.errors import CodecError, DatasetError, FileError, PictureError, reported_as


def test_every_error_about_a_file_is_a_file_error_and_a_value_error():
    for kind in (DatasetError, PictureError, CodecError):
        assert issubclass(kind, FileError) and issubclass(kind, ValueError)


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (TypeError("no such type"), "expected a picture: no such type"),
        (OSError(28, "No space left"), "expected a picture: No space left"),
    ],
)
def test_a_cause_is_reported_with_what_was_expected(cause, message):
    with pytest.raises(PictureError) as caught, reported_as(PictureError, "expected a picture", TypeError, OSError):
        raise cause
    assert str(caught.value) == message and caught.value.__cause__ is cause


def test_an_error_that_is_reported_already_is_left_as_it_is():
    own = PictureError("expected a PNG image")
    with pytest.raises(PictureError) as caught, reported_as(PictureError, "expected a picture", ValueError):
        raise own
    assert caught.value is own


def test_an_error_that_is_named_as_a_cause_gets_the_name_of_its_file():
    own = CodecError("expected a checksum")
    with pytest.raises(CodecError, match=r"^a: expected a checksum$") as caught, reported_as(CodecError, "a", CodecError):
        raise own
    assert caught.value.__cause__ is own


def test_other_exceptions_pass():
    with pytest.raises(KeyError), reported_as(PictureError, "expected a picture", TypeError):
        raise KeyError("a fault of the program")
