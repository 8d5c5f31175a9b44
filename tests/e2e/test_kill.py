"""Processes die; what was acknowledged stays, and nothing else does."""

import os
import random
import signal
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.client import Client
from tests.support.corpora import noise, sha256
from tests.support.raw import Wire, head
from tests.support.server import Server

UPLOADS = 500
CLIENTS = 8
TIDY_WITHIN = 30


class Killer(threading.Thread):
    """Shoots one worker after another."""

    def __init__(self, server: Server, pause: float, most: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.pause = pause
        self.most = most
        self.over = threading.Event()
        self.shots = 0
        self.random = random.Random(4)

    def run(self) -> None:
        while self.shots < self.most and not self.over.wait(self.pause):
            workers = self.server.workers()
            if workers:
                os.kill(self.random.choice(workers), signal.SIGKILL)
                self.shots += 1

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


class Sender:
    """Uploads until the server has acknowledged, and keeps the books."""

    def __init__(self, caller: Client) -> None:
        self.caller = caller
        self.contents: dict[str, bytes] = {}
        self.acknowledged: dict[str, list[dict]] = {}
        self.failures = 0

    def send(self, number: int) -> None:
        name = f"{number:04}.bin"
        self.contents[name] = noise(random.Random(number).choice([0, 10, 3_000, 70_000, 400_000]), number)
        # Half of the clients name their attempt, so that a retry never makes a second file.
        key = {"Idempotency_Key": str(uuid.uuid4())} if number % 2 else {}
        for _ in range(200):
            with self.caller.fork() as client:
                try:
                    answer = client.put_file(self.contents[name], name, **key)
                except requests.RequestException:
                    self.failures += 1
                    continue
            if answer.status_code in {200, 201}:
                self.acknowledged.setdefault(name, []).append(answer.json())
                return
            assert answer.status_code in {409, 503}, f"{answer.status_code} {answer.text}"
        raise AssertionError(f"{name} never got through")


@pytest.mark.slow
def test_workers_killed_again_and_again_lose_nothing_and_leave_nothing(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=3)
    sender = Sender(server.admin)
    with Killer(server, pause=0.4, most=30) as killer, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(sender.send, range(UPLOADS)))
    assert killer.shots >= 5, "the workers were hardly disturbed"
    server.wait_until_ready()

    rows = {row["id"]: row for row in server.admin.every()}
    assert len(sender.acknowledged) == UPLOADS
    for name, files in sender.acknowledged.items():
        for file in files:
            assert rows[file["id"]]["filename"] == name
    names = [row["filename"] for row in rows.values()]
    assert set(names) == set(sender.contents)
    twice = {name for name in names if names.count(name) > 1}
    assert not {name for name in twice if int(name[:4]) % 2}, "an Idempotency-Key did not hold"
    for row in rows.values():  # an answer may be lost after the commit; the file is whole nevertheless
        content = sender.contents[row["filename"]]
        assert row["checksum_sha256"] == sha256(content)
        assert server.admin.content(row) == content
    assert not server.admin.every("trash")

    server.stop()
    server.start()
    server.wait_until_clean(TIDY_WITHIN)


@pytest.mark.slow
def test_a_power_failure_in_mid_upload_leaves_nothing(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    kept = server.admin.upload(b"kept", "kept.txt")
    wires = [_half_an_upload(server, number) for number in range(6)]
    try:
        server.kill()
    finally:
        for wire in wires:
            wire.close()
    server.start()
    server.wait_until_clean(TIDY_WITHIN)
    assert [row["id"] for row in server.admin.every()] == [kept["id"]]
    assert server.admin.content(kept) == b"kept"


def _half_an_upload(server: Server, number: int) -> Wire:
    wire = Wire(server.url)
    headers = [*server.admin.auth, ("Content-Length", "4000000")]
    wire.send(head("PUT", f"/api/file-storage/upload/half{number}.bin", headers) + noise(3_000_000, number))
    return wire
