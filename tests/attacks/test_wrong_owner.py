"""With ``file_visibility=own`` other people's files do not exist."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.browser import BROWSE, Browser
from tests.support.client import FILES, Client
from tests.support.problems import problem
from tests.support.server import USER_PASSWORD, Server

TEXT = b"for my eyes only"


@pytest.fixture(scope="module", autouse=True)
def everyone_sees_their_own(server: Server) -> Iterator[None]:
    with server.settings(file_visibility="own"):
        yield


@pytest.fixture
def secret(uploader: Client) -> dict:
    return uploader.upload(TEXT, f"secret-{uuid.uuid4()}.txt", "text/plain")


@pytest.fixture
def trashed(uploader: Client) -> dict:
    file = uploader.upload(TEXT, f"trashed-{uuid.uuid4()}.txt", "text/plain")
    uploader.trash(file)
    return file


def test_the_owner_and_the_admin_see_it(uploader: Client, admin: Client, secret: dict, trashed: dict) -> None:
    for client in (uploader, admin):
        assert client.info(secret).json() == secret
        assert client.content(secret) == TEXT
        assert client.total(q=secret["filename"]) == 1
        assert client.total("trash", q=trashed["filename"]) == 1


def test_to_a_stranger_it_is_as_if_it_had_never_been(stranger: Client, secret: dict, trashed: dict) -> None:
    for one in (secret["id"], trashed["id"], str(uuid.uuid4())):
        path = f"{FILES}/files/{one}"
        answers = [
            stranger.get(path),
            stranger.get(f"{path}/download"),
            stranger.download(one, Range="bytes=0-1"),
            stranger.delete(path),
            stranger.restore(one),
        ]
        details = {problem(answer, "not_found")["detail"] for answer in answers}
        assert not any(one in detail for detail in details)
        assert stranger.head(f"{path}/download").status_code == 404


def test_conditions_tell_a_stranger_nothing(stranger: Client, uploader: Client, secret: dict) -> None:
    tag = uploader.download(secret).headers["ETag"]
    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": "*"},
        {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        problem(stranger.download(secret, **headers), "not_found")


def test_lists_and_counts_of_a_stranger_are_without_it(
    stranger: Client, uploader: Client, secret: dict, trashed: dict
) -> None:
    own = stranger.upload(b"mine", f"mine-{uuid.uuid4()}.txt")
    listed = stranger.every()
    assert own["id"] in {row["id"] for row in listed}
    assert {row["uploaded_by"] for row in listed} == {own["uploaded_by"]}
    assert stranger.total() == len(listed)
    assert len(listed) == stranger.total(uploaded_by=own["uploaded_by"])
    in_trash = stranger.every("trash")
    assert trashed["id"] not in {row["id"] for row in in_trash}
    assert stranger.total("trash") == len(in_trash)


@pytest.mark.parametrize("where", ["files", "trash"])
def test_no_filter_reaches_it(stranger: Client, secret: dict, trashed: dict, where: str) -> None:
    file = secret if where == "files" else trashed
    for params in (
        {"q": file["filename"]},
        {"q": "secret-"},
        {"uploaded_by": file["uploaded_by"]},
        {"uploaded_by": "uploader"},
        {"q": "' OR 1=1 --"},
        {"q": "%"},
    ):
        answer = stranger.get(f"{FILES}/{where}", params=params)
        if answer.status_code == 200:
            assert answer.json()["total"] == len(answer.json()["items"]) == 0, params


def test_a_cursor_of_somebody_else_shows_nothing_of_theirs(stranger: Client, uploader: Client) -> None:
    for n in range(4):
        uploader.upload(TEXT, f"cursor{n}.txt")
    for sort in ("-created_at", "name", "size"):
        cursor = uploader.page(per_page=1, sort=sort)["next_cursor"]
        answer = stranger.get(f"{FILES}/files", params={"cursor": cursor, "per_page": 1, "sort": sort})
        if answer.status_code == 200:
            mine = stranger.get("/api/me").json()["id"]
            assert {row["uploaded_by"] for row in answer.json()["items"]} <= {mine}


def test_bulk_actions_of_a_stranger_skip_it(stranger: Client, uploader: Client, secret: dict, trashed: dict) -> None:
    own = stranger.upload(b"mine")
    ids = [secret["id"], trashed["id"], own["id"]]
    assert stranger.post(f"{FILES}/files/bulk-delete", json={"ids": ids}).json()["ids"] == [own["id"]]
    assert stranger.post(f"{FILES}/files/bulk-restore", json={"ids": ids}).json()["ids"] == [own["id"]]
    assert uploader.info(secret).status_code == 200
    assert uploader.info(trashed).status_code == 404


def test_purging_is_for_managers(stranger: Client, uploader: Client, secret: dict) -> None:
    path = f"{FILES}/files/{secret['id']}"
    problem(uploader.delete(path, params={"permanent": "true"}), "forbidden")
    problem(stranger.delete(path, params={"permanent": "true"}), {"forbidden", "not_found"})
    for value in ("True", "1", "yes", "TRUE", "on"):
        other = uploader.upload(b"x")
        answer = uploader.delete(f"{FILES}/files/{other['id']}", params={"permanent": value})
        assert answer.status_code in {204, 403, 422}, value
        if answer.status_code == 204:  # then it was an ordinary delete
            assert uploader.restore(other).status_code == 200
    assert uploader.content(secret) == TEXT


def test_the_idempotency_key_of_somebody_else_shows_nothing_of_theirs(stranger: Client, uploader: Client) -> None:
    key = str(uuid.uuid4())
    theirs = uploader.upload(TEXT, "theirs.txt", Idempotency_Key=key)
    answer = stranger.put_file(b"mine", "mine.txt", Idempotency_Key=key)
    assert answer.status_code == 201
    assert answer.json()["id"] != theirs["id"]
    assert stranger.content(answer.json()) == b"mine"


def test_the_page_of_a_stranger_is_without_it(server: Server, secret: dict, trashed: dict) -> None:
    with Browser(server.url) as person:
        person.sign_in("stranger", USER_PASSWORD)
        for path in (BROWSE, f"{BROWSE}?q={secret['filename'][:20]}", f"{BROWSE}trash"):
            page = person.get(path)
            assert secret["id"] not in page.text
            assert trashed["id"] not in page.text
            assert trashed["filename"] not in page.text


def test_the_setting_counts_at_the_next_request(server: Server, stranger: Client, secret: dict) -> None:
    with server.settings(file_visibility="all"):
        assert stranger.content(secret) == TEXT
        assert stranger.total(q=secret["filename"]) == 1
    server.set_value("file_visibility", "own")
    problem(stranger.info(secret), "not_found")


def test_a_stranger_to_the_house_gets_401_for_known_and_unknown_alike(nobody: Client, secret: dict) -> None:
    for one in (secret["id"], str(uuid.uuid4())):
        problem(nobody.info(one), "unauthenticated")
        problem(nobody.download(one), "unauthenticated")
