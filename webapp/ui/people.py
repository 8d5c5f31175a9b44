"""What the page of accounts shows, as its address says it."""

from dataclasses import dataclass
from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from webapp.contracts.plugins import PluginPermission
from webapp.http.context import services
from webapp.http.i18n import has, t
from webapp.services.access import ROLES
from webapp.ui.addresses import query_of

PER_PAGE = 50
MOST_TEXT = 64
SEARCHED_FROM = 10
"""Fewer accounts are seen at a glance."""


@dataclass(frozen=True, kw_only=True)
class PeopleState:
    """A part of the accounts, by name."""

    q: str = ""
    after: str = ""
    """The accounts that follow this name."""

    @property
    def address(self) -> str:
        """Where this is shown."""
        return url_for("ui_users.browse", q=self.q or None, after=self.after or None)

    def shown(self) -> dict[str, Any]:
        """The accounts themselves."""
        found = services().users.overview(self.q, self.after, PER_PAGE + 1)
        users, total = found[:PER_PAGE], services().users.count(self.q)
        more = PeopleState(q=self.q, after=users[-1].username).address if len(found) > PER_PAGE else ""
        return {
            "users": users,
            "total": total,
            "searchable": bool(self.q) or total > SEARCHED_FROM,
            "more": more,
            "start": PeopleState(q=self.q).address if self.after else "",
        }


def read(values: "MultiDict[str, str]") -> PeopleState:
    """Make the best of a query string."""
    return PeopleState(**{name: values.get(name, "").replace("\0", "")[:MOST_TEXT] for name in ("q", "after")})


def state_of(address: str) -> PeopleState:
    """What an address shows."""
    return read(query_of(address))


def matrix() -> list[tuple[str, str, list[bool]]]:
    """Each permission: its name, what it is, and whether each role has it."""
    permissions = services().permissions
    granted = [permissions.of(role) for role in ROLES]
    return [(str(p.code), _label(p), [p.code in codes for codes in granted]) for p in permissions.all()]


def _label(permission: PluginPermission) -> str:
    """What it is: in the language of the reader for ours, as their authors put it for others."""
    key = f"tokens.may.{permission.code}"
    return t(key) if has(key) else permission.label
