"""Files that go straight to the store: the client sends parts over signed URLs, and says when it is done.

The bytes do not pass through Stowage, so what is known at an ordinary upload's end
is found out differently: the size and the parts are asked of the store, the type is
judged by the first bytes, and the checksum comes from reading the file once, small
files at once, large ones by a background job.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import BrowserUploads, DirectUploads
from webapp.contracts.checks import UploadRefusedError
from webapp.contracts.errors import StorageBackendError, StorageError, StorageNotFoundError
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import DirectUpload
from webapp.services import checksums, content_types, filenames, parts, records
from webapp.services.access import Caller, Permission
from webapp.services.checks import UploadChecks
from webapp.services.errors import (
    BadTypeError,
    ChecksumMismatchError,
    DirectUploadUnsupportedError,
    NotFoundError,
    PartsMissingError,
    RateLimitedError,
    TooLargeError,
    ValidationError,
)
from webapp.services.parts import Announced, DirectUploadOut, PartUrl
from webapp.services.rows import as_out, find_seen
from webapp.services.settings import Place, Settings, SettingsService

log = logging.getLogger(__name__)

LASTS = timedelta(hours=24)
"""An upload that is not completed by then is thrown away."""
URLS_LAST = timedelta(minutes=15)
"""Short: some stores take a part again after the upload is completed."""
LINGERS = timedelta(minutes=15)
"""What was thrown away is cleared away once more after that: a request may have been completing it meanwhile."""
MOST_OPEN = 200
"""Uploads that one account may have begun and not ended: their parts are in no counter yet."""
MOST_URLS = 1000
"""That many part URLs are made at a time."""
_BATCH = 50
_uploads = table(DirectUpload)


class DirectUploadService:
    """Begins, completes and clears away uploads that bypass the application."""

    def __init__(self, settings: SettingsService, checks: UploadChecks) -> None:
        """Upload to where the settings of each caller's moment say what ``checks`` let pass."""
        self._settings = settings
        self._checks = checks

    def client_origin(self, settings: Settings) -> str | None:
        """Where pages may send parts; None where the backend in use takes none from them."""
        if not self._checks.allow_direct:
            return None
        try:
            backend = parts.offered(self._settings.active_place(settings))
            return backend.client_origin() if isinstance(backend, BrowserUploads) else None
        except StorageError:
            return None

    def begin(self, caller: Caller, announced: Announced) -> DirectUploadOut:
        """Begin an upload.

        Raises:
            ForbiddenError: the caller may not upload.
            ValidationError: it has no name.
            DirectUploadUnsupportedError: the backend in use has none, or a check has to see the bytes pass.
            TooLargeError: it is over the limit.
            BadTypeError: the announced type is not allowed.
            UploadRefusedError: a plugin does not want it.
            CheckFailedError: a check that has to be made could not be.
            RateLimitedError: the caller has begun too many.
            StorageError: the backend failed.
        """
        caller.require(Permission.UPLOAD)
        settings = caller.settings
        if not announced.filename:
            raise ValidationError({"filename": "required"})
        if announced.size_bytes > settings.max_file_size_bytes:
            raise TooLargeError("announced size", max_bytes=settings.max_file_size_bytes)
        name = filenames.clean(announced.filename)
        content_type = content_types.announced(announced.content_type, name, settings.allowed_content_types)
        place = self._settings.active_place(settings)
        backend = parts.offered(place)
        if backend is None or not self._checks.allow_direct:
            raise DirectUploadUnsupportedError(place.backend_id)
        _require_few_open(caller)
        with self._checks.announced(caller, name, content_type, announced.size_bytes):
            pass
        part_size = parts.part_size(backend, announced.size_bytes)
        key, now = uuid4().hex, datetime.now(UTC)
        reference = parts.begun(backend, key, content_type)
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
            "created_at": now,
            "expires_at": now + LASTS,
            "file_id": None,
            "is_aborted": False,
        }
        _note(row, backend)
        return parts.shown(SimpleNamespace(**row), [])

    def get(self, caller: Caller, upload_id: UUID) -> DirectUploadOut:
        """The upload, and which of its parts have arrived.

        Raises:
            NotFoundError: there is no such upload of this caller.
            StorageError: the backend failed.
        """
        row = _find(caller, upload_id)
        if row.file_id is not None:
            return parts.shown(row, range(1, parts.count(row) + 1))
        place = self._place(row, caller.settings)
        return parts.shown(row, [part.number for part in parts.whole(row, parts.arrived(place, row))])

    def urls(self, caller: Caller, upload_id: UUID, numbers: Iterable[int]) -> list[PartUrl]:
        """Where these parts go.

        Raises:
            NotFoundError: there is no such upload of this caller, or it is completed.
            ValidationError: there is no such part.
        """
        row = _find(caller, upload_id)
        if row.file_id is not None:
            raise NotFoundError("completed")
        wanted = list(dict.fromkeys(numbers))
        if not 0 < len(wanted) <= MOST_URLS:
            raise ValidationError({"numbers": ("too_many", {"most": MOST_URLS}) if wanted else "required"})
        if not all(1 <= number <= parts.count(row) for number in wanted):
            raise ValidationError({"numbers": ("out_of_bounds", {"least": 1, "most": parts.count(row)})})
        backend = parts.required(self._place(row, caller.settings))
        seconds = max(60, int(min(URLS_LAST, row.expires_at - datetime.now(UTC)).total_seconds()))
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
            UploadRefusedError: a plugin does not want it; likewise.
            CheckFailedError: a check that has to be made could not be; asking again goes on.
            StorageError: the backend failed; asking again goes on.
        """
        row = _find(caller, upload_id)
        if row.file_id is not None:
            return _stored(caller, row.file_id)
        if row.size_bytes > caller.settings.max_file_size_bytes:
            self._reject(row, caller.settings)
            raise TooLargeError("announced size", max_bytes=caller.settings.max_file_size_bytes)
        self._settings.require_known(caller.settings)
        place = self._place(row, caller.settings)
        try:
            _put_together(place, row)
            out = self._judged(caller, place, row)
            _write_down(caller, out, place, row)
        except (_EndedMeanwhileError, StorageNotFoundError):
            if (file_id := self._end_of(row, place)) is None:
                raise
            return _stored(caller, file_id)
        return out

    def abort(self, caller: Caller, upload_id: UUID) -> None:
        """Throw an upload away; a file it has become already stays.

        Raises:
            NotFoundError: there is no such upload of this caller.
            StorageError: the backend failed; it is tried again later.
        """
        row = _find(caller, upload_id)
        if row.file_id is None:
            self._throw_away(row, caller.settings)
        else:
            _forget(row.id)

    def clear_expired(self) -> int:
        """Throw away what was never completed, and forget what has ended; return how many were cleared away."""
        now = datetime.now(UTC)
        with db.read() as connection:
            due = connection.execute(
                sa.select(_uploads).where(_uploads.c.expires_at < now).order_by(_uploads.c.expires_at).limit(_BATCH)
            ).all()
        settings = self._settings.current()
        return sum(self._cleared(row, settings) for row in due)

    # --- parts of the above ---------------------------------------------------------

    def _cleared(self, row: Any, settings: Settings) -> bool:
        try:
            if row.file_id is None and not row.is_aborted:
                self._throw_away(row, settings)
                return True
            if row.is_aborted:
                self._remove(row, settings)
        except Exception:
            # Whatever a backend raises: the others must not stay for it. To the end of the queue with this one.
            log.warning("an expired upload could not be cleared away", extra={"key": row.key}, exc_info=True)
            db.best_effort(
                sa.update(_uploads).where(_uploads.c.id == row.id).values(expires_at=datetime.now(UTC) + LINGERS)
            )
            return False
        _forget(row.id)
        return True

    def _throw_away(self, row: Any, settings: Settings) -> None:
        """No request makes it a file from here on; then its bytes go, now and once more later."""
        unended = sa.and_(_uploads.c.id == row.id, _uploads.c.file_id.is_(None))
        with db.transaction() as tx:
            values = {"is_aborted": True, "expires_at": datetime.now(UTC) + LINGERS}
            if tx.execute(sa.update(_uploads).where(unended).values(values)).rowcount != 1:
                return  # it has become a file meanwhile, or somebody else has cleared it away
        self._remove(row, settings)

    def _reject(self, row: Any, settings: Settings) -> None:
        """Throw it away for a reason of its own, which is the one to be told."""
        try:
            self._throw_away(row, settings)
        except StorageError:
            log.warning("a rejected upload is cleared away later", extra={"key": row.key}, exc_info=True)

    def _remove(self, row: Any, settings: Settings) -> None:
        place = self._place(row, settings)
        parts.required(place).abort_parts(row.key, row.reference)
        place.backend.delete(row.key)  # it may have been put together already

    def _end_of(self, row: Any, place: Place) -> UUID | None:
        """The file that another request has made of it, if one has.

        Raises:
            NotFoundError: it was thrown away.
        """
        with db.read() as connection:
            found = connection.execute(sa.select(_uploads).where(_uploads.c.id == row.id)).first()
        if found is not None and not found.is_aborted:
            file_id: UUID | None = found.file_id
            return file_id
        if found is not None:
            place.backend.delete(row.key)  # this request may have put it together after its bytes were removed
        raise NotFoundError("thrown away meanwhile")

    def _place(self, row: Any, settings: Settings) -> Place:
        return self._settings.place_of(row.backend, row.location, settings)

    def _judged(self, caller: Caller, place: Place, row: Any) -> StoredFileOut:
        """What the file is, by its first bytes and, if it is small or checked, by all of them."""
        head = b"".join(place.backend.get(row.key, length=content_types.HEAD_SIZE))
        allowed = caller.settings.allowed_content_types
        try:
            content_type = content_types.settle(row.content_type or None, row.filename, head, allowed)
            with self._checks.of(caller, row.filename, content_type, row.size_bytes, head) as checking:
                digest = checksums.of_stored(place.backend, row, checking)
        except (BadTypeError, ChecksumMismatchError, UploadRefusedError):
            self._reject(row, caller.settings)
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
            annotations=checking.annotations,
        )


class _EndedMeanwhileError(Exception):
    """Another request was first: it is a file by now, or thrown away."""


def _find(caller: Caller, upload_id: UUID) -> Any:
    caller.require(Permission.UPLOAD)
    with db.read() as connection:
        row = connection.execute(sa.select(_uploads).where(_uploads.c.id == upload_id)).first()
    if row is None or row.user_id != caller.user_id or row.is_aborted:
        raise NotFoundError("no such upload, not theirs, or thrown away")
    if row.file_id is None and row.expires_at < datetime.now(UTC):
        raise NotFoundError("expired")
    return row


def _require_few_open(caller: Caller) -> None:
    is_open = sa.and_(
        _uploads.c.user_id == caller.user_id, _uploads.c.file_id.is_(None), _uploads.c.is_aborted.is_(sa.false())
    )
    with db.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(_uploads).where(is_open)).scalar_one()
    if found >= MOST_OPEN:
        raise RateLimitedError("too many uploads are open", retry_after=60)


def _stored(caller: Caller, file_id: UUID) -> StoredFileOut:
    with db.read() as connection:
        return as_out(find_seen(connection, caller, file_id))


def _put_together(place: Place, row: Any) -> None:
    """The parts become one object; if they are that already, fine."""
    backend = parts.required(place)
    try:
        arrived = backend.list_parts(row.key, row.reference)
    except StorageNotFoundError:
        # Completed by an earlier request that did not get as far as the row, or that is about to.
        if not place.backend.exists(row.key):
            raise
    else:
        whole = parts.whole(row, arrived)
        if missing := sorted(set(range(1, parts.count(row) + 1)) - {part.number for part in whole}):
            raise PartsMissingError("parts are missing", missing=missing[:100])
        backend.complete_parts(row.key, row.reference, whole)
    # Its size once more, by its last byte: what a store made of the parts is not known before.
    if len(b"".join(place.backend.get(row.key, start=row.size_bytes - 1, length=2))) != 1:
        raise StorageBackendError("the file is not as large as its parts", cause="corrupted")


def _write_down(caller: Caller, out: StoredFileOut, place: Place, row: Any) -> None:
    def also(tx: db.Transaction) -> None:
        open_still = sa.and_(
            _uploads.c.id == row.id, _uploads.c.file_id.is_(None), _uploads.c.is_aborted.is_(sa.false())
        )
        if tx.execute(sa.update(_uploads).where(open_still).values(file_id=out.id)).rowcount != 1:
            raise _EndedMeanwhileError
        if not out.checksum_sha256:
            checksums.wait_for(tx, out.id, row.checksum_sha256)

    # The bytes stay should this fail: asking again goes on from here.
    records.write_down(caller, out, place, also, keep_bytes=True)


def _note(row: dict[str, Any], backend: DirectUploads) -> None:
    """Write the upload down, or let the store forget it."""
    try:
        with db.transaction() as tx:
            tx.execute(sa.insert(_uploads).values(row))
    except db.CommitOutcomeUnknownError:
        raise
    except BaseException:
        try:
            backend.abort_parts(row["key"], row["reference"])
        except Exception:
            log.exception("an upload that could not be written down is left in the store", extra={"key": row["key"]})
        raise


def _forget(upload_id: UUID) -> None:
    with db.transaction() as tx:
        tx.execute(sa.delete(_uploads).where(_uploads.c.id == upload_id))
