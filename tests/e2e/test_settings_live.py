"""Settings change while the server works: for every worker, at the next request; and no row locks anybody out."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import requests
import sqlalchemy as sa

from tests.support.client import FILES, Client
from tests.support.corpora import noise
from tests.support.postgres import Postgres
from tests.support.problems import problem
from tests.support.raw import Wire, head
from tests.support.server import Server, eventually
from tests.support.vault import KEY_ID, Vault, installed

HERE = "/api/settings/modules/file_storage"
REQUESTS, CLIENTS = 1000, 8
SECRET = "opens-the-vault-0815"
MakeServer = Callable[..., Server]


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault(keys={KEY_ID: SECRET}) as running:
        yield running


@pytest.fixture
def environ(tmp_path: Any) -> dict[str, str]:
    return {**installed(tmp_path), "STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true"}


@pytest.fixture(params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, fresh_server: MakeServer, environ: dict[str, str]) -> Iterator[Server]:
    """Four workers, on each database in turn."""
    if request.param == "sqlite":
        yield fresh_server(workers=4, environ=environ)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.fresh_database() as url:
        server = fresh_server(workers=4, environ={**environ, "STOWAGE_DATABASE_URL": url})
        yield server
        server.close()


def put(client: Client, **values: object) -> dict[str, Any]:
    answer = client.put(HERE, json={"values": values})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def shown(server: Server) -> dict[str, Any]:
    document: dict[str, Any] = server.admin.get(HERE).json()
    return document


def rows(server: Server, statement: str, **values: object) -> list[Any]:
    """What somebody does to the database past the server."""
    url = server.environ.get("STOWAGE_DATABASE_URL", f"sqlite:///{server.data_dir}/instance/stowage.db")
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            found = connection.execute(sa.text(statement), values)
            return list(found.all()) if found.returns_rows else []
    finally:
        engine.dispose()


def write_row(server: Server, name: str, text: str) -> None:
    """Put this text into the table, whatever it means."""
    rows(server, "DELETE FROM setting WHERE name = :name", name=name)
    insert = "INSERT INTO setting (module, name, value, updated_at) VALUES ('file_storage', :name, :text, :at)"
    rows(server, insert, name=name, text=text, at="2026-01-01 00:00:00.000000")


def places(server: Server) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where the rows say that the bytes are, by key of the file."""
    found = {}
    for key, backend, extra in rows(server, "SELECT key, backend, extra_metadata FROM file_storage_stored_file"):
        found[key] = backend, (orjson.loads(extra) if isinstance(extra, str) else extra)["location"]
    return found


# --- a thousand requests ----------------------------------------------------------


@dataclass
class Saves:
    """What was saved and when: what a request may have been served by follows from that."""

    first: object
    done: list[tuple[float, float, object]] = field(default_factory=list)
    """Begin, acknowledgement, value."""

    def save(self, client: Client, value: Mapping[str, object], what: object) -> None:
        begin = time.monotonic()
        put(client, **value)
        self.done.append((begin, time.monotonic(), what))

    def allowed(self, start: float, end: float) -> list[object]:
        """What counted when the request began, and what came while it was under way."""
        before = [what for _, acknowledged, what in self.done if acknowledged <= start]
        under_way = [what for begin, acknowledged, what in self.done if acknowledged > start and begin < end]
        return [before[-1] if before else self.first, *under_way]


@dataclass
class Sent:
    """A request and its answer."""

    start: float
    end: float
    answer: requests.Response
    data: bytes


