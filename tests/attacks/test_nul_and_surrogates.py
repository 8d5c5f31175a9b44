"""Characters that databases, headers and file systems cannot hold are no server error anywhere."""

import json
import uuid

import pytest

from tests.support.client import FILES, Client
from tests.support.problems import refused
from tests.support.raw import exchange, field_part, file_part, form_headers, head, multipart
from tests.support.server import Server

ESCAPED = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%ED%B0%80",
    "%FF",
    "%FE%FF",
    "%C0%80",
    "%F5%80%80%80",
    "%EF%BF%BF",
    "%E2%80%AE",
    "%0A",
    "%0D%0A",
    "%7F",
    "%1B",
    "%F0%9F",
]
JSON_TEXTS = [
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "a\ud83d",
    "\uffff",
    "\ufffe",
    "\u202e",
    "\x1b[31m",
    "\u0085",
    "\U0010ffff",
]


@pytest.mark.parametrize("value", ESCAPED)
@pytest.mark.parametrize(
    "name",
    [
        "q",
        "content_type",
        "uploaded_by",
        "backend",
        "cursor",
        "sort",
        "page",
        "per_page",
        "created_after",
        "min_size",
        "nonsense",
    ],
)
@pytest.mark.parametrize("where", ["files", "trash"])
def test_in_the_parameters_of_a_list(server: Server, uploader: Client, where: str, name: str, value: str) -> None:
    answer = exchange(server.url, head("GET", f"{FILES}/{where}?{name}={value}", uploader.auth))
    assert answer.status_code == 200 or refused(answer)
    answer = exchange(server.url, head("GET", f"{FILES}/{where}?{value}={name}", uploader.auth))
    assert answer.status_code == 200 or refused(answer)


@pytest.mark.parametrize("value", ESCAPED)
def test_in_a_path(server: Server, uploader: Client, value: str) -> None:
    for method, path in (
        ("GET", f"/{value}"),
        ("GET", f"/api/{value}"),
        ("GET", f"/static/{value}"),
        ("GET", f"/file-storage/{value}"),
        ("GET", f"{FILES}/files/{value}"),
        ("GET", f"{FILES}/files/{value}/download"),
        ("DELETE", f"{FILES}/files/{value}"),
        ("POST", f"{FILES}/files/{value}/restore"),
        ("DELETE", f"/api/tokens/{value}"),
        ("GET", f"/account/login?next={value}"),
    ):
        answer = exchange(server.url, head(method, path, [*uploader.auth, ("Content-Length", "0")]))
        assert answer.status_code < 500, path
        if path.startswith("/api/"):
            refused(answer)


@pytest.mark.parametrize("value", ESCAPED)
def test_in_a_file_name_of_a_raw_upload(server: Server, uploader: Client, value: str) -> None:
    request = head("PUT", f"{FILES}/upload/x{value}y.txt", [*uploader.auth, ("Content-Length", "4")]) + b"data"
    answer = exchange(server.url, request)
    assert answer.status_code == 201, answer.text
    assert uploader.info(answer.json()).json() == answer.json()
    assert uploader.content(answer.json()) == b"data"
    assert answer.json()["id"] in {row["id"] for row in uploader.page(per_page=200)["items"]}


RAW = [b"\0", b"\xed\xa0\x80", b"\xff", b"\xc0\x80", b"\xe2\x80", b"\xf0\x9f", b"\x1b", b"\x7f", b"\x80"]


@pytest.mark.parametrize("value", RAW)
def test_in_a_form(server: Server, uploader: Client, value: bytes) -> None:
    for parts in (
        [file_part(b"data", b"x" + value + b"y.txt")],
        [field_part("comment", b"x" + value), file_part(b"data")],
        [([("Content-Disposition", b'form-data; name="a' + value + b'"')], b"x"), file_part(b"data")],
        [([*file_part(b"")[0][:1], ("Content-Type", b"text/" + value)], b"data")],
    ):
        body = multipart(parts)
        headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
        answer = exchange(server.url, head("POST", f"{FILES}/upload", headers) + body)
        assert answer.status_code == 201 or refused(answer)
    server.wait_until_clean()


@pytest.mark.parametrize("value", RAW[1:])
@pytest.mark.parametrize(
    "name",
    [
        "Idempotency-Key",
        "Content-Digest",
        "Repr-Digest",
        "If-None-Match",
        "If-Range",
        "Range",
        "If-Modified-Since",
        "Cookie",
        "Accept",
        "Accept-Language",
        "User-Agent",
        "Referer",
        "Origin",
        "X-Request-ID",
        "Content-Type",
        "Content-Disposition",
        "Authorization",
        "X-CSRFToken",
        "HX-Request",
        "Forwarded",
        "X-Forwarded-For",
    ],
)
def test_in_a_header(server: Server, uploader: Client, name: str, value: bytes) -> None:
    file = uploader.upload(b"data")
    for method, path, body in (
        ("PUT", f"{FILES}/upload/x.txt", b"data"),
        ("GET", f"{FILES}/files/{file['id']}/download", b""),
        ("GET", "/account/login", b""),
    ):
        headers = [*uploader.auth, (name, b"a" + value + b"b"), ("Content-Length", str(len(body)))]
        answer = exchange(server.url, head(method, path, headers) + body)
        assert answer.status_code < 500, (path, answer.text)


@pytest.mark.parametrize("value", JSON_TEXTS)
def test_in_json(admin: Client, uploader: Client, value: str) -> None:
    user = {"username": f"x{value}{uuid.uuid4().hex[:8]}", "password": "a long enough password", "role": "user"}
    for client, method, path, document in (
        (uploader, "POST", f"{FILES}/files/bulk-delete", {"ids": [value]}),
        (uploader, "POST", f"{FILES}/files/bulk-restore", {"ids": [value, str(uuid.uuid4())]}),
        (uploader, "POST", f"{FILES}/files/bulk-delete", {value: [], "ids": []}),
        (uploader, "POST", "/api/tokens", {"name": f"t{value}", "scopes": ["file_storage.upload"]}),
        (uploader, "POST", "/api/tokens", {"name": "t", "scopes": [value]}),
        (uploader, "POST", "/api/tokens", {"name": "t", "scopes": [], "expires_at": value}),
        (admin, "POST", "/api/users", user),
        (
            admin,
            "POST",
            "/api/users",
            {**user, "username": f"y{uuid.uuid4().hex[:8]}", "password": f"a long password{value}"},
        ),
        (admin, "POST", "/api/users", {**user, "role": value}),
    ):
        answer = client.request(method, path, data=json.dumps(document), headers={"Content-Type": "application/json"})
        assert answer.status_code in {200, 201} or refused(answer), document
    assert admin.get("/api/users").status_code == 200
    assert uploader.get("/api/tokens").status_code == 200
