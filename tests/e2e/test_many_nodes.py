"""Two servers on one PostgreSQL and one bucket are one Stowage; and when one of them dies, the other goes on."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.test_direct_upload import BODY, begin, complete, send
from tests.e2e.test_events_kill import hook
from tests.support.browser import BROWSE, Browser
from tests.support.client import FILES, Client
from tests.support.corpora import noise, sha256
from tests.support.listeners import Receiver, Recorder, receiver
from tests.support.nginx import Nginx
from tests.support.postgres import Postgres
from tests.support.problems import problem
from tests.support.raw import Wire, head
from tests.support.s3 import Bucket, S3Server
from tests.support.server import USER_PASSWORD, Server, eventually
from tests.support.shelf import MIB, configured, fetched, use

PATIENCE = 60
"""On a busy machine: leases last 15 and 30 seconds."""
pytestmark = pytest.mark.slow


class Pair:
    """Two nodes, what they share, and who listens."""

    def __init__(self, base: Path, database_url: str, bucket: Bucket, at: Receiver) -> None:
        self.bucket = bucket
        self.recorder = Recorder(base)
        self.at = at
        shared = {
            "STOWAGE_DATABASE_URL": database_url,
            "STOWAGE_SECRET_KEY": "the same on both nodes",
            "STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true",
        }
        self.nodes = [
            Server(base / name, workers=2, environ={**shared, **self.recorder.environ(name)}) for name in ("one", "two")
        ]

    @property
    def one(self) -> Server:
        return self.nodes[0]

    @property
    def two(self) -> Server:
        return self.nodes[1]

    def start(self) -> "Pair":
        # At once: who migrates and who makes the admin is between them.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Server.start, self.nodes))
        self.one.add_user("uploader")
        use(self.one.admin, self.bucket)
        hook(self.one, self.at)
        return self

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def heard(self, file: dict[str, Any]) -> list[tuple[str, str]]:
        """What the plugin was told of a file, and on which node."""
        return [(each["name"], each["node"]) for each in self.recorder.heard() if each["file"] == file["id"]]

    def sent(self, file: dict[str, Any]) -> list[str]:
        """What the webhook was told of a file."""
        return [
            each["type"].rpartition(".")[2] for each in list(self.at.got) if each["data"].get("file_id") == file["id"]
        ]

    def is_clean(self) -> bool:
        admin = self.two.admin
        named = {row["key"] for where in ("files", "trash") for row in admin.every(where)}
        return set(self.bucket.keys()) == named and not self.bucket.uploads()


@pytest.fixture(scope="module")
def pair(postgres: Postgres, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with postgres.fresh_database() as url, receiver() as at:
        made = Pair(tmp_path_factory.mktemp("pair"), url, s3_server.bucket(), at)
        try:
            yield made.start()
        finally:
            made.close()


@pytest.fixture(scope="module")
def clients(pair: Pair) -> list[Client]:
    """One person with one token, on each node."""
    token = pair.one.token("uploader")
    return [Client(node.url, token) for node in pair.nodes]


@pytest.fixture
def nginx(pair: Pair, tmp_path: Path) -> Iterator[Nginx]:
    front = Nginx(tmp_path / "nginx", [node.port for node in pair.nodes])
    try:
        yield front.start()
    finally:
        front.stop()


def tasks(node: Server) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in node.admin.get("/api/tasks").json()["items"]}


# --- one Stowage ------------------------------------------------------------------


def test_a_session_that_one_node_begins_counts_on_the_other_and_ends_for_both(pair: Pair) -> None:
    with Browser(pair.one.url) as here, Browser(pair.two.url) as there:
        here.sign_in("uploader", USER_PASSWORD)
        token = here.csrf()
        there.session.cookies.update(here.session.cookies)
        assert there.get("/api/me").json()["username"] == "uploader"
        sent = there.post(f"{FILES}/upload", files={"file": ("a.txt", b"hello")}, headers={"X-CSRFToken": token})
        assert sent.status_code == 201, "a form of one node is taken by the other"
        there.sign_out()
        assert not here.is_signed_in()


def test_guesses_are_counted_by_both_together(pair: Pair) -> None:
    pair.one.add_user("guessed")
    browsers = [Browser(node.url) for node in pair.nodes]
    for number in range(5):
        assert browsers[number % 2].try_sign_in("guessed", "wrong").status_code == 401
    for browser in browsers:
        assert browser.try_sign_in("guessed", USER_PASSWORD).status_code == 429
        browser.close()


def test_a_setting_counts_on_the_other_node_for_the_very_next_request(pair: Pair) -> None:
    try:
        for turn in range(10):
            here, there = pair.nodes[turn % 2].admin, pair.nodes[1 - turn % 2].admin
            limit = 1000 + turn
            configured(here, max_file_size_bytes=limit)
            refused = there.put_file(b"x" * (limit + 1))
            assert problem(refused, "too_large")["max_bytes"] == limit
            assert there.put_file(b"x" * limit).status_code == 201
    finally:
        configured(pair.one.admin, max_file_size_bytes=None)


def test_what_one_node_stores_the_other_has_at_once(pair: Pair, clients: list[Client]) -> None:
    for turn, size in enumerate([0, 1, 100_000, 9 * MIB]):
        here, there = clients[turn % 2], clients[1 - turn % 2]
        data = noise(size, turn)
        file = here.upload(data, f"{turn}.bin")
        assert there.info(file).json() == file
        assert fetched(there, file).content == data
        there.trash(file)
        assert here.info(file).status_code == 404
        assert here.restore(file).json()["id"] == file["id"]
        pair.nodes[turn % 2].admin.purge(file)
        assert there.info(file).status_code == 404
    assert eventually(pair.is_clean, PATIENCE)


def test_one_upload_sent_to_both_is_stored_once(clients: list[Client]) -> None:
    data = noise(200_000)
    for number in range(5):
        key = f"both-{number}-{time.time_ns()}"

        def put(client: Client, key: str = key) -> requests.Response:
            return client.fork().put_file(data, "both.bin", Idempotency_Key=key)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(put, clients * 2))
        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        ids = {answer.json()["id"] for answer in answers if answer.status_code != 409}
        assert len(ids) == 1
        again = clients[0].put_file(data, "both.bin", Idempotency_Key=key)
        assert {again.json()["id"]} == ids


def test_an_upload_in_parts_goes_on_at_the_other_node(clients: list[Client]) -> None:
    here, there = clients
    upload = begin(here)
    send(there, upload)
    assert here.get(f"{FILES}/direct-uploads/{upload['id']}").json()["received"] == [1, 2, 3]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda client: complete(client, upload), [there, here]))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    (file,) = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    assert fetched(here, file).content == BODY
    assert eventually(lambda: there.info(file).json()["checksum_sha256"] == sha256(BODY), PATIENCE)


def test_each_subscriber_is_told_once_whichever_node_it_happened_on(pair: Pair, clients: list[Client]) -> None:
    files = []
    for client in itertools.islice(itertools.cycle(clients), 40):
        files.append(client.upload(b"told", "told.txt"))
        clients[len(files) % 2].trash(files[-1])
    assert eventually(lambda: all(len(pair.heard(file)) >= 2 for file in files), PATIENCE)
    assert eventually(lambda: all(len(pair.sent(file)) >= 2 for file in files), PATIENCE)
    time.sleep(2)  # whoever would tell twice has had the time
    for file in files:
        assert [name for name, _ in pair.heard(file)] == ["FileUploaded", "FileDeleted"]
        assert pair.sent(file) == ["uploaded", "deleted"]
    assert len({node for file in files for _, node in pair.heard(file)}) == 1, "one worker tells for both"


def test_a_task_runs_once_for_both_and_what_belongs_to_a_node_on_each(pair: Pair) -> None:
    def done(runs: int) -> Callable[[], bool]:
        return lambda: tasks(pair.one)["prune_events"]["runs"] >= runs

    assert eventually(done(1), PATIENCE)
    before = tasks(pair.one)["prune_events"]["runs"]
    for number in range(1, 6):
        answer = pair.nodes[number % 2].admin.post("/api/tasks/prune_events/run")
        assert answer.status_code == 202, answer.text
        assert eventually(done(before + number), PATIENCE)
    time.sleep(3)
    assert tasks(pair.two)["prune_events"]["runs"] == before + 5
    assert len([name for name in tasks(pair.two) if name.startswith("recover@")]) == 2
    workers = pair.one.admin.get("/api/tasks").json()["workers"]
    assert (len(workers), {each["alive"] for each in workers}) == (2, {True})
    assert pair.two.admin.get("/readyz").status_code == 200


# --- one of them dies ---------------------------------------------------------------


def test_when_a_node_dies_the_other_takes_over_what_it_was_telling_and_doing(pair: Pair, clients: list[Client]) -> None:
    first = clients[0].upload(b"before", "before.txt")
    assert eventually(lambda: bool(pair.heard(first)), PATIENCE)
    name = pair.heard(first)[0][1]
    dead, living = (pair.one, pair.two) if name == "one" else (pair.two, pair.one)
    client = Client(living.url, clients[0].token)
    wire = Wire(dead.url)
    wire.send(head("PUT", f"{FILES}/upload/half.bin", [*clients[0].auth, ("Content-Length", str(40 * MIB))]))
    wire.send(noise(MIB) * 12)
    assert eventually(lambda: bool(pair.bucket.uploads()), PATIENCE)
    dead.kill()
    wire.close()
    killed = time.monotonic()
    files = [client.upload(noise(100, number), f"after{number}.txt") for number in range(20)]
    assert time.monotonic() - killed < 10, "nobody who asks waits for a lease"
    assert eventually(lambda: all(pair.heard(file) and pair.sent(file) for file in files), PATIENCE)
    assert {node for file in files for _, node in pair.heard(file)} == {"one", "two"} - {name}
    assert living.admin.post("/api/tasks/purge_expired/run").status_code == 202
    runs = tasks(living)["purge_expired"]["runs"]
    assert eventually(lambda: tasks(living)["purge_expired"]["runs"] > runs, PATIENCE)
    # What it was storing only its own notes tell of.
    dead.start()
    assert eventually(pair.is_clean, PATIENCE)
    assert Client(dead.url, clients[0].token).info(files[0]).json() == files[0]


def test_behind_nginx_nobody_notices_that_a_node_is_gone(pair: Pair, clients: list[Client], nginx: Nginx) -> None:
    client = nginx.client(clients[0])
    kept = client.upload(noise(1000), "kept.bin")
    answers: Counter[tuple[str, int]] = Counter()
    over = threading.Event()

    def ask() -> None:
        mine = nginx.client(clients[0])
        while not over.is_set():
            answers["GET", mine.info(kept).status_code] += 1
            answers["PUT", mine.put_file(b"meanwhile", "meanwhile.txt").status_code] += 1

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            time.sleep(2)
            pair.two.stop()  # as for an upgrade
            time.sleep(2)
            pair.two.start()
            time.sleep(3)  # as docs/operations.md says: nginx does not use it again before fail_timeout is over
            pair.one.stop()
            time.sleep(2)
        finally:
            over.set()
            pair.one.start()
        for each in asking:
            each.result()
    assert set(answers) == {("GET", 200), ("PUT", 201)}, f"{answers}\n{nginx.log()[-3000:]}"
    with Browser(nginx.url) as browser:
        browser.session.verify = str(nginx.certificate)
        browser.sign_in("uploader", USER_PASSWORD)
        for _ in range(6):  # now here, now there
            assert "kept.bin" in browser.get(BROWSE, params={"q": "kept"}).text
