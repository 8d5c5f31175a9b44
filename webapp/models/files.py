"""Files, and what belongs to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigId, UtcDateTime

# Compared byte by byte everywhere, so that a cursor means the same on every database.
Folded = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class StoredFile(Base):
    """A stored file. ``seq`` orders rows by arrival; ``id`` is what the outside sees."""

    __tablename__ = "file_storage_stored_file"
    __table_args__ = (
        sa.Index(None, "is_deleted", "created_at", "seq"),
        sa.Index(None, "is_deleted", "filename_folded", "seq"),
        sa.Index(None, "is_deleted", "size_bytes", "seq"),
        # In part: an upload has no business with it.
        sa.Index(
            "ix_file_storage_stored_file_trash",
            "deleted_at",
            "seq",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
        # Pictures are named like pictures and videos are large: in an index of all files, one family may come last.
        sa.Index("ix_file_storage_stored_file_family", "is_deleted", "family", "created_at", "seq"),
        sa.Index("ix_file_storage_stored_file_family_name", "is_deleted", "family", "filename_folded", "seq"),
        sa.Index("ix_file_storage_stored_file_family_size", "is_deleted", "family", "size_bytes", "seq"),
        sa.Index("ix_file_storage_stored_file_backend", "is_deleted", "backend", "created_at", "seq"),
        sa.Index("ix_file_storage_stored_file_created_by", "created_by", "is_deleted", "created_at", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    id: Mapped[UUID] = mapped_column(sa.Uuid, unique=True)
    key: Mapped[str] = mapped_column(sa.String(512), unique=True)
    filename: Mapped[str] = mapped_column(sa.String(255))
    filename_folded: Mapped[str] = mapped_column(Folded)
    content_type: Mapped[str] = mapped_column(sa.String(128))
    # The default was needed to add the column; SQLite cannot drop it without making the table anew.
    family: Mapped[str] = mapped_column(sa.String(16), server_default="other")
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    backend: Mapped[str] = mapped_column(sa.String(32))
    checksum_sha256: Mapped[str] = mapped_column(sa.String(64))
    extra_metadata: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("user.id"))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[UUID | None] = mapped_column(sa.Uuid)
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_by: Mapped[UUID | None] = mapped_column(sa.Uuid)


class Tally(Base):
    """How many files and bytes there are by owner, backend, family and state, kept up to date with every change.

    ``slot`` spreads one counter over several rows, so that parallel uploads on
    PostgreSQL do not wait for each other's row lock.
    """

    __tablename__ = "file_storage_tally"

    owner: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    backend: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    family: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    is_deleted: Mapped[bool] = mapped_column(sa.Boolean, primary_key=True)
    slot: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    files: Mapped[int] = mapped_column(sa.BigInteger)
    bytes: Mapped[int] = mapped_column(sa.BigInteger)


class Thumbnail(Base):
    """A thumbnail of a file, or (without ``key``) that none can be made. Its bytes are in the place of the file's."""

    __tablename__ = "file_storage_thumbnail"

    file_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    width: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    key: Mapped[str | None] = mapped_column(sa.String(32), unique=True)
    original_width: Mapped[int | None] = mapped_column(sa.Integer)
    original_height: Mapped[int | None] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Base):
    """The first result of an upload that may be sent again."""

    __tablename__ = "idempotency_key"

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    result: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class DirectUpload(Base):
    """An upload whose parts go straight to the store; kept until it expires, so that completing it twice is fine.

    It ends once: with a ``file_id``, or thrown away (``is_aborted``).
    """

    __tablename__ = "direct_upload"

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(sa.String(512), unique=True)
    backend: Mapped[str] = mapped_column(sa.String(32))
    location: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    reference: Mapped[str] = mapped_column(sa.Text)
    filename: Mapped[str] = mapped_column(sa.String(255))
    content_type: Mapped[str] = mapped_column(sa.Text)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    part_size: Mapped[int] = mapped_column(sa.BigInteger)
    checksum_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    file_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    is_aborted: Mapped[bool] = mapped_column(sa.Boolean)


class PendingChecksum(Base):
    """A file whose bytes went straight to the store, and that has to be read once to know its checksum."""

    __tablename__ = "pending_checksum"

    file_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    expected: Mapped[str | None] = mapped_column(sa.String(64))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class PendingRemoval(Base):
    """Bytes whose row is gone; removed right after the commit, or later if that fails."""

    __tablename__ = "pending_removal"

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    backend: Mapped[str] = mapped_column(sa.String(32))
    location: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    key: Mapped[str] = mapped_column(sa.String(512))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
