"""Types of arguments for argparse: each turns a text into a value, or says what it expects."""

import argparse
from collections.abc import Callable, Collection


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return an argument type: an integer of at least `minimum`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {minimum}, received {text!r}")
        return number

    return parse


def whole_numbers(text: str) -> list[int]:
    """Return an argument such as "512,256" as a list; an empty text is an empty list."""
    return [whole_number(1)(part) for part in text.split(",")] if text else []


def names_among(known: Collection[str]) -> Callable[[str], list[str]]:
    """Return an argument type: one or more of these names, separated by commas."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"expected names among {', '.join(known)}, received {unknown[0]!r}")
        return names

    return parse


def number_between(low: float, high: float, included: bool = False) -> Callable[[str], float]:
    """Return an argument type: a number above `low`, or `low` itself if it is included, and below `high`."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = high
        if not (low < number < high or (included and number == low)):
            kind = f"of at least {low:g} and below {high:g}" if included else f"between {low:g} and {high:g}"
            raise argparse.ArgumentTypeError(f"expected a number {kind}, received {text!r}")
        return number

    return parse
