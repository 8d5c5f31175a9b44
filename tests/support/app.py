"""The program from inside: an application on a data directory of its own, and the people in it.

``house`` runs a test on SQLite and on PostgreSQL; ``sqlite_house`` and ``postgres_house`` on one of them.
"""

import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from werkzeug.datastructures import Headers

from tests.support.postgres import Postgres
from webapp import config, db, events, migration
from webapp.app import create_app
from webapp.backends.registry import BackendRegistry
from webapp.contracts.events import Event
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import StoredFile, Thumbnail, User
from webapp.services import Services, passwords
from webapp.services.access import Caller
from webapp.services.delivery.dispatcher import Dispatcher
from webapp.services.delivery.receivers import plugin_targets
from webapp.services.delivery.targets import Target
from webapp.services.settings import FILE_STORAGE
from webapp.services.uploads import IncomingFile

PEOPLE = {"admin": "admin", "uploader": "user", "stranger": "user"}
PASSWORD = "correct horse battery staple"
FILES = "/api/file-storage"
PATIENCE = 30


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status_code: int
    headers: Headers
    content: bytes

    def json(self) -> Any:
        return orjson.loads(self.content)


class Api:
    """Somebody who speaks to the JSON edge; without a token it is nobody."""

    def __init__(self, app: Flask, token: str | None = None) -> None:
        self.app = app
        self.http = app.test_client()
        self.token = token

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        credentials = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = self.http.open(
            path, method=method, headers={**credentials, **(headers or {})}, buffered=True, **options
        )
        return Answer(answer.status_code, answer.headers, answer.data)

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> Answer:
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Answer:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def download(self, file: StoredFileOut, **headers: str) -> Answer:
        return self.get(
            f"{FILES}/files/{file.id}/download", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


class House:
    """One application, its services, its people and its disk."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.config: config.Config = app.extensions["stowage_config"]
        self.services: Services = app.extensions["stowage"]

    # People

    def caller(self, name: str, *scopes: str) -> Caller:
        """Who this person is now, with the settings of now."""
        with self.app.app_context():
            user = self.services.users.find(name)
            return Caller(
                user_id=user.id,
                username=user.username,
                role=user.role,
                permissions=self.services.permissions.of(user.role, scopes or None),
                settings=self.services.settings.current(),
                request_id="test",
            )

    @property
    def admin(self) -> Caller:
        return self.caller("admin")

    @property
    def uploader(self) -> Caller:
        return self.caller("uploader")

    @property
    def stranger(self) -> Caller:
        return self.caller("stranger")

    def token(self, name: str, *scopes: str) -> str:
        """A new token of this person; without scopes it may what the person may."""
        caller = self.caller(name)
        wanted = list(scopes or caller.permissions)
        with self.app.app_context():
            return self.services.tokens.create(caller, "test", wanted).token

    def api(self, name: str | None = None, *scopes: str) -> Api:
        return Api(self.app, self.token(name, *scopes) if name else None)

    # Doing

    def configure(self, **values: object) -> None:
        """Change settings."""
        with self.app.app_context():
            self.services.settings.update(FILE_STORAGE, values)

    def upload(
        self, caller: Caller | None = None, data: bytes = b"hello", name: str = "file.bin", **options: Any
    ) -> StoredFileOut:
        """Store a file that has to be accepted."""
        with self.app.app_context():
            return self.services.uploads.upload(caller or self.uploader, incoming(data, name, **options)).file

    def together(self, *calls: Callable[[], object]) -> list[Any]:
        """Call all at once, each in a thread; the results, or what was raised instead."""
        barrier = threading.Barrier(len(calls))

        def run(call: Callable[[], object]) -> object:
            with self.app.app_context():
                barrier.wait(PATIENCE)
                try:
                    return call()
                except Exception as exc:  # noqa: BLE001 (it is what the test looks at)
                    return exc

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))

    def deliver(self) -> None:
        """Tell plugins and webhooks of what has happened, as the background worker does."""
        webhooks = getattr(self.services, "webhooks", None)

        def targets() -> list[Target]:
            return [*plugin_targets(self.app), *(webhooks.targets() if webhooks is not None else [])]

        Dispatcher(targets, "test", self.app.app_context).pump()

    # Looking

    @property
    def registry(self) -> BackendRegistry:
        return self.services.settings._registry

    @property
    def uploads(self) -> Path:
        return self.config.data_dir / "uploads"

    def on_disk(self) -> set[str]:
        """All files below the uploads directory, unfinished ones too."""
        return {str(path.relative_to(self.uploads)) for path in self.uploads.rglob("*") if not path.is_dir()}

    def query(self, statement: sa.Executable) -> list[Any]:
        with self.app.app_context(), db.read() as connection:
            return list(connection.execute(statement).all())

    def count(self, model: type[db.Base]) -> int:
        count: int = self.query(sa.select(sa.func.count()).select_from(table(model)))[0][0]
        return count

    def write(self, statement: sa.Executable) -> None:
        """Change rows past the services."""
        with self.app.app_context(), db.transaction() as tx:
            tx.execute(statement)

    def age(self, file: StoredFileOut, **values: object) -> None:
        """Give the row of a file other values."""
        files = table(StoredFile)
        self.write(sa.update(files).where(files.c.id == file.id).values(values))

    def tallies(self) -> dict[tuple[str, str, str, bool], tuple[int, int]]:
        """The counters by owner, backend, family and trash, without the empty ones."""
        rows = self.query(
            sa.text(
                "SELECT owner, backend, family, is_deleted, SUM(files), SUM(bytes) FROM file_storage_tally"
                " GROUP BY 1, 2, 3, 4"
            )
        )
        return {(o, b, f, bool(d)): (int(n), int(s)) for o, b, f, d, n, s in rows if (n, s) != (0, 0)}

    def counted(self) -> dict[tuple[str, str, str, bool], tuple[int, int]]:
        """What the counters should say."""
        files = table(StoredFile)
        by = (files.c.created_by, files.c.backend, files.c.family, files.c.is_deleted)
        rows = self.query(sa.select(*by, sa.func.count(), sa.func.sum(files.c.size_bytes)).group_by(*by))
        return {(str(o or ""), b, f, bool(d)): (n, int(s)) for o, b, f, d, n, s in rows}

    def assert_consistent(self) -> None:
        """Each row has its bytes, each file its row, nothing is unfinished, and the counters are right."""
        keys = {row.key for model in (StoredFile, Thumbnail) for row in self.query(sa.select(table(model).c.key))}
        keys.discard(None)
        assert self.on_disk() == {f"{key[:2]}/{key}" for key in keys}
        assert self.tallies() == self.counted()

    def close(self) -> None:
        self.services.thumbnails.close()
        with self.app.app_context():
            engine = db.db.engine
            engine.dispose()
        lock = getattr(getattr(engine, "stowage_writers", None), "_lock_fd", None)
        if lock is not None:
            os.close(lock)


def incoming(
    data: bytes | Iterable[bytes] = b"hello", name: str = "file.bin", content_type: str | None = None, **options: Any
) -> IncomingFile:
    """A file on its way in, in one piece or in those given."""
    chunks = iter([data] if isinstance(data, bytes) else data)
    return IncomingFile(filename=name, content_type=content_type, chunks=chunks, **options)


def make_house(data_dir: Path, database_url: str | None = None, **environ: str) -> House:
    """An application on this directory; its database has to have its tables already."""
    values = {"STOWAGE_DATA": str(data_dir), "STOWAGE_SECRET_KEY": "secret of the tests", **environ}
    return House(create_app(config.load(values | ({"STOWAGE_DATABASE_URL": database_url} if database_url else {}))))


def _move_in(house: House) -> None:
    """Tables and people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests/migrations are about migrations, other tests are not
        migration.upgrade(house.app)
    with house.app.app_context():
        for name, role in PEOPLE.items():
            house.services.users.create(name, PASSWORD, role)
    house.close()


# --- fixtures -------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 as it is, but without its cost. Servers that tests start are other processes: they pay."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_nobody", cheap.hash("nobody has this password"))
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, cheap_passwords: None) -> Path:
    """A SQLite database with tables and people, to copy from."""
    house = make_house(tmp_path_factory.mktemp("template"))
    _move_in(house)
    return house.config.instance_dir / "stowage.db"


