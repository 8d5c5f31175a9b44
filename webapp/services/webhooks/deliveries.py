"""What was sent to a webhook or waits for it, and sending it again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.db import EventRow, table
from webapp.models import Delivery, DeliveryAttempt
from webapp.services.delivery import message
from webapp.services.delivery.results import DELIVERED, WAITING
from webapp.services.delivery.rows import is_behind
from webapp.services.delivery.service import due_now, is_logged
from webapp.services.delivery.targets import Logged, Outcome
from webapp.services.errors import ConflictError, NotFoundError
from webapp.services.webhooks.views import AttemptOut, DeliveryOut, DeliveryPage

FAILED = "failed"
_TEST = "test"
"""As the receiver: tests are never due again."""

_deliveries = table(Delivery)
_attempts = table(DeliveryAttempt)
_events = table(EventRow)
_NAMES = ("filename", "username", "host", "module", "name")
"""Fields of events that say what they are about; the first one there is counts."""


def page(connection: Connection, subscriber: str, state: str | None, before: int | None, limit: int) -> DeliveryPage:
    """The newest first."""
    query = sa.select(_deliveries).where(_deliveries.c.subscriber == subscriber)
    if state is not None:
        query = query.where(_deliveries.c.state == state)
    if before is not None:
        query = query.where(_deliveries.c.seq < before)
    # Most were delivered. The others are few, and found by their state: "+ 0" keeps SQLite from walking all by number.
    number = _deliveries.c.seq if state in (None, DELIVERED) else _deliveries.c.seq + 0
    found = connection.execute(query.order_by(number.desc()).limit(limit + 1)).all()
    older = found[limit - 1].seq if len(found) > limit else None
    return DeliveryPage(items=_as_outs(connection, found[:limit]), older=older)


def one(connection: Connection, subscriber: str, delivery_id: UUID) -> tuple[DeliveryOut, list[AttemptOut]]:
    """A delivery with its attempts.

    Raises:
        NotFoundError: this subscriber has none of this id.
    """
    row = _row(connection, subscriber, delivery_id)
    tries = sa.select(_attempts).where(_attempts.c.delivery_seq == row.seq).order_by(_attempts.c.seq)
    found = [
        AttemptOut(number=each.number, at=each.at, ms=each.ms, code=each.code, cause=each.cause)
        for each in connection.execute(tries)
    ]
    return _as_outs(connection, [row])[0], found


def replay(tx: db.Transaction, subscriber: str, delivery_id: UUID) -> DeliveryOut:
    """Let it wait again, due now.

    Raises:
        NotFoundError: this subscriber has none of this id.
        ConflictError: there is nothing to send.
    """
    row = _row(tx.connection, subscriber, delivery_id, to_change=True)
    if tx.execute(sa.select(_deliveries.c.seq).where(_deliveries.c.seq == row.seq, is_logged)).first() is None:
        raise ConflictError("a test, or an event that is not kept any more")
    values = due_now()
    if row.state != WAITING:
        values["first_tried_at"] = None  # it has its day again
    tx.execute(sa.update(_deliveries).where(_deliveries.c.seq == row.seq).values(values))
    return _as_outs(tx.connection, [_row(tx.connection, subscriber, delivery_id)])[0]


def hurry(tx: db.Transaction, subscriber: str) -> None:
    """What waits is due now: there is reason to believe that it will get through."""
    waiting = sa.and_(_deliveries.c.subscriber == subscriber, _deliveries.c.state == WAITING)
    tx.execute(sa.update(_deliveries).where(waiting).values(due_at=datetime.now(UTC)))


def keep_test(tx: db.Transaction, subscriber: str, logged: Logged, outcome: Outcome) -> UUID:
    """Write down how a test went."""
    delivery_id, now = uuid4(), datetime.now(UTC)
    row = {
        "id": delivery_id,
        "subscriber": subscriber,
        "receiver": _TEST,
        "event_id": logged.event_id,
        "name": logged.name,
        "ordering_key": logged.ordering_key,
        "state": DELIVERED if outcome.ok else FAILED,
        "attempts": 1,
        "created_at": outcome.at,
        "first_tried_at": outcome.at,
        "finished_at": now,
        "code": outcome.code,
        "cause": outcome.cause,
    }
    seq = tx.execute(sa.insert(_deliveries).values(row).returning(_deliveries.c.seq)).scalar_one()
    attempt = {"number": 1, "at": outcome.at, "ms": outcome.ms, "code": outcome.code, "cause": outcome.cause}
    tx.execute(sa.insert(_attempts).values(delivery_seq=seq, **attempt))
    return delivery_id


def _row(connection: Connection, subscriber: str, delivery_id: UUID, *, to_change: bool = False) -> Any:
    query = sa.select(_deliveries).where(_deliveries.c.subscriber == subscriber, _deliveries.c.id == delivery_id)
    row = connection.execute(query.with_for_update() if to_change else query).first()
    if row is None:
        raise NotFoundError("no such delivery")
    return row


def _as_outs(connection: Connection, found: Sequence[Any]) -> list[DeliveryOut]:
    """These rows, with what is known of their events: asked for once for all of them."""
    numbers = [row.event_seq for row in found if row.event_seq is not None]
    events = sa.select(_events.c.seq, _events.c.payload).where(_events.c.seq.in_(numbers))
    payloads = {row.seq: row.payload for row in connection.execute(events)}
    waiting = [row.seq for row in found if row.state == WAITING]
    later = sa.select(_deliveries.c.seq).where(_deliveries.c.seq.in_(waiting), is_behind)
    behind = set(connection.execute(later).scalars())
    return [_as_out(row, payloads.get(row.event_seq), behind=row.seq in behind) for row in found]


def _about(payload: Mapping[str, Any]) -> str | None:
    return next((str(payload[name]) for name in _NAMES if payload.get(name)), None)


def _as_out(row: Any, payload: Mapping[str, Any] | None, *, behind: bool) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        name=row.name,
        topic=message.topic_of(row.name),
        event_id=row.event_id,
        subject_id=row.subject_id,
        about=None if payload is None else _about(payload),
        state=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        behind=behind,
        finished_at=row.finished_at,
        code=row.code,
        cause=row.cause,
        replayable=payload is not None,
    )
