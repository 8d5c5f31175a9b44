"""An event is a row of the transaction of its change, with all it says; the worker is woken after the commit."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.db.changes import event, events
from tests.support.app import House
from webapp import db
from webapp.events import Bell


def test_an_event_is_kept_with_all_it_says(inside: House) -> None:
    said = event("somebody")
    with db.transaction() as tx:
        tx.emit(said)
    [row] = inside.query(sa.select(events).where(events.c.name == "SignedIn"))
    assert row.event_id == said.event_id
    assert row.occurred_at == said.occurred_at
    assert row.payload == {"user_id": "somebody", "username": "somebody", "address": "192.0.2.1"}
    assert (row.actor_id, row.actor_name, row.request_id) == (None, None, None)


def test_the_bell_rings_after_the_commit_and_not_before(inside: House) -> None:
    bell: Bell = inside.app.extensions["stowage_bell"]
    with bell.listening() as rang:
        with db.transaction() as tx:
            tx.emit(event("somebody"))
            assert not rang(0)
        assert rang(5)
        assert not rang(0), "heard once"
        with db.transaction() as tx:
            tx.execute(sa.text("SELECT 1"))
        assert not rang(0), "nothing happened"


def test_a_bell_that_nobody_hears_is_no_harm(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "bell")
    bell.ring()
    with bell.listening() as rang:
        bell.ring()
        assert rang(5)
    bell.ring()
    with bell.listening() as rang:
        for _ in range(100_000):  # more than a pipe holds
            bell.ring()
        assert rang(5)


def test_a_bell_that_cannot_be_rung_costs_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "not a directory").touch()
    Bell(tmp_path / "not a directory" / "bell").ring()
    assert "could not be woken" in caplog.text


def test_a_process_that_rings_after_the_listener_was_replaced_is_heard(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "bell")
    with bell.listening():
        bell.ring()
    bell.ring()
    with Bell(tmp_path / "bell").listening() as rang:
        rang(0)
        bell.ring()
        assert rang(5)
    assert os.path.exists(tmp_path / "bell")  # noqa: PTH110 (a pipe)
