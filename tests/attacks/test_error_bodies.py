"""Errors are sentences with a code, never a look inside."""

import uuid

import pytest

from tests.support.browser import BROWSE
from tests.support.client import FILES, Client
from tests.support.problems import SECRET_NAME, assert_nothing_leaks, problem
from tests.support.server import Server


def test_every_kind_of_refusal_is_a_problem_document(server: Server, uploader: Client, nobody: Client) -> None:
    unknown = uuid.uuid4()
    file = uploader.upload(b"data")
    problem(nobody.get("/api/me"), "unauthenticated")
    problem(uploader.get("/api/users"), "forbidden")
    problem(uploader.get(f"{FILES}/files/{unknown}"), "not_found")
    problem(uploader.delete(f"{FILES}/files/{unknown}"), "not_found")
    problem(uploader.post(f"{FILES}/files/{unknown}/restore"), "not_found")
    problem(uploader.restore(file), {"conflict", "not_found"})
    problem(uploader.post(f"{FILES}/upload", data=b"x"), {"bad_request", "validation_error"})
    problem(uploader.get(f"{FILES}/files", params={"page": 0}), "validation_error")
    answer = uploader.download(file, Range="bytes=4-")
    problem(answer, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */4"


def test_a_wrong_field_is_named_with_a_sentence(uploader: Client) -> None:
    document = problem(uploader.get(f"{FILES}/files", params={"page": "x", "per_page": "0"}), "validation_error")
    assert {error["field"] for error in document["errors"]} == {"page", "per_page"}
    assert all(" " in error["message"] for error in document["errors"])


@pytest.mark.parametrize(
    "path", ["/api/nowhere", "/api/", f"{FILES}/nowhere", "/api/file-storage", "/api/users/x/y/z", "/api//me"]
)
def test_an_unknown_route_is_a_problem_document(uploader: Client, path: str) -> None:
    answer = uploader.get(path)
    if answer.status_code != 308:
        problem(answer, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/me", {"GET"}),
        ("PATCH", f"{FILES}/upload", {"POST"}),
        ("GET", f"{FILES}/upload", {"POST"}),
        ("PUT", f"{FILES}/files", {"GET"}),
        ("POST", f"{FILES}/trash", {"GET"}),
        ("TRACE", "/api/me", {"GET"}),
        ("FROBNICATE", "/api/me", {"GET"}),
    ],
)
def test_a_method_that_is_not_there_is_405_and_says_what_is(
    uploader: Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = uploader.request(method, path)
    problem(answer, "method_not_allowed")
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}


def test_every_answer_carries_a_request_id_of_its_own(server: Server, uploader: Client, nobody: Client) -> None:
    file = uploader.upload(b"data")
    answers = [
        nobody.get("/healthz"),
        nobody.get("/readyz"),
        nobody.get("/account/login"),
        nobody.get(BROWSE),
        nobody.get("/nowhere"),
        nobody.get("/static/nowhere.css"),
        nobody.get("/api/me"),
        uploader.get("/api/me"),
        uploader.put_file(b"x"),
        uploader.download(file),
        uploader.download(file, Range="bytes=0-1"),
        uploader.download(file, Range="bytes=9-"),
        uploader.head(f"{FILES}/files/{file['id']}/download"),
        uploader.get(f"{FILES}/files"),
        uploader.delete(f"{FILES}/files/{file['id']}"),
    ]
    ids = [answer.headers.get("X-Request-ID") for answer in answers]
    assert all(ids), list(zip(ids, [answer.url for answer in answers], strict=True))
    assert len(set(ids)) == len(ids)


def test_lost_bytes_are_told_without_details(server: Server, uploader: Client) -> None:
    file = uploader.upload(b"data")
    place = server.uploads / file["key"][:2] / file["key"]
    place.unlink()
    answer = uploader.download(file)
    assert answer.status_code in {404, 500}
    problem(answer, {"not_found", "backend_error"})
    server.admin.purge(file)


def test_a_store_that_fails_is_told_without_details(fresh_server) -> None:
    server = fresh_server(workers=2)
    client = server.admin
    kept = client.upload(b"kept")
    server.cli("settings", "set", "file_storage", "fs_root_path", "./nowhere")
    (server.data_dir / "nowhere").write_text("a file where the directory should be", encoding="utf-8")
    answers = [client.put_file(b"data"), client.post_file(b"data"), client.put_file(b"x" * 5_000_000)]
    for answer in answers:
        problem(answer, "backend_error")
        assert b"nowhere" not in answer.content
    assert client.total() == 1
    assert client.content(kept) == b"kept", "a stored file is read from where it was stored"
    server.cli("settings", "unset", "file_storage", "fs_root_path")
    assert client.content(client.upload(b"again")) == b"again"
    server.wait_until_clean()


def test_public_pages_tell_nothing_about_the_house(nobody: Client) -> None:
    for path in (
        "/healthz",
        "/readyz",
        "/nowhere",
        "/account/login",
        "/metrics",
        "/.env",
        "/.git/config",
        "/instance/stowage.db",
        "/console",
    ):
        answer = nobody.get(path)
        assert answer.status_code < 500
        if path != "/account/login":
            assert_nothing_leaks(answer)
        assert SECRET_NAME not in answer.text
    assert len(nobody.get("/healthz").content) < 200
    assert len(nobody.get("/readyz").content) < 200


def test_answers_with_files_do_not_tell_where_they_are(server: Server, uploader: Client) -> None:
    file = uploader.upload(b"data")
    for answer in (uploader.info(file), uploader.get(f"{FILES}/files"), uploader.download(file)):
        assert SECRET_NAME not in answer.text
        assert str(server.data_dir.parent) not in answer.text
        assert not any(SECRET_NAME in value for value in answer.headers.values())


def test_secrets_are_not_logged(server: Server, uploader: Client, nobody: Client) -> None:
    nobody.get("/api/me", params={"token": "a-token-in-the-url"})
    uploader.put_file(b"x", "log\nforged entry.txt")
    log = server.log()
    assert uploader.token
    assert uploader.token not in log
    assert server.environ["STOWAGE_ADMIN_PASSWORD"] not in log
    assert "\nforged entry" not in log
