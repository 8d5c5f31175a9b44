"""Uploads past the application, two things at once, and what happens in between."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from tests.backends.fakes import DirectBackend
from tests.support.app import House
from tests.support.direct import age, begin, complete, row_of, sent, store, taking_parts
from webapp import db
from webapp.contracts.errors import StorageBackendError, StowageError
from webapp.contracts.events import Event, FileUploaded
from webapp.contracts.files import StoredFileOut
from webapp.models import DirectUpload, StoredFile
from webapp.services import direct as direct_module
from webapp.services import records
from webapp.services.errors import NotFoundError

DATA = bytes(range(35))


@pytest.fixture
def direct(inside: House) -> Iterator[House]:
    with taking_parts(inside):
        yield inside


def meanwhile(monkeypatch: pytest.MonkeyPatch, house: House, method: str, other: Callable[[], object]) -> list[object]:
    """Once, before this method of the store is called, run ``other`` in another thread, to its end."""
    outcomes: list[object] = []
    real = DirectBackend._called

    def called(self: DirectBackend, name: str, key: str) -> None:
        if name == method and not outcomes:
            outcomes.append(None)
            outcomes[:] = elsewhere(house, other)
        real(self, name, key)

    monkeypatch.setattr(DirectBackend, "_called", called)
    return outcomes


def elsewhere(house: House, other: Callable[[], object]) -> list[object]:
    """What it gives, or raises, in another thread."""
    outcomes: list[object] = []

    def run() -> None:
        with house.app.app_context():
            try:
                outcomes.append(other())
            except StowageError as exc:
                outcomes.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return outcomes


def after(pause: float, call: Callable[[], object]) -> object:
    time.sleep(pause)
    return call()


def test_many_that_complete_at_once_make_one_file(direct: House, heard: list[Event]) -> None:
    for _ in range(4):
        upload, caller = sent(direct, DATA), direct.uploader
        results = direct.together(*[partial(direct.services.direct.complete, caller, upload.id)] * 6)
        assert {type(each) for each in results} == {StoredFileOut}, results
        assert len({each.id for each in results}) == 1
    assert direct.count(StoredFile) == len(store()) == 4
    assert [type(event) for event in heard] == [FileUploaded] * 4
    assert direct.tallies() == direct.counted()


@pytest.mark.parametrize("method", ["list_parts", "complete_parts", "completed", "get"])
def test_another_one_completes_at_any_moment(direct: House, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    upload, caller = sent(direct, DATA), direct.uploader
    outcomes = meanwhile(monkeypatch, direct, method, lambda: direct.services.direct.complete(caller, upload.id))
    file = complete(direct, upload)
    assert outcomes == [file]
    assert (direct.count(StoredFile), store()) == (1, {file.key: DATA})


@pytest.mark.parametrize("method", ["list_parts", "complete_parts", "completed", "get"])
def test_it_is_thrown_away_while_it_is_completed(direct: House, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    upload, caller = sent(direct, DATA), direct.uploader
    outcomes = meanwhile(monkeypatch, direct, method, lambda: direct.services.direct.abort(caller, upload.id))
    with pytest.raises(NotFoundError):
        complete(direct, upload)
    assert outcomes == [None]
    assert (direct.count(StoredFile), store(), DirectBackend.begun) == (0, {}, {})


def test_a_store_that_puts_it_together_after_it_was_thrown_away(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, caller = sent(direct, DATA), direct.uploader

    def too_late(self: DirectBackend, key: str, *_: object) -> None:
        assert elsewhere(direct, lambda: direct.services.direct.abort(caller, upload.id)) == [None]
        self.store[key] = DATA

    monkeypatch.setattr(DirectBackend, "complete_parts", too_late)
    with pytest.raises(NotFoundError):
        complete(direct, upload)
    assert (direct.count(StoredFile), store()) == (0, {})


def test_it_is_completed_while_it_is_thrown_away(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, caller = sent(direct, DATA), direct.uploader
    results = []
    real = direct_module._find

    def find(asking: object, upload_id: object) -> object:
        row = real(asking, upload_id)  # type: ignore[arg-type]
        if not results:
            results.append(None)
            results[:] = elsewhere(direct, lambda: direct.services.direct.complete(caller, upload.id))
        return row

    monkeypatch.setattr(direct_module, "_find", find)
    direct.services.direct.abort(direct.uploader, upload.id)
    (file,) = results
    assert isinstance(file, StoredFileOut)
    assert store() == {file.key: DATA}, "a row without its bytes"
    assert direct.services.files.get(direct.uploader, file.id) == file


@pytest.mark.parametrize("pause", [0, 0.002, 0.01])
def test_completing_and_throwing_away_at_once_ends_in_one_of_both(direct: House, pause: float) -> None:
    for _ in range(8):
        upload, caller = sent(direct, DATA), direct.uploader
        service = direct.services.direct
        completed, _ = direct.together(
            partial(service.complete, caller, upload.id),
            partial(after, pause, partial(service.abort, caller, upload.id)),
        )
        row = row_of(direct, upload.id)
        there = [completed.key] if isinstance(completed, StoredFileOut) else []
        assert there or isinstance(completed, (NotFoundError, StorageBackendError)), completed
        assert bool(there) != bool(row and row.is_aborted)
        if row is not None and row.is_aborted:  # the second round
            age(direct, upload.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
            direct.services.direct.clear_expired()
        assert list(store()) == there
        for key in there:
            direct.services.files.purge(direct.admin, completed.id)
            assert key not in store()
    assert direct.tallies() == direct.counted() == {}


def test_it_expires_while_it_is_completed(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = sent(direct, DATA)

    def expire() -> int:
        age(direct, upload.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        return direct.services.direct.clear_expired()

    outcomes = meanwhile(monkeypatch, direct, "get", expire)
    with pytest.raises(NotFoundError):
        complete(direct, upload)
    assert outcomes == [1]
    assert (direct.count(StoredFile), store()) == (0, {})


# --- in between -----------------------------------------------------------------------


def test_the_store_fails_once_it_has_put_the_parts_together(direct: House) -> None:
    upload = sent(direct, DATA)
    DirectBackend.failing["completed"] = StorageBackendError("500")
    with pytest.raises(StorageBackendError):
        complete(direct, upload)
    DirectBackend.failing.clear()
    assert direct.services.direct.get(direct.uploader, upload.id).file_id is None
    file = complete(direct, upload)
    assert (direct.count(StoredFile), store()) == (1, {file.key: DATA})


@pytest.mark.parametrize("method", ["list_parts", "complete_parts", "exists", "get"])
def test_the_store_is_down_for_a_moment(direct: House, method: str) -> None:
    upload = sent(direct, DATA)
    if method == "exists":
        row = row_of(direct, upload.id)
        DirectBackend({"direct_room": "one"}).complete_parts(
            row.key, row.reference, DirectBackend({"direct_room": "one"}).list_parts(row.key, row.reference)
        )
    DirectBackend.failing[method] = StorageBackendError("down")
    with pytest.raises(StorageBackendError):
        complete(direct, upload)
    DirectBackend.failing.clear()
    assert store() == {complete(direct, upload).key: DATA}


def test_the_row_cannot_be_written_and_the_bytes_wait_for_another_try(
    direct: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = sent(direct, DATA)

    def fail(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("disk", {}, Exception("full"))

    with monkeypatch.context() as patch:
        patch.setattr(records.tallies, "add", fail)
        with pytest.raises(sa.exc.OperationalError):
            complete(direct, upload)
    assert (direct.count(StoredFile), row_of(direct, upload.id).file_id) == (0, None)
    file = complete(direct, upload)
    assert (direct.count(StoredFile), store()) == (1, {file.key: DATA})


def test_an_upload_that_cannot_be_written_down_is_not_left_in_the_store(
    direct: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoTransaction:
        def __enter__(self) -> None:
            raise sa.exc.OperationalError("disk", {}, Exception("full"))

        def __exit__(self, *_: object) -> None: ...

    caller = direct.uploader
    with monkeypatch.context() as patch:
        patch.setattr(db, "transaction", NoTransaction)
        with pytest.raises(sa.exc.OperationalError):
            begin(direct, DATA, caller)
    assert (DirectBackend.begun, direct.count(DirectUpload)) == ({}, 0)


def test_a_file_that_the_store_made_too_short_is_none(direct: House) -> None:
    upload = sent(direct, DATA)
    row = row_of(direct, upload.id)
    for wrong in (DATA[:-1], DATA + b"x"):
        del DirectBackend.begun[row.key, row.reference]
        store()[row.key] = wrong
        with pytest.raises(StorageBackendError):
            complete(direct, upload)
        assert direct.count(StoredFile) == 0
        DirectBackend.begun[row.key, row.reference] = {}
