"""Makes the OpenAPI 3.1 document from routes, policies, descriptions and dataclasses.

Nothing is said twice: paths and methods come from the routes, who may from the
policies, answers from the descriptions, fields from the dataclasses, statuses and
sentences of errors from the tables the error answers themselves use.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from webapp.api.describe import Description
from webapp.api.problems import Problems
from webapp.api.schemas import Schema, Schemas
from webapp.http.auth import CSRF_HEADER, Policy

DOCUMENTED = ("/api/", "/healthz", "/readyz", "/metrics")
_SAFE = frozenset({"get", "head"})
_PARAMETER = re.compile(r"<(?:(?P<converter>[^:<>]+):)?(?P<name>[^<>]+)>")
# The counters have no room in common with the API, so they are described here.
_ELSEWHERE = {
    "metrics": Description(summary="Show counters for Prometheus", answers={200: "text/plain", 503: "text/plain"})
}
_BYTES = "*/*"
_FIRST = ("Files", "Direct", "Me", "Tokens", "Users", "Settings")

_INFO = """\
Files in and out of Stowage, and the accounts and tokens around them.

Send `Authorization: Bearer <token>`, or use the cookie of a signed-in browser together with the header
`X-CSRFToken` on everything but GET and HEAD.

Errors are `application/problem+json` (RFC 9457). Programs go by `code`; `detail` is for people. Every answer carries
`X-Request-ID`, which the server's log knows too; a request may bring its own.
"""
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token, made under `/api/tokens`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "stowage_session",
        "description": "The cookie of a signed-in browser.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "Goes with the cookie on everything but GET and HEAD. Tokens do not need it.",
    },
}
_HEADERS = {
    "X-Request-ID": "Id of the request, as in the server's log.",
    "Location": "Address of what was made, or where the bytes are.",
    "Idempotent-Replayed": "`true`: this is the first answer to this `Idempotency-Key` again.",
    "ETag": "Strong tag of the content, made from its SHA-256.",
    "Last-Modified": "When the file was uploaded.",
    "Accept-Ranges": "`bytes`.",
    "Content-Range": "Which bytes these are, of how many; or only of how many there are.",
    "Content-Disposition": "`attachment` with the file name (RFC 6266).",
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "`Bearer`.",
}
_OF_BYTES = ("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition")
_REQUEST_HEADERS = {"Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}}
_PATH: dict[str, Schema] = {
    "uuid": {"schema": {"type": "string", "format": "uuid"}},
    "rawpath": {"description": "The file's name, percent-encoded.", "schema": {"type": "string", "minLength": 1}},
}
_SENTENCES = {
    200: "Here it is.",
    201: "It is made.",
    204: "Done; there is nothing to say.",
    206: "The part asked for.",
    302: "The bytes are at another address, for a while.",
    304: "Nothing has changed.",
    503: "Not now.",
}


def document(app: Flask) -> dict[str, Any]:
    """The document of this application's JSON API."""
    schemas, problems = Schemas({"permissions": app.extensions["stowage"].permissions.codes()}), Problems()
    paths: dict[str, Any] = {}
    tags: dict[str, str] = {}
    for operation in sorted(_operations(app), key=_rank):
        tags.setdefault(operation.tag, operation.room)
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas, problems)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stowage", "version": version("stowage"), "description": _INFO, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": room} for name, room in tags.items()],
        "paths": paths,
        "components": {
            "securitySchemes": _SECURITY,
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
            "responses": problems.responses(_header_references),
            "schemas": {**dict(sorted(schemas.found.items())), **problems.schemas()},
        },
    }


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """A method of a route, and all that is known about it."""

    id: str
    path: str
    method: str
    arguments: dict[str, str]
    """Name to converter."""
    tag: str
    room: str
    policy: Policy
    about: Description

    @property
    def unsafe(self) -> bool:
        return self.method not in _SAFE

    @property
    def sends_bytes(self) -> bool:
        return _BYTES in self.about.answers.values()


def _operations(app: Flask) -> Iterator[_Operation]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        about = getattr(view, "__description__", None) or _ELSEWHERE.get(rule.endpoint)
        if rule.rule.startswith(DOCUMENTED) and about is not None:
            yield from _methods(rule, view, about)


def _rank(operation: _Operation) -> int:
    """Where a room stands: what most clients come for first, whichever module was loaded first."""
    return _FIRST.index(operation.tag) if operation.tag in _FIRST else len(_FIRST)


def _methods(rule: Rule, view: Callable[..., Any], about: Description) -> Iterator[_Operation]:
    methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    if _BYTES in about.answers.values():
        methods.append("HEAD")  # all GET routes have it; here it is worth telling
    for method in methods:
        yield _Operation(
            id=rule.endpoint if method == methods[0] else f"{rule.endpoint}.{method.lower()}",
            path=_PARAMETER.sub(r"{\g<name>}", rule.rule),
            method=method.lower(),
            arguments={m["name"]: m["converter"] or "string" for m in _PARAMETER.finditer(rule.rule)},
            tag=rule.endpoint.partition(".")[0].removeprefix("api_").capitalize(),
            room=_first_line(sys.modules[view.__module__].__doc__),
            policy=view.__policy__,  # type: ignore[attr-defined]
            about=about,
        )


