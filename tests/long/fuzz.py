"""Damaged files for every reader: ``python -m tests.long.fuzz --reader idx --count 100000``; all readers if none is named.

Each case is a good file with random bit flips, splices, cuts and numbers at the edges, half of them with their checksums made
right again. It must end in the reader's documented exception or in right data, as `tests.long.readers` compares them: without
another exception or a warning, within a second of processor time, and within the memory that is left to the process, 1 GiB more
than it has at the start.
"""

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.long.readers import READERS, Reader

SECONDS = 1.0
MEMORY = 2**30
EDGES = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


class HangError(BaseException):
    """A case took more than a second. No Exception, so that no reader can take it for a damaged file."""


def flip(data: bytearray, rng: random.Random, _: bytes) -> None:
    """Flip one to eight bits."""
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    """Put a piece of a good file anywhere, over what is there or between it."""
    start, place = rng.randrange(len(other)), rng.randrange(len(data))
    piece = other[start : start + rng.randint(1, 32)]
    data[place : place + (len(piece) if rng.random() < 0.5 else 0)] = piece


def cut(data: bytearray, rng: random.Random, _: bytes) -> None:
    """Take a piece out, or all behind a place."""
    start = rng.randrange(len(data))
    del data[start : start + rng.randint(1, 16) if rng.random() < 0.7 else None]


def edge(data: bytearray, rng: random.Random, _: bytes) -> None:
    """Write a number at the edge of some type, in bytes of either order or in digits."""
    number, size, place = rng.choice(EDGES), rng.choice([1, 2, 4, 8]), rng.randrange(len(data))
    digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
    if digits and rng.random() < 0.5:
        place = rng.choice(digits)
        data[place : place + 1] = str(rng.choice([number, -number, number / 2])).encode()
    else:
        data[place : place + size] = (number % 256**size).to_bytes(size, rng.choice(["big", "little"]))


def noise(data: bytearray, rng: random.Random, _: bytes) -> None:
    """Write random bytes over a piece."""
    place = rng.randrange(len(data))
    data[place : place + rng.randint(1, 16)] = rng.randbytes(rng.randint(1, 16))


CHANGES = [flip, flip, splice, splice, cut, edge, noise]


def cases(reader: Reader, count: int, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Yield so many damaged files, and whether their checksums have been repaired; one seed gives the same ones."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(reader.samples))
        for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
            if data:
                rng.choice(CHANGES)(data, rng, rng.choice(reader.samples))
        repaired = reader.repair is not None and rng.random() < 0.5
        yield (reader.repair(bytes(data)) if repaired else bytes(data)), repaired


def too_long(*_: object) -> None:
    """Answer the timer's signal."""
    raise HangError(f"no end after {SECONDS:g} s of processor time")


def fuzz(name: str, count: int, seed: int, folder: Path) -> bool:
    """Run the cases of one reader, print what became of them, and return whether all was well."""
    reader = READERS[name]
    for sample in reader.samples:  # also imports and compiles what there is
        reader.check(sample, folder, repaired=False)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + MEMORY, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    slowest = 0.0
    start = time.process_time()
    for number, (data, repaired) in enumerate(cases(reader, count, seed)):
        began = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            reader.check(data, folder, repaired)
            read += 1
        except reader.errors:
            refused += 1
        except (Exception, HangError) as error:
            print(f"{name}: case {number} of seed {seed} ended in {type(error).__name__}: {error}\n{data.hex()}")
            return False
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        slowest = max(slowest, time.process_time() - began)
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{name}: {count:,} cases, {read:,} read, {refused:,} refused, nothing else; "
        f"{seconds:.0f} s, the slowest {1000 * slowest:.0f} ms; memory grew by {grown:.0f} MB",
        flush=True,
    )
    if slowest > SECONDS:  # the timer counts no time that the system takes for the process
        print(f"{name}: the slowest case took {1000 * slowest:.0f} ms, expected at most {1000 * SECONDS:.0f} ms")
    return slowest <= SECONDS


def address_space() -> int:
    """Return the bytes of address space that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main() -> int:
    """Fuzz the readers asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", choices=READERS, metavar="NAME", help=f"only this one of {', '.join(READERS)}")
    parser.add_argument("--count", type=int, default=100_000, metavar="N", help="cases for each reader (default 100,000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the damage (default 1)")
    options = parser.parse_args()
    warnings.simplefilter("error")
    signal.signal(signal.SIGVTALRM, too_long)
    with tempfile.TemporaryDirectory() as folder:
        names = [options.reader] if options.reader else list(READERS)
        return 0 if all(fuzz(name, options.count, options.seed, Path(folder)) for name in names) else 1


if __name__ == "__main__":
    sys.exit(main())
