"""Rows that have served their time."""

from datetime import UTC, datetime

import sqlalchemy as sa

from webapp import db
from webapp.db import table
from webapp.models import IdempotencyKey, SignInFailure, UserSession
from webapp.services.uploads import IDEMPOTENCY_KEYS_LAST


def forget_expired() -> int:
    """Delete expired sessions, counters and idempotency keys; returns how many rows that were."""
    now = datetime.now(UTC)
    sessions, failures, keys = table(UserSession), table(SignInFailure), table(IdempotencyKey)
    with db.transaction() as tx:
        return sum(
            tx.execute(statement).rowcount
            for statement in (
                sa.delete(sessions).where(sessions.c.expires_at < now),
                sa.delete(failures).where(failures.c.expires_at < now),
                sa.delete(keys).where(keys.c.created_at < now - IDEMPOTENCY_KEYS_LAST),
            )
        )
