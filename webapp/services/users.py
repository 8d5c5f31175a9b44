"""Accounts: made, changed, removed. There is always an admin left who can sign in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from webapp import db
from webapp.contracts.events import SignedIn, UserChanged, UserCreated, UserDeleted
from webapp.db import EventRow, table
from webapp.models import ApiToken, Tally, User, UserSession
from webapp.services import filenames, passwords
from webapp.services.access import ROLE_ADMIN, ROLES
from webapp.services.errors import ConflictError, NotFoundError, ValidationError

_users = table(User)
_tokens = table(ApiToken)
_sessions = table(UserSession)
_tallies = table(Tally)
_events = table(EventRow)
_at = _events.c.occurred_at
_living = _users.c.deleted_at.is_(None)
_Errors = dict[str, str | tuple[str, dict[str, object]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class UserOut:
    """An account as the JSON API shows it."""

    id: UUID
    username: str = field(metadata={"help": "Unique, whatever the case."})
    role: str = field(metadata={"choices": tuple(ROLES)})
    active: bool = field(metadata={"help": "False: can neither sign in nor use tokens."})
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UserRow(UserOut):
    """An account, what it stores, and when it was last seen."""

    files: int
    """Its live files."""
    size_bytes: int
    last_seen_at: datetime | None
    """The latest sign-in, visit or use of a token, to five minutes; None for somebody who never came."""


class UserService:
    """Manages accounts. Whoever calls it has checked the permission ``admin.users``."""

    def overview(self, q: str = "", after: str = "", limit: int = 200) -> list[UserRow]:
        """Accounts by name, from the one that follows ``after``; ``q`` is part of the name, in any case.

        Ask for one more than fits on a page to learn whether there is another page.
        """
        query = sa.select(_users).where(_living, *_named(q)).order_by(_users.c.username_folded).limit(limit)
        if after:
            query = query.where(_users.c.username_folded > filenames.fold(after))
        with db.read() as connection:
            accounts = [_as_out(row) for row in connection.execute(query)]
            ids = [account.id for account in accounts]
            stored, seen = _stored_by(connection, ids), _last_seen(connection, ids)
        return [_as_row(account, stored, seen) for account in accounts]

    def count(self, q: str = "") -> int:
        """How many accounts there are with ``q`` in their name."""
        with db.read() as connection:
            query = sa.select(sa.func.count()).select_from(_users).where(_living, *_named(q))
            return connection.execute(query).scalar_one()

    def list(self, limit: int | None = None) -> list[UserOut]:
        """All accounts, or the first ``limit``, by name."""
        query = sa.select(_users).where(_living).order_by(_users.c.username_folded).limit(limit)
        with db.read() as connection:
            return [_as_out(row) for row in connection.execute(query)]

    def get(self, user_id: UUID) -> UserOut:
        """One account.

        Raises:
            NotFoundError: there is none with this id.
        """
        with db.read() as connection:
            return _as_out(_found(connection, user_id))

    def find(self, username: str) -> UserOut:
        """The account of this name.

        Raises:
            NotFoundError: there is none.
        """
        with db.read() as connection:
            wanted = filenames.fold(username)
            row = connection.execute(sa.select(_users).where(_living, _users.c.username_folded == wanted)).first()
        if row is None:
            raise NotFoundError("no such user")
        return _as_out(row)

    def is_empty(self) -> bool:
        """Whether no account was ever made."""
        with db.read() as connection:
            return connection.execute(sa.select(_users.c.id).limit(1)).first() is None

    def has_admin(self) -> bool:
        """Whether somebody can sign in who may manage the rest."""
        with db.read() as connection:
            return connection.execute(_admins).first() is not None

    def create(
        self, username: object, password: object, role: object, actor: Mapping[str, Any] | None = None
    ) -> UserOut:
        """Make an account.

        Raises:
            ValidationError: a field is wrong.
            ConflictError: the name is taken.
        """
        errors: _Errors = {}
        for name, problem in (
            ("username", _name_problem(username)),
            ("password", passwords.problem(password)),
            ("role", None if role in ROLES else "not_a_choice"),
        ):
            if problem:
                errors[name] = problem
        if errors:
            raise ValidationError(errors)
        user = UserOut(id=uuid4(), username=str(username), role=str(role), active=True, created_at=datetime.now(UTC))
        row = {
            "id": user.id,
            "username": user.username,
            "username_folded": filenames.fold(user.username),
            "password_hash": passwords.hashed(str(password)),
            "role": user.role,
            "active": True,
            "created_at": user.created_at,
        }
        try:
            with db.transaction() as tx:
                tx.execute(sa.insert(_users), row)
                tx.emit(UserCreated(user_id=str(user.id), username=user.username, role=user.role, **(actor or {})))
        except IntegrityError as exc:
            raise ConflictError("the name is taken", field="username") from exc
        return user

    def change(self, user_id: UUID, changes: Mapping[str, object], actor: Mapping[str, Any] | None = None) -> UserOut:
        """Change role, active or password. A new password or disabling signs the account out everywhere.

        Raises:
            NotFoundError: there is no such account.
            ValidationError: a field is wrong.
            ConflictError: no active admin would be left.
        """
        values = _new_values(changes)
        with db.transaction() as tx:
            _lock_admins(tx)
            before = _found(tx.connection, user_id)
            if not values:
                return _as_out(before)
            tx.execute(sa.update(_users).where(_users.c.id == user_id).values(values))
            _keep_an_admin(tx)
            if "password_hash" in values or values.get("active") is False:
                tx.execute(sa.delete(_sessions).where(_sessions.c.user_id == user_id))
            names = tuple(sorted(changes))
            tx.emit(UserChanged(user_id=str(user_id), username=before.username, names=names, **(actor or {})))
            return _as_out(_found(tx.connection, user_id))

    def delete(self, user_id: UUID, actor: Mapping[str, Any] | None = None) -> None:
        """Remove an account with its tokens and sessions. Its files stay.

        Raises:
            NotFoundError: there is no such account.
            ConflictError: no active admin would be left.
        """
        with db.transaction() as tx:
            _lock_admins(tx)
            user = _found(tx.connection, user_id)
            gone = {"deleted_at": datetime.now(UTC), "active": False, "password_hash": ""}
            tx.execute(sa.update(_users).where(_users.c.id == user_id).values(gone))
            _keep_an_admin(tx)
            tx.execute(sa.delete(_sessions).where(_sessions.c.user_id == user_id))
            tx.execute(sa.delete(_tokens).where(_tokens.c.user_id == user_id))
            tx.emit(UserDeleted(user_id=str(user_id), username=user.username, **(actor or {})))


_admins = (
    sa.select(_users.c.id)
    .where(_living, _users.c.role == ROLE_ADMIN, _users.c.active.is_(sa.true()))
    .order_by(_users.c.id)
)


def _lock_admins(tx: db.Transaction) -> None:
    """Two admins that demote each other at once must not both succeed: on PostgreSQL one waits here."""
    tx.execute(_admins.with_for_update()).all()


def _keep_an_admin(tx: db.Transaction) -> None:
    if tx.execute(_admins).first() is None:
        raise ConflictError("the last admin stays")


def _new_values(changes: Mapping[str, object]) -> dict[str, Any]:
    errors: _Errors = {name: "unknown_field" for name in changes if name not in ("role", "active", "password")}
    values: dict[str, Any] = {}
    if "role" in changes:
        values["role"] = changes["role"]
        if changes["role"] not in ROLES:
            errors["role"] = "not_a_choice"
    if "active" in changes:
        values["active"] = changes["active"]
        if not isinstance(changes["active"], bool):
            errors["active"] = "not_a_boolean"
    if "password" in changes and (problem := passwords.problem(changes["password"])):
        errors["password"] = problem
    if errors:
        raise ValidationError(errors)
    if "password" in changes:
        values["password_hash"] = passwords.hashed(str(changes["password"]))
    return values


def _name_problem(username: object) -> str | None:
    if not isinstance(username, str) or not username.strip():
        return "required"
    if len(username) > 64:
        return "too_long"
    if username != username.strip() or not username.isprintable() or "/" in username:
        return "bad_username"
    return None


def _found(connection: sa.Connection, user_id: UUID) -> Any:
    row = connection.execute(sa.select(_users).where(_users.c.id == user_id, _living)).first()
    if row is None:
        raise NotFoundError("no such user")
    return row


def _as_out(row: Any) -> UserOut:
    return UserOut(id=row.id, username=row.username, role=row.role, active=row.active, created_at=row.created_at)


# --- the overview ----------------------------------------------------------------


def _named(q: str) -> list[sa.ColumnElement[bool]]:
    return [_users.c.username_folded.contains(filenames.fold(q), autoescape=True)] if q else []


def _as_row(account: UserOut, stored: dict[UUID, tuple[int, int]], seen: dict[UUID, datetime]) -> UserRow:
    files, size_bytes = stored.get(account.id, (0, 0))
    about = {name.name: getattr(account, name.name) for name in fields(account)}
    return UserRow(**about, files=files, size_bytes=size_bytes, last_seen_at=seen.get(account.id))


def _stored_by(connection: sa.Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Live files and their bytes, from the counters."""
    owner = _tallies.c.owner
    sums = sa.select(owner, sa.func.sum(_tallies.c.files), sa.func.sum(_tallies.c.bytes))
    theirs = sa.and_(owner.in_([str(each) for each in ids]), _tallies.c.is_deleted.is_(sa.false()))
    rows = connection.execute(sums.where(theirs).group_by(owner))
    return {UUID(each): (int(files), int(size)) for each, files, size in rows}


def _last_seen(connection: sa.Connection, ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When these accounts were last seen: by their sessions, tokens, and the events of signing in."""
    seen: dict[UUID, datetime] = {}
    for of, moment in ((_sessions, _sessions.c.last_seen_at), (_tokens, _tokens.c.last_used_at)):
        latest = sa.select(of.c.user_id, sa.func.max(moment)).where(of.c.user_id.in_(ids), moment.is_not(None))
        for user_id, when in connection.execute(latest.group_by(of.c.user_id)):
            seen[user_id] = max(when, seen.get(user_id, when))
    # Signing out deletes the session: the event of signing in is what is left.
    mine = sa.and_(_events.c.actor_id.in_([str(each) for each in ids]), _events.c.name == SignedIn.__name__)
    last = sa.select(sa.func.max(_events.c.seq)).where(mine).group_by(_events.c.actor_id)
    for actor_id, when in connection.execute(sa.select(_events.c.actor_id, _at).where(_events.c.seq.in_(last))):
        seen[UUID(actor_id)] = max(when, seen.get(UUID(actor_id), when))
    return seen
