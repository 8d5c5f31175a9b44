"""Web processes and background workers die at random moments: every change is told, nothing else, and in order."""

import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from tests.support.client import Client
from tests.support.corpora import noise
from tests.support.listeners import Receiver, Recorder, in_order, receiver
from tests.support.postgres import Postgres
from tests.support.processes import command_line, descendants, is_alive
from tests.support.s3 import S3Server
from tests.support.server import Server, eventually
from tests.support.shelf import use
from webapp.db import EventRow, table

FILES, CLIENTS = 1000, 8
"""Each is uploaded and deleted: 2,000 changes."""
LEAST_SHOTS = 5
FILE_EVENTS = ("FileUploaded", "FileDeleted")
TOLD_WITHIN = 240

events = table(EventRow)


class Progress:
    """How many changes have been made."""

    def __init__(self) -> None:
        self.made = 0
        self._lock = threading.Lock()

    def one(self) -> None:
        with self._lock:
            self.made += 1


class Killer(threading.Thread):
    """Shoots web processes and background workers of all servers, again and again as the work goes on.

    By the work, not by the clock: on a busy machine processes would be shot before they have begun.
    """

    def __init__(self, servers: list[Server], progress: Progress) -> None:
        super().__init__(daemon=True)
        self.servers = servers
        self.progress = progress
        self.over = threading.Event()
        self.shots = {"web": 0, "worker": 0}
        self.random = random.Random(6)

    def run(self) -> None:
        aim = 20
        while not self.over.wait(self.random.uniform(0.05, 0.5)):
            if self.progress.made < aim:
                continue
            aim = self.progress.made + self.random.randint(5, 60)
            server = self.random.choice(self.servers)
            kind = self.random.choice(["web", "worker"])
            found = background(server) if kind == "worker" else server.workers()
            found = [pid for pid in found if pid != server.process.pid]
            if found:
                os.kill(self.random.choice(found), signal.SIGKILL)
                self.shots[kind] += 1

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def background(server: Server) -> list[int]:
    """The background worker of a server."""
    below = [pid for pid in descendants(server.process.pid) if is_alive(pid)]
    return [pid for pid in below if " worker" in command_line(pid) and "gunicorn" not in command_line(pid)]


def persist(act: Callable[[Client], requests.Response], callers: list[Client], wanted: set[int]) -> requests.Response:
    """Try until it has happened; an answer may be lost, so "it is gone" is fine for a deletion."""
    for number in range(400):
        with callers[number % len(callers)].fork() as client:
            try:
                answer = act(client)
            except requests.RequestException:
                continue
        if answer.status_code in wanted:
            return answer
        assert answer.status_code in {409, 503}, f"{answer.status_code} {answer.text}"
    raise AssertionError("it never got through")


def change(number: int, callers: list[Client], progress: Progress) -> str:
    """Upload a file and delete it; half of them wherever the load goes."""
    shuffled = random.Random(number).sample(callers, len(callers))
    key = str(uuid.uuid4())
    body = noise(random.Random(number).choice([0, 10, 3_000]), number)
    sent = persist(lambda c: c.put_file(body, f"{number:04}.bin", Idempotency_Key=key), shuffled, {200, 201})
    progress.one()
    file_id = str(sent.json()["id"])
    persist(lambda c: c.delete(f"/api/file-storage/files/{file_id}"), shuffled[::-1], {204, 404})
    progress.one()
    return file_id


def committed(url: str) -> dict[str, tuple[str, str]]:
    """What the database says has happened to files: kind and file by id of the event."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(events.c.event_id, events.c.name, events.c.subject_id).where(events.c.name.in_(FILE_EVENTS))
        ).all()
    engine.dispose()
    return {str(row.event_id): (row.name, row.subject_id) for row in rows}


def hook(server: Server, at: Receiver) -> None:
    made = server.admin.post("/api/webhooks", json={"url": at.url, "types": ["*"]})
    assert made.status_code == 201, made.text
    at.secret = made.json()["secret"]


def told_everything(files: list[str], truth: dict[str, tuple[str, str]], heard: list[tuple[str, str, str]]) -> None:
    assert {event_id for event_id, _, _ in heard} == truth.keys(), "each change, and nothing that did not happen"
    order = in_order(heard)
    assert order.keys() >= set(files)
    wrong = {file: kinds for file, kinds in order.items() if kinds != list(FILE_EVENTS)}
    assert not wrong, f"out of order: {list(wrong.items())[:5]}"


def by_plugin(recorder: Recorder) -> list[tuple[str, str, str]]:
    return [(each["id"], each["name"], each["file"]) for each in recorder.heard() if each["name"] in FILE_EVENTS]


def by_webhook(at: Receiver) -> list[tuple[str, str, str]]:
    kinds = {"file_storage.file.uploaded": "FileUploaded", "file_storage.file.deleted": "FileDeleted"}
    return [
        (each["id"], kinds[each["type"]], each["data"]["file_id"]) for each in list(at.got) if each["type"] in kinds
    ]


def run(servers: list[Server], url: str, recorder: Recorder, at: Receiver) -> None:
    hook(servers[0], at)
    callers = [server.client("admin") for server in servers]
    progress = Progress()
    with Killer(servers, progress) as killer, ThreadPoolExecutor(CLIENTS) as pool:
        files = list(pool.map(lambda number: change(number, callers, progress), range(FILES)))
        # On a fast machine it is over before a worker, which comes back more slowly each time, was shot so often.
        until = time.monotonic() + 120
        while min(killer.shots.values()) < LEAST_SHOTS and time.monotonic() < until:
            more = range(len(files), len(files) + CLIENTS)
            files += pool.map(lambda number: change(number, callers, progress), more)
    assert min(killer.shots.values()) >= LEAST_SHOTS, f"hardly disturbed: {killer.shots}"
    for server in servers:
        server.wait_until_ready()
    truth = committed(url)
    assert len(truth) == 2 * len(files)

    def all_told() -> bool:
        return all({each[0] for each in heard} >= truth.keys() for heard in (by_plugin(recorder), by_webhook(at)))

    eventually(all_told, TOLD_WITHIN, pause=1)
    told_everything(files, truth, by_plugin(recorder))
    told_everything(files, truth, by_webhook(at))
    assert not at.refused
    assert all(each["webhook-id"] == each["id"] for each in at.got)


@pytest.fixture
def at() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


PRIVATE = {"STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true"}


@pytest.mark.slow
def test_one_node_loses_and_invents_nothing(tmp_path: Path, at: Receiver) -> None:
    recorder = Recorder(tmp_path)
    server = Server(tmp_path, workers=3, environ={**PRIVATE, **recorder.environ()})
    try:
        server.start()
        run([server], f"sqlite:///{server.data_dir / 'instance' / 'stowage.db'}", recorder, at)
    finally:
        server.close()


@pytest.mark.slow
def test_two_nodes_lose_and_invent_nothing(
    tmp_path: Path, at: Receiver, postgres: Postgres, s3_server: S3Server
) -> None:
    recorder = Recorder(tmp_path)
    at.fail_every = 50
    with postgres.fresh_database() as url:
        shared = {**PRIVATE, "STOWAGE_DATABASE_URL": url, "STOWAGE_SECRET_KEY": "the same on both"}
        servers = [
            Server(tmp_path / name, workers=2, environ={**shared, **recorder.environ(name)}) for name in ("one", "two")
        ]
        try:
            for server in servers:
                server.start()
            use(servers[0].admin, s3_server.bucket())
            run(servers, url, recorder, at)
        finally:
            for server in servers:
                server.close()
