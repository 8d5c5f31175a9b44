"""Errors as HTTP answers: one table from codes to statuses, one shape (RFC 9457) for all of them."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from webapp.contracts.checks import UploadRefusedError
from webapp.contracts.errors import StowageError
from webapp.http import context
from webapp.http.i18n import has, t
from webapp.services.errors import ValidationError

log = logging.getLogger(__name__)

STATUS_BY_CODE: dict[str, int] = {
    "bad_request": 400,
    "checksum_mismatch": 400,
    "unauthenticated": 401,
    "csrf_failed": 403,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "direct_upload_unsupported": 409,
    "cursor_expired": 410,
    "too_large": 413,
    "bad_type": 415,
    "range_not_satisfiable": 416,
    "upload_refused": 422,
    "validation_error": 422,
    "rate_limited": 429,
    "backend_error": 500,
    "internal_error": 500,
    "check_failed": 503,
    "storage_full": 507,
}
_CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
MEDIA_TYPE = "application/problem+json"


def register(app: Flask) -> None:
    """Answer every error of this application."""
    app.register_error_handler(StowageError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(code: str, data: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Response:
    """An error answer: problem+json, or a page for people."""
    status = STATUS_BY_CODE[code]
    g.problem = code
    detail = t(f"errors.{code}")
    page = _page(code=code, status=status, detail=detail) if wants_page() else None
    if page is not None:
        return Response(page, status, headers, mimetype="text/html")
    body = {
        "type": f"urn:stowage:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": context.request_id(),
        **(data or {}),
    }
    return Response(orjson.dumps(body), status, headers, mimetype=MEDIA_TYPE)


def _page(**values: Any) -> str | None:
    """The page for people; None if what failed is what all pages need, such as the database."""
    try:
        return render_template("errors/error.html", **values)
    except Exception:
        log.exception("the error page failed too")
        return None


def wants_page() -> bool:
    """Whether a person with a browser is waiting for this answer."""
    return not request.path.startswith("/api/") and (_is_browser() or context.wants_whole_page())


def sentences(error: ValidationError) -> list[dict[str, str]]:
    """The wrong fields with a sentence each."""
    found = []
    for name, message in error.errors.items():
        key, values = (message, {}) if isinstance(message, str) else message
        text = t(f"validation.{key}", **values) if has(f"validation.{key}") else key
        found.append({"field": name, "message": text})
    return found


def _is_browser() -> bool:
    # curl says */*: it gets JSON.
    return "text/html" in request.headers.get("Accept", "") and request.accept_mimetypes.accept_html


def _refused(error: StowageError) -> Response:
    code = error.code if error.code in STATUS_BY_CODE else "internal_error"
    status = STATUS_BY_CODE[code]
    if status >= 500:
        log.error("%s: %s", code, error, exc_info=error)
    if isinstance(error, ValidationError):
        return problem(code, {"errors": sentences(error)})
    if isinstance(error, UploadRefusedError):
        return problem(code, _said_by_plugin(error))
    return problem(code, _shown(error), _headers(error))


def _said_by_plugin(error: UploadRefusedError) -> dict[str, Any]:
    """Its own code and sentence, in the place of ours. A code of ours would promise what only we can."""
    code = f"{error.plugin}.{error.reason}" if error.reason in STATUS_BY_CODE else error.reason
    return {"code": code, "detail": error.sentence, "plugin": error.plugin}


def _shown(error: StowageError) -> dict[str, Any]:
    """Data that may leave the house, by name: a new kind of data has to be added here."""
    names = ("max_bytes", "content_type", "permission", "field", "retry_after", "version", "current", "missing")
    return {name: error.data[name] for name in names if name in error.data}


def _headers(error: StowageError) -> dict[str, str]:
    if error.code == "unauthenticated":
        return {"WWW-Authenticate": "Bearer"}
    if error.code == "rate_limited":
        return {"Retry-After": str(error.data.get("retry_after", 60))}
    if error.code == "range_not_satisfiable":
        return {"Content-Range": f"bytes */{error.data['size']}", "Accept-Ranges": "bytes"}
    return {}


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return Response(error.get_response().get_data(), error.code, error.get_headers())
    code = _CODE_BY_STATUS.get(error.code, "bad_request" if error.code < 500 else "internal_error")
    allowed = getattr(error, "valid_methods", None)
    data = {"max_bytes": request.max_content_length} if code == "too_large" else {}
    return problem(code, data, {"Allow": ", ".join(sorted(allowed))} if allowed else {})


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return problem("internal_error")
