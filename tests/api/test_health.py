"""Alive and ready, without details for strangers."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.support.app import Api, House
from webapp import db, logs
from webapp.api import health
from webapp.db import table
from webapp.models import Setting, WorkerNode


@pytest.fixture
def worker(house: House) -> None:
    """A background worker was heard of a moment ago."""
    with house.app.app_context():
        house.services.tasks.join("node", "host", 1, "0", [])


def test_alive_and_ready(house: House, worker: None) -> None:
    assert house.api().get("/healthz").json() == {"status": "ok"}
    assert house.api().get("/readyz").json() == {"status": "ready"}


def test_without_a_background_worker_it_is_degraded_after_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_BEGAN", time.monotonic())
    assert house.api().get("/readyz").json() == {"status": "ready"}
    monkeypatch.setattr(health, "GRACE_SECONDS", 0.0)
    answer = house.api().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})


def test_a_worker_that_was_not_heard_of_for_long_is_missing(
    house: House, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "GRACE_SECONDS", 0.0)
    assert house.api().get("/readyz").json() == {"status": "ready"}
    house.write(sa.update(table(WorkerNode)).values(seen_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert house.api().get("/readyz").json() == {"status": "degraded"}


def test_only_those_who_may_are_told_why(house: House, worker: None) -> None:
    house.write(sa.insert(table(Setting)).values(broken_backend()))
    told = house.api("admin").get("/readyz").json()
    assert told == {"status": "degraded", "checks": {"database": "ok", "storage": "failing", "worker": "ok"}}
    for somebody in (house.api(), house.api("uploader"), Api(house.app, "stw_wrong")):
        assert somebody.get("/readyz").json() == {"status": "degraded"}


def test_whoever_asks_again_and_again_does_not_fill_the_log(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.write(sa.insert(table(Setting)).values(broken_backend()))
    monkeypatch.setattr(health, "GRACE_SECONDS", 0.0)

    def said() -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            statuses = {house.api().get("/readyz").json()["status"] for _ in range(5)}
        assert len(statuses) == 1
        return [each.message for each in caplog.records]

    monkeypatch.setattr(health, "_rarely", logs.Rarely(60))
    assert sorted(said()) == ["no background worker was heard of lately", "the backend in use cannot work"]
    assert said() == []
    for failure in (RuntimeError, OSError):  # another reason is said
        monkeypatch.setattr(db, "read", raising(failure))
        assert [each for each in said() if "status=503" not in each] == ["not ready"]


def raising(failure: type[Exception]) -> Callable[[], None]:
    def no() -> None:
        raise failure("host 10.0.0.7 does not answer")

    return no


def broken_backend() -> dict[str, object]:
    return {
        "module": "file_storage",
        "name": "backend",
        "value": '"gone"',
        "updated_at": datetime.now(UTC),
        "updated_by": None,
    }


def test_alive_but_not_ready_without_a_database(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def no() -> None:
        raise RuntimeError("host 10.0.0.7 does not answer")

    monkeypatch.setattr(db, "read", no)
    answer = house.api().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    assert house.api().get("/healthz").status_code == 200
