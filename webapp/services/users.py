"""Accounts: made, changed, removed. There is always an admin left who can sign in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from webapp import db
from webapp.contracts.events import UserChanged, UserCreated, UserDeleted
from webapp.db import table
from webapp.models import ApiToken, User, UserSession
from webapp.services import filenames, passwords
from webapp.services.access import ROLE_ADMIN, ROLES
from webapp.services.errors import ConflictError, NotFoundError, ValidationError

_users = table(User)
_tokens = table(ApiToken)
_sessions = table(UserSession)
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


class UserService:
    """Manages accounts. Whoever calls it has checked the permission ``admin.users``."""

    def list(self) -> list[UserOut]:
        """All accounts, by name."""
        with db.read() as connection:
            rows = connection.execute(sa.select(_users).where(_living).order_by(_users.c.username_folded))
            return [_as_out(row) for row in rows]

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
