"""Files that go straight to the store: the client sends parts over signed URLs, and says when it is done.

The bytes do not pass through Stowage, so what is known at an ordinary upload's end
is found out differently: the size and the parts are asked of the store, the type is
judged by the first bytes, and the checksum comes from reading the file once, small
files at once, large ones by a background job.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import DirectUploads, Part
from webapp.contracts.errors import NotSupportedError, StorageError, StorageNotFoundError
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import DirectUpload
from webapp.services import checksums, content_types, filenames, parts, records
from webapp.services.access import Caller, Permission
from webapp.services.errors import (
    BadTypeError,
    ChecksumMismatchError,
    DirectUploadUnsupportedError,
    NotFoundError,
    PartsMissingError,
    TooLargeError,
    ValidationError,
)
from webapp.services.parts import Announced, DirectUploadOut, PartUrl
from webapp.services.rows import as_out, find_seen
from webapp.services.settings import Place, Settings, SettingsService

log = logging.getLogger(__name__)

LASTS = timedelta(hours=24)
"""An upload that is not completed by then is thrown away."""
URLS_LAST = timedelta(hours=1)
MOST_URLS = 1000
"""That many part URLs are made at a time."""
_BATCH = 50
_uploads = table(DirectUpload)


class DirectUploadService:
    """Begins, completes and clears away uploads that bypass the application."""

    def __init__(self, settings: SettingsService) -> None:
        """Upload to where the settings of each caller's moment say."""
        self._settings = settings

    def is_offered(self, settings: Settings) -> bool:
        """Whether the backend in use takes parts directly."""
        try:
            return _direct(self._settings.active_place(settings)) is not None
        except StorageError:
            return False

    def begin(self, caller: Caller, announced: Announced) -> DirectUploadOut:
        """Begin an upload.

        Raises:
            ForbiddenError: the caller may not upload.
            DirectUploadUnsupportedError: the backend in use has no direct uploads.
            TooLargeError: it is over the limit.
            BadTypeError: the announced type is not allowed.
            StorageError: the backend failed.
        """
        caller.require(Permission.UPLOAD)
        settings = caller.settings
        if announced.size_bytes > settings.max_file_size_bytes:
            raise TooLargeError("announced size", max_bytes=settings.max_file_size_bytes)
        name = filenames.clean(announced.filename)
        content_type = _announced_type(announced.content_type, name, settings.allowed_content_types)
        place = self._settings.active_place(settings)
        backend = _direct(place)
        if backend is None:
            raise DirectUploadUnsupportedError(place.backend_id)
        part_size = parts.part_size(backend, announced.size_bytes)
        key = uuid4().hex
        reference = _begun(backend, key, content_type)
        row = {
            "id": uuid4(),
            "user_id": caller.user_id,
            "key": key,
            "backend": place.backend_id,
            "location": place.location,
            "reference": reference,
            "filename": name,
            "content_type": announced.content_type or "",
            "size_bytes": announced.size_bytes,
            "part_size": part_size,
            "checksum_sha256": announced.sha256.hex() if announced.sha256 else None,
            "created_at": datetime.now(UTC),
            "expires_at": datetime.now(UTC) + LASTS,
            "file_id": None,
        }
        with db.transaction() as tx:
            tx.on_rollback(lambda: backend.abort_parts(key, reference))
            tx.execute(sa.insert(_uploads).values(row))
        return parts.shown(_Row(row), [])

    def get(self, caller: Caller, upload_id: UUID) -> DirectUploadOut:
        """The upload, and which of its parts have arrived.

        Raises:
            NotFoundError: there is no such upload of this caller.
            StorageError: the backend failed.
        """
        row = self._find(caller, upload_id)
        if row.file_id is not None:
            return parts.shown(row, range(1, parts.count(row) + 1))
        place = self._place(row, caller.settings)
        return parts.shown(row, [part.number for part in parts.whole(row, _listed(place, row))])

    def urls(self, caller: Caller, upload_id: UUID, numbers: Iterable[int]) -> list[PartUrl]:
        """Where these parts go.

        Raises:
            NotFoundError: there is no such upload of this caller, or it is completed.
            ValidationError: there is no such part.
        """
        row = self._find(caller, upload_id)
        if row.file_id is not None:
            raise NotFoundError("completed")
        wanted = list(dict.fromkeys(numbers))
        if not 0 < len(wanted) <= MOST_URLS:
            raise ValidationError({"numbers": ("too_many", {"most": MOST_URLS}) if wanted else "required"})
        if not all(1 <= number <= parts.count(row) for number in wanted):
            raise ValidationError({"numbers": ("out_of_bounds", {"least": 1, "most": parts.count(row)})})
        backend = _required(self._place(row, caller.settings))
        seconds = max(60, int(min(URLS_LAST, row.created_at + LASTS - datetime.now(UTC)).total_seconds()))
        return [
            PartUrl(
                number=number,
                size=parts.size_of(row, number),
                url=backend.part_url(
                    row.key, row.reference, number, size=parts.size_of(row, number), expires_in=seconds
                ),
            )
            for number in wanted
        ]

    def complete(self, caller: Caller, upload_id: UUID) -> StoredFileOut:
        """Make the parts a file. Asking again answers the same.

        Raises:
            NotFoundError: there is no such upload of this caller, or its file is gone since.
            PartsMissingError: the store does not have all parts, or not whole.
            TooLargeError: the limit was lowered meanwhile.
            BadTypeError: the first bytes are of a type that is not allowed; the upload is thrown away.
            StorageError: the backend failed; asking again goes on.
        """
        caller.require(Permission.UPLOAD)
        row = self._find(caller, upload_id)
        if row.file_id is not None:
            return self._stored(caller, row.file_id)
        if row.size_bytes > caller.settings.max_file_size_bytes:
            self._throw_away(row, caller.settings)
            raise TooLargeError("announced size", max_bytes=caller.settings.max_file_size_bytes)
        place = self._place(row, caller.settings)
        self._put_together(place, row)
        out = self._judged(caller, place, row)
        try:
            self._write_down(caller, out, place, row)
        except _CompletedMeanwhileError as other:
            return self._stored(caller, other.file_id)
        return out

    def abort(self, caller: Caller, upload_id: UUID) -> None:
        """Throw an upload away; a file it has become already stays.

        Raises:
            NotFoundError: there is no such upload of this caller.
            StorageError: the backend failed.
        """
        row = self._find(caller, upload_id)
        if row.file_id is None:
            self._throw_away(row, caller.settings)
        else:
            _forget(row.id)

    def clear_expired(self) -> int:
        """Throw away what was never completed, and forget what was; return how many those were."""
        now = datetime.now(UTC)
        with db.read() as connection:
            due = connection.execute(sa.select(_uploads).where(_uploads.c.expires_at < now).limit(_BATCH)).all()
        settings = self._settings.current()
        done = 0
        for row in due:
            try:
                if row.file_id is None:
                    self._throw_away(row, settings)
                else:
                    _forget(row.id)
                done += 1
            except StorageError:
                log.warning("an expired upload could not be cleared away", extra={"key": row.key}, exc_info=True)
                _postpone(row.id, now + timedelta(minutes=10))
        return done

    # --- parts of the above ---------------------------------------------------------

    def _find(self, caller: Caller, upload_id: UUID) -> Any:
        with db.read() as connection:
            row = connection.execute(sa.select(_uploads).where(_uploads.c.id == upload_id)).first()
        if row is None or row.user_id != caller.user_id:
            raise NotFoundError("no such upload, or not theirs")
        if row.file_id is None and row.created_at + LASTS < datetime.now(UTC):
            raise NotFoundError("expired")
        return row

    def _place(self, row: Any, settings: Settings) -> Place:
        return self._settings.place_of(row.backend, row.location, settings)

    def _put_together(self, place: Place, row: Any) -> None:
        """The parts become one object; if they are that already, fine."""
        backend = _required(place)
        try:
            arrived = backend.list_parts(row.key, row.reference)
        except StorageNotFoundError:
            # Completed by an earlier request that did not get as far as the row.
            if not place.backend.exists(row.key):
                raise
            return
        whole = parts.whole(row, arrived)
        if missing := sorted(set(range(1, parts.count(row) + 1)) - {part.number for part in whole}):
            raise PartsMissingError("parts are missing", missing=missing[:100])
        backend.complete_parts(row.key, row.reference, whole)

    def _judged(self, caller: Caller, place: Place, row: Any) -> StoredFileOut:
        """What the file is, by its first bytes and, if it is small, by all of them."""
        head = b"".join(place.backend.get(row.key, length=content_types.HEAD_SIZE))
        allowed = caller.settings.allowed_content_types
        try:
            content_type = content_types.settle(row.content_type or None, row.filename, head, allowed)
            digest = checksums.of_small(place.backend, row.key, row.size_bytes, row.checksum_sha256)
        except (BadTypeError, ChecksumMismatchError):
            self._throw_away(row, caller.settings)
            raise
        return StoredFileOut(
            id=uuid4(),
            key=row.key,
            filename=row.filename,
            content_type=content_type,
            size_bytes=row.size_bytes,
            backend=row.backend,
            checksum_sha256=digest,
            uploaded_by=str(caller.user_id),
            uploaded_by_name=caller.username,
            created_at=datetime.now(UTC),
        )

    def _write_down(self, caller: Caller, out: StoredFileOut, place: Place, row: Any) -> None:
        def also(tx: db.Transaction) -> None:
            mine = sa.and_(_uploads.c.id == row.id, _uploads.c.file_id.is_(None))
            if tx.execute(sa.update(_uploads).where(mine).values(file_id=out.id)).rowcount != 1:
                raise _CompletedMeanwhileError(row.id)
            if not out.checksum_sha256:
                checksums.wait_for(tx, out.id, row.checksum_sha256)

        records.write_down(caller, out, place, also, keep_bytes=True)

    def _stored(self, caller: Caller, file_id: UUID) -> StoredFileOut:
        with db.read() as connection:
            return as_out(find_seen(connection, caller, file_id))

    def _throw_away(self, row: Any, settings: Settings) -> None:
        place = self._place(row, settings)
        _required(place).abort_parts(row.key, row.reference)
        place.backend.delete(row.key)  # it may have been put together already
        _forget(row.id)


