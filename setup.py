"""The package's long description: README.md, with links that work outside the repository. All else is in setup.cfg."""

import configparser
import re
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:)([^)\s]+)\)")  # a picture or a link whose target is a path


def long_description(readme: str, url: str | None) -> str:
    """Return the page with absolute links to the repository at `url`; without one, links become text and pictures go."""

    def replace(match: re.Match[str]) -> str:
        picture, text, path = match.groups()
        if url:
            return f"{picture}[{text}]({url}/{'raw' if picture else 'blob'}/main/{path})"
        return "" if picture else text

    return re.sub(r"\n{3,}", "\n\n", LINK.sub(replace, readme))


if __name__ == "__main__":
    from setuptools import setup

    config = configparser.ConfigParser()
    config.read("setup.cfg")
    setup(long_description=long_description(Path("README.md").read_text(encoding="utf-8"), config["metadata"].get("url")))
