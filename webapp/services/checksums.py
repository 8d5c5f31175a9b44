"""Checksums of files whose bytes did not pass through Stowage: found out by reading them once.

Small files are read when their upload is completed. Larger ones are stored with an
empty checksum at first, which means "not known yet"; a background job reads them,
fills it in and says so (``FileVerified``). A file that is not what its client had
announced goes to the trash.
"""

import hashlib
import logging
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import StorageBackend
from webapp.contracts.errors import StorageBackendError, StorageError, StorageNotFoundError
from webapp.contracts.events import FileDeleted, FileVerified
from webapp.db import table
from webapp.models import PendingChecksum
from webapp.services import tallies
from webapp.services.checks import Checking
from webapp.services.errors import ChecksumMismatchError
from webapp.services.reading import at_most
from webapp.services.rows import as_out, event_fields, files, select_stored
from webapp.services.settings import SettingsService
from webapp.services.uploads import Measured

log = logging.getLogger(__name__)

AT_ONCE = 32 * 1024 * 1024
"""Up to this size, reading a file costs its client less than waiting for a job."""
CLAIM = timedelta(minutes=5)
"""How long a file is left to one worker that is not heard of, before another one tries."""
SLICE_SECONDS = 10.0
"""So long is read at a time: the other jobs wait meanwhile, and a file may be a terabyte."""
_pending = table(PendingChecksum)


def of_small(backend: StorageBackend, key: str, size: int, expected: str | None) -> str:
    """The checksum of a small file; empty for larger ones.

    Raises:
        ChecksumMismatchError: it is not the one that was announced.
        StorageError: the file cannot be read.
    """
    if size > AT_ONCE:
        return ""
    found = hashlib.sha256()
    for piece in at_most(backend.get(key), size):
        found.update(piece)
    digest = found.hexdigest()
    if expected is not None and digest != expected:
        raise ChecksumMismatchError("the digest differs")
    return digest


def of_stored(backend: StorageBackend, row: Any, checking: Checking) -> str:
    """The checksum of a file that is in the store; empty for a large one, unless a check wants to see its bytes.

    Raises:
        ChecksumMismatchError: it is not the one that was announced.
        UploadRefusedError: a plugin does not want the file.
        CheckFailedError: a check that has to be made could not be.
        StorageError: the file cannot be read.
    """
    if not checking.wants_bytes:
        return of_small(backend, row.key, row.size_bytes, row.checksum_sha256)
    expected = bytes.fromhex(row.checksum_sha256) if row.checksum_sha256 else None
    measured = Measured(at_most(backend.get(row.key), row.size_bytes), row.size_bytes, expected)
    for _ in checking.passing(measured):
        pass
    if measured.size != row.size_bytes:
        raise StorageBackendError("the file is not as large as its parts", cause="corrupted")
    return measured.hexdigest


def wait_for(tx: db.Transaction, file_id: UUID, expected: str | None) -> None:
    """Have the checksum of this file found out."""
    row = {"file_id": file_id, "expected": expected, "due_at": datetime.now(UTC)}
    tx.execute(sa.insert(_pending).values(row))


class ChecksumService:
    """Finds out checksums in the background, for one thread: what it is in the middle of is kept between calls."""

    def __init__(self, settings: SettingsService) -> None:
        """Read files where they are."""
        self._settings = settings
        self._reading: _Reading | None = None

    def find_out(self) -> int:
        """Read files that wait, for a while; return how many checksums are known now."""
        until = time.monotonic() + SLICE_SECONDS
        done = 0
        while self._go_on(until):
            done += 1
        return done

    def _go_on(self, until: float) -> bool:
        """Read on where the last call stopped, or the next file; whether that one is done in time."""
        reading, self._reading = self._reading or self._next(), None
        if reading is None:
            return False
        try:
            if not reading.to_its_end(until):
                self._reading = reading if reading.renewed() else None
                return False
        except StorageNotFoundError:
            _gone(reading.waiting.file_id)
            return True
        except StorageError:
            # It stays claimed for a while: nobody hammers on a store that is down.
            log.warning("a checksum could not be found out yet", extra={"key": reading.key}, exc_info=True)
            return False
        return _settle(reading.waiting, reading.digest)

    def _next(self) -> "_Reading | None":
        while waiting := _claim():
            row = _stored(waiting.file_id)
            if row is None:  # purged meanwhile
                _forget(waiting.file_id)
                continue
            try:
                place = self._settings.place_of(row.backend, row.extra_metadata["location"], self._settings.current())
            except StorageError:
                log.warning("a checksum could not be found out yet", extra={"key": row.key}, exc_info=True)
                continue
            return _Reading(waiting, row.key, row.size_bytes, place.backend)
        return None


