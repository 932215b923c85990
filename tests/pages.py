"""The pages in Markdown, read by the tests that hold them to their word."""

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def blocks(page):
    """Return the fenced blocks of a page as (language, text), first to last."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(code, page, names):
    """Execute a block of Python with these names known, and leave what it defines among them."""
    exec(compile(code, page, "exec"), names)


def links(page):
    """Return (path, heading) of each link and picture of a page that stays in the repository; either may be empty."""
    found = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    return {target.partition("#")[::2] for target in found if "://" not in target}


def headings(path):
    """Return the headings of a page as links name them."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def table(page, head):
    """Return the rows, as lists of cells, of the table whose first row begins with this text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = text[text.index(head) :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip(" |").split("|")] for line in lines if "---" not in line]


def talk(text, page, names):
    """Run a block of a Python session, and raise AssertionError if it answers otherwise than the page says."""
    said = []
    test = doctest.DocTestParser().get_doctest(text, names, page, page, 0)
    test.globs = names  # it has a copy of its own
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    failed, _ = runner.run(test, out=said.append, clear_globs=False)
    assert not failed, "".join(said)
