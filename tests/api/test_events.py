"""Programs follow what happens: by a cursor, narrowed to kinds, waiting where nothing is new."""

import dataclasses
import time
from datetime import datetime

import pytest
import sqlalchemy as sa

from tests.db.changes import events
from tests.support.app import Api, House
from tests.support.problems import problem
from webapp.api.events import EventMessage

EVENTS = "/api/events"


@pytest.fixture
def admin(house: House) -> Api:
    """An admin, before a log that begins with the test."""
    found = house.api("admin")
    house.write(sa.delete(events))
    return found


def test_a_client_follows_the_store(house: House, admin: Api) -> None:
    seen: list[str] = []
    after = ""
    for number in range(5):
        house.upload(name=f"{number}.txt")
        house.upload(name=f"{number}.bin")
        more = True
        while more:
            page = admin.get(f"{EVENTS}?limit=1&after={after}").json()
            seen += [item["data"]["filename"] for item in page["items"]]
            after, more = page["next_cursor"], page["has_more"]
    assert seen == [f"{number}.{kind}" for number in range(5) for kind in ("txt", "bin")]


def test_an_event_is_what_the_documents_say(house: House, admin: Api) -> None:
    file = house.upload(name="report.pdf")
    [item] = admin.get(EVENTS).json()["items"]
    described = [field.name for field in dataclasses.fields(EventMessage)]
    assert list(item) == described
    assert (item["type"], item["subject"]) == ("file_storage.file.uploaded", str(file.id))
    assert datetime.fromisoformat(item["time"]).tzinfo is not None
    assert item["time"].endswith("Z")


def test_kinds_are_named_one_by_one(house: House, admin: Api) -> None:
    file = house.upload()
    with house.app.app_context():
        house.services.files.rename(house.uploader, file.id, "other.bin")
        house.services.files.trash(house.uploader, file.id)
    both = admin.get(f"{EVENTS}?type=FileDeleted&type=file_storage.file.uploaded").json()
    assert [item["type"] for item in both["items"]] == ["file_storage.file.uploaded", "file_storage.file.deleted"]
    family = admin.get(f"{EVENTS}?type=file_storage.file.%2A").json()
    assert len(family["items"]) == 3


def test_it_tells_from_now_on(house: House, admin: Api) -> None:
    house.upload()
    page = admin.get(f"{EVENTS}?after=latest").json()
    assert (page["items"], page["has_more"]) == ([], False)
    house.upload(name="new.txt")
    [item] = admin.get(f"{EVENTS}?after={page['next_cursor']}").json()["items"]
    assert item["data"]["filename"] == "new.txt"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=x", "wait=21", "wait=-1", "type=nothing", "type=", "type=%00",
        "type=" + "x" * 101, "&".join(["type=FileUploaded"] * 51), "after=x", "after=" + "x" * 2000,
        "after=%00", "after=%ED%A0%80",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(admin: Api, query: str) -> None:
    document = problem(admin.get(f"{EVENTS}?{query}"), "validation_error")
    assert [error["field"] for error in document["errors"]] == [query.partition("=")[0]]


def test_a_cursor_whose_time_is_over_is_told_so(house: House, admin: Api) -> None:
    house.upload()
    cursor = admin.get(EVENTS).json()["next_cursor"]
    house.upload()
    house.upload()
    second = house.query(sa.select(events.c.seq).order_by(events.c.seq))[1].seq
    house.write(sa.delete(events).where(events.c.seq <= second))
    problem(admin.get(f"{EVENTS}?after={cursor}"), "cursor_expired")
    assert len(admin.get(EVENTS).json()["items"]) == 1


def test_a_wait_ends_by_itself_and_is_not_logged_as_slow(
    admin: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webapp.http.access_log.SLOW_SECONDS", 0.5)
    started = time.monotonic()
    with caplog.at_level("INFO", logger="webapp.access"):
        page = admin.get(f"{EVENTS}?wait=1&after=latest").json()
    assert page["items"] == []
    assert 1 <= time.monotonic() - started < 10
    assert not [record for record in caplog.records if record.name == "webapp.access"]


def test_an_ordinary_user_may_not(house: House) -> None:
    answer = house.api("uploader").get(EVENTS)
    assert problem(answer, "forbidden")["permission"] == "admin.activity"
