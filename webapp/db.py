"""The database: declarative base, engine set-up, and the one door through which everything is written.

``transaction()`` is the only caller of ``commit``. Events emitted in it are rows
of the same transaction (the outbox) and are published after the commit.

On SQLite, writers queue instead of colliding: one at a time across all processes
of the node (an ``flock``), and writers of one process that wait for each other
share one commit, so that one ``fsync`` pays for many small uploads.
"""

import fcntl
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, CursorResult, Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from webapp import events
from webapp.contracts.errors import StorageFullError
from webapp.contracts.events import Event

log = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 10
MOST_WRITERS_PER_COMMIT = 32
ACKNOWLEDGE_AT = 64

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Base(DeclarativeBase):
    """Base of all models. Constraint names are the same on every database."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""A 64-bit key that SQLite can make itself: only INTEGER PRIMARY KEY is its row id."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored in UTC and read back with its time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite has no zones, so there the zone is dropped."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the zone again."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class EventRow(Base):
    """The outbox, which is also the activity log."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index(None, "subject_id", "seq"),
        sa.Index(None, "name", "seq"),
        sa.Index(
            "ix_event_unpublished",
            "seq",
            sqlite_where=sa.text("published_at IS NULL"),
            postgresql_where=sa.text("published_at IS NULL"),
        ),
    )

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[UUID] = mapped_column(sa.Uuid)
    name: Mapped[str] = mapped_column(sa.String(64))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[str | None] = mapped_column(sa.String(36))
    actor_name: Mapped[str | None] = mapped_column(sa.String(64))
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    subject_id: Mapped[str | None] = mapped_column(sa.String(36))
    payload: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_COMMON = frozenset(field.name for field in fields(Event))
_insert_event = sa.insert(EventRow.__table__)
_acknowledge = (
    sa.update(EventRow.__table__)
    .where(EventRow.__table__.c.seq.in_(sa.bindparam("seqs", expanding=True)))
    .values(published_at=sa.bindparam("now"))
)
_published: deque[int] = deque()


