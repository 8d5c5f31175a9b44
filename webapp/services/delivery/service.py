"""The log and its subscribers, for edges, pages, metrics and the worker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.db import EventRow, table
from webapp.models import Delivery, Subscriber, Webhook
from webapp.services.delivery import event_log, results, rows
from webapp.services.delivery.targets import PLUGIN, WEBHOOK

_subscribers = table(Subscriber)
_deliveries = table(Delivery)
_webhooks = table(Webhook)
_events = table(EventRow)

is_logged = sa.exists().where(_events.c.seq == _deliveries.c.event_seq)
"""Whether the event of a delivery is kept: else there is nothing to tell again."""
MOST_AT_ONCE = 2000
"""Deliveries that one transaction makes wait again: on SQLite nobody else writes meanwhile."""
AWAY = timedelta(hours=3)
"""Workers say each hour which plugins they have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriberOut:
    """How far somebody who is told of events is."""

    name: str
    position: int
    behind: int
    """Events of the log after its position, wanted or not."""
    oldest_at: datetime | None
    """When the first of them happened."""
    waiting: int
    parked: int
    delivered: int
    failed: int
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    hung_since: datetime | None
    paused: bool
    """Nobody tells it now, on purpose: a webhook that is paused, a plugin that no worker has had for hours."""


def due_now() -> dict[str, Any]:
    """What a delivery is that ended, or waits for longer, and is to be tried at once."""
    return {"state": results.WAITING, "due_at": datetime.now(UTC), "finished_at": None}


class DeliveryService:
    """Reads the log and looks after the rows of subscribers."""

    def subscribe(self, names: Iterable[str]) -> None:
        """Let new subscribers begin at the end of the log; those that are there stay where they are."""
        wanted = set(names)
        with db.read() as connection:
            wanted -= set(connection.execute(sa.select(_subscribers.c.name)).scalars())
        if wanted:
            event_log.place_new()
            with db.transaction() as tx:
                rows.subscribe(tx, wanted)

    def overview(self) -> list[SubscriberOut]:
        """All subscribers, by name."""
        event_log.place_new()  # else nobody would be behind where no worker is there to place them
        with db.read() as connection:
            end = event_log.end(connection)
            paused, away_since = _paused(connection), datetime.now(UTC) - AWAY
            return [
                SubscriberOut(
                    name=row.name,
                    position=row.position,
                    behind=max(0, end - row.position),
                    oldest_at=_first_after(connection, row.position) if end > row.position else None,
                    waiting=row.waiting,
                    parked=row.parked,
                    delivered=row.delivered,
                    failed=row.failed,
                    last_delivered_at=row.last_delivered_at,
                    last_failed_at=row.last_failed_at,
                    last_error=row.last_error,
                    hung_since=row.hung_since,
                    paused=row.name in paused or (row.name.startswith(PLUGIN) and row.seen_at < away_since),
                )
                for row in connection.execute(_overview)
            ]

    def retry_parked(self, name: str) -> int:
        """Let what a subscriber failed at too often wait again, as if never tried; returns how many deliveries that is.

        What is not in the log any more stays parked. Each batch is a transaction of its own: after an interruption,
        another call does the rest.
        """
        with db.read() as connection:
            # Not further: where everything fails, there would always be more.
            last = connection.execute(sa.select(sa.func.max(_deliveries.c.seq))).scalar() or 0
        batch = _retried(name, 0, last)
        done = len(batch)
        while len(batch) == MOST_AT_ONCE:
            batch = _retried(name, batch[-1], last)
            done += len(batch)
        return done


def _retried(name: str, after: int, last: int) -> list[int]:
    """Numbers of some parked deliveries that wait from now on: the first ones, since their events come first."""
    parked = sa.and_(_deliveries.c.subscriber == name, _deliveries.c.state == results.PARKED, is_logged)
    some = sa.select(_deliveries.c.seq).where(parked, _deliveries.c.seq > after, _deliveries.c.seq <= last)
    # What is locked is on its way to be removed, or to wait by another request: neither is waited for, in no circle.
    some = some.order_by(_deliveries.c.seq).limit(MOST_AT_ONCE).with_for_update(skip_locked=True)
    with db.transaction() as tx:
        found = list(tx.execute(some).scalars())
        anew = {**due_now(), "attempts": 0, "first_tried_at": None}
        tx.execute(sa.update(_deliveries).where(_deliveries.c.seq.in_(found)).values(anew))
    return found


def _count(state: str) -> sa.Label[int]:
    """Of each subscriber, by its index: all deliveries together may be millions."""
    of_state = sa.and_(_deliveries.c.subscriber == _subscribers.c.name, _deliveries.c.state == state)
    return sa.select(sa.func.count()).select_from(_deliveries).where(of_state).scalar_subquery().label(state)


_overview = sa.select(_subscribers, _count(results.WAITING), _count(results.PARKED)).order_by(_subscribers.c.name)


def _paused(connection: Connection) -> set[str]:
    ids = sa.select(_webhooks.c.id).where(_webhooks.c.paused_at.is_not(None))
    return {f"{WEBHOOK}{each}" for each in connection.execute(ids).scalars()}


def _first_after(connection: Connection, position: int) -> datetime | None:
    first = event_log.read(connection, position, 1, None)
    return first[0].occurred_at if first else None
