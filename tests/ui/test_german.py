"""Pages in German: every word of them, and all that they answer to forms."""

import json
import re
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.app import PASSWORD, House
from tests.support.german import assert_german
from tests.support.hooks import allow_private, serving
from tests.support.images import picture
from tests.support.raw import field_part, file_part
from tests.ui import webhooks
from tests.ui.conftest import BROWSE, HTMX, LOGIN, TRASH, Visitor, page_of
from tests.ui.settings_forms import SETTINGS
from tests.ui.settings_forms import send as send_settings
from tests.ui.webhooks import WEBHOOKS
from webapp.contracts.files import StoredFileOut
from webapp.http.errors import STATUS_BY_CODE
from webapp.http.i18n import catalogue
from webapp.ui import questions, work

ACCOUNT, TOKENS, USERS, ACTIVITY = "/account/", "/account/tokens", "/admin/users", "/admin/activity"


@pytest.fixture(params=["header", "cookie"])
def speaking(request: pytest.FixtureRequest) -> Callable[[Visitor], Visitor]:
    """Makes somebody ask for German, by what the browser says or by what was chosen."""

    def ask(who: Visitor) -> Visitor:
        if request.param == "cookie":
            who.http.set_cookie("fs_lang", "de")
        else:
            who.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de-AT,de;q=0.9,en;q=0.5"
        return who

    return ask


@pytest.fixture
def anna(admin: Visitor, speaking: Callable[[Visitor], Visitor]) -> Visitor:
    """An admin who reads German."""
    return speaking(admin)


@pytest.fixture
def fritz(admin: Visitor) -> Visitor:
    """One who has chosen it: what was asked for in both ways above need not be here."""
    admin.http.set_cookie("fs_lang", "de")
    return admin


def filled(house: House) -> dict[str, StoredFileOut]:
    """Files of each kind that the details show in their own way, one of them old, and one in the trash."""
    files = {
        "image": house.upload(data=picture(), name="bild.png"),
        "text": house.upload(data=b"x" * 70_000, name="lang.txt"),
        "pdf": house.upload(data=b"%PDF-1.4", name="a.pdf"),
        "audio": house.upload(name="a.mp3", content_type="audio/mpeg"),
        "video": house.upload(name="a.mp4", content_type="video/mp4"),
        "svg": house.upload(data=b"<svg xmlns='http://www.w3.org/2000/svg'/>", name="a.svg"),
        "other": house.upload(house.admin, data=b"x" * 1_234_567, name="gnp.\u202eexe", content_type="x/y"),
        "deleted": house.upload(name="weg.txt"),
    }
    with house.app.app_context():
        house.services.files.rename(house.uploader, files["image"].id, "photo.png")
        house.services.files.trash(house.uploader, files["deleted"].id)
    house.age(files["text"], created_at=datetime.now(UTC) - timedelta(minutes=5, seconds=10))
    return files


def send(who: Visitor, path: str, headers: Any = None, **values: Any) -> TestResponse:
    return who.post(path, {"csrf_token": who.token(), **values}, headers={"Accept": "text/html", **(headers or {})})


def told(who: Visitor, answer: TestResponse) -> str:
    """The page after a form that sends the browser on."""
    assert answer.status_code == 303, answer.text
    return assert_german(who.get(answer.headers["Location"], follow_redirects=True))


# --- pages ---------------------------------------------------------------------------


def test_every_page_for_the_signed_in(house: House, anna: Visitor) -> None:
    files = filled(house)
    house.upload(house.admin, name="weg2.txt")
    addresses = [
        BROWSE, f"{BROWSE}?select=page", f"{BROWSE}?q=nichts&select=all", f"{BROWSE}?type=sheet",
        f"{BROWSE}?type=image&type=code&by={house.uploader.user_id}&since=2026-01-02&until=2099-12-31",
        f"{BROWSE}?date=7d&per_page=25", f"{BROWSE}?file={uuid.uuid4()}", f"{BROWSE}?per_page=25&select=all",
        TRASH, f"{TRASH}?q=nichts", f"{TRASH}?select=page", ACCOUNT, TOKENS, f"{TOKENS}/new",
        USERS, f"{USERS}/new", f"{USERS}?q=niemand", f"{USERS}/{house.uploader.user_id}/delete",
        f"{USERS}/{house.uploader.user_id}/password", ACTIVITY, f"{ACTIVITY}?date=today&kind=FileUploaded",
        f"{ACTIVITY}?by=system&since=2020-01-01", f"{ACTIVITY}?q=nichts",
        *(f"{BROWSE}?file={file.id}" for file in files.values()),
    ]  # fmt: skip
    for address in addresses:
        assert_german(anna.get(address))