class _CompletedMeanwhileError(Exception):
    """Another request was first."""

    def __init__(self, upload_id: UUID) -> None:
        with db.read() as connection:
            found = connection.execute(sa.select(_uploads.c.file_id).where(_uploads.c.id == upload_id)).scalar()
        if found is None:
            raise NotFoundError("aborted meanwhile")
        super().__init__()
        self.file_id: UUID = found


class _Row:
    """Values of a row that was just written."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _announced_type(declared: str | None, name: str, allowed: tuple[str, ...]) -> str:
    """What it seems to be before a byte is there."""
    said = content_types.normalise(declared) or content_types.by_filename(name) or content_types.UNKNOWN
    if allowed and said != content_types.UNKNOWN and not content_types.is_allowed(said, allowed):
        raise BadTypeError(f"{said} is not allowed", content_type=said)
    return said


def _direct(place: Place) -> DirectUploads | None:
    offered = getattr(place.backend, "supports_direct_upload", False)
    return cast("DirectUploads", place.backend) if offered else None


def _required(place: Place) -> DirectUploads:
    backend = _direct(place)
    if backend is None:
        raise DirectUploadUnsupportedError(place.backend_id)
    return backend


def _begun(backend: DirectUploads, key: str, content_type: str) -> str:
    try:
        return backend.begin_parts(key, content_type=content_type)
    except NotSupportedError as exc:
        raise DirectUploadUnsupportedError from exc


def _listed(place: Place, row: Any) -> list[Part]:
    try:
        return _required(place).list_parts(row.key, row.reference)
    except StorageNotFoundError:
        return []  # it is being put together


def _forget(upload_id: UUID) -> None:
    with db.transaction() as tx:
        tx.execute(sa.delete(_uploads).where(_uploads.c.id == upload_id))


def _postpone(upload_id: UUID, until: datetime) -> None:
    with db.transaction() as tx:
        tx.execute(sa.update(_uploads).where(_uploads.c.id == upload_id).values(expires_at=until))
