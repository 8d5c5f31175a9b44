"""Writers of one process share commits on SQLite; what one of them does wrong is its own affair."""

import sqlite3
import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.db.changes import change, event, written
from tests.support.app import PATIENCE, House
from webapp import db
from webapp.contracts.errors import StorageFullError
from webapp.db import writers


class BrokenError(Exception):
    """One writer's own mistake."""


def write(name: str) -> None:
    with db.transaction() as tx:
        change(tx, name)


def fail(name: str) -> None:
    with db.transaction() as tx:
        change(tx, name)
        raise BrokenError


class Commits:
    """Counts COMMITs, and makes them fail."""

    def __init__(self, house: House) -> None:
        self.count = 0
        self.error: Exception | None = None
        with house.app.app_context():
            sa.event.listen(db.db.engine, "before_cursor_execute", self._before)

    def _before(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "COMMIT":
            self.count += 1
            if self.error is not None:
                raise self.error


def behind_one(house: House, *calls: Callable[[], object]) -> list[object]:
    """Run the calls while another writer holds the turn, so that they meet in one commit."""
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with db.transaction() as tx:
            change(tx, "leader")
            held.set()
            go.wait(PATIENCE)

    def let_go() -> None:
        queue = writers.writers()
        deadline = time.monotonic() + PATIENCE
        while queue._waiting < len(calls) and time.monotonic() < deadline:  # type: ignore[union-attr]
            time.sleep(0.005)
        go.set()

    def waiting(call: Callable[[], object]) -> Callable[[], object]:
        return lambda: (held.wait(PATIENCE), call())[1]

    return house.together(hold, let_go, *(waiting(call) for call in calls))[2:]


def test_thirty_two_threads_write_what_they_wrote(house: House) -> None:
    outcomes = house.together(*(lambda n=n: write(f"w{n}") for n in range(32)))
    assert outcomes == [None] * 32
    assert written(house) == {f"w{n}" for n in range(32)}


def test_writers_that_wait_share_one_commit(sqlite_house: House) -> None:
    commits = Commits(sqlite_house)
    outcomes = behind_one(sqlite_house, *(lambda n=n: write(f"w{n}") for n in range(10)))
    assert outcomes == [None] * 10
    assert commits.count == 1
    assert written(sqlite_house) == {"leader", *(f"w{n}" for n in range(10))}


def test_a_commit_is_not_shared_by_more_than_the_limit(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "MOST_WRITERS_PER_COMMIT", 3)
    commits = Commits(sqlite_house)
    assert behind_one(sqlite_house, *(lambda n=n: write(f"w{n}") for n in range(8))) == [None] * 8
    assert commits.count == 3
    assert len(written(sqlite_house)) == 9


def test_one_that_fails_in_the_middle_affects_nobody_else(sqlite_house: House) -> None:
    calls = [lambda n=n: fail(f"f{n}") if n % 3 == 1 else write(f"w{n}") for n in range(12)]
    outcomes = behind_one(sqlite_house, *calls)
    assert [type(outcome) for outcome in outcomes] == [BrokenError if n % 3 == 1 else type(None) for n in range(12)]
    assert written(sqlite_house) == {"leader", *(f"w{n}" for n in range(12) if n % 3 != 1)}


def test_one_that_breaks_a_constraint_affects_nobody_else(sqlite_house: House) -> None:
    outcomes = behind_one(sqlite_house, *(lambda n=n: write(f"w{n // 2}") for n in range(8)))
    broken = [outcome for outcome in outcomes if outcome is not None]
    assert [type(outcome) for outcome in broken] == [sa.exc.IntegrityError] * 4
    assert written(sqlite_house) == {"leader", "w0", "w1", "w2", "w3"}


def test_nobody_is_told_of_success_before_the_commit(sqlite_house: House) -> None:
    told: list[str] = []
    slow = threading.Event()

    def quick() -> None:
        write("quick")
        told.append("quick")

    def last() -> None:
        with db.transaction() as tx:
            change(tx, "last")
            slow.wait(0.3)
            told.append("last is still at it")

    behind_one(sqlite_house, quick, last)
    # Whichever came first: "quick" was told after the shared commit, or had one of its own before.
    assert set(told) == {"quick", "last is still at it"}
    assert written(sqlite_house) == {"leader", "quick", "last"}


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (sqlite3.OperationalError("disk I/O error"), sa.exc.OperationalError),
        (sqlite3.OperationalError("database or disk is full"), StorageFullError),
    ],
)
def test_a_commit_that_fails_fails_for_all_and_undoes_all(
    sqlite_house: House, error: sqlite3.OperationalError, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    error.sqlite_errorcode = sqlite3.SQLITE_FULL if raised is StorageFullError else sqlite3.SQLITE_IOERR
    undone: list[int] = []
    after: list[int] = []

    def write_with_undo(number: int) -> None:
        with db.transaction() as tx:
            change(tx, f"w{number}")
            tx.emit(event("somebody"))
            tx.on_rollback(lambda: undone.append(number))
            tx.after_commit(lambda: after.append(number))

    commits = Commits(sqlite_house)
    commits.error = sa.exc.OperationalError("COMMIT", {}, error)
    outcomes = behind_one(sqlite_house, *(lambda n=n: write_with_undo(n) for n in range(6)))
    assert [type(outcome) for outcome in outcomes] == [raised] * 6
    assert len({id(outcome) for outcome in outcomes}) == 6, "one exception is not shared by threads"
    assert sorted(undone) == list(range(6))
    assert after == []
    commits.error = None
    assert written(sqlite_house) == set()
    assert sqlite_house.together(lambda: write("after")) == [None]
    assert written(sqlite_house) == {"after"}


def test_a_full_database_is_told_as_such_and_the_others_are_not_lost(sqlite_house: House) -> None:
    with sqlite_house.app.app_context(), db.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def write_much() -> None:
        with db.transaction() as tx:
            tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
            for number in range(100):
                change(tx, f"much{number}" + "x" * 5000)

    outcomes = behind_one(sqlite_house, lambda: write("a"), write_much, lambda: write("b"))
    assert isinstance(outcomes[1], StorageFullError)
    for name, outcome in (("a", outcomes[0]), ("b", outcomes[2])):
        assert (outcome is None) == (name in written(sqlite_house))
        assert outcome is None or isinstance(outcome, StorageFullError), repr(outcome)


def test_a_database_that_cannot_be_opened_fails_and_recovers(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_house.app.app_context():
        queue = writers.writers()

        def no() -> None:
            raise sa.exc.OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("unable to open"))

        monkeypatch.setattr(queue, "_open", no)
        assert {type(o) for o in sqlite_house.together(*[lambda: write("a")] * 5)} == {sa.exc.OperationalError}
        monkeypatch.undo()
        assert sqlite_house.together(lambda: write("b")) == [None]
    assert written(sqlite_house) == {"b"}
