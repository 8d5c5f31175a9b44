"""Bytes that nobody needs any more: planned with the row's deletion, done after it, retried until it works."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import sqlalchemy as sa

from webapp import db, logs
from webapp.contracts.backends import Recoverable
from webapp.contracts.errors import StorageError
from webapp.contracts.events import FilePurged
from webapp.db import table
from webapp.models import DirectUpload, PendingRemoval
from webapp.services import tallies, thumbnails
from webapp.services.rows import as_out, event_fields, files, select_stored
from webapp.services.settings import Settings, SettingsService

log = logging.getLogger(__name__)

BATCH = 200
COMPLAIN_SECONDS = 3600.0
"""So often the log says that a place cannot be recovered, at most: it is tried every few seconds."""
_pending = table(PendingRemoval)
_keys = sa.select(files.c.key)
_direct = table(DirectUpload)


class RemovalService:
    """Removes bytes for good, at once or later."""

    def __init__(self, settings: SettingsService) -> None:
        """Find the bytes by the settings."""
        self._settings = settings
        self._recovered_all = False
        self._rarely = logs.Rarely(COMPLAIN_SECONDS)

    def plan_files(self, tx: db.Transaction, rows: Sequence[Any], settings: Settings) -> None:
        """Write down that the bytes of these deleted files go, thumbnails too, and remove them once that is committed.

        ``rows`` are rows of ``select_stored``, deleted in this transaction before: a thumbnail that is
        being made waits for that, or is found here.
        """
        places = {row.id: (row.backend, (row.extra_metadata or {}).get("location") or {}) for row in rows}
        keys = [(row.id, row.key) for row in rows] + thumbnails.forget(tx, list(places))
        if not keys:
            return
        now = datetime.now(UTC)
        values = [
            {"backend": places[file_id][0], "location": places[file_id][1], "key": key, "due_at": now}
            for file_id, key in keys
        ]
        planned = tx.execute(sa.insert(_pending).returning(*_pending.c), values).all()

        def then() -> None:
            self._remove(planned, settings)

        tx.after_commit(then)

    def retry(self) -> int:
        """Try again what a crash or a backend that was down has left; returns how many are gone now."""
        before = datetime.now(UTC) - timedelta(seconds=10)
        with db.read() as connection:
            rows = connection.execute(
                sa.select(_pending).where(_pending.c.due_at < before).order_by(_pending.c.due_at).limit(BATCH)
            ).all()
        done = self._remove(rows, self._settings.current())
        if left := [row.seq for row in rows if row.seq not in done]:
            # To the end of the queue: the others must not wait for a backend that is gone.
            db.best_effort(sa.update(_pending).where(_pending.c.seq.in_(left)).values(due_at=datetime.now(UTC)))
        return len(done)

    def purge_expired(self) -> int:
        """Delete for good what has been in the trash for its time; returns how many files that were."""
        settings = self._settings.current()
        if "trash_retention_days" in settings.snapshot.problems:
            # The default might be shorter than what somebody meant: nothing goes for good by guess.
            log.warning("the trash is kept: trash_retention_days cannot be used")
            return 0
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
            self.plan_files(tx, rows, settings)
            for row in rows:
                tx.emit(FilePurged(**event_fields(as_out(row))))
        return len(rows)

    def recover(self) -> int:
        """Let the backends clear away what dead processes left; returns how many pieces that were.

        Also where files were stored before, since the setting may have changed after the crash, or because of
        what failed: where credentials are kept for it each time, and wherever rows are the first time.
        """
        settings = self._settings.current()
        places = [(each.backend, each.location) for each in self._settings.places() if each.is_readable]
        places += [] if self._recovered_all else _places_in_use()
        done: list[object] = []
        removed = 0
        for backend_id, location in (*places, (settings.backend, {})):
            try:
                backend = self._settings.place_of(backend_id, location, settings).backend
                if backend.supports_recovery and backend not in done:
                    done.append(backend)
                    removed += cast("Recoverable", backend).recover(_is_known)
            except StorageError as exc:
                if self._rarely.is_due((backend_id, str(location)), exc):
                    log.warning("recovery was not possible", extra={"backend": backend_id}, exc_info=True)
        self._recovered_all = True
        return removed

    def _remove(self, rows: Sequence[Any], settings: Settings) -> set[int]:
        """Remove the bytes of these plans, each on its own, and the plans that worked; returns those."""
        done = {row.seq for row in rows if self._removed(row, settings)}
        if done:
            with db.transaction() as tx:
                tx.execute(sa.delete(_pending).where(_pending.c.seq.in_(done)))
        return done

    def _removed(self, row: Any, settings: Settings) -> bool:
        try:
            self._settings.place_of(row.backend, row.location, settings).backend.delete(row.key)
        except Exception as exc:
            # Whatever a backend raises: the others must not stay for it. Why is said rarely: it is the same for many.
            told = exc if self._rarely.is_due(row.backend, exc) else None
            log.warning("bytes could not be removed yet", extra={"key": row.key}, exc_info=told)
            return False
        return True


def _places_in_use() -> list[tuple[str, dict[str, Any]]]:
    """Where rows say their bytes are. Reads all rows: for the start of a process, not for requests."""
    # As text: PostgreSQL does not compare JSON.
    location = sa.cast(files.c.extra_metadata["location"], sa.Text)
    with db.read() as connection:
        found = connection.execute(sa.select(files.c.backend, location).distinct()).all()
    return [(backend, orjson.loads(text or "null") or {}) for backend, text in found]


def _is_known(key: str) -> bool:
    """Whether something has the key: a file, a thumbnail, or an upload past Stowage, which is ended elsewhere."""
    with db.read() as connection:
        return (
            connection.execute(_keys.where(files.c.key == key)).first() is not None
            or thumbnails.is_known(connection, key)
            or connection.execute(sa.select(_direct.c.id).where(_direct.c.key == key)).first() is not None
        )
