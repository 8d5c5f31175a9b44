"""To the trash, back, and gone for good."""

import re
import uuid

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.ui.conftest import BROWSE, TRASH, Visitor, names_in, page_of


def text_after(who: Visitor, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return re.sub(r"\s+", " ", who.open(answer.headers["Location"]).text)


def test_one_file_goes_to_the_trash_and_undo_brings_it_back(house: House, uploader: Visitor) -> None:
    file = house.upload(name="a.txt")
    house.upload(name="b.txt")
    page = uploader.open(f"{BROWSE}?sort=name&q=t")
    answer = uploader.press(page, f"/file-storage/files/{file.id}/delete")
    assert answer.headers["Location"] == f"{BROWSE}?q=t&sort=name"
    page = uploader.open(answer.headers["Location"])
    assert "1 file moved to the trash." in page.text
    assert names_in(page) == ["b.txt"]
    assert names_in(uploader.open(TRASH)) == ["a.txt"]
    answer = uploader.send(page.form(action="/file-storage/files/restore"))
    assert answer.headers["Location"] == f"{BROWSE}?q=t&sort=name"
    assert "1 file restored." in text_after(uploader, answer)
    assert names_in(uploader.open(f"{BROWSE}?sort=name")) == ["a.txt", "b.txt"]


def test_a_row_button_ignores_what_is_ticked(house: House, uploader: Visitor) -> None:
    one, other = house.upload(name="one"), house.upload(name="other")
    uploader.press(uploader.open(), f"/file-storage/files/{one.id}/delete", id=[str(other.id)])
    assert names_in(uploader.open()) == ["other"]


def test_several_at_once_and_what_was_gone_already(house: House, uploader: Visitor) -> None:
    ids = [str(house.upload(name=f"{n}.txt").id) for n in range(3)]
    page = uploader.open()
    uploader.press(page, f"/file-storage/files/{ids[0]}/delete")
    answer = uploader.press(page, "/file-storage/files/delete", id=ids)
    assert "2 of 3 files moved to the trash. One was already gone." in text_after(uploader, answer)
    answer = uploader.press(page, "/file-storage/files/delete", id=ids)
    assert "Those 3 files were already gone." in text_after(uploader, answer)
    trash = uploader.open(TRASH)
    answer = uploader.press(trash, "/file-storage/files/restore", id=ids)
    assert answer.headers["Location"] == TRASH
    assert "3 files restored." in text_after(uploader, answer)
    answer = uploader.send_bulk(trash, f"/file-storage/files/{ids[0]}/restore")
    assert "That file was already gone." in text_after(uploader, answer)


@pytest.mark.parametrize("ids", [[], ["nonsense"], ["", "1", "'; DROP TABLE"]])
def test_nothing_ticked_is_told(house: House, uploader: Visitor, ids: list[str]) -> None:
    house.upload()
    answer = uploader.send_bulk(uploader.open(), "/file-storage/files/delete", id=ids)
    assert "No file was selected." in text_after(uploader, answer)


def test_more_than_a_page_can_hold_is_refused(house: House, uploader: Visitor) -> None:
    house.upload()
    ids = [str(uuid.uuid4()) for _ in range(201)]
    assert uploader.send_bulk(uploader.open(), "/file-storage/files/delete", id=ids).status_code == 422


@pytest.mark.parametrize("what", ["files/delete", "files/restore", "trash/ask", "trash/purge"])
@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_every_action_needs_the_token(house: House, admin: Visitor, what: str, token: str | None) -> None:
    file = house.upload()
    data = {"id": str(file.id), **({} if token is None else {"csrf_token": token})}
    assert admin.post(f"/file-storage/{what}", data).status_code == 403
    assert names_in(admin.open()) == ["file.bin"]


@pytest.mark.parametrize("what", ["files/delete", "files/restore", "trash/ask", "trash/purge", "upload"])
def test_no_link_does_anything(house: House, admin: Visitor, what: str) -> None:
    house.upload()
    assert admin.get(f"/file-storage/{what}").status_code == 405
    assert names_in(admin.open()) == ["file.bin"]


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example/", "/\\evil.example", "\t//x", "javascript:1"]
)
def test_the_way_back_is_ours(house: House, uploader: Visitor, back: str) -> None:
    file = house.upload()
    answer = uploader.send_bulk(uploader.open(), f"/file-storage/files/{file.id}/delete", back=back)
    assert answer.headers["Location"] == BROWSE
    answer = uploader.send_bulk(uploader.open(TRASH), f"/file-storage/files/{file.id}/restore", back=back)
    assert answer.headers["Location"] == TRASH


