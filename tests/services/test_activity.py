"""Admins read who did what, newest first, filtered, a page at a time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp.contracts.events import EVENT_TYPES
from webapp.db import EventRow, table
from webapp.services.activity import NOBODY, ActivityPage, EventOut, Wanted
from webapp.services.errors import ForbiddenError
from webapp.services.sessions import Client

rows = table(EventRow)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def page(house: House, **wanted: object) -> ActivityPage:
    return house.services.activity.list(house.admin, Wanted(**wanted))  # type: ignore[arg-type]


def seen(house: House, **wanted: object) -> list[tuple[str, str | None]]:
    return [(event.name, event.actor_name) for event in page(house, **wanted).items]


def forget(house: House) -> None:
    """Begin with an empty log: making the people of the tests is in it too."""
    house.write(sa.delete(rows))


def note(house: House, name: str = "SignedIn", **values: object) -> None:
    common = {"event_id": uuid4(), "name": name, "occurred_at": NOON, "payload": {}}
    house.write(sa.insert(rows).values({**common, **values}))


@pytest.fixture
def busy(inside: House) -> House:
    """A house in which four things were done by two people and one by nobody."""
    forget(inside)
    out = inside.upload(name="one.txt")
    inside.upload(inside.admin, name="two.txt")
    inside.services.files.rename(inside.admin, out.id, "three.txt")
    inside.services.files.trash(inside.uploader, out.id)
    inside.services.users.create("nobody made me", PASSWORD, "user")
    return inside


def test_the_newest_comes_first_with_all_that_was_written(busy: House) -> None:
    assert seen(busy) == [
        ("UserCreated", None),
        ("FileDeleted", "uploader"),
        ("FileRenamed", "admin"),
        ("FileUploaded", "admin"),
        ("FileUploaded", "uploader"),
    ]
    first = page(busy).items[-1]
    [row] = busy.query(sa.select(rows).order_by(rows.c.seq).limit(1))
    assert isinstance(first, EventOut)
    assert first.payload["filename"] == "one.txt"
    assert first.subject_id == first.payload["file_id"]
    assert (first.seq, first.occurred_at, first.request_id) == (row.seq, row.occurred_at, "test")
    assert UUID(first.actor_id or "") == busy.uploader.user_id


def test_only_those_who_may_read_it(inside: House) -> None:
    for caller in (inside.uploader, inside.caller("admin", "file_storage.manage")):
        with pytest.raises(ForbiddenError):
            inside.services.activity.list(caller, Wanted())


def test_of_several_kinds_any_is_shown(busy: House) -> None:
    assert seen(busy, names=("FileRenamed",)) == [("FileRenamed", "admin")]
    assert seen(busy, names=("FileRenamed", "UserCreated")) == [("UserCreated", None), ("FileRenamed", "admin")]
    assert len(page(busy, names=tuple(event.__name__ for event in EVENT_TYPES)).items) == 5


@pytest.mark.parametrize("names", [("Nonsense",), ("",), ("File\x00Renamed",)])
def test_an_unknown_kind_is_none(busy: House, names: tuple[str, ...]) -> None:
    assert page(busy, names=names).items == []
    assert seen(busy, names=(*names, "FileRenamed")) == [("FileRenamed", "admin")]


def test_a_person_is_found_by_name_and_by_id(busy: House) -> None:
    theirs = [("FileDeleted", "uploader"), ("FileUploaded", "uploader")]
    for actor in ("uploader", "UPLOADER", str(busy.uploader.user_id), busy.uploader.user_id.hex):
        assert seen(busy, actor=actor) == theirs, actor
    assert seen(busy, actor="uploader", names=("FileDeleted", "FileRenamed")) == theirs[:1]


def test_what_nobody_did_can_be_asked_for(busy: House) -> None:
    assert seen(busy, actor=NOBODY) == [("UserCreated", None)]


@pytest.mark.parametrize("actor", ["not there", "a\x00b", "\ud800", str(UUID(int=7)), "%"])
def test_an_unknown_person_did_nothing(busy: House, actor: str) -> None:
    assert page(busy, actor=actor) == ActivityPage(items=[], older=None)


def test_what_a_deleted_account_did_is_still_found_by_its_name(busy: House) -> None:
    busy.services.users.delete(busy.uploader.user_id)
    busy.services.users.create("uploader", PASSWORD, "user")
    busy.upload(busy.caller("uploader"))
    assert [name for name, _ in seen(busy, actor="uploader")] == ["FileUploaded", "FileDeleted", "FileUploaded"]


@pytest.mark.parametrize("wanted", [{}, {"actor": "admin"}, {"names": ("SignedIn", "FileUploaded")}])
def test_pages_follow_one_another_without_repeating_or_skipping(inside: House, wanted: dict[str, object]) -> None:
    forget(inside)
    admin = inside.admin
    for number in range(23):
        note(inside, actor_id=str(admin.user_id), actor_name="admin", payload={"username": str(number)})
    found, before, pages = [], None, 0
    while True:
        part = page(inside, limit=5, before=before, **wanted)
        found += [event.payload["username"] for event in part.items]
        note(inside, actor_id=str(admin.user_id), payload={"username": "newcomer"})
        pages += 1
        if part.older is None:
            break
        before = part.older
    assert found == [str(number) for number in range(22, -1, -1)]
    assert pages == 5


def test_a_last_page_that_is_full_says_it_is_the_last(inside: House) -> None:
    forget(inside)
    for _ in range(10):
        note(inside)
    assert page(inside, limit=10).older is None
    assert page(inside, limit=9).older is not None


@pytest.mark.parametrize(("limit", "got"), [(0, 1), (-5, 1), (10**9, 200)])
def test_a_page_has_its_bounds(inside: House, limit: int, got: int) -> None:
    like = {"name": "SignedIn", "occurred_at": NOON, "payload": {}}
    inside.write(sa.insert(rows).values([{**like, "event_id": uuid4()} for _ in range(201)]))
    assert len(page(inside, limit=limit).items) == got


@pytest.mark.parametrize("before", [0, -1, 10**30])
def test_an_odd_place_to_go_on_from_is_no_error(busy: House, before: int) -> None:
    assert len(page(busy, before=before).items) == (5 if before > 0 else 0)


def test_a_span_of_time_has_both_its_ends(inside: House) -> None:
    forget(inside)
    for hour in range(24):
        note(inside, occurred_at=NOON + timedelta(hours=hour), payload={"username": str(hour)})

    def hours(**wanted: object) -> list[int]:
        return [int(event.payload["username"]) for event in page(inside, **wanted).items]

    at = [NOON + timedelta(hours=hour) for hour in range(24)]
    assert hours(since=at[20]) == [23, 22, 21, 20]
    assert hours(until=at[2]) == [2, 1, 0]
    assert hours(since=at[5], until=at[7]) == [7, 6, 5]
    assert hours(since=at[7], until=at[5]) == []
    assert hours(since=at[23] + timedelta(seconds=1)) == []
    assert hours(until=at[0] - timedelta(seconds=1)) == []
    assert len(hours(since=datetime.min.replace(tzinfo=UTC), until=datetime.max.replace(tzinfo=UTC))) == 24
    assert hours(since=at[3], until=at[9], limit=2) == [9, 8]


def test_neighbours_that_were_written_in_the_other_order_are_not_lost(inside: House) -> None:
    """An event gets its time when it happens and its number when it is written."""
    forget(inside)
    for second in (0, 30, 10, 20, 50, 40):
        note(inside, occurred_at=NOON + timedelta(seconds=second), payload={"username": str(second)})
    found = page(inside, since=NOON + timedelta(seconds=20), until=NOON + timedelta(seconds=40)).items
    assert [event.payload["username"] for event in found] == ["40", "20", "30"]


def test_an_empty_log_is_an_empty_page(inside: House) -> None:
    forget(inside)
    empty = ActivityPage(items=[], older=None)
    for wanted in ({}, {"text": "a"}, {"since": NOON}, {"until": NOON}, {"actor": "admin"}, {"names": ("SignedIn",)}):
        assert page(inside, **wanted) == empty


def test_signing_in_tells_the_address(inside: House) -> None:
    inside.services.sessions.sign_in("uploader", PASSWORD, Client("192.0.2.77"))
    assert page(inside).items[0].payload["address"] == "192.0.2.77"
