"""A program sends a large file straight to a real store, and Stowage finds out what it is."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.client import FILES, Client
from tests.support.corpora import noise, sha256
from tests.support.faults import FaultProxy
from tests.support.problems import problem
from tests.support.s3 import S3Server
from tests.support.server import ADMIN_PASSWORD, eventually
from tests.support.shelf import MIB, Shelf, fetched

HERE = f"{FILES}/direct-uploads"
SIZE = 40 * MIB
BODY = noise(MIB, 7) * 40


@pytest.fixture(scope="module")
def shelf(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("direct"), s3_server.bucket(), workers=2) as running:
        yield running


def begin(client: Client, size: int = SIZE, **about: object) -> dict[str, Any]:
    answer = client.post(HERE, json={"filename": "film.bin", "size_bytes": size, **about})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def send(client: Client, upload: dict[str, Any], body: bytes = BODY) -> None:
    """All parts, three at a time, by somebody who has nothing but their URLs."""
    numbers = list(range(1, upload["parts"] + 1))
    answer = client.post(f"{HERE}/{upload['id']}/urls", json={"numbers": numbers})
    assert answer.status_code == 200, answer.text

    def put(part: dict[str, Any]) -> int:
        start = (part["number"] - 1) * upload["part_size"]
        with requests.Session() as session:
            session.trust_env = False
            return session.put(part["url"], data=body[start : start + part["size"]], timeout=60).status_code

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(put, answer.json()["urls"])) == [200] * len(numbers)


def complete(client: Client, upload: dict[str, Any]) -> requests.Response:
    return client.post(f"{HERE}/{upload['id']}/complete")


def activity(shelf: Shelf) -> str:
    """What an admin sees of it."""
    browser = shelf.server.browser()
    browser.sign_in("admin", ADMIN_PASSWORD)
    return " ".join(browser.open("/admin/activity").text.split())


def test_a_large_file_from_beginning_to_end(shelf: Shelf) -> None:
    client = shelf.server.client("uploader", "file_storage.upload", "file_storage.download")
    upload = begin(client, checksum_sha256=sha256(BODY))
    assert (upload["parts"], upload["part_size"], upload["received"]) == (3, 16 * MIB, [])
    send(client, upload)
    assert client.get(f"{HERE}/{upload['id']}").json()["received"] == [1, 2, 3]
    assert shelf.bucket.keys() == [], "nothing is there before it is completed"
    answer = complete(client, upload)
    assert answer.status_code == 201, shelf.logged(answer.json()["request_id"])
    file = answer.json()
    assert (file["size_bytes"], file["backend"], file["checksum_sha256"]) == (SIZE, "s3", "")
    assert fetched(client, file).content == BODY
    assert eventually(lambda: client.info(file).json()["checksum_sha256"] == sha256(BODY), 30), "nobody found it out"
    assert complete(client, upload).json()["id"] == file["id"]
    assert "Checksum found out" in activity(shelf)
    shelf.wait_until_clean()


def test_a_file_that_is_not_what_was_announced_goes_to_the_trash(shelf: Shelf) -> None:
    client = shelf.server.client("uploader")
    upload = begin(client, checksum_sha256="0" * 64)
    send(client, upload)
    file = complete(client, upload).json()
    assert eventually(lambda: client.info(file).status_code == 404, 30), "nobody found it out"
    assert file["id"] in [row["id"] for row in client.every("trash")]
    shelf.wait_until_clean()


def test_a_small_one_that_is_not_what_was_announced_is_refused(shelf: Shelf) -> None:
    client = shelf.server.client("uploader")
    upload = begin(client, 1000, checksum_sha256="0" * 64)
    send(client, upload, BODY[:1000])
    problem(complete(client, upload), "checksum_mismatch")
    shelf.wait_until_clean()


def test_an_upload_that_is_thrown_away_leaves_nothing(shelf: Shelf) -> None:
    client = shelf.server.client("uploader")
    upload = begin(client)
    send(client, upload)
    assert client.delete(f"{HERE}/{upload['id']}").status_code == 204
    problem(complete(client, upload), "not_found")
    shelf.wait_until_clean(5)


def test_many_that_complete_at_once_make_one_file(shelf: Shelf) -> None:
    client = shelf.server.client("uploader")
    before = client.total()
    upload = begin(client)
    send(client, upload)
    others = [client.fork() for _ in range(6)]
    with ThreadPoolExecutor(len(others)) as pool:
        answers = list(pool.map(lambda each: complete(each, upload), others))
    for each in others:
        each.close()
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert client.total() == before + 1
    shelf.wait_until_clean()


def test_where_clients_do_not_reach_the_store_there_is_none(shelf: Shelf) -> None:
    client = shelf.server.client("uploader")
    upload = begin(client, 1000)
    with shelf.settings(s3_presigned_downloads=False):
        problem(client.post(HERE, json={"filename": "a", "size_bytes": 9}), "direct_upload_unsupported")
        assert client.delete(f"{HERE}/{upload['id']}").status_code == 204, "what was begun before still ends"
    shelf.wait_until_clean(5)


def test_a_power_failure_once_the_store_has_put_it_together(s3_server: S3Server, tmp_path: Path) -> None:
    with FaultProxy(s3_server.port) as proxy, Shelf(tmp_path, s3_server.bucket(proxy.url), workers=2) as shelf:
        client = shelf.server.client("uploader")
        upload = begin(client)
        send(client, upload)
        # Completed; now Stowage looks at what the store has made of it, and hears nothing.
        silence = proxy.fail("silent", method="HEAD")
        lost: list[object] = []

        def ask() -> None:
            try:
                lost.append(complete(client, upload))
            except requests.RequestException as exc:
                lost.append(exc)

        asking = threading.Thread(target=ask)
        asking.start()
        assert silence.hit.wait(30)
        shelf.server.kill()
        asking.join()
        assert isinstance(lost[0], requests.RequestException), lost
        (key,) = shelf.bucket.keys()
        shelf.server.start()
        # Recovery runs at the start: it must leave alone what may still be completed.
        assert not eventually(lambda: shelf.bucket.keys() != [key], 7)
        assert client.total() == 0
        answers = [complete(client, upload) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201], shelf.logged(answers[0].json()["request_id"])
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert client.total() == 1
        assert (answers[0].json()["key"], fetched(client, answers[0].json()).content) == (key, BODY)
        shelf.wait_until_clean()
