"""The log is kept as long as the setting says, and longer for whoever was not told; deliveries for their own time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.db.changes import event, events
from tests.support.app import House, make_house
from webapp import db
from webapp.db import table
from webapp.models import Delivery, DeliveryAttempt, Lease, Subscriber, Webhook
from webapp.services.delivery import event_log, upkeep

subscribers = table(Subscriber)
deliveries = table(Delivery)
attempts = table(DeliveryAttempt)
webhooks = table(Webhook)
leases = table(Lease)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def old(inside: House) -> House:
    """A house with six events that are 400, 399, … days old, and one of today."""
    inside.write(sa.delete(events))
    for number in range(6):
        emit(str(number), NOW - (400 - number) * DAY)
    emit("today", NOW)
    event_log.place_new()
    return inside


def emit(name: str, at: datetime) -> None:
    with db.transaction() as tx:
        said = event(name)
        object.__setattr__(said, "occurred_at", at)
        tx.emit(said)


def kept(house: House) -> list[str]:
    mine = sa.select(events.c.subject_id).where(events.c.name == "SignedIn").order_by(events.c.seq)
    return [row.subject_id for row in house.query(mine)]


def place(house: House, name: str) -> int:
    with db.read() as connection:
        column = event_log.place_of(connection)
    found: int = house.query(sa.select(column).where(events.c.subject_id == name))[0][0]
    return found


def subscribe(house: House, name: str, position: int, seen_at: datetime = NOW) -> None:
    row = {"position": position, "created_at": NOW, "seen_at": seen_at, "delivered": 0, "failed": 0}
    house.write(sa.insert(subscribers).values(name=name, **row))


def hook(house: House, position: int, paused_at: datetime | None = None) -> str:
    made = uuid4()
    row: dict[str, Any] = {"url": "https://example.org", "description": "", "types": [], "sealed": "x", "failures": 0}
    row |= {"created_at": NOW, "updated_at": NOW, "paused_at": paused_at, "paused_reason": paused_at and "manual"}
    house.write(sa.insert(webhooks).values(id=made, **row))
    subscribe(house, f"webhook:{made}", position, NOW - 100 * DAY)
    return f"webhook:{made}"


def deliver(house: House, subscriber: str, state: str, days: float, event_seq: int | None = None) -> UUID:
    made, at = uuid4(), NOW - days * DAY
    if not house.query(sa.select(table(Subscriber).c.name).where(table(Subscriber).c.name == subscriber)):
        subscribe(house, subscriber, 0)
    row = {"id": made, "subscriber": subscriber, "receiver": "", "event_seq": event_seq, "event_id": uuid4()}
    row |= {"name": "SignedIn", "ordering_key": "SignedIn", "state": state, "attempts": 1, "created_at": at}
    house.write(sa.insert(deliveries).values(**row, finished_at=None if state == "waiting" else at))
    seq = house.query(sa.select(deliveries.c.seq).where(deliveries.c.id == made))[0][0]
    house.write(sa.insert(attempts).values(delivery_seq=seq, number=1, at=at, ms=1))
    return made


def configure(house: House, **values: object) -> None:
    house.services.settings.update(upkeep.MODULE, values)


# --- events ------------------------------------------------------------------------


def test_events_go_when_their_time_is_over(old: House) -> None:
    configure(old, retention_days=397)
    assert old.services.upkeep.prune_events() == 4
    assert kept(old) == ["4", "5", "today"]
    assert old.services.upkeep.prune_events() == 0


def test_a_year_is_kept_unless_something_else_is_set(old: House) -> None:
    assert old.services.upkeep.prune_events() == 6
    assert kept(old) == ["today"]


def test_the_newest_stays_however_old_it_is(old: House) -> None:
    """SQLite would give its number to the next one: a client that has read it would miss that."""
    old.write(sa.update(events).values(occurred_at=NOW - 400 * DAY))
    newest = place(old, "today")
    old.services.upkeep.prune_events()
    assert kept(old) == ["today"]
    emit("next", NOW)
    event_log.place_new()
    assert place(old, "next") == newest + 1


@pytest.mark.parametrize("kind", ["plugin", "webhook"])
def test_what_a_subscriber_was_not_told_of_stays(old: House, kind: str) -> None:
    if kind == "plugin":
        subscribe(old, "plugin:reports", place(old, "2"))
    else:
        hook(old, place(old, "2"))
    subscribe(old, "plugin:fast", place(old, "today"))
    assert old.services.upkeep.prune_events() == 3
    assert kept(old) == ["3", "4", "5", "today"]


def test_what_waits_to_be_told_again_stays(old: House) -> None:
    subscribe(old, "plugin:reports", place(old, "today"))
    [seq] = old.query(sa.select(events.c.seq).where(events.c.subject_id == "4"))[0]
    deliver(old, "plugin:reports", "waiting", 3, seq)
    assert old.services.upkeep.prune_events() == 4
    assert kept(old) == ["4", "5", "today"]


def test_what_was_given_up_holds_nothing_back(old: House) -> None:
    subscribe(old, "plugin:reports", place(old, "today"))
    [seq] = old.query(sa.select(events.c.seq).where(events.c.subject_id == "4"))[0]
    deliver(old, "plugin:reports", "parked", 3, seq)
    assert old.services.upkeep.prune_events() == 6


@pytest.mark.parametrize(("days", "gone"), [(29, 3), (31, 6)])
def test_a_webhook_that_is_paused_is_waited_for_a_month(old: House, days: int, gone: int) -> None:
    name = hook(old, place(old, "2"), NOW - days * DAY)
    [seq] = old.query(sa.select(events.c.seq).where(events.c.subject_id == "3"))[0]
    deliver(old, name, "waiting", 3, seq)
    assert old.services.upkeep.prune_events() == gone


def test_a_subscriber_that_belongs_to_nobody_holds_nothing_back(old: House) -> None:
    subscribe(old, f"webhook:{uuid4()}", 0)
    assert old.services.upkeep.prune_events() == 6


def test_the_log_is_cut_at_its_end_and_has_no_holes(old: House) -> None:
    """A clock that was wrong for a while neither stops the clearing nor makes holes."""
    old.write(sa.update(events).where(events.c.subject_id == "1").values(occurred_at=NOW + 4000 * DAY))
    old.write(sa.update(events).where(events.c.subject_id == "4").values(occurred_at=NOW))
    old.write(sa.update(events).where(events.c.subject_id == "5").values(occurred_at=NOW))
    assert old.services.upkeep.prune_events() == 4
    assert kept(old) == ["4", "5", "today"]


def test_much_is_cleared_in_pieces_and_not_all_at_once(old: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)
    with monkeypatch.context() as hurried:
        times = iter([0.0, 1.0, 59.0, 61.0])
        hurried.setattr(upkeep.time, "monotonic", lambda: next(times))
        assert old.services.upkeep.prune_events() == 4
    assert old.services.upkeep.prune_events() == 2
    assert kept(old) == ["today"]


def test_nothing_goes_by_guess(old: House) -> None:
    configure(old, retention_days=3650, delivery_retention_days=3650)
    deliver(old, "plugin:x", "parked", 2000)
    old.write(sa.text("UPDATE setting SET value = '\"x\"' WHERE module = 'activity'"))
    assert old.services.upkeep.run([]) == 0
    assert len(kept(old)) == 7
    assert old.count(Delivery) == 1


def test_an_empty_log_has_nothing_to_clear(old: House) -> None:
    old.write(sa.delete(events))
    assert old.services.upkeep.prune_events() == 0


def test_events_that_nobody_has_read_yet_go_too(inside: House) -> None:
    inside.write(sa.delete(events))
    for name in ("a", "b", "newest"):
        emit(name, NOW - 400 * DAY)
    assert inside.services.upkeep.prune_events() == 2
    assert kept(inside) == ["newest"]


# --- deliveries --------------------------------------------------------------------


def test_deliveries_go_with_their_attempts_when_their_time_is_over(old: House) -> None:
    gone = [deliver(old, "plugin:x", state, 31) for state in ("delivered", "parked")]
    stay = [
        deliver(old, "plugin:x", "waiting", 31),
        *(deliver(old, "plugin:x", s, 29) for s in ("delivered", "parked")),
    ]
    assert old.services.upkeep.prune_deliveries() == len(gone)
    assert {row.id for row in old.query(sa.select(deliveries.c.id))} == set(stay)
    assert old.count(DeliveryAttempt) == len(stay)


def test_a_delivery_that_was_sent_again_is_kept_from_then_on(old: House) -> None:
    again = deliver(old, "plugin:x", "delivered", 100)
    old.write(sa.update(deliveries).where(deliveries.c.id == again).values(finished_at=NOW - DAY))
    assert old.services.upkeep.prune_deliveries() == 0
    configure(old, delivery_retention_days=1)
    old.write(sa.update(deliveries).values(finished_at=NOW - 2 * DAY))
    assert old.services.upkeep.prune_deliveries() == 1


# --- plugins that are gone ------------------------------------------------------------


def test_a_plugin_that_is_gone_for_a_month_is_forgotten_and_holds_nothing_back(old: House) -> None:
    subscribe(old, "plugin:gone", 0, NOW - 31 * DAY)
    subscribe(old, "plugin:lately", place(old, "4"), NOW - 29 * DAY)
    deliver(old, "plugin:gone", "waiting", 40)
    old.write(sa.insert(leases).values(name="plugin:gone", holder="somebody", expires_at=NOW))
    old.services.upkeep.run([])
    assert {row.name for row in old.query(sa.select(subscribers.c.name))} == {"plugin:lately"}
    assert old.count(Delivery) == old.count(Lease) == 0
    assert kept(old) == ["5", "today"]


def test_a_plugin_that_is_installed_is_never_forgotten(old: House) -> None:
    """Also where nothing happened for a month, or the worker did not run."""
    subscribe(old, "plugin:quiet", place(old, "2"), NOW - 300 * DAY)
    old.services.upkeep.run(["plugin:quiet"])
    [row] = old.query(sa.select(subscribers))
    assert row.seen_at > NOW - DAY
    assert kept(old) == ["3", "4", "5", "today"]


def test_webhooks_are_not_forgotten(old: House) -> None:
    name = hook(old, 0, NOW - 300 * DAY)
    assert old.services.upkeep.forget_gone([]) == 0
    assert [row.name for row in old.query(sa.select(subscribers.c.name))] == [name]


def test_the_environment_can_set_how_long(sqlite_house: House) -> None:
    pinned = make_house(sqlite_house.config.data_dir, ACTIVITY_RETENTION_DAYS="1")
    with pinned.app.app_context():
        emit("old", NOW - 2 * DAY)
        emit("new", NOW)
        pinned.services.upkeep.prune_events()
        assert "old" not in kept(pinned)
    pinned.close()
