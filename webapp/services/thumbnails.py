"""Thumbnails: made when somebody first wants to see one, kept beside the file, gone with it.

The bytes of a file never change, so neither does its thumbnail. Where none can be made that
is kept too: a bomb is opened once, not each time somebody looks at the list.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, cast
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.contracts.backends import LocalFiles, Recoverable
from webapp.contracts.errors import StorageBackendError, StorageError, StorageNotFoundError
from webapp.contracts.files import StoredFileOut
from webapp.db import Prepared, table
from webapp.models import Thumbnail
from webapp.services.access import Caller, Permission
from webapp.services.errors import NotFoundError
from webapp.services.images import ImageHelpers, RefusedImageError, Slot, Small
from webapp.services.reading import at_most
from webapp.services.rows import as_out, files, find_seen
from webapp.services.settings import Place, SettingsService

log = logging.getLogger(__name__)

WIDTHS = (64, 128, 640, 1280)
"""The first two are squares from the middle, the others have the shape of the image and this as their longer side."""
CONTENT_TYPE = "image/webp"
MOST_BYTES = 64 * 1024 * 1024
"""Largest file that is looked at."""
MOST_BYTES_KEPT = 16 * 1024 * 1024
"""More than the largest thumbnail, without any compression."""
_READABLE = frozenset({
    "image/avif", "image/bmp", "image/gif", "image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/apng",
    "image/tiff", "image/vnd.microsoft.icon", "image/webp", "image/x-icon", "image/x-ms-bmp",
})  # fmt: skip

_thumbnails = table(Thumbnail)
_by_width = Prepared(
    sa.select(_thumbnails.c.key).where(
        _thumbnails.c.file_id == sa.bindparam("file_id"), _thumbnails.c.width == sa.bindparam("width")
    )
)
_insert = sa.text(
    "INSERT INTO file_storage_thumbnail (file_id, width, key, original_width, original_height, created_at)"
    " VALUES (:file_id, :width, :key, :original_width, :original_height, :created_at)"
    " ON CONFLICT (file_id, width) DO NOTHING"
).bindparams(
    sa.bindparam("file_id", type_=_thumbnails.c.file_id.type),
    sa.bindparam("created_at", type_=_thumbnails.c.created_at.type),
)


def is_possible(content_type: str, size_bytes: int) -> bool:
    """Whether it is worth asking for a thumbnail of such a file."""
    return content_type in _READABLE and 0 < size_bytes <= MOST_BYTES


def forget(tx: db.Transaction, file_ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """Delete the rows of these files' thumbnails; returns the keys, whose bytes have to go.

    Only for :meth:`RemovalService.plan_files`, which sees to the bytes.
    """
    if not file_ids:
        return []
    gone = sa.delete(_thumbnails).where(_thumbnails.c.file_id.in_(file_ids))
    rows = tx.execute(gone.returning(_thumbnails.c.file_id, _thumbnails.c.key)).all()
    return [(row.file_id, row.key) for row in rows if row.key is not None]


def is_known(connection: sa.Connection, key: str) -> bool:
    """Whether a thumbnail has this key."""
    return connection.execute(sa.select(_thumbnails.c.key).where(_thumbnails.c.key == key)).first() is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A thumbnail that the caller may see, if there is one."""

    out: StoredFileOut
    place: Place
    width: int

    @property
    def tag(self) -> str:
        """Changes whenever the thumbnail would: never, as long as they are made the same way.

        By the key where the checksum is still being found out.
        """
        return f"{self.out.checksum_sha256[:32] or self.out.key}-{self.width}-1"


