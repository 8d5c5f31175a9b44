"""All files that match a filter, on all pages: to the trash and back, deleted for good; and nobody can make that up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import g
from itsdangerous import TimestampSigner
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, TRASH, Visitor, bulk_fields, names_in, page_of
from webapp.contracts.files import StoredFileOut
from webapp.ui import selections, states

DELETE, RESTORE, PURGE = "/file-storage/files/delete", "/file-storage/files/restore", "/file-storage/trash/purge"


def fill(house: House, count: int = 30, kind: str = "txt") -> list[StoredFileOut]:
    return [house.upload(name=f"{n:02}.{kind}") for n in range(count)]


def ticked(page: Page) -> list[str]:
    return [v["value"] for _, v in page.tags if v.get("name") == "id" and "checked" in v]


def token_of(page: Page) -> str:
    return next(v["value"] for _, v in page.tags if v.get("name") == "all" and v.get("form") == "bulk")


def send_all(who: Visitor, page: Page, action: str, ids: list[str] | None = None, **values: object) -> TestResponse:
    """What a browser sends when all that match are selected."""
    found = ticked(page) if ids is None else ids
    return who.send_bulk(page, action, **{"all": token_of(page), "id": found, **values})


def told(who: Visitor, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return who.open(answer.headers["Location"]).text


def test_all_that_match_go_and_come_back(house: House, uploader: Visitor) -> None:
    fill(house)
    fill(house, 3, "bin")
    start = uploader.open(f"{BROWSE}?q=txt&per_page=25")
    (link,) = [v["href"] for _, v in start.tags if v.get("href", "").endswith("select=all")]
    page = uploader.open(link)
    assert "All 30 files selected" in page.text
    assert len(ticked(page)) == 25
    answer = send_all(uploader, page, DELETE)
    assert answer.headers["Location"] == f"{BROWSE}?q=txt&per_page=25"
    after = uploader.open(answer.headers["Location"])
    assert "30 files moved to the trash." in after.text
    assert len(names_in(uploader.open())) == 3
    assert "30 files restored." in told(uploader, uploader.send(after.form(action=RESTORE)))
    assert len(names_in(uploader.open())) == 33
    house.assert_consistent()


def test_undo_brings_back_what_went_together_and_nothing_else(house: House, uploader: Visitor, admin: Visitor) -> None:
    files = fill(house, 30)
    for who, file in ((uploader, files[0]), (admin, files[1])):
        who.press(who.open(), f"/file-storage/files/{file.id}/delete")
    answer = send_all(uploader, uploader.open(f"{BROWSE}?select=all&per_page=25"), DELETE)
    after = uploader.open(answer.headers["Location"])
    undo = after.form(action=RESTORE)
    assert "28 files restored." in told(uploader, uploader.send(undo))
    assert sorted(names_in(uploader.open(TRASH))) == ["00.txt", "01.txt"]
    assert "No file was selected." in told(uploader, uploader.send(undo)), "once is enough"
    assert admin.send_bulk(admin.open(), RESTORE, undo=undo.fields["undo"]).status_code == 422, "of another account"


def test_all_in_the_trash_that_match_are_restored(house: House, uploader: Visitor) -> None:
    fill(house, 28)
    fill(house, 2, "bin")
    send_all(uploader, uploader.open(f"{BROWSE}?select=all&per_page=25"), DELETE)
    page = uploader.open(f"{TRASH}?q=txt&per_page=25&select=all")
    assert "28 files restored." in told(uploader, send_all(uploader, page, RESTORE))
    assert len(names_in(uploader.open(TRASH))) == 2


def test_one_row_unticked_is_a_choice_of_rows(house: House, uploader: Visitor) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    assert "24 files moved" in told(uploader, send_all(uploader, page, DELETE, ticked(page)[1:]))
    assert len(names_in(uploader.open())) == 6


def test_all_rows_unticked_is_a_choice_of_none(house: House, uploader: Visitor) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    assert "No file was selected." in told(uploader, send_all(uploader, page, DELETE, []))
    answer = uploader.send_bulk(page, "/file-storage/files/ask", headers=HTMX, all=token_of(page))
    assert "No file was selected." in answer.text
    assert len(names_in(uploader.open())) == 30


def test_a_row_button_means_its_row(house: House, uploader: Visitor) -> None:
    file = fill(house)[7]
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    assert "1 file moved" in told(uploader, send_all(uploader, page, f"/file-storage/files/{file.id}/delete"))


def test_who_came_later_is_spared(house: House, uploader: Visitor) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25&q=t")
    house.upload(name="newcomer.txt")
    dialog = page_of(send_all(uploader, page, "/file-storage/files/ask", headers=HTMX))
    assert "Move 30 files to the trash?" in dialog.text
    assert "These are all files that match the filters." in dialog.text
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    assert "match the filters" not in page_of(send_all(uploader, page, "/file-storage/files/ask", headers=HTMX)).text
    assert "30 files moved" in told(uploader, uploader.send(dialog.form(action=DELETE)))
    assert names_in(uploader.open()) == ["newcomer.txt"]


def test_of_other_peoples_files_none_goes(house: House, uploader: Visitor) -> None:
    house.configure(file_visibility="own")
    fill(house, 26)
    house.upload(house.stranger, name="theirs.txt")
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    assert "All 26 files selected" in page.text
    assert "26 files moved" in told(uploader, send_all(uploader, page, DELETE))
    house.configure(file_visibility="all")
    assert names_in(uploader.open()) == ["theirs.txt"]


# --- for good ------------------------------------------------------------------------


def trashed(house: House, count: int) -> None:
    ids = [file.id for file in fill(house, count)]
    with house.app.app_context():
        house.services.files.trash_many(house.admin, ids)


def typed_field(page: Page) -> dict[str, str] | None:
    return next((v for _, v in page.tags if v.get("name") == "typed"), None)


@pytest.mark.parametrize(("count", "typed"), [(9, False), (10, True)])
def test_many_are_deleted_for_good_by_their_number(house: House, admin: Visitor, count: int, *, typed: bool) -> None:
    trashed(house, count)
    page = admin.open(f"{TRASH}?select=page")
    question = page_of(admin.press(page, "/file-storage/trash/ask", id=ticked(page)))
    assert (typed_field(question) is not None) == typed
    assert f"Delete {count} files for good?" in question.text


@pytest.mark.parametrize("number", ["", "29", "31", "thirty", "0", "-"])
def test_a_wrong_number_asks_again(house: House, admin: Visitor, number: str) -> None:
    trashed(house, 30)
    page = admin.open(f"{TRASH}?select=all&per_page=25&sort=name")
    question = page_of(send_all(admin, page, "/file-storage/trash/ask"))
    assert "Type 30 to confirm" in question.text
    again = question
    for headers in ({"Accept": "text/html"}, HTMX):
        answer = admin.post(PURGE, {**question.form(action=PURGE).fields, "typed": number}, headers=headers)
        assert answer.status_code == 422
        again = page_of(answer)
        assert (typed_field(again) or {})["aria-invalid"] == "true"
        assert "This is not the number of files." in again.text
    assert len(house.on_disk()) == 30
    answer = admin.send(again.form(action=PURGE), typed="30")
    assert answer.headers["Location"] == f"{TRASH}?sort=name&per_page=25"
    assert "30 files deleted for good." in told(admin, answer)
    assert not house.on_disk()
    house.assert_consistent()


def test_no_field_gets_around_the_number(house: House, admin: Visitor) -> None:
    trashed(house, 12)
    page = admin.open(f"{TRASH}?select=page")
    for values in ({"id": ticked(page)}, {"id": ticked(page), "work": ""}, {"id": ticked(page), "all": ""}):
        assert admin.send_bulk(page, PURGE, **values).status_code == 422, values
    assert admin.send_bulk(page, PURGE, id=ticked(page), work="x").status_code == 422
    assert len(house.on_disk()) == 12


def trash_another(house: House, name: str) -> None:
    file = house.upload(name=name)
    with house.app.app_context():
        house.services.files.trash_many(house.admin, [file.id])


def test_the_trash_is_emptied_whatever_the_filter(house: House, admin: Visitor) -> None:
    trashed(house, 12)
    form = admin.open(f"{TRASH}?q=03").form(action="/file-storage/trash/ask-all")
    trash_another(house, "before the question.txt")
    question = page_of(admin.send(form))
    assert "Delete 13 files for good?" in question.text
    trash_another(house, "after it.txt")
    answer = admin.send(question.form(action=PURGE), typed="13")
    assert answer.headers["Location"] == f"{TRASH}?q=03"
    assert "13 files deleted for good." in told(admin, answer)
    assert names_in(admin.open(TRASH)) == ["after it.txt"]


def test_an_empty_trash_offers_and_asks_nothing(house: House, admin: Visitor) -> None:
    assert not [v for _, v in admin.open(TRASH).tags if v.get("id") == "empty-trash"]
    answer = admin.post("/file-storage/trash/ask-all", {"csrf_token": admin.token()})
    assert "No file was selected." in told(admin, answer)


def test_only_managers_delete_all_for_good(house: House, uploader: Visitor) -> None:
    trashed(house, 30)
    page = uploader.open(f"{TRASH}?select=all&per_page=25")
    for action in ("/file-storage/trash/ask", "/file-storage/trash/ask-all", PURGE):
        assert send_all(uploader, page, action, typed="30").status_code == 403
    assert len(house.on_disk()) == 30


# --- made up -------------------------------------------------------------------------


def test_what_stands_for_all_holds_for_one_account(house: House, uploader: Visitor, admin: Visitor) -> None:
    fill(house)
    token = token_of(uploader.open(f"{BROWSE}?select=all&per_page=25"))
    for action in (DELETE, RESTORE, PURGE, "/file-storage/files/ask", "/file-storage/trash/ask"):
        assert admin.send_bulk(admin.open(), action, all=token).status_code == 422, action
    assert len(names_in(admin.open())) == 30


def test_who_sees_more_by_now_did_not_mean_what_was_hidden(house: House, uploader: Visitor) -> None:
    house.configure(file_visibility="own")
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    house.configure(file_visibility="all")
    assert send_all(uploader, page, DELETE).status_code == 422


def test_what_stands_for_all_holds_for_a_day(house: House, uploader: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    late = int((datetime.now(UTC) + selections.LASTS + timedelta(seconds=5)).timestamp())
    with monkeypatch.context() as later:
        later.setattr(TimestampSigner, "get_timestamp", lambda _: late)
        assert send_all(uploader, page, DELETE).status_code == 422
    assert send_all(uploader, page, DELETE).status_code == 303


def _turned(token: str) -> str:
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


CHANGES: list[Callable[[str], str]] = [_turned, lambda t: t[:-1], lambda t: f"{t}x", lambda _: "x", lambda _: "a.b.c"]


def test_what_was_tampered_with_stands_for_nothing(house: House, uploader: Visitor) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    for change in CHANGES:
        answer = uploader.send_bulk(page, DELETE, all=change(token_of(page)), id=ticked(page))
        assert answer.status_code == 422
        assert "Traceback" not in answer.text
    assert len(names_in(uploader.open())) == 30


def test_what_stands_for_one_thing_does_not_stand_for_another(house: House, uploader: Visitor) -> None:
    fill(house)
    page = uploader.open(f"{BROWSE}?select=all&per_page=25")
    for field in ("work", "undo"):
        answer = uploader.send_bulk(page, RESTORE, **{field: token_of(page)})
        assert answer.status_code == 422, field
    assert {v["name"] for v in bulk_fields(page)} == {"csrf_token", "back"}


def test_it_says_what_the_list_says(house: House) -> None:
    with house.app.test_request_context():
        g.caller = house.uploader
        state = states.start(trash=True).change(q="a&b=c ä", type=("image", "video"), since="2026-01-01", sort="size")
        now = datetime.now(UTC)
        found = selections.read(selections.make(state, now, rows=3))
        assert found.state == state.change(sort="-deleted_at")
        assert (found.moment, found.rows) == (now, 3)
