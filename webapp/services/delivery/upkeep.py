"""How long the log and what was sent are kept, and what is cleared away.

The log is cut off at its old end, never in the middle: whoever follows it sees
whether something is missing.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.settings import SettingField, SettingsModule
from webapp.db import EventRow, table
from webapp.models import Delivery, Subscriber, Webhook
from webapp.services.delivery import event_log, rows
from webapp.services.delivery.results import WAITING
from webapp.services.delivery.targets import PLUGIN, WEBHOOK
from webapp.services.settings import SettingsService

log = logging.getLogger(__name__)

MODULE = "activity"
BATCH = 500
MOST_SECONDS = 60.0
"""So long one run may take for each kind of rows: what is left is for the next one."""
GONE = timedelta(days=30)
"""A plugin that is not installed any more, or a webhook that is paused, is waited for so long."""

FIELDS: tuple[SettingField, ...] = (
    SettingField(
        name="retention_days",
        label="Keep events for",
        help="Days that events stay in the activity log and the feed. Those a subscriber was not told of stay longer.",
        type="integer",
        format="days",
        default=365,
        required=True,
        minimum=1,
        maximum=3650,
    ),
    SettingField(
        name="delivery_retention_days",
        label="Keep deliveries for",
        help="Days that it can be seen what was sent to webhooks, and what plugins failed at.",
        type="integer",
        format="days",
        default=30,
        required=True,
        minimum=1,
        maximum=3650,
    ),
)

SETTINGS = SettingsModule(
    name=MODULE, title="Activity and events", help="How long Stowage remembers what happened.", fields=FIELDS
)

_events = table(EventRow)
_deliveries = table(Delivery)
_subscribers = table(Subscriber)
_webhooks = table(Webhook)


class UpkeepService:
    """Removes what has served its time."""

    def __init__(self, settings: SettingsService) -> None:
        """Find what that time is in the settings."""
        self._settings = settings

    def run(self, installed: Iterable[str]) -> int:
        """Do all of it; returns how many rows went. ``installed`` are the names of the plugins' subscribers."""
        # In this order: who is gone holds nothing back.
        return self.forget_gone(installed) + self.prune_events() + self.prune_deliveries()

    def forget_gone(self, installed: Iterable[str]) -> int:
        """Forget plugins that were not installed for a month; returns how many."""
        names, now = sorted(set(installed)), datetime.now(UTC)
        is_plugin = _subscribers.c.name.startswith(PLUGIN, autoescape=True)
        gone = sa.select(_subscribers.c.name).where(is_plugin, _subscribers.c.seen_at < now - GONE)
        with db.transaction() as tx:
            # First: all were seen long ago where nothing has happened for a month, or the worker did not run.
            tx.execute(sa.update(_subscribers).where(_subscribers.c.name.in_(names)).values(seen_at=now))
            found = list(tx.execute(gone).scalars())
            for name in found:
                log.warning("a plugin is not installed any more; it is forgotten", extra={"subscriber": name})
                rows.forget(tx, name)
        return len(found)

    def prune_events(self) -> int:
        """Remove events that are older than the setting says and that all were told of; returns how many."""
        before = self._before("retention_days")
        event_log.place_new()  # where nobody is told of events, nobody else may have done it
        if before is None:
            return 0
        with db.read() as connection:
            # Once for all batches: it only ever grows.
            last = _told_to_all(connection)
        return _in_batches(lambda: _events_pruned(before, last))

    def prune_deliveries(self) -> int:
        """Remove deliveries that ended so long ago, with their attempts; returns how many."""
        before = self._before("delivery_retention_days")
        orphans = _in_batches(rows.forget_orphans, rows.MOST_REMOVED)
        return orphans + (0 if before is None else _in_batches(lambda: _deliveries_pruned(before)))

    def _before(self, name: str) -> datetime | None:
        found = self._settings.view(MODULE)[name]
        if found.problem:
            # The default might be shorter than what somebody meant: nothing goes by guess.
            log.warning("nothing is cleared away: %s cannot be used", name)
            return None
        return datetime.now(UTC) - timedelta(days=found.value)


def _in_batches(prune: Callable[[], int], full: int | None = None) -> int:
    total, until = 0, time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        pruned = prune()
        total += pruned
        if pruned < (full or BATCH):
            break
    return total


def _events_pruned(before: datetime, most: int) -> int:
    with db.transaction() as tx:
        place = event_log.place_of(tx.connection)
        first = sa.select(place.label("place"), _events.c.occurred_at).where(place.is_not(None))
        batch = tx.execute(first.order_by(place).limit(BATCH)).all()
        # Places are given a moment after times, and clocks are set: what precedes an old event is taken for old.
        last = max((row.place for row in batch if row.occurred_at < before), default=0)
        last = min(last, most)
        return tx.execute(sa.delete(_events).where(place <= last)).rowcount if last else 0


def _told_to_all(connection: Connection) -> int:
    """The place up to which nobody needs the log any more."""
    # The newest stays: from its number the next one is made.
    end, place = event_log.end(connection) - 1, event_log.place_of(connection)
    live = _is_live(connection)
    told = connection.execute(sa.select(sa.func.min(_subscribers.c.position)).where(live)).scalar()
    # Of each subscriber by its index.
    own = sa.and_(_deliveries.c.subscriber == _subscribers.c.name, _deliveries.c.state == WAITING)
    events = _deliveries.join(_events, _events.c.seq == _deliveries.c.event_seq)
    first = sa.select(sa.func.min(place)).select_from(events).where(own).correlate(_subscribers).scalar_subquery()
    needed = min((each for each in connection.execute(sa.select(first).where(live)).scalars() if each), default=None)
    return min(end, end if told is None else told, end if needed is None else needed - 1)


def _is_live(connection: Connection) -> sa.ColumnElement[bool]:
    """Whether a subscriber is waited for: a plugin that is installed, a webhook that is not paused for good."""
    since = datetime.now(UTC) - GONE
    active = sa.or_(_webhooks.c.paused_at.is_(None), _webhooks.c.paused_at >= since)
    webhooks = [f"{WEBHOOK}{each}" for each in connection.execute(sa.select(_webhooks.c.id).where(active)).scalars()]
    plugins = sa.and_(_subscribers.c.name.startswith(PLUGIN, autoescape=True), _subscribers.c.seen_at >= since)
    return sa.or_(plugins, _subscribers.c.name.in_(webhooks))


def _deliveries_pruned(before: datetime) -> int:
    old = (
        sa.select(_deliveries.c.seq)
        .where(_deliveries.c.created_at < before, _deliveries.c.finished_at < before, _deliveries.c.state != WAITING)
        .order_by(_deliveries.c.created_at)
        .limit(BATCH)
    )
    with db.transaction() as tx:
        return tx.execute(sa.delete(_deliveries).where(_deliveries.c.seq.in_(old))).rowcount
