"""Style sheets know nothing of words: those differ by language."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import WEBAPP, listed, name

STYLES = sorted((WEBAPP / "static").glob("*.css"))
# Attributes that hold what is read: a rule may ask whether there is one, not what it says.
WORDS = re.compile(
    r"\[\s*(?:data-label|data-said|data-show|data-hide|aria-label|title|placeholder|alt)\s*[~|^$*]?=[^\]]*\]"
)


def test_there_are_style_sheets() -> None:
    assert STYLES


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_no_rule_selects_by_words(path: Path) -> None:
    found = WORDS.findall(path.read_text(encoding="utf-8"))
    assert not found, f"In another language these rules select nothing; give the elements a class:{listed(found)}"
