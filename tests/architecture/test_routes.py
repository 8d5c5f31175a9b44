"""Every route says who may use it, and the OpenAPI document knows it."""

import json
import re
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from tests.architecture.sources import document, listed

IMPLICIT_METHODS = {"HEAD", "OPTIONS"}
PARAMETER = re.compile(r"<(?:[^:<>]*:)?([^<>]+)>")
DOCUMENTED = ("/api/", "/healthz", "/readyz", "/metrics")


def test_every_route_states_who_may_use_it(app: Flask) -> None:
    silent = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in _rules(app)
        if not getattr(app.view_functions[rule.endpoint], "__policy__", None)
    ]
    assert not silent, f"Put @permission(...), @signed_in or @public on these views:{listed(silent)}"


def test_every_api_route_is_documented(app: Flask) -> None:
    missing = sorted(_routes_of(app) - _documented())
    assert not missing, f"docs/openapi.json lacks these routes (make docs):{listed(missing)}"


def test_every_documented_route_exists(app: Flask) -> None:
    gone = sorted(_documented() - _routes_of(app))
    assert not gone, f"docs/openapi.json has routes that the application has not (make docs):{listed(gone)}"


def _rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.split(".")[-1] != "static"]


def _routes_of(app: Flask) -> set[str]:
    """The likes of ``GET /api/file-storage/files/{id}``."""
    return {
        f"{method} {_documented_path(rule)}"
        for rule in _rules(app)
        if rule.rule.startswith(DOCUMENTED)
        for method in (rule.methods or set()) - IMPLICIT_METHODS
    }


def _documented_path(rule: Rule) -> str:
    """``/files/<uuid:id>`` is ``/files/{id}`` in OpenAPI."""
    return PARAMETER.sub(r"{\1}", rule.rule)


def _documented() -> set[str]:
    paths: dict[str, dict[str, Any]] = json.loads(document("openapi.json"))["paths"]
    return {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        if method in {"get", "put", "post", "patch", "delete"}
    }
