"""A webhook as somebody who is told of events; services/delivery does the telling."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.events import WebhookPaused
from webapp.db import table
from webapp.models import Webhook
from webapp.services.delivery import message
from webapp.services.delivery.targets import Logged, Outcome
from webapp.services.webhooks import deliveries, rows, schedule
from webapp.services.webhooks.sending import Sender

log = logging.getLogger(__name__)

GONE_SECONDS = 60.0
"""So long nothing is sent after a 410, for that to be written down; it may get lost on its way, with a lease."""

_webhooks = table(Webhook)


class WebhookTarget:
    """One webhook. What the row cannot tell fast enough (failures in a row) is kept in memory too."""

    concurrency = 8
    patience = 20.0
    keeps_all = True
    is_foreign = False

    def __init__(self, row: Any, sender: Sender) -> None:
        """Send to the address of this row."""
        self.id: UUID = row.id
        self.name = rows.subscriber(row.id)
        self._sender = sender
        self._lock = threading.Lock()
        self._row = row
        self._failures = self._noted = row.failures
        self._rests_until = 0.0
        self._asked_until = 0.0
        self._gone_until = 0.0
        self._is_deleted = False
        self.wanted = message.names_of(row.types)

    def update(self, row: Any) -> None:
        """The row as it is now."""
        with self._lock:
            before, self._row = self._row, row
            self.wanted = message.names_of(row.types)
            if row.updated_at != before.updated_at:
                self._gone_until = 0.0
            if row.failures < self._noted or row.url != before.url:
                # A message got through, or somebody wants it to be tried at once.
                self._failures, self._rests_until, self._asked_until = row.failures, 0.0, 0.0
            # It may be another node that has sent until now.
            self._failures = max(self._failures, row.failures)
            self._noted = row.failures

    def refresh(self, connection: Connection) -> None:
        """Read the row: what was paused, removed or changed a moment ago counts now."""
        row = connection.execute(sa.select(_webhooks).where(_webhooks.c.id == self.id)).first()
        if row is None:
            self._is_deleted = True
        else:
            self.update(row)

    def lock(self, tx: db.Transaction) -> bool:
        """Keep the row from others until the transaction ends."""
        own = sa.select(_webhooks.c.id).where(_webhooks.c.id == self.id).with_for_update()
        return tx.execute(own).first() is not None

    def receivers(self, name: str) -> tuple[str, ...]:
        """There is one."""
        del name
        return ("",)

    def call(self, receiver: str, logged: Logged, attempt: int) -> Outcome:
        """Send it, to where it is to be sent now."""
        del receiver, attempt
        with db.read() as connection:
            self.refresh(connection)
        with self._lock:
            row = self._row
            if self._is_deleted or row.paused_reason is not None:
                return Outcome(ok=False, at=datetime.now(UTC), ms=0, held=True)
        outcome = self._sender.send(row.id, row.url, row.sealed, logged)
        with self._lock:
            self._remember(outcome)
        return outcome

    def delay(self, attempts: int, outcome: Outcome, first_tried_at: datetime) -> float | None:
        """By the schedule."""
        return schedule.delay(attempts, outcome, first_tried_at)

    def width(self) -> int:
        """None while it is paused or rests, one at a time while it seems to be down."""
        with self._lock:
            if self._row.paused_reason is not None or self._is_deleted:
                return 0
            if time.monotonic() < max(self._rests_until, self._asked_until, self._gone_until):
                return 0
            return 1 if self._failures >= schedule.RESTS_AFTER else self.concurrency

    def note(self, tx: db.Transaction, outcomes: Sequence[tuple[Logged, Outcome]]) -> None:
        """Count failures in a row, and pause a webhook that is dead or gone."""
        own = _webhooks.c.id == self.id
        row = tx.execute(sa.select(_webhooks).where(own)).one()  # locked by now
        failures, since = row.failures, row.failing_since
        for _, outcome in outcomes:
            failures, since = (0, None) if outcome.ok else (failures + 1, since or outcome.at)
        last = outcomes[-1][1]
        values: dict[str, Any] = {"failures": failures, "failing_since": since}
        reason = "gone" if any(outcome.cause == "gone" for _, outcome in outcomes) else None
        if reason is None and schedule.is_dead(failures, since, last.at):
            reason = "dead"
        if reason is not None and row.paused_reason is None:
            values.update(paused_reason=reason, paused_at=last.at, updated_at=last.at)
            host = rows.host(row.url)
            tx.emit(WebhookPaused(webhook_id=str(self.id), host=host, reason=reason))
            log.warning("a webhook was paused", extra={"webhook": str(self.id), "host": host, "reason": reason})
        tx.execute(sa.update(_webhooks).where(own).values(values))
        tx.after_commit(partial(self._written, failures))
        if row.failures >= schedule.RESTS_AFTER and failures == 0:
            # It is back: what failed meanwhile need not wait for hours.
            deliveries.hurry(tx, self.name)

    def _written(self, failures: int) -> None:
        with self._lock:
            self._noted = failures

    def _remember(self, outcome: Outcome) -> None:
        now = time.monotonic()
        if outcome.ok:
            self._failures, self._rests_until = 0, 0.0
            return
        self._failures += 1
        self._rests_until = now + schedule.rest(self._failures)
        if outcome.cause == "gone":
            self._gone_until = now + GONE_SECONDS
        if outcome.retry_after:
            self._asked_until = now + outcome.retry_after
