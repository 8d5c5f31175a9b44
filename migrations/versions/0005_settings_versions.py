"""Versions of the settings, and the credentials of former places.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

from webapp.db import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "setting_version",
        sa.Column("module", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("module", name=op.f("pk_setting_version")),
    )
    op.create_table(
        "storage_place",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("backend", sa.String(32), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_place")),
    )
    op.create_index(op.f("ix_storage_place_backend"), "storage_place", ["backend"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("storage_place")
    op.drop_table("setting_version")
