"""Clients follow the log: every event, once, in order, from wherever they were."""

import base64
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from tests.architecture.sources import ROOT
from tests.db.changes import event, events
from tests.support.app import House
from webapp import config, db
from webapp.app import create_app
from webapp.services.delivery import feed
from webapp.services.delivery.feed import FeedPage
from webapp.services.errors import CursorExpiredError, ForbiddenError, RateLimitedError, ValidationError
from webapp.services.sessions import Client


@pytest.fixture
def empty(inside: House) -> House:
    """A house whose log begins with the test."""
    inside.write(sa.delete(events))
    return inside


def emit(*names: str) -> None:
    for name in names:
        with db.transaction() as tx:
            tx.emit(event(name))


def read(house: House, after: str = "", *types: str, **options: int) -> FeedPage:
    return house.services.feed.read(house.admin, after, types, **options)


def told(page: FeedPage) -> list[str]:
    return [each.get("subject", each["type"]) for each in page.items]


def walked(house: House, after: str = "", *types: str, limit: int = 100) -> Iterator[FeedPage]:
    while True:
        page = read(house, after, *types, limit=limit)
        yield page
        if not page.has_more:
            return
        after = page.cursor


def made(place: object, mark: object = "") -> str:
    return base64.urlsafe_b64encode(orjson.dumps([place, mark])).decode().rstrip("=")


def test_events_come_in_the_order_of_their_commits(empty: House) -> None:
    emit("a", "b", "c")
    page = read(empty)
    assert told(page) == ["a", "b", "c"]
    assert not page.has_more


def test_an_event_says_what_the_change_was(empty: House) -> None:
    file = empty.upload(name="report.pdf")
    [item] = read(empty).items
    assert item["type"] == "file_storage.file.uploaded"
    assert item["subject"] == str(file.id)
    assert item["data"]["filename"] == "report.pdf"
    assert item["data"]["actor_name"] == "uploader"
    [row] = empty.query(sa.select(events.c.event_id))
    assert item["id"] == str(row.event_id)


def test_pages_follow_one_another_without_repeating_or_skipping(empty: House) -> None:
    emit(*(str(number) for number in range(7)))
    pages = list(walked(empty, limit=3))
    assert [told(page) for page in pages] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_full_last_page_says_it_is_the_last(empty: House) -> None:
    emit("a", "b")
    assert not read(empty, limit=2).has_more
    assert read(empty, limit=1).has_more


def test_where_nothing_is_new_there_is_a_cursor_all_the_same(empty: House) -> None:
    first = read(empty)
    assert (first.items, first.has_more) == ([], False)
    emit("a")
    second = read(empty, first.cursor)
    assert told(second) == ["a"]
    third = read(empty, second.cursor)
    assert (third.items, third.has_more) == ([], False)
    emit("b")
    assert told(read(empty, third.cursor)) == ["b"]


def test_one_can_begin_at_the_end(empty: House) -> None:
    emit("a", "b")
    page = read(empty, "latest")
    assert page.items == []
    emit("c")
    assert told(read(empty, page.cursor)) == ["c"]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["file_storage.file.uploaded"], ["file_storage.file.uploaded"]),
        (["FileUploaded", "SignedIn"], ["file_storage.file.uploaded", "account.session.signed_in"]),
        (["file_storage.file.*"], ["file_storage.file.uploaded", "file_storage.file.deleted"]),
        (["account.*"], ["account.session.signed_in"]),
        (["TokenCreated"], []),
        (["*"], ["file_storage.file.uploaded", "account.session.signed_in", "file_storage.file.deleted"]),
    ],
)
def test_it_is_narrowed_to_kinds_of_events(empty: House, types: list[str], expected: list[str]) -> None:
    file = empty.upload()
    empty.services.sessions.sign_in("uploader", "correct horse battery staple", Client("192.0.2.77"))
    empty.services.files.trash(empty.uploader, file.id)
    assert [item["type"] for item in read(empty, "", *types).items] == expected


