"""What a plugin failed at too often is tried again when an admin wants it."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.lane import Listener, badly, go_on, lane_of, well
from tests.support.app import House
from tests.support.parked import MAILER, deliveries, park, prune, states
from webapp import db
from webapp.services.delivery import service
from webapp.services.errors import ForbiddenError, NotFoundError
from webapp.services.plugins import PLUGIN, Record


def retry(house: House) -> int:
    return house.services.plugins.retry(house.admin, "mailer")


def test_it_waits_as_if_it_had_never_been_tried(inside: House) -> None:
    park(inside)
    assert retry(inside) == 1
    [row] = inside.query(sa.select(deliveries))
    assert (row.state, row.attempts, row.first_tried_at, row.finished_at) == ("waiting", 0, None, None)
    assert row.due_at <= datetime.now(UTC)
    assert retry(inside) == 0


def test_it_is_told_and_has_all_its_attempts_again(inside: House) -> None:
    listener = Listener(MAILER)
    listener.outcome, listener.delays = badly, []
    lane = lane_of(inside, listener)
    file = inside.upload()
    go_on(lane)
    assert states(inside) == ["parked"]
    listener.delays = [0.0]
    retry(inside)
    go_on(lane)
    [row] = inside.query(sa.select(deliveries))
    assert (row.state, row.attempts) == ("parked", 2), "tried twice more"
    listener.outcome = well
    retry(inside)
    go_on(lane)
    assert states(inside) == ["delivered"]
    assert {heard for heard, _ in listener.heard} == {str(file.id)}


def test_events_of_one_file_are_told_in_their_order(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 1)
    listener = Listener(MAILER)
    listener.wanted, listener.outcome, listener.delays = frozenset({"FileUploaded", "FileDeleted"}), badly, []
    lane = lane_of(inside, listener)
    inside.services.files.trash(inside.uploader, inside.upload().id)
    go_on(lane)
    assert states(inside) == ["parked", "parked"]
    told: list[str] = []

    def outcome(receiver: str, logged: Any) -> Any:
        told.append(logged.name)
        return well(receiver, logged)

    listener.outcome = outcome
    retry(inside)
    go_on(lane)
    go_on(lane)
    assert told == ["FileUploaded", "FileDeleted"]


def test_what_is_not_in_the_log_any_more_stays_parked(inside: House) -> None:
    first, _, third = park(inside, count=3)
    prune(inside, first, third)
    assert retry(inside) == 1
    assert states(inside) == ["parked", "waiting", "parked"]


def test_nothing_else_is_touched(inside: House) -> None:
    park(inside, "plugin:other")
    park(inside, "plugin:mailer2")
    park(inside, state="delivered")
    [waiting] = park(inside, state="waiting", due_at=datetime(2999, 1, 1, tzinfo=UTC), finished_at=None)
    park(inside)
    assert retry(inside) == 1
    assert states(inside, "plugin:other") == states(inside, "plugin:mailer2") == ["parked"]
    assert states(inside) == ["delivered", "waiting", "waiting"]
    [row] = inside.query(sa.select(deliveries).where(deliveries.c.seq == waiting))
    assert (row.attempts, row.due_at.year) == (6, 2999)


def test_many_are_done_in_pieces_and_an_interruption_keeps_those_that_are_done(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 2)
    park(inside, count=7)
    begun = iter([True, True, False])
    real = service.due_now

    def due_now() -> dict[str, Any]:
        if not next(begun):
            raise RuntimeError("the database is away")
        return real()

    with monkeypatch.context() as broken:
        broken.setattr(service, "due_now", due_now)
        with pytest.raises(RuntimeError):
            retry(inside)
    assert states(inside) == ["waiting"] * 4 + ["parked"] * 3
    assert retry(inside) == 3
    assert states(inside) == ["waiting"] * 7


def test_what_is_parked_meanwhile_is_left_for_another_time(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 1)
    park(inside, count=2)
    real, calls = service._retried, iter(range(20))

    def retried(*given: Any) -> list[int]:
        next(calls)
        found = real(*given)
        park(inside)
        return found

    monkeypatch.setattr(service, "_retried", retried)
    assert retry(inside) == 2


def test_who_else_has_locked_some_is_not_waited_for(postgres_house: House) -> None:
    with postgres_house.app.app_context():
        first, _ = park(postgres_house, count=2)
        with db.db.engine.connect() as other:
            other.execute(sa.select(deliveries.c.seq).where(deliveries.c.seq == first).with_for_update())
            assert retry(postgres_house) == 1
            other.rollback()
        assert states(postgres_house) == ["parked", "waiting"]
        assert retry(postgres_house) == 1


def test_only_plugins_have_any(inside: House) -> None:
    park(inside)
    for name in ("nobody", "file_storage", "mailer2", "plugin:mailer", ""):
        with pytest.raises(NotFoundError):
            inside.services.plugins.retry(inside.admin, name)
    with pytest.raises(ForbiddenError):
        inside.services.plugins.retry(inside.uploader, "mailer")
    assert states(inside) == ["parked"]


def test_one_that_could_not_be_loaded_is_among_them(inside: House) -> None:
    park(inside)
    services = inside.services.plugins
    for name, error in (("mailer", "ImportError"), ("mailer", "mailer belongs to another one"), ("quiet", None)):
        services.add(Record(name=name, kind=PLUGIN, error=error))
    assert services.retry(inside.admin, "mailer") == 1
    about = services.get(inside.admin, "mailer")
    assert (about.error, about.delivery and about.delivery.waiting) == ("ImportError", 1)
    assert services.retry(inside.admin, "quiet") == 0


def test_the_log_says_of_how_many(inside: House, caplog: pytest.LogCaptureFixture) -> None:
    park(inside, count=2)
    with caplog.at_level(logging.INFO, "webapp.services.plugins"):
        retry(inside)
    [record] = [each for each in caplog.records if each.name == "webapp.services.plugins"]
    assert vars(record).items() >= {"plugin": "mailer", "count": 2}.items()
