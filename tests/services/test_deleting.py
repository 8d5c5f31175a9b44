"""To the trash and back, and gone for good: exactly once, and the counters know."""

from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp.contracts.events import Event, FileDeleted, FilePurged, FileRestored
from webapp.db import table
from webapp.models import PendingRemoval, StoredFile
from webapp.services.access import Permission
from webapp.services.errors import ConflictError, ForbiddenError, NotFoundError


def kinds(heard: list[Event]) -> list[str]:
    return [type(event).__name__ for event in heard]


def test_a_trashed_file_is_gone_from_sight_but_its_bytes_stay(inside: House, heard: list[Event]) -> None:
    caller, files = inside.uploader, inside.services.files
    out = inside.upload(caller)
    files.trash(caller, out.id)
    with pytest.raises(NotFoundError):
        files.get(caller, out.id)
    with pytest.raises(NotFoundError):
        files.locate(caller, out.id)
    inside.assert_consistent()
    [row] = inside.query(sa.select(table(StoredFile)))
    assert (row.is_deleted, row.deleted_by, row.updated_by) == (True, caller.user_id, caller.user_id)
    assert row.deleted_at == row.updated_at
    event = heard[-1]
    assert isinstance(event, FileDeleted)
    assert (event.file_id, event.permanent, event.actor_name) == (out.id, False, "uploader")


def test_a_restored_file_is_as_it_was(inside: House, heard: list[Event]) -> None:
    caller, files = inside.uploader, inside.services.files
    out = inside.upload(caller)
    files.trash(caller, out.id)
    assert files.restore(caller, out.id) == out
    assert files.get(caller, out.id) == out
    [row] = inside.query(sa.select(table(StoredFile)))
    assert (row.is_deleted, row.deleted_at, row.deleted_by) == (False, None, None)
    assert isinstance(heard[-1], FileRestored)
    inside.assert_consistent()


def test_what_is_trashed_or_unknown_cannot_be_trashed(inside: House) -> None:
    out = inside.upload()
    inside.services.files.trash(inside.uploader, out.id)
    for file_id in (out.id, uuid4()):
        with pytest.raises(NotFoundError):
            inside.services.files.trash(inside.uploader, file_id)
    inside.assert_consistent()


def test_a_live_file_cannot_be_restored_and_an_unknown_one_is_not_found(inside: House) -> None:
    out = inside.upload()
    with pytest.raises(ConflictError):
        inside.services.files.restore(inside.uploader, out.id)
    with pytest.raises(NotFoundError):
        inside.services.files.restore(inside.uploader, uuid4())


def test_many_at_once_skip_what_is_not_there(inside: House, heard: list[Event]) -> None:
    files, caller = inside.services.files, inside.uploader
    live, trashed = [inside.upload() for _ in range(3)], inside.upload()
    files.trash(caller, trashed.id)
    heard.clear()
    ids = [live[2].id, uuid4(), trashed.id, live[0].id, live[0].id]
    assert files.trash_many(caller, ids) == [live[2].id, live[0].id]
    assert kinds(heard) == ["FileDeleted", "FileDeleted"]
    assert files.restore_many(caller, [live[1].id, trashed.id, live[0].id, uuid4()]) == [trashed.id, live[0].id]
    assert files.trash_many(caller, []) == files.restore_many(caller, []) == []
    inside.assert_consistent()


@pytest.mark.parametrize("trashed", [False, True])
def test_a_purged_file_leaves_neither_row_nor_bytes(inside: House, heard: list[Event], trashed: bool) -> None:
    out = inside.upload()
    if trashed:
        inside.services.files.trash(inside.uploader, out.id)
    heard.clear()
    inside.services.files.purge(inside.admin, out.id)
    assert inside.count(StoredFile) == inside.count(PendingRemoval) == 0
    assert inside.on_disk() == set()
    inside.assert_consistent()
    assert kinds(heard) == (["FilePurged"] if trashed else ["FileDeleted", "FilePurged"])
    assert all(event.permanent for event in heard if isinstance(event, FileDeleted))
    assert isinstance(heard[-1], FilePurged)
    with pytest.raises(NotFoundError):
        inside.services.files.purge(inside.admin, out.id)


@pytest.mark.parametrize(
    ("method", "permission"),
    [
        ("trash", Permission.DOWNLOAD),
        ("restore", Permission.DOWNLOAD),
        ("purge", Permission.DELETE),
        ("get", Permission.UPLOAD),
        ("locate", Permission.UPLOAD),
    ],
)
def test_each_needs_its_permission(inside: House, method: str, permission: Permission) -> None:
    out = inside.upload()
    with pytest.raises(ForbiddenError):
        getattr(inside.services.files, method)(inside.caller("admin", permission), out.id)
    inside.assert_consistent()


def test_users_cannot_purge(inside: House) -> None:
    out = inside.upload()
    with pytest.raises(ForbiddenError):
        inside.services.files.purge(inside.uploader, out.id)
    assert inside.services.files.get(inside.uploader, out.id)


@pytest.mark.parametrize("method", ["trash", "restore", "purge"])
def test_of_parallel_calls_exactly_one_wins(inside: House, heard: list[Event], method: str) -> None:
    caller, out = inside.admin, inside.upload()
    if method == "restore":
        inside.services.files.trash(caller, out.id)
    heard.clear()
    call = getattr(inside.services.files, method)
    outcomes = inside.together(*[lambda: call(caller, out.id)] * 8)
    lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert {type(error) for error in lost} <= {NotFoundError, ConflictError}
    assert len(lost) == 7
    assert len(heard) == (2 if method == "purge" else 1)
    inside.assert_consistent()


def test_parallel_deletes_of_many_act_on_each_file_once(inside: House) -> None:
    caller, files = inside.admin, inside.services.files
    ids = [inside.upload().id for _ in range(12)]
    orders = [ids, ids[::-1], ids[6:] + ids[:6], ids[::2] + ids[1::2]]
    outcomes = inside.together(*(lambda order=order: files.trash_many(caller, order) for order in orders))
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert sorted(file_id for outcome in outcomes for file_id in outcome) == sorted(ids)
    inside.assert_consistent()


def test_trashing_restoring_and_purging_at_once_keep_the_counters_right(inside: House) -> None:
    caller, files = inside.admin, inside.services.files
    ids = [inside.upload().id for _ in range(6)]
    calls = []
    for file_id in ids:
        calls += [
            lambda i=file_id: files.trash_many(caller, [i]),
            lambda i=file_id: files.restore_many(caller, [i]),
            lambda i=file_id: files.purge(caller, i),
        ]
    outcomes = inside.together(*calls)
    assert {type(o) for o in outcomes if isinstance(o, Exception)} <= {NotFoundError}
    inside.assert_consistent()