def test_the_pages_of_an_empty_house(fritz: Visitor) -> None:
    assert "Noch keine Dateien" in assert_german(fritz.get(BROWSE))
    assert "Der Papierkorb ist leer" in assert_german(fritz.get(TRASH))
    assert "Noch keine Tokens" in assert_german(fritz.get(TOKENS))


def test_the_way_in(visitor: Visitor, speaking: Callable[[Visitor], Visitor]) -> None:
    speaking(visitor)
    assert "Benutzername" in assert_german(visitor.get(LOGIN))
    for _ in range(5):
        assert_german(visitor.sign_in("admin", "falsch"), 401)
    assert re.search(r"In (einer Minute|\d+ Minuten) erneut", assert_german(visitor.sign_in("admin", "falsch"), 429))


def test_the_way_in_before_there_is_anybody(house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.services.users, "has_admin", lambda: False)
    visitor.http.set_cookie("fs_lang", "de")
    assert "Noch gibt es keinen Admin" in assert_german(visitor.get(LOGIN))


@pytest.mark.parametrize("query", ["", "?q=photo", "?q=hell", "?q=nichts"])
def test_the_palette(house: House, anna: Visitor, query: str) -> None:
    filled(house)
    assert_german(anna.get(f"{BROWSE}palette{query}", headers=HTMX))


def test_what_htmx_asks_for(house: House, anna: Visitor) -> None:
    files = filled(house)
    for address, target in (
        (BROWSE, "list"), (TRASH, "list"), (f"{BROWSE}?q=nichts", "list"),
        (f"{BROWSE}?file={files['pdf'].id}", "inspector"),
        (USERS, "users"), (f"{USERS}/{house.uploader.user_id}/delete", "ask"), (f"{TOKENS}/new", "tokens"),
        (f"{ACTIVITY}?before=9999", "feed"), (f"{ACTIVITY}?before=9999", "feed-table"),
    ):  # fmt: skip
        answer = anna.get(address, headers={**HTMX, "HX-Target": target})
        assert "<html" not in answer.text
        assert_german(answer)


# --- errors --------------------------------------------------------------------------