@pytest.fixture
def sqlite_house(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    """A house on the embedded database."""
    (tmp_path / "data" / "instance").mkdir(parents=True)
    shutil.copy(sqlite_template, tmp_path / "data" / "instance")
    yield from _lived_in(make_house(tmp_path / "data"))


@pytest.fixture(scope="session")
def postgres_database(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, cheap_passwords: None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A database of this process with tables and people, and these people's rows."""
    template = postgres.template("house", lambda url: _move_in(make_house(tmp_path_factory.mktemp("template"), url)))
    with postgres.fresh_database(template) as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            people = [dict(row) for row in connection.execute(sa.select(table(User))).mappings()]
        engine.dispose()
        yield url, people


@pytest.fixture
def postgres_house(tmp_path: Path, postgres_database: tuple[str, list[dict[str, Any]]]) -> Iterator[House]:
    """A house on PostgreSQL, emptied of what the test before has left."""
    url, people = postgres_database
    house = make_house(tmp_path / "data", url)
    with house.app.app_context(), db.db.engine.begin() as connection:
        for each in reversed(db.Base.metadata.sorted_tables):
            connection.execute(sa.delete(each))
        connection.execute(sa.insert(table(User)), people)
    yield from _lived_in(house)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest) -> House:
    """A house on each database in turn."""
    found: House = request.getfixturevalue({"sqlite": "sqlite_house", "postgresql": "postgres_house"}[request.param])
    return found


@pytest.fixture
def inside(house: House) -> Iterator[House]:
    """The house, with the application context that services need. Not for requests: those bring their own."""
    with house.app.app_context():
        yield house


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    """All events that are committed during the test."""
    with listening() as events:
        yield events


@contextmanager
def listening() -> Iterator[list[Event]]:
    heard: list[Event] = []
    events.observers.append(heard.append)
    try:
        yield heard
    finally:
        events.observers.remove(heard.append)


def _lived_in(house: House) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        # Nobody pulls the plug here; tests/backends see to what is synced when.
        patch.setattr(os, "fsync", lambda _fd: None)
        yield house
    house.close()
