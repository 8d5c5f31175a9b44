"""How the embedded database is opened: durable, checked, and patient."""

import pytest

from tests.support.app import House
from webapp import db


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)]
)
def test_every_connection_has(sqlite_house: House, pragma: str, value: object) -> None:
    with sqlite_house.app.app_context():
        with db.read() as connection:
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        with db.transaction() as tx:
            assert tx.connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_reader_does_not_wait_for_a_writer(sqlite_house: House) -> None:
    with sqlite_house.app.app_context(), db.transaction() as tx:
        tx.connection.exec_driver_sql("DELETE FROM setting")
        assert sqlite_house.together(lambda: sqlite_house.services.settings.current().backend) == ["filesystem"]