def _described(operation: _Operation, schemas: Schemas, problems: Problems) -> Schema:
    about, permissions = operation.about, [str(permission) for permission in operation.policy.permissions]
    needs = f"Needs the permission {' or '.join(f'`{permission}`' for permission in permissions)}."
    found: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": f"{about.summary} (head only)" if operation.method == "head" else about.summary,
        "description": "\n\n".join(text for text in (about.details, needs if permissions else "") if text),
        "security": _security(operation),
        "parameters": [*_path(operation), *_request_headers(about), *_query(about, schemas)],
        "requestBody": _body(about, schemas),
        "responses": {**_answers(operation, schemas), **_errors(operation, problems)},
        "x-permission": permissions[0] if len(permissions) == 1 else permissions,
    }
    return {name: value for name, value in found.items() if value or name == "security"}


def _security(operation: _Operation) -> list[dict[str, list[str]]]:
    if operation.policy.public:
        return []
    cookie: dict[str, list[str]] = {"session": [], "csrf": []} if operation.unsafe else {"session": []}
    return [{"token": []}, cookie]


# --- what is sent -------------------------------------------------------------------


def _path(operation: _Operation) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, **_PATH.get(converter, {"schema": {"type": "string"}})}
        for name, converter in operation.arguments.items()
    ]


def _request_headers(about: Description) -> list[Schema]:
    return [
        {"name": name, "in": "header", "description": text, "schema": _REQUEST_HEADERS.get(name, {"type": "string"})}
        for name, text in about.headers.items()
    ]


def _query(about: Description, schemas: Schemas) -> list[Schema]:
    return schemas.parameters(about.query) if about.query else []


def _body(about: Description, schemas: Schemas) -> Schema | None:
    # "binary" is the word tools know for a file; in 3.1 it is an annotation.
    content: Schema = {"type": "string", "format": "binary"}
    if about.upload == "multipart":
        form = {"type": "object", "properties": {"file": {**content, "description": "The file."}}, "required": ["file"]}
        return {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if about.upload == "raw":
        text = "The bytes of the file; `Content-Type` says what they are."
        return {"description": text, "content": {"application/octet-stream": {"schema": content}}}
    if about.body:
        return {"required": True, "content": {"application/json": {"schema": schemas.body(about.body)}}}
    return None


# --- what comes back ------------------------------------------------------------------


def _answers(operation: _Operation, schemas: Schemas) -> dict[str, Schema]:
    statuses = operation.about.answers
    if operation.method == "head":
        statuses = {status: None for status in statuses if status in (200, 304)}
    return {str(status): _answer(operation, status, what, schemas) for status, what in statuses.items()}


def _answer(operation: _Operation, status: int, what: Any, schemas: Schemas) -> Schema:
    answer: Schema = {"description": _SENTENCES.get(status, HTTPStatus(status).phrase)}
    if isinstance(what, type):
        answer["description"] = _first_line(what.__doc__)
        answer["content"] = {"application/json": {"schema": schemas.answer(what)}}
    elif what is not None:
        answer["content"] = {what: {"schema": {} if what in (_BYTES, "application/json") else {"type": "string"}}}
    return {**answer, "headers": _header_references(*_response_headers(operation, status))}


def _response_headers(operation: _Operation, status: int) -> Iterator[str]:
    yield "X-Request-ID"
    if status in (201, 302):
        yield "Location"
    if status == 201 and "Idempotency-Key" in operation.about.headers:
        yield "Idempotent-Replayed"
    if operation.sends_bytes and status in (200, 206, 304):
        yield from _OF_BYTES
    if status == 206:
        yield "Content-Range"


def _header_references(*names: str) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _errors(operation: _Operation, problems: Problems) -> dict[str, Schema]:
    codes = {"internal_error", *operation.about.errors, *_errors_of_who(operation), *_errors_of_what(operation)}
    if operation.method == "head":
        return problems.without_bodies(codes - {"range_not_satisfiable", "backend_error"})
    return problems.references(codes)


def _errors_of_who(operation: _Operation) -> Iterator[str]:
    if operation.policy.public:
        return
    yield from ("unauthenticated", "rate_limited")
    if operation.policy.permissions:
        yield "forbidden"
    if operation.unsafe:
        yield "csrf_failed"


def _errors_of_what(operation: _Operation) -> Iterator[str]:
    about = operation.about
    if "uuid" in operation.arguments.values():
        yield "not_found"
    if about.query or about.body:
        yield "validation_error"
    if about.body:
        yield "bad_request"
    if operation.unsafe:
        yield from ("too_large", "storage_full")


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0].replace("``", "`")
