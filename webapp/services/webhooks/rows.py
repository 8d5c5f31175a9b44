"""Rows of webhooks, read and shown."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp.db import table
from webapp.models import Webhook
from webapp.services import outbound
from webapp.services.delivery.targets import WEBHOOK
from webapp.services.errors import NotFoundError
from webapp.services.webhooks.views import WebhookOut

webhooks = table(Webhook)


def subscriber(webhook_id: UUID) -> str:
    """Name of its row among those who are told of events."""
    return f"{WEBHOOK}{webhook_id}"


def host(url: str) -> str:
    """The host of an address; what was saved under other rules may have none."""
    try:
        return outbound.host(url)
    except ValueError:
        return ""


def one(connection: Connection, webhook_id: UUID, *, to_change: bool = False) -> Any:
    """A row; ``to_change`` it is kept from others until the end of the transaction.

    Raises:
        NotFoundError: there is none.
    """
    query = sa.select(webhooks).where(webhooks.c.id == webhook_id)
    row = connection.execute(query.with_for_update() if to_change else query).first()
    if row is None:
        raise NotFoundError("no such webhook")
    return row


def as_out(row: Any) -> WebhookOut:
    """A row as it is shown."""
    return WebhookOut(
        id=row.id,
        url=row.url,
        host=host(row.url),
        description=row.description,
        types=row.types,
        state="active" if row.paused_reason is None else "paused",
        paused_reason=row.paused_reason,
        paused_at=row.paused_at,
        failing_since=row.failing_since,
        failures=row.failures,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
