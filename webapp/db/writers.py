"""Who may write when, and how commits happen: the only place that calls ``commit``.

On SQLite, writers queue instead of colliding: one at a time across all processes
of the node (an ``flock``), and writers of one process that wait for each other
share one commit, so that one ``fsync`` pays for many small uploads.
"""

import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from webapp.db.base import db

MOST_WRITERS_PER_COMMIT = 32


class CommitOutcomeUnknownError(Exception):
    """The connection broke during COMMIT: nobody knows whether it took effect."""


class ServerWriters:
    """Connections for writing on a server database: it orders and groups writers itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            # Said aloud: prepared statements go past SQLAlchemy, which otherwise has nothing to commit.
            connection.begin()
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

    @property
    def is_open(self) -> bool:
        """Whether the transaction is still there."""
        return bool(self.connection.connection.driver_connection.in_transaction)  # type: ignore[union-attr]

    def run(self, statement: str) -> None:
        """Steer the transaction: straight on the driver's connection, which is not told apart by SQLAlchemy."""
        raw = self.connection.connection.driver_connection
        raw.execute(statement)  # type: ignore[union-attr]


class SqliteWriters:
    """Hands one open write transaction from thread to thread; the last one commits for all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._batch: _Batch | None = None
        self._lock_fd = _open_lock_file(engine.url.database)
        _all.add(self)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        batch = self._enter()
        try:
            yield batch.connection
        except BaseException as exc:
            self._roll_back_own(batch, exc)
            self._leave(batch)
            # What it failed on may be another member's row: by now everybody can read that.
            batch.done.wait()
            raise
        try:
            if batch.size > 1:
                batch.run("RELEASE own")
            batch.succeeded += 1
        except BaseException as exc:  # noqa: BLE001 (told to every member of the batch)
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
            # The first one has nobody before it whose work a rollback could undo.
            if batch.error is None and batch.size > 1:
                batch.run("SAVEPOINT own")
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
                batch = _Batch(connection)
                batch.run("BEGIN IMMEDIATE")
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._unlock()
            raise
        return batch

    def _roll_back_own(self, batch: _Batch, cause: BaseException) -> None:
        try:
            if batch.is_open and batch.size > 1:
                batch.run("ROLLBACK TO own")
                batch.run("RELEASE own")
            else:
                if batch.is_open:
                    batch.run("ROLLBACK")
                if batch.size == 1:
                    batch.run("BEGIN IMMEDIATE")
        except Exception as exc:  # noqa: BLE001 (told to every member of the batch)
            batch.error = exc
        if not batch.is_open:
            # SQLite rolls everybody's work back by itself when the disk is full.
            batch.error = batch.error or cause

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
        except BaseException as exc:  # noqa: BLE001 (told to every member of the batch)
            batch.error = exc
        finally:
            # The driver's rollback does nothing where no transaction is open any more.
            batch.connection.close()

    def reopen_lock(self) -> None:
        """In a process that was forked: its copy would hold the lock after the one that has taken it is killed."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = _open_lock_file(self._engine.url.database)

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
    if isinstance(error, sqlite3.Error):
        copy = type(error)(*error.args)
        copy.sqlite_errorcode = error.sqlite_errorcode
        return copy
    return RuntimeError("the shared commit failed")


_writers_lock = threading.Lock()
_all: weakref.WeakSet[SqliteWriters] = weakref.WeakSet()


def _forked() -> None:
    for each in list(_all):
        each.reopen_lock()


os.register_at_fork(after_in_child=_forked)


def writers() -> ServerWriters | SqliteWriters:
    engine = db.engine
    found: ServerWriters | SqliteWriters | None = getattr(engine, "stowage_writers", None)
    if found is None:
        with _writers_lock:
            found = getattr(engine, "stowage_writers", None)
            if found is None:
                found = SqliteWriters(engine) if engine.dialect.name == "sqlite" else ServerWriters(engine)
                engine.stowage_writers = found  # type: ignore[attr-defined]
    return found
