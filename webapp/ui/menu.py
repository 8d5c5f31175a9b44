"""What the sidebar offers."""

from dataclasses import dataclass

from flask import g, request, url_for

from webapp.http.i18n import t
from webapp.services.access import Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """A page for whoever has the permission."""

    blueprint: str
    view: str
    icon: str
    label: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as this request shows it."""

    href: str
    icon: str
    label: str
    current: bool


ENTRIES = (
    Entry("ui_files", "browse", "files", "menu.files", Permission.DOWNLOAD),
    Entry("ui_trash", "browse", "trash-2", "menu.trash", Permission.DELETE),
)


def items() -> list[Item]:
    """The entries of whoever is asking."""
    return [
        Item(url_for(f"{e.blueprint}.{e.view}"), e.icon, t(e.label), e.blueprint == request.blueprint)
        for e in ENTRIES
        if e.permission in g.caller.permissions
    ]
