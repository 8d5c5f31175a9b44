"""Which thumbnails there are.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


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
    """Take back: the thumbnails stay where they are, and nothing knows of them any more."""
    op.drop_table("file_storage_thumbnail")
