"""Header fields in and out."""

import base64
import binascii
import re
import secrets
import time

from flask import Flask, Response, g, request

from webapp import logs
from webapp.http import context, direct
from webapp.services.errors import BadRequestError

CSP_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CSP_SWAGGER = CSP_PAGE.replace("img-src 'self'", "img-src 'self' data:")
"""Swagger UI's style sheet has its arrows and ticks in it."""
CSP_DATA = "default-src 'none'; frame-ancestors 'none'"
CSP_FILE = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""Whatever a browser is talked into showing: it runs nothing and loads nothing."""
CSP_PDF = "default-src 'none'; frame-ancestors 'self'"
"""For a PDF in a page of ours: in a sandbox, browsers would not start their viewer."""

NO_DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
"""What no page of ours asks for, whatever gets into one."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"\s*sha-256\s*=\s*(?P<value>[^,;]*)\s*(?:;.*)?", re.IGNORECASE)


def register(app: Flask) -> None:
    """Give every request an id, and every answer the headers they all have."""
    app.before_request(_begin)
    app.after_request(_finish)


def is_page(response: Response) -> bool:
    """Whether this is a page of ours or a part of one: not a file, whatever it claims to be."""
    return response.mimetype == "text/html" and not response.direct_passthrough


def expected_sha256() -> bytes | None:
    """The SHA-256 the client says the file has (RFC 9530); other algorithms are ignored, as the RFC allows.

    Raises:
        BadRequestError: the digest is no digest.
    """
    found: set[bytes] = set()
    for name in ("Content-Digest", "Repr-Digest"):
        for member in request.headers.get(name, "").split(","):
            if match := _DIGEST.fullmatch(member):
                found.add(_decoded(match["value"].strip()))
    if len(found) > 1:
        raise BadRequestError("contradictory digests")
    return found.pop() if found else None


def _decoded(value: str) -> bytes:
    if len(value) < 2 or value[0] != ":" or value[-1] != ":":
        raise BadRequestError("malformed digest")
    try:
        digest = base64.b64decode(value[1:-1], validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadRequestError("malformed digest") from exc
    if len(digest) != 32:
        raise BadRequestError("malformed digest")
    return digest


def _begin() -> None:
    sent = request.headers.get("X-Request-ID", "")
    g.started = time.perf_counter()
    logs.actor.set(None)
    logs.request_id.set(sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(12))


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = logs.request_id.get() or ""
    headers["X-Content-Type-Options"] = "nosniff"
    if "Content-Security-Policy" not in headers:
        headers["Content-Security-Policy"] = _page_policy() if is_page(response) else CSP_DATA
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    if is_page(response):
        _finish_page(response)
    return response


def _page_policy() -> str:
    """Where parts of uploads may go straight to a store, scripts may connect to it, too."""
    origin = None if context.wants_fragment() else direct.store_origin()
    return CSP_PAGE.replace("connect-src 'self'", f"connect-src 'self' {origin}") if origin else CSP_PAGE


def _finish_page(response: Response) -> None:
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = NO_DEVICES
    # A fragment is no page, and a page is in somebody's language, colours and name.
    response.vary.update(("HX-Request", "Accept-Language", "Cookie"))