def test_error_pages(house: House, anna: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_german(anna.get("/nirgends"), 404)
    assert_german(anna.get(f"{BROWSE}files/{uuid.uuid4()}/download"), 404)
    assert_german(anna.get(f"{BROWSE}files/delete"), 405)
    assert_german(anna.post(f"{BROWSE}files/delete", {}), 403)
    assert_german(send(anna, f"{BROWSE}files/delete", all="falsch"), 422)
    monkeypatch.setattr(house.services.listing, "list", lambda *_: 1 / 0)
    assert "Anfrage-ID" in assert_german(anna.get(BROWSE), 500)


def test_what_somebody_may_not(uploader: Visitor, speaking: Callable[[Visitor], Visitor]) -> None:
    speaking(uploader)
    for address in (USERS, ACTIVITY):
        assert "Nicht erlaubt" in assert_german(uploader.get(address), 403)
    for address in (BROWSE, TRASH, ACCOUNT, TOKENS):
        assert_german(uploader.get(address))


@pytest.mark.parametrize("code", STATUS_BY_CODE)
def test_every_error_has_a_title_and_a_sentence(code: str) -> None:
    for key in (f"errors.{code}", f"error_page.titles.{code}"):
        assert catalogue("de")[key] != catalogue()[key]


def test_a_part_that_fails_is_told_to_scripts_in_their_language(anna: Visitor) -> None:
    answer = send(anna, f"{BROWSE}files/delete", {**HTMX, "Accept": "*/*"}, all="falsch")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    told = json.loads(answer.text)
    assert told["code"] == "validation_error"
    assert told["errors"][0]["message"] == catalogue("de")["validation.not_a_selection"]


# --- forms ---------------------------------------------------------------------------


def test_files_go_come_back_and_go_for_good(house: House, anna: Visitor) -> None:
    ids = [str(house.upload(name=f"{n}.txt").id) for n in range(3)]
    one = send(anna, f"{BROWSE}files/{ids[0]}/delete")
    assert "1 Datei in den Papierkorb verschoben." in told(anna, one)
    more = told(anna, send(anna, f"{BROWSE}files/delete", id=ids))
    assert "2 von 3 Dateien in den Papierkorb verschoben. Eine war schon weg." in more
    assert "Diese 3 Dateien waren schon weg." in told(anna, send(anna, f"{BROWSE}files/delete", id=ids))
    assert "Es war keine Datei ausgewählt." in told(anna, send(anna, f"{BROWSE}files/delete"))
    assert "3 Dateien wiederhergestellt." in told(anna, send(anna, f"{BROWSE}files/restore", id=ids))
    send(anna, f"{BROWSE}files/delete", id=ids)
    assert "1 Datei endgültig gelöscht." in told(anna, send(anna, f"{TRASH}/purge", id=ids[:1]))
    with_htmx = assert_german(send(anna, f"{TRASH}/purge", HTMX, id=ids[1:], back=TRASH))
    assert "2 Dateien endgültig gelöscht." in with_htmx


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "part"])
def test_questions(house: House, fritz: Visitor, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    monkeypatch.setattr(questions, "TYPED_FROM", 2)
    ids = [str(house.upload(name=f"{n}.txt").id) for n in range(3)]
    asked = assert_german(send(fritz, f"{BROWSE}files/ask", headers, id=ids))
    assert "3 Dateien in den Papierkorb verschieben?" in asked
    assert "1 Datei in den Papierkorb" in assert_german(send(fritz, f"{BROWSE}files/ask", headers, id=ids[:1]))
    send(fritz, f"{BROWSE}files/delete", id=ids)
    asked = assert_german(send(fritz, f"{TRASH}/ask", headers, id=ids, back=TRASH))
    assert "3 Dateien endgültig löschen?" in asked
    assert "Zum Bestätigen 3 eingeben" in asked
    wrong = send(fritz, f"{TRASH}/purge", headers, id=ids, typed="4", back=TRASH)
    assert "Das ist nicht die Anzahl der Dateien." in assert_german(wrong, 422)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "part"])
