"""The language of a page: how it is chosen, what numbers, times and scripts are like in it, who stays with English."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.app import FILES, House
from tests.support.german import assert_german
from tests.support.server import stowage
from tests.ui.conftest import BROWSE, LOGIN, TRASH, Visitor, page_of
from webapp.http.i18n import catalogue, words_for_scripts
from webapp.ui import filters

ACCOUNT = "/account/"
GERMAN = {"Accept-Language": "de", "Cookie": "fs_lang=de"}
NOW = datetime(2026, 11, 24, 22, 10, 0, tzinfo=UTC)


def language(who: Visitor, address: str = LOGIN, accept: str = "") -> str:
    answer = who.get(address, headers={"Accept": "text/html", "Accept-Language": accept})
    return next(v["lang"] for tag, v in page_of(answer).tags if tag == "html")


# --- choosing ------------------------------------------------------------------------


def test_it_is_chosen_on_the_account_page_and_given_up_there(admin: Visitor) -> None:
    form = admin.open(ACCOUNT).form(action="/account/appearance")
    admin.send(form, fs_lang="de")
    assert "Wie im Browser eingestellt" in assert_german(admin.get(ACCOUNT))
    chosen = [v for tag, v in admin.open(ACCOUNT).tags if tag == "option" and v.get("lang")]
    assert [(v["value"], v["lang"], "selected" in v) for v in chosen] == [("en", "en", False), ("de", "de", True)]
    assert language(admin, BROWSE, "en") == "de"
    admin.send(form, fs_lang="en")
    assert language(admin, BROWSE, "de") == "en"
    admin.send(form, fs_lang="")
    assert language(admin, BROWSE, "de") == "de"
    assert language(admin, BROWSE, "fr") == "en"


def test_the_choice_outlives_signing_out(admin: Visitor) -> None:
    admin.send(admin.open(ACCOUNT).form(action="/account/appearance"), fs_lang="de")
    admin.send(admin.open().form(action="/account/logout"))
    assert "Benutzername" in assert_german(admin.get(LOGIN))


@pytest.mark.parametrize("cookie", ["", "xx", "DE", "de-DE", "../de", "de.json", "de%00", '"><script>', "x" * 3000])
@pytest.mark.parametrize(("accept", "spoken"), [("de", "de"), ("fr", "en"), ("", "en")])
def test_a_cookie_that_names_no_language_is_none(visitor: Visitor, cookie: str, accept: str, spoken: str) -> None:
    visitor.http.set_cookie("fs_lang", cookie)
    assert language(visitor, LOGIN, accept) == spoken
    assert language(visitor, "/nowhere", accept) == spoken


# --- numbers and times ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(0), "gerade eben"), (timedelta(minutes=1), "vor 1 Min."), (timedelta(minutes=5), "vor 5 Min."),
        (timedelta(hours=1), "vor 1 Stunde"), (timedelta(hours=5), "vor 5 Stunden"), (timedelta(days=1), "gestern"),
        (timedelta(days=3), "vor 3 Tagen"), (timedelta(days=30), "25. Okt. 2026"),
        (timedelta(days=250), "19. März 2026"),
    ],
)  # fmt: skip
def test_how_long_ago(house: House, before: timedelta, text: str) -> None:
    with house.app.test_request_context(headers=GERMAN):
        assert filters.ago(NOW - before, NOW) == text


def test_days_moments_sizes_and_numbers(house: House) -> None:
    with house.app.test_request_context(headers=GERMAN):
        assert filters.day(NOW) == "24. Nov. 2026"
        assert filters.utc(NOW) == "24. Nov. 2026, 22:10:00 UTC"
        assert filters.days("2026-11-01", "2026-12-24") == "1. Nov. 2026 bis 24. Dez. 2026"
        assert [filters.in_days(n) for n in (0, 1, 12)] == ["heute", "morgen", "in 12 Tagen"]
        sizes = [filters.size(n) for n in (1, 999, 1_240_000, 10**22)]
        assert sizes == ["1 Byte", "999 Byte", "1,2 MB", "10.000 EB"]
        assert filters.exact_size(1_234_567) == "1.234.567 Byte"
        assert filters.number(1_234_567) == "1.234.567"
    with house.app.test_request_context(headers={"Cookie": "fs_lang=de; fs_units=binary"}):
        assert [filters.size(n) for n in (1023, 1536)] == ["1.023 Byte", "1,5 KiB"]


def test_a_page_has_them(house: House, admin: Visitor) -> None:
    admin.http.set_cookie("fs_lang", "de")
    old, gone = house.upload(data=b"x" * 1_234_567, name="a"), house.upload(name="b")
    house.age(old, created_at=datetime.now(UTC) - timedelta(minutes=5, seconds=10))
    with house.app.app_context():
        house.services.files.trash(house.admin, gone.id)
    text = assert_german(admin.get(f"{BROWSE}?file={old.id}"))
    for said in ("1,2 MB", "1.234.567 Byte", "vor 5 Min.", "1,2 MB belegt"):
        assert said in text
    assert re.search(r"\d{1,2}\. (Jan\.|Feb\.|März|Apr\.|Mai|Juni|Juli|Aug\.|Sept\.|Okt\.|Nov\.|Dez\.) 20\d\d, ", text)
    assert "in 30 Tagen" in assert_german(admin.get(TRASH))


# --- scripts, programs ---------------------------------------------------------------


@pytest.mark.parametrize("address", [BROWSE, TRASH, ACCOUNT, "/nowhere"])
def test_scripts_get_their_words_in_german(admin: Visitor, address: str) -> None:
    admin.http.set_cookie("fs_lang", "de")
    (text,) = page_of(admin.get(address)).scripts
    words = json.loads(text)
    english, german = words_for_scripts(), catalogue("de")
    assert words.keys() == english.keys()
    assert words.pop("locale") == "de"
    assert words == {key: german[key] for key in words}
    same = {key for key in words if words[key] == english[key]}
    alike = ("size.", "js.seconds", "js.minutes", "js.hours", "upload.dock", "upload.speed", "upload.act_on")
    assert not {key for key in same if not key.startswith(alike)}


def test_what_is_exported_has_german_heads_and_words(house: House, admin: Visitor) -> None:
    house.upload(data=b"x" * 1500, name="a.txt")
    admin.http.set_cookie("fs_lang", "de")
    answer = admin.get("/admin/activity/export")
    assert 'filename="aktivitaeten-' in answer.headers["Content-Disposition"]
    head, *rows = answer.text.splitlines()
    assert "Zeit (UTC)" in head
    assert any('"FileUploaded"' in row and '"Hochgeladen"' in row and '"1,5 KB"' in row for row in rows)


def test_the_api_stays_english(house: House) -> None:
    api, file = house.api("admin"), house.upload()
    plain = {path: api.get(path).json() for path in ("/api/me", f"{FILES}/files/{file.id}", "/api/openapi.json")}
    for path, told in plain.items():
        assert api.get(path, headers=GERMAN).json() == told
    for path in (f"{FILES}/files/nothing", f"{FILES}/files?per_page=x", "/api/nowhere"):
        problem = api.get(path, headers=GERMAN).json()
        assert problem["detail"] == catalogue()[f"errors.{problem['code']}"]
        assert [each["message"] for each in problem.get("errors", [])] in ([], [catalogue()["validation.not_a_number"]])
    assert '<html lang="en"' in api.get("/api/docs", headers={**GERMAN, "Accept": "text/html"}).content.decode()


def test_the_command_line_stays_english(house: House) -> None:
    environ = {**os.environ, "STOWAGE_DATA": str(house.config.data_dir), "LANG": "de_DE.UTF-8", "LANGUAGE": "de"}
    command = [stowage(), "user", "create", "a/b", "--role", "user"]
    done = subprocess.run(command, input="-\n", env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert catalogue()["validation.bad_username"] in done.stderr
