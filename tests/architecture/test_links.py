"""What the documentation points to is there: files of the project, and headings of other pages."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import DOCS, ROOT, listed, name

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def test_every_link_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    broken = [f"{name(page)}: {link}" for page in sorted(pages) for link in _broken(page)]
    assert not broken, f"These links lead nowhere:{listed(broken)}"


def _broken(page: Path) -> Iterator[str]:
    for found in LINK.finditer(CODE.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / found[1]).resolve() if found[1] else page
        if not target.exists():
            yield found[1]
        elif found[2] and target.suffix == ".md" and found[2] not in _anchors(target):
            yield f"{found[1]}#{found[2]}"


def _anchors(page: Path) -> set[str]:
    """The names that headings get where such pages are shown."""
    titles = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
