"""JSON answers."""

from typing import Any

import orjson
from flask import Response

_OPTIONS = orjson.OPT_UTC_Z


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``value``, a dataclass or what JSON knows, as an answer. Times are RFC 3339 in UTC."""
    return Response(orjson.dumps(value, option=_OPTIONS), status, headers, mimetype="application/json")


def nothing(status: int = 204) -> Response:
    """An answer without a body."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response
