"""From measurements to a report: rows, the check of the results, and the table."""

import dataclasses
import statistics
from collections.abc import Sequence

from benchmarks.adapters import BLAS, NNLITE, Entry
from benchmarks.command import aligned
from benchmarks.job import Job
from benchmarks.measure import Samples

TOLERANCE = 0.03  # of the test MSE, around the median of the rows that train the same model
TIMES = {  # keys of a row, and their titles
    "import_seconds": "import",
    "first_step_seconds": "first step",
    "epoch_seconds": "epoch",
    "predict_seconds": "inference",
    "process_seconds": "process",
}


def upper_half(values: Sequence) -> Sequence:
    """Return the last half of a series, at least two points: its slope is fitted to them."""
    return values[min(len(values) // 2, len(values) - 2) :]


def spread(values: Sequence[float | None]) -> dict | None:
    """Return the median, the lowest, the highest and all known values; None if there are none."""
    known = [value for value in values if value is not None]
    return {"median": statistics.median(known), "lowest": min(known), "highest": max(known), "values": known} if known else None


def skipped_row(entry: Entry, reason: str) -> dict:
    """Return a row with a reason in place of figures."""
    return {"name": entry.name, "title": entry.title, "skipped": reason}


def row(samples: Samples) -> dict:
    """Return the row of one framework; times in seconds, memory in megabytes."""
    entry, answers = samples.entry, samples.answers
    if samples.failed:
        return skipped_row(entry, f"failed: {samples.failed}")
    whole = entry.name != BLAS.name  # its process does no job
    return {
        "name": entry.name,
        "title": entry.title,
        "note": entry.note,
        "comparable": entry.comparable,
        "versions": answers[-1]["versions"],
        "blas_kernel": answers[-1]["blas_kernel"],
        **{key: spread([answer[key] for answer in answers]) for key in ("import_seconds", "first_step_seconds")},
        "cold_first_step_seconds": samples.cold_first_step_seconds,
        "epoch_seconds": spread(samples.epoch_seconds),
        "predict_seconds": spread(samples.predict_seconds),
        "process_seconds": spread([answer["process_seconds"] for answer in answers]) if whole else None,
        "peak_rss_mb": _median([answer["peak_rss_mb"] for answer in answers]) if whole else None,
        "test_mse": _median([answer["test_mse"] for answer in answers]),
    }


def check(rows: Sequence[dict]) -> None:
    """Set "agrees" in each comparable row: whether its test MSE is within 3 % of their median."""
    compared = [row for row in rows if row.get("comparable") and row["test_mse"] is not None]
    if compared:
        middle = statistics.median(row["test_mse"] for row in compared)
        for row in compared:
            row["agrees"] = abs(row["test_mse"] - middle) <= TOLERANCE * middle


def report(rows: Sequence[dict], job: Job) -> dict:
    """Check the rows, and return the report of one job."""
    check(rows)
    return {"job": {**dataclasses.asdict(job), "description": job.describe()}, "rows": rows}


def any_failed(rows: Sequence[dict]) -> bool:
    """Tell whether a framework ended with an error, or with another result than the others."""
    return any(row.get("skipped", "").startswith("failed") or not row.get("agrees", True) for row in rows)


def table(rows: Sequence[dict]) -> str:
    """Return the rows as text: medians, below them lowest–highest, then rows without figures, then notes."""
    measured = [row for row in rows if not row.get("skipped")]
    lines = [["", *TIMES.values(), "memory", "test MSE", "epoch"], ["", *["s"] * len(TIMES), "MB", "", "/ nnlite"]]
    lines += [line for row in measured for line in (_medians(row, rows), _ranges(row)) if any(line)]
    skipped = [f"{row['title']}: {row['skipped']}" for row in rows if row.get("skipped")]
    notes = [f"{row['title']}: {note}" for row in measured for note in _notes(row)]
    return "\n".join([aligned(lines), *skipped, *notes])


def _medians(row: dict, rows: Sequence[dict]) -> list[str]:
    own = next((other for other in rows if other["name"] == NNLITE.name and not other.get("skipped")), None)
    memory, error = row["peak_rss_mb"], row["test_mse"]
    mark = "" if row.get("agrees", True) and row["comparable"] else " *"
    return [
        row["title"],
        *(_digits(row[key]["median"]) if row[key] else "–" for key in TIMES),
        f"{memory:.0f}" if memory is not None else "–",
        f"{error:.5f}{mark}" if error is not None else "–",
        f"{row['epoch_seconds']['median'] / own['epoch_seconds']['median']:.2f}" if own else "–",
    ]


def _notes(row: dict) -> list[str]:
    notes = [row["note"]] if row["note"] else []
    if row["cold_first_step_seconds"] is not None:
        notes.append(f"first step {row['cold_first_step_seconds']:.1f} s if it compiles for the first time on a machine")
    if not row.get("agrees", True):
        notes.append(f"* its test MSE is more than {TOLERANCE:.0%} from the others': it has not done the same job")
    return notes


def _ranges(row: dict) -> list[str]:
    """Return the line below the medians: lowest–highest if there are several values."""
    several = [row[key] if row[key] and len(row[key]["values"]) > 1 else None for key in TIMES]
    return ["", *(f"{_digits(times['lowest'])}–{_digits(times['highest'])}" if times else "" for times in several), "", "", ""]


def _digits(seconds: float) -> str:
    """Return three significant digits, no more than a thousandth of a second."""
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
