"""What the database knows of subscribers and of deliveries that wait."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from webapp import db
from webapp.db import EventRow, table
from webapp.models import Delivery, Lease, Subscriber
from webapp.services.delivery import event_log
from webapp.services.delivery.results import PARKED, WAITING, Retried
from webapp.services.delivery.targets import WEBHOOK, Logged

_subscribers = table(Subscriber)
_deliveries = table(Delivery)
_leases = table(Lease)
_events = table(EventRow)

# Written out: only so is the partial index used.
_is_waiting = _deliveries.c.state == sa.literal_column(f"'{WAITING}'")
_earlier = _deliveries.alias("earlier")
is_behind = sa.exists().where(
    _earlier.c.subscriber == _deliveries.c.subscriber,
    _earlier.c.state == sa.literal_column(f"'{WAITING}'"),
    _earlier.c.receiver == _deliveries.c.receiver,
    _earlier.c.ordering_key == _deliveries.c.ordering_key,
    _earlier.c.seq < _deliveries.c.seq,
)
"""Whether a delivery has to wait for an earlier one of its key."""
MOST_REMOVED = 1000


def subscribe(tx: db.Transaction, names: Iterable[str]) -> None:
    """Let new subscribers begin at the end of the log."""
    wanted = set(names)
    known = set(tx.execute(sa.select(_subscribers.c.name).where(_subscribers.c.name.in_(wanted))).scalars())
    if not wanted - known:
        return
    end, now = event_log.end(tx.connection), datetime.now(UTC)
    insert = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    for name in sorted(wanted - known):
        row = {"name": name, "position": end, "created_at": now, "seen_at": now, "delivered": 0, "failed": 0}
        tx.execute(insert(_subscribers).values(row).on_conflict_do_nothing())


def forget(tx: db.Transaction, name: str) -> None:
    """Remove a subscriber. Some of its deliveries go at once, the rest by :func:`forget_orphans`: may be millions."""
    tx.execute(sa.delete(_leases).where(_leases.c.name == name))
    _some_removed(tx, name)
    tx.execute(sa.delete(_subscribers).where(_subscribers.c.name == name))


def forget_orphans() -> int:
    """Remove some deliveries of subscribers that are gone; returns how many."""
    with db.transaction() as tx:
        name = ""
        # From one name to the next by the index: there are few names and many deliveries.
        following = sa.select(sa.func.min(_deliveries.c.subscriber)).where(
            _deliveries.c.subscriber > sa.bindparam("name")
        )
        while name := tx.execute(following, {"name": name}).scalar() or "":
            if tx.execute(sa.select(_subscribers.c.name).where(_subscribers.c.name == name)).first() is None:
                return _some_removed(tx, name)
    return 0


def _some_removed(tx: db.Transaction, name: str) -> int:
    some = sa.select(_deliveries.c.seq).where(_of(name)).order_by(_deliveries.c.seq).limit(MOST_REMOVED)
    return tx.execute(sa.delete(_deliveries).where(_deliveries.c.seq.in_(some))).rowcount


def position(name: str) -> int | None:
    """How far a subscriber is; a plugin that is new begins at the end. None: a webhook that is gone."""
    own = sa.select(_subscribers.c.position).where(_subscribers.c.name == name)
    with db.read() as connection:
        found: int | None = connection.execute(own).scalar()
    if found is None and not name.startswith(WEBHOOK):
        event_log.place_new()  # what happened before is not for it
        with db.transaction() as tx:
            subscribe(tx, [name])
            found = tx.execute(own).scalar_one()
    return found


class Waiting:
    """How many deliveries wait in rows of their own."""

    def __init__(self, counts: Mapping[tuple[str, str], int] | None = None) -> None:
        """Begin with ``counts`` by receiver and ordering key."""
        self._keys = Counter(counts or {})
        self._receivers: Counter[str] = Counter()
        for (receiver, _), count in self._keys.items():
            self._receivers[receiver] += count

    def add(self, receiver: str, key: str, count: int = 1) -> None:
        """One more of them, or (-1) one less."""
        self._keys[receiver, key] += count
        self._receivers[receiver] += count

    def has(self, receiver: str, key: str) -> bool:
        """Whether an event of this key would have to wait behind another one."""
        return self._keys[receiver, key] > 0

    def of(self, receiver: str) -> int:
        """How many wait for this receiver."""
        return self._receivers[receiver]

    def total(self) -> int:
        """How many wait."""
        return self._receivers.total()

    def any(self) -> bool:
        """Whether any waits."""
        return any(count > 0 for count in self._receivers.values())


def waiting(name: str) -> Waiting:
    """What waits of this subscriber."""
    columns = (_deliveries.c.receiver, _deliveries.c.ordering_key)
    counted = sa.select(*columns, sa.func.count()).where(_of(name), _is_waiting).group_by(*columns)
    with db.read() as connection:
        return Waiting({(receiver, key): count for receiver, key, count in connection.execute(counted)})


def due(name: str, limit: int) -> list[tuple[Logged | None, Retried]]:
    """Deliveries whose time has come, each with its event, which may be gone; the first of each key only."""
    chosen = (
        sa.select(_deliveries)
        .where(_of(name), _is_waiting, _deliveries.c.due_at <= datetime.now(UTC), ~is_behind)
        .order_by(_deliveries.c.due_at)
        .limit(limit)
    )
    with db.read() as connection:
        found = connection.execute(chosen).all()
        numbers = [row.event_seq for row in found if row.event_seq is not None]
        events = {row.seq: row for row in connection.execute(sa.select(_events).where(_events.c.seq.in_(numbers)))}
    return [(_logged(events.get(row.event_seq)), _retried(row)) for row in found]


def park(seq: int, cause: str) -> None:
    """Give up a delivery."""
    values = {"state": PARKED, "due_at": None, "cause": cause, "finished_at": datetime.now(UTC)}
    with db.transaction() as tx:
        tx.execute(sa.update(_deliveries).where(_deliveries.c.seq == seq).values(values))


def _of(name: str) -> sa.ColumnElement[bool]:
    return _deliveries.c.subscriber == name


def _retried(row: Any) -> Retried:
    return Retried(
        seq=row.seq,
        receiver=row.receiver,
        ordering_key=row.ordering_key,
        attempts=row.attempts,
        first_tried_at=row.first_tried_at,
        cause=row.cause,
    )


def _logged(row: Any) -> Logged | None:
    if row is None:
        return None
    return Logged(
        seq=row.seq,
        position=row.position or row.seq,
        event_id=row.event_id,
        name=row.name,
        occurred_at=row.occurred_at,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        request_id=row.request_id,
        subject_id=row.subject_id,
        payload=row.payload,
    )
