"""Rows of stored files: how they are selected, and what they look like from outside."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from webapp.contracts.files import StoredFileOut
from webapp.db import Prepared, table
from webapp.models import StoredFile, User
from webapp.services.access import Caller, Permission
from webapp.services.errors import NotFoundError

files = table(StoredFile)
users = table(User)

_shown = (
    files.c.id,
    files.c.key,
    files.c.filename,
    files.c.content_type,
    files.c.size_bytes,
    files.c.backend,
    files.c.checksum_sha256,
    files.c.created_by,
    files.c.created_at,
    files.c.deleted_at,
    files.c.extra_metadata,
    users.c.username,
)
_joined = files.outerjoin(users, users.c.id == files.c.created_by)

select_shown = sa.select(*_shown).select_from(_joined)
"""What :func:`as_out` needs."""
_kept = (files.c.seq, files.c.family, files.c.is_deleted)
select_stored = sa.select(*_shown, *_kept).select_from(_joined)
"""That, where the bytes are and where the file is counted."""
_by_id = Prepared(select_stored.where(files.c.id == sa.bindparam("id")))


def as_out(row: Any) -> StoredFileOut:
    """Turn a row of :data:`select_shown` or :data:`select_stored` into the public shape."""
    return StoredFileOut(
        id=row.id,
        key=row.key,
        filename=row.filename,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        backend=row.backend,
        checksum_sha256=row.checksum_sha256,
        uploaded_by=None if row.created_by is None else str(row.created_by),
        uploaded_by_name=row.username,
        created_at=row.created_at,
        deleted_at=row.deleted_at,
        annotations=(row.extra_metadata or {}).get("annotations") or {},
    )


def event_fields(out: StoredFileOut) -> dict[str, Any]:
    """The fields file events share."""
    return {
        "file_id": out.id,
        "key": out.key,
        "filename": out.filename,
        "content_type": out.content_type,
        "size_bytes": out.size_bytes,
        "backend": out.backend,
        "checksum_sha256": out.checksum_sha256,
        "uploaded_by": out.uploaded_by,
    }


def visible_to(caller: Caller) -> sa.ColumnElement[bool] | None:
    """The condition that hides other people's files; None where there is none."""
    return None if caller.sees_everything else files.c.created_by == caller.user_id


def find_seen(connection: sa.Connection, caller: Caller, file_id: UUID) -> Any:
    """The row (of :data:`select_stored`) of a file the caller can see, in the trash too if they may look there.

    Raises:
        NotFoundError: there is none.
    """
    row = _by_id.first(connection, id=file_id)
    if row is None or not (caller.sees_everything or row.created_by == caller.user_id):
        raise NotFoundError("no such file, or not theirs")
    if row.is_deleted and Permission.DELETE not in caller.permissions:
        raise NotFoundError("in the trash")
    return row