def trashed(house: House, *names: str) -> list[str]:
    files = [house.upload(name=name) for name in names]
    with house.app.app_context():
        house.services.files.trash_many(house.admin, [file.id for file in files])
    return [str(file.id) for file in files]


def test_the_trash_tells_how_long_files_stay(house: House, uploader: Visitor) -> None:
    assert "The trash is empty" in uploader.open(TRASH).text
    house.configure(trash_retention_days=12)
    trashed(house, "a.txt")
    text = uploader.open(TRASH).text
    assert "stay here for 12 days" in text
    assert "in 12 days" in text
    assert "5 bytes can be reclaimed" in text


def test_only_managers_delete_for_good(house: House, uploader: Visitor, admin: Visitor) -> None:
    (file_id,) = trashed(house, "a.txt")
    page = uploader.open(TRASH)
    assert "Delete for good" not in page.text
    for action in ("trash/ask", f"trash/{file_id}/ask", "trash/purge"):
        assert uploader.send_bulk(page, f"/file-storage/{action}", id=[file_id]).status_code == 403
    assert names_in(uploader.open(TRASH)) == ["a.txt"]


def test_deleting_for_good_asks_first_and_names_what_goes(house: House, admin: Visitor) -> None:
    ids = trashed(house, "<b>.txt", "b.txt", "c.txt")
    page = admin.open(f"{TRASH}?sort=name")
    question = page_of(admin.press(page, "/file-storage/trash/ask", id=ids[:2]))
    assert "Delete 2 files for good?" in question.text
    assert "<b>.txt" in question.text
    assert "c.txt" not in question.text
    assert len(house.on_disk()) == 3
    assert any(v.get("href") == f"{TRASH}?sort=name" for tag, v in question.tags if tag == "a"), "a way out"
    answer = admin.send(question.form(action="/file-storage/trash/purge"), id=ids[:2])
    assert answer.headers["Location"] == f"{TRASH}?sort=name"
    assert "2 files deleted for good." in text_after(admin, answer)
    assert names_in(admin.open(TRASH)) == ["c.txt"]
    assert len(house.on_disk()) == 1
    house.assert_consistent()


def test_one_row_is_asked_about_by_itself(house: House, admin: Visitor) -> None:
    ids = trashed(house, "a.txt", "b.txt")
    question = page_of(admin.press(admin.open(TRASH), f"/file-storage/trash/{ids[0]}/ask", id=[ids[1]]))
    assert "Delete this file for good?" in question.text
    admin.send(question.form(action="/file-storage/trash/purge"))
    assert names_in(admin.open(TRASH)) == ["b.txt"]


def test_a_file_restored_meanwhile_stays(house: House, admin: Visitor, uploader: Visitor) -> None:
    ids = trashed(house, "a.txt", "b.txt")
    question = page_of(admin.press(admin.open(TRASH), "/file-storage/trash/ask", id=ids))
    uploader.press(uploader.open(TRASH), f"/file-storage/files/{ids[0]}/restore")
    answer = admin.send(question.form(action="/file-storage/trash/purge"), id=[*ids, str(uuid.uuid4())])
    assert "1 of 3 files deleted for good. 2 were already gone." in text_after(admin, answer)
    assert names_in(admin.open()) == ["a.txt"]
    house.assert_consistent()


def test_only_the_last_message_is_kept(house: House, uploader: Visitor) -> None:
    page = uploader.open()
    house.upload()
    page = uploader.open()
    for _ in range(60):
        uploader.send_bulk(page, "/file-storage/files/delete", id=[str(uuid.uuid4())] * 20)
    assert uploader.open().text.count("already gone") == 1
    assert uploader.is_in()
