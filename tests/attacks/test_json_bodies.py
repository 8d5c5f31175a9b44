"""JSON that is none, that is too much, or that is not what was asked for."""

import time
import uuid

import pytest

from tests.support.client import FILES, Client
from tests.support.problems import problem, refused
from tests.support.raw import Wire, head
from tests.support.server import Server

JSON = {"Content-Type": "application/json"}
BULK = f"{FILES}/files/bulk-delete"
GARBAGE = [
    b"",
    b" ",
    b"{",
    b"}",
    b"nonsense",
    b"{'ids': []}",
    b'{"ids": [}',
    b'{"ids": []} trailing',
    b'{"ids": [],}',
    b"\xff\xfe{\x00}\x00",
    b"\x00",
    b'\xef\xbb\xbf{"ids": []',
    b'{"ids": ["\xff"]}',
    b"NaN",
    b'{"ids": NaN}',
    b'{"ids": [1e999]}',
    b"undefined",
    b"<ids/>",
    b"ids=1",
]
WRONG = [
    b"null",
    b"[]",
    b"0",
    b'"ids"',
    b"true",
    b"{}",
    b'{"ids": null}',
    b'{"ids": "all"}',
    b'{"ids": {}}',
    b'{"ids": 5}',
    b'{"ids": [null]}',
    b'{"ids": [[]]}',
    b'{"ids": [{}]}',
    b'{"ids": [5]}',
    b'{"ids": [true]}',
    b'{"ids": ["not-an-id"]}',
    b'{"ids": [""]}',
    b'{"IDS": []}',
    b'{"ids": [' + b"9" * 5000 + b"]}",
]


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("path", [BULK, f"{FILES}/files/bulk-restore", "/api/tokens"])
def test_garbage_is_a_bad_request(uploader: Client, path: str, body: bytes) -> None:
    problem(uploader.post(path, data=body, headers=JSON), {"bad_request", "validation_error"})


@pytest.mark.parametrize("body", WRONG)
def test_the_wrong_shape_is_refused(uploader: Client, body: bytes) -> None:
    problem(uploader.post(BULK, data=body, headers=JSON), {"bad_request", "validation_error"})


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        5,
        "x",
        {},
        {"name": None},
        {"name": ""},
        {"name": 5, "scopes": []},
        {"name": "x" * 10_000, "scopes": []},
        {"name": "x", "scopes": None},
        {"name": "x", "scopes": {}},
        {"name": "x", "scopes": [None]},
        {"name": "x", "scopes": [[]]},
        {"name": "x", "scopes": ["file_storage.upload"], "expires_at": "soon"},
        {"name": "x", "scopes": ["file_storage.upload"], "expires_at": 5},
        {"name": "x", "scopes": ["file_storage.upload"], "expires_at": []},
        {"name": "x", "scopes": ["file_storage.upload"], "expires_at": "9" * 50},
    ],
)
def test_a_token_request_of_the_wrong_shape_is_refused(uploader: Client, document: object) -> None:
    problem(uploader.post("/api/tokens", json=document), {"bad_request", "validation_error"})


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        5,
        {},
        {"username": "x"},
        {"username": 5, "password": "a long enough password", "role": "user"},
        {"username": "x", "password": 5, "role": "user"},
        {"username": "x", "password": "a long enough password", "role": "root"},
        {"username": "x" * 10_000, "password": "a long enough password", "role": "user"},
        {"username": "", "password": "a long enough password", "role": "user"},
        {"username": "shorty", "password": "", "role": "user"},
        {"username": ["x"], "password": {}, "role": None},
    ],
)
def test_an_account_of_the_wrong_shape_is_refused(admin: Client, document: object) -> None:
    problem(admin.post("/api/users", json=document), {"bad_request", "validation_error"})


