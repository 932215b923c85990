"""The tables of `benchmarks.codecs`, as Markdown for docs/codec.md."""

import math
from collections.abc import Iterable

from benchmarks.codec_rates import Curve, bjontegaard, bytes_at, curve

OWN = "nnlite"
DECIBELS = (18, 20, 22, 24, 26)
HIGHEST = 25.0  # dB; a small network serves rates below this
LOWEST = {"JPEG": 20.6}  # dB; JPEG hardly reaches less
PROTOCOLS = {
    "single": "one file per image",
    "payload": "one file per image, without headers",
    "batch": "batch of {}",
    "mosaic": "mosaic of {}",
}


def protocol_name(point: dict) -> str:
    """Return a point's protocol in words."""
    return PROTOCOLS[point["protocol"]].format(f"{point['group']:,}")


def comparisons(points: Iterable[dict]) -> list[dict]:
    """Return for each codec and protocol the bytes at given PSNRs, the seconds, and nnlite's difference from it.

    Compare files of equally many images, whether batch or mosaic; count headers in both or in neither.
    """
    curves: dict[tuple, list[dict]] = {}
    for point in points:
        if not point["lossless"]:
            curves.setdefault((point["group"], point["protocol"] == "payload", point["codec"]), []).append(point)
    rows = []
    for (group, payload, codec), of_codec in curves.items():
        own, other = curve(curves.get((group, payload, OWN), [])), curve(of_codec)
        row = {
            "codec": codec,
            "protocol": of_codec[0]["protocol"],
            "group": group,
            "bytes_at_psnr": {str(decibel): bytes_at(other, decibel) for decibel in DECIBELS},
            **{key: _seconds(of_codec, key) for key in ("encode_seconds", "decode_seconds")},
        }
        if codec != OWN:
            row.update(_differences(codec, other, own))
        rows.append(row)
    return rows


def _differences(codec: str, other: Curve, own: Curve) -> dict:
    low = LOWEST.get(codec, -math.inf)
    return {"nnlite_bytes_low_rates": bjontegaard(other, own, low, HIGHEST), "nnlite_bytes": bjontegaard(other, own)}


def _seconds(points: list[dict], key: str) -> float:
    """Return the mean over the settings, for 10,000 images."""
    return sum(point[key] / point["images"] for point in points) / len(points) * 10_000


def lossy(rows: list[dict]) -> str:
    """Return a table for each protocol."""
    parts = []
    limited = f"nnlite's bytes, up to {HIGHEST:g} dB"
    head = ["codec", *(f"{decibel} dB" for decibel in DECIBELS), limited, "over all dB in common", "encode, s", "decode, s"]
    for group, payload in dict.fromkeys((row["group"], row["protocol"] == "payload") for row in rows):
        chosen = [row for row in rows if (row["group"], row["protocol"] == "payload") == (group, payload)]
        lines = []
        for row in chosen:
            differences = (_difference(row.get(key)) for key in ("nnlite_bytes_low_rates", "nnlite_bytes"))
            seconds = (f"{row[key]:.2f}" for key in ("encode_seconds", "decode_seconds"))
            lines.append([row["codec"], *map(_bytes, row["bytes_at_psnr"].values()), *differences, *seconds])
        names = dict.fromkeys(protocol_name(row) for row in chosen)
        parts.append(f"**{' / '.join(names)}**\n\n{markdown(head, lines)}")
    return "\n\n".join(parts)


def lossless(points: Iterable[dict]) -> str:
    """Return the table of lossless codecs: bytes an image, a column for each number of images in a file."""
    chosen = [point for point in points if point["lossless"]]
    columns = sorted({(point["group"], point["protocol"] == "payload") for point in chosen})
    titles = [PROTOCOLS["payload" if payload else "single"] if group == 1 else f"{group:,} in a file" for group, payload in columns]
    lines = []
    for codec in dict.fromkeys(point["codec"] for point in chosen):
        sizes = {(p["group"], p["protocol"] == "payload"): p["bytes_per_image"] for p in chosen if p["codec"] == codec}
        lines.append([codec, *(_bytes(sizes.get(column)) for column in columns)])
    return markdown(["lossless", *titles], lines)


def coders(report: dict) -> str:
    """Return the table of the entropy coders."""
    lines = []
    for row in report["coders"]:
        cells = [row.get("skipped"), "", ""]
        if "skipped" not in row:
            cells = [f"{row[f'{way}_symbols_per_second'] / 1e6:.1f}" for way in ("encode", "decode")]
            cells.append(f"{row['bytes_above_cross_entropy']:.0f} ({row['share_above_cross_entropy']:.4%})")
        lines.append([row["name"], *cells])
    return markdown(["entropy coder", "encode, million symbols/s", "decode", "bytes above the cross-entropy"], lines)


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """Return a table; align the first column left and all others right."""
    ruled = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(ruled + [f"| {' | '.join(line)} |".replace("  |", " |") for line in lines])


def absent(missing: dict[str, str]) -> str:
    """Return a line for each missing codec."""
    return "\n".join(f"{name}: {reason}" for name, reason in missing.items())


def _bytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _difference(value: dict | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value['difference']:+.0f} % ({value['lowest']:.1f}–{value['highest']:.1f} dB)".replace("-", "−")
