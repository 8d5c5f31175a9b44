"""What a browser would execute is never handed to it as such."""

import struct
import zlib
from collections.abc import Iterator

import pytest

from tests.support.browser import BROWSE, Browser
from tests.support.client import Client, created
from tests.support.problems import problem
from tests.support.server import USER_PASSWORD, Server


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


SCRIPT = b"<script>alert(document.cookie)</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'
ACTIVE_BYTES = {
    "html": HTML,
    "html without doctype": b"<html>" + SCRIPT,
    "html after white space": b"  \r\n\t" + HTML,
    "html after a byte order mark": b"\xef\xbb\xbf" + HTML,
    "html after a comment": b"<!-- harmless -->" + HTML,
    "upper case": b"<HTML><SCRIPT>alert(1)</SCRIPT>",
    "a bare script": SCRIPT,
    "an iframe": b"<iframe src=javascript:alert(1)>",
    "svg": SVG,
    "svg after an xml declaration": b'<?xml version="1.0"?>\n<!-- x -->\n' + SVG,
    "xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "xslt": b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><x/>',
    "utf-16 html": HTML.decode().encode("utf-16"),
}
POLYGLOTS = {
    "gif and javascript": ("image/gif", b"GIF89a/*\x00\x00" + SCRIPT + b"*/=1;alert(1)"),
    "png and html": ("image/png", png() + HTML),
    "jpeg and html": ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + HTML + b"\xff\xd9"),
    "pdf and html": ("application/pdf", b"%PDF-1.7\n" + HTML + b"\n%%EOF"),
    "zip and html": ("application/zip", b"PK\x03\x04" + HTML),
    "bmp and html": ("image/bmp", b"BM" + HTML),
}
EXECUTED = {
    "text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/xsl",
    "application/xslt+xml",
    "multipart/related",
    "message/rfc822",
    "text/vbscript",
    "text/css",
}


def assert_cannot_run(client: Client, file: dict) -> None:
    """RFC-wise or not: no browser runs this answer in our origin."""
    answer = client.download(file)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    if answer.headers["Content-Type"].split(";")[0].strip().lower() in EXECUTED:
        assert answer.headers["Content-Disposition"].startswith("attachment"), dict(answer.headers)


@pytest.mark.parametrize(
    "declared", ["image/png", "IMAGE/PNG", "image/jpeg; x=y", "application/pdf", "audio/mpeg", "text/plain"]
)
@pytest.mark.parametrize("kind", ACTIVE_BYTES)
def test_active_bytes_under_a_harmless_type_do_not_become_active(uploader: Client, kind: str, declared: str) -> None:
    for file in (
        uploader.upload(ACTIVE_BYTES[kind], "picture.png", declared),
        created(uploader.post_file(ACTIVE_BYTES[kind], "picture.png", declared)),
    ):
        assert file["content_type"].split(";")[0].lower() not in EXECUTED
        assert_cannot_run(uploader, file)


@pytest.mark.parametrize("declared", sorted(EXECUTED))
def test_an_active_type_is_served_as_an_attachment(uploader: Client, declared: str) -> None:
    for body in (HTML, SVG, b"alert(1)", b""):
        file = uploader.upload(body, "page.html", declared)
        assert_cannot_run(uploader, file)
        assert uploader.download(file).headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_an_active_type_over_harmless_bytes_is_not_kept(uploader: Client, declared: str) -> None:
    file = uploader.upload(png(), "picture.png", declared)
    assert file["content_type"].split(";")[0] not in EXECUTED
    assert_cannot_run(uploader, file)


@pytest.mark.parametrize("kind", POLYGLOTS)
def test_a_polyglot_keeps_its_harmless_face(uploader: Client, kind: str) -> None:
    declared, body = POLYGLOTS[kind]
    file = uploader.upload(body, "poly.html", declared)
    assert file["content_type"].split(";")[0] not in EXECUTED
    assert_cannot_run(uploader, file)


@pytest.mark.parametrize(
    "name", ["page.html", "image.svg", "page.xhtml", "script.js", "mail.mhtml", "page.htm", "x.xml"]
)
@pytest.mark.parametrize("declared", [None, "application/octet-stream", "", "nonsense"])
def test_an_ending_alone_makes_nothing_run(uploader: Client, name: str, declared: str | None) -> None:
    assert_cannot_run(uploader, uploader.upload(HTML, name, declared))