def test_work_on_all_that_match(
    house: House, fritz: Visitor, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(work, "SECONDS", 0)
    monkeypatch.setattr(work, "STEP", 1)
    for n in range(3):
        house.upload(name=f"{n}.txt")
    page = fritz.open(f"{BROWSE}?select=all&q=txt")
    everything = {name: [v["value"] for _, v in page.tags if v.get("name") == name] for name in ("all", "id")}
    assert "zu den Filtern passen" in assert_german(send(fritz, f"{BROWSE}files/ask", headers, **everything))
    going = assert_german(send(fritz, f"{BROWSE}files/delete", headers, **everything))
    assert "Dateien werden in den Papierkorb verschoben" in going
    assert re.search(r"\d von 3 erledigt", going)


def test_uploads_without_scripts(house: House, anna: Visitor) -> None:
    house.configure(max_file_size_bytes=1500, allowed_content_types=["text/plain"])
    assert "1,5 KB" in assert_german(anna.get(BROWSE))
    assert "1 Datei gespeichert." in assert_german(_uploaded(anna, ("a.txt", b"a")))
    refused = assert_german(_uploaded(anna, ("groß.txt", b"x" * 2000), ("b.png", picture()), ("b.txt", b"b")))
    assert "1 von 3 Dateien gespeichert." in refused
    assert "größer als die erlaubten 1,5 KB pro Datei." in refused
    assert "dieser Dateityp ist hier nicht erlaubt (image/png)." in refused
    assert "Es wurde keine Datei ausgewählt." in assert_german(_uploaded(anna))


def _uploaded(who: Visitor, *files: tuple[str, bytes]) -> TestResponse:
    parts: Iterable[Any] = [file_part(data, name, content_type="") for name, data in files]
    answer = who.upload_parts([field_part("csrf_token", who.token()), *parts])
    return who.get(answer.headers["Location"])


def test_a_name_that_is_none(house: House, fritz: Visitor) -> None:
    file = house.upload()
    wrong = send(fritz, f"{BROWSE}files/{file.id}/rename", filename="", back=f"{BROWSE}?file={file.id}")
    assert "Hier fehlt eine Angabe." in assert_german(wrong, 422)
    done = send(fritz, f"{BROWSE}files/{file.id}/rename", HTMX, filename="neu.txt", back=f"{BROWSE}?file={file.id}")
    assert "Datei umbenannt." in assert_german(done)
    assert "hat die Datei umbenannt, vorher" in assert_german(fritz.get(f"{BROWSE}?file={file.id}"))


def test_the_own_account(anna: Visitor) -> None:
    other = Visitor(anna.house)
    other.sign_in("admin")
    assert "Unbekannter Browser" in assert_german(anna.get(ACCOUNT))
    assert "1 andere Sitzung beendet." in told(anna, send(anna, f"{ACCOUNT}sessions/end-others"))
    gone = send(anna, f"{ACCOUNT}sessions/{uuid.uuid4()}/end", HTMX)
    assert "Diese Sitzung war schon beendet." in assert_german(gone)
    new = {"current_password": PASSWORD, "password": "noch ein Passwort", "password_again": "anders"}
    assert "stimmt nicht mit" in assert_german(send(anna, f"{ACCOUNT}password", **new), 422)
    short = {**new, "password": "kurz", "password_again": "kurz"}
    assert "Mindestens 8 Zeichen." in assert_german(send(anna, f"{ACCOUNT}password", **short), 422)
    wrong = {**new, "password_again": new["password"], "current_password": "falsch"}
    assert "nicht das aktuelle" in assert_german(send(anna, f"{ACCOUNT}password", **wrong), 422)
    right = {**wrong, "current_password": PASSWORD}
    assert "Passwort geändert." in told(anna, send(anna, f"{ACCOUNT}password", **right))


def test_too_many_guesses_of_the_own_password(fritz: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    guess = {"current_password": "falsch", "password": "noch ein Passwort", "password_again": "noch ein Passwort"}
    answers = [send(fritz, f"{ACCOUNT}password", **guess) for _ in range(6)]
    assert "Das Passwort ist unverändert." in assert_german(answers[-1], 429)


def test_tokens(anna: Visitor) -> None:
    values = {"name": "Sicherung", "scopes": ["file_storage.download"], "expires": "90"}
    wrong = assert_german(send(anna, TOKENS, name="", expires="90"), 422)
    assert "Mindestens eins auswählen." in wrong
    assert_german(send(anna, TOKENS, **{**values, "expires": "date", "until": "2020-01-01"}), 422)
    made = assert_german(send(anna, TOKENS, **values))
    assert "in 90 Tagen" in made
    ask = next(v["href"] for _, v in page_of(anna.get(TOKENS)).tags if v.get("href", "").endswith("/revoke"))
    assert "Es wurde nie verwendet." in assert_german(anna.get(ask))
    assert "Token widerrufen. Es gilt nicht mehr." in told(anna, send(anna, ask))
    assert "Dieses Token war schon widerrufen." in told(anna, send(anna, ask))


def test_accounts(house: House, anna: Visitor) -> None:
    of_admin, of_uploader = f"{USERS}/{house.admin.user_id}", f"{USERS}/{house.uploader.user_id}"
    new = {"username": "ada", "password": "noch ein Passwort", "role": "user"}
    assert "Konto „ada“ angelegt." in told(anna, send(anna, USERS, **new))
    assert "gibt es schon" in assert_german(send(anna, USERS, **new), 409)
    assert "Keine Leerzeichen" in assert_german(send(anna, USERS, **{**new, "username": "a/b", "role": "x"}), 422)
    assert "hat jetzt die Rolle Admin." in told(anna, send(anna, f"{of_uploader}/role", role="admin"))
    assert "hat jetzt die Rolle Benutzer." in told(anna, send(anna, f"{of_uploader}/role", role="user"))
    assert "letzte Admin" in assert_german(send(anna, f"{of_admin}/role", role="user"), 409)
    assert "letzte Admin" in assert_german(send(anna, f"{of_admin}/active", active="false"), 409)
    assert "letzte Admin" in assert_german(send(anna, f"{of_admin}/delete"), 409)
    assert "ist überall abgemeldet" in told(anna, send(anna, f"{of_uploader}/active", active="false"))
    assert "Gesperrt" in assert_german(anna.get(USERS))
    assert "kann sich wieder anmelden" in told(anna, send(anna, f"{of_uploader}/active", active="true"))
    assert "Mindestens 8 Zeichen." in assert_german(send(anna, f"{of_uploader}/password", password="kurz"), 422)
    assert "Neues Passwort gesetzt." in told(anna, send(anna, f"{of_uploader}/password", password=PASSWORD))
    assert "Konto „uploader“ gelöscht." in told(anna, send(anna, f"{of_uploader}/delete"))
    assert "Konto geändert" in assert_german(anna.get(ACTIVITY))


# --- webhooks ------------------------------------------------------------------------


def test_webhooks(house: House, anna: Visitor) -> None:
    assert "Noch keine Webhooks" in assert_german(anna.get(WEBHOOKS))
    allow_private(house)
    new = {"url": "", "description": "", "which": "some", "secret": "kurz"}
    said = assert_german(send(anna, f"{WEBHOOKS}/new", **new), 422)
    assert "Mindestens eins auswählen." in said
    with serving(503) as hook:
        new = {**new, "url": hook.url, "types": "file_storage.file.uploaded", "secret": ""}
        assert "Das Geheimnis jetzt kopieren" in assert_german(send(anna, f"{WEBHOOKS}/new", **new))
        one = f"{WEBHOOKS}/{webhooks.only(house)}"
        house.upload()
        house.deliver()
        assert "Antwort 503" in assert_german(send(anna, f"{one}/test"))
        assert "Testzustellung" in assert_german(anna.get(one))
        assert "Fehlversuche" in assert_german(anna.get(one, headers=HTMX))
    assert "Verbindung abgelehnt" in assert_german(send(anna, f"{one}/test", HTMX))
    for path in ("/edit", "/secret", "/delete", "?state=parked", "?before=1"):
        assert_german(anna.get(one + path))
    assert "Von Hand pausiert" in told(anna, send(anna, f"{one}/pause"))
    assert "Pausiert" in assert_german(anna.get(WEBHOOKS))
    assert "wird jetzt gesendet" in told(anna, send(anna, f"{one}/resume"))
    assert "hat ein neues Geheimnis" in assert_german(send(anna, f"{one}/secret"))
    assert "Webhook gespeichert." in told(anna, send(anna, f"{one}/edit", url=hook.url, which="all"))
    assert "gelöscht." in told(anna, send(anna, f"{one}/delete"))
    assert "Webhook geändert" in assert_german(anna.get(ACTIVITY))


# --- settings ------------------------------------------------------------------------


def test_settings(house: House, anna: Visitor) -> None:
    house.upload()
    house.configure(trash_retention_days=7, max_file_size_bytes=1_500_000, s3_access_key_id="AKIAZ5XN2QTL7HDP4WCE")
    house.configure(s3_secret_access_key="ein geheimer Text")
    assert "1,5 MB" in anna.get(SETTINGS).text
    assert_german(anna.get(SETTINGS))
    assert_german(send_settings(anna, replace="s3_secret_access_key"))
    said = told(anna, send_settings(anna, trash_retention_days="9", max_file_size_bytes="1.500 MB"))
    assert "Gespeichert." in said
    assert "1.500 MB" not in said


def test_settings_that_are_refused(house: House, fritz: Visitor) -> None:
    cases: dict[str, dict[str, str]] = {
        "Möglich ist 1 Tag bis 3.650 Tage": {"trash_retention_days": "0"},
        "Nötig ist eine Größe": {"max_file_size_bytes": "viel"},
        "kein Medientyp": {"allowed_content_types": "nichts"},
        "3 bis 63 Kleinbuchstaben": {"s3_bucket": "X"},
    }
    for sentence, values in cases.items():
        assert sentence in assert_german(send_settings(fritz, **values), 422)


def test_settings_that_somebody_else_saved(house: House, fritz: Visitor) -> None:
    page = fritz.open(SETTINGS)
    house.configure(trash_retention_days=90)
    answer = send_settings(fritz, page, trash_retention_days="60", max_file_size_bytes="5 MB")
    assert "Fremden Wert nehmen:" in assert_german(answer, 409)


def test_a_connection_test(house: House, fritz: Visitor) -> None:
    answer = send_settings(fritz, path="/test", headers=HTMX, probe="filesystem")
    assert "Die Verbindung steht" in assert_german(answer)
    answer = send_settings(fritz, path="/test", probe="filesystem", fs_root_path="/etc")
    assert "Nichts wurde getestet" in assert_german(answer, 422)