@pytest.mark.parametrize("kind", ["nothing", "File*", "file_storage.file", "", "file_storage..*", "a\x00.*"])
def test_what_is_no_kind_of_event_is_refused(empty: House, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(empty, "", kind)
    assert "type" in caught.value.errors


def test_a_cursor_is_good_for_other_kinds_too(empty: House) -> None:
    emit("a")
    cursor = read(empty, "", "FileUploaded").cursor
    emit("b")
    assert told(read(empty, cursor)) == ["b"]


def test_rare_kinds_are_looked_for_a_bounded_way_at_a_time(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "EXAMINED", 10)
    emit(*(str(number) for number in range(25)))
    empty.upload()
    pages = list(walked(empty, "", "FileUploaded"))
    assert [len(page.items) for page in pages] == [0, 0, 1]


def test_an_event_of_a_kind_that_is_not_known_any_more_is_told(empty: House) -> None:
    emit("a")
    empty.write(sa.update(events).values(name="Plugged", payload={"x": [1]}, subject_id=None))
    [item] = read(empty).items
    assert item["data"] == {"x": [1], "actor_id": None, "actor_name": None}


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "ä", "\ud800", "a\x00", "W10", made(1)[:-3], made(-1), made(2**63), made(*[True]), made(1.5), made("1"),
        made(1, 2), made(None), base64.urlsafe_b64encode(b'{"a":1,"b":""}').decode(), "9" * 1000, "LATEST",
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(empty: House, cursor: str) -> None:
    with pytest.raises(ValidationError):
        read(empty, cursor)


def test_a_cursor_from_before_what_is_kept_is_refused_and_the_next_one_is_not(empty: House) -> None:
    emit("a", "b", "c", "d")
    first, second = read(empty, limit=1).cursor, read(empty, limit=2).cursor
    places = [row.seq for row in empty.query(sa.select(events.c.seq).order_by(events.c.seq))]
    empty.write(sa.delete(events).where(events.c.seq <= places[1]))
    with pytest.raises(CursorExpiredError):
        read(empty, first)
    assert told(read(empty, second)) == ["c", "d"], "nothing that follows it is gone"
    assert told(read(empty)) == ["c", "d"]


def test_a_cursor_of_the_empty_log_expires_like_any_other(empty: House) -> None:
    cursor = read(empty).cursor
    emit("a", "b", "c")
    assert told(read(empty, cursor)) == ["a", "b", "c"]
    first = empty.query(sa.select(sa.func.min(events.c.seq)))[0][0]
    empty.write(sa.delete(events).where(events.c.seq == first))
    with pytest.raises(CursorExpiredError):
        read(empty, cursor)


def test_a_database_that_was_put_back_is_noticed(empty: House) -> None:
    """Its numbers begin again: a client that went on from its cursor would miss what got them the second time."""
    emit("a", "b", "c")
    cursor = read(empty).cursor
    last = empty.query(sa.select(sa.func.max(events.c.seq)))[0][0]
    empty.write(sa.delete(events).where(events.c.seq == last))
    with pytest.raises(CursorExpiredError):
        read(empty, cursor)
    emit("instead of c")
    with pytest.raises(CursorExpiredError):
        read(empty, cursor)


def test_only_those_who_may_see_what_others_do_may_follow(empty: House) -> None:
    with pytest.raises(ForbiddenError):
        empty.services.feed.read(empty.uploader, "")


@pytest.mark.parametrize(("limit", "got"), [(0, 1), (-5, 1), (10**9, 1000)])
def test_a_page_has_its_bounds(empty: House, limit: int, got: int) -> None:
    with db.transaction() as tx:
        for _ in range(1001):
            tx.emit(event("a"))
    assert len(read(empty, limit=limit).items) == got


# --- waiting -----------------------------------------------------------------------


def test_whoever_waits_is_told_soon(empty: House) -> None:
    cursor = read(empty).cursor

    def later() -> None:
        with empty.app.app_context():
            time.sleep(0.3)
            emit("a")

    writer = threading.Thread(target=later)
    writer.start()
    started = time.monotonic()
    page = read(empty, cursor, wait=10)
    assert told(page) == ["a"]
    assert time.monotonic() - started < 5
    writer.join()
    assert read(empty, page.cursor).items == []


def test_what_nobody_waits_for_ends_no_wait(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.05)
    cursor = read(empty).cursor
    emit("a")
    started = time.monotonic()
    page = read(empty, cursor, "FileUploaded", wait=1)
    assert page.items == []
    assert 1 <= time.monotonic() - started < 5
    assert read(empty, page.cursor).items == [], "it went on behind what was seen"


def test_no_more_than_some_wait_at_once(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.05)
    service = empty.services.feed
    for _ in range(feed.MOST_WAITING):
        assert service._waiting.acquire(blocking=False)
    cursor = read(empty).cursor
    with pytest.raises(RateLimitedError) as caught:
        read(empty, cursor, wait=1)
    assert caught.value.data == {"retry_after": feed.RETRY_SECONDS}
    emit("a")
    assert told(read(empty, cursor, wait=1)) == ["a"], "whoever has something to read does not wait"
    service._waiting.release()
    cursor = read(empty, "latest").cursor
    for _ in range(2):
        assert read(empty, cursor, wait=1).items == [], "a place is given back"


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (7, 1), (8, 2), (32, 8), (64, 16), (128, 16), (1000, 16)])
def test_those_who_wait_leave_threads_for_others(threads: int, most: int) -> None:
    waiting = feed.FeedService(threads)._waiting
    assert [waiting.acquire(blocking=False) for _ in range(most + 1)] == [True] * most + [False]


def test_it_knows_how_many_threads_there_are(tmp_path: Path) -> None:
    home = {"STOWAGE_DATA": str(tmp_path)}
    [served] = re.findall(
        r'^threads = .*"STOWAGE_THREADS", (\d+)', (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE
    )
    assert config.load(home).threads == config.THREADS == int(served)
    few = create_app(config.load({**home, "STOWAGE_THREADS": "4"})).extensions["stowage"].feed._waiting
    assert [few.acquire(blocking=False) for _ in range(2)] == [True, False]


def test_a_server_that_is_to_stop_does_not_wait(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty.services.feed, "is_stopping", lambda: True)
    started = time.monotonic()
    assert read(empty, wait=20).items == []
    assert time.monotonic() - started < 5


# --- the order of commits ---------------------------------------------------------


def test_what_commits_late_is_not_passed_by(postgres_house: House) -> None:
    """Two transactions take numbers; the first one commits last. Whoever has read the second still gets the first."""
    house = postgres_house
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with house.app.app_context(), db.transaction() as tx:
            tx.emit(event("slow"))
            began.set()
            assert go_on.wait(10)

    with house.app.app_context():
        writer = threading.Thread(target=slow)
        writer.start()
        assert began.wait(10)
        emit("fast")
        first = read(house)
        go_on.set()
        writer.join()
        second = read(house, first.cursor)
    assert (told(first), told(second)) == (["fast"], ["slow"])