def test_ranges_and_conditions_do_not_lose_the_protection(uploader: Client) -> None:
    file = uploader.upload(HTML, "page.html", "text/html")
    for headers in ({"Range": "bytes=0-20"}, {"Range": "bytes=999999-"}, {"Range": "bytes=0-1,3-4"}):
        answer = uploader.download(file, **headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"] or answer.status_code == 416
        if answer.status_code != 416:
            assert answer.headers["Content-Disposition"].startswith("attachment")


class TestOnlyPicturesAreAllowed:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def pictures_only(cls, server: Server) -> Iterator[None]:
        with server.settings(allowed_content_types="image/*,text/plain"):
            yield

    @pytest.mark.parametrize(
        "declared", ["image/png", "IMAGE/PNG", "image/png; charset=binary", " image/png ", "Image/Png;q=1"]
    )
    def test_a_picture_is_accepted_in_any_case_and_with_parameters(self, uploader: Client, declared: str) -> None:
        assert uploader.put_file(png(), "p.png", declared.strip()).status_code == 201
        assert uploader.post_file(png(), "p.png", declared).status_code == 201

    @pytest.mark.parametrize("declared", ["application/pdf", "text/html", "imagex/png", "text/plainx", "video/mp4"])
    def test_a_declared_type_outside_is_refused(self, uploader: Client, server: Server, declared: str) -> None:
        with server.unchanged():
            problem(uploader.put_file(b"data", "p.png", declared), "bad_type")
            problem(uploader.post_file(b"data", "p.png", declared), "bad_type")

    @pytest.mark.parametrize(
        "body", [HTML, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", b"PK\x03\x04\x14\0\0\0\x08\0" + b"\0" * 40]
    )
    def test_a_sniffed_type_outside_is_refused(self, uploader: Client, server: Server, body: bytes) -> None:
        with server.unchanged():
            problem(uploader.put_file(body, "p.png", "image/png"), "bad_type")
            problem(uploader.post_file(body, "p.png", "image/png"), "bad_type")
            problem(uploader.put_file((body[at : at + 1] for at in range(len(body))), "p.png", "image/png"), "bad_type")

    def test_plain_text_and_empty_files_of_an_allowed_type_are_accepted(self, uploader: Client) -> None:
        uploader.upload(b"just words", "a.txt", "text/plain")
        uploader.upload(b"", "a.txt", "text/plain; charset=utf-8")

    def test_no_declared_type_is_not_a_way_around(self, uploader: Client, server: Server) -> None:
        with server.unchanged():
            problem(uploader.put_file(HTML, "p.png", None), "bad_type")


NASTY_NAMES = [
    "<script>alert(1)</script>.txt",
    '"><img src=x onerror=alert(1)>.txt',
    "' autofocus onfocus=alert(1) x='.txt",
    "{{ 7*7 }}{% raw %}.txt",
    "javascript:alert(1).txt",
    "</title></textarea><script>alert(1)</script>",
]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_a_name_is_only_text_on_the_page(server: Server, uploader: Client, name: str) -> None:
    file = uploader.upload(b"data", name, "text/plain")
    shown = file["filename"]
    with Browser(server.url) as admin_browser:
        admin_browser.sign_in("admin", server.environ["STOWAGE_ADMIN_PASSWORD"])
        page = admin_browser.open(f"{BROWSE}?q={file['filename'][:40]}".replace("#", "%23"))
    assert shown in page.text or shown[:40] in page.text
    for tag, values in page.tags:
        assert not [key for key in values if key.startswith("on")], (tag, values)
        assert not values.get("href", "").lower().startswith("javascript:"), (tag, values)
        assert tag != "script" or values.get("src") or values.get("type") == "application/json", "an inline script"
    uploader.trash(file)


def test_pages_forbid_inline_scripts_framing_and_sniffing(server: Server) -> None:
    with Browser(server.url) as person:
        pages = [person.get("/account/login")]
        person.sign_in("uploader", USER_PASSWORD)
        pages += [person.get(BROWSE), person.get(f"{BROWSE}trash")]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert "unsafe-eval" not in policy
        assert "frame-ancestors" in policy or page.headers.get("X-Frame-Options")
        assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_json_answers_cannot_be_read_as_pages(uploader: Client) -> None:
    file = uploader.upload(b"data", "<script>alert(1)</script>", "text/plain")
    for answer in (uploader.info(file), uploader.get("/api/file-storage/files"), uploader.get("/api/<script>")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].split(";")[0] in {"application/json", "application/problem+json"}
