"""Everything in the block, or nothing."""

# ruff: noqa: PT012 (what is inside the failing block is what is tested)

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.db.changes import change, event, outbox, settings, written
from tests.support.app import House
from webapp import db, events
from webapp.contracts.events import Event, SignedIn, signal_for


class BrokenError(Exception):
    """Something goes wrong inside a transaction."""


def test_what_was_written_is_there_afterwards(inside: House) -> None:
    with db.transaction() as tx:
        change(tx, "a")
        change(tx, "b")
    assert written(inside) == {"a", "b"}


def test_an_error_undoes_everything_and_is_raised_again(inside: House) -> None:
    with pytest.raises(BrokenError), db.transaction() as tx:
        change(tx, "a")
        raise BrokenError
    assert written(inside) == set()


def test_after_an_error_the_next_transaction_works(inside: House) -> None:
    with pytest.raises(BrokenError), db.transaction() as tx:
        change(tx, "a")
        raise BrokenError
    with db.transaction() as tx:
        change(tx, "b")
    assert written(inside) == {"b"}


def test_an_error_of_the_database_undoes_everything(inside: House) -> None:
    with db.transaction() as tx:
        change(tx, "a")
    with pytest.raises(sa.exc.IntegrityError), db.transaction() as tx:
        change(tx, "b")
        change(tx, "a")
    assert written(inside) == {"a"}


def test_undo_runs_last_in_first_out(inside: House) -> None:
    done: list[str] = []
    with pytest.raises(BrokenError), db.transaction() as tx:
        tx.on_rollback(lambda: done.append("first"))
        tx.on_rollback(lambda: done.append("second"))
        raise BrokenError
    assert done == ["second", "first"]


def test_undo_does_not_run_after_a_commit(inside: House) -> None:
    done: list[str] = []
    with db.transaction() as tx:
        tx.on_rollback(lambda: done.append("undone"))
    assert done == []


def test_undo_runs_when_nothing_is_written_any_more(inside: House) -> None:
    """Bytes are removed only when no row can name them."""
    seen: list[set[str]] = []
    with pytest.raises(BrokenError), db.transaction() as tx:
        change(tx, "a")
        tx.on_rollback(lambda: seen.append(written(inside)))
        raise BrokenError
    assert seen == [set()]


def test_a_failing_undo_hides_neither_the_error_nor_the_other_undos(inside: House) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ValueError("compensation")

    with pytest.raises(BrokenError), db.transaction() as tx:
        tx.on_rollback(lambda: done.append("first"))
        tx.on_rollback(fail)
        raise BrokenError
    assert done == ["first"]


