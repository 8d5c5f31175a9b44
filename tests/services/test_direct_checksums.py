"""Checksums of large files that went straight to the store: found out in the background, by reading them once."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.backends.fakes import DirectBackend
from tests.support.app import House
from tests.support.direct import complete, sent, store, taking_parts
from webapp.contracts.errors import StorageBackendError
from webapp.contracts.events import Event, FileDeleted, FilePurged, FileUploaded, FileVerified
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import PendingChecksum, StoredFile
from webapp.services import checksums
from webapp.services.checksums import ChecksumService

LONG = bytes(range(95))
DIGEST = hashlib.sha256(LONG).hexdigest()


@pytest.fixture
def direct(inside: House) -> Iterator[House]:
    with taking_parts(inside):
        yield inside


def large(house: House, expected: bytes | None = None) -> StoredFileOut:
    file = complete(house, sent(house, LONG, sha256=expected))
    assert file.checksum_sha256 == ""
    return file


def checksum(house: House, file: StoredFileOut) -> str:
    files = table(StoredFile)
    return str(house.query(sa.select(files.c.checksum_sha256).where(files.c.id == file.id))[0][0])


def make_due(house: House) -> None:
    house.write(sa.update(table(PendingChecksum)).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_it_is_filled_in_and_told(direct: House, heard: list[Event]) -> None:
    file = large(direct)
    assert direct.services.checksums.find_out() == 1
    assert direct.services.files.get(direct.uploader, file.id).checksum_sha256 == DIGEST
    uploaded, verified = heard
    assert (type(uploaded), type(verified)) == (FileUploaded, FileVerified)
    assert isinstance(verified, FileVerified)
    assert (verified.checksum_sha256, verified.matches, verified.file_id) == (DIGEST, None, file.id)
    assert direct.services.checksums.find_out() == 0
    assert direct.count(PendingChecksum) == 0


def test_all_that_wait_are_read(direct: House) -> None:
    files = [large(direct) for _ in range(5)]
    assert direct.services.checksums.find_out() == 5
    assert {checksum(direct, file) for file in files} == {DIGEST}


def test_it_is_the_one_that_was_announced(direct: House, heard: list[Event]) -> None:
    file = large(direct, bytes.fromhex(DIGEST))
    direct.services.checksums.find_out()
    assert isinstance(heard[-1], FileVerified)
    assert heard[-1].matches is True
    assert direct.services.files.get(direct.uploader, file.id).deleted_at is None


def test_another_one_than_was_announced_goes_to_the_trash(direct: House, heard: list[Event]) -> None:
    file = large(direct, bytes(32))
    assert direct.services.checksums.find_out() == 1
    verified, deleted = heard[1:]
    assert isinstance(verified, FileVerified)
    assert isinstance(deleted, FileDeleted)
    assert (verified.matches, deleted.checksum_sha256, deleted.permanent) == (False, DIGEST, False)
    files = table(StoredFile)
    (row,) = direct.query(sa.select(files).where(files.c.id == file.id))
    assert (row.is_deleted, row.deleted_at is None, row.checksum_sha256) == (True, False, DIGEST)
    assert direct.tallies() == direct.counted()
    assert store() == {file.key: LONG}


def test_a_file_in_the_trash_is_read_and_not_deleted_again(direct: House, heard: list[Event]) -> None:
    file = large(direct, bytes(32))
    direct.services.files.trash(direct.uploader, file.id)
    assert direct.services.checksums.find_out() == 1
    assert [type(event) for event in heard] == [FileUploaded, FileDeleted, FileVerified]
    assert direct.tallies() == direct.counted()


def test_a_file_that_is_purged_before_is_forgotten(direct: House, heard: list[Event]) -> None:
    file = large(direct)
    direct.services.files.purge(direct.admin, file.id)
    assert direct.services.checksums.find_out() == 0
    assert (direct.count(PendingChecksum), store()) == (0, {})
    assert FileVerified not in map(type, heard)


def test_a_file_that_is_purged_while_it_is_read_is_forgotten(
    direct: House, heard: list[Event], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = large(direct)
    monkeypatch.setattr(checksums, "SLICE_SECONDS", -1.0)  # one piece at a time
    monkeypatch.setattr(DirectBackend, "get", in_pieces)
    assert direct.services.checksums.find_out() == 0
    direct.services.files.purge(direct.admin, file.id)
    for _ in range(3):
        direct.services.checksums.find_out()
    assert direct.count(PendingChecksum) == 0
    assert {FileUploaded, FilePurged, FileDeleted} >= set(map(type, heard))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def in_pieces(self: DirectBackend, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """A get in pieces of 40 bytes."""
    self._called("get", key)
    if key not in self.store:
        raise checksums.StorageNotFoundError("gone")
    data = self.store[key][start:][:length]
    return iter([data[at : at + 40] for at in range(0, len(data), 40)])


def test_a_file_that_takes_longer_is_read_on_where_it_stopped(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    file = large(direct)
    monkeypatch.setattr(checksums, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(DirectBackend, "get", in_pieces)
    for _ in range(3):
        assert direct.services.checksums.find_out() == 0
        assert checksum(direct, file) == ""
    assert direct.services.checksums.find_out() == 1
    assert checksum(direct, file) == DIGEST


def test_nobody_else_reads_what_one_is_reading(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    large(direct)
    monkeypatch.setattr(checksums, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(DirectBackend, "get", in_pieces)
    first, second = direct.services.checksums, ChecksumService(direct.services.settings)
    first.find_out()
    DirectBackend.calls.clear()
    assert second.find_out() == 0
    assert DirectBackend.calls == []


def test_what_a_dead_process_was_reading_is_read_by_another(
    direct: House, monkeypatch: pytest.MonkeyPatch, heard: list[Event]
) -> None:
    file = large(direct)
    with monkeypatch.context() as patch:
        patch.setattr(checksums, "SLICE_SECONDS", -1.0)
        patch.setattr(DirectBackend, "get", in_pieces)
        direct.services.checksums.find_out()
    make_due(direct)  # it was not heard of for five minutes
    assert ChecksumService(direct.services.settings).find_out() == 1
    assert checksum(direct, file) == DIGEST
    assert direct.services.checksums.find_out() == 0, "the first one was only slow"
    assert [type(event) for event in heard].count(FileVerified) == 1


def test_whoever_was_too_slow_leaves_it_to_the_other(direct: House, monkeypatch: pytest.MonkeyPatch) -> None:
    file = large(direct)
    monkeypatch.setattr(checksums, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(DirectBackend, "get", in_pieces)
    slow, other = direct.services.checksums, ChecksumService(direct.services.settings)
    slow.find_out()
    make_due(direct)
    other.find_out()
    slow.find_out()  # notices it now
    DirectBackend.calls.clear()
    assert slow.find_out() == 0
    assert DirectBackend.calls == []
    while not checksum(direct, file):
        other.find_out()
    assert checksum(direct, file) == DIGEST


def test_a_store_that_is_down_is_asked_again_later(direct: House) -> None:
    file = large(direct)
    DirectBackend.failing["get"] = StorageBackendError("down")
    assert direct.services.checksums.find_out() == 0
    DirectBackend.failing.clear()
    assert direct.services.checksums.find_out() == 0, "not at once"
    make_due(direct)
    assert direct.services.checksums.find_out() == 1
    assert checksum(direct, file) == DIGEST


def test_a_backend_that_is_gone_keeps_no_other_file_waiting(direct: House) -> None:
    stuck = large(direct)
    other = large(direct)
    direct.age(stuck, backend="gone")
    assert direct.services.checksums.find_out() == 1
    assert (checksum(direct, stuck), checksum(direct, other)) == ("", DIGEST)
    assert direct.count(PendingChecksum) == 1


def test_bytes_that_the_store_has_lost_are_logged(direct: House, caplog: pytest.LogCaptureFixture) -> None:
    file = large(direct)
    store().clear()
    direct.services.checksums.find_out()
    assert direct.count(PendingChecksum) == 0
    assert [record.levelno for record in caplog.records if getattr(record, "key", "") == file.key] == [logging.ERROR]
