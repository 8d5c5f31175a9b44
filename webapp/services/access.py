"""Who may do what: roles, permissions and whoever is asking."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from webapp.contracts.errors import ConfigurationError
from webapp.contracts.plugins import PluginPermission
from webapp.services.errors import ForbiddenError

if TYPE_CHECKING:
    from webapp.services.settings import Settings


class Permission(StrEnum):
    """What a role or a token scope allows. Plugins bring others, see :class:`Permissions`."""

    UPLOAD = "file_storage.upload"
    DOWNLOAD = "file_storage.download"
    DELETE = "file_storage.delete"
    MANAGE = "file_storage.manage"
    TOKENS = "account.tokens"
    USERS = "admin.users"
    SETTINGS = "admin.settings"
    ACTIVITY = "admin.activity"
    WEBHOOKS = "admin.webhooks"
    SYSTEM = "admin.system"


ROLE_ADMIN = "admin"
ROLES = ("user", ROLE_ADMIN)
LONGEST_LABEL = 80
_CODE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who is asking, what they may, and the settings of this moment."""

    user_id: UUID
    username: str
    role: str
    permissions: frozenset[str]
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

    def require(self, permission: str) -> None:
        """Refuse callers without the permission.

        Raises:
            ForbiddenError: the role or the token's scopes lack it.
        """
        if permission not in self.permissions:
            raise ForbiddenError(f"{permission} is missing", permission=str(permission))

    @property
    def actor(self) -> dict[str, Any]:
        """The fields every event takes from whoever caused it."""
        return {"actor_id": str(self.user_id), "actor_name": self.username, "request_id": self.request_id}


class Permissions:
    """Which permissions there are, and which role has which. Modules and plugins bring them; they stay."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, PluginPermission] = {}
        self._granted: dict[str, frozenset[str]] = dict.fromkeys(ROLES, frozenset())

    def add(self, permission: PluginPermission) -> None:
        """Add one; admins have it in any case.

        Raises:
            ConfigurationError: it cannot be used, and why.
        """
        if problem := self._problem(permission):
            raise ConfigurationError(f"permission {permission!r}: {problem}")
        self._found[permission.code] = permission
        self._grant()

    def remove(self, code: str) -> None:
        """Take one back: of a plugin that failed later on."""
        self._found.pop(code, None)
        self._grant()

    def all(self) -> tuple[PluginPermission, ...]:
        """All there are: first ours, in the order of :class:`Permission`, then others as they came."""
        ours = {code.value: rank for rank, code in enumerate(Permission)}
        return tuple(sorted(self._found.values(), key=lambda each: ours.get(each.code, len(ours))))

    def codes(self) -> tuple[str, ...]:
        """What they are called, in the same order."""
        return tuple(str(each.code) for each in self.all())

    def of(self, role: str, scopes: Sequence[str] | None = None) -> frozenset[str]:
        """What a role may, cut down to the scopes of a token where there is one."""
        granted = self._granted.get(role, frozenset())
        return granted if scopes is None else frozenset(code for code in granted if code in scopes)

    def _grant(self) -> None:
        self._granted = {
            role: frozenset(code for code, each in self._found.items() if role == ROLE_ADMIN or role in each.roles)
            for role in ROLES
        }

    def _problem(self, permission: object) -> str | None:
        if not isinstance(permission, PluginPermission):
            return "no PluginPermission"
        given: tuple[object, object, object] = (permission.code, permission.label, permission.roles)
        code, label, roles = given  # a plugin may hand in anything
        if not isinstance(code, str) or len(code) > 64 or not _CODE.fullmatch(code):
            return "a code has lower-case letters, digits and underscores, with dots between them, 64 at most"
        if code in self._found:
            return "there is one of this code"
        if not isinstance(label, str) or not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
            return f"a label has 1 to {LONGEST_LABEL} printable characters"
        if not isinstance(roles, tuple) or not all(role in ROLES for role in roles):
            return "roles are a tuple of those there are"
        return None
