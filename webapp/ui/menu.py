"""The navigation: a registry of links, for our own pages and for those of plugins alike."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from webapp.contracts.errors import ConfigurationError
from webapp.contracts.plugins import MenuEntry
from webapp.http.i18n import t
from webapp.services.access import ROLES
from webapp.ui.addresses import own_path

SECTIONS = ("SIDEBAR",)
LONGEST_LABEL = 40
EVERYBODY = tuple(ROLES)

_AREAS = {"/settings/modules/file_storage": "/settings"}
"""Where more pages belong to an entry than those below its own."""
GROUPS = {"Content": "menu.groups.content", "Admin": "menu.groups.admin", "Account": "menu.groups.account"}


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as this request shows it. ``id`` is ``files`` and the like, or ``plugin-1`` and so on."""

    href: str
    icon: str
    label: str
    current: bool
    id: str


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one label."""

    label: str
    items: list[Item]


class Menu:
    """The links of one application. They are added at the start, and stay unless their plugin fails."""

    def __init__(self, icons: frozenset[str]) -> None:
        """Begin without entries; these are the icons there are."""
        self._icons = icons
        self._entries: list[MenuEntry] = []
        self._ours: dict[str, str] = {}
        self._others: dict[str, str] = {}
        """Ids of entries, by their address."""
        self._addresses: dict[str, str] = {}

    def add(self, entry: MenuEntry, *, ours: bool = False) -> None:
        """Add an entry; the label of one of ours is a key of the locale files.

        Raises:
            ConfigurationError: it cannot be shown, and why.
        """
        if problem := self._problem(entry):
            raise ConfigurationError(f"menu entry {entry!r}: {problem}")
        self._entries.append(entry)
        if ours:
            self._ours[entry.href] = entry.label.rpartition(".")[2]
        else:
            self._others[entry.href] = f"plugin-{len(self._others) + 1}"

    def remove(self, entry: MenuEntry) -> None:
        """Take an entry back: of a plugin that failed later on."""
        if entry in self._entries:
            self._entries.remove(entry)
            self._others.pop(entry.href, None)

    def groups(self, role: str) -> list[Group]:
        """What this role is shown, in order."""
        here = self._current()
        found: dict[str, list[Item]] = {}
        for entry in sorted(self._entries, key=lambda each: each.order):
            if role in entry.roles:
                found.setdefault(entry.group, []).append(self._item(entry, current=entry is here))
        return [Group(t(GROUPS[name]) if name in GROUPS else name, items) for name, items in found.items()]

    def _item(self, entry: MenuEntry, *, current: bool) -> Item:
        ours = self._ours.get(entry.href)
        return Item(
            self._address(entry.href),
            entry.icon,
            t(entry.label) if ours else entry.label,
            current=current,
            id=ours or self._others[entry.href],
        )

    def _current(self) -> MenuEntry | None:
        """The entry whose page, or a page below it, is looked at: the most exact one."""
        path = f"{request.path.rstrip('/')}/"
        above = [entry for entry in self._entries if path.startswith(f"{_area(entry)}/")]
        return max(above, key=lambda entry: len(_area(entry)), default=None)

    def _address(self, href: str) -> str:
        """Where ``href`` ends up: following a redirect to the same address with a slash costs a request each time."""
        if href not in self._addresses:
            self._addresses[href] = _redirected(href)
        return request.script_root + self._addresses[href]

    def _problem(self, entry: object) -> str | None:
        if not isinstance(entry, MenuEntry):
            return "no MenuEntry"
        if not all(isinstance(each, str) for each in (entry.label, entry.href, entry.icon, entry.section, entry.group)):
            return "label, href, icon, section and group are text"
        checks = {
            "label and group are 1 to 40 printable characters": _is_label(entry.label) and _is_label(entry.group),
            "href is no path of this server": own_path(entry.href, "") != "",
            "href belongs to another entry": entry.href.rstrip("/") not in (e.href.rstrip("/") for e in self._entries),
            "there is no such icon": entry.icon in self._icons,
            "there is no such section": entry.section in SECTIONS,
            "order is a whole number": type(entry.order) is int,
            "roles are a tuple of those there are": _are_roles(entry.roles),
        }
        return next((problem for problem, fine in checks.items() if not fine), None)


def register(app: Flask) -> None:
    """Give this application its menu."""
    sprite = Path(app.root_path, "static", "icons.svg").read_text(encoding="utf-8")
    app.extensions["stowage_menu"] = Menu(frozenset(re.findall(r'\bid="i-([a-z0-9-]+)"', sprite)))


def of(app: Flask) -> Menu:
    """The menu of an application."""
    return cast("Menu", app.extensions["stowage_menu"])


def groups() -> list[Group]:
    """What whoever is asking is shown; nothing where nobody knows who that is."""
    caller = g.get("caller")
    return [] if caller is None else of(current_app).groups(caller.role)


def _area(entry: MenuEntry) -> str:
    href = entry.href.rstrip("/")
    return _AREAS.get(href, href)


def _is_label(text: str) -> bool:
    return bool(text.strip()) and len(text) <= LONGEST_LABEL and text.isprintable()


def _are_roles(roles: object) -> bool:
    return isinstance(roles, tuple) and all(role in EVERYBODY for role in roles)


def _redirected(href: str) -> str:
    try:
        current_app.url_map.bind("localhost").match(urlsplit(href).path, "GET")
    except RequestRedirect as redirect:
        return urlsplit(href)._replace(path=urlsplit(redirect.new_url).path).geturl()
    except HTTPException:
        pass  # no page of ours: of a program that shares the address with us
    return href
