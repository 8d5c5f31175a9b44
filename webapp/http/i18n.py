"""Sentences, by key, from ``locales/en.json``."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

_LOCALES = Path(__file__).resolve().parent.parent / "locales"


@cache
def catalogue(locale: str = "en") -> dict[str, str]:
    """All sentences of a locale, under dotted keys."""
    return dict(_flat("", orjson.loads((_LOCALES / f"{locale}.json").read_bytes())))


def t(key: str, /, **values: Any) -> str:
    """The sentence for ``key``; with ``count`` it is the one for that number."""
    sentences = catalogue()
    if "count" in values:
        key = f"{key}.{'one' if values['count'] == 1 else 'other'}"
    return sentences[key].format_map(values) if values else sentences[key]


def has(key: str) -> bool:
    """Whether there is such a sentence."""
    return key in catalogue()


def _flat(prefix: str, tree: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        found.extend(_flat(f"{key}.", value) if isinstance(value, dict) else [(key, value)])
    return found
