"""Files that are there: looked up, read, moved to the trash and back, gone for good."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast
from uuid import UUID

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import LocalFiles
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError
from webapp.contracts.events import FileDeleted, FilePurged, FileRenamed
from webapp.contracts.files import StoredFileOut
from webapp.db import Prepared
from webapp.services import changes, filenames, tallies
from webapp.services.access import Caller, Permission
from webapp.services.errors import ConflictError, NotFoundError, ValidationError
from webapp.services.removals import RemovalService
from webapp.services.rows import as_out, event_fields, files, select_stored
from webapp.services.settings import Place, SettingsService

log = logging.getLogger(__name__)

_by_id = Prepared(select_stored.where(files.c.id == sa.bindparam("id")))


@dataclass(frozen=True, slots=True)
class Redirect:
    """The bytes are at another URL, for a while."""

    url: str


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The bytes are an open file of this machine."""

    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes come through this process, from ``start``, at most ``length`` of them."""

    place: Place
    key: str

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Ask the backend for that part.

        Raises:
            StorageBackendError: the backend has lost the bytes, or does not answer.
        """
        try:
            return self.place.backend.get(self.key, start=start, length=length)
        except StorageNotFoundError as exc:
            raise StorageBackendError("the bytes of a file are missing") from exc


@dataclass(frozen=True, slots=True)
class Stored:
    """A file and how to get at its bytes."""

    out: StoredFileOut
    place: Place

    def open(self) -> LocalFile | Stream:
        """Open the bytes for sending.

        Raises:
            StorageBackendError: the backend has lost them, or does not answer.
        """
        backend = self.place.backend
        if not backend.supports_local_files:
            return Stream(self.place, self.out.key)
        try:
            # The flag was checked at registration; isinstance() of a protocol costs 20 µs.
            return LocalFile(cast("LocalFiles", backend).open_local(self.out.key))
        except StorageNotFoundError as exc:
            # The row is there, so this is no 404: somebody has to hear of it.
            raise StorageBackendError("the bytes of a file are missing") from exc

    def redirect(self) -> Redirect | None:
        """Where the client can fetch the bytes itself, if the backend can say."""
        backend, out = self.place.backend, self.out
        if not backend.supports_presigned_url:
            return None
        try:
            return Redirect(backend.presigned_get_url(out.key, filename=out.filename, content_type=out.content_type))
        except NotSupportedError:
            return None  # it can, but not with these settings: the bytes come through this process


