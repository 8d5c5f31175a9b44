"""The details of one file, beside the list: what is known about it, how it looks, what happened to it."""

import re
from dataclasses import fields
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Page
from tests.support.images import picture
from tests.ui.conftest import BROWSE, HTMX, Visitor, assert_ours, focused, names_in, page_of
from webapp.contracts.errors import StorageError
from webapp.contracts.files import StoredFileOut
from webapp.ui import filters


def panel(who: Visitor, file: StoredFileOut, query: str = "") -> TestResponse:
    answer = who.get(f"{BROWSE}?{query}file={file.id}", headers={**HTMX, "HX-Target": "inspector"})
    assert answer.status_code == 200
    return answer


def tags(page: Page, name: str) -> list[dict[str, str]]:
    return [values for tag, values in page.tags if tag == name]


def by_id(page: Page, name: str) -> dict[str, str]:
    return next(values for _, values in page.tags if values.get("id") == name)


def test_everything_that_is_known_is_told(house: House, admin: Visitor) -> None:
    file = house.upload(data=b"x" * 1500, name="résumé <1>.csv", content_type="text/csv")
    told = {
        "id": str(file.id),
        "key": file.key,
        "filename": file.filename,
        "size_bytes": "1.5 KB",
        "content_type": "text/csv",
        "checksum_sha256": file.checksum_sha256,
        "backend": "Filesystem",
        "created_at": filters.utc(file.created_at),
        "uploaded_by": str(file.uploaded_by),
        "uploaded_by_name": "uploader",
    }
    # A file that is here was not deleted; what checks have found is in test_upload_checks.
    assert told.keys() | {"deleted_at", "annotations"} == {field.name for field in fields(StoredFileOut)}
    page = page_of(panel(admin, file))
    for field, text in told.items():
        assert text in page.text, field
    assert "1,500 bytes" in page.text
    assert by_id(page, "panel-download")["href"] == f"{BROWSE}files/{file.id}/download"
    assert by_id(page, "panel-link")["data-copy-text"] == f"http://localhost{BROWSE}files/{file.id}/download"
    assert file.filename in admin.get(f"{BROWSE}?file={file.id}").text.replace("&lt;", "<").replace("&gt;", ">")


def test_a_checksum_that_is_being_found_out_is_said_to_be(house: House, admin: Visitor) -> None:
    file = house.upload(name="a.bin")
    assert "Being found out" not in page_of(panel(admin, file)).text
    house.age(file, checksum_sha256="")
    page = page_of(panel(admin, file))
    assert "Being found out" in page.text
    assert "#d-sha" not in [values.get("data-copy") for values in tags(page, "button")]


@pytest.mark.parametrize("file_id", ["00000000-0000-0000-0000-000000000000", "trashed", "purged"])
def test_a_file_that_is_gone_is_said_to_be(house: House, admin: Visitor, file_id: str) -> None:
    file = house.upload(name="a secret name.txt")
    house.upload(name="other.txt")
    with house.app.app_context():
        if file_id != "trashed":
            house.services.files.purge(house.admin, file.id)
        else:
            house.services.files.trash_many(house.admin, [file.id])
    wanted = str(file.id) if "-" not in file_id else file_id
    page = admin.open(f"{BROWSE}?q=o&file={wanted}")
    assert "This file is gone" in page.text
    assert "a secret name" not in page.text
    assert names_in(page) == ["other.txt"]
    assert [v["href"] for v in tags(page, "a") if "data-close-panel" in v] == [f"{BROWSE}?q=o"]


def test_other_peoples_files_are_as_gone_as_any(house: House, uploader: Visitor) -> None:
    house.configure(file_visibility="own")
    secret = house.upload(house.stranger, data=b"hidden words", name="secret.txt", content_type="text/plain")
    for text in (panel(uploader, secret).text, uploader.get(f"{BROWSE}?file={secret.id}").text):
        assert "This file is gone" in text
        for traitor in ("secret", "hidden words", secret.key, secret.checksum_sha256, "stranger"):
            assert traitor not in text, traitor


