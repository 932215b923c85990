"""The one exception of the codec: bytes that cannot be read, or values that cannot be written."""


class CodecError(ValueError):
    """A file or stream is not what it should be: damaged, cut short, of another format, or made with another model."""
