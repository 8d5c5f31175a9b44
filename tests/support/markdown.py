"""What the documentation prints for people to copy."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(file: str, language: str) -> list[str]:
    """The blocks of code in this language, in order."""
    text = (DOCS / file).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block(file: str, language: str) -> str:
    """The only one."""
    (found,) = blocks(file, language)
    return found
