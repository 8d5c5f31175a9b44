"""The events as a log: in the order of their commits, without gaps.

SQLite has one writer, which numbers rows as it commits them: there ``seq`` is the
order. On a server a transaction that took its number first may commit last, and
whoever has read up to a number would miss what appears below it. So rows are given
their ``position`` once they can be seen: by one process at a time, whichever asks.
"""

import logging
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.events import EVENT_TYPES, Event
from webapp.db import EventRow, table
from webapp.services.delivery.targets import Logged

log = logging.getLogger(__name__)

MOST_PLACED = 1000
_PLACING = 0x57_4F_57_01
"""Number of the advisory lock; any will do that nobody else takes."""
PLACING_IDLE = "10s"
"""So long others wait for a node that has the lock and is not heard of any more."""

_events = table(EventRow)
_unplaced = sa.select(sa.exists().where(_events.c.position.is_(None)))
_TYPES: dict[str, type[Event]] = {event_type.__name__: event_type for event_type in EVENT_TYPES}


def end(connection: Connection) -> int:
    """The place of the newest event; 0 where there is none."""
    found = connection.execute(sa.select(sa.func.max(place_of(connection)))).scalar()
    return int(found or 0)


def oldest(connection: Connection) -> int:
    """The place of the oldest event that is kept; 0 where there is none."""
    found = connection.execute(sa.select(sa.func.min(place_of(connection)))).scalar()
    return int(found or 0)


def read(
    connection: Connection,
    after: int,
    limit: int,
    names: Sequence[str] | frozenset[str] | None,
    until: int | None = None,
) -> list[Logged]:
    """Events after a place, and not after ``until``, in order; of ``names`` any, None: all."""
    place = place_of(connection)
    wanted: list[sa.ColumnElement[bool]] = [] if names is None else [_events.c.name.in_(sorted(names))]
    if until is not None:
        wanted.append(place <= until)
    columns = (
        _events.c.seq,
        place.label("position"),
        _events.c.event_id,
        _events.c.name,
        _events.c.occurred_at,
        _events.c.actor_id,
        _events.c.actor_name,
        _events.c.request_id,
        _events.c.subject_id,
        _events.c.payload,
    )
    found = sa.select(*columns).where(place > after, *wanted).order_by(place).limit(limit)
    return [Logged(**row._mapping) for row in connection.execute(found)]


def place_new() -> None:
    """Give places to the events that have none yet; on a server only."""
    with db.read() as connection:
        if connection.dialect.name == "sqlite" or not connection.execute(_unplaced).scalar():
            return
    while _placed() == MOST_PLACED:
        pass


def event_of(logged: Logged) -> Event | None:
    """The event as plugins know it; None if its kind is not known any more or it cannot be read."""
    event_type = _TYPES.get(logged.name)
    if event_type is None:
        return None
    try:
        own = {
            name: convert(logged.payload[name])
            for name, convert in _conversions(logged.name).items()
            if name in logged.payload
        }
        return event_type(
            event_id=logged.event_id,
            occurred_at=logged.occurred_at,
            actor_id=logged.actor_id,
            actor_name=logged.actor_name,
            request_id=logged.request_id,
            **own,
        )
    except (TypeError, ValueError):
        log.exception("an event of the log cannot be read", extra={"event": logged.name, "seq": logged.seq})
        return None


def place_of(connection: Connection) -> sa.ColumnElement[Any]:
    """The column that says where in the log an event is."""
    return _events.c.seq if connection.dialect.name == "sqlite" else _events.c.position


def _placed() -> int:
    with db.transaction() as tx:
        # A node that vanishes while it holds the lock keeps all others from reading the log, until the server ends its
        # transaction: for this one, sooner than for others.
        idle = sa.func.set_config("idle_in_transaction_session_timeout", PLACING_IDLE, sa.true())
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLACING), idle))
        # A statement of its own: it sees what was committed before the lock was given.
        last = tx.execute(sa.select(sa.func.coalesce(sa.func.max(_events.c.position), 0))).scalar_one()
        fresh = (
            sa.select(_events.c.seq, sa.func.row_number().over(order_by=_events.c.seq).label("number"))
            .where(_events.c.position.is_(None))
            .order_by(_events.c.seq)
            .limit(MOST_PLACED)
            .subquery()
        )
        placing = (
            sa.update(_events).where(_events.c.seq == fresh.c.seq).values(position=sa.literal(last) + fresh.c.number)
        )
        return tx.execute(placing).rowcount


@cache
def _conversions(name: str) -> dict[str, Any]:
    """How the event's own fields come back from JSON."""
    event_type = _TYPES[name]
    common = {field.name for field in fields(Event)}
    hints = get_type_hints(event_type)
    found: dict[str, Any] = {}
    for field in fields(event_type):
        if field.name not in common:
            hint = hints[field.name]
            found[field.name] = UUID if hint is UUID else tuple if str(hint).startswith("tuple") else _as_it_is
    return found


def _as_it_is(value: Any) -> Any:
    return value
