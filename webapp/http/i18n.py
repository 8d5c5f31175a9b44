"""Sentences, by key, from ``locales/``: pages speak the language of their reader, the API and the CLI speak English."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, g, has_request_context, request

_FOLDER = Path(__file__).resolve().parent.parent / "locales"
ENGLISH = "en"
COOKIE = "fs_lang"
_SCRIPTS = ("js.", "upload.", "errors.", "size.")
"""Namespaces of the sentences that scripts need."""
_BELOW_TWO_IS_ONE = frozenset({"fr", "pt"})
_NO_SINGULAR = frozenset({"id", "ja", "ko", "th", "vi", "zh"})


def register(app: Flask) -> None:
    """Tell templates what language they are in."""
    app.jinja_env.globals.update(locale=locale, LOCALES=LOCALES, words_for_scripts=words_for_scripts)


def locale() -> str:
    """The language of this request: what was chosen, else what the browser asks for, else English."""
    try:
        # Asked for hundreds of times per page; g is where looking it up once is kept.
        return g.locale  # type: ignore[no-any-return]
    except (AttributeError, RuntimeError):
        if not has_request_context():
            return ENGLISH
    g.locale = _wanted()
    return g.locale  # type: ignore[no-any-return]


def t(key: str, /, **values: Any) -> str:
    """The sentence for ``key``; with ``count`` it is the one for that number."""
    language = locale()
    if "count" in values:
        key = f"{key}.{plural(values['count'], language)}"
    sentence = catalogue(language)[key]
    if not values:
        return sentence
    if language != ENGLISH:
        values = {name: _Number(value, language) if _is_number(value) else value for name, value in values.items()}
    return sentence.format_map(values)


def has(key: str) -> bool:
    """Whether there is such a sentence."""
    return key in catalogue()


def number(value: float, decimals: int = 0) -> str:
    """1,234.5 as the language writes it, with at most so many decimals and none that say nothing."""
    text = f"{value:,.{decimals}f}"
    if decimals:
        text = text.rstrip("0").removesuffix(".")
    return text.translate(_marks(locale()))


def plural(count: float, language: str) -> str:
    """``one`` or ``other``: which form goes with a number (CLDR; languages with more forms are not among ours)."""
    if language in _NO_SINGULAR:
        return "other"
    if language in _BELOW_TWO_IS_ONE:
        return "one" if 0 <= count < 2 else "other"
    return "one" if count == 1 else "other"


@cache
def catalogue(language: str = ENGLISH) -> dict[str, str]:
    """All sentences of a language, under dotted keys; in English where it has none."""
    own = own_words(language)
    return own if language == ENGLISH else {**catalogue(), **own}


def own_words(language: str) -> dict[str, str]:
    """The sentences that a language has itself."""
    return dict(_flat("", orjson.loads((_FOLDER / f"{language}.json").read_bytes())))


def words_for_scripts() -> dict[str, object]:
    """What scripts say, under dotted keys, and in what language."""
    return _words_for_scripts(locale())


@cache
def _words_for_scripts(language: str) -> dict[str, object]:
    words = {key: text for key, text in catalogue(language).items() if key.startswith(_SCRIPTS)}
    return {"locale": language, **words}


def _wanted() -> str:
    # Programs compare what they are told: the API speaks one language.
    if request.path.startswith("/api/"):
        return ENGLISH
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LOCALES:
        return chosen
    # Not best_match: for "en-GB, de;q=0.5" it says de, which matches to the letter.
    for tag, quality in request.accept_languages:
        language = tag.partition("-")[0].lower()
        if quality > 0 and language in LOCALES:
            return language
    return ENGLISH


class _Number:
    """A number in a sentence: ``{count:,}`` groups its digits as the language does."""

    __slots__ = ("language", "value")

    def __init__(self, value: float, language: str) -> None:
        self.value = value
        self.language = language

    def __format__(self, spec: str) -> str:
        return format(self.value, spec).translate(_marks(self.language))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _marks(language: str) -> dict[int, str]:
    """From the way Python writes numbers to the way this language does."""
    words = catalogue(language)
    return str.maketrans({",": words["number.group"], ".": words["number.decimal"]})


def _flat(prefix: str, tree: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        found.extend(_flat(f"{key}.", value) if isinstance(value, dict) else [(key, value)])
    return found


def _locales() -> dict[str, str]:
    """What there is, English first, each by its own name."""
    names = sorted((path.stem for path in _FOLDER.glob("*.json")), key=lambda name: (name != ENGLISH, name))
    return {name: catalogue(name)["app.language"] for name in names}


LOCALES = _locales()
"""The languages there are: their codes, and what each is called in itself."""
