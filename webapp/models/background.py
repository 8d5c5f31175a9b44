"""Who is told of events, and the background work."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigId, UtcDateTime


class Subscriber(Base):
    """Somebody who is told of events, and how far in the log that is: a plugin or a webhook."""

    __tablename__ = "subscriber"

    name: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    position: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered: Mapped[int] = mapped_column(sa.BigInteger)
    failed: Mapped[int] = mapped_column(sa.BigInteger)
    last_delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    hung_since: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Base):
    """An event on its way to a subscriber: each one to a webhook, to plugins only what failed.

    ``state`` is ``waiting`` (until ``due_at``), ``delivered`` or ``parked``.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        sa.Index(None, "subscriber", "state", "due_at"),
        sa.Index(None, "subscriber", "seq"),
        sa.Index(None, "subscriber", "event_seq"),
        sa.Index(
            "ix_delivery_waiting",
            *("subscriber", "receiver", "ordering_key", "seq"),
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        ),
    )

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    id: Mapped[UUID] = mapped_column(sa.Uuid, unique=True)
    subscriber: Mapped[str] = mapped_column(sa.String(200))
    receiver: Mapped[str] = mapped_column(sa.String(200))
    event_seq: Mapped[int | None] = mapped_column(sa.BigInteger)
    event_id: Mapped[UUID] = mapped_column(sa.Uuid)
    name: Mapped[str] = mapped_column(sa.String(64))
    subject_id: Mapped[str | None] = mapped_column(sa.String(64))
    ordering_key: Mapped[str] = mapped_column(sa.String(64))
    """Of one key, the first that waits goes first."""
    state: Mapped[str] = mapped_column(sa.String(16))
    attempts: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    first_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[int | None] = mapped_column(sa.Integer)
    cause: Mapped[str | None] = mapped_column(sa.String(32))


class DeliveryAttempt(Base):
    """One try to deliver to a webhook."""

    __tablename__ = "delivery_attempt"

    seq: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_seq: Mapped[int] = mapped_column(sa.ForeignKey("delivery.seq", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(sa.Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ms: Mapped[int] = mapped_column(sa.Integer)
    code: Mapped[int | None] = mapped_column(sa.Integer)
    cause: Mapped[str | None] = mapped_column(sa.String(32))


class Webhook(Base):
    """An address that events are sent to. ``paused_reason`` is NULL while it is active."""

    __tablename__ = "webhook"

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    url: Mapped[str] = mapped_column(sa.Text)
    description: Mapped[str] = mapped_column(sa.String(200))
    types: Mapped[list[str]] = mapped_column(sa.JSON)
    sealed: Mapped[str] = mapped_column(sa.Text)
    paused_reason: Mapped[str | None] = mapped_column(sa.String(16))
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None] = mapped_column(sa.Uuid)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Lease(Base):
    """Something that one process of all nodes does, and until when it is that one's."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(128))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Task(Base):
    """A piece of background work, when it is due, and how it went. The queue only carries its name."""

    __tablename__ = "task"

    name: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    interval_seconds: Mapped[float] = mapped_column(sa.Float)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    holder: Mapped[str | None] = mapped_column(sa.String(128))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ms: Mapped[int | None] = mapped_column(sa.Integer)
    last_count: Mapped[int | None] = mapped_column(sa.BigInteger)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    runs: Mapped[int] = mapped_column(sa.BigInteger)
    failures: Mapped[int] = mapped_column(sa.BigInteger)


class WorkerNode(Base):
    """A background worker, and when it was last heard of."""

    __tablename__ = "worker_node"

    id: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(200))
    pid: Mapped[int] = mapped_column(sa.Integer)
    version: Mapped[str] = mapped_column(sa.String(32))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