@pytest.mark.parametrize(
    "document",
    [[], 5, {"active": "maybe"}, {"role": "root"}, {"role": 5}, {"password": ""}, {"password": []}],
)
def test_a_change_of_the_wrong_shape_is_refused(admin: Client, document: object) -> None:
    name = f"u{uuid.uuid4().hex[:10]}"
    user = admin.post(
        "/api/users", json={"username": name, "password": "a long enough password", "role": "user"}
    ).json()
    problem(admin.patch(f"/api/users/{user['id']}", json=document), {"bad_request", "validation_error"})
    shown = next(one for one in admin.get("/api/users").json()["items"] if one["id"] == user["id"])
    assert (shown["role"], shown["active"]) == ("user", True)


def test_an_account_of_the_same_name_is_a_conflict(admin: Client) -> None:
    for name in ("uploader", "UPLOADER", "Uploader"):
        answer = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "user"})
        problem(answer, {"conflict", "validation_error"})


@pytest.mark.parametrize("depth", [200, 100_000, 2_000_000])
def test_deep_json_is_refused_without_a_crash(uploader: Client, depth: int) -> None:
    for body in (b'{"ids":' + b"[" * depth + b"]" * depth + b"}", b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth):
        problem(uploader.post(BULK, data=body, headers=JSON), {"bad_request", "validation_error", "too_large"})


def test_huge_json_is_refused_quickly(uploader: Client) -> None:
    start = time.monotonic()
    body = b'{"ids": [' + b'"00000000-0000-0000-0000-000000000000",' * 1_000_000 + b'"x"]}'
    problem(uploader.post(BULK, data=body, headers=JSON), {"bad_request", "validation_error", "too_large"})
    problem(
        uploader.post("/api/tokens", data=b'{"name": "' + b"x" * 30_000_000 + b'"}', headers=JSON),
        {"too_large", "validation_error", "bad_request"},
    )
    assert time.monotonic() - start < 10


def test_announced_huge_json_is_refused_unread(server: Server, uploader: Client) -> None:
    with Wire(server.url, timeout=5) as wire:
        wire.send(
            head("POST", BULK, [*uploader.auth, ("Content-Type", "application/json"), ("Content-Length", str(10**10))])
        )
        problem(wire.answer(), {"bad_request", "too_large"})


def test_two_hundred_ids_are_accepted_and_one_more_is_not(uploader: Client) -> None:
    ids = [str(uuid.uuid4()) for _ in range(201)]
    for action in ("bulk-delete", "bulk-restore"):
        most = uploader.post(f"{FILES}/files/{action}", json={"ids": ids[:200]})
        assert (most.status_code, most.json()["ids"]) == (200, [])
        problem(uploader.post(f"{FILES}/files/{action}", json={"ids": ids}), "validation_error")
        none = uploader.post(f"{FILES}/files/{action}", json={"ids": []})
        assert none.status_code in {200, 422}


def test_an_id_named_twice_is_acted_on_once(uploader: Client) -> None:
    file = uploader.upload(b"data")
    for spelling in (file["id"], file["id"].upper()):
        answer = uploader.post(BULK, json={"ids": [file["id"], spelling]})
        assert (answer.status_code, answer.json()["ids"]) == (200, [file["id"]])
        assert uploader.restore(file).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=utf-7"],
)
def test_json_under_another_type_is_refused_or_understood(uploader: Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = uploader.post(BULK, data=b'{"ids": []}', headers=headers)
    if answer.status_code != 200:
        refused(answer)


def test_unknown_members_and_a_member_twice_do_no_harm(uploader: Client) -> None:
    file = uploader.upload(b"data")
    body = b'{"ids": [], "__proto__": {"x": 1}, "permanent": true, "ids": ["' + file["id"].encode() + b'"]}'
    answer = uploader.post(BULK, data=body, headers=JSON)
    if answer.status_code == 200:
        assert answer.json()["ids"] in ([], [file["id"]])
        if answer.json()["ids"]:
            assert uploader.restore(file).status_code == 200
    else:
        refused(answer)
    assert uploader.content(file) == b"data"
