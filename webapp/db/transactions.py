"""The one door through which everything is written, and the one for reading.

Events emitted in a transaction are rows of it (the outbox). The background worker
reads them from there: see services/delivery.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError

from webapp import events
from webapp.contracts.errors import StorageFullError
from webapp.contracts.events import Event
from webapp.db.base import EventRow, db, table
from webapp.db.prepared import insert
from webapp.db.writers import CommitOutcomeUnknownError, writers

log = logging.getLogger(__name__)

POSTGRESQL_DISK_FULL = "53100"

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_COMMON = frozenset(field.name for field in fields(Event))
_insert_event = insert(table(EventRow))


class Transaction:
    """What one change consists of: statements, events, and the way back."""

    def __init__(self, connection: Connection) -> None:
        """Belongs to :func:`transaction`."""
        self.connection = connection
        self._events: list[Event] = []
        self._undo: list[Callable[[], None]] = []
        self._then: list[Callable[[], None]] = []

    def execute(self, statement: sa.Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement inside the transaction."""
        return self.connection.execute(statement, parameters)

    def emit(self, event: Event) -> None:
        """Write the event; whoever listens is told when the commit has happened."""
        own = {f.name: getattr(event, f.name) for f in fields(event) if f.name not in _COMMON}
        subject = next((own[n] for n in ("file_id", "user_id", "token_id", "webhook_id") if n in own), None)
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
        _insert_event.run(self.connection, **row)
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

    def finish(self) -> None:
        """What follows a commit. Nothing here can make it undone, so nothing here raises."""
        for then in self._then:
            try:
                then()
            except Exception:
                log.exception("work after the commit failed")
        events.committed(self._events, current_app.extensions.get("stowage_bell"))


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
        with _full_disk_told(), writers().connection() as connection:
            tx = Transaction(connection)
            _current.connection = connection
            try:
                yield tx
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
    tx.finish()


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


def best_effort(statement: sa.Executable) -> None:
    """Note something nobody depends on: reading goes on when the disk is full."""
    try:
        with transaction() as tx:
            tx.execute(statement)
    except Exception:
        log.warning("a note could not be written", exc_info=True)


@contextmanager
def _full_disk_told() -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        # Prepared statements raise the driver's own error, the others SQLAlchemy's around it.
        error = exc.orig if isinstance(exc, DBAPIError) else exc
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        if full or getattr(error, "sqlstate", None) == POSTGRESQL_DISK_FULL:
            raise StorageFullError("the disk of the database is full") from exc
        raise


def _reader() -> Engine:
    engine = db.engine
    if engine.dialect.name == "sqlite":
        return engine  # it is in autocommit mode anyway, see engine_options()
    cached: Engine | None = getattr(engine, "stowage_reader", None)
    if cached is None:
        cached = engine.execution_options(isolation_level="AUTOCOMMIT")
        engine.stowage_reader = cached  # type: ignore[attr-defined]
    return cached
