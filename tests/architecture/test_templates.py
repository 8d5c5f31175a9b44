"""The content security policy is ``script-src 'self'``: what is inline would not run, and must not be tried."""

import re

import pytest

from tests.architecture.sources import WEBAPP, listed, name

TEMPLATES = sorted((WEBAPP / "templates").rglob("*.html"))

FORBIDDEN = {
    "a script inside the page": re.compile(
        r"<script\b(?![^>]*\b(?:src\s*=|type\s*=\s*[\"']application/json[\"']))", re.I
    ),
    "a style sheet inside the page": re.compile(r"<style\b", re.I),
    "a style attribute": re.compile(r"<[a-z][^<>]*\sstyle\s*=", re.I),
    "an event handler attribute": re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.I),
    "an hx-on attribute": re.compile(r"\bhx-on[:\-=]", re.I),
    "a javascript: address": re.compile(r"[\"'=]\s*javascript:", re.I),
    "something from another host": re.compile(
        r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*[\"'](?:https?:)?//", re.I
    ),
}


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_templates_do_not_contain(forbidden: str) -> None:
    found = []
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        for match in FORBIDDEN[forbidden].finditer(text):
            line = text.count("\n", 0, match.end()) + 1
            found.append(f"{name(path)}, line {line}: {text.splitlines()[line - 1].strip()[:100]}")
    assert not found, f"Templates contain {forbidden}; use static/app.js or static/app.css:{listed(found)}"
