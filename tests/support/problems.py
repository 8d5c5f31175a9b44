"""The one shape of an error, checked wherever a test meets one."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

SECRET_NAME = "private-shelf"
"""Name of every test server's data directory: no client may ever read it."""

STATUS_OF = {
    "bad_request": 400,
    "unauthenticated": 401,
    "csrf_failed": 403,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "cursor_expired": 410,
    "too_large": 413,
    "bad_type": 415,
    "range_not_satisfiable": 416,
    "upload_refused": 422,
    "validation_error": 422,
    "checksum_mismatch": 400,
    "rate_limited": 429,
    "backend_error": 500,
    "direct_upload_unsupported": 409,
    "check_failed": 503,
    "storage_full": 507,
}

_LEAKS = re.compile(
    rb"Traceback|File \"|\.py\b|sqlalchemy|sqlite|werkzeug|gunicorn|site-packages|/tmp/|/home/|/uploads|\.incoming|"
    + SECRET_NAME.encode(),
    re.IGNORECASE,
)


class Reply(Protocol):
    """What an answer is to a check: that of requests, or one read from a raw socket."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


def assert_nothing_leaks(reply: Reply) -> None:
    """Neither headers nor body tell what the server is made of."""
    headers = [f"{name}: {value}" for name, value in reply.headers.items() if name.lower() != "server"]
    for blob in (reply.content, "\n".join(headers).encode()):
        leak = _LEAKS.search(blob)
        assert leak is None, f"the answer tells {leak.group()!r}: {blob[:500]!r}"


def problem(reply: Reply, code: str | Iterable[str]) -> dict[str, Any]:
    """Check that the answer is a complete problem document with (one of) the code and return it."""
    codes = {code} if isinstance(code, str) else set(code)
    assert reply.headers.get("Content-Type", "").split(";")[0] == "application/problem+json", _shown(reply)
    document: dict[str, Any] = json.loads(reply.content)
    assert document.keys() >= {"type", "title", "status", "detail", "code", "request_id"}, document
    assert document["code"] in codes, document
    assert document["status"] == reply.status_code == STATUS_OF[document["code"]], document
    assert document["title"].strip(), document
    assert " " in document["detail"].strip(), document
    assert document["detail"] != document["code"], document
    assert document["request_id"] == reply.headers["X-Request-ID"], document
    if reply.status_code == 401:
        assert reply.headers.get("WWW-Authenticate", "").startswith("Bearer"), dict(reply.headers)
    assert_nothing_leaks(reply)
    return document


def refused(reply: Reply) -> dict[str, Any]:
    """Check that the answer is one of the documented refusals (no server error) and return its document."""
    return problem(reply, [code for code, status in STATUS_OF.items() if status < 500])


def _shown(reply: Reply) -> str:
    return f"{reply.status_code} {dict(reply.headers)} {reply.content[:500]!r}"
