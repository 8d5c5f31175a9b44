"""A file that is stored becomes a row: with its counters, its event, and the way back."""

import logging
from collections.abc import Callable
from typing import Any, cast

from webapp import db
from webapp.contracts.backends import Recoverable
from webapp.contracts.events import FileUploaded
from webapp.contracts.files import StoredFileOut
from webapp.db import insert
from webapp.services import filenames, tallies
from webapp.services.access import Caller
from webapp.services.families import family
from webapp.services.rows import event_fields, files
from webapp.services.settings import Place

log = logging.getLogger(__name__)

_insert_file = insert(files)


def write_down(
    caller: Caller,
    out: StoredFileOut,
    place: Place,
    also: Callable[[db.Transaction], None] = lambda _tx: None,
    *,
    keep_bytes: bool = False,
) -> None:
    """Commit what ``also`` writes, then the row; if that fails, remove the bytes again unless they are to be kept.

    ``also`` comes first: it may find that another request has done this already.

    Raises:
        StorageFullError: the disk of the database is full.
    """
    # Not inside the block: it must also happen when the transaction cannot even begin.
    undo = _Undo(place, out.key, done=keep_bytes)
    with undo, db.transaction() as tx:
        tx.on_rollback(undo.run)
        also(tx)
        _insert_file.run(tx.connection, **_row(caller, out, place))
        where = tallies.Cell(str(caller.user_id), out.backend, family(out.content_type), is_deleted=False)
        tallies.add(tx, where, files=1, size_bytes=out.size_bytes)
        tx.emit(FileUploaded(**event_fields(out), **caller.actor))
        if place.backend.supports_recovery:
            backend = cast("Recoverable", place.backend)
            tx.after_commit(lambda: backend.settle(out.key))


class _Undo:
    """Removes the bytes once, whether the transaction failed inside or could not begin."""

    def __init__(self, place: Place, key: str, *, done: bool) -> None:
        self._place = place
        self._key = key
        self._done = done

    def run(self) -> None:
        if not self._done:
            self._done = True
            self._place.backend.delete(self._key)

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, db.CommitOutcomeUnknownError):
            return
        try:
            self.run()
        except Exception:
            log.exception("bytes of a failed upload could not be removed", extra={"key": self._key})


def _row(caller: Caller, out: StoredFileOut, place: Place) -> dict[str, Any]:
    return {
        "id": out.id,
        "key": out.key,
        "filename": out.filename,
        "filename_folded": filenames.fold(out.filename),
        "content_type": out.content_type[:128],
        "family": family(out.content_type),
        "size_bytes": out.size_bytes,
        "backend": out.backend,
        "checksum_sha256": out.checksum_sha256,
        "extra_metadata": _extra(out, place),
        "created_at": out.created_at,
        "created_by": caller.user_id,
        "updated_at": out.created_at,
        "updated_by": caller.user_id,
        "is_deleted": False,
    }


def _extra(out: StoredFileOut, place: Place) -> dict[str, Any]:
    return {"location": place.location, **({"annotations": out.annotations} if out.annotations else {})}
