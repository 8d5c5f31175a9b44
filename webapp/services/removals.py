"""Bytes that nobody needs any more: planned with the row's deletion, done after it, retried until it works."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
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
        self._recovered_all = False

    def plan(self, tx: db.Transaction, backend: str, location: dict[str, Any], key: str, settings: Settings) -> None:
        """Write down that these bytes go, and remove them once that is committed."""
        row = {"backend": backend, "location": location, "key": key, "due_at": datetime.now(UTC)}
        seq = tx.execute(sa.insert(_pending), row).inserted_primary_key[0]  # type: ignore[index]
        tx.after_commit(lambda: self._remove(seq, backend, location, key, settings))

    def retry(self) -> int:
        """Try again what a crash or a backend that was down has left; returns how many are gone now."""
        settings = self._settings.current()
        before = datetime.now(UTC) - timedelta(seconds=10)
        with db.read() as connection:
            rows = connection.execute(
                sa.select(_pending).where(_pending.c.due_at < before).order_by(_pending.c.due_at).limit(BATCH)
            ).all()
        done = 0
        for row in rows:
            try:
                self._remove(row.seq, row.backend, row.location, row.key, settings)
                done += 1
            except StorageError:
                log.warning("bytes could not be removed yet", extra={"key": row.key}, exc_info=True)
                # To the end of the queue: the others must not wait for a backend that is gone.
                db.best_effort(sa.update(_pending).where(_pending.c.seq == row.seq).values(due_at=datetime.now(UTC)))
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
                files.c.seq.in_([row.seq for row in found]),
                files.c.is_deleted.is_(sa.true()),
                files.c.deleted_at < before,
            )
            gone = set(tx.execute(still.returning(files.c.seq)).scalars())
            rows = [row for row in found if row.seq in gone]
            tallies.remove(tx, rows, is_deleted=True)
            for row in rows:
                location = (row.extra_metadata or {}).get("location") or {}
                self.plan(tx, row.backend, location, row.key, settings)
                tx.emit(FilePurged(**event_fields(as_out(row))))
        return len(rows)

    def recover(self) -> int:
        """Let the backends clear away what dead processes left; returns how many pieces that were.

        The first time also where files were stored before: the setting may have changed since the crash.
        """
        settings = self._settings.current()
        places = [] if self._recovered_all else _places_in_use()
        removed = 0
        for backend_id, location in (*places, (settings.backend, {})):
            try:
                backend = self._settings.place_of(backend_id, location, settings).backend
                if backend.supports_recovery:
                    removed += cast("Recoverable", backend).recover(_is_known)
            except StorageError:
                log.warning("recovery was not possible", extra={"backend": backend_id}, exc_info=True)
        self._recovered_all = True
        return removed

    def _remove(self, seq: int, backend: str, location: dict[str, Any], key: str, settings: Settings) -> None:
        self._settings.place_of(backend, location, settings).backend.delete(key)
        with db.transaction() as tx:
            tx.execute(sa.delete(_pending).where(_pending.c.seq == seq))


def _places_in_use() -> list[tuple[str, dict[str, Any]]]:
    """Where rows say their bytes are. Reads all rows: for the start of a process, not for requests."""
    with db.read() as connection:
        found = connection.execute(
            sa.select(files.c.backend, sa.cast(files.c.extra_metadata, sa.Text)).distinct()
        ).all()
    return [(backend, (orjson.loads(text) or {}).get("location") or {}) for backend, text in found]


def _is_known(key: str) -> bool:
    with db.read() as connection:
        return connection.execute(_keys.where(table(StoredFile).c.key == key)).first() is not None
