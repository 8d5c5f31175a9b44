"""Events that a plugin failed at too often, written down as the background worker does."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from tests.support.app import House
from webapp.db import EventRow, table
from webapp.models import Delivery

deliveries = table(Delivery)
events = table(EventRow)
MAILER = "plugin:mailer"


def park(house: House, subscriber: str = MAILER, count: int = 1, **values: Any) -> list[int]:
    """Upload files whose events that subscriber has failed at; numbers of the rows."""
    with house.app.app_context():
        house.services.delivery.subscribe([subscriber])
    for _ in range(count):
        house.upload()
    newest = sa.select(events).where(events.c.name == "FileUploaded").order_by(events.c.seq.desc()).limit(count)
    return [_row(house, subscriber, event, values) for event in reversed(house.query(newest))]


def _row(house: House, subscriber: str, event: Any, values: dict[str, Any]) -> int:
    before, delivery_id = datetime.now(UTC) - timedelta(hours=1), uuid4()
    row = {
        "id": delivery_id,
        "subscriber": subscriber,
        "receiver": "mailer.send",
        "event_seq": event.seq,
        "event_id": event.event_id,
        "name": event.name,
        "subject_id": event.subject_id,
        "ordering_key": event.subject_id,
        "state": "parked",
        "attempts": 6,
        "created_at": before,
        "first_tried_at": before,
        "finished_at": before,
        "cause": "error",
        **values,
    }
    house.write(sa.insert(deliveries).values(row))
    [(seq,)] = house.query(sa.select(deliveries.c.seq).where(deliveries.c.id == delivery_id))
    return int(seq)


def states(house: House, subscriber: str = MAILER) -> list[str]:
    """What became of its rows, in their order."""
    own = sa.select(deliveries.c.state).where(deliveries.c.subscriber == subscriber).order_by(deliveries.c.seq)
    return [row.state for row in house.query(own)]


def prune(house: House, *rows: int) -> None:
    """Their events are not kept any more."""
    theirs = sa.select(deliveries.c.event_seq).where(deliveries.c.seq.in_(rows))
    house.write(sa.delete(events).where(events.c.seq.in_(theirs)))