def test_its_history_is_told_newest_first(house: House, uploader: Visitor, admin: Visitor) -> None:
    file = house.upload(name="old <b>.txt")
    with house.app.app_context():
        house.services.files.rename(house.admin, file.id, "new.txt")
        house.services.files.trash_many(house.uploader, [file.id])
        house.services.files.restore_many(house.admin, [file.id])
    answer = panel(uploader, file)
    log, page = answer.text.partition('id="d-log"')[2], page_of(answer)
    assert re.findall(r"<bdi>(\w+)</bdi> (\w+)", log) == [
        ("admin", "restored"),
        ("uploader", "moved"),
        ("admin", "renamed"),
        ("uploader", "uploaded"),
    ]
    assert "old <b>.txt" in page.text
    assert "b" not in {tag for tag, _ in page.tags}


PICTURES = {"image/png": "thumbnail/640", "image/svg+xml": "preview"}
PLAYERS = {"video/mp4": "video", "audio/mpeg": "audio", "application/pdf": "iframe"}


def test_what_can_be_looked_at_is_shown(house: House, admin: Visitor) -> None:
    for content_type, source in PICTURES.items():
        data = picture() if content_type == "image/png" else b'<svg xmlns="http://www.w3.org/2000/svg"/>'
        file = house.upload(data=data, name="a", content_type=content_type)
        (image,) = tags(page_of(panel(admin, file)), "img")
        assert image["src"] == f"{BROWSE}files/{file.id}/{source}"
        assert image["alt"] == "Preview of a"
    for content_type, tag in PLAYERS.items():
        file = house.upload(name="a", content_type=content_type)
        (player,) = tags(page_of(panel(admin, file)), tag)
        assert player["src"] == f"{BROWSE}files/{file.id}/preview"
        assert "autoplay" not in player
    for content_type in ("text/html", "application/zip", "application/octet-stream", "image/x-unknown"):
        page = page_of(panel(admin, house.upload(data=b"<b>PK", name="a", content_type=content_type)))
        assert not {"img", "iframe", "video", "audio", "b"} & {tag for tag, _ in page.tags}, content_type


def test_text_is_shown_as_text(house: House, admin: Visitor) -> None:
    data = b"<script>alert(1)</script></pre><img src=x>\n" + b"x" * 70_000
    page = page_of(panel(admin, house.upload(data=data, name="a.txt", content_type="text/plain")))
    assert_ours(page)
    assert "<script>alert(1)</script></pre><img src=x>" in page.text
    assert "This is the beginning" in page.text
    assert not tags(page, "img")


