"""Processes of Stowage die over a bucket: nothing stays in it that no row names, and nothing is lost."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.test_kill import Killer, Sender
from tests.support.client import FILES
from tests.support.corpora import noise, sha256
from tests.support.raw import Wire, head
from tests.support.s3 import S3Server
from tests.support.server import eventually
from tests.support.shelf import MIB, Shelf, fetched

BODY = noise(MIB, 3) * 20
UPLOADS, CLIENTS = 80, 8


@pytest.fixture(scope="module")
def shelf(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("killed"), s3_server.bucket(), workers=3) as running:
        yield running


def half_an_upload(shelf: Shelf, number: int) -> Wire:
    """Enough of it that a part has gone to the store."""
    wire = Wire(shelf.server.url)
    headers = [*shelf.admin.auth, ("Content-Length", str(len(BODY)))]
    wire.send(head("PUT", f"{FILES}/upload/half{number}.bin", headers) + BODY[: 12 * MIB])
    return wire


def half_uploads(shelf: Shelf, count: int) -> list[Wire]:
    wires = [half_an_upload(shelf, number) for number in range(count)]
    assert eventually(lambda: len(shelf.bucket.uploads()) == count, 20), shelf.bucket.uploads()
    return wires


@pytest.mark.slow
def test_a_power_failure_in_mid_upload_leaves_nothing_in_the_bucket(shelf: Shelf) -> None:
    kept = shelf.admin.upload(b"kept", "kept.txt")
    wires = half_uploads(shelf, 6)
    shelf.server.kill()
    for wire in wires:
        wire.close()
    assert len(shelf.bucket.uploads()) == 6, "or there is nothing to clear away"
    shelf.server.start()
    shelf.wait_until_clean()
    assert fetched(shelf.admin, kept).content == b"kept"


@pytest.mark.slow
def test_workers_that_die_in_mid_upload_are_cleaned_up_after_by_the_others(shelf: Shelf) -> None:
    """No restart: whoever takes over the jobs does it."""
    wires = half_uploads(shelf, 6)
    for pid in shelf.server.workers():
        if pid != shelf.server.process.pid:
            os.kill(pid, signal.SIGKILL)
    for wire in wires:
        wire.close()
    shelf.server.wait_until_ready()
    shelf.wait_until_clean()


@pytest.mark.slow
def test_a_graceful_stop_finishes_what_is_under_way(shelf: Shelf) -> None:
    wire = half_an_upload(shelf, 99)
    assert eventually(lambda: bool(shelf.bucket.uploads()), 20)
    shelf.server.terminate()
    finish = threading.Timer(1, lambda: wire.send(BODY[12 * MIB :]))
    finish.start()
    answer = wire.answer()
    finish.join()
    wire.close()
    shelf.server.wait()
    shelf.server.start()
    assert answer.status_code == 201, answer.text
    assert sha256(fetched(shelf.admin, answer.json()).content) == sha256(BODY)
    shelf.wait_until_clean()


@pytest.mark.slow
def test_workers_killed_again_and_again_lose_nothing_and_leave_nothing(shelf: Shelf) -> None:
    sender = Sender(shelf.admin)
    before = {row["id"] for row in shelf.admin.every()}
    with Killer(shelf.server, pause=0.4, most=12) as killer, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(sender.send, range(UPLOADS)))
    assert killer.shots >= 3, "the workers were hardly disturbed"
    shelf.server.wait_until_ready()
    rows = {row["id"]: row for row in shelf.admin.every() if row["id"] not in before}
    assert {row["filename"] for row in rows.values()} == set(sender.contents)
    for name, files in sender.acknowledged.items():
        for file in files:
            assert rows[file["id"]]["filename"] == name
    for row in rows.values():
        content = sender.contents[row["filename"]]
        assert row["checksum_sha256"] == sha256(content)
        assert shelf.bucket.read(row["key"]) == content
    shelf.wait_until_clean()
