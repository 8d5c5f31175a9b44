"""What the OpenAPI document promises, the server keeps (schemathesis)."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.missing import missing
from tests.support.server import Server

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "ignored_auth",
]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that may be filled with nonsense, and its own description of itself."""
    if importlib.util.find_spec("schemathesis") is None:
        missing("There is no schemathesis: run `make install`.")
    server = Server(tmp_path_factory.mktemp("schemathesis"), workers=2)
    try:
        server.start()
        answer = server.admin.get("/api/openapi.json")
        assert answer.status_code == 200, answer.text
        document = tmp_path_factory.mktemp("openapi") / "openapi.json"
        described = answer.json()
        for parameter in described["paths"]["/api/events"]["get"]["parameters"]:
            if parameter["name"] == "wait":
                parameter["schema"]["maximum"] = 0  # time is short here
        document.write_text(json.dumps(described))
        yield server, document
    finally:
        server.close()


def try_out(server: Server, document: Path, client: Client, *options: str, examples: int, seconds: int) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(document), "--url", server.url]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(examples), "--max-time", str(seconds)]
    command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color", "--warnings", "off"]
    command += ["--request-timeout", "20", "--suppress-health-check", "all", "--no-shrink", *options]
    for name, value in client.auth:
        command += ["--header", f"{name}:{value}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180, cwd=document.parent)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_an_admin_gets_only_documented_answers(tried: tuple[Server, Path]) -> None:
    server, document = tried
    # Other settings would change what the other operations may answer.
    try_out(server, document, server.admin, "--exclude-path-regex", "^/api/settings", examples=12, seconds=20)


@pytest.mark.slow
def test_an_ordinary_user_gets_only_documented_answers(tried: tuple[Server, Path]) -> None:
    server, document = tried
    server.add_user("uploader")
    try_out(server, document, server.client("uploader"), examples=5, seconds=10)


@pytest.mark.slow
def test_a_stranger_gets_only_documented_answers(tried: tuple[Server, Path]) -> None:
    server, document = tried
    with Client(server.url) as nobody:
        try_out(server, document, nobody, examples=5, seconds=10)


def test_the_document_names_every_route_of_the_contract(tried: tuple[Server, Path], server: Server) -> None:
    document = server.admin.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    routes = {
        "/api/file-storage/upload": {"post"},
        "/api/file-storage/upload/{filename}": {"put"},
        "/api/file-storage/files": {"get"},
        "/api/file-storage/files/{id}": {"get", "delete"},
        "/api/file-storage/files/{id}/download": {"get", "head"},
        "/api/file-storage/trash": {"get"},
        "/api/file-storage/files/{id}/restore": {"post"},
        "/api/file-storage/files/bulk-delete": {"post"},
        "/api/file-storage/files/bulk-restore": {"post"},
        "/api/me": {"get"},
        "/api/tokens": {"get", "post"},
        "/api/tokens/{id}": {"delete"},
        "/api/users": {"get", "post"},
        "/api/users/{id}": {"patch", "delete"},
        "/api/settings/modules/{name}": {"get", "put"},
        "/api/settings/modules/{name}/test": {"post"},
        "/api/events": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
    }

    def nameless(path: str) -> str:
        return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))

    described = {nameless(path): set(item) for path, item in document["paths"].items()}
    for path, methods in routes.items():
        assert methods <= described.get(nameless(path), set()), path


def test_the_page_to_read_it_asks_nobody_else(server: Server) -> None:
    answer = server.admin.get("/api/docs")
    assert answer.status_code == 200
    for foreign in ("http://", "https://", 'src="//', "cdn."):
        assert foreign not in answer.text.replace(server.url, "").replace("http://www.w3.org/", ""), foreign
