"""Slows down guessing, for all workers alike: the counters are rows.

A failure is counted before the password is checked and taken back after a
success, so parallel guesses cannot slip through. Three counters: the account
from one address (the usual case), the account from everywhere and the address
for all accounts (both looser, so that nobody can lock an admin out easily).
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from webapp import db
from webapp.db import table
from webapp.models import SignInFailure
from webapp.services.errors import RateLimitedError

WINDOW = timedelta(minutes=15)
MOST_PER_PAIR = 5
MOST_PER_ACCOUNT = 50
MOST_PER_ADDRESS = 50

_failures = table(SignInFailure)
_count = (
    sa.text(
        "INSERT INTO sign_in_failure (bucket, failures, expires_at) VALUES (:bucket, 1, :expires_at)"
        " ON CONFLICT (bucket) DO UPDATE SET"
        " failures = CASE WHEN sign_in_failure.expires_at <= :now THEN 1 ELSE sign_in_failure.failures + 1 END,"
        " expires_at = CASE WHEN sign_in_failure.expires_at <= :now THEN excluded.expires_at"
        " ELSE sign_in_failure.expires_at END"
        " RETURNING failures, expires_at"
    )
    .bindparams(
        sa.bindparam("expires_at", type_=_failures.c.expires_at.type),
        sa.bindparam("now", type_=_failures.c.expires_at.type),
    )
    .columns(_failures.c.failures, _failures.c.expires_at)
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is counted as failed until it has succeeded."""

    pair: str
    others: tuple[str, str]

    def succeeded(self, tx: db.Transaction) -> None:
        """Forget the failures of this account here, and this attempt elsewhere."""
        fewer = sa.update(_failures).where(_failures.c.failures > 0).values(failures=_failures.c.failures - 1)
        # In the order of begin(): row locks taken in another one would deadlock on PostgreSQL.
        for bucket in sorted((self.pair, *self.others)):
            statement = sa.delete(_failures) if bucket == self.pair else fewer
            tx.execute(statement.where(_failures.c.bucket == bucket))


class Throttle:
    """Counts sign-in attempts."""

    def begin(self, account: str, address: str) -> Attempt:
        """Count an attempt.

        Raises:
            RateLimitedError: one too many; ``retry_after`` says for how many seconds.
        """
        network = _network(address)
        attempt = Attempt(_bucket("pair", account, network), (_bucket("account", account), _bucket("address", network)))
        now = datetime.now(UTC)
        limits = dict(
            zip((attempt.pair, *attempt.others), (MOST_PER_PAIR, MOST_PER_ACCOUNT, MOST_PER_ADDRESS), strict=True)
        )
        # Refused without counting: whoever is over one limit must not use up the others, nor the disk.
        _refuse_exhausted(limits, now)
        until: datetime | None = None
        with db.transaction() as tx:
            # Always in the same order, so that parallel attempts cannot deadlock.
            for bucket, most in sorted(limits.items()):
                row = tx.execute(_count, {"bucket": bucket, "now": now, "expires_at": now + WINDOW}).one()
                if row.failures > most:
                    until = max(until or now, row.expires_at)
        if until is not None:
            raise RateLimitedError("too many sign-ins", retry_after=max(1, int((until - now).total_seconds()) + 1))
        return attempt


def _refuse_exhausted(limits: dict[str, int], now: datetime) -> None:
    kept = sa.select(_failures).where(_failures.c.bucket.in_(list(limits)), _failures.c.expires_at > now)
    with db.read() as connection:
        rows = connection.execute(kept).all()
    until = max((row.expires_at for row in rows if row.failures >= limits[row.bucket]), default=None)
    if until is not None:
        raise RateLimitedError("too many sign-ins", retry_after=max(1, int((until - now).total_seconds()) + 1))


def _bucket(*parts: str) -> str:
    """One row name per account or address; a hash, so that mistyped passwords in the name field are not kept."""
    return f"{parts[0]}:{hashlib.sha256(chr(0).join(parts[1:]).encode('utf-8', 'replace')).hexdigest()}"


def _network(address: str) -> str:
    """An IPv6 customer owns at least a /64: count that as one address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
