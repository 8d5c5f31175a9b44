"""How deliveries went, written down: a batch and the cursor in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from webapp import db
from webapp.db import table
from webapp.models import Delivery, DeliveryAttempt, Subscriber
from webapp.services.delivery.targets import Logged, Outcome, Target
from webapp.services.failures import LONGEST_ERROR

WAITING, DELIVERED, PARKED = "waiting", "delivered", "parked"

_deliveries = table(Delivery)
_attempts = table(DeliveryAttempt)
_subscribers = table(Subscriber)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """The row of a delivery that is tried again."""

    seq: int
    receiver: str
    ordering_key: str
    attempts: int
    first_tried_at: datetime | None
    cause: str | None = None
    """Why the last attempt failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one event at one receiver; without ``outcome`` it was not tried, and waits."""

    logged: Logged
    receiver: str
    outcome: Outcome | None
    retried: Retried | None
    delay: float | None
    """Seconds to the next attempt; None: there is none."""

    @property
    def state(self) -> str:
        """What the row is from now on."""
        if self.outcome is None:
            return WAITING
        if self.outcome.ok:
            return DELIVERED
        return PARKED if self.delay is None else WAITING


def write(
    tx: db.Transaction, target: Target, results: Sequence[Result], position: int, hung_since: datetime | None
) -> bool:
    """Write down these results, in their order, and how far the target is; False: it is gone."""
    for result in results:
        if result.retried is not None:
            _update(tx, result, result.retried)
        elif target.keeps_all or result.state != DELIVERED:
            _insert(tx, target.name, result)
    tried = [(result.logged, result.outcome) for result in results if result.outcome is not None]
    own = sa.update(_subscribers).where(_subscribers.c.name == target.name)
    if not tx.execute(own.values(_seen(tried, position, hung_since))).rowcount:
        return False
    if tried:
        target.note(tx, tried)
    return True


def _seen(tried: list[tuple[Logged, Outcome]], position: int, hung_since: datetime | None) -> dict[str, Any]:
    """What changes in the row of the subscriber."""
    delivered = [outcome for _, outcome in tried if outcome.ok]
    failed = [outcome for _, outcome in tried if not outcome.ok]
    values: dict[str, Any] = {
        # Never backwards: whoever was told is not told again for that.
        "position": sa.case((_subscribers.c.position < position, position), else_=_subscribers.c.position),
        "seen_at": datetime.now(UTC),
        "delivered": _subscribers.c.delivered + len(delivered),
        "failed": _subscribers.c.failed + len(failed),
        "hung_since": hung_since,
    }
    if delivered:
        values["last_delivered_at"] = delivered[-1].at
    if failed:
        last = failed[-1]
        values["last_failed_at"] = last.at
        values["last_error"] = (last.error or last.cause or str(last.code or ""))[:LONGEST_ERROR]
    return values


def _insert(tx: db.Transaction, subscriber: str, result: Result) -> None:
    now, logged, outcome = datetime.now(UTC), result.logged, result.outcome
    row = {
        "id": uuid4(),
        "subscriber": subscriber,
        "receiver": result.receiver,
        "event_seq": logged.seq,
        "event_id": logged.event_id,
        "name": logged.name,
        "subject_id": logged.subject_id,
        "ordering_key": logged.ordering_key,
        "attempts": 0 if outcome is None else 1,
        "created_at": now,
        "first_tried_at": outcome and outcome.at,
        **_how(result, now),
    }
    seq = tx.execute(sa.insert(_deliveries).values(row).returning(_deliveries.c.seq)).scalar_one()
    _note_attempt(tx, seq, 1, result)


def _update(tx: db.Transaction, result: Result, retried: Retried) -> None:
    now, outcome = datetime.now(UTC), result.outcome
    if outcome is None:
        later = now + timedelta(seconds=result.delay or 0)
        tx.execute(sa.update(_deliveries).where(_deliveries.c.seq == retried.seq).values(due_at=later))
        return
    number = retried.attempts + 1
    row = {"attempts": number, "first_tried_at": retried.first_tried_at or outcome.at, **_how(result, now)}
    tx.execute(sa.update(_deliveries).where(_deliveries.c.seq == retried.seq).values(row))
    _note_attempt(tx, retried.seq, number, result)


def _how(result: Result, now: datetime) -> dict[str, Any]:
    state, outcome = result.state, result.outcome
    return {
        "state": state,
        "due_at": now + timedelta(seconds=result.delay or 0) if state == WAITING else None,
        "finished_at": None if state == WAITING else now,
        "code": outcome and outcome.code,
        "cause": outcome and outcome.cause,
    }


def _note_attempt(tx: db.Transaction, delivery_seq: int, number: int, result: Result) -> None:
    outcome = result.outcome
    if outcome is not None:
        attempt = {"number": number, "at": outcome.at, "ms": outcome.ms, "code": outcome.code, "cause": outcome.cause}
        tx.execute(sa.insert(_attempts).values(delivery_seq=delivery_seq, **attempt))
