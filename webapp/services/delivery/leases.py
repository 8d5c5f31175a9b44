"""What one process of all nodes does: it holds a lease, and renews it while it lives.

The embedded database has one node, whose workers take turns by a lock of their own:
there everything is held by whoever asks.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from webapp import db
from webapp.db import table
from webapp.models import Lease

SECONDS = 15.0
RENEW_SECONDS = 5.0

_leases = table(Lease)


def take(names: Iterable[str], holder: str) -> set[str]:
    """Take or renew these; returns those that are the holder's now, for :data:`SECONDS`."""
    wanted = sorted(names)
    if db.db.engine.dialect.name == "sqlite":
        return set(wanted)
    if not wanted:
        return set()
    with db.transaction() as tx:
        return {name for name in wanted if _taken(tx, name, holder)}


def is_held(tx: db.Transaction, name: str, holder: str) -> bool:
    """Whether it still is the holder's; it stays so until the transaction ends."""
    if tx.connection.dialect.name == "sqlite":
        return True
    mine = sa.select(_leases.c.expires_at).where(_leases.c.name == name, _leases.c.holder == holder)
    until = tx.execute(mine.with_for_update()).scalar()
    return until is not None and until > datetime.now(UTC)


def give_back(names: Iterable[str], holder: str) -> None:
    """Let others have them at once."""
    given = sorted(names)
    if given and db.db.engine.dialect.name != "sqlite":
        with db.transaction() as tx:
            tx.execute(sa.delete(_leases).where(_leases.c.name.in_(given), _leases.c.holder == holder))


def _taken(tx: db.Transaction, name: str, holder: str) -> bool:
    now = datetime.now(UTC)
    until = now + timedelta(seconds=SECONDS)
    free = sa.or_(_leases.c.holder == holder, _leases.c.expires_at < now)
    renewed = sa.update(_leases).where(_leases.c.name == name, free).values(holder=holder, expires_at=until)
    if tx.execute(renewed).rowcount:
        return True
    new = postgresql.insert(_leases).values(name=name, holder=holder, expires_at=until)
    return tx.execute(new.on_conflict_do_nothing().returning(_leases.c.name)).first() is not None
