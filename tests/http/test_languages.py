"""Pages speak the language of their reader; programs, logs and the command line are spoken to in English."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.support.app import Api, House
from webapp.http import i18n

ENGLISH = {
    "app": {"language": "English"},
    "number": {"group": ",", "decimal": "."},
    "errors": {"not_found": "Not here."},
    "js": {"left": "{count} left", "gone": {"one": "one gone", "other": "{count:,} gone"}},
    "page": {
        "hello": "Hello",
        "named": "{name}: {size:,}",
        "many": {"one": "{count} file", "other": "{count:,} files of {size:,.1f}"},
    },
}
GERMAN = {
    "app": {"language": "Deutsch"},
    "number": {"group": ".", "decimal": ","},
    "errors": {"not_found": "Nicht hier."},
    "js": {"gone": {"one": "eine weg", "other": "{count:,} weg"}},
    "page": {"many": {"one": "{count} Datei", "other": "{count:,} Dateien von {size:,.1f}"}},
}


@pytest.fixture
def bilingual(served: House, tmp_path: Path) -> Iterator[House]:
    """A house with two languages of which the second is not complete."""
    folder = tmp_path / "locales"
    folder.mkdir()
    for language, words in (("en", ENGLISH), ("de", GERMAN)):
        (folder / f"{language}.json").write_bytes(orjson.dumps(words))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i18n, "_FOLDER", folder)
        _forget()
        patch.setattr(i18n, "LOCALES", i18n._locales())
        yield served
    _forget()


def _forget() -> None:
    for kept in (i18n.catalogue, i18n._marks, i18n._words_for_scripts):
        kept.cache_clear()


def asked(house: House, accept: str = "", cookie: str = "", path: str = "/file-storage/") -> str:
    headers = {"Accept-Language": accept} | ({"Cookie": f"{i18n.COOKIE}={cookie}"} if cookie else {})
    with house.app.test_request_context(path, headers=headers):
        return i18n.locale()


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-ch", "de"),
        ("fr, de;q=0.8, en;q=0.5", "de"),
        ("en-GB, de;q=0.9", "en"),
        ("de;q=0.4, en-GB;q=0.6", "en"),
        ("de;q=0, fr", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("den", "en"),
        ("../../secrets", "en"),
        ("de;q=nonsense", "en"),
        ("\xff, de", "de"),
        (",;=, de", "de"),
    ],
)
def test_the_browser_says_which_language(bilingual: House, accept: str, language: str) -> None:
    assert asked(bilingual, accept) == language


def test_a_choice_goes_before_what_the_browser_says(bilingual: House) -> None:
    assert asked(bilingual, accept="de", cookie="en") == "en"
    assert asked(bilingual, accept="en", cookie="de") == "de"


@pytest.mark.parametrize("cookie", ["fr", "../en", "DE", "%00"])
def test_a_choice_that_is_none_is_no_choice(bilingual: House, cookie: str) -> None:
    assert asked(bilingual, accept="de", cookie=cookie) == "de"


def test_the_api_speaks_english(bilingual: House) -> None:
    assert asked(bilingual, accept="de", cookie="de", path="/api/file-storage/files") == "en"
    answer = Api(bilingual.app).get("/api/nothing", headers={"Accept-Language": "de", "Cookie": "fs_lang=de"})
    assert answer.json()["detail"] == "Not here."


def test_without_a_request_all_is_english(bilingual: House) -> None:
    with bilingual.app.app_context():
        assert i18n.locale() == "en"
    assert i18n.t("page.hello") == "Hello"


@pytest.mark.parametrize(
    ("language", "count", "sentence"),
    [
        ("en", 1, "1 file"),
        ("en", 0, "0 files of 0.0"),
        ("en", 12345, "12,345 files of 6,172.5"),
        ("de", 1, "1 Datei"),
        ("de", 12345, "12.345 Dateien von 6.172,5"),
    ],
)
def test_numbers_in_sentences_are_written_as_the_language_does(
    bilingual: House, language: str, count: int, sentence: str
) -> None:
    with bilingual.app.test_request_context(headers={"Accept-Language": language}):
        assert i18n.t("page.many", count=count, size=count / 2) == sentence


def test_what_people_wrote_is_left_as_it_is(bilingual: House) -> None:
    with bilingual.app.test_request_context(headers={"Accept-Language": "de"}):
        assert i18n.t("page.named", name="1,000.5", size=1000.5) == "1,000.5: 1.000,5"


@pytest.mark.parametrize(
    ("language", "value", "decimals", "text"),
    [
        ("en", 1234567, 0, "1,234,567"),
        ("en", 1234.5, 1, "1,234.5"),
        ("en", 3.0, 1, "3"),
        ("en", 300, 1, "300"),
        ("en", 0.04, 1, "0"),
        ("en", -1234, 0, "-1,234"),
        ("de", 1234567, 0, "1.234.567"),
        ("de", 1234.56, 1, "1.234,6"),
        ("de", 3.0, 1, "3"),
    ],
)
def test_numbers_alone(bilingual: House, language: str, value: float, decimals: int, text: str) -> None:
    with bilingual.app.test_request_context(headers={"Accept-Language": language}):
        assert i18n.number(value, decimals) == text


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("en", [1], [0, 2, 1.5]), ("de", [1], [0, 2, 1.5]), ("fr", [0, 1, 1.5], [2, 100]), ("ja", [], [0, 1, 2])],
)
def test_which_form_goes_with_which_number(language: str, one: list[float], other: list[float]) -> None:
    assert {i18n.plural(n, language) for n in one} <= {"one"}
    assert {i18n.plural(n, language) for n in other} == {"other"}


def test_what_a_language_lacks_is_said_in_english(bilingual: House) -> None:
    with bilingual.app.test_request_context(headers={"Accept-Language": "de"}):
        assert i18n.t("page.hello") == "Hello"


def test_languages_are_called_by_their_own_names(bilingual: House) -> None:
    assert i18n.LOCALES == {"en": "English", "de": "Deutsch"}
    assert next(iter(i18n.LOCALES)) == "en"


def test_scripts_get_their_words_in_the_language_of_the_page(bilingual: House) -> None:
    with bilingual.app.test_request_context(headers={"Accept-Language": "de"}):
        assert i18n.words_for_scripts() == {
            "locale": "de",
            "errors.not_found": "Nicht hier.",
            "js.left": "{count} left",
            "js.gone.one": "eine weg",
            "js.gone.other": "{count:,} weg",
        }


def test_every_language_we_ship_is_whole_enough_to_be_chosen(served: House) -> None:
    assert i18n.LOCALES["en"] == "English"
    assert len(set(i18n.LOCALES.values())) == len(i18n.LOCALES)
    for language in i18n.LOCALES:
        with served.app.test_request_context(headers={"Cookie": f"{i18n.COOKIE}={language}"}):
            assert i18n.words_for_scripts()["locale"] == language
            assert i18n.number(1234.5, 1)
