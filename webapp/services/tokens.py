"""API tokens: random, shown once, kept as a SHA-256, never more powerful than their owner.

They are 256 random bits, so a fast hash is enough: there is nothing to guess.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from webapp import db
from webapp.contracts.events import TokenCreated, TokenRevoked
from webapp.db import Prepared, table
from webapp.models import ApiToken, User
from webapp.services.access import Caller, Permission, Permissions
from webapp.services.errors import NotFoundError, UnauthenticatedError, ValidationError
from webapp.services.settings import SettingsService

PREFIX = "stw_"
PREFIX_LENGTH = 12
LAST_USE_PRECISION = timedelta(minutes=1)

_tokens = table(ApiToken)
_users = table(User)
_by_hash = Prepared(
    sa.select(
        _tokens.c.id,
        _tokens.c.scopes,
        _tokens.c.expires_at,
        _tokens.c.last_used_at,
        _users.c.id.label("user_id"),
        _users.c.username,
        _users.c.role,
    )
    .join(_users, _users.c.id == _tokens.c.user_id)
    .where(_tokens.c.token_hash == sa.bindparam("hash"), _users.c.active.is_(sa.true()), _users.c.deleted_at.is_(None))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenOut:
    """A token as the JSON API shows it."""

    id: UUID
    name: str
    scopes: list[str]
    prefix: str = field(metadata={"help": "How the token begins, to tell tokens apart."})
    expires_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None = field(metadata={"help": "To the minute."})


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCreatedOut(TokenOut):
    """A new token; the secret is shown this once."""

    token: str


class TokenService:
    """Makes, lists, revokes and recognises tokens."""

    def __init__(self, settings: SettingsService, permissions: Permissions) -> None:
        """Callers are given the settings of their moment, and what their token may."""
        self._settings = settings
        self._permissions = permissions

    def authenticate(self, token: str, request_id: str | None = None) -> Caller:
        """Tell whose token this is.

        Raises:
            UnauthenticatedError: nobody's, expired, revoked, or of a disabled account.
        """
        now = datetime.now(UTC)
        with db.read() as connection:
            row = _by_hash.first(connection, hash=_hashed(token))
            if row is None or (row.expires_at is not None and row.expires_at <= now):
                raise UnauthenticatedError("unknown or expired token")
            settings = self._settings.current(connection)
        if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
            db.best_effort(sa.update(_tokens).where(_tokens.c.id == row.id).values(last_used_at=now))
        return Caller(
            user_id=row.user_id,
            username=row.username,
            role=row.role,
            permissions=self._permissions.of(row.role, row.scopes),
            settings=settings,
            request_id=request_id,
            token_id=row.id,
            expires_at=row.expires_at,
        )

    def create(
        self, caller: Caller, name: object, scopes: object, expires_at: datetime | None = None
    ) -> TokenCreatedOut:
        """Make a token of the caller's.

        Raises:
            ForbiddenError: the caller may not make tokens.
            ValidationError: a field is wrong, or a scope is more than the caller may.
        """
        caller.require(Permission.TOKENS)
        _check(caller, name, scopes, expires_at)
        secret = PREFIX + secrets.token_urlsafe(32)
        out = TokenCreatedOut(
            id=uuid4(),
            name=str(name).strip(),
            scopes=sorted(set(scopes)),  # type: ignore[call-overload]
            prefix=secret[:PREFIX_LENGTH],
            expires_at=expires_at,
            created_at=datetime.now(UTC),
            last_used_at=None,
            token=secret,
        )
        row = {
            "id": out.id,
            "user_id": caller.user_id,
            "name": out.name,
            "prefix": out.prefix,
            "token_hash": _hashed(secret),
            "scopes": out.scopes,
            "created_at": out.created_at,
            "expires_at": expires_at,
        }
        with db.transaction() as tx:
            tx.execute(sa.insert(_tokens), row)
            tx.emit(TokenCreated(token_id=str(out.id), name=out.name, scopes=tuple(out.scopes), **caller.actor))
        return out

    def list(self, caller: Caller) -> list[TokenOut]:
        """The caller's tokens, newest first."""
        caller.require(Permission.TOKENS)
        query = sa.select(_tokens).where(_tokens.c.user_id == caller.user_id)
        with db.read() as connection:
            return [_as_out(row) for row in connection.execute(query.order_by(_tokens.c.created_at.desc()))]

    def revoke(self, caller: Caller, token_id: UUID) -> None:
        """Make one of the caller's tokens stop working at once.

        Raises:
            ForbiddenError: the caller may not manage tokens.
            NotFoundError: the caller has no such token.
        """
        caller.require(Permission.TOKENS)
        own = sa.and_(_tokens.c.id == token_id, _tokens.c.user_id == caller.user_id)
        with db.transaction() as tx:
            row = tx.execute(sa.delete(_tokens).where(own).returning(_tokens.c.name)).first()
            if row is None:
                raise NotFoundError("no such token")
            tx.emit(TokenRevoked(token_id=str(token_id), name=row.name, **caller.actor))


def _check(caller: Caller, name: object, scopes: object, expires_at: datetime | None) -> None:
    errors: dict[str, str | tuple[str, dict[str, object]]] = {}
    if not isinstance(name, str) or not name.strip():
        errors["name"] = "required"
    elif len(name) > 100 or not name.isprintable():
        errors["name"] = "too_long" if len(name) > 100 else "not_text"
    if not isinstance(scopes, (list, tuple)) or not scopes:
        errors["scopes"] = "required"
    elif not all(isinstance(scope, str) and scope in caller.permissions for scope in scopes):
        errors["scopes"] = "not_your_scope"
    if expires_at is not None and expires_at <= datetime.now(UTC):
        errors["expires_at"] = "in_the_past"
    elif caller.expires_at is not None and (expires_at is None or expires_at > caller.expires_at):
        errors["expires_at"] = "outlives_you"
    if errors:
        raise ValidationError(errors)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _as_out(row: Any) -> TokenOut:
    return TokenOut(
        id=row.id,
        name=row.name,
        scopes=row.scopes,
        prefix=row.prefix,
        expires_at=row.expires_at,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
