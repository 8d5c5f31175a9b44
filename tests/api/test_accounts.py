"""Accounts, tokens and oneself over JSON."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.app import FILES, PASSWORD, Api, House
from tests.support.problems import problem
from webapp.services.access import Permission

DOWNLOAD = Permission.DOWNLOAD.value


def user_id(api: Api, name: str) -> str:
    return next(user["id"] for user in api.get("/api/users").json()["items"] if user["username"] == name)


def test_who_am_i(house: House, uploader: Api, admin: Api) -> None:
    document = uploader.get("/api/me").json()
    assert document["id"] == str(house.uploader.user_id)
    assert (document["username"], document["role"]) == ("uploader", "user")
    assert set(document["permissions"]) >= {"file_storage.upload", "file_storage.download", "file_storage.delete"}
    assert "file_storage.manage" not in document["permissions"]
    assert "file_storage.manage" in admin.get("/api/me").json()["permissions"]
    assert house.api("admin", DOWNLOAD).get("/api/me").json()["permissions"] == [DOWNLOAD]


def test_accounts_are_listed_without_secrets(admin: Api) -> None:
    items = admin.get("/api/users").json()["items"]
    assert [user["username"] for user in items] == ["admin", "stranger", "uploader"]
    assert all(user.keys() == {"id", "username", "role", "active", "created_at"} for user in items)


def test_an_account_is_made_changed_and_removed(admin: Api, house: House) -> None:
    made = admin.post("/api/users", json={"username": "new", "password": PASSWORD, "role": "user"})
    document = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/users/{document['id']}"
    assert (document["username"], document["role"], document["active"]) == ("new", "user", True)
    changed = admin.patch(f"/api/users/{document['id']}", json={"role": "admin", "active": False})
    assert changed.json() == {**document, "role": "admin", "active": False}
    assert admin.delete(f"/api/users/{document['id']}").status_code == 204
    problem(admin.delete(f"/api/users/{document['id']}"), "not_found")
    problem(admin.patch(f"/api/users/{document['id']}", json={"active": True}), "not_found")


def test_a_name_that_is_taken_is_a_conflict(admin: Api) -> None:
    body = {"username": "UPLOADER", "password": PASSWORD, "role": "user"}
    problem(admin.post("/api/users", json=body), "conflict")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "password", "role"}),
        ({"username": "", "password": PASSWORD, "role": "user"}, {"username"}),
        ({"username": "x", "password": "short", "role": "user"}, {"password"}),
        ({"username": "x", "password": PASSWORD, "role": "root"}, {"role"}),
        ({"username": "x", "password": PASSWORD, "role": "user", "more": 1}, {"more"}),
        ({"username": 5, "password": [], "role": None}, {"username", "password", "role"}),
        ({"username": "a\x00b", "password": PASSWORD, "role": "user"}, {"username"}),
    ],
)
def test_wrong_fields_of_an_account_are_named(admin: Api, body: dict[str, object], fields: set[str]) -> None:
    document = problem(admin.post("/api/users", json=body), "validation_error")
    assert {error["field"] for error in document["errors"]} == fields
    assert all(" " in error["message"] for error in document["errors"])


@pytest.mark.parametrize("body", [{"role": "root"}, {"active": "no"}, {"password": "x"}, {"username": "x"}])
def test_wrong_changes_are_refused(admin: Api, body: dict[str, object]) -> None:
    problem(admin.patch(f"/api/users/{user_id(admin, 'uploader')}", json=body), "validation_error")


def test_the_last_admin_stays(admin: Api) -> None:
    where = f"/api/users/{user_id(admin, 'admin')}"
    problem(admin.patch(where, json={"role": "user"}), "conflict")
    problem(admin.patch(where, json={"active": False}), "conflict")
    problem(admin.delete(where), "conflict")
    assert admin.get("/api/me").json()["role"] == "admin"


def test_a_disabled_or_deleted_account_is_out_at_once_and_its_files_stay(house: House, admin: Api) -> None:
    for body in ({"active": False}, None):
        name = "uploader" if body else "stranger"
        api = house.api(name)
        file = api.put(f"{FILES}/upload/{name}", data=b"x").json()
        where = f"/api/users/{user_id(admin, name)}"
        assert (admin.patch(where, json=body) if body else admin.delete(where)).status_code in {200, 204}
        problem(api.get("/api/me"), "unauthenticated")
        assert admin.get(f"{FILES}/files/{file['id']}").status_code == 200


def test_a_token_is_made_used_and_revoked(house: House, uploader: Api) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    body = {"name": "laptop", "scopes": [DOWNLOAD], "expires_at": until.isoformat()}
    made = uploader.post("/api/tokens", json=body)
    document = made.json()
    assert made.status_code == 201
    assert document.keys() == {
        "id",
        "name",
        "scopes",
        "token",
        "prefix",
        "expires_at",
        "created_at",
        "last_used_at",
    }
    assert (document["name"], document["scopes"], document["last_used_at"]) == ("laptop", [DOWNLOAD], None)
    assert document["token"].startswith(document["prefix"])
    assert datetime.fromisoformat(document["expires_at"]) == until
    api = Api(house.app, document["token"])
    assert api.get(f"{FILES}/files").status_code == 200
    problem(api.put(f"{FILES}/upload/a", data=b"x"), "forbidden")
    listed = next(t for t in uploader.get("/api/tokens").json()["items"] if t["id"] == document["id"])
    assert "token" not in listed
    assert listed["last_used_at"]
    assert uploader.delete(f"/api/tokens/{document['id']}").status_code == 204
    problem(api.get("/api/me"), "unauthenticated")
    problem(uploader.delete(f"/api/tokens/{document['id']}"), "not_found")


def test_tokens_of_others_do_not_exist(house: House, uploader: Api, admin: Api) -> None:
    made = uploader.post("/api/tokens", json={"name": "x", "scopes": [DOWNLOAD]}).json()
    problem(admin.delete(f"/api/tokens/{made['id']}"), "not_found")
    assert made["id"] not in str(admin.get("/api/tokens").json())
    problem(admin.delete(f"/api/tokens/{uuid4()}"), "not_found")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "scopes"}),
        ({"name": "", "scopes": [DOWNLOAD]}, {"name"}),
        ({"name": "x", "scopes": []}, {"scopes"}),
        ({"name": "x", "scopes": ["file_storage.manage"]}, {"scopes"}),
        ({"name": "x", "scopes": [{}]}, {"scopes"}),
        ({"name": "x", "scopes": "file_storage.download"}, {"scopes"}),
        ({"name": "x", "scopes": [DOWNLOAD], "expires_at": "2020-01-01T00:00:00Z"}, {"expires_at"}),
        ({"name": "x", "scopes": [DOWNLOAD], "expires_at": "soon"}, {"expires_at"}),
        ({"name": "x", "scopes": [DOWNLOAD], "expires_at": 5}, {"expires_at"}),
        ({"name": "x" * 101, "scopes": [DOWNLOAD]}, {"name"}),
    ],
)
def test_wrong_fields_of_a_token_are_named(uploader: Api, body: dict[str, object], fields: set[str]) -> None:
    document = problem(uploader.post("/api/tokens", json=body), "validation_error")
    assert {error["field"] for error in document["errors"]} == fields


@pytest.mark.parametrize("path", ["/api/users", "/api/tokens", f"{FILES}/files/bulk-delete"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"5", b"NaN"])
def test_what_is_no_json_object_is_a_bad_request(house: House, admin: Api, path: str, body: bytes) -> None:
    problem(admin.post(path, data=body, content_type="application/json"), "bad_request")


def test_a_json_body_has_its_limit(admin: Api) -> None:
    body = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'
    document = problem(admin.post("/api/tokens", data=body, content_type="application/json"), "too_large")
    assert document["max_bytes"] == 1024 * 1024
