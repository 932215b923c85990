"""README.md is short, says nothing that the pages behind it do not say, and can be read outside the repository, too."""

import re
import runpy

import pytest
from pages import ROOT, blocks, links, table
from test_rooms import STOREY

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short_and_begins_with_a_picture():
    assert len(README.splitlines()) <= 130
    assert len(README.encode()) <= 8 * 1024
    assert any(line.startswith("![") for line in README.splitlines()[:30])


def test_every_page_in_docs_can_be_reached_from_it():
    seen, waiting = set(), {ROOT / "README.md"}
    while waiting:
        page = waiting.pop()
        seen.add(page)
        if page.suffix == ".md":
            waiting |= {(page.parent / path).resolve() for path, _ in links(page) if path} - seen
    assert set(ROOT.glob("docs/*.md")) - seen == set()


def test_the_lines_that_the_demo_prints_stand_on_its_page():
    (printed,) = [text for language, text in blocks("README.md") if language == "text"]
    (all_lines, *_) = [text for language, text in blocks("docs/demos.md") if language == "text"]
    assert [line for line in printed.splitlines() if line not in all_lines.splitlines()] == []


def test_the_times_are_those_of_the_page_on_speed():
    names, seconds = table("README.md", "| nnlite | JAX")
    measured = {row[0]: row[1].partition(" ")[0] for row in table("docs/speed.md", "| nnlite | 0.")}
    assert [measured[name] for name in names] == seconds


def test_the_bytes_are_those_of_the_page_on_the_codec():
    head, *rows = table("docs/codec.md", "| codec | 18 dB")
    at_24 = {row[0]: row[head.index("24 dB")] for row in rows}
    said = re.search(r"At 24 dB a digit takes (\S+) bytes; (\w+) takes (\S+), (\w+) (\S+)\.", README)
    assert (at_24["nnlite"], at_24[said[2]], at_24[said[4]]) == (said[1], said[3], said[5])


# --- the package's page on an index, and its source distribution


@pytest.fixture(scope="module")
def long_description():
    return runpy.run_path(str(ROOT / "setup.py"))["long_description"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "See docs, https://e.org/x and [there](https://e.org/y).\n\n"),
        (
            "https://e.org/n",
            "See [docs](https://e.org/n/blob/main/docs/a.md#b), https://e.org/x and [there](https://e.org/y).\n\n"
            "![p](https://e.org/n/raw/main/p.png)\n",
        ),
    ],
)
def test_a_long_description_has_no_link_that_needs_the_repository(long_description, url, expected):
    page = "See [docs](docs/a.md#b), https://e.org/x and [there](https://e.org/y).\n\n![p](p.png)\n"
    assert long_description(page, url) == expected


@pytest.mark.parametrize("url", [None, "https://e.org/n"])
def test_every_link_and_picture_of_it_is_kept_or_taken_out(long_description, url):
    targets = re.findall(r"\]\(([^)\s]+)\)", long_description(README, url))
    assert len(targets) == (len(re.findall(r"\]\(", README)) if url else 0)
    assert all(target.startswith("https://e.org/n/") for target in targets)


def test_the_source_distribution_holds_what_it_names():
    words = {word for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines() for word in line.split()[1:]}
    named = {path for path, _ in links("README.md")}
    assert {path.partition("/")[0] for path in named if "/" in path} - {"nnlite"} <= words
    assert all(path.endswith(".md") for path in named if "/" not in path) and "*.md" in words


# --- the rooms

ROOMS = table("README.md", "   | room | what it teaches")[1:]


def files_of(names):
    """Return the source files of the rooms and files in a cell such as "`layers/`" or "`jit.py`, `kernels.py`"."""
    paths = [ROOT / "nnlite" / name for name in re.findall(r"`([\w./]+)`", names)]
    return [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]


def test_it_lists_every_room_in_an_order_of_the_storeys():
    listed = [name for names, *_ in ROOMS for name in re.findall(r"`(\w+)", names)]
    assert sorted(listed) == sorted(set(STOREY) - {"nnlite", "__main__"})
    places = [max(STOREY[name] for name in re.findall(r"`(\w+)", names)) for names, *_ in ROOMS]
    assert places[1:] == sorted(places[1:])  # the loops of the first row can be read before all others


@pytest.mark.parametrize("row", ROOMS, ids=lambda row: row[0])
def test_it_says_how_long_a_room_is_to_read(row):
    names, _, lines, minutes = row
    counted = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files_of(names))
    assert int(lines.replace(",", "")) == pytest.approx(counted, rel=0.15), f"README: {names} has {counted} lines"
    assert int(minutes) == pytest.approx(counted / 24, rel=0.3), f"README: {counted} lines take {counted / 24:.0f} minutes"
