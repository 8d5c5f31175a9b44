"""Who may call which route: nobody without credentials, people by their role, tokens by their scopes."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.support.app import FILES, PASSWORD, Api, House
from tests.support.problems import problem
from webapp.services.access import Permission
from webapp.services.webhooks.views import WebhookIn

UPLOAD, DOWNLOAD, DELETE, MANAGE = (
    Permission.UPLOAD,
    Permission.DOWNLOAD,
    Permission.DELETE,
    Permission.MANAGE,
)
TOKENS, USERS, SETTINGS, ACTIVITY = Permission.TOKENS, Permission.USERS, Permission.SETTINGS, Permission.ACTIVITY
WEBHOOKS = Permission.WEBHOOKS
FORM = {
    "data": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na\r\n--x--\r\n',
    "content_type": "multipart/form-data; boundary=x",
}

# Method, path, the permission API.md states, a body, and the answer to somebody who may.
ROUTES: list[tuple[str, str, Permission, dict[str, object], int]] = [
    ("POST", f"{FILES}/upload", UPLOAD, FORM, 201),
    ("PUT", f"{FILES}/upload/a.txt", UPLOAD, {"data": b"hello"}, 201),
    ("GET", f"{FILES}/files", DOWNLOAD, {}, 200),
    ("GET", f"{FILES}/files/{{file}}", DOWNLOAD, {}, 200),
    ("PATCH", f"{FILES}/files/{{file}}", UPLOAD, {"json": {"filename": "b.txt"}}, 200),
    ("GET", f"{FILES}/files/{{file}}/download", DOWNLOAD, {}, 200),
    ("HEAD", f"{FILES}/files/{{file}}/download", DOWNLOAD, {}, 200),
    ("DELETE", f"{FILES}/files/{{file}}", DELETE, {}, 204),
    ("DELETE", f"{FILES}/files/{{file}}?permanent=true", MANAGE, {}, 204),
    ("GET", f"{FILES}/trash", DELETE, {}, 200),
    ("POST", f"{FILES}/files/{{trashed}}/restore", DELETE, {}, 200),
    ("POST", f"{FILES}/files/bulk-delete", DELETE, {"json": {"ids": []}}, 200),
    ("POST", f"{FILES}/files/bulk-restore", DELETE, {"json": {"ids": []}}, 200),
    ("GET", "/api/tokens", TOKENS, {}, 200),
    ("POST", "/api/tokens", TOKENS, {"json": {"name": "x", "scopes": [DOWNLOAD]}}, 201),
    ("DELETE", "/api/tokens/{unknown}", TOKENS, {}, 404),
    ("GET", "/api/users", USERS, {}, 200),
    ("POST", "/api/users", USERS, {"json": {"username": "new", "password": PASSWORD, "role": "user"}}, 201),
    ("PATCH", "/api/users/{user}", USERS, {"json": {"active": True}}, 200),
    ("DELETE", "/api/users/{user}", USERS, {}, 204),
    ("GET", "/api/settings/modules", SETTINGS, {}, 200),
    ("GET", "/api/settings/modules/file_storage", SETTINGS, {}, 200),
    ("PUT", "/api/settings/modules/file_storage", SETTINGS, {"json": {"values": {}}}, 200),
    ("POST", "/api/settings/modules/file_storage/test", SETTINGS, {"json": {"values": {}}}, 200),
    ("GET", "/api/webhooks", WEBHOOKS, {}, 200),
    ("POST", "/api/webhooks", WEBHOOKS, {"json": {"url": "https://8.8.8.8/"}}, 201),
    ("GET", "/api/webhooks/{webhook}", WEBHOOKS, {}, 200),
    ("PATCH", "/api/webhooks/{webhook}", WEBHOOKS, {"json": {"description": "x"}}, 200),
    ("DELETE", "/api/webhooks/{webhook}", WEBHOOKS, {}, 204),
    ("POST", "/api/webhooks/{unknown}/test", WEBHOOKS, {}, 404),
    ("POST", "/api/webhooks/{webhook}/pause", WEBHOOKS, {}, 200),
    ("POST", "/api/webhooks/{webhook}/resume", WEBHOOKS, {}, 200),
    ("POST", "/api/webhooks/{webhook}/secret", WEBHOOKS, {"json": {}}, 200),
    ("GET", "/api/webhooks/{webhook}/deliveries", WEBHOOKS, {}, 200),
    ("GET", "/api/webhooks/{webhook}/deliveries/{unknown}", WEBHOOKS, {}, 404),
    ("POST", "/api/webhooks/{webhook}/deliveries/{unknown}/replay", WEBHOOKS, {}, 404),
    ("GET", "/api/events", ACTIVITY, {}, 200),
]
IDS = [f"{method} {path}" for method, path, *_ in ROUTES]
EVERY = pytest.mark.parametrize(("method", "path", "permission", "body", "status"), ROUTES, ids=IDS)


@pytest.fixture
def prepared(house: House) -> Callable[[str], str]:
    """Fill in the ids of a file, a trashed one, an account and a webhook."""
    with house.app.app_context():
        trashed = house.upload()
        house.services.files.trash(house.admin, trashed.id)
        ids = {"file": house.upload().id, "trashed": trashed.id, "user": house.stranger.user_id, "unknown": uuid4()}
        webhook, _ = house.services.webhooks.create(house.admin, WebhookIn(url="https://8.8.8.8/"))
        ids["webhook"] = webhook.id
    return lambda path: path.format(**ids)


def call(api: Api, method: str, path: str, body: dict[str, object]) -> int:
    answer = api.request(method, path, **body)
    if answer.status_code >= 400 and method != "HEAD":
        problem(answer, {401: "unauthenticated", 403: "forbidden", 404: "not_found"}[answer.status_code])
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    return answer.status_code


@EVERY
def test_without_credentials_nobody_may(
    sqlite_house: House, method: str, path: str, permission: Permission, body: dict[str, object], status: int
) -> None:
    where = path.format(file=uuid4(), trashed=uuid4(), user=uuid4(), webhook=uuid4(), unknown=uuid4())
    assert call(sqlite_house.api(), method, where, body) == 401
    assert call(Api(sqlite_house.app, "stw_wrong"), method, where, body) == 401


@EVERY
def test_an_admin_may(
    house: House,
    prepared: Callable[[str], str],
    method: str,
    path: str,
    permission: Permission,
    body: dict[str, object],
    status: int,
) -> None:
    assert call(house.api("admin"), method, prepared(path), body) == status


@EVERY
def test_a_user_may_what_the_role_allows(
    house: House,
    prepared: Callable[[str], str],
    method: str,
    path: str,
    permission: Permission,
    body: dict[str, object],
    status: int,
) -> None:
    expected = status if permission in house.services.permissions.of("user") else 403
    assert call(house.api("uploader"), method, prepared(path), body) == expected


@EVERY
def test_a_token_with_that_scope_alone_may(
    house: House,
    prepared: Callable[[str], str],
    method: str,
    path: str,
    permission: Permission,
    body: dict[str, object],
    status: int,
) -> None:
    scopes = [permission.value]
    if (method, path) == ("PATCH", "/api/file-storage/files/{file}"):
        scopes.append(Permission.DOWNLOAD.value)  # its answer tells about the file
    if (method, path) == ("POST", "/api/tokens"):
        body = {"json": {"name": "x", "scopes": scopes}}
    assert call(house.api("admin", *scopes), method, prepared(path), body) == status


@EVERY
def test_a_token_without_that_scope_may_not(
    house: House,
    prepared: Callable[[str], str],
    method: str,
    path: str,
    permission: Permission,
    body: dict[str, object],
    status: int,
) -> None:
    scopes = [p.value for p in Permission if p is not permission]
    assert call(house.api("admin", *scopes), method, prepared(path), body) == 403


@pytest.mark.parametrize("scheme", ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "Token x", "x", "", "Bearer a b"])
def test_other_credentials_are_none(sqlite_house: House, scheme: str) -> None:
    answer = sqlite_house.api().get("/api/me", headers={"Authorization": scheme})
    problem(answer, "unauthenticated")


def test_the_scheme_has_no_case(house: House) -> None:
    token = house.token("uploader")
    assert house.api().get("/api/me", headers={"Authorization": f"bEaReR  {token} "}).status_code == 200


def test_a_token_in_the_address_does_not_count(house: House) -> None:
    token = house.token("uploader")
    for name in ("token", "access_token", "Authorization"):
        problem(house.api().get(f"/api/me?{name}={token}"), "unauthenticated")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/openapi.json"])
def test_some_routes_are_for_anyone(house: House, path: str) -> None:
    assert house.api().get(path).status_code == 200
