"""The pages in Markdown, read by the tests that hold them to their word."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def blocks(page):
    """Return the fenced blocks of a page as (language, text), first to last."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(code, page, names):
    """Execute a block of Python with these names known, and leave what it defines among them."""
    exec(compile(code, page, "exec"), names)
