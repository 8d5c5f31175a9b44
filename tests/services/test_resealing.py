"""Sealing anew waits for those who change a secret just then, and does not put the one before in its place."""

import threading
import time
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp import db
from webapp.db import table
from webapp.models import Setting, StoragePlace, Webhook

NOW = datetime.now(UTC)
ROWS = {
    Setting: {"module": "m", "name": "n", "updated_at": NOW},
    StoragePlace: {"id": "p", "backend": "b", "location": "{}", "updated_at": NOW},
    Webhook: {
        "id": uuid4(), "url": "https://8.8.8.8", "description": "", "types": [], "failures": 0,
        "created_at": NOW, "updated_at": NOW,
    },
}  # fmt: skip


WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def until_somebody_waits() -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        # Each time another transaction: one is always told the same.
        with db.db.engine.connect() as connection:
            if connection.execute(WAITING).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("model", ROWS)
def test_a_secret_that_is_changed_meanwhile_stays(postgres_house: House, model: type[db.Base]) -> None:
    house, rows = postgres_house, table(model)
    settings = house.services.settings
    column = rows.c.value if model is Setting else rows.c.sealed
    is_changed = threading.Event()

    def stored(secret: str) -> str:
        sealed = settings.sealer.seal("here", secret)
        return orjson.dumps({"sealed": sealed}).decode() if model is Setting else sealed

    def change() -> None:
        with db.transaction() as tx:
            tx.execute(sa.update(rows).values({column.name: stored("after")}))
            is_changed.set()
            until_somebody_waits()

    def reseal() -> int:
        assert is_changed.wait(20)
        return settings.reseal()

    house.write(sa.insert(rows).values({**ROWS[model], column.name: stored("before")}))
    assert house.together(change, reseal) == [None, 1]
    [[text]] = house.query(sa.select(column))
    assert settings.sealer.open("here", orjson.loads(text)["sealed"] if model is Setting else text) == "after"
