"""The OpenAPI document: whole, true to the code, and the one in docs/."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import schemathesis
from flask import Flask
from schemathesis.core.result import Ok

from webapp import config
from webapp.api import openapi
from webapp.app import create_app
from webapp.http.errors import STATUS_BY_CODE

KEPT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(config.load({"STOWAGE_DATA": str(tmp_path_factory.mktemp("data"))}))


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    # As it is sent: only what JSON can say.
    made: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(app)))
    return made


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_copy_in_docs_is_up_to_date(app: Flask) -> None:
    current = orjson.dumps(openapi.document(app), option=orjson.OPT_INDENT_2).decode()
    assert KEPT.read_text(encoding="utf-8").strip() == current, "Run `make docs`"


def test_the_server_sends_it_to_anyone(app: Flask, document: dict[str, Any]) -> None:
    answer = app.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json == document


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        found = document
        for name in reference.removeprefix("#/").split("/"):
            assert name in found, reference
            found = found[name]


def test_nothing_is_described_that_nobody_refers_to(document: dict[str, Any]) -> None:
    used = set(references(document))
    for kind in ("schemas", "responses", "headers"):
        for name in document["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_every_schema_is_a_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_a_tool_for_3_1_can_read_all_of_it(document: dict[str, Any]) -> None:
    loaded = schemathesis.openapi.from_dict(document)
    readable = [result for result in loaded.get_all_operations() if isinstance(result, Ok)]
    assert len(readable) == len(list(operations(document)))


def test_operations_have_ids_of_their_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_parameter_of_a_path_is_described(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            described = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert described == set(re.findall(r"{([^{}]+)}", path))


def test_only_public_operations_go_without_credentials(document: dict[str, Any]) -> None:
    public = {path for path, methods in document["paths"].items() for o in methods.values() if o["security"] == []}
    assert public == {"/api/openapi.json", "/api/docs", "/healthz", "/readyz", "/metrics"}


def test_a_cookie_needs_the_csrf_header_where_something_changes(document: dict[str, Any]) -> None:
    files = document["paths"]["/api/file-storage/files/{file_id}"]
    assert files["get"]["security"] == [{"token": []}, {"session": []}]
    assert files["delete"]["security"] == [{"token": []}, {"session": [], "csrf": []}]


def test_an_upload_tells_every_way_it_can_fail(document: dict[str, Any]) -> None:
    for path, method in (("/api/file-storage/upload", "post"), ("/api/file-storage/upload/{filename}", "put")):
        responses = document["paths"][path][method]["responses"]
        assert set(responses) == {"201", "400", "401", "403", "413", "415", "422", "429", "500", "503", "507"}
        bad = responses["400"]["$ref"].rpartition("/")[2]
        codes = document["components"]["responses"][bad]["content"]["application/problem+json"]["schema"]["properties"]
        assert codes["code"]["enum"] == ["bad_request", "checksum_mismatch"]


def test_the_problem_schema_knows_every_code(document: dict[str, Any]) -> None:
    ours, of_plugins = document["components"]["schemas"]["Problem"]["properties"]["code"]["anyOf"]
    assert ours["enum"] == sorted(STATUS_BY_CODE)
    assert re.fullmatch(of_plugins["pattern"], "infected")
    assert re.fullmatch(of_plugins["pattern"], "my-scanner.too_large")
    assert not re.fullmatch(of_plugins["pattern"], "not a code")


def test_limits_of_fields_are_told(document: dict[str, Any]) -> None:
    listed = document["paths"]["/api/file-storage/files"]["get"]["parameters"]
    per_page = next(p for p in listed if p["name"] == "per_page")
    assert per_page["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 20}
    ids = document["components"]["schemas"]["Ids"]
    assert ids["properties"]["ids"]["maxItems"] == 200
    assert ids["additionalProperties"] is False


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(app: Flask) -> None:
    page = app.test_client().get("/api/docs")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "Set-Cookie" not in page.headers
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert all(source.startswith(("/", "data:,")) for source in sources)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text)
