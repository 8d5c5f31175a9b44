"""Events have a place in the log; who is told of them, webhooks, and background tasks.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

from webapp.db import BigId, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Events that are there already count as told: nobody is told of them again."""
    op.drop_index("ix_event_unpublished", table_name="event")
    op.add_column("event", sa.Column("position", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        # Numbers of transactions that were rolled back are missing, and places have no gaps.
        op.execute(
            "UPDATE event SET position = place"
            " FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM event) AS numbered"
            " WHERE event.seq = numbered.seq"
        )
    op.create_index(
        "ix_event_position",
        "event",
        ["position"],
        unique=True,
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
    )
    op.create_index(
        "ix_event_unplaced",
        "event",
        ["seq"],
        sqlite_where=sa.text("position = 0"),
        postgresql_where=sa.text("position IS NULL"),
    )
    _subscribers()
    _deliveries()
    _webhooks()
    _background()


def _subscribers() -> None:
    op.create_table(
        "subscriber",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("last_delivered_at", UtcDateTime(), nullable=True),
        sa.Column("last_failed_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("hung_since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_subscriber")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )


def _deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("seq", BigId, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscriber", sa.String(200), nullable=False),
        sa.Column("receiver", sa.String(200), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("subject_id", sa.String(64), nullable=True),
        sa.Column("ordering_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("first_tried_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("cause", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_delivery")),
        sa.UniqueConstraint("id", name=op.f("uq_delivery_id")),
    )
    op.create_index(op.f("ix_delivery_subscriber_state_due_at"), "delivery", ["subscriber", "state", "due_at"])
    op.create_index(op.f("ix_delivery_subscriber_seq"), "delivery", ["subscriber", "seq"])
    op.create_index(op.f("ix_delivery_subscriber_event_seq"), "delivery", ["subscriber", "event_seq"])
    op.create_index(op.f("ix_delivery_created_at"), "delivery", ["created_at"])
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["subscriber", "receiver", "ordering_key", "seq"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "delivery_attempt",
        sa.Column("seq", BigId, nullable=False),
        sa.Column("delivery_seq", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("cause", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_seq"],
            ["delivery.seq"],
            name=op.f("fk_delivery_attempt_delivery_seq_delivery"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_delivery_attempt")),
    )
    op.create_index(op.f("ix_delivery_attempt_delivery_seq"), "delivery_attempt", ["delivery_seq"])


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("paused_reason", sa.String(16), nullable=True),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )


def _background() -> None:
    op.create_table(
        "task",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("interval_seconds", sa.Float(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("holder", sa.String(128), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=True),
        sa.Column("last_count", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", UtcDateTime(), nullable=True),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_task")),
    )
    op.create_index(op.f("ix_task_due_at"), "task", ["due_at"])
    op.create_table(
        "worker_node",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_node")),
    )


def downgrade() -> None:
    """Take back."""
    for name in ("worker_node", "task", "webhook", "delivery_attempt", "delivery", "lease", "subscriber"):
        op.drop_table(name)
    op.drop_index("ix_event_unplaced", table_name="event")
    op.drop_index("ix_event_position", table_name="event")
    with op.batch_alter_table("event") as batch:
        batch.drop_column("position")
    op.create_index(
        "ix_event_unpublished",
        "event",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
