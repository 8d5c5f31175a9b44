"""A lane: what it does with receivers that hang or fail, and with what is due again."""

import threading
import time
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.services.lane import Listener, all_due, badly, deliveries, go_on, lane_of, log_end, states, well
from tests.support.app import House
from webapp import db
from webapp.db import EventRow, table
from webapp.models import Subscriber
from webapp.services.delivery import lanes, rows
from webapp.services.delivery.targets import Logged, Outcome

subscribers = table(Subscriber)


@pytest.fixture
def listener() -> Listener:
    return Listener()


def position(house: House) -> int:
    found: int = house.query(sa.select(subscribers.c.position).where(subscribers.c.name == "plugin:listener"))[0][0]
    return found


# --- receivers that hang --------------------------------------------------------------


def hanging(listener: Listener, gate: threading.Event, receiver: str = "listen") -> None:
    def outcome(called: str, logged: Logged) -> Outcome:
        if called == receiver:
            gate.wait(30)
        return well(called, logged)

    listener.outcome, listener.patience = outcome, 0.1


def test_what_a_hanging_receiver_was_not_called_for_is_kept_for_it(
    inside: House, listener: Listener, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging(listener, gate)
    lane = lane_of(inside, listener)
    files = [str(inside.upload().id) for _ in range(20)]
    go_on(lane)
    for _ in range(8):  # as often as it would be given up
        all_due(inside)
        go_on(lane)
    called = inside.query(sa.select(deliveries.c.attempts).where(deliveries.c.attempts > 0))
    assert len(called) < len(files)
    uncalled = sa.select(deliveries.c.state).where(deliveries.c.attempts == 0)
    assert {row.state for row in inside.query(uncalled)} == {"waiting"}
    gate.set()
    listener.outcome = well
    time.sleep(0.1)
    for _ in range(5):
        all_due(inside)
        go_on(lane)
    assert {file for file, _ in listener.heard} >= {str(each) for each in files[4:]}


def test_how_long_a_receiver_is_stuck_is_known(inside: House, listener: Listener, gate: threading.Event) -> None:
    hanging(listener, gate)
    lane = lane_of(inside, listener)
    for _ in range(lanes.MOST_HUNG + 2):
        inside.upload()
    go_on(lane)
    lane.step()
    assert lane.stuck_since is not None
    gate.set()
    time.sleep(0.2)
    lane.step()
    assert lane.stuck_since is None


def test_behind_a_receiver_that_hangs_the_log_waits_instead_of_filling_the_database(
    inside: House, listener: Listener, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_WAITING", 6)
    hanging(listener, gate)
    lane = lane_of(inside, listener)
    files = [str(inside.upload().id) for _ in range(30)]
    go_on(lane)
    before = position(inside)
    assert len(states(inside)) < 30
    gate.set()
    listener.outcome = well
    time.sleep(0.1)
    for _ in range(4):
        all_due(inside)
        go_on(lane)
    assert {file for file, _ in listener.heard} == set(files)
    assert position(inside) > before


def test_one_receiver_that_fails_does_not_take_the_tries_of_another(
    inside: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_WAITING", 5)
    listener.named = ("broken", "healthy")
    failing = {"broken"}
    listener.outcome = lambda receiver, logged: (badly if receiver in failing else well)(receiver, logged)
    lane = lane_of(inside, listener)
    for _ in range(8):
        inside.upload()
    go_on(lane)
    assert states(inside).count("parked") == 3, "of the broken one as many as it may have"
    failing.add("healthy")
    inside.upload()
    go_on(lane)
    last = inside.query(sa.select(deliveries.c.state).where(deliveries.c.receiver == "healthy"))
    assert [row.state for row in last] == ["waiting"]


# --- what is due again ----------------------------------------------------------------


def test_a_delivery_whose_event_is_gone_does_not_end_the_others(inside: House, listener: Listener) -> None:
    listener.outcome, listener.keeps_all = badly, True
    lane = lane_of(inside, listener)
    inside.upload()
    inside.upload()
    go_on(lane)
    [first, _] = [row.event_seq for row in inside.query(sa.select(deliveries.c.event_seq).order_by(deliveries.c.seq))]
    inside.write(sa.delete(table(EventRow)).where(table(EventRow).c.seq == first))
    listener.outcome = well
    listener.heard.clear()
    all_due(inside)
    go_on(lane)
    assert states(inside) == ["parked", "delivered"]
    assert len(listener.heard) == 1
    inside.write(sa.update(deliveries).where(deliveries.c.state == "delivered").values(state="waiting"))
    all_due(inside)
    go_on(lane)
    assert states(inside) == ["parked", "delivered"], "it looks for more"


def test_what_is_due_again_comes_before_what_is_new(inside: House, listener: Listener) -> None:
    """One call at a time to somebody who seems to be down: it has to be one of those that wait."""
    listener.outcome = badly
    lane = lane_of(inside, listener)
    old = str(inside.upload().id)
    go_on(lane)
    listener.heard.clear()
    listener.open = False
    for _ in range(lanes.READ_AHEAD):
        inside.upload()
    listener.open, listener.concurrency, listener.outcome = True, 1, well
    all_due(inside)
    go_on(lane)
    assert listener.heard[0][0] == old


def test_one_that_was_sent_again_lets_nobody_overtake_what_waits(inside: House, listener: Listener) -> None:
    """It was not counted among those that wait, so its end must not count either."""
    listener.wanted = frozenset({"FileUploaded", "FileDeleted", "FileRestored"})
    told: list[str] = []
    failing = {"FileDeleted"}

    def outcome(receiver: str, logged: Logged) -> Outcome:
        if logged.name in failing:
            return badly(receiver, logged)
        told.append(logged.name)
        return well(receiver, logged)

    listener.outcome, listener.keeps_all = outcome, True
    lane = lane_of(inside, listener)
    file = inside.upload()
    go_on(lane)
    inside.services.files.trash(inside.uploader, file.id)
    go_on(lane)
    later = datetime.now(UTC) + timedelta(hours=1)
    inside.write(sa.update(deliveries).where(deliveries.c.name == "FileDeleted").values(due_at=later))
    again = {"state": "waiting", "due_at": datetime.now(UTC)}
    inside.write(sa.update(deliveries).where(deliveries.c.name == "FileUploaded").values(**again))
    inside.services.files.restore(inside.uploader, file.id)
    lane._commit_again = time.monotonic() + 0.5  # nothing is written down meanwhile
    go_on(lane, 0.4)
    lane._commit_again = 0.0
    go_on(lane)
    assert "FileRestored" not in told


def test_looking_for_what_is_due_does_not_go_through_what_was_delivered(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_house.app.app_context():
        asked: list[tuple[str, Any]] = []
        engine = db.db.engine
        sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
        with db.transaction() as tx:
            monkeypatch.setattr(db, "read", lambda: nullcontext(tx.connection))
            rows.due("webhook:x", 25)
            statement, parameters = next(each for each in asked if "NOT (EXISTS" in each[0])
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    inner = [row.detail for row in plan if "earlier" in row.detail]
    assert inner
    assert all("ix_delivery_waiting" in each for each in inner), inner


# --- wishes and ends --------------------------------------------------------------------


class Choosy(Listener):
    """Changes its mind while nobody looks."""

    chosen: frozenset[str] = frozenset({"FileDeleted"})

    def refresh(self, connection: Connection) -> None:
        self.wanted = self.chosen


def test_events_are_judged_by_the_wishes_of_now(inside: House) -> None:
    listener = Choosy()
    lane = lane_of(inside, listener)
    go_on(lane)
    listener.chosen = frozenset({"FileUploaded"})
    inside.upload()
    go_on(lane)
    assert len(listener.heard) == 1


def test_what_is_not_to_be_told_now_is_told_later_and_in_order(inside: House, listener: Listener) -> None:
    def held(receiver: str, logged: Logged) -> Outcome:
        listener.open = False
        return Outcome(ok=False, at=datetime.now(UTC), ms=0, held=True)

    listener.outcome = held
    lane = lane_of(inside, listener)
    before = position(inside)
    files = [str(inside.upload().id) for _ in range(3)]
    go_on(lane, 1)
    assert states(inside) == []
    assert position(inside) == before
    listener.heard.clear()
    listener.open, listener.outcome = True, well
    go_on(lane)
    assert sorted(file for file, _ in listener.heard) == sorted(files)


def test_nothing_is_written_for_a_subscriber_that_is_gone(inside: House, listener: Listener) -> None:
    listener.keeps_all = True
    lane = lane_of(inside, listener)
    inside.upload()
    inside.write(sa.delete(subscribers))
    with pytest.raises(lanes.LeaseLostError):
        go_on(lane)
    assert states(inside) == []


def test_a_webhook_that_is_gone_is_not_enlisted_again(inside: House) -> None:
    lane = lanes.Lane(Listener("webhook:gone"), "node", inside.app.app_context)
    with pytest.raises(lanes.LeaseLostError):
        lane.open()
    assert not inside.query(sa.select(subscribers.c.name).where(subscribers.c.name == "webhook:gone"))


def test_a_log_that_grows_without_anything_to_tell_is_not_written_down_all_the_time(
    inside: House, listener: Listener
) -> None:
    listener.wanted = frozenset({"UserCreated"})
    lane = lane_of(inside, listener)
    lane._committed = time.monotonic()
    before = position(inside)
    for _ in range(5):
        inside.upload()
        lanes.event_log.place_new()
        with db.read() as connection:
            lane.wake(lanes.event_log.end(connection))
        lane.step()
    assert position(inside) == before
    lane._committed -= lanes.CURSOR_SECONDS
    lane.step()
    assert position(inside) > before


def test_a_database_that_fails_for_a_moment_takes_no_tries_away(
    inside: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.outcome = badly
    lane = lane_of(inside, listener)
    for _ in range(lanes.READ_AHEAD):  # as many as are looked for at once
        inside.upload()
    go_on(lane)
    listener.outcome = well

    def fail(*_: object) -> Any:
        raise sa.exc.OperationalError("SELECT", {}, Exception("the connection is lost"))

    all_due(inside)
    with monkeypatch.context() as broken:
        broken.setattr(rows, "waiting", fail)
        lane.wake(log_end())
        for _ in range(50):
            with suppress(sa.exc.OperationalError):  # as Lane.run does
                lane.step(look=True)
            time.sleep(0.002)
    inside.write(sa.update(deliveries).values(state="waiting", due_at=datetime.now(UTC)))
    time.sleep(lanes.RETRY_COMMIT_SECONDS)
    go_on(lane)
    assert set(states(inside)) == {"delivered"}


def test_what_an_admin_wants_tried_again_is_found_though_nothing_was_waiting(
    inside: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "IDLE_LOOK_SECONDS", 0.05)
    listener.outcome, listener.delays = badly, []
    lane = lane_of(inside, listener)
    inside.upload()
    go_on(lane)
    assert states(inside) == ["parked"]
    listener.outcome = well
    inside.write(sa.update(deliveries).values(state="waiting", attempts=0, due_at=datetime.now(UTC)))
    time.sleep(0.1)
    until = time.monotonic() + 10
    while states(inside) != ["delivered"] and time.monotonic() < until:
        lane.step()
        time.sleep(0.01)
    assert states(inside) == ["delivered"]
