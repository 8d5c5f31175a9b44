"""What one account did, by kind, newest first: an index for the activity log.

Revision: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_event_actor_id_name_seq"), "event", ["actor_id", "name", "seq"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_event_actor_id_name_seq"), table_name="event")
