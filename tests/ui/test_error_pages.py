"""Errors for people: what happened, the request id, a way back."""

import uuid

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, Visitor, assert_ours, page_of
from webapp.http.errors import STATUS_BY_CODE
from webapp.http.i18n import has


def test_every_code_has_a_title() -> None:
    assert not [code for code in STATUS_BY_CODE if not has(f"error_page.titles.{code}")]


@pytest.mark.parametrize("path", ["/nowhere", "/account/nowhere", "/static/nowhere.css", "/%3Cscript%3Ealert(1)%3C"])
def test_nobody_signed_in_gets_a_whole_page(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert answer.headers["X-Request-ID"] in answer.text
    assert "alert(1)" not in answer.text
    page = page_of(answer)
    assert_ours(page)
    assert any(v.get("href") == BROWSE for tag, v in page.tags if tag == "a")
    assert [tag for tag, _ in page.tags].count("main") == 1
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_an_unknown_file_is_told_inside_the_house(uploader: Visitor) -> None:
    answer = uploader.get(f"/file-storage/files/{uuid.uuid4()}/download")
    assert answer.status_code == 404
    assert "Look in the trash" in answer.text
    assert "Sign out" in answer.text


def test_what_one_may_not_is_told(uploader: Visitor) -> None:
    answer = uploader.send_bulk(_with_a_file(uploader), "/file-storage/trash/purge", id=[str(uuid.uuid4())])
    assert answer.status_code == 403
    assert "Not allowed" in answer.text


def _with_a_file(who: Visitor) -> Page:
    who.house.upload()
    return who.open()


def test_an_unexpected_error_shows_nothing_of_the_inside(
    house: House, uploader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(house.services.listing, "list", fail)
    answer = uploader.get(BROWSE)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


def test_lost_bytes_are_told_as_a_page(house: House, uploader: Visitor) -> None:
    file = house.upload(data=b"x" * 100_000)
    for path in house.uploads.rglob(file.key):
        path.unlink()
    answer = uploader.get(f"/file-storage/files/{file.id}/download")
    assert answer.status_code == 500
    assert "The storage does not answer" in answer.text
    assert file.key not in answer.text


def test_pages_are_strict_about_what_they_load(uploader: Visitor, visitor: Visitor) -> None:
    for who, path in ((visitor, "/account/login"), (visitor, "/nowhere"), (uploader, BROWSE), (uploader, "/account/")):
        answer = who.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert_ours(page_of(answer))


def test_everything_a_page_links_is_there(uploader: Visitor) -> None:
    for tag, values in uploader.open().tags:
        address = values.get("href", "")
        if tag in ("link", "use", "a") and address.startswith("/"):
            assert uploader.get(address).status_code == 200, address
