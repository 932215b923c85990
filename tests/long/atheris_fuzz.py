"""Coverage-guided fuzzing of one reader, for as long as one likes: ``python -m tests.long.atheris_fuzz idx``.

It needs ``pip install atheris``. Whatever follows the reader's name is for libFuzzer: a folder for the files that it finds worth
keeping, ``-runs=1000000``, ``-max_total_time=600``. An exception that the reader does not document ends it, and the file that
caused it is written.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path


def main() -> None:
    """Feed the reader until something breaks."""
    names = sys.argv[1:2]
    if names in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    import atheris  # only now, so that the help needs no package

    os.environ["NUMBA_DISABLE_JIT"] = "1"  # coverage is seen in Python's code alone
    with atheris.instrument_imports(include=["nnlite"]):
        from tests.long.readers import READERS
    if not names or names[0] not in READERS:
        sys.exit(f"expected a reader of {', '.join(READERS)} as the first argument, received {names}")
    reader = READERS[names[0]]
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus = folder / "corpus"  # the good files, to start from
        corpus.mkdir()
        for number, sample in enumerate(reader.samples):
            (corpus / str(number)).write_bytes(sample)

        def run(data: bytes) -> None:
            for each in (data, reader.repair(data)) if reader.repair else (data,):
                try:
                    reader.read(each, folder)
                except reader.errors:
                    continue

        options = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536", *sys.argv[2:], str(corpus)]
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
