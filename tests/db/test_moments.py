"""Moments come back as they went in, in UTC, on every database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from tests.db.changes import settings
from tests.support.app import House
from webapp import db

MOMENTS = [
    datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC),
    datetime(2026, 11, 23, 10, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_moment_comes_back_in_utc(inside: House, moment: datetime) -> None:
    row = {"module": "test", "name": "moment", "value": 1, "updated_at": moment}
    with db.transaction() as tx:
        tx.execute(sa.insert(settings), row)
    [(back,)] = inside.query(sa.select(settings.c.updated_at))
    assert back == moment
    assert back.utcoffset() == timedelta(0)


def test_moments_are_compared_as_moments(inside: House) -> None:
    with db.transaction() as tx:
        row = {"module": "test", "name": "moment", "value": 1, "updated_at": MOMENTS[1]}
        tx.execute(sa.insert(settings), row)
    before, after = MOMENTS[1] - timedelta(microseconds=1), MOMENTS[1] + timedelta(microseconds=1)
    elsewhere = after.astimezone(timezone(timedelta(hours=-11)))
    assert inside.query(
        sa.select(settings.c.name).where(settings.c.updated_at > before, settings.c.updated_at < elsewhere)
    )


def test_no_moment_stays_none(inside: House) -> None:
    with db.read() as connection:
        assert connection.execute(sa.select(sa.cast(sa.null(), settings.c.updated_at.type))).scalar_one() is None
