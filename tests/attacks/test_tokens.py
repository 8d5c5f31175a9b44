"""Tokens open what they are for, as long as they are valid, and only from the header."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.client import FILES, NO_SUCH_ID, Client
from tests.support.problems import problem
from tests.support.raw import exchange, head
from tests.support.server import Server

MALFORMED = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer  ",
    "Bearer x",
    "Bearer null",
    "Bearer " + "a" * 6000,
    "Bearer a b",
    "Bearer a,b",
    'Bearer "quoted"',
    "Bearer \u00e4\u00f6",
    "Bearer ' OR '1'='1",
    "Bearer %00",
    "Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==",
    "Basic !!!",
    "Digest username=admin",
    "Negotiate abc",
    "Token {token}",
    "{token}",
    "Bearer{token}",
    "Bearer {token}x",
    "Bearer x{token}",
    "Bearer {token} {token}",
    "Bearer {shorter}",
    "Bearer {upper}",
]


def new_token(client: Client, **fields: object) -> dict:
    answer = client.post("/api/tokens", json={"name": "made by a test", "scopes": ["file_storage.upload"], **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_authorization_is_401(server: Server, uploader: Client, value: str) -> None:
    token = uploader.token
    sent = value.format(token=token, shorter=token[:-1], upper=token.swapcase()) if "{" in value else value
    answer = exchange(server.url, head("GET", "/api/me", [("Authorization", sent.encode("latin-1"))]))
    problem(answer, "unauthenticated")


def test_two_authorizations_are_not_the_better_of_the_two(server: Server, uploader: Client) -> None:
    for pair in ([*uploader.auth, ("Authorization", "Bearer x")], [("Authorization", "Bearer x"), *uploader.auth]):
        answer = exchange(server.url, head("GET", "/api/me", pair))
        problem(answer, {"unauthenticated", "bad_request"})


def test_the_name_of_the_scheme_is_caseless(server: Server, uploader: Client) -> None:
    for scheme in ("bearer", "BEARER", "BeArEr"):
        answer = exchange(server.url, head("GET", "/api/me", [("Authorization", f"{scheme} {uploader.token}")]))
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "name", ["token", "access_token", "api_token", "api_key", "key", "auth", "authorization", "bearer_token"]
)
def test_a_token_in_the_url_opens_nothing(nobody: Client, uploader: Client, name: str) -> None:
    for value in (uploader.token, f"Bearer {uploader.token}"):
        problem(nobody.get("/api/me", params={name: value}), "unauthenticated")
        problem(nobody.get(f"{FILES}/files", params={name: value}), "unauthenticated")


def test_a_token_in_other_places_opens_nothing(nobody: Client, uploader: Client) -> None:
    token = uploader.token
    problem(nobody.get("/api/me", auth=(token, "")), "unauthenticated")
    problem(nobody.get("/api/me", auth=("uploader", token)), "unauthenticated")
    problem(nobody.get("/api/me", headers={"X-API-Key": token}), "unauthenticated")
    problem(nobody.get("/api/me", headers={"Cookie": f"session={token}; token={token}"}), "unauthenticated")
    problem(nobody.post(f"{FILES}/upload", data={"access_token": token}), "unauthenticated")
    problem(nobody.post(f"{FILES}/files/bulk-delete", json={"token": token, "ids": []}), "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/me"),
        ("POST", f"{FILES}/upload"),
        ("PUT", f"{FILES}/upload/x"),
        ("GET", f"{FILES}/files"),
        ("GET", f"{FILES}/files/{NO_SUCH_ID}"),
        ("GET", f"{FILES}/files/{NO_SUCH_ID}/download"),
        ("DELETE", f"{FILES}/files/{NO_SUCH_ID}"),
        ("GET", f"{FILES}/trash"),
        ("POST", f"{FILES}/files/{NO_SUCH_ID}/restore"),
        ("POST", f"{FILES}/files/bulk-delete"),
        ("POST", f"{FILES}/files/bulk-restore"),
        ("GET", "/api/tokens"),
        ("POST", "/api/tokens"),
        ("GET", "/api/users"),
        ("POST", "/api/users"),
        ("PATCH", f"/api/users/{NO_SUCH_ID}"),
    ],
)
def test_without_credentials_everything_is_401(nobody: Client, server: Server, method: str, path: str) -> None:
    with server.unchanged():
        problem(nobody.request(method, path, data=b"x"), "unauthenticated")


def test_head_without_credentials_is_401_without_a_body(nobody: Client) -> None:
    answer = nobody.head(f"{FILES}/files/{NO_SUCH_ID}/download")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_401_at_once_on_every_worker(server: Server, uploader: Client) -> None:
    made = new_token(uploader, scopes=["file_storage.download"])
    with Client(server.url, made["token"]) as client:
        assert client.get(f"{FILES}/files").status_code == 200
        assert uploader.delete(f"/api/tokens/{made['id']}").status_code == 204
        for _ in range(10):
            with client.fork() as another:
                problem(another.get(f"{FILES}/files"), "unauthenticated")
    problem(uploader.delete(f"/api/tokens/{made['id']}"), "not_found")


def test_an_expired_token_is_401(server: Server, uploader: Client) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=2)
    made = new_token(uploader, scopes=["file_storage.download"], expires_at=expires.isoformat())
    with Client(server.url, made["token"]) as client:
        assert client.get(f"{FILES}/files").status_code == 200
        time.sleep(max(0, (expires - datetime.now(UTC)).total_seconds()) + 0.3)
        for _ in range(6):
            with client.fork() as another:
                problem(another.get(f"{FILES}/files"), "unauthenticated")


def test_a_token_born_expired_opens_nothing(server: Server, uploader: Client) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    answer = uploader.post("/api/tokens", json={"name": "old", "scopes": ["file_storage.download"], "expires_at": past})
    if answer.status_code == 201:
        with Client(server.url, answer.json()["token"]) as client:
            problem(client.get("/api/me"), "unauthenticated")
    else:
        problem(answer, "validation_error")


@pytest.mark.parametrize("scope", ["file_storage.upload", "file_storage.download", "file_storage.delete"])
def test_a_token_does_only_what_its_scope_says(server: Server, uploader: Client, scope: str) -> None:
    file = uploader.upload(b"data")
    unknown = NO_SUCH_ID
    needs = {
        "file_storage.upload": [("PUT", f"{FILES}/upload/x"), ("POST", f"{FILES}/upload")],
        "file_storage.download": [
            ("GET", f"{FILES}/files"),
            ("GET", f"{FILES}/files/{file['id']}"),
            ("GET", f"{FILES}/files/{file['id']}/download"),
        ],
        "file_storage.delete": [
            ("GET", f"{FILES}/trash"),
            ("POST", f"{FILES}/files/{unknown}/restore"),
            ("POST", f"{FILES}/files/bulk-delete"),
            ("POST", f"{FILES}/files/bulk-restore"),
            ("DELETE", f"{FILES}/files/{unknown}"),
        ],
    }
    made = new_token(uploader, scopes=[scope])
    assert made["scopes"] == [scope]
    with Client(server.url, made["token"]) as client:
        for needed, requests in needs.items():
            for method, path in requests:
                answer = client.request(method, path)
                if needed == scope:
                    assert answer.status_code not in {401, 403}, (path, answer.text)
                else:
                    problem(answer, "forbidden")


def test_a_token_of_file_scopes_does_not_manage_tokens_users_or_settings(server: Server) -> None:
    scopes = ["file_storage.upload", "file_storage.download", "file_storage.delete", "file_storage.manage"]
    client = server.client("admin", *scopes)
    for method, path in (
        ("GET", "/api/tokens"),
        ("POST", "/api/tokens"),
        ("DELETE", f"/api/tokens/{NO_SUCH_ID}"),
        ("GET", "/api/users"),
        ("POST", "/api/users"),
        ("PATCH", f"/api/users/{NO_SUCH_ID}"),
        ("DELETE", f"/api/users/{NO_SUCH_ID}"),
        ("GET", "/api/settings/modules"),
        ("GET", "/api/settings/modules/file_storage"),
        ("PUT", "/api/settings/modules/file_storage"),
        ("POST", "/api/settings/modules/file_storage/test"),
    ):
        problem(client.request(method, path), "forbidden")
    assert set(client.get("/api/me").json()["permissions"]) <= set(scopes)


def test_a_token_has_no_more_than_its_owner(uploader: Client) -> None:
    for scopes in (
        ["file_storage.manage"],
        ["file_storage.upload", "file_storage.manage"],
        ["nonsense"],
        ["*"],
        "x",
        [1],
    ):
        answer = uploader.post("/api/tokens", json={"name": "more", "scopes": scopes})
        problem(answer, {"validation_error", "forbidden"})


def test_a_user_sees_and_revokes_only_own_tokens(uploader: Client, stranger: Client) -> None:
    made = new_token(uploader)
    assert made["id"] not in {token["id"] for token in stranger.get("/api/tokens").json()["items"]}
    problem(stranger.delete(f"/api/tokens/{made['id']}"), "not_found")
    assert made["id"] in {token["id"] for token in uploader.get("/api/tokens").json()["items"]}


def test_a_token_is_shown_once_and_never_stored(server: Server, uploader: Client) -> None:
    made = new_token(uploader)
    assert made["token"].startswith(made["prefix"])
    assert len(made["prefix"]) < len(made["token"]) / 2
    listed = uploader.get("/api/tokens")
    assert made["token"] not in listed.text
    for path in [*(server.data_dir / "instance").iterdir()]:
        if path.is_file():
            assert made["token"].encode() not in path.read_bytes(), path.name
    assert made["token"] not in server.log()


def test_users_do_not_administer(uploader: Client, server: Server) -> None:
    me = uploader.get("/api/me").json()
    for method, path, body in (
        ("GET", "/api/users", None),
        ("POST", "/api/users", {"username": "x", "password": "a long enough password", "role": "admin"}),
        ("PATCH", f"/api/users/{me['id']}", {"role": "admin"}),
        ("DELETE", f"/api/users/{me['id']}", None),
    ):
        problem(uploader.request(method, path, json=body), "forbidden")
    assert uploader.get("/api/me").json()["role"] == "user"


def test_a_disabled_user_is_out_at_once_and_back_when_enabled(server: Server, admin: Client) -> None:
    name = f"u{uuid.uuid4().hex[:10]}"
    made = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "user"})
    assert made.status_code == 201, made.text
    user, client = made.json(), server.client(name)
    assert client.get("/api/me").status_code == 200
    assert admin.patch(f"/api/users/{user['id']}", json={"active": False}).status_code == 200
    for _ in range(8):
        with client.fork() as another:
            problem(another.get("/api/me"), "unauthenticated")
            problem(another.put_file(b"x"), "unauthenticated")
    assert admin.patch(f"/api/users/{user['id']}", json={"active": True}).status_code == 200
    assert client.get("/api/me").status_code == 200


def test_the_tokens_of_a_deleted_user_are_gone_and_the_files_stay(server: Server, admin: Client) -> None:
    name = f"u{uuid.uuid4().hex[:10]}"
    made = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "user"})
    client = server.client(name)
    file = client.upload(b"stays")
    assert admin.delete(f"/api/users/{made.json()['id']}").status_code == 204
    problem(client.get("/api/me"), "unauthenticated")
    assert admin.content(file) == b"stays"
    again = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "user"})
    assert again.status_code == 201, again.text
    problem(client.get("/api/me"), "unauthenticated")


def test_a_role_that_was_taken_away_counts_for_tokens_too(server: Server, admin: Client) -> None:
    name = f"u{uuid.uuid4().hex[:10]}"
    made = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "admin"})
    client = server.client(name)
    assert client.get("/api/users").status_code == 200
    assert admin.patch(f"/api/users/{made.json()['id']}", json={"role": "user"}).status_code == 200
    problem(client.get("/api/users"), "forbidden")
    file = client.upload(b"x")
    problem(client.delete(f"{FILES}/files/{file['id']}", params={"permanent": "true"}), "forbidden")
