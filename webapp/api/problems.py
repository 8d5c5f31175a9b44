"""Errors in the OpenAPI document: one schema, and one answer for each set of codes that share a status."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from webapp.http.errors import MEDIA_TYPE, STATUS_BY_CODE
from webapp.http.i18n import t

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}
_EXTRAS: dict[str, Any] = {
    "max_bytes": {**_NUMBER, "description": "The most bytes accepted, with `too_large`."},
    "content_type": {**_TEXT, "description": "The type that is not allowed, with `bad_type`."},
    "permission": {**_TEXT, "description": "The permission that is missing, with `forbidden`."},
    "field": {**_TEXT, "description": "The field that is in the way, with `conflict`."},
    "version": {**_NUMBER, "description": "The version that counts now, with `conflict` over settings."},
    "current": {"type": "object", "description": "What counts now of the settings sent, with that `conflict`."},
    "plugin": {**_TEXT, "description": "The plugin that refused a file; `code` and `detail` are its own."},
    "missing": {
        "type": "array",
        "items": _NUMBER,
        "description": "Numbers of parts that have not arrived whole, with `conflict` over a direct upload.",
    },
    "retry_after": {**_NUMBER, "description": "Seconds to wait, with `rate_limited`."},
    "errors": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"field": _TEXT, "message": _TEXT},
            "required": ["field", "message"],
        },
        "description": "The wrong fields, with `validation_error`.",
    },
}
_ALWAYS = {
    "max_bytes": "too_large",
    "plugin": "upload_refused",
    "retry_after": "rate_limited",
    "errors": "validation_error",
}
"""Extras that never lack with their code."""
_EXAMPLES: dict[str, dict[str, Any]] = {
    "too_large": {"max_bytes": 104857600},
    "bad_type": {"content_type": "text/html"},
    "forbidden": {"permission": "file_storage.upload"},
    "rate_limited": {"retry_after": 60},
    "upload_refused": {"code": "infected", "detail": "This file contains Eicar-Test-Signature.", "plugin": "antivirus"},
    "validation_error": {"errors": [{"field": "per_page", "message": "The most is 200."}]},
}
_OF_PLUGINS = {"pattern": r"^([^.]+\.)?[a-z0-9_]+(\.[a-z0-9_]+)*$"}
"""What stands in the place of ``upload_refused``."""
_HEADERS = {401: ("WWW-Authenticate",), 416: ("Content-Range", "Accept-Ranges"), 429: ("Retry-After",)}
_Reference = Callable[..., dict[str, Any]]


class Problems:
    """Collects the error answers that operations refer to."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, tuple[str, ...]]] = {}

    def references(self, codes: Iterable[str]) -> dict[str, Any]:
        """Status to a reference to its answer."""
        found = {}
        for status, those in _by_status(codes).items():
            name = "-".join(those)
            self._used[name] = status, those
            found[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return found

    def without_bodies(self, codes: Iterable[str]) -> dict[str, Any]:
        """The same for HEAD: a status and a sentence."""
        return {str(status): {"description": _sentences(those)} for status, those in _by_status(codes).items()}

    def responses(self, headers: _Reference) -> dict[str, Any]:
        """The answers referred to so far."""
        return {name: _response(status, codes, headers) for name, (status, codes) in sorted(self._used.items())}

    @staticmethod
    def schemas() -> dict[str, Any]:
        """The shape all errors have."""
        properties = {
            "type": {**_TEXT, "format": "uri", "description": "Names the kind of problem, as `code` does."},
            "title": {**_TEXT, "description": "The status in words."},
            "status": {"type": "integer", "description": "The status again."},
            "detail": {**_TEXT, "description": "A sentence for people."},
            "code": {
                "type": "string",
                "anyOf": [{"enum": sorted(STATUS_BY_CODE)}, _OF_PLUGINS],
                "description": "What programs go by. With `plugin`, it is that plugin's own.",
            },
            "request_id": {"type": ["string", "null"], "description": "As in `X-Request-ID` and the server's log."},
            **_EXTRAS,
        }
        required = [name for name in properties if name not in _EXTRAS]
        text = "What went wrong (RFC 9457)."
        return {"Problem": {"type": "object", "description": text, "properties": properties, "required": required}}


def _by_status(codes: Iterable[str]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for code in sorted(codes, key=lambda code: (STATUS_BY_CODE[code], code)):
        status = STATUS_BY_CODE[code]
        found[status] = (*found.get(status, ()), code)
    return found


def _codes(codes: tuple[str, ...]) -> dict[str, Any]:
    ours: dict[str, Any] = {"enum": list(codes)}
    return {"anyOf": [ours, _OF_PLUGINS]} if "upload_refused" in codes else ours


def _response(status: int, codes: tuple[str, ...], headers: _Reference) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": _codes(codes)},
    }
    if required := [name for name, code in _ALWAYS.items() if codes == (code,)]:
        schema["required"] = required
    examples = {code: {"value": _example(code)} for code in codes}
    return {
        "description": _sentences(codes),
        "headers": headers("X-Request-ID", *_HEADERS.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _sentences(codes: tuple[str, ...]) -> str:
    return "\n\n".join(f"`{code}`: {t(f'errors.{code}')}" for code in codes)


def _example(code: str) -> dict[str, Any]:
    return {
        "type": f"urn:stowage:problem:{code}",
        "title": HTTPStatus(STATUS_BY_CODE[code]).phrase,
        "status": STATUS_BY_CODE[code],
        "detail": t(f"errors.{code}"),
        "code": code,
        "request_id": "5f0c1d2e3a4b5c6d7e8f9a0b",
        **_EXAMPLES.get(code, {}),
    }
