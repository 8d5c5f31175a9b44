"""How much has to come over the wire until somebody sees their files for the first time."""

import gzip
import posixpath
import re

from werkzeug.test import TestResponse

from tests.ui.conftest import BROWSE, Visitor

BUDGET = 120_000
SERVER = 100
"""Bytes of the status line and of what the server adds to the headers."""
SHOWN = 50


def test_the_first_look_at_files_fits_the_budget(admin: Visitor) -> None:
    for number in range(SHOWN):
        admin.house.upload(name=f"orders-{number * 7919 % 997}-of-{number}.csv", content_type="text/csv")
    seen: dict[str, int] = {}
    _load(admin, BROWSE, seen)
    assert any(address.endswith(".woff2") for address in seen)
    assert any("/js/" in address for address in seen)
    told = "\n".join(f"{size:>7} {address}" for address, size in sorted(seen.items(), key=lambda each: -each[1]))
    assert sum(seen.values()) <= BUDGET, f"{sum(seen.values())} bytes:\n{told}"


def test_everything_that_a_page_loads_is_kept_for_good(admin: Visitor) -> None:
    seen: dict[str, int] = {}
    _load(admin, BROWSE, seen)
    for address in set(seen) - {BROWSE}:
        assert "immutable" in admin.get(address).headers["Cache-Control"], address


def _load(visitor: Visitor, address: str, seen: dict[str, int]) -> None:
    """Get something, and then whatever that makes a browser get."""
    if address in seen:
        return
    answer = visitor.get(address, headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
    assert answer.status_code == 200, address
    head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)
    seen[address] = SERVER + head + len(answer.data)
    for target in _wanted(answer):
        _load(visitor, posixpath.normpath(posixpath.join(posixpath.dirname(address), target)), seen)


def _wanted(answer: TestResponse) -> set[str]:
    if answer.mimetype not in ("text/html", "text/css", "text/javascript"):
        return set()
    packed = answer.headers.get("Content-Encoding") == "gzip"
    text = (gzip.decompress(answer.data) if packed else answer.data).decode()
    if answer.mimetype == "text/css":
        return set(re.findall(r"\burl\(\"?([^)\"#:]+)\"?\)", text))
    if answer.mimetype == "text/javascript":
        return set(re.findall(r"^\s*(?:import|export)\b[^;\"']*[\"'](\.[^\"']+)[\"']", text, re.MULTILINE))
    links = [tag for tag in re.findall(r"<link\b[^>]*>", text) if not re.search(r"rel=\"(canonical|next|prev)", tag)]
    found = re.findall(r"<(?:script|img)\b[^>]*\bsrc=\"([^\"#]+)", text) + re.findall(
        r"<use\b[^>]*\bhref=\"([^\"#]+)", text
    )
    return {*found, *re.findall(r"\bhref=\"([^\"#]+)", " ".join(links))}
