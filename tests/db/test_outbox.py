"""Which events were delivered is written down in batches, never wrongly, and costs no commit of its own."""

# ruff: noqa: PT012 (what is inside the failing block is what is tested)

import pytest
import sqlalchemy as sa

from tests.db.changes import event, events
from tests.support.app import House
from webapp import db
from webapp.db import transactions


def emit(number: int) -> None:
    for _ in range(number):
        with db.transaction() as tx:
            tx.emit(event("somebody"))


def unacknowledged(house: House) -> int:
    mine = sa.and_(events.c.name == "SignedIn", events.c.published_at.is_(None))
    count: int = house.query(sa.select(sa.func.count()).where(mine))[0][0]
    return count


def test_a_published_event_is_acknowledged_later(inside: House) -> None:
    emit(3)
    assert unacknowledged(inside) == 3
    db.acknowledge_published()
    assert unacknowledged(inside) == 0


def test_acknowledging_nothing_writes_nothing(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "transaction", lambda: pytest.fail("a transaction was opened"))
    db.acknowledge_published()


def test_many_events_are_acknowledged_by_a_transaction_that_happens_anyway(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "ACKNOWLEDGE_AT", 5)
    emit(5)
    assert unacknowledged(inside) == 5
    emit(1)
    assert unacknowledged(inside) == 1


def test_an_acknowledgement_that_is_rolled_back_is_not_forgotten(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise events that were delivered would be delivered again one day."""
    emit(3)

    def fail(*_: object) -> None:
        raise RuntimeError("the disk of the database is full")

    with pytest.raises(RuntimeError), monkeypatch.context() as patch:
        patch.setattr(transactions.Transaction, "execute", fail)
        db.acknowledge_published()
    db.acknowledge_published()
    assert unacknowledged(inside) == 0


def test_more_events_than_fit_one_statement_are_acknowledged_too(inside: House) -> None:
    with db.transaction() as tx:
        for _ in range(1200):
            tx.emit(event("somebody"))
    for _ in range(3):
        db.acknowledge_published()
    assert unacknowledged(inside) == 0


def test_an_event_is_kept_with_all_it_says(inside: House) -> None:
    said = event("somebody")
    with db.transaction() as tx:
        tx.emit(said)
    [row] = inside.query(sa.select(events).where(events.c.name == "SignedIn"))
    assert row.event_id == said.event_id
    assert row.occurred_at == said.occurred_at
    assert row.payload == {"user_id": "somebody", "username": "somebody", "address": "192.0.2.1"}
    assert (row.actor_id, row.actor_name, row.request_id) == (None, None, None)
