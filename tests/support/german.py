"""What a page says, and that all of it is German."""

import re
from functools import cache
from html.parser import HTMLParser

from werkzeug.test import TestResponse

from webapp.http.i18n import catalogue

READ_ALOUD = {"aria-label", "title", "placeholder", "alt", "data-said", "data-show", "data-hide", "data-label"}
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_VALUES = re.compile(r"\{[^}]*\}")


class Words(HTMLParser):
    """What a page says, piece by piece: text, and attributes that are read or shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pieces += [" ".join(value.split()) for name, value in attrs if name in READ_ALOUD and value]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None and data.strip():
            self.pieces.append(" ".join(data.split()))


@cache
def only_english() -> tuple[list[str], "re.Pattern[str]"]:
    """Parts of sentences that German does not have, and what whole ones are like, short ones too."""
    english, german = catalogue(), catalogue("de")
    said, known = "\n".join(german.values()), set(german.values())
    # What a language is called in itself, every page may say.
    differ = {text for key, text in english.items() if german[key] != text and key != "app.language"}
    parts = {part.strip() for text in differ for part in _VALUES.split(text)}
    wholes = [[re.escape(part) for part in _VALUES.split(text)] for text in differ - known if _has_words(text)]
    like = re.compile("|".join(".+".join(whole) for whole in wholes))
    return sorted(part for part in parts if len(part) > 9 and part not in said), like


def _has_words(text: str) -> bool:
    return bool(re.search("[A-Za-z]{2}", _VALUES.sub("", text)))


def assert_german(answer: TestResponse, status: int = 200) -> str:
    """The page, or the part of one, is as it should be; returns what it says."""
    assert answer.status_code == status, answer.text
    if "<html" in answer.text:
        assert '<html lang="de"' in answer.text
    pieces = Words(answer.text).pieces
    assert pieces
    parts, whole = only_english()
    text = "\n".join(pieces)
    assert not [part for part in parts if part in text]
    assert not [piece for piece in pieces if whole.fullmatch(piece)]
    assert not re.search(rf"\d ({MONTHS}) \d{{4}}|\d\.\d+ [KMG]i?B\b|\d bytes?\b|\d,\d{{3}}\b", text)
    assert "{" not in text
    return text
