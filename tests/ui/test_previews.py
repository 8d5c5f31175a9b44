"""Thumbnails and previews as answers: kept by browsers, never active, never from elsewhere."""

import pytest
from werkzeug.test import TestResponse

from tests.backends.fakes import LinkBackend, MemoryBackend
from tests.support.app import House
from tests.support.images import opened, picture
from tests.ui.conftest import Visitor
from webapp.contracts.files import StoredFileOut
from webapp.services import images

IMAGE = {"Accept": "image/avif,image/webp,*/*"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'


def thumbnail(visitor: Visitor, out: StoredFileOut, width: int = 64, **headers: str) -> TestResponse:
    sent = {**IMAGE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return visitor.get(f"/file-storage/files/{out.id}/thumbnail/{width}", headers=sent)


def preview(visitor: Visitor, out: StoredFileOut, **headers: str) -> TestResponse:
    sent = {**IMAGE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return visitor.get(f"/file-storage/files/{out.id}/preview", headers=sent)


def stored(house: House, data: bytes = b"", name: str = "photo.png", content_type: str | None = None) -> StoredFileOut:
    return house.upload(data=data or picture(), name=name, content_type=content_type)


def test_a_thumbnail_is_an_image_that_browsers_keep(house: House, uploader: Visitor) -> None:
    answer = thumbnail(uploader, stored(house))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == "private, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert opened(answer.data).size == (64, 64)


def test_a_browser_that_has_it_gets_it_not_again(
    house: House, uploader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = stored(house)
    tag = thumbnail(uploader, out).headers["ETag"]
    assert thumbnail(uploader, out, 128).headers["ETag"] != tag
    monkeypatch.setattr(house.services.thumbnails, "read", None)  # nothing is looked up for it
    answer = thumbnail(uploader, out, If_None_Match=f'"other", {tag}')
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    assert answer.headers["Cache-Control"] == "private, max-age=86400"
    assert "Content-Type" not in answer.headers


def test_a_tag_opens_nothing_for_others(house: House, uploader: Visitor, visitor: Visitor) -> None:
    house.configure(file_visibility="own")
    out = stored(house)
    tag = thumbnail(uploader, out).headers["ETag"]
    assert visitor.sign_in("stranger").status_code == 303
    assert thumbnail(visitor, out, If_None_Match=tag).status_code == 404
    assert preview(visitor, out, If_None_Match=tag).status_code == 404


def test_without_signing_in_there_is_none(house: House, visitor: Visitor) -> None:
    out = stored(house)
    assert thumbnail(visitor, out).status_code == 303
    assert preview(visitor, out).status_code == 303


def test_a_broken_image_is_no_error_of_the_server(house: House, uploader: Visitor) -> None:
    for data in (picture()[:80], b"no image at all"):
        answer = thumbnail(uploader, stored(house, data))
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Cache-Control"] == "private, max-age=300"
        assert "Content-Type" not in answer.headers
    assert thumbnail(uploader, stored(house, b"a,b", "a.csv")).status_code == 204
    assert thumbnail(uploader, stored(house), 65).status_code == 404


def test_too_many_at_once_are_asked_to_come_again(
    house: House, uploader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = stored(house)
    monkeypatch.setattr(images, "MOST_AT_ONCE", -images.MOST_WAITING)
    answer = thumbnail(uploader, out)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    monkeypatch.undo()
    assert thumbnail(uploader, out).status_code == 200


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("a.png", "image/png"), ("a.mp4", "video/mp4"), ("a.mp3", "audio/mpeg"), ("a.jpg", "image/jpeg")],
)
def test_a_preview_is_the_file_itself_in_a_sandbox(
    house: House, uploader: Visitor, name: str, content_type: str
) -> None:
    out = stored(house, b"\x00\x01" + bytes(range(256)) * 10, name, content_type)
    answer = preview(uploader, out)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.data) == out.size_bytes


def test_players_get_the_part_they_ask_for(house: House, uploader: Visitor) -> None:
    out = stored(house, bytes(range(256)) * 10, "a.mp4", "video/mp4")
    answer = preview(uploader, out, Range="bytes=256-511")
    assert (answer.status_code, answer.data) == (206, bytes(range(256)))
    assert answer.headers["Content-Range"] == f"bytes 256-511/{out.size_bytes}"
    assert preview(uploader, out, If_None_Match=answer.headers["ETag"]).status_code == 304


def test_a_vector_image_comes_in_a_sandbox_that_runs_nothing(house: House, uploader: Visitor) -> None:
    answer = preview(uploader, stored(house, SVG, "a.svg"))
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow-" not in policy


def test_a_pdf_may_stand_in_a_page_of_ours_only(house: House, uploader: Visitor) -> None:
    answer = preview(uploader, stored(house, b"%PDF-1.7\n%%EOF", "a.pdf"))
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<!doctype html><script>alert(1)</script>"),
        ("a.xhtml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>'),
        ("a.js", b"alert(1)"),
        ("a.xml", b"<?xml version='1.0'?><x/>"),
        ("a.txt", b"text"),
        ("a.css", b"*{}"),
        ("a.zip", b"PK\x03\x04"),
        ("a.m3u", b"http://elsewhere.example/"),
        ("a", b"\x00\x01\x02"),
    ],
)
def test_nothing_else_is_shown(house: House, uploader: Visitor, name: str, data: bytes) -> None:
    assert preview(uploader, stored(house, data, name)).status_code == 404


def test_a_page_that_calls_itself_an_image_stays_one(house: House, uploader: Visitor) -> None:
    answer = preview(uploader, stored(house, b"<!doctype html><script>alert(1)</script>", "a.png", "image/png"))
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_bytes_from_elsewhere_come_through_us(house: House, uploader: Visitor) -> None:
    """A redirect would need the bucket in the policy of our pages."""
    MemoryBackend.forget()
    house.registry.register(LinkBackend)
    house.configure(backend="links")
    out = stored(house)
    for answer in (preview(uploader, out), preview(uploader, out, Range="bytes=0-7"), thumbnail(uploader, out)):
        assert answer.status_code in (200, 206)
        assert "Location" not in answer.headers
    assert preview(uploader, out, Range="bytes=0-7").data == picture()[:8]
    MemoryBackend.forget()


def test_in_the_trash_both_are_still_there(house: House, uploader: Visitor) -> None:
    out = stored(house)
    with house.app.app_context():
        house.services.files.trash(house.uploader, out.id)
    assert thumbnail(uploader, out).status_code == 200
    assert preview(uploader, out).status_code == 200


def test_an_unknown_file_has_neither(uploader: Visitor) -> None:
    for part in ("preview", "thumbnail/64", "thumbnail/", "thumbnail/x", "thumbnail/-1"):
        answer = uploader.get(f"/file-storage/files/00000000-0000-0000-0000-000000000001/{part}", headers=IMAGE)
        assert answer.status_code == 404
