"""Two transactions at once on a server database: what one has read, the other may change meanwhile.

Each test stops one of them at its weak moment and runs the other one then.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp import db
from webapp.contracts.errors import StowageError
from webapp.contracts.events import Event, FilePurged
from webapp.models import StoredFile
from webapp.services import users
from webapp.services.errors import ConflictError, UnauthenticatedError
from webapp.services.sessions import Client
from webapp.services.throttle import Attempt

HERE = Client("192.0.2.1")
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def racing(postgres_house: House) -> Iterator[House]:
    with postgres_house.app.app_context():
        yield postgres_house


@contextmanager
def interrupted(house: House, before: str, other: Callable[[], object]) -> Iterator[list[Any]]:
    """Before the first statement that begins like this, run ``other`` in another thread and wait for it a while."""
    outcomes: list[Any] = []
    done = threading.Event()
    first = threading.current_thread()

    def run() -> None:
        with house.app.app_context():
            try:
                outcomes.append(other())
            except Exception as exc:  # noqa: BLE001 (the test looks at it)
                outcomes.append(exc)
        done.set()

    threads: list[threading.Thread] = []

    def watch(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if not threads and threading.current_thread() is first and statement.startswith(before):
            threads.append(threading.Thread(target=run))
            threads[0].start()
            done.wait(1)  # not for ever: it may rightly wait for our locks

    sa.event.listen(db.db.engine, "before_cursor_execute", watch)
    try:
        yield outcomes
    finally:
        sa.event.remove(db.db.engine, "before_cursor_execute", watch)
        for thread in threads:
            thread.join(30)
    assert threads, f"no statement began with {before!r}"


def attempt(call: Callable[[], object]) -> object:
    try:
        return call()
    except StowageError as exc:
        return exc


def test_a_purge_while_a_file_is_trashed_keeps_the_counters_right(racing: House) -> None:
    admin, out, files = racing.admin, racing.upload(), racing.services.files
    with interrupted(racing, "DELETE FROM file_storage_stored_file", lambda: files.trash(admin, out.id)):
        files.purge(admin, out.id)
    assert racing.tallies() == racing.counted() == {}


def test_a_purge_while_a_file_is_restored_keeps_the_counters_right(racing: House) -> None:
    admin, out, files = racing.admin, racing.upload(), racing.services.files
    files.trash(admin, out.id)
    with interrupted(racing, "DELETE FROM file_storage_stored_file", lambda: files.restore_many(admin, [out.id])):
        files.purge(admin, out.id)
    assert racing.tallies() == racing.counted() == {}


def test_a_file_that_is_restored_in_the_last_moment_does_not_go_with_the_expired_ones(racing: House) -> None:
    admin, out, files = racing.admin, racing.upload(), racing.services.files
    files.trash(admin, out.id)
    racing.age(out, deleted_at=LONG_AGO)
    with interrupted(
        racing, "DELETE FROM file_storage_stored_file", lambda: files.restore_many(admin, [out.id])
    ) as other:
        racing.services.removals.purge_expired()
    if other == [[out.id]]:
        assert files.get(admin, out.id).id == out.id, "told that it is restored, but it is gone"
    racing.assert_consistent()


def test_two_nodes_that_purge_what_is_expired_count_each_file_once(racing: House, heard: list[Event]) -> None:
    admin, removals = racing.admin, racing.services.removals
    for _ in range(3):
        out = racing.upload()
        racing.services.files.trash(admin, out.id)
        racing.age(out, deleted_at=LONG_AGO)
    with interrupted(racing, "DELETE FROM file_storage_stored_file", removals.purge_expired) as other:
        here = removals.purge_expired()
    assert racing.count(StoredFile) == 0
    assert racing.tallies() == racing.counted() == {}
    assert len([event for event in heard if isinstance(event, FilePurged)]) == 3
    assert here + other[0] == 3


def test_two_admins_that_demote_each_other_are_told_that_one_has_to_stay(
    racing: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = racing.services.users.create("second", PASSWORD, "admin")
    both = threading.Barrier(2)
    keep = users._keep_an_admin

    def keep_an_admin(tx: db.Transaction) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(1)  # both have written, neither has looked
        keep(tx)

    monkeypatch.setattr(users, "_keep_an_admin", keep_an_admin)
    ids = (racing.admin.user_id, second.id)
    outcomes = racing.together(
        *(lambda user_id=user_id: racing.services.users.change(user_id, {"role": "user"}) for user_id in ids)
    )
    assert [user.role for user in racing.services.users.list()].count("admin") == 1
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "UserOut"], outcomes


def test_two_admins_that_delete_each_other_are_told_that_one_has_to_stay(house: House) -> None:
    with house.app.app_context():
        second = house.services.users.create("second", PASSWORD, "admin")
    for _ in range(3):
        ids = (house.admin.user_id, second.id)
        outcomes = house.together(
            *(lambda user_id=user_id: house.services.users.change(user_id, {"active": False}) for user_id in ids)
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "UserOut"], outcomes
        with house.app.app_context():
            for user_id in ids:
                house.services.users.change(user_id, {"active": True})


def test_a_sign_in_with_the_old_password_does_not_survive_a_change_in_its_middle(
    racing: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, caller = racing.services.sessions, racing.uploader
    succeeded = Attempt.succeeded

    def change() -> object:
        return racing.services.users.change(caller.user_id, {"password": "another long password"})

    with interrupted(racing, "INSERT INTO user_session", change):
        secret = attempt(lambda: sessions.sign_in("uploader", PASSWORD, HERE))
    assert Attempt.succeeded is succeeded
    if isinstance(secret, str):
        with pytest.raises(UnauthenticatedError):
            sessions.authenticate(secret)


def test_two_admins_may_save_the_same_setting_at_once(racing: House) -> None:
    def save() -> None:
        racing.configure(trash_retention_days=20)

    with interrupted(racing, "INSERT INTO setting", save) as other:
        racing.configure(trash_retention_days=10)
    assert other == [None], other
    assert racing.services.settings.current().trash_retention_days in (10, 20)


def test_two_people_cannot_take_one_name_at_once(house: House) -> None:
    with house.app.app_context():
        outcomes = house.together(*[lambda: house.services.users.create("Twin", PASSWORD, "user")] * 4)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError"] * 3 + ["UserOut"]
    assert {type(o) for o in outcomes if isinstance(o, Exception)} == {ConflictError}
