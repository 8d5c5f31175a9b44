"""Nothing from outside becomes a header."""

import re
from urllib.parse import unquote

import pytest

from tests.support.client import FILES, Client
from tests.support.raw import Answer, exchange, file_part, form_headers, head, multipart
from tests.support.server import Server

NAMES = [
    "a\r\nSet-Cookie: owned=1.txt",
    "a\nX-Owned: 1.txt",
    "a\rX-Owned: 1.txt",
    'a"; filename="owned.html',
    "a\"; filename*=UTF-8''owned.html",
    "a\\",
    'a\\"b.txt',
    "a; x=y.txt",
    "a\u2028X-Owned: 1.txt",
    "a\u0085X-Owned: 1.txt",
    "a\u560d\u560aX-Owned: 1.txt",
    "%0d%0aX-Owned:%201.txt",
    "a\0b.txt",
    "=?utf-8?b?b3duZWQ=?=.txt",
    "ä\r\n\r\n<script>alert(1)</script>.html",
]


def download(server: Server, client: Client, identity: str) -> Answer:
    return exchange(server.url, head("GET", f"{FILES}/files/{identity}/download", client.auth))


def assert_one_clean_disposition(answer: Answer) -> None:
    names = [name.lower() for name, _ in answer.pairs]
    assert "x-owned" not in names
    assert "set-cookie" not in names
    assert names.count("content-disposition") == 1
    value = answer.headers["Content-Disposition"]
    assert value.isascii(), value
    assert value.isprintable(), value
    assert answer.content == b"data"
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', '""', value)
    assert rest.count('"') % 2 == 0, value
    assert len(re.findall(r"filename\s*=", rest)) <= 1, value
    assert len(re.findall(r"filename\*\s*=", rest)) <= 1, value


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_raw_upload_injects_no_header(server: Server, uploader: Client, name: str) -> None:
    target = f"{FILES}/upload/" + "".join(f"%{byte:02X}" for byte in name.encode())
    stored = exchange(server.url, head("PUT", target, [*uploader.auth, ("Content-Length", "4")]) + b"data")
    assert stored.status_code == 201, stored.text
    assert "x-owned" not in {key.lower() for key, _ in stored.pairs}
    assert_one_clean_disposition(download(server, uploader, stored.json()["id"]))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_form_injects_no_header(server: Server, uploader: Client, name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A")
    body = multipart([file_part(b"data", quoted)])
    headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
    stored = exchange(server.url, head("POST", f"{FILES}/upload", headers) + body)
    if stored.status_code == 400:  # a NUL in a header may be refused
        assert "\0" in name
        return
    assert stored.status_code == 201, stored.text
    assert_one_clean_disposition(download(server, uploader, stored.json()["id"]))


def test_a_filename_star_of_a_form_injects_no_header(server: Server, uploader: Client) -> None:
    disposition = 'form-data; name="file"; filename="a.txt"; filename*=UTF-8\'\'a%0D%0AX-Owned%3A%201.txt'
    body = multipart([([("Content-Disposition", disposition)], b"data")])
    headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
    stored = exchange(server.url, head("POST", f"{FILES}/upload", headers) + body)
    if stored.status_code == 201:
        assert_one_clean_disposition(download(server, uploader, stored.json()["id"]))
    else:
        assert stored.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        'text/plain; charset="x"',
        "text/plain; a=" + "b" * 4000,
        "text/html;\x01",
        "a" * 200 + "/" + "b" * 200,
        "no type at all",
        "/",
        "",
        ";",
        "text/plain\u00e4",
        "TEXT/PLAIN; CHARSET=UTF-8",
        "image/png, text/html",
        "text/plain\\r\\nX-Owned: 1",
    ],
)
def test_a_content_type_is_clean_when_it_comes_back(server: Server, uploader: Client, content_type: str) -> None:
    headers = [*uploader.auth, ("Content-Length", "4"), ("Content-Type", content_type.encode("latin-1"))]
    stored = exchange(server.url, head("PUT", f"{FILES}/upload/t.bin", headers) + b"data")
    if stored.status_code != 201:
        assert stored.status_code in {400, 415, 422}, stored.text
        return
    file = stored.json()
    assert len(file["content_type"]) <= 128
    answer = download(server, uploader, file["id"])
    assert answer.content == b"data"
    for value in (file["content_type"], answer.headers["Content-Type"]):
        assert re.fullmatch(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(; ?[\w-]+=[\w.+-]+)*", value), value


@pytest.mark.parametrize(
    "sent", ["x" * 5000, "<script>alert(1)</script>", "a b;c=d", "\u00e4\u00f6", "%0d%0aX-Owned: 1", ""]
)
def test_a_request_id_from_outside_is_not_passed_on_unseen(server: Server, uploader: Client, sent: str) -> None:
    answer = exchange(server.url, head("GET", "/api/me", [*uploader.auth, ("X-Request-ID", sent.encode("latin-1"))]))
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", answer.headers["X-Request-ID"])


def test_the_location_of_a_redirect_has_no_line_break(server: Server) -> None:
    for target in ("/account/login?next=/%0d%0aX-Owned:%201", "/file-storage/?q=%0d%0aX-Owned:%201"):
        answer = exchange(server.url, head("GET", target))
        assert "x-owned" not in {name.lower() for name, _ in answer.pairs}
        assert answer.status_code < 500


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99999", "a b", "evil\\@x", "127.0.0.1@evil.example"])
def test_a_host_from_outside_does_not_get_into_a_location(server: Server, uploader: Client, host: str) -> None:
    request = head("PUT", f"{FILES}/upload/x.txt", [*uploader.auth, ("Content-Length", "4")], host=host) + b"data"
    answer = exchange(server.url, request)
    assert answer.status_code in {201, 400}
    assert "evil" not in answer.headers.get("Location", "")
    page = exchange(server.url, head("GET", "/file-storage/", host=host))
    assert page.status_code in {302, 303, 400}
    assert "evil" not in page.headers.get("Location", "").partition("?")[0]


def test_forwarded_headers_of_strangers_are_not_believed(server: Server, uploader: Client) -> None:
    forwarded = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Proto", "evil")]
    request = head("PUT", f"{FILES}/upload/x.txt", [*uploader.auth, *forwarded, ("Content-Length", "4")]) + b"data"
    answer = exchange(server.url, request)
    assert answer.status_code == 201
    assert "evil" not in unquote(answer.headers["Location"])