class _Reading:
    """A file that is being read for its checksum."""

    def __init__(self, waiting: Any, key: str, size: int, backend: StorageBackend) -> None:
        self.waiting = waiting
        self.key = key
        self._size = size
        self._backend = backend
        self._hash = hashlib.sha256()
        self._position = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def to_its_end(self, until: float) -> bool:
        """Whether the end was reached in time; at least one piece is read.

        Raises:
            StorageError: it cannot be read.
        """
        pieces = self._backend.get(self.key, start=self._position)
        with closing(at_most(pieces, self._size - self._position)) as expected:
            for piece in expected:
                self._hash.update(piece)
                self._position += len(piece)
                if time.monotonic() >= until:
                    return False
        return True

    def renewed(self) -> bool:
        """Keep the claim a while longer; False where another worker has it by now."""
        later = datetime.now(UTC) + CLAIM
        mine = sa.and_(_pending.c.file_id == self.waiting.file_id, _pending.c.due_at == self.waiting.due_at)
        with db.transaction() as tx:
            kept = tx.execute(sa.update(_pending).where(mine).values(due_at=later)).rowcount == 1
        self.waiting = SimpleNamespace(file_id=self.waiting.file_id, expected=self.waiting.expected, due_at=later)
        return kept


def _stored(file_id: UUID) -> Any:
    with db.read() as connection:
        return connection.execute(select_stored.where(files.c.id == file_id)).first()


def _claim() -> Any:
    """A file that waits, for this worker alone for a while; None where none does."""
    now = datetime.now(UTC)
    due = sa.select(_pending).where(_pending.c.due_at <= now).order_by(_pending.c.due_at).limit(1)
    while True:
        with db.read() as connection:
            row = connection.execute(due).first()
        if row is None:
            return None
        same = sa.and_(_pending.c.file_id == row.file_id, _pending.c.due_at == row.due_at)
        with db.transaction() as tx:
            claimed = tx.execute(sa.update(_pending).where(same).values(due_at=now + CLAIM)).rowcount
        if claimed:
            return SimpleNamespace(file_id=row.file_id, expected=row.expected, due_at=now + CLAIM)


def _gone(file_id: UUID) -> None:
    """There are no bytes: the file was purged while it was read, or the store has lost them."""
    row = _stored(file_id)
    if row is not None:
        log.error("the bytes of a file are gone", extra={"key": row.key})
    _forget(file_id)


def _forget(file_id: UUID) -> None:
    with db.transaction() as tx:
        tx.execute(sa.delete(_pending).where(_pending.c.file_id == file_id))


def _settle(waiting: Any, found: str) -> bool:
    """Write the checksum down, and take a file out of use that is not what was announced; False: it was known."""
    matches = None if waiting.expected is None else found == waiting.expected
    with db.transaction() as tx:
        if tx.execute(sa.delete(_pending).where(_pending.c.file_id == waiting.file_id)).rowcount != 1:
            return False  # another worker has told it already
        tx.execute(sa.update(files).where(files.c.id == waiting.file_id).values(checksum_sha256=found))
        row = tx.execute(select_stored.where(files.c.id == waiting.file_id)).first()
        if row is None:
            return False
        tx.emit(FileVerified(**event_fields(as_out(row)), matches=matches))
        if matches is False and not row.is_deleted:
            _take_out(tx, row)
    return True


def _take_out(tx: db.Transaction, row: Any) -> None:
    """To the trash: the bytes are there, but they are not those that were announced."""
    log.error("a file is not what was announced", extra={"key": row.key})
    moment = datetime.now(UTC)
    values = {"is_deleted": True, "deleted_at": moment, "updated_at": moment}
    tx.execute(sa.update(files).where(files.c.seq == row.seq).values(values))
    tallies.move(tx, [row], to_trash=True)
    tx.emit(FileDeleted(**event_fields(as_out(row))))