def test_a_commit_that_fails_runs_the_undos(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    with sqlite_house.app.app_context(), pytest.raises(sa.exc.DBAPIError), db.transaction() as tx:
        tx.on_rollback(lambda: done.append("undone"))
        # Checked at the commit, not before.
        tx.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        tx.connection.exec_driver_sql(
            "INSERT INTO user_session (id, secret_hash, user_id, created_at, last_seen_at, expires_at, address,"
            " user_agent) VALUES ('1', '1', 'nobody', '2026-01-01', '2026-01-01', '2026-01-01', '', '')"
        )
        change(tx, "a")
    assert done == ["undone"]
    assert written(sqlite_house) == set()


def test_transactions_do_not_nest(inside: House) -> None:
    with db.transaction() as tx:
        change(tx, "outer")
        with pytest.raises(RuntimeError), db.transaction() as inner:
            change(inner, "inner")
        change(tx, "still usable")
    assert written(inside) == {"outer", "still usable"}


def test_reading_inside_a_transaction_sees_what_it_wrote(inside: House) -> None:
    with db.transaction() as tx:
        change(tx, "a")
        with db.read() as connection:
            assert connection is tx.connection
            assert connection.execute(sa.select(settings.c.name)).scalars().all() == ["a"]


def test_reading_in_another_thread_does_not(inside: House) -> None:
    with db.transaction() as tx:
        change(tx, "a")
        assert inside.together(lambda: written(inside)) == [set()]


def test_reading_outside_leaves_no_transaction_open(inside: House) -> None:
    with db.read() as reader:
        assert reader.execute(sa.select(settings.c.name)).all() == []
        assert inside.together(lambda: _write("a")) == [None]
        assert reader.execute(sa.select(settings.c.name)).scalars().all() == ["a"]


def test_events_are_rows_of_the_same_transaction(inside: House) -> None:
    with db.transaction() as tx:
        tx.emit(event("one"))
        tx.emit(event("two"))
    with pytest.raises(BrokenError), db.transaction() as tx:
        tx.emit(event("three"))
        raise BrokenError
    assert outbox(inside) == ["one", "two"]


def test_observers_see_events_in_order_after_the_commit(inside: House) -> None:
    seen: list[tuple[object, list[str]]] = []

    def see(seen_event: Event) -> None:
        [committed] = inside.together(lambda: outbox(inside))
        seen.append((getattr(seen_event, "user_id", None), committed))

    with observing(see), db.transaction() as tx:
        tx.emit(event("one"))
        tx.emit(event("two"))
        assert seen == []
    assert seen == [("one", ["one", "two"]), ("two", ["one", "two"])]


def test_nobody_sees_what_was_rolled_back(inside: House, heard: list[Event]) -> None:
    with pytest.raises(BrokenError), db.transaction() as tx:
        tx.emit(event("one"))
        raise BrokenError
    assert heard == []


def test_an_observer_may_write(inside: House) -> None:
    with observing(lambda seen: _write(f"seen {getattr(seen, 'user_id', None)}")), db.transaction() as tx:
        tx.emit(event("one"))
    assert written(inside) == {"seen one"}


def test_an_observer_that_raises_stops_neither_the_caller_nor_the_others(inside: House) -> None:
    def fail(_seen: Event) -> None:
        raise BrokenError

    late: list[Event] = []
    with observing(fail), observing(late.append), db.transaction() as tx:
        tx.emit(event("one"))
        tx.emit(event("two"))
    assert len(late) == 2
    assert outbox(inside) == ["one", "two"]


def test_the_request_calls_no_receiver(inside: House) -> None:
    """A plugin that hangs must not cost a request: the background worker calls it."""
    called: list[object] = []

    def receive(_sender: object, **_: object) -> None:
        called.append(1)

    signal = signal_for(SignedIn)
    signal.connect(receive, weak=False)
    try:
        with db.transaction() as tx:
            tx.emit(event("one"))
    finally:
        signal.disconnect(receive)
    assert not called


def test_work_after_the_commit_runs_in_order_and_its_errors_undo_nothing(inside: House, heard: list[Event]) -> None:
    done: list[str] = []

    def fail() -> None:
        raise BrokenError

    with db.transaction() as tx:
        change(tx, "a")
        tx.emit(event("one"))
        tx.on_rollback(lambda: done.append("undone"))
        tx.after_commit(lambda: done.append("first"))
        tx.after_commit(fail)
        tx.after_commit(lambda: done.append("second"))
        assert done == []
    assert done == ["first", "second"]
    assert written(inside) == {"a"}
    assert len(heard) == 1


def test_work_after_the_commit_does_not_run_after_a_rollback(inside: House) -> None:
    done: list[str] = []
    with pytest.raises(BrokenError), db.transaction() as tx:
        tx.after_commit(lambda: done.append("done"))
        raise BrokenError
    assert done == []


def test_work_after_the_commit_may_write(inside: House) -> None:
    with db.transaction() as tx:
        tx.after_commit(lambda: _write("later"))
    assert written(inside) == {"later"}


def _write(name: str) -> None:
    with db.transaction() as tx:
        change(tx, name)


@contextmanager
def observing(observer: Callable[[Event], object]) -> Iterator[None]:
    events.observers.append(observer)
    try:
        yield
    finally:
        events.observers.remove(observer)
