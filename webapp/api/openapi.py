"""Makes the OpenAPI 3.1 document from routes, policies, descriptions and dataclasses."""

from typing import Any

from flask import Flask


def document(app: Flask) -> dict[str, Any]:
    """The document of this application's JSON API."""
    return {"openapi": "3.1.0", "info": {"title": "Stowage", "version": "0"}, "paths": {}}
