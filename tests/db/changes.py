"""Small changes to write, and what is there afterwards."""

from datetime import UTC, datetime

import sqlalchemy as sa

from tests.support.app import House
from webapp import db
from webapp.contracts.events import SignedIn
from webapp.db import EventRow, table
from webapp.models import Setting

settings = table(Setting)
events = table(EventRow)


def change(tx: db.Transaction, name: str) -> None:
    """Write one row."""
    row = {"module": "test", "name": name, "value": name, "updated_at": datetime.now(UTC)}
    tx.execute(sa.insert(settings), row)


def event(name: str) -> SignedIn:
    return SignedIn(user_id=name, username=name, address="192.0.2.1")


def written(house: House) -> set[str]:
    """The names of the rows that were committed."""
    return {row.name for row in house.query(sa.select(settings.c.name).where(settings.c.module == "test"))}


def outbox(house: House) -> list[str]:
    """The subjects of the events that were committed, in order."""
    mine = sa.select(events.c.subject_id).where(events.c.name == "SignedIn").order_by(events.c.seq)
    return [row.subject_id for row in house.query(mine)]