def test_a_storage_that_does_not_answer_costs_the_preview_alone(
    house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StorageError("down")

    file = house.upload(data=b"words", name="a.txt", content_type="text/plain")
    monkeypatch.setattr(house.services.previews, "text_head", fail)
    page = page_of(panel(admin, file))
    assert file.checksum_sha256 in page.text
    assert [v["class"] for v in tags(page, "div") if "alert" in v.get("class", "")] == ["alert alert-warn"]
    assert not tags(page, "pre")


def test_the_list_anew_does_not_wait_for_a_preview(
    house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = house.upload(data=b"words", name="a.txt", content_type="text/plain")
    monkeypatch.setattr(house.services.previews, "text_head", None)
    answer = admin.get(f"{BROWSE}?file={file.id}", headers={**HTMX, "HX-Target": "list"})
    assert "is-open" in answer.text


def test_one_goes_on_to_the_file_above_and_below(house: House, admin: Visitor) -> None:
    ids = [house.upload(name=f"{n}.txt").id for n in range(3)]
    page = admin.open(f"{BROWSE}?sort=name&file={ids[1]}")
    assert steps(page) == {
        "Previous file": f"{BROWSE}?sort=name&file={ids[0]}",
        "Next file": f"{BROWSE}?sort=name&file={ids[2]}",
    }
    assert [v["data-step"] for v in tags(page, "button") if "data-step" in v] == ["-1", "1"]
    page = admin.open(f"{BROWSE}?sort=name&file={ids[2]}")
    assert list(steps(page)) == ["Previous file"]
    (row,) = [v for v in tags(page, "tr") if "is-open" in v.get("class", "")]
    assert row["data-id"] == str(ids[2])


def steps(page: Page) -> dict[str, str]:
    """Where one goes on where no scripts run."""
    return {v["aria-label"]: v["href"] for v in tags(page, "a") if v.get("aria-label", "").endswith(" file")}


# --- another name --------------------------------------------------------------------


def rename(who: Visitor, file: StoredFileOut, name: str, *, htmx: bool = False, back: str = BROWSE) -> TestResponse:
    data = {"csrf_token": who.token(), "filename": name, "back": back}
    headers = HTMX if htmx else {"Accept": "text/html"}
    return who.post(f"/file-storage/files/{file.id}/rename", data, headers=headers)


def test_a_file_gets_another_name(house: House, uploader: Visitor) -> None:
    file = house.upload(name="old.txt")
    form = uploader.open(f"{BROWSE}?sort=name&file={file.id}").form(action=f"/files/{file.id}/rename")
    assert form.fields["filename"] == "old.txt"
    answer = uploader.send(form, filename="path/new <b>.txt")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BROWSE}?sort=name&file={file.id}")
    page = uploader.open(answer.headers["Location"])
    assert "File renamed." in page.text
    assert names_in(page) == ["new <b>.txt"]
    assert_ours(page)


def test_the_details_come_back_under_the_new_name(house: House, uploader: Visitor) -> None:
    file = house.upload(name="old.txt")
    answer = rename(uploader, file, "new.txt", htmx=True, back=f"{BROWSE}?sort=name")
    assert answer.status_code == 200
    page = page_of(answer)
    assert by_id(page, "insp-title")["title"] == "new.txt"
    assert "File renamed." in page.text
    assert str(file.id) in answer.headers["HX-Trigger-After-Settle"]
    assert "list" not in {values.get("id") for _, values in page.tags}


@pytest.mark.parametrize("name", ["", "   ", ".", "..", "a/.."])
@pytest.mark.parametrize("htmx", [True, False])
def test_no_name_is_refused_beside_the_field(house: House, uploader: Visitor, name: str, *, htmx: bool) -> None:
    file = house.upload(name="old.txt")
    answer = rename(uploader, file, name, htmx=htmx, back=f"{BROWSE}?q=old")
    assert answer.status_code == 422
    page = page_of(answer)
    field = by_id(page, "filename")
    assert (field["value"], field["aria-invalid"]) == (name, "true")
    assert field["aria-describedby"] in {values.get("id") for _, values in page.tags}
    assert "filename" in focused(answer)
    assert "open" in by_id(page, "rename")
    assert names_in(uploader.open()) == ["old.txt"]


def test_what_one_does_not_see_keeps_its_name(house: House, uploader: Visitor, admin: Visitor) -> None:
    house.configure(file_visibility="own")
    file = house.upload(house.stranger, name="secret.txt")
    for htmx in (True, False):
        for name in ("new.txt", ""):
            answer = rename(uploader, file, name, htmx=htmx)
            assert (answer.status_code, "secret" in answer.text) in ((404, False), (422, False)), name
    assert names_in(admin.open()) == ["secret.txt"]
    assert rename(uploader, file, "new.txt").status_code == 404


def test_a_rename_needs_the_token(house: House, uploader: Visitor) -> None:
    file = house.upload(name="old.txt")
    path = f"/file-storage/files/{file.id}/rename"
    assert uploader.post(path, {"filename": "new.txt"}).status_code == 403
    assert uploader.get(path).status_code == 405
    assert names_in(uploader.open()) == ["old.txt"]