class FileService:
    """Everything about stored files but storing and listing them."""

    def __init__(self, settings: SettingsService, removals: RemovalService) -> None:
        """Find the bytes by the settings; remove them through ``removals``."""
        self._settings = settings
        self._removals = removals

    def get(self, caller: Caller, file_id: UUID) -> StoredFileOut:
        """Return a live file the caller can see.

        Raises:
            ForbiddenError: the caller may not read files.
            NotFoundError: unknown, deleted or not theirs.
        """
        caller.require(Permission.DOWNLOAD)
        with db.read() as connection:
            return as_out(_found(connection, caller, file_id, trash=False))

    def locate(self, caller: Caller, file_id: UUID) -> Stored:
        """Return a live file together with the place of its bytes.

        Raises:
            ForbiddenError: the caller may not read files.
            NotFoundError: unknown, deleted or not theirs.
            ConfigurationError: its backend is not there any more.
        """
        caller.require(Permission.DOWNLOAD)
        with db.read() as connection:
            row = _found(connection, caller, file_id, trash=False)
        return Stored(as_out(row), self._settings.place_of(row.backend, _location(row), caller.settings))

    def rename(self, caller: Caller, file_id: UUID, filename: str) -> StoredFileOut:
        """Give a live file another name, cleaned as at an upload. Its bytes, type and key stay.

        Raises:
            ForbiddenError: the caller may not name files, or not see them.
            NotFoundError: unknown, deleted or not theirs.
            ValidationError: nothing is left of the name.
        """
        caller.require(Permission.UPLOAD)
        # The answer tells all about the file, which whoever may only put files in must not learn.
        caller.require(Permission.DOWNLOAD)
        name = filenames.clean(filename)
        if name == filenames.NAMELESS and name not in filename:
            raise ValidationError({"filename": "required"})
        with db.transaction() as tx:
            # Of two that rename at once, the second tells the name the first has given.
            tx.execute(sa.select(files.c.seq).where(files.c.id == file_id).with_for_update())
            before = as_out(_found(tx.connection, caller, file_id, trash=False))
            if before.filename == name:
                return before
            values = {"filename": name, "filename_folded": filenames.fold(name), **_touched(caller, datetime.now(UTC))}
            tx.execute(sa.update(files).where(files.c.id == file_id).values(values))
            out = replace(before, filename=name)
            tx.emit(FileRenamed(**event_fields(out), previous_filename=before.filename, **caller.actor))
        return out

    def trash(self, caller: Caller, file_id: UUID) -> None:
        """Move a file to the trash. Of parallel calls exactly one succeeds.

        Raises:
            ForbiddenError: the caller may not delete files.
            NotFoundError: unknown, in the trash already, or not theirs.
        """
        if not self.trash_many(caller, [file_id]):
            raise NotFoundError("no such file")

    def trash_many(self, caller: Caller, ids: Sequence[UUID], moment: datetime | None = None) -> list[UUID]:
        """Move those that are there to the trash and return their ids.

        ``moment`` becomes their time of deletion: whoever knows it can bring back just these.
        """
        caller.require(Permission.DELETE)
        with db.transaction() as tx:
            rows = changes.trash(tx, caller, files.c.id.in_(ids), moment or datetime.now(UTC))
        return _as_asked(ids, rows)

    def restore(self, caller: Caller, file_id: UUID) -> StoredFileOut:
        """Bring a file back from the trash.

        Raises:
            ForbiddenError: the caller may not delete files.
            NotFoundError: unknown, or not theirs.
            ConflictError: it is not in the trash.
        """
        if not self.restore_many(caller, [file_id]):
            with db.read() as connection:
                _found(connection, caller, file_id, trash=False)
            raise ConflictError("not in the trash")
        with db.read() as connection:
            return as_out(_found(connection, caller, file_id, trash=False))

    def restore_many(self, caller: Caller, ids: Sequence[UUID]) -> list[UUID]:
        """Bring back those that are in the trash and return their ids."""
        caller.require(Permission.DELETE)
        with db.transaction() as tx:
            rows = changes.restore(tx, caller, files.c.id.in_(ids))
        return _as_asked(ids, rows)

    def purge_many(self, caller: Caller, ids: Sequence[UUID]) -> list[UUID]:
        """Delete those that are in the trash for good and return their ids: whoever restored one meanwhile wants it."""
        caller.require(Permission.MANAGE)
        with db.transaction() as tx:
            rows = changes.purge(tx, caller, self._removals, files.c.id.in_(ids))
        return _as_asked(ids, rows)

    def purge(self, caller: Caller, file_id: UUID) -> None:
        """Delete a file for good, live or not: the row first, then the bytes.

        Raises:
            ForbiddenError: the caller may not manage files.
            NotFoundError: unknown.
        """
        caller.require(Permission.MANAGE)
        with db.transaction() as tx:
            row = _by_id.first(tx.connection, id=file_id)
            if row is None:
                raise NotFoundError("no such file")
            # Its state may have changed since: what counts is the one it is deleted in.
            gone = sa.delete(files).where(files.c.seq == row.seq).returning(files.c.is_deleted)
            was_deleted = tx.execute(gone).scalar()
            if was_deleted is None:
                raise NotFoundError("no such file")
            tallies.remove(tx, [row], is_deleted=was_deleted)
            self._removals.plan_files(tx, [row], caller.settings)
            about = event_fields(as_out(row))
            if not was_deleted:
                tx.emit(FileDeleted(**about, permanent=True, **caller.actor))
            tx.emit(FilePurged(**about, **caller.actor))


def _location(row: Any) -> dict[str, Any]:
    return (row.extra_metadata or {}).get("location") or {}


def _found(connection: sa.Connection, caller: Caller, file_id: UUID, *, trash: bool) -> Any:
    row = _by_id.first(connection, id=file_id)
    if row is None or row.is_deleted is not trash:
        raise NotFoundError("no such file")
    if not caller.sees_everything and row.created_by != caller.user_id:
        raise NotFoundError("not yours")
    return row


def _touched(caller: Caller, now: datetime) -> dict[str, Any]:
    return {"updated_at": now, "updated_by": caller.user_id}


def _as_asked(ids: Sequence[UUID], rows: Sequence[Any]) -> list[UUID]:
    """The ids of the rows, in the order they were asked for."""
    done = {row.id for row in rows}
    return [file_id for file_id in dict.fromkeys(ids) if file_id in done]
