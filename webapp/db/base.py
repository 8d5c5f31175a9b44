"""Declarative base, column types, and how connections are set up."""

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_SECONDS = 10
IDLE_IN_TRANSACTION = "60s"
"""A node that vanished leaves its locks to the others after this. Nothing between two statements takes as long."""
_LIBPQ = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that went away without a word is noticed within a minute. The kernel by itself takes hours."""


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


def table(model: type[Base]) -> sa.Table:
    """The Core table of a model: services work with statements, not with instances."""
    return cast("sa.Table", model.__table__)


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
    """The outbox, which is also the activity log and the feed."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index(None, "subject_id", "seq"),
        sa.Index(None, "name", "seq"),
        sa.Index(None, "actor_id", "name", "seq"),
        # SQLite numbers rows in the order of commits: ``position`` is for servers (services/delivery/event_log.py).
        sa.Index(
            "ix_event_position",
            "position",
            unique=True,
            sqlite_where=sa.text("position IS NOT NULL"),
            postgresql_where=sa.text("position IS NOT NULL"),
        ),
        sa.Index(
            "ix_event_unplaced",
            "seq",
            sqlite_where=sa.text("position = 0"),
            postgresql_where=sa.text("position IS NULL"),
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
    # Not used any more: nodes with the version before go on while the database is migrated already.
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    position: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Its place in the log, given after its commit; NULL on SQLite, where ``seq`` is the place."""


def engine_options(database_url: str) -> dict[str, Any]:
    """Options for the engine of ``database_url``."""
    options: dict[str, Any] = {
        "json_serializer": _to_json,
        "hide_parameters": True,
        "json_deserializer": _from_json,
        "pool_timeout": 30,
    }
    if database_url.startswith("sqlite"):
        # isolation_level None: pysqlite must not begin transactions on its own.
        connect = {"isolation_level": None, "timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        return {**options, "connect_args": connect, "pool_size": 16, "max_overflow": 32}
    # Said aloud: a role or a server may have another default, and saves count on seeing what was just committed.
    isolation = {"isolation_level": "READ COMMITTED"}
    url = sa.make_url(database_url)
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    return {**options, **isolation, "pool_size": 8, "max_overflow": 16, "pool_pre_ping": True}


def is_database_error(error: BaseException) -> bool:
    """Whether a statement raised it; prepared ones raise the drivers' own errors."""
    # By name: psycopg is 8 MB that an installation with SQLite does not need.
    return isinstance(error, sa.exc.DBAPIError | sqlite3.Error) or type(error).__module__.startswith("psycopg")


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def _from_json(value: Any) -> Any:
    # A JSON column of SQLite has numeric affinity: a lone number comes back as one.
    return orjson.loads(value) if isinstance(value, str | bytes) else value


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch the journal once per database file. The switch does not wait for other processes by itself."""
    until = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
                cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


@sa_event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        _prepare_embedded(connection)
    elif type(connection).__module__.startswith("psycopg"):
        _prepare_server(connection)


def _prepare_embedded(connection: sqlite3.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    _use_wal(cursor)
    # An acknowledged upload survives a power cut: the WAL is synced at each commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # 4 MiB for each of up to 48 connections; the kernel caches the file anyway.
    cursor.execute("PRAGMA cache_size = -4096")
    cursor.close()


def _prepare_server(connection: Any) -> None:
    # Not by `options` of the connection: poolers such as PgBouncer refuse those.
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}'")
    connection.commit()
