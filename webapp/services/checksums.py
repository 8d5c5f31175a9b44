"""Checksums of files whose bytes did not pass through Stowage: found out by reading them once.

Small files are read when their upload is completed. Larger ones are stored with an
empty checksum at first, which means "not known yet"; a background job reads them,
fills it in and says so (``FileVerified``). A file that is not what its client had
announced goes to the trash.
"""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import StorageBackend
from webapp.contracts.errors import StorageError, StorageNotFoundError
from webapp.contracts.events import FileDeleted, FileVerified
from webapp.db import table
from webapp.models import PendingChecksum
from webapp.services import tallies
from webapp.services.errors import ChecksumMismatchError
from webapp.services.rows import as_out, event_fields, files, select_stored
from webapp.services.settings import SettingsService

log = logging.getLogger(__name__)

AT_ONCE = 32 * 1024 * 1024
"""Up to this size, reading a file costs its client less than waiting for a job."""
CLAIM = timedelta(minutes=30)
"""How long one worker has for one file, before another one tries."""
_pending = table(PendingChecksum)


def of_small(backend: StorageBackend, key: str, size: int, expected: str | None) -> str:
    """The checksum of a small file; empty for larger ones.

    Raises:
        ChecksumMismatchError: it is not the one that was announced.
        StorageError: the file cannot be read.
    """
    if size > AT_ONCE:
        return ""
    found = _digest(backend, key)
    if expected is not None and found != expected:
        raise ChecksumMismatchError("the digest differs")
    return found


def wait_for(tx: db.Transaction, file_id: UUID, expected: str | None) -> None:
    """Have the checksum of this file found out."""
    row = {"file_id": file_id, "expected": expected, "due_at": datetime.now(UTC)}
    tx.execute(sa.insert(_pending).values(row))


class ChecksumService:
    """Finds out checksums in the background."""

    def __init__(self, settings: SettingsService) -> None:
        """Read files where they are."""
        self._settings = settings

    def find_out(self) -> int:
        """Read one file that waits, if there is one; return how many that were."""
        waiting = _claim()
        if waiting is None:
            return 0
        with db.read() as connection:
            row = connection.execute(select_stored.where(files.c.id == waiting.file_id)).first()
        if row is None:
            _forget(waiting.file_id)
            return 0
        place = self._settings.place_of(row.backend, row.extra_metadata["location"], self._settings.current())
        try:
            found = _digest(place.backend, row.key)
        except StorageNotFoundError:
            log.exception("the bytes of a file are gone", extra={"key": row.key})
            _forget(waiting.file_id)
            return 0
        except StorageError:
            log.warning("a checksum could not be found out yet", extra={"key": row.key}, exc_info=True)
            return 0
        _settle(waiting, found)
        return 1


def _digest(backend: StorageBackend, key: str) -> str:
    found = hashlib.sha256()
    for piece in backend.get(key):
        found.update(piece)
    return found.hexdigest()


def _claim() -> Any:
    """A file that waits, for this worker alone for a while."""
    now = datetime.now(UTC)
    with db.read() as connection:
        row = connection.execute(
            sa.select(_pending).where(_pending.c.due_at <= now).order_by(_pending.c.due_at).limit(1)
        ).first()
    if row is None:
        return None
    same = sa.and_(_pending.c.file_id == row.file_id, _pending.c.due_at == row.due_at)
    with db.transaction() as tx:
        claimed = tx.execute(sa.update(_pending).where(same).values(due_at=now + CLAIM)).rowcount
    return row if claimed else None


def _forget(file_id: UUID) -> None:
    with db.transaction() as tx:
        tx.execute(sa.delete(_pending).where(_pending.c.file_id == file_id))


def _settle(waiting: Any, found: str) -> None:
    """Write the checksum down, and take a file out of use that is not what was announced."""
    matches = None if waiting.expected is None else found == waiting.expected
    with db.transaction() as tx:
        tx.execute(sa.delete(_pending).where(_pending.c.file_id == waiting.file_id))
        tx.execute(sa.update(files).where(files.c.id == waiting.file_id).values(checksum_sha256=found))
        row = tx.execute(select_stored.where(files.c.id == waiting.file_id)).first()
        if row is None:
            return
        tx.emit(FileVerified(**event_fields(as_out(row)), matches=matches))
        if matches is False and not row.is_deleted:
            _take_out(tx, row)


def _take_out(tx: db.Transaction, row: Any) -> None:
    """To the trash: the bytes are there, but they are not those that were announced."""
    log.error("a file is not what was announced", extra={"key": row.key})
    moment = datetime.now(UTC)
    values = {"is_deleted": True, "deleted_at": moment, "updated_at": moment}
    tx.execute(sa.update(files).where(files.c.seq == row.seq).values(values))
    tallies.move(tx, [row], to_trash=True)
    tx.emit(FileDeleted(**event_fields(as_out(row))))
