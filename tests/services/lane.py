"""A target that remembers, and a lane that tells it step by step."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.support.app import House
from webapp import db
from webapp.db import table
from webapp.models import Delivery
from webapp.services.delivery import event_log, leases
from webapp.services.delivery.lanes import Lane
from webapp.services.delivery.suspects import Suspects
from webapp.services.delivery.targets import Logged, Outcome, Target

deliveries = table(Delivery)


def well(receiver: str, logged: Logged) -> Outcome:
    return Outcome(ok=True, at=datetime.now(UTC), ms=0)


def badly(receiver: str, logged: Logged) -> Outcome:
    return Outcome(ok=False, at=datetime.now(UTC), ms=0, cause="error", error="no")


class Listener:
    """A target that remembers."""

    wanted: frozenset[str] | None = frozenset({"FileUploaded"})
    concurrency = 4
    patience = 10.0
    keeps_all = False
    is_foreign = True

    def __init__(self, name: str = "plugin:listener") -> None:
        self.name = name
        self.named = ("listen",)
        self.outcome: Callable[[str, Logged], Outcome] = well
        self.heard: list[tuple[str, float]] = []
        self.pause = 0.0
        self.delays = [1.0] * 5
        self.open = True

    def refresh(self, connection: Connection) -> None:
        pass

    def lock(self, tx: db.Transaction) -> bool:
        return True

    def receivers(self, name: str) -> tuple[str, ...]:
        return self.named

    def call(self, receiver: str, logged: Logged, attempt: int) -> Outcome:
        time.sleep(self.pause)
        outcome = self.outcome(receiver, logged)
        self.heard.append((str(logged.payload["file_id"]), time.monotonic()))
        return outcome

    def delay(self, attempts: int, outcome: Outcome, first_tried_at: datetime) -> float | None:
        return self.delays[attempts - 1] if attempts <= len(self.delays) else None

    def width(self) -> int:
        return self.concurrency if self.open else 0

    def note(self, tx: db.Transaction, outcomes: Sequence[tuple[Logged, Outcome]]) -> None:
        pass


def lane_of(house: House, target: Target, suspects: Suspects | None = None) -> Lane:
    house.services.delivery.subscribe([target.name])
    leases.take([target.name], "node")
    lane = Lane(target, "node", house.app.app_context, suspects)
    lane.open()
    return lane


def log_end() -> int:
    """Where the log ends."""
    event_log.place_new()
    with db.read() as connection:
        return event_log.end(connection)


def in_log(after: int, names: Sequence[str] | None = None) -> list[Logged]:
    """What follows in the log."""
    event_log.place_new()
    with db.read() as connection:
        return event_log.read(connection, after, 100, names)


def go_on(lane: Lane, seconds: float = 20.0) -> None:
    """Tell what can be told now."""
    lane.wake(log_end())
    until = time.monotonic() + seconds
    while lane.step(look=True) and time.monotonic() < until:
        time.sleep(0.002)


def states(house: House) -> list[str]:
    return [row.state for row in house.query(sa.select(deliveries.c.state).order_by(deliveries.c.seq))]


def all_due(house: House) -> None:
    """Time passes until everything that waits is due."""
    house.write(sa.update(deliveries).where(deliveries.c.state == "waiting").values(due_at=datetime.now(UTC)))