def a_thousand(server: Server, size: int, saving: Callable[[], None]) -> list[Sent]:
    """Uploads by eight clients, half of them always on new connections, while somebody saves."""
    token = server.client("admin").token

    def work(number: int) -> list[Sent]:
        found = []
        client = Client(server.url, token)
        for turn in range(REQUESTS // CLIENTS):
            if number % 2:
                client.close()
                client = Client(server.url, token)
            data = noise(size, seed=number * 1000 + turn)
            start = time.monotonic()
            answer = client.put_file(data)
            found.append(Sent(start, time.monotonic(), answer, data))
        client.close()
        return found

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        working = [pool.submit(work, number) for number in range(CLIENTS)]
        while not all(each.done() for each in working):
            saving()
        return [sent for each in working for sent in each.result()]


@pytest.mark.slow
def test_a_limit_counts_for_every_request_that_begins_after_it_was_saved(running: Server) -> None:
    admin, limits = running.admin, (1000, 2000)
    put(admin, max_file_size_bytes=limits[0])
    saves = Saves(first=limits[0])

    def saving() -> None:
        limit = limits[(len(saves.done) + 1) % 2]
        saves.save(admin, {"max_file_size_bytes": limit}, limit)
        time.sleep(0.15)

    found = a_thousand(running, 1500, saving)
    assert len(found) == REQUESTS
    assert Counter(sent.answer.status_code for sent in found).keys() == {201, 413}
    assert len(saves.done) >= 4
    for sent in found:
        served_by = limits[1] if sent.answer.status_code == 201 else problem(sent.answer, "too_large")["max_bytes"]
        assert served_by in saves.allowed(sent.start, sent.end)


@pytest.mark.slow
def test_a_root_and_a_backend_count_for_every_request_that_begins_after_they_were_saved(
    running: Server, vault: Vault
) -> None:
    admin = running.admin
    put(admin, **vault.settings(SECRET))
    inside = {"vault_url": vault.url, "vault_room": "room-1", "vault_page": None}
    where: list[tuple[dict[str, object], tuple[str, dict[str, Any]]]] = [
        ({"backend": "filesystem", "fs_root_path": "root-a"}, ("filesystem", {"fs_root_path": "root-a"})),
        ({"fs_root_path": "root-b"}, ("filesystem", {"fs_root_path": "root-b"})),
        ({"backend": "vault"}, ("vault", inside)),
    ]
    put(admin, **where[0][0])
    saves = Saves(first=where[0][1])

    def saving() -> None:
        values, place = where[(len(saves.done) + 1) % 3]
        saves.save(admin, values, place)
        time.sleep(0.15)

    found = a_thousand(running, 300, saving)
    assert [sent.answer.status_code for sent in found] == [201] * REQUESTS
    assert len(saves.done) >= 4
    told = places(running)
    for sent in found:
        file = sent.answer.json()
        assert told[file["key"]] in saves.allowed(sent.start, sent.end)
        assert told[file["key"]][0] == file["backend"]
    assert {place[0] for place in told.values()} == {"filesystem", "vault"}
    for sent in found[::7]:
        assert admin.content(sent.answer.json()) == sent.data
    assert len(vault.kept) == sum(place[0] == "vault" for place in told.values())


# --- an upload under way, files from before -----------------------------------------


@pytest.mark.slow
def test_an_upload_under_way_finishes_where_it_started(running: Server, vault: Vault) -> None:
    admin, data = running.admin, noise(400_000)
    put(admin, **vault.settings(SECRET), fs_root_path="root-a")
    for switch, started in (
        ({"fs_root_path": "root-b"}, ("filesystem", {"fs_root_path": "root-a"})),
        ({"backend": "vault"}, ("filesystem", {"fs_root_path": "root-b"})),
        (
            {"backend": "filesystem", "max_file_size_bytes": 1000},
            ("vault", {"vault_url": vault.url, "vault_room": "room-1", "vault_page": None}),
        ),
    ):
        with Wire(running.url) as wire:
            wire.send(head("PUT", f"{FILES}/upload/slow.bin", [*admin.auth, ("Content-Length", str(len(data)))]))
            wire.send(data[:200_000])
            time.sleep(0.3)
            put(admin, **switch)
            wire.send(data[200_000:])
            answer = wire.answer()
        assert answer.status_code == 201, answer.text
        assert places(running)[answer.json()["key"]] == started
        assert admin.content(answer.json()) == data


@pytest.mark.slow
def test_files_stay_readable_after_switches_in_any_order(running: Server, vault: Vault) -> None:
    admin = running.admin
    vault.keys["VKIDanotherKey000"] = "another secret"
    another = {"vault_key_id": "VKIDanotherKey000", "vault_secret": "another secret", "vault_room": "room-2"}
    put(admin, **vault.settings(SECRET))
    kept: dict[str, tuple[bytes, str]] = {}

    def still_there() -> None:
        for identity, (data, _) in kept.items():
            assert admin.content(identity) == data

    for turn, (values, backend) in enumerate(
        [
            ({"fs_root_path": "root-a"}, "filesystem"),
            ({"fs_root_path": "root-b"}, "filesystem"),
            ({"fs_root_path": "root-a"}, "filesystem"),
            ({"backend": "vault"}, "vault"),
            ({"fs_root_path": "root-c", "backend": "filesystem"}, "filesystem"),
            ({**another, "backend": "vault"}, "vault"),
            ({"vault_room": "room-1"}, "vault"),
            ({"backend": None, "fs_root_path": None}, "filesystem"),
        ]
    ):
        put(admin, **values)
        data = noise(1000, seed=turn)
        file = admin.upload(data)
        assert file["backend"] == backend
        kept[file["id"]] = data, backend
        still_there()
    assert sorted(path.name for path in running.data_dir.glob("root-*")) == ["root-a", "root-b", "root-c"]
    running.stop()
    running.start()
    still_there()
    for identity, (_, backend) in kept.items():
        assert admin.info(identity).json()["backend"] == backend
        admin.purge(identity)
    assert eventually(lambda: not vault.kept, 5), "they are also removed from where they are"


# --- never locked out -----------------------------------------------------------------

GARBAGE = ["{{{", "", "null", "[]", '{"a": 1}', '"x"', "-1", "1e99", "\x01", '"' + "x" * 10_000 + '"', '"\\ud800"']


@pytest.mark.slow
@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_the_table_locks_nobody_out(garbled: Server, text: str) -> None:
    server, admin = garbled, garbled.admin
    file = admin.upload(b"from before")
    names = list(shown(server)["schema"]["properties"])
    for name in names:
        write_row(server, name, text)
    for _ in range(8):  # every worker
        with admin.fork() as another:
            assert another.get(f"{FILES}/files").status_code == 200
            assert another.content(file) == b"from before"
            document = another.get(HERE).json()
    assert {"backend", "max_file_size_bytes", "s3_secret_access_key", "vault_secret"} <= document["problems"].keys()
    assert all(sentence.endswith(".") for sentence in document["problems"].values())
    with server.unchanged():
        problem(admin.put_file(b"x"), "backend_error")  # nothing is stored by guess
    assert admin.get("/settings/modules/file_storage").status_code == 200
    server.stop()
    server.start(ready="/healthz")
    assert admin.content(file) == b"from before"
    assert put(admin, **dict.fromkeys(names))["problems"] == {}
    assert admin.content(admin.upload(b"and after")) == b"and after"
    assert server.run("settings", "check", "--offline").returncode == 0


@pytest.fixture(scope="module")
def garbled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose table gets one kind of garbage after the other."""
    server = Server(tmp_path_factory.mktemp("garbled"), workers=2, environ=installed(tmp_path_factory.mktemp("vault")))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.mark.slow
def test_a_lost_secret_key_costs_the_secrets_and_nothing_else(
    fresh_server: MakeServer, environ: dict[str, str], vault: Vault
) -> None:
    server = fresh_server(environ={**environ, "STOWAGE_SECRET_KEY": "the key of the first days"})
    admin = server.admin
    here = admin.upload(b"on the disk")
    put(admin, **vault.settings(SECRET), backend="vault")
    there = admin.upload(b"in the vault")
    server.stop()
    server.environ["STOWAGE_SECRET_KEY"] = "another key, the first one is lost"
    server.start(ready="/healthz")
    assert admin.content(here) == b"on the disk"
    document = shown(server)
    assert document["secrets"]["vault_secret"]["set"] is True
    assert document["problems"].keys() == {"vault_secret"}
    for answer in (admin.download(there), admin.put_file(b"x")):
        problem(answer, "backend_error")
    assert admin.total() == 2
    checked = server.run("settings", "check", "--offline")
    assert (checked.returncode, "vault_secret" in checked.stdout) == (1, True)
    assert put(admin, vault_secret=SECRET)["problems"] == {}
    assert admin.content(there) == b"in the vault"
    assert admin.content(admin.upload(b"more")) == b"more"


@pytest.mark.slow
def test_a_backend_that_is_not_installed_any_more_costs_its_own_files_and_nothing_else(
    fresh_server: MakeServer, environ: dict[str, str], vault: Vault
) -> None:
    server = fresh_server(environ=environ)
    admin = server.admin
    here = admin.upload(b"on the disk")
    put(admin, **vault.settings(SECRET), backend="vault")
    there = admin.upload(b"in the vault")
    server.stop()
    kept = server.environ.pop("PYTHONPATH")
    server.start(ready="/healthz")
    document = shown(server)
    assert (document["values"]["backend"], document["problems"].keys()) == ("vault", {"backend"})
    assert admin.content(here) == b"on the disk"
    problem(admin.download(there), "backend_error")
    before = server.state()
    problem(admin.put_file(b"x"), "backend_error")
    assert server.state() == before, "no row, no bytes"
    checked = server.run("settings", "check")
    assert (checked.returncode, "vault" in checked.stdout) == (1, True)
    assert put(admin, backend="filesystem")["problems"] == {}
    assert admin.content(admin.upload(b"more")) == b"more"
    problem(admin.download(there), "backend_error")
    server.stop()
    server.environ["PYTHONPATH"] = kept
    server.start()
    assert admin.content(there) == b"in the vault", "installed again, it is as it was"
