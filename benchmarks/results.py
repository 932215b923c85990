"""From measurements to a report: rows, the check of the results, ratios, and the table."""

import dataclasses
import statistics
from collections.abc import Sequence

from benchmarks.adapters import BLAS, NNLITE, Entry
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


def spread(values: Sequence[float]) -> dict | None:
    """Return the median, the lowest, the highest and all values; None if there are none."""
    if not values:
        return None
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "values": list(values)}


def skipped_row(entry: Entry, reason: str) -> dict:
    """Return a row with a reason in place of figures."""
    return {"name": entry.name, "title": entry.title, "skipped": reason}


def missing_row(entry: Entry) -> dict:
    """Return the row of a framework without its package."""
    return skipped_row(entry, f"not installed: pip install {entry.install}")


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


def ratios(rows: Sequence[dict]) -> dict:
    """Return quotients of medians: nnlite's epoch by the products' alone, others' epoch, process and memory by nnlite's."""
    by_name = {row["name"]: row for row in rows if not row.get("skipped")}
    products, own = by_name.pop(BLAS.name, None), by_name.pop(NNLITE.name, None)
    if own is None:
        return {}
    result = {"nnlite_epoch_to_blas": _quotient(own, products, "epoch_seconds")} if products else {}
    for kind, key in (("epoch", "epoch_seconds"), ("process", "process_seconds"), ("peak_rss", "peak_rss_mb")):
        result[f"{kind}_to_nnlite"] = {name: _quotient(row, own, key) for name, row in by_name.items()}
    return result


def report(rows: Sequence[dict], job: Job) -> dict:
    """Check the rows, and return the report of one job."""
    check(rows)
    return {
        "job": {**dataclasses.asdict(job), "description": job.describe()},
        "rows": [row for row in rows if row["name"] != BLAS.name],
        "blas": products_alone(rows, job),
        "ratios": ratios(rows),
    }


def any_failed(rows: Sequence[dict]) -> bool:
    """Tell whether a framework ended with an error, or with another result than the others."""
    return any(row.get("skipped", "").startswith("failed") or not row.get("agrees", True) for row in rows)


def products_alone(rows: Sequence[dict], job: Job) -> dict | None:
    """Return what an epoch's products take in NumPy's BLAS: seconds, their number of operations, and the rate."""
    seconds = next((row["epoch_seconds"] for row in rows if row["name"] == BLAS.name and not row.get("skipped")), None)
    if seconds is None:
        return None
    gigaflops = job.operations / seconds["median"] / 1e9
    return {"epoch_seconds": seconds["median"], "spread": seconds, "operations": job.operations, "gflop_per_second": gigaflops}


def table(rows: Sequence[dict]) -> str:
    """Return the rows as text: medians, below them lowest–highest, then rows without figures, then notes."""
    header = ["", *TIMES.values(), "memory", "test MSE", "epoch"]
    units = ["", *["s"] * len(TIMES), "MB", "", "/ nnlite"]
    measured = [row for row in rows if not row.get("skipped")]
    lines = [header, units, *(line for row in measured for line in (_medians(row, rows), _ranges(row)) if any(line))]
    widths = [max(len(line[column]) for line in lines if column < len(line)) for column in range(len(header))]
    widths[0] = max([widths[0], *(len(row["title"]) for row in rows)])
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]
    text += [f"{row['title'].ljust(widths[0])}  {row['skipped']}" for row in rows if row.get("skipped")]
    text += [f"{row['title']}: {note}" for row in measured for note in _notes(row)]
    return "\n".join(text)


def _medians(row: dict, rows: Sequence[dict]) -> list[str]:
    own = next((other for other in rows if other["name"] == NNLITE.name and not other.get("skipped")), None)
    memory, error = row["peak_rss_mb"], row["test_mse"]
    mark = "" if row.get("agrees", True) and row["comparable"] else " *"
    return [
        row["title"],
        *(_digits(row[key]["median"]) if row[key] else "–" for key in TIMES),
        f"{memory:.0f}" if memory is not None else "–",
        f"{error:.5f}{mark}" if error is not None else "–",
        f"{_quotient(row, own, 'epoch_seconds'):.2f}" if own else "–",
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
    return ["", *(f"{_digits(times['lowest'])}–{_digits(times['highest'])}" if times else "" for times in several)]


def _digits(seconds: float) -> str:
    """Return three significant digits, no more than a thousandth of a second."""
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _quotient(row: dict, other: dict, key: str) -> float | None:
    above, below = (value["median"] if isinstance(value, dict) else value for value in (row[key], other[key]))
    return above / below if above is not None and below is not None else None
