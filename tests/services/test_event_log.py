"""The log has one order, without gaps, whoever commits first."""

import threading
from dataclasses import fields
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.services.lane import in_log, log_end
from tests.support.app import House
from webapp import db
from webapp.contracts.events import Event, FileRestored, SignedIn
from webapp.db import EventRow, table
from webapp.services.delivery import event_log

events = table(EventRow)


def signed_in(name: str) -> SignedIn:
    return SignedIn(user_id=str(uuid4()), username=name, address="192.0.2.1")


def names(house: House, after: int) -> list[str]:
    with house.app.app_context():
        found = in_log(after)
    return [logged.payload["username"] for logged in found]


def end(house: House) -> int:
    with house.app.app_context():
        return log_end()


def test_events_are_read_from_a_place_on(house: House) -> None:
    start = end(house)
    with house.app.app_context():
        for name in ("first", "second", "third"):
            with db.transaction() as tx:
                tx.emit(signed_in(name))
        assert names(house, start) == ["first", "second", "third"]
        [second] = in_log(start, ["SignedIn"])[1:2]
    assert names(house, second.position) == ["third"]


def test_events_of_files_say_all_there_is_to_say(inside: House) -> None:
    """Their fields have defaults for others, and none of them is to end up in the log."""
    start = end(inside)
    file, files = inside.upload(), inside.services.files
    files.rename(inside.admin, file.id, "other.bin")
    files.trash(inside.admin, file.id)
    files.restore(inside.admin, file.id)
    files.purge(inside.admin, file.id)
    told = in_log(start)
    assert [each.name for each in told] == [
        *("FileUploaded", "FileRenamed", "FileDeleted", "FileRestored", "FileDeleted", "FilePurged")
    ]
    expected = {field.name for field in fields(FileRestored)} - {field.name for field in fields(Event)}
    for each in told:
        assert {name for name, value in each.payload.items() if value not in ("", 0, None)} >= expected, each.name


def test_who_commits_last_comes_last_whichever_number_was_taken_first(postgres_house: House) -> None:
    """A reader that was at the second event would never see the first one otherwise."""
    house = postgres_house
    start = end(house)
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with house.app.app_context(), db.transaction() as tx:
            tx.emit(signed_in("took its number first"))
            began.set()
            go_on.wait(20)

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(20)
    with house.app.app_context(), db.transaction() as tx:
        tx.emit(signed_in("was committed first"))
    assert names(house, start) == ["was committed first"]
    reader = end(house)
    go_on.set()
    thread.join()
    assert names(house, reader) == ["took its number first"]
    numbers = house.query(sa.select(events.c.seq).where(events.c.position > start).order_by(events.c.position))
    assert numbers[0].seq > numbers[1].seq, "the numbers were in no other order: nothing was tested"


def test_many_readers_at_once_give_each_event_one_place(postgres_house: House) -> None:
    house = postgres_house
    start = end(house)

    def write() -> None:
        for number in range(20):
            with db.transaction() as tx:
                tx.emit(signed_in(str(number)))

    def look() -> None:
        for _ in range(20):
            event_log.place_new()

    failures = [each for each in house.together(write, look, write, look, write, look) if each is not None]
    assert not failures
    house.together(look)
    places = [row.position for row in house.query(sa.select(events.c.position).where(events.c.position > start))]
    assert sorted(places) == list(range(start + 1, start + 61))


def test_more_events_than_are_placed_at_once(postgres_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MOST_PLACED", 3)
    start = end(postgres_house)
    with postgres_house.app.app_context(), db.transaction() as tx:
        for number in range(10):
            tx.emit(signed_in(str(number)))
    assert names(postgres_house, start) == [str(number) for number in range(10)]


def test_whoever_vanishes_while_giving_places_does_not_keep_others_from_it(
    postgres_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = postgres_house
    monkeypatch.setattr(event_log, "PLACING_IDLE", "300ms")
    start = end(house)
    holds, go_on = threading.Event(), threading.Event()

    def vanish(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "pg_advisory_xact_lock" in statement and not holds.is_set():
            holds.set()
            go_on.wait(10)

    def place_later() -> None:
        assert holds.wait(10)
        event_log.place_new()
        go_on.set()

    with house.app.app_context():
        engine = db.db.engine
        with db.transaction() as tx:
            tx.emit(signed_in("somebody"))
    sa.event.listen(engine, "after_cursor_execute", vanish)
    try:
        vanished, other = house.together(event_log.place_new, place_later)
    finally:
        sa.event.remove(engine, "after_cursor_execute", vanish)
    assert isinstance(vanished, sa.exc.DBAPIError), "the other one had to wait for it"
    assert other is None
    assert names(house, start) == ["somebody"]


@pytest.mark.parametrize(
    "row", [{"name": "GoneKind", "payload": {}}, {"name": "SignedIn", "payload": {"user_id": "only this"}}]
)
def test_an_event_that_cannot_be_read_is_passed_over(house: House, row: dict[str, Any]) -> None:
    start = end(house)
    with house.app.app_context():
        with db.transaction() as tx:
            tx.emit(signed_in("x"))
        house.write(sa.update(events).where(events.c.name == "SignedIn").values(row))
        [logged] = in_log(start)
        assert event_log.event_of(logged) is None
