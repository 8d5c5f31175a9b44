"""Which thumbnails there are.

Revision: 0003
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH = 1000


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "file_storage_thumbnail",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("width", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=True),
        sa.Column("original_width", sa.Integer(), nullable=True),
        sa.Column("original_height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file_id", "width", name=op.f("pk_file_storage_thumbnail")),
        sa.UniqueConstraint("key", name=op.f("uq_file_storage_thumbnail_key")),
    )


def downgrade() -> None:
    """Take back: the bytes of the thumbnails are removed like those of deleted files."""
    files = sa.table(
        "file_storage_stored_file", *map(sa.column, ("id", "backend")), sa.column("extra_metadata", sa.JSON)
    )
    thumbnails = sa.table("file_storage_thumbnail", sa.column("file_id"), sa.column("key"))
    names = ("backend", "location", "key", "due_at")
    pending = sa.table(
        "pending_removal",
        *(sa.column(name, {"location": sa.JSON(), "due_at": sa.DateTime(timezone=True)}.get(name)) for name in names),
    )
    made = sa.select(files.c.backend, files.c.extra_metadata, thumbnails.c.key).where(
        thumbnails.c.file_id == files.c.id, thumbnails.c.key.is_not(None)
    )
    bind, now = op.get_bind(), datetime.now(UTC)
    while rows := bind.execute(made.limit(BATCH)).all():
        values = [(row.backend, (row.extra_metadata or {}).get("location") or {}, row.key, now) for row in rows]
        bind.execute(sa.insert(pending), [dict(zip(names, each, strict=True)) for each in values])
        bind.execute(sa.delete(thumbnails).where(thumbnails.c.key.in_([row.key for row in rows])))
    op.drop_table("file_storage_thumbnail")
