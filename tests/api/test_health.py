"""Alive and ready, without details for strangers."""

import pytest

from tests.support.app import House
from webapp import db


def test_alive_and_ready(house: House) -> None:
    assert house.api().get("/healthz").json() == {"status": "ok"}
    assert house.api().get("/readyz").json() == {"status": "ready"}


def test_alive_but_not_ready_without_a_database(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def no() -> None:
        raise RuntimeError("host 10.0.0.7 does not answer")

    monkeypatch.setattr(db, "read", no)
    answer = house.api().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    assert house.api().get("/healthz").status_code == 200


def test_the_counters_of_events_count(house: House) -> None:
    def uploaded() -> float:
        text = house.api().get("/metrics").content.decode()
        lines = [line for line in text.splitlines() if line.startswith('stowage_events_total{event="FileUploaded"}')]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = uploaded()
    house.upload()
    assert uploaded() == before + 1