class ThumbnailService:
    """Finds and makes thumbnails."""

    def __init__(self, settings: SettingsService) -> None:
        """Find the bytes by the settings."""
        self._settings = settings
        self._helpers = ImageHelpers()

    def find(self, caller: Caller, file_id: UUID, width: int) -> Wanted:
        """Tell whether the caller may see this thumbnail. Nothing is read or made yet.

        Raises:
            ForbiddenError: the caller may not read files.
            NotFoundError: unknown, not theirs, in the trash of somebody who may not look there, or no such width.
        """
        caller.require(Permission.DOWNLOAD)
        if width not in WIDTHS:
            raise NotFoundError("no such width")
        with db.read() as connection:
            row = find_seen(connection, caller, file_id)
        location = (row.extra_metadata or {}).get("location") or {}
        return Wanted(as_out(row), self._settings.place_of(row.backend, location, caller.settings), width)

    def read(self, wanted: Wanted) -> bytes | None:
        """The thumbnail as WebP, made if need be; None where there is none.

        Raises:
            RateLimitedError: not now.
            StorageError: the backend failed.
        """
        if not is_possible(wanted.out.content_type, wanted.out.size_bytes):
            return None
        known, data = self._cached(wanted)
        if known:
            return data
        with self._helpers.slot((wanted.out.id, wanted.width)) as slot:
            # Whoever was here before has made it.
            known, data = self._cached(wanted)
            return data if known else self._make(wanted, slot)

    def original_size(self, file_id: UUID) -> tuple[int, int] | None:
        """Width and height of an image held upright, once a thumbnail of it was made."""
        of_file = sa.select(_thumbnails.c.original_width, _thumbnails.c.original_height).where(
            _thumbnails.c.file_id == file_id, _thumbnails.c.original_width.is_not(None)
        )
        with db.read() as connection:
            row = connection.execute(of_file.limit(1)).first()
        return None if row is None else (row.original_width, row.original_height)

    def without(self, file_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these files that are known to have no thumbnail: a list shows their icon at once."""
        broken = sa.select(_thumbnails.c.file_id).where(
            _thumbnails.c.file_id.in_(file_ids), _thumbnails.c.key.is_(None)
        )
        with db.read() as connection:
            return set(connection.execute(broken).scalars())

    def close(self) -> None:
        """End the processes that wait for images."""
        self._helpers.close()

    def _cached(self, wanted: Wanted) -> tuple[bool, bytes | None]:
        """Whether it is known what there is, and the bytes."""
        with db.read() as connection:
            row = _by_width.first(connection, file_id=wanted.out.id, width=wanted.width)
        if row is None:
            return False, None
        if row.key is None:
            return True, None
        try:
            return True, b"".join(at_most(wanted.place.backend.get(row.key), MOST_BYTES_KEPT))
        except StorageNotFoundError:
            log.warning("the bytes of a thumbnail are missing; it is made again", extra={"key": row.key})
        with db.transaction() as tx:
            tx.execute(sa.delete(_thumbnails).where(_thumbnails.c.key == row.key))
        return False, None

    def _make(self, wanted: Wanted, slot: Slot) -> bytes | None:
        small: Small | None = None
        try:
            with _opened(wanted) as file:
                small = slot.shrink(file, wanted.width)
        except RefusedImageError as exc:
            log.info("no thumbnail: %s", exc, extra={"file_id": str(wanted.out.id)})
        try:
            _keep(wanted, small)
        except StorageError:
            # A full disk keeps nobody from seeing what there is.
            log.warning("a thumbnail could not be kept", extra={"file_id": str(wanted.out.id)}, exc_info=True)
        return None if small is None else small.data


def _keep(wanted: Wanted, small: Small | None) -> None:
    """Bytes first, then the row; without a row the bytes go again."""
    if small is None:
        _write_down(wanted, None, None)
        return
    key, backend = uuid4().hex, wanted.place.backend
    backend.put(key, [small.data], content_type=CONTENT_TYPE, size=len(small.data))
    try:
        written = _write_down(wanted, key, small)
    except db.CommitOutcomeUnknownError:
        raise
    except BaseException:
        _discard(wanted.place, key)
        raise
    if not written:
        # Another process was faster: its bytes are as good as these.
        _discard(wanted.place, key)
    elif backend.supports_recovery:
        cast("Recoverable", backend).settle(key)


def _write_down(wanted: Wanted, key: str | None, small: Small | None) -> bool:
    """Write the row, unless there is one.

    Raises:
        NotFoundError: the file was purged meanwhile.
    """
    # The lock keeps a purge waiting that would not see the new row otherwise.
    lock = sa.select(files.c.seq).where(files.c.id == wanted.out.id).with_for_update(read=True, key_share=True)
    row = {
        "file_id": wanted.out.id,
        "width": wanted.width,
        "key": key,
        "original_width": small and small.original_width,
        "original_height": small and small.original_height,
        "created_at": datetime.now(UTC),
    }
    with db.transaction() as tx:
        if tx.execute(lock).first() is None:
            raise NotFoundError("purged meanwhile")
        return tx.execute(_insert, row).rowcount == 1


def _discard(place: Place, key: str) -> None:
    try:
        place.backend.delete(key)
    except Exception:
        log.exception("bytes of a thumbnail could not be removed", extra={"key": key})


@contextmanager
def _opened(wanted: Wanted) -> Iterator[BinaryIO]:
    """The original as a file of this machine, fetched if it is not one."""
    backend, key = wanted.place.backend, wanted.out.key
    try:
        if backend.supports_local_files:
            with cast("LocalFiles", backend).open_local(key) as file:
                yield file
            return
        pieces = backend.get(key, length=MOST_BYTES)
    except StorageNotFoundError as exc:
        raise StorageBackendError("the bytes of a file are missing") from exc
    with tempfile.TemporaryFile() as copy:
        for piece in at_most(pieces, wanted.out.size_bytes):
            copy.write(piece)
        copy.flush()
        yield cast("BinaryIO", copy)
