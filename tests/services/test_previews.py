"""What can be looked at in a page, and how a text begins."""

import pytest

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from webapp.contracts.errors import StorageBackendError, StorageError
from webapp.services.content_types import is_active
from webapp.services.errors import ForbiddenError, NotFoundError
from webapp.services.previews import decode, inline_kind, preview_kind

SHOWN = {
    "image/png": "image",
    "image/jpeg": "image",
    "image/svg+xml": "image",
    "video/mp4": "video",
    "video/quicktime": "video",
    "audio/mpeg": "audio",
    "audio/x-flac": "audio",
    "application/pdf": "pdf",
}
READ = ("text/plain", "text/html", "text/css", "application/json", "application/xml", "text/javascript", "text/csv")
NEITHER = ("application/octet-stream", "application/zip", "image/heic", "image/x-unheard-of", "font/woff2", "model/stl")
LISTS = ("audio/mpegurl", "audio/x-mpegurl", "video/vnd.mpegurl", "audio/x-scpls", "video/x-ms-asx", "audio/xspf+xml")


@pytest.mark.parametrize("content_type", SHOWN)
def test_what_browsers_show(content_type: str) -> None:
    assert preview_kind(content_type) == inline_kind(content_type) == SHOWN[content_type]


@pytest.mark.parametrize("content_type", READ)
def test_texts_are_read_and_never_shown_as_they_are(content_type: str) -> None:
    assert preview_kind(content_type) == "text"
    assert inline_kind(content_type) is None


@pytest.mark.parametrize("content_type", NEITHER)
def test_of_everything_else_there_is_no_preview(content_type: str) -> None:
    assert preview_kind(content_type) is None
    assert inline_kind(content_type) is None


@pytest.mark.parametrize("content_type", LISTS)
def test_a_list_of_addresses_is_not_played(content_type: str) -> None:
    assert inline_kind(content_type) is None


def test_an_image_that_browsers_do_not_know_has_a_thumbnail_at_least() -> None:
    assert preview_kind("image/tiff") == "image"
    assert inline_kind("image/tiff") is None


def test_nothing_active_is_shown_but_vector_images() -> None:
    active = ("text/html", "application/xhtml+xml", "image/svg+xml", "multipart/related", "video/x+xml", "audio/a+xml")
    assert [each for each in active if is_active(each) and inline_kind(each)] == ["image/svg+xml"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("Grüße\n".encode(), "Grüße\n"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("€ 五".encode("utf-16"), "€ 五"),
        (b"\xfe\xff\x00a\x20\xac", "a€"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"a\x00b\x1b[1m\x7f", "a\ufffdb\ufffd[1m\ufffd"),
        ("五".encode() * 3 + "五".encode()[:2], "五五五"),
        ("🙂".encode("utf-16")[:-1], ""),
        (b"\xff\xfe\x00", ""),
        (b"\xff\xfe\x00\xd8a\x00", "\ufffd"),
        (b"a\r\n\tb", "a\r\n\tb"),
    ],
)
def test_texts_are_decoded_as_they_were_probably_meant(data: bytes, text: str) -> None:
    decoded = decode(data)
    assert decoded.startswith(text) if "\ufffd" in text else decoded == text
    decoded.encode()  # no lone surrogates: a page could not be sent


def test_the_head_of_a_text_ends_at_the_limit(inside: House) -> None:
    short = inside.upload(data=b"x" * 10, name="a.txt")
    long = inside.upload(data=b"y" * 11, name="a.txt")
    empty = inside.upload(data=b"", name="a.txt", content_type="text/plain")
    head = inside.services.previews.text_head
    assert head(inside.uploader, short.id, 10) == ("x" * 10, False)
    assert head(inside.uploader, long.id, 10) == ("y" * 10, True)
    assert head(inside.uploader, empty.id) == ("", False)
    large = inside.upload(data=b"line\n" * 100_000, name="a.log")
    text, more = head(inside.uploader, large.id)
    assert (len(text), more) == (64 * 1024, True)


def test_only_the_head_is_fetched(memory: House) -> None:
    out = memory.upload(data=b"z" * 1_000_000, name="a.txt")
    assert memory.services.previews.text_head(memory.uploader, out.id, 100) == ("z" * 100, True)
    MemoryBackend.failing["get"] = StorageBackendError("down")
    with pytest.raises(StorageError):
        memory.services.previews.text_head(memory.uploader, out.id)


def test_a_text_is_read_by_those_who_see_the_file(inside: House) -> None:
    inside.configure(file_visibility="own")
    out = inside.upload(data=b"mine", name="a.txt")
    head = inside.services.previews.text_head
    with pytest.raises(NotFoundError):
        head(inside.stranger, out.id)
    with pytest.raises(ForbiddenError):
        head(inside.caller("uploader", "file_storage.upload"), out.id)
    inside.services.files.trash(inside.uploader, out.id)
    assert head(inside.uploader, out.id)[0] == head(inside.admin, out.id)[0] == "mine"
    with pytest.raises(NotFoundError):
        head(inside.caller("uploader", "file_storage.download"), out.id)


def test_what_is_no_text_is_not_read_as_one(inside: House) -> None:
    for name in ("a.bin", "a.png", "a.pdf"):
        with pytest.raises(NotFoundError):
            inside.services.previews.text_head(inside.uploader, inside.upload(name=name).id)
