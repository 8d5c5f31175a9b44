"""On a server database, connections break: also during COMMIT, which leaves the outcome open, or without a word."""

# ruff: noqa: PT012 (what is inside the failing block is what is tested)

import threading

import pytest
import sqlalchemy as sa

from tests.db.changes import change, written
from tests.support.app import House
from webapp import db
from webapp.db import CommitOutcomeUnknownError


def _pid(connection: sa.Connection) -> int:
    pid: int = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    return pid


def _kill(pid: int) -> None:
    with db.db.engine.connect() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def test_a_connection_that_is_gone_at_the_commit_runs_no_undo(postgres_house: House) -> None:
    undone: list[str] = []
    with postgres_house.app.app_context(), pytest.raises(CommitOutcomeUnknownError), db.transaction() as tx:
        change(tx, "a")
        tx.on_rollback(lambda: undone.append("undone"))
        _kill(_pid(tx.connection))
    assert undone == []


def test_a_connection_that_is_gone_before_runs_the_undo(postgres_house: House) -> None:
    undone: list[str] = []
    with postgres_house.app.app_context(), pytest.raises(sa.exc.DBAPIError), db.transaction() as tx:
        change(tx, "a")
        tx.on_rollback(lambda: undone.append("undone"))
        _kill(_pid(tx.connection))
        change(tx, "b")
    assert undone == ["undone"]
    assert written(postgres_house) == set()


def test_after_a_broken_connection_the_next_transaction_works(postgres_house: House) -> None:
    with postgres_house.app.app_context():
        with pytest.raises(CommitOutcomeUnknownError), db.transaction() as tx:
            change(tx, "a")
            _kill(_pid(tx.connection))
        with db.transaction() as tx:
            change(tx, "b")
    assert "b" in written(postgres_house)


def test_writers_do_not_wait_for_one_another(postgres_house: House) -> None:
    arrived = threading.Barrier(4)

    def write(name: str) -> None:
        with db.transaction() as tx:
            change(tx, name)
            arrived.wait(10)

    assert postgres_house.together(*(lambda n=n: write(str(n)) for n in range(4))) == [None] * 4


def test_many_more_threads_than_connections_all_get_their_turn(postgres_house: House) -> None:
    def write(name: str) -> None:
        with db.transaction() as tx:
            change(tx, name)

    assert postgres_house.together(*(lambda n=n: write(str(n)) for n in range(64))) == [None] * 64
    assert len(written(postgres_house)) == 64


def test_a_server_that_vanished_is_noticed(postgres_house: House) -> None:
    with postgres_house.app.app_context(), db.read() as connection:
        given = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    expected = {
        "connect_timeout": "10",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
    }
    assert {name: given.get(name) for name in expected} == expected


def test_what_the_url_says_of_a_connection_stays() -> None:
    url = "postgresql+psycopg://host/name?connect_timeout=3&tcp_user_timeout=0"
    given = db.engine_options(url)["connect_args"]
    assert given == {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def test_the_server_ends_transactions_that_nobody_goes_on_with(postgres_house: House) -> None:
    show = sa.text("SHOW idle_in_transaction_session_timeout")
    with postgres_house.app.app_context():
        with db.read() as connection:
            assert connection.execute(show).scalar_one() == "1min"
        with db.transaction() as tx:
            assert tx.execute(show).scalar_one() == "1min"
