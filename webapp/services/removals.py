"""Bytes that nobody needs any more: planned with the row's deletion, done after it, retried until it works."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import Recoverable
from webapp.contracts.errors import StorageError
from webapp.contracts.events import FilePurged
from webapp.db import table
from webapp.models import PendingRemoval, StoredFile
from webapp.services import tallies
from webapp.services.rows import as_out, event_fields, files, select_stored
from webapp.services.settings import Settings, SettingsService

log = logging.getLogger(__name__)

BATCH = 200
_pending = table(PendingRemoval)
_keys = sa.select(table(StoredFile).c.key)


class RemovalService:
    """Removes bytes for good, at once or later."""

    def __init__(self, settings: SettingsService) -> None:
        """Find the bytes by the settings."""
        self._settings = settings

    def plan(self, tx: db.Transaction, backend: str, location: dict[str, Any], key: str, settings: Settings) -> None:
        """Write down that these bytes go, and remove them once that is committed."""
        row = {"backend": backend, "location": location, "key": key, "created_at": datetime.now(UTC)}
        seq = tx.execute(sa.insert(_pending), row).inserted_primary_key[0]  # type: ignore[index]
        tx.after_commit(lambda: self._remove(seq, backend, location, key, settings))

    def retry(self) -> int:
        """Try again what a crash or a backend that was down has left; returns how many are gone now."""
        settings = self._settings.current()
        before = datetime.now(UTC) - timedelta(seconds=10)
        with db.read() as connection:
            rows = connection.execute(
                sa.select(_pending).where(_pending.c.created_at < before).order_by(_pending.c.seq).limit(BATCH)
            ).all()
        done = 0
        for row in rows:
            try:
                self._remove(row.seq, row.backend, row.location, row.key, settings)
                done += 1
            except StorageError:
                log.warning("bytes could not be removed yet", extra={"key": row.key}, exc_info=True)
        return done

    def purge_expired(self) -> int:
        """Delete for good what has been in the trash for its time; returns how many files that were."""
        settings = self._settings.current()
        before = datetime.now(UTC) - timedelta(days=settings.trash_retention_days)
        expired = select_stored.where(files.c.is_deleted.is_(sa.true()), files.c.deleted_at < before)
        with db.transaction() as tx:
            found = tx.execute(expired.order_by(files.c.deleted_at).limit(BATCH)).all()
            # Another node may have purged or a user restored some of them meanwhile.
            still = sa.delete(files).where(
                files.c.seq.in_([row.seq for row in found]), files.c.is_deleted.is_(sa.true())
            )
            gone = set(tx.execute(still.returning(files.c.seq)).scalars())
            rows = [row for row in found if row.seq in gone]
            for row in rows:
                location = (row.extra_metadata or {}).get("location") or {}
                tallies.add(tx, row.created_by, row.backend, is_deleted=True, files=-1, size_bytes=-row.size_bytes)
                self.plan(tx, row.backend, location, row.key, settings)
                tx.emit(FilePurged(**event_fields(as_out(row))))
        return len(rows)

    def recover(self) -> int:
        """Let the active backend clear away what dead processes left; returns how many pieces that were."""
        place = self._settings.active_place(self._settings.current())
        if not place.backend.supports_recovery:
            return 0
        return cast("Recoverable", place.backend).recover(_is_known)

    def _remove(self, seq: int, backend: str, location: dict[str, Any], key: str, settings: Settings) -> None:
        self._settings.place_of(backend, location, settings).backend.delete(key)
        with db.transaction() as tx:
            tx.execute(sa.delete(_pending).where(_pending.c.seq == seq))


def _is_known(key: str) -> bool:
    with db.read() as connection:
        return connection.execute(_keys.where(table(StoredFile).c.key == key)).first() is not None
