"""Uploads whose parts go straight to the store, and checksums that are still to be found out.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

from webapp.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "direct_upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(512), nullable=False),
        sa.Column("backend", sa.String(32), nullable=False),
        sa.Column("location", sa.JSON(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("checksum_sha256", sa.String(64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("is_aborted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_direct_upload_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_direct_upload")),
        sa.UniqueConstraint("key", name=op.f("uq_direct_upload_key")),
    )
    op.create_index(op.f("ix_direct_upload_user_id"), "direct_upload", ["user_id"])
    op.create_index(op.f("ix_direct_upload_expires_at"), "direct_upload", ["expires_at"])
    op.create_table(
        "pending_checksum",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("expected", sa.String(64), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_pending_checksum")),
    )
    op.create_index(op.f("ix_pending_checksum_due_at"), "pending_checksum", ["due_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("pending_checksum")
    op.drop_table("direct_upload")
