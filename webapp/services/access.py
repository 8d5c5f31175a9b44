"""Who may do what: roles, permissions and whoever is asking."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from webapp.services.errors import ForbiddenError

if TYPE_CHECKING:
    from webapp.services.settings import Settings


class Permission(StrEnum):
    """What a role or a token scope allows."""

    UPLOAD = "file_storage.upload"
    DOWNLOAD = "file_storage.download"
    DELETE = "file_storage.delete"
    MANAGE = "file_storage.manage"
    TOKENS = "account.tokens"
    USERS = "admin.users"
    SETTINGS = "admin.settings"
    ACTIVITY = "admin.activity"


_USER = frozenset({Permission.UPLOAD, Permission.DOWNLOAD, Permission.DELETE, Permission.TOKENS})
ROLES: dict[str, frozenset[Permission]] = {"user": _USER, "admin": frozenset(Permission)}
ROLE_ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who is asking, what they may, and the settings of this moment."""

    user_id: UUID
    username: str
    role: str
    permissions: frozenset[Permission]
    settings: "Settings"
    request_id: str | None = None
    session_id: UUID | None = None
    token_id: UUID | None = None
    expires_at: datetime | None = None
    """When the token that is used ends, if it does."""

    @property
    def sees_everything(self) -> bool:
        """Whether other people's files exist for this caller."""
        return self.role == ROLE_ADMIN or self.settings.file_visibility == "all"

    def require(self, permission: Permission) -> None:
        """Refuse callers without the permission.

        Raises:
            ForbiddenError: the role or the token's scopes lack it.
        """
        if permission not in self.permissions:
            raise ForbiddenError(f"{permission} is missing", permission=permission.value)

    @property
    def actor(self) -> dict[str, Any]:
        """The fields every event takes from whoever caused it."""
        return {"actor_id": str(self.user_id), "actor_name": self.username, "request_id": self.request_id}


def permissions_of(role: str, scopes: list[str] | None) -> frozenset[Permission]:
    """What a role may, cut down to the scopes of a token where there is one."""
    granted = ROLES.get(role, frozenset())
    return granted if scopes is None else frozenset(p for p in granted if p.value in scopes)
