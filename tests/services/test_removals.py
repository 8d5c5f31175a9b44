"""Bytes whose row is gone are removed, at once or as soon as the backend works again."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from webapp.contracts.errors import StorageBackendError
from webapp.contracts.events import Event, FileDeleted, FilePurged
from webapp.db import table
from webapp.models import PendingRemoval, StoredFile
from webapp.services import removals

pending = table(PendingRemoval)


def later(house: House) -> None:
    """Time passes: removals are tried again only after a while."""
    house.write(sa.update(pending).values(due_at=datetime.now(UTC) - timedelta(minutes=1)))


def purge_without_backend(house: House, name: str = "a") -> str:
    """Purge a file while the backend is down, and return its key."""
    out = house.upload(name=name)
    MemoryBackend.failing["delete"] = StorageBackendError("down")
    house.services.files.purge(house.admin, out.id)
    MemoryBackend.failing.clear()
    return out.key


def test_a_purge_succeeds_though_the_backend_is_down(memory: House, heard: list[Event]) -> None:
    key = purge_without_backend(memory)
    assert memory.count(StoredFile) == 0
    [row] = memory.query(sa.select(pending))
    assert (row.key, row.backend, row.location) == (key, "memory", {"memory_room": "one"})
    assert key in MemoryBackend.rooms["one"]
    assert isinstance(heard[-1], FilePurged)


def test_it_is_tried_again_until_it_works(memory: House) -> None:
    key = purge_without_backend(memory)
    later(memory)
    MemoryBackend.failing["delete"] = StorageBackendError("still down")
    assert memory.services.removals.retry() == 0
    assert memory.count(PendingRemoval) == 1
    MemoryBackend.failing.clear()
    later(memory)
    assert memory.services.removals.retry() == 1
    assert memory.count(PendingRemoval) == 0
    assert key not in MemoryBackend.rooms["one"]
    assert memory.services.removals.retry() == 0


def test_what_was_planned_just_now_is_left_to_whoever_planned_it(memory: House) -> None:
    purge_without_backend(memory)
    assert memory.services.removals.retry() == 0
    assert memory.count(PendingRemoval) == 1


def test_a_crash_between_commit_and_removal_is_made_good(memory: House, monkeypatch: pytest.MonkeyPatch) -> None:
    out = memory.upload()
    with monkeypatch.context() as patch:
        patch.setattr(removals.RemovalService, "_remove", lambda *_: None)
        memory.services.files.purge(memory.admin, out.id)
    assert out.key in MemoryBackend.rooms["one"]
    later(memory)
    assert memory.services.removals.retry() == 1
    assert out.key not in MemoryBackend.rooms["one"]


def test_bytes_are_removed_where_the_row_said_they_are(memory: House) -> None:
    key = purge_without_backend(memory)
    memory.configure(memory_room="two", backend="filesystem")
    later(memory)
    assert memory.services.removals.retry() == 1
    assert key not in MemoryBackend.rooms["one"]


def test_an_error_that_is_no_storage_error_stops_the_others_neither(memory: House) -> None:
    first, second = purge_without_backend(memory, "a"), purge_without_backend(memory, "b")
    memory.write(sa.update(pending).where(pending.c.key == first).values(location={"memory_room": ["odd"]}))
    later(memory)
    memory.services.removals.retry()
    assert second not in MemoryBackend.rooms["one"]


def test_removals_that_never_work_do_not_keep_others_waiting_for_ever(
    memory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that was uninstalled must not stop the purging of the others."""
    monkeypatch.setattr(removals, "BATCH", 2)
    for name in "abc":
        purge_without_backend(memory, name)
    memory.write(sa.update(pending).values(backend="uninstalled"))
    key = purge_without_backend(memory, "d")
    later(memory)
    for _ in range(5):
        memory.services.removals.retry()
    assert key not in MemoryBackend.rooms["one"]


def test_what_has_been_in_the_trash_for_its_time_goes(inside: House, heard: list[Event]) -> None:
    inside.configure(trash_retention_days=7)
    old, young, live = [inside.upload(data=b"x" * n, name=str(n)) for n in (1, 2, 3)]
    inside.services.files.trash_many(inside.admin, [old.id, young.id])
    inside.age(old, deleted_at=datetime.now(UTC) - timedelta(days=7, minutes=1))
    inside.age(young, deleted_at=datetime.now(UTC) - timedelta(days=6, hours=23))
    inside.age(live, created_at=datetime.now(UTC) - timedelta(days=700))
    heard.clear()
    assert inside.services.removals.purge_expired() == 1
    assert {row.id for row in inside.query(sa.select(table(StoredFile).c.id))} == {young.id, live.id}
    inside.assert_consistent()
    assert [type(event) for event in heard] == [FilePurged]
    assert not [event for event in heard if isinstance(event, FileDeleted)], "it was deleted when it was trashed"
    assert inside.services.removals.purge_expired() == 0


def test_expired_files_go_in_batches(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "BATCH", 2)
    ids = [inside.upload().id for _ in range(5)]
    inside.services.files.trash_many(inside.admin, ids)
    inside.write(sa.update(table(StoredFile)).values(deleted_at=datetime.now(UTC) - timedelta(days=400)))
    assert [inside.services.removals.purge_expired() for _ in range(4)] == [2, 2, 1, 0]
    inside.assert_consistent()


def test_recovery_clears_what_a_crash_left_and_keeps_what_has_a_row(inside: House) -> None:
    out = inside.upload()
    incoming = inside.uploads / ".incoming"
    (incoming / out.key).hardlink_to(inside.uploads / out.key[:2] / out.key)  # a crash before it was settled
    dead = "0123456789abcdef0123456789abcdef"
    (incoming / dead).write_bytes(b"half")
    assert inside.services.removals.recover() == 1
    inside.assert_consistent()


def test_recovery_is_not_asked_of_a_backend_that_has_none(memory: House) -> None:
    assert memory.services.removals.recover() == 0


def test_a_place_that_cannot_be_recovered_is_said_once(inside: House, caplog: pytest.LogCaptureFixture) -> None:
    """It is tried every few seconds, also of what somebody has only begun to set up."""
    inside.configure(s3_access_key_id="id", s3_secret_access_key="secret")  # and no bucket
    for _ in range(5):
        inside.services.removals.recover()
    assert [each.message for each in caplog.records] == ["recovery was not possible"]


def test_recovery_also_looks_where_files_were_stored_before(inside: House) -> None:
    """The root was changed after the crash: what is left in the former one goes too."""
    out = inside.upload()
    inside.services.files.purge(inside.admin, out.id)
    kept = inside.upload()
    dead = inside.uploads / ".incoming" / "0123456789abcdef0123456789abcdef"
    dead.write_bytes(b"half")
    inside.configure(fs_root_path="./elsewhere")
    inside.services.removals.recover()
    assert inside.services.files.get(inside.uploader, kept.id)
    assert not dead.exists()
