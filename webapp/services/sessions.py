"""Signed-in browsers: a random secret in a cookie, its hash in the database, gone at once when revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.contracts.events import SignedIn, UserChanged
from webapp.db import Prepared, table
from webapp.models import User, UserSession
from webapp.services import filenames, passwords
from webapp.services.access import Caller, Permissions
from webapp.services.errors import ForbiddenError, NotFoundError, UnauthenticatedError, ValidationError
from webapp.services.settings import SettingsService
from webapp.services.throttle import Throttle

LASTS = timedelta(days=14)
SEEN_PRECISION = timedelta(minutes=5)
MOST_LISTED = 100

_users = table(User)
_sessions = table(UserSession)
_by_hash = Prepared(
    sa.select(
        _sessions.c.id,
        _sessions.c.expires_at,
        _sessions.c.last_seen_at,
        _users.c.id.label("user_id"),
        _users.c.username,
        _users.c.role,
    )
    .join(_users, _users.c.id == _sessions.c.user_id)
    .where(
        _sessions.c.secret_hash == sa.bindparam("hash"), _users.c.active.is_(sa.true()), _users.c.deleted_at.is_(None)
    )
)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a sign-in comes from."""

    address: str
    user_agent: str = ""
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOut:
    """A browser somebody is signed in with."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    """To five minutes."""
    address: str
    user_agent: str
    current: bool
    """Whether it is the one that asks."""


class SessionService:
    """Signs people in and out."""

    def __init__(self, settings: SettingsService, permissions: Permissions) -> None:
        """Callers are given the settings of their moment, and what their role may."""
        self._settings = settings
        self._permissions = permissions
        self._throttle = Throttle()

    def sign_in(self, username: str, password: str, client: Client) -> str:
        """Check name and password and return the secret for the cookie.

        Raises:
            RateLimitedError: too many failures of this account or from this address.
            UnauthenticatedError: wrong name or password, or a disabled account: all alike.
        """
        folded = filenames.fold(username)[:256]
        attempt = self._throttle.begin(folded, client.address)
        with db.read() as connection:
            query = sa.select(_users).where(_users.c.username_folded == folded, _users.c.deleted_at.is_(None))
            row = connection.execute(query).first()
        known = passwords.matches(row.password_hash if row is not None and row.active else None, password)
        if row is None or not known:
            raise UnauthenticatedError("wrong name or password")
        secret = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        session = {
            "id": uuid4(),
            "secret_hash": _hashed(secret),
            "user_id": row.id,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + LASTS,
            "address": client.address[:64],
            "user_agent": client.user_agent[:255],
        }
        with db.transaction() as tx:
            # The account may have been disabled, or its password changed, while argon2 was at work.
            unchanged = sa.and_(_users.c.password_hash == row.password_hash, _users.c.active.is_(sa.true()))
            locked = sa.select(_users.c.id).where(_users.c.id == row.id, unchanged).with_for_update()
            if tx.execute(locked).first() is None:
                raise UnauthenticatedError("the account has changed")
            tx.execute(sa.insert(_sessions), session)
            attempt.succeeded(tx)
            if passwords.outdated(row.password_hash):
                renewed = {"password_hash": passwords.hashed(password)}
                tx.execute(sa.update(_users).where(_users.c.id == row.id).values(renewed))
            tx.emit(
                SignedIn(
                    user_id=str(row.id),
                    username=row.username,
                    address=client.address,
                    actor_id=str(row.id),
                    actor_name=row.username,
                    request_id=client.request_id,
                )
            )
        return secret

    def authenticate(self, secret: str, request_id: str | None = None) -> Caller:
        """Tell whose session this is.

        Raises:
            UnauthenticatedError: nobody's, expired, revoked, or of a disabled account.
        """
        now = datetime.now(UTC)
        with db.read() as connection:
            row = _by_hash.first(connection, hash=_hashed(secret))
            if row is None or row.expires_at <= now:
                raise UnauthenticatedError("no such session")
            settings = self._settings.current(connection)
        if now - row.last_seen_at > SEEN_PRECISION:
            db.best_effort(sa.update(_sessions).where(_sessions.c.id == row.id).values(last_seen_at=now))
        return Caller(
            user_id=row.user_id,
            username=row.username,
            role=row.role,
            permissions=self._permissions.of(row.role),
            settings=settings,
            request_id=request_id,
            session_id=row.id,
        )

    def sign_out(self, session_id: UUID) -> None:
        """End one session."""
        with db.transaction() as tx:
            tx.execute(sa.delete(_sessions).where(_sessions.c.id == session_id))

    def end(self, secret: str) -> None:
        """End the session of this secret, if there is one: a browser that signs in again leaves none behind."""
        with db.transaction() as tx:
            tx.execute(sa.delete(_sessions).where(_sessions.c.secret_hash == _hashed(secret)))

    def list(self, caller: Caller) -> list[SessionOut]:
        """The browsers the caller is signed in with: this one first, then by when they were last seen.

        Raises:
            ForbiddenError: the caller is a token.
        """
        _require_person(caller)
        shown = (
            _sessions.c.id,
            _sessions.c.created_at,
            _sessions.c.last_seen_at,
            _sessions.c.address,
            _sessions.c.user_agent,
        )
        current = (_sessions.c.id == caller.session_id).label("current")
        open_ones = sa.and_(_own(caller), _sessions.c.expires_at > datetime.now(UTC))
        query = sa.select(*shown, current).where(open_ones)
        query = query.order_by(current.desc(), _sessions.c.last_seen_at.desc(), _sessions.c.id).limit(MOST_LISTED)
        with db.read() as connection:
            return [SessionOut(**row) for row in connection.execute(query).mappings()]

    def end_one(self, caller: Caller, session_id: UUID) -> None:
        """End one of the caller's own sessions, be it the one that asks.

        Raises:
            ForbiddenError: the caller is a token.
            NotFoundError: the caller has no such session.
        """
        _require_person(caller)
        with db.transaction() as tx:
            if not tx.execute(sa.delete(_sessions).where(_own(caller), _sessions.c.id == session_id)).rowcount:
                raise NotFoundError("no such session")

    def end_others(self, caller: Caller) -> int:
        """End all of the caller's sessions but the one that asks; returns how many there were.

        Raises:
            ForbiddenError: the caller is a token.
        """
        _require_person(caller)
        with db.transaction() as tx:
            return tx.execute(sa.delete(_sessions).where(_others(caller))).rowcount

    def change_password(self, caller: Caller, current: str, new: str, client: Client) -> None:
        """Set the caller's own password and end all their other sessions.

        Raises:
            ForbiddenError: the caller is a token.
            RateLimitedError: too many wrong passwords.
            ValidationError: the current password is wrong or the new one does not do.
        """
        _require_person(caller)
        if problem := passwords.problem(new):
            raise ValidationError({"password": problem})
        attempt = self._throttle.begin(filenames.fold(caller.username), client.address)
        with db.read() as connection:
            row = connection.execute(sa.select(_users.c.password_hash).where(_users.c.id == caller.user_id)).one()
        if not passwords.matches(row.password_hash, current):
            raise ValidationError({"current_password": "wrong_password"})
        values = {"password_hash": passwords.hashed(new)}
        with db.transaction() as tx:
            # An admin may have reset the password or closed the account while argon2 was at work.
            same = sa.and_(_users.c.password_hash == row.password_hash, _users.c.active.is_(sa.true()))
            if not tx.execute(sa.update(_users).where(_users.c.id == caller.user_id, same).values(values)).rowcount:
                raise ValidationError({"current_password": "wrong_password"})
            attempt.succeeded(tx)
            tx.execute(sa.delete(_sessions).where(_others(caller)))
            tx.emit(
                UserChanged(user_id=str(caller.user_id), username=caller.username, names=("password",), **caller.actor)
            )


def _require_person(caller: Caller) -> None:
    """Refuse programs: a token that leaks must not lock people out, nor tell where they are."""
    if caller.session_id is None:
        raise ForbiddenError("this is for people")


def _own(caller: Caller) -> sa.ColumnElement[bool]:
    return _sessions.c.user_id == caller.user_id


def _others(caller: Caller) -> sa.ColumnElement[bool]:
    return sa.and_(_own(caller), _sessions.c.id != caller.session_id)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