class Transaction:
    """What one change consists of: statements, events, and the way back."""

    def __init__(self, connection: Connection) -> None:
        """Belongs to :func:`transaction`."""
        self.connection = connection
        self._events: list[Event] = []
        self._seqs: list[int] = []
        self._undo: list[Callable[[], None]] = []
        self._then: list[Callable[[], None]] = []

    def execute(self, statement: sa.Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement inside the transaction."""
        return self.connection.execute(statement, parameters)  # type: ignore[return-value]

    def emit(self, event: Event) -> None:
        """Write the event now; publish it when the commit has happened."""
        own = {f.name: getattr(event, f.name) for f in fields(event) if f.name not in _COMMON}
        subject = next((own[n] for n in ("file_id", "user_id", "token_id") if n in own), None)
        row = {
            "event_id": event.event_id,
            "name": type(event).__name__,
            "occurred_at": event.occurred_at,
            "actor_id": event.actor_id,
            "actor_name": event.actor_name,
            "request_id": event.request_id,
            "subject_id": None if subject is None else str(subject),
            "payload": own,
        }
        seq = self.execute(_insert_event, row).inserted_primary_key
        self._seqs.append(seq[0])  # type: ignore[index]
        self._events.append(event)

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Run ``undo`` should the transaction fail; last in, first out."""
        self._undo.append(undo)

    def after_commit(self, then: Callable[[], None]) -> None:
        """Run ``then`` once the commit has happened; its failure is logged, not raised."""
        self._then.append(then)

    def roll_back(self) -> None:
        """Undo what happened outside the database. The first error stays the one reported."""
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception:
                log.exception("compensation failed")

    def publish(self) -> None:
        """What follows a commit. Nothing here can make it undone, so nothing here raises."""
        for then in self._then:
            try:
                then()
            except Exception:
                log.exception("work after the commit failed")
        events.publish(self._events)
        _published.extend(self._seqs)


_current = threading.local()


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Write to the database: everything in the block, or nothing.

    Raises:
        StorageFullError: the disk of the database is full; nothing was written.
    """
    if getattr(_current, "connection", None) is not None:
        raise RuntimeError("transactions do not nest: pass the open one on")
    tx: Transaction | None = None
    try:
        with _full_disk_told(), _writers().connection() as connection:
            tx = Transaction(connection)
            _current.connection = connection
            try:
                yield tx
                if len(_published) >= ACKNOWLEDGE_AT:
                    _write_acknowledgements(tx)
            finally:
                _current.connection = None
    except CommitOutcomeUnknownError:
        # The row may be there, so its bytes must stay. Backends that can recover
        # look for the row when this process has ended.
        log.exception("the outcome of a commit is unknown")
        raise
    except BaseException:
        if tx is not None:
            tx.roll_back()
        raise
    tx.publish()


@contextmanager
def read() -> Iterator[Connection]:
    """A connection for reading; inside a transaction of this thread, that one's.

    Give it back before bytes move: connections are few, slow clients are many.
    """
    current: Connection | None = getattr(_current, "connection", None)
    if current is not None:
        yield current
        return
    with _reader().connect() as connection:
        yield connection


def acknowledge_published() -> None:
    """Note which events were delivered. Done in batches: it must not cost an upload a commit."""
    if _published:
        with transaction() as tx:
            _write_acknowledgements(tx)


def _write_acknowledgements(tx: Transaction) -> None:
    seqs = []
    with suppress(IndexError):
        while len(seqs) < 500:
            seqs.append(_published.popleft())
    tx.execute(_acknowledge, {"seqs": seqs, "now": datetime.now(UTC)})


class CommitOutcomeUnknownError(Exception):
    """The connection broke during COMMIT: nobody knows whether it took effect."""


@contextmanager
def _full_disk_told() -> Iterator[None]:
    try:
        yield
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or (
            getattr(exc.orig, "sqlstate", None) == "53100"
        ):
            raise StorageFullError("the disk of the database is full") from exc
        raise


# --- engines -----------------------------------------------------------------


def engine_options(database_url: str) -> dict[str, Any]:
    """Options for the engine of ``database_url``."""
    options: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": orjson.loads, "pool_timeout": 30}
    if database_url.startswith("sqlite"):
        # isolation_level None: pysqlite must not begin transactions on its own.
        connect = {"isolation_level": None, "timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        return {**options, "connect_args": connect, "pool_size": 16, "max_overflow": 32}
    return {**options, "pool_size": 8, "max_overflow": 16, "pool_pre_ping": True}


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


@sa_event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # An acknowledged upload survives a power cut: the WAL is synced at each commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16384")
    cursor.execute("PRAGMA mmap_size = 268435456")
    cursor.close()


def _reader() -> Engine:
    engine = db.engine
    if engine.dialect.name == "sqlite":
        return engine  # it is in autocommit mode anyway, see engine_options()
    cached: Engine | None = getattr(engine, "stowage_reader", None)
    if cached is None:
        cached = engine.execution_options(isolation_level="AUTOCOMMIT")
        engine.stowage_reader = cached  # type: ignore[attr-defined]
    return cached


class _Writers:
    """Connections for writing on a server database: it orders and groups writers itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection
            try:
                connection.commit()
            except DBAPIError as exc:
                if exc.connection_invalidated:
                    raise CommitOutcomeUnknownError from exc
                raise


class _Batch:
    """Transactions of several threads that are committed together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.size = 0
        self.succeeded = 0
        self.error: BaseException | None = None
        self.done = threading.Event()


class _SqliteWriters:
    """Hands one open write transaction from thread to thread; the last one commits for all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._batch: _Batch | None = None
        self._lock_fd = _open_lock_file(engine.url.database)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        batch = self._enter()
        try:
            yield batch.connection
        except BaseException:
            self._roll_back_own(batch)
            self._leave(batch)
            raise
        try:
            batch.connection.exec_driver_sql("RELEASE own")
            batch.succeeded += 1
        except BaseException as exc:
            batch.error = exc
        self._leave(batch)
        batch.done.wait()
        if batch.error is not None:
            # Every member raises its own copy: one traceback is not shared by threads.
            raise _copied(batch.error) from batch.error

    def _enter(self) -> _Batch:
        with self._count:
            self._waiting += 1
        self._turn.acquire()
        with self._count:
            self._waiting -= 1
        batch = self._batch
        try:
            if batch is None:
                batch = self._batch = self._open()
            batch.size += 1
            if batch.error is None:
                batch.connection.exec_driver_sql("SAVEPOINT own")
        except BaseException as exc:
            if batch is None:
                self._turn.release()
            else:
                batch.error = batch.error or exc
                self._leave(batch)
            raise
        if batch.error is not None:
            error = batch.error
            self._leave(batch)
            raise _copied(error) from error
        return batch

    def _open(self) -> _Batch:
        if self._lock_fd is not None:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        try:
            connection = self._engine.connect()
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._unlock()
            raise
        return _Batch(connection)

    def _roll_back_own(self, batch: _Batch) -> None:
        try:
            batch.connection.exec_driver_sql("ROLLBACK TO own")
            batch.connection.exec_driver_sql("RELEASE own")
        except Exception as exc:
            # SQLite rolls all of it back by itself when the disk is full.
            batch.error = exc

    def _leave(self, batch: _Batch) -> None:
        """Pass the turn on to whoever waits, or finish the batch."""
        with self._count:
            pass_on = self._waiting > 0 and batch.size < MOST_WRITERS_PER_COMMIT and batch.error is None
        if pass_on:
            self._turn.release()
            return
        self._batch = None
        try:
            self._finish(batch)
        finally:
            self._unlock()
            self._turn.release()
            batch.done.set()

    @staticmethod
    def _finish(batch: _Batch) -> None:
        try:
            if batch.error is None and batch.succeeded:
                batch.connection.exec_driver_sql("COMMIT")
        except BaseException as exc:
            batch.error = exc
        finally:
            with suppress(Exception):
                raw = batch.connection.connection.dbapi_connection
                if isinstance(raw, sqlite3.Connection) and raw.in_transaction:
                    raw.rollback()
            batch.connection.close()

    def _unlock(self) -> None:
        if self._lock_fd is not None:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)


def _open_lock_file(database: str | None) -> int | None:
    if not database or database == ":memory:":
        return None
    return os.open(f"{database}-writers", os.O_RDWR | os.O_CREAT, 0o640)


def _copied(error: BaseException) -> BaseException:
    if isinstance(error, DBAPIError):
        return type(error)(error.statement, error.params, error.orig)  # type: ignore[arg-type]
    return RuntimeError("the shared commit failed")


_writers_lock = threading.Lock()


def _writers() -> _Writers | _SqliteWriters:
    engine = db.engine
    found: _Writers | _SqliteWriters | None = getattr(engine, "stowage_writers", None)
    if found is None:
        with _writers_lock:
            found = getattr(engine, "stowage_writers", None)
            if found is None:
                found = _SqliteWriters(engine) if engine.dialect.name == "sqlite" else _Writers(engine)
                engine.stowage_writers = found  # type: ignore[attr-defined]
    return found
